"""A live incident that plays by itself in a few minutes, for trying the console."""

import argparse
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from contactops.accounts.models import User
from incidents.demo.live import STORIES, Player


class Command(BaseCommand):
    help = "Play a live incident with the people of the demo organisation. Open the board while it plays."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("story", choices=sorted(STORIES))
        parser.add_argument(
            "--pace", type=float, default=1.0, help="0.5 plays twice as fast; plan clocks keep their pace"
        )
        parser.add_argument("--until", type=float, help="stop so many seconds into the story and leave it open")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["pace"] <= 10:
            raise CommandError("--pace must be above 0 and at most 10.")
        wanted = STORIES[options["story"]].people
        if missing := wanted - set(User.objects.filter(username__in=wanted).values_list("username", flat=True)):
            raise CommandError(f"The demo organisation is not here (no {min(missing)}). Run manage.py seed_demo first.")
        player = Player(options["story"], self._say, options["pace"])
        incident = player.play(options["until"])
        self._say(f"\n{settings.PUBLIC_URL}/incidents/{incident.ref}/")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
