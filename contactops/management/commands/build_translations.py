from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from contactops.translations import compile_catalogues


class Command(BaseCommand):
    help = "Compile the translations that are newer than their compiled form."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        for directory in settings.LOCALE_PATHS:
            for path in compile_catalogues(Path(directory)):
                self.stdout.write(f"compiled {path.relative_to(directory)}")
