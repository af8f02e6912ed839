"""Dry run of a plan on a fake clock: one line per happening."""

import argparse
import json
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError

from contactops.errors import DomainError, Invalid
from incidents import rehearsing
from plans.durations import milliseconds


class Command(BaseCommand):
    help = "Play a published plan by a script (a YAML list of {at, do, ...}) and print what happens when, to whom."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--script", required=True, type=Path)
        parser.add_argument("--until", default="PT2H", help="an ISO 8601 duration, PT2H by default")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            script = yaml.safe_load(options["script"].read_text())
            until = milliseconds(options["until"])
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
            raise CommandError(f"{options['script']}: {error}") from error
        if not isinstance(script, list):
            raise CommandError(f"{options['script']}: a script is a list of {{at: PT0S, do: report, ...}}")
        try:
            happenings = rehearsing.play(options["slug"], script, until)
        except Invalid as error:
            raise CommandError(f"{options['script']}: {error.detail}") from error
        except DomainError as error:
            raise CommandError(error.detail) from error
        for one in happenings:
            self.stdout.write(self._line(one, as_json=options["json"]))

    def _line(self, one: rehearsing.Happening, *, as_json: bool) -> str:
        when = rehearsing.offset(one.offset)
        if as_json:
            fields = {"offset": when, "kind": one.kind, "who": one.who, "what": one.what}
            return json.dumps(fields, ensure_ascii=False)
        return f"{when:>9}  {one.kind:<20} {one.who:<18} {one.what}"
