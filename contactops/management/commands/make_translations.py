from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from contactops import translations


class Command(BaseCommand):
    help = "Bring the .po files up to date with the messages in the code and the templates."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        messages = translations.extract(settings.BASE_DIR)
        for directory in settings.LOCALE_PATHS:
            for path in translations.catalogues(Path(directory)):
                translations.update(path, messages)
                todo = translations.faults(path, messages)
                self.stdout.write(f"{path.relative_to(directory)}: {len(messages)} messages, {len(todo)} to work on")
                for fault in todo:
                    self.stdout.write(fault)
