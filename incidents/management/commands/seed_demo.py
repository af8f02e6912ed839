"""The demo: organisation first, then plans, feeds with example limits, then a quiet past. Nothing live."""

import argparse
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from contactops.accounts.models import User
from incidents.demo import figures, organisation, past
from incidents.models import Incident


class Command(BaseCommand):
    help = "Fill the console with the demo organisation, the plan library and some closed incidents. Idempotent."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing where there is anybody already")
        parser.add_argument("--without-past", action="store_true", help="organisation and plans only")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["if_empty"] and User.objects.exists():
            return
        organisation.seed()
        call_command("load_plans", "--publish", by="supervisor", approved_by="manager", verbosity=0)
        figures.seed()
        if not options["without_past"] and not Incident.objects.exists():
            past.seed()
        self.stdout.write("The demo organisation is there: two sites, sixty seats, plans and a quiet past.")
