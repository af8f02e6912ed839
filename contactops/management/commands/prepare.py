import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Make ready to serve, in one process: migrations, translations, static files. Quick when done."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="fill an empty database with the demo organisation")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        call_command("build_translations")
        self._collect_static()
        if options["demo"]:
            call_command("seed_demo", "--if-empty")

    def _collect_static(self) -> None:
        """Hashing and compressing takes seconds, so it is done only when a file was added, changed or removed."""
        root = Path(settings.STATIC_ROOT)
        mark = root / ".sources"
        sources = _digest_of_sources()
        if mark.exists() and mark.read_text() == sources:
            return
        call_command("collectstatic", interactive=False, verbosity=0)
        mark.write_text(sources)
        self.stdout.write("static files collected")


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            facts = Path(storage.path(name)).stat()
            digest.update(f"{name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
