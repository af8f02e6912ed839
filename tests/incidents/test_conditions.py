"""What holds, since when."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.helpers import Clock, steps
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make, unchanged

RUNNERS_ONLY = ("leader", "admin", "auditor")


class TestBegins(OfEveryVerb):
    deed = Deed(
        "conditions",
        {"name": "surge", "holds": True},
        event="condition",
        words="Calls surge: yes",
        not_for=RUNNERS_ONLY,
        twice=200,
    )


class TestEnds(OfEveryVerb):
    deed = Deed(
        "conditions",
        {"name": "power-off", "holds": False},
        event="condition",
        words="Power is off: no",
        not_for=RUNNERS_ONLY,
        twice=200,
    )


class TestRestored(OfEveryVerb):
    deed = Deed(
        "conditions",
        {"name": "restored", "holds": True},
        start=lambda make: make("responding"),
        event="point",
        words="Service restored: yes",
        not_for=("leader", "tech", "admin", "auditor"),
        twice=200,
    )


def test_saying_what_holds_already_changes_nothing(reported: Case) -> None:
    with unchanged():
        answer = reported.do("supervisor", "conditions", name="power-off", holds=True)
    assert answer["rev"] == reported.row.rev


def test_the_plans_clock_runs_while_it_holds(clock: Clock, make: Make) -> None:
    case = make("responding")
    case.do("supervisor", "conditions", name="power-off", holds=False)
    assert case.promise("power-5")["state"] == "superseded"
    assert case.see()["conditions"]["power-off"] == {"holds": False, "since": None}


def test_restored_asks_whether_it_is_over(responding: Case) -> None:
    answer = responding.do("supervisor", "conditions", name="restored", holds=True)
    assert {"power-cut.controlled", "power-cut.normal", "power-cut.no-effect"} <= set(steps(answer, "open"))
    assert answer["clocks"]["restored"] == answer["conditions"]["restored"]["since"]
    answer = responding.do("supervisor", "conditions", name="restored", holds=False)
    assert answer["clocks"]["restored"] is None


def test_it_can_be_said_when_it_really_was(clock: Clock, make: Make) -> None:
    case = make("responding")
    clock.forward(timedelta(minutes=4), fire=False)
    at = clock.now - timedelta(minutes=1)
    answer = case.do("supervisor", "conditions", name="contained", holds=True, at=at.isoformat())
    assert datetime.fromisoformat(answer["clocks"]["contained"]) == at


@pytest.mark.parametrize("name", ["power-off", "restored", "contained"])
def test_nothing_ends_before_the_fault_began(responding: Case, name: str) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC).isoformat()
    assert "at" in responding.do("supervisor", "conditions", 400, name=name, holds=name != "power-off", at=long_ago)


def test_not_in_the_future_and_not_unknown(reported: Case) -> None:
    ahead = (reported.row.reported_at + timedelta(minutes=5)).isoformat()
    with unchanged():
        assert "at" in reported.do("supervisor", "conditions", 400, name="power-off", holds=False, at=ahead)
        assert "name" in reported.do("supervisor", "conditions", 400, name="raining", holds=True)
        assert "holds" in reported.do("supervisor", "conditions", 400, name="power-off")


def test_what_is_over_has_no_conditions_to_set(make: Make) -> None:
    case = make("false alarm")
    assert case.do("supervisor", "conditions", 409, name="power-off", holds=False)["code"] == "illegal"


def test_a_page_says_minutes_so_the_same_minute_is_not_too_early(responding: Case) -> None:
    began = responding.row.occurred_at
    minute = began.replace(second=0, microsecond=0).isoformat()
    answer = responding.do("supervisor", "conditions", name="contained", holds=True, at=minute)
    assert datetime.fromisoformat(answer["clocks"]["contained"]) == began
