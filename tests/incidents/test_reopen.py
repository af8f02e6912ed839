"""It is not over after all."""

from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make


class TestReopen(OfEveryVerb):
    deed = Deed(
        "reopen",
        {"reason": "Dark again"},
        start=lambda make: make("resolved", level=4),
        by="manager",
        event="reopened",
        words="Reopened",
        not_for=("supervisor", "leader", "admin", "auditor"),
        twice="illegal",
    )


def test_the_response_goes_on(make: Make) -> None:
    case = make("resolved", level=4)
    answer = case.do("manager", "reopen", reason="Dark again")
    assert (answer["status"], answer["outcome"], answer["clocks"]["closed"]) == ("responding", None, None)
    assert answer["clocks"]["stood_down"] is None
    assert case.row.closed_at is None
    assert case.last("reopened").note.words == {"reason": "Dark again"}


def test_one_that_nobody_had_taken_up_can_be_reopened_too(reported: Case) -> None:
    reported.do("manager", "cancel", reason="A drill of the neighbours")
    answer = reported.do("manager", "reopen", reason="It was not")
    assert answer["status"] == "responding"
    assert answer["clocks"]["acknowledged"] is not None  # whoever reopens it has taken it up


def test_a_duplicate_is_not_reopened(make: Make) -> None:
    case, other = make("reported"), make("reported")
    case.do("supervisor", "merge", into=other.ref)
    refused = case.do("manager", "reopen", 409, reason="x")
    assert other.ref in refused["detail"]


def test_it_needs_a_reason(make: Make) -> None:
    assert "reason" in make("false alarm").do("manager", "reopen", 400)
