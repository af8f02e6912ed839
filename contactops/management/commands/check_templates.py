from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template import TemplateSyntaxError
from django.template.loader import get_template


class Command(BaseCommand):
    help = "Compile every template of this repository, so that a misspelt tag is found before a page is opened."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        names = sorted(set(_template_names()))
        faults = [f"{name}: {fault}" for name in names if (fault := _fault(name))]
        if faults:
            raise CommandError("\n".join(faults))
        self.stdout.write(f"{len(names)} templates compile")


def _template_names() -> list[str]:
    directories = [settings.BASE_DIR / "templates", *settings.BASE_DIR.glob("[!.]*/**/templates")]
    return [str(path.relative_to(top)) for top in directories for path in top.rglob("*.*") if path.is_file()]


def _fault(name: str) -> str:
    try:
        get_template(name)
    except (TemplateSyntaxError, UnicodeDecodeError) as error:
        return str(error)
    return ""
