"""Who is in command."""

import pytest

from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make


class TestCommand(OfEveryVerb):
    deed = Deed(
        "command",
        {"commander": "supervisor", "deputy": "leader"},
        event="commanded",
        words="In command: Sara Hughes",
        not_for=("leader", "admin", "auditor"),
        twice=200,
        again=1,
    )


def test_it_is_handed_over(reported: Case) -> None:
    reported.do("supervisor", "command", commander="supervisor", deputy="leader")
    answer = reported.do("supervisor", "command", commander="manager")
    assert (answer["commander"], answer["deputy"]) == ("manager", None)
    assert reported.row.commander.username == "manager"


@pytest.mark.parametrize("field", ["commander", "deputy"])
@pytest.mark.parametrize("username", ["nobody", "supervisor-xian", "agent07"])
def test_only_somebody_who_can_see_it(reported: Case, field: str, username: str) -> None:
    body = {"commander": "supervisor", field: username}
    assert field in reported.do("supervisor", "command", 400, **body)


def test_nobody_commands_what_is_over(make: Make) -> None:
    assert make("false alarm").do("supervisor", "command", 409, commander="supervisor")["code"] == "illegal"
