"""The worked examples W1, W1b, W1c, W3's clocks, W3b and W3c on a clock that stands still between two acts."""

from collections.abc import Callable

import pytest
from django.core.management import call_command

from tests.helpers import Api, Clock
from tests.stories.stories import STORIES


class InProcess:
    """A stage inside the test: the API through the test client, promises fired as the clock passes them."""

    def __init__(self, api: Callable[[str], Api], clock: Clock) -> None:
        self.api, self.clock = api, clock

    def to(self, time: str) -> None:
        self.clock.to(self.clock.at(time))

    def iso(self, time: str) -> str:
        return self.clock.at(time).isoformat().replace("+00:00", "Z")

    def restart(self) -> None:
        """Nothing is kept in the process: the next request reads it all from the database."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_story(story: Callable[[InProcess], str], api: Callable[[str], Api], clock: Clock) -> None:
    ref = story(InProcess(api, clock))
    call_command("verify_timeline", ref)
    call_command("replay", ref)
