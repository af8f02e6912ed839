"""Rebuild an incident from its events and compare."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from incidents import trust
from incidents.models import Incident


class Command(BaseCommand):
    help = "State rebuilt from events and compared with the stored projection; exit 1 on a difference."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("ref", metavar="REF")

    def handle(self, *args: Any, **options: Any) -> None:
        pk = Incident.objects.filter(ref=options["ref"]).values_list("pk", flat=True).first()
        if pk is None:
            raise CommandError(f"There is no incident {options['ref']}.")
        with trust.held(pk) as incident:
            try:
                state = trust.replayed(incident)
            except trust.BrokenHistoryError as error:
                raise CommandError(f"{incident.ref}: {error}") from error
            if found := list(trust.differences(incident, state)):
                raise CommandError("\n".join([f"{incident.ref} differs from its replay:", *found]))
        self.stdout.write(f"{incident.ref}: {state.seq} events replayed, the stored state is the same.")
