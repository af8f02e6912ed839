from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from plans import yaml_io
from plans.models import PlanRevision, RevisionStatus


class Command(BaseCommand):
    help = "Writes a plan as YAML: the revision in force, else the newest, else the one given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--revision", type=int, metavar="N")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = PlanRevision.objects.filter(plan__slug=options["slug"])
        if options["revision"] is not None:
            revision = rows.filter(number=options["revision"]).first()
        else:
            revision = rows.filter(status=RevisionStatus.PUBLISHED).first() or rows.order_by("-number").first()
        if revision is None:
            raise CommandError(f"There is no such revision of “{options['slug']}”.")
        self.stdout.write(yaml_io.dump(revision.document), ending="")
