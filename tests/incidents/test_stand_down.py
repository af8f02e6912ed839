"""The response ends."""

import pytest

from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make, unchanged


class TestStandDown(OfEveryVerb):
    deed = Deed(
        "stand-down",
        {"reason": "Under control"},
        start=lambda make: make("ready", level=4),
        event="stood_down",
        words="Stood down",
        not_for=("leader", "admin", "auditor"),
        twice="illegal",
    )


def test_its_clocks_stop(make: Make) -> None:
    case = make("ready", level=4)
    answer = case.do("supervisor", "stand-down", reason="Over")
    assert answer["clocks"]["stood_down"] is not None
    assert answer["status"] == "responding"
    assert "stand-down" not in answer["allowed"]


def test_not_while_a_required_check_is_open(responding: Case) -> None:
    with unchanged():
        refused = responding.do("supervisor", "stand-down", 409, reason="Over")
    assert refused["code"] == "open"
    assert refused["open"] == ["power-cut.controlled", "power-cut.normal", "power-cut.no-effect"]


@pytest.mark.parametrize("username", ["director", "manager"])
def test_levels_1_and_2_are_stood_down_by_those_who_confirm_them(make: Make, username: str) -> None:
    case = make("ready", level=2)
    case.do("supervisor", "steps", title="Come to the floor", group="G-LEAD")
    case.do("supervisor", "stand-down", 403, reason="Over")
    case.do(username, "stand-down", reason="Over")


def test_when_it_begins_again_the_response_is_on_again(make: Make) -> None:
    case = make("stood down", level=4)
    answer = case.do("supervisor", "conditions", name="power-off", holds=True)
    assert case.last("stand_down_withdrawn").source == "system"
    assert answer["clocks"]["stood_down"] is None
    assert "stand-down" in answer["allowed"]


def test_without_a_plan_there_is_nothing_to_stand_down(assessing: Case) -> None:
    assert assessing.do("supervisor", "stand-down", 409, reason="x")["code"] == "illegal"
