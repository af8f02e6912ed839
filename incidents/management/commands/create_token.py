"""Print an API token, nothing else."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.authtoken.models import Token

from contactops.accounts.models import User


class Command(BaseCommand):
    help = "Print the API token of a user; made when there is none yet."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody is called “{options['username']}”.")
        token, _made = Token.objects.get_or_create(user=user)
        self.stdout.write(token.key)
