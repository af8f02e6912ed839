#!/usr/bin/env python
"""Run a management command; without DATABASE_URL it uses, or becomes, the owner of the embedded database."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contactops.settings")
    from contactops import embedded

    with embedded.database_for_command(sys.argv):
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
