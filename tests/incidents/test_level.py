"""The level changes."""

from tests.helpers import steps
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make


class TestLevel(OfEveryVerb):
    deed = Deed(
        "level",
        {"level": 2, "reason": "It spreads"},
        start=lambda make: make("responding"),
        event="level_set",
        words="Level set to 2",
        not_for=("leader", "tech", "admin", "auditor"),
        twice="illegal",
    )


def test_raising_it_takes_effect_at_once_and_asks_for_a_word(responding: Case) -> None:
    answer = responding.do("supervisor", "level", level=1, reason="All dark")
    assert (answer["level"], answer["level_confirmed"]) == (1, None)
    opened = steps(answer, "open")
    assert {"house.confirm-level", "power-cut.protect-data"} <= set(opened)
    assert "power-cut.local-repair" not in opened  # of level 3, and nobody had touched it


def test_a_managers_level_is_confirmed(responding: Case) -> None:
    assert responding.do("manager", "level", level=1, reason="All dark")["level_confirmed"]["by"] == "manager"


def test_a_confirmed_level_is_taken_back_by_those_who_confirm_only(make: Make) -> None:
    case = make("responding", level=2)
    case.do("supervisor", "level", 403, level=3, reason="Not so bad")
    assert case.do("manager", "level", level=3, reason="Not so bad")["level"] == 3


def test_from_major_to_significant_too(make: Make) -> None:
    case = make("responding", level=1)
    case.do("manager", "level/confirm") if not case.see()["level_confirmed"] else None
    case.do("supervisor", "level", 403, level=2, reason="Not so bad")
    case.do("manager", "level", level=2, reason="Not so bad")
    raised = case.do("supervisor", "level", level=1, reason="Worse again")
    assert (raised["level"], raised["level_confirmed"]) == (1, None)


def test_a_supervisor_may_take_back_what_nobody_has_confirmed(unconfirmed: Case) -> None:
    assert unconfirmed.do("supervisor", "level", level=3, reason="Not so bad")["level"] == 3


def test_it_needs_a_reason(responding: Case) -> None:
    assert "reason" in responding.do("supervisor", "level", 400, level=2)
    assert "reason" in responding.do("supervisor", "level", 400, level=2, reason="   ")


def test_without_a_plan_there_is_no_level_to_change(make: Make) -> None:
    assert make("assessing").do("supervisor", "level", 409, level=2, reason="x")["code"] == "illegal"


def test_nor_is_there_one_after_reopening_what_never_had_a_plan(make: Make) -> None:
    case = make("false alarm")
    case.do("manager", "reopen", reason="It was real")
    assert case.do("manager", "level", 409, level=3, reason="x")["code"] == "illegal"
    assert case.do("supervisor", "activate", plan="power-cut", level=3)["level"] == 3


def test_the_leading_group_may_lower_what_it_has_not_confirmed(reported: Case) -> None:
    reported.do("supervisor", "activate", plan="power-cut", level=2)
    answer = reported.do("director", "level", level=3, reason="Less than it seemed")
    assert (answer["level"], answer["level_confirmed"]["by"]) == (3, "director")
