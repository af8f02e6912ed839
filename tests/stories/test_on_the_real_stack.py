"""The worked examples over HTTP against running processes: web, worker and database as `make run` starts them, the
database's clock moved by the test, every process killed outright in the middle of the story and started again."""

from collections.abc import Callable, Iterator

import pytest

from tests.ops.console import console, python
from tests.stories.real import RealStack
from tests.stories.stories import STORIES

pytestmark = [pytest.mark.long, pytest.mark.timeout(600), pytest.mark.xdist_group("stack")]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStack]:
    with console(tmp_path_factory.mktemp("stack") / "data") as running:
        stage = RealStack(running)
        running.start()
        yield stage


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_story(story: Callable[[RealStack], str], stack: RealStack) -> None:
    stack.begin()
    ref = story(stack)
    for command in ("verify_timeline", "replay"):
        answer = python("manage.py", command, ref, directory=stack.running.directory)
        assert answer.returncode == 0, answer.stderr
