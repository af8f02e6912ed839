"""The incident ends."""

from datetime import timedelta

import pytest

from tests.helpers import Clock
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make, unchanged


class TestClose(OfEveryVerb):
    deed = Deed(
        "close",
        {"outcome": "false-alarm", "cause": "A lamp test", "summary": "Nothing was lost"},
        start=lambda make: make("assessing"),
        event="closed",
        words="Closed: false alarm",
        not_for=("leader", "admin", "auditor"),
        twice="illegal",
    )


def test_resolved_when_everything_is_done(make: Make) -> None:
    case = make("stood down", level=4)
    answer = case.do("supervisor", "close", outcome="resolved", cause="A breaker", summary="UPS held")
    assert (answer["status"], answer["outcome"]) == ("closed", "resolved")
    assert answer["clocks"]["closed"] is not None
    assert answer["commander"] is None
    assert not [row for row in case.see("promises/") if row["state"] == "pending"]
    assert {"reopen", "notes"} >= set(answer["allowed"])


def test_whoever_may_stand_down_does_both_at_once(make: Make) -> None:
    case = make("ready", level=4)
    case.do("supervisor", "close", outcome="resolved")
    assert [event.kind for event in case.events()][-2:] == ["stood_down", "closed"]


def test_whoever_may_not_must_wait_for_the_stand_down(make: Make) -> None:
    case = make("ready", level=2)
    assert case.do("supervisor", "close", 409, outcome="resolved")["open"] == ["stand-down"]
    case.do("manager", "stand-down", reason="Over")
    case.do("supervisor", "close", outcome="resolved")


def test_not_while_something_is_open_and_it_says_what(responding: Case) -> None:
    with unchanged():
        refused = responding.do("manager", "close", 409, outcome="resolved")
    assert refused["code"] == "open"
    assert {"power-cut.phone-maintenance", "power-cut.controlled"} <= set(refused["open"])


def test_not_before_somebody_has_looked(reported: Case) -> None:
    assert reported.do("supervisor", "close", 409, outcome="false-alarm")["code"] == "illegal"


def test_the_reporter_is_told(make: Make) -> None:
    case = make("false alarm")
    assert case.api("agent03").get(f"reports/{case.report_id}/")["outcome"] == "false-alarm"
    assert case.letter_to("agent03").items[0]["kind"] == "closed"


@pytest.mark.parametrize("outcome", ["duplicate", "cancelled", "", None, "fine", 1])
def test_only_these_two_outcomes(assessing: Case, outcome: object) -> None:
    assert "outcome" in assessing.do("supervisor", "close", 400, outcome=outcome)


def test_each_thing_in_the_way_is_named_once_in_the_order_in_which_it_came(clock: Clock, make: Make) -> None:
    case = make("responding")
    clock.forward(timedelta(minutes=6))
    case.do("supervisor", "conditions", name="power-off", holds=False)
    still = case.do("manager", "close", 409, outcome="resolved")["open"]
    assert len(still) == len(set(still))
    opened = [step["opened_at"] for key in still for step in case.see()["steps"] if step["key"] == key]
    mandatory = [at for at in opened if at]
    assert mandatory == sorted(mandatory)
