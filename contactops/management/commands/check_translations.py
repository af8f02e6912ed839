from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from contactops import translations
from plans import library_files


class Command(BaseCommand):
    help = "Fail, with every fault named, unless all that people read is there in every language. Needs no database."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        messages = translations.extract(settings.BASE_DIR)
        catalogues = [path for folder in settings.LOCALE_PATHS for path in translations.catalogues(Path(folder))]
        found = [f"{path.parts[-3]}: {fault}" for path in catalogues for fault in translations.faults(path, messages)]
        plans = library_files.files()
        found += [
            f"{path.name}: {fault}" for path in plans for fault in translations.half_said(library_files.read(path))
        ]
        if found:
            raise CommandError("\n".join([*found, "Write what is missing after: make messages"]))
        self.stdout.write(f"{len(messages)} messages and {len(plans)} plans speak every language")
