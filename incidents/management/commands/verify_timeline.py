"""Check hash chains, head hashes and replay."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from incidents import trust
from incidents.models import Incident


class Command(BaseCommand):
    help = "Verify the history of some incidents, or of all; exit 1 naming the first bad event."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("refs", nargs="*", metavar="REF")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Incident.objects.order_by("pk")
        if options["refs"]:
            rows = rows.filter(ref__in=options["refs"])
            if missing := sorted(set(options["refs"]) - set(rows.values_list("ref", flat=True))):
                raise CommandError(f"There is no incident {missing[0]}.")
        checked = 0
        for pk in rows.values_list("pk", flat=True):
            with trust.held(pk) as incident:
                for fault in trust.faults(incident):
                    raise CommandError(f"{incident.ref}: {fault}")
            checked += 1
        self.stdout.write(f"{checked} incidents verified: chains, heads and replay hold.")
