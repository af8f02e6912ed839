"""The leading group's word on level 1 or 2."""

import pytest

from tests.helpers import steps
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make


def unconfirmed_level_2(make: Make) -> Case:
    case = make("assessing")
    case.do("supervisor", "activate", plan="power-cut", level=2)
    return case


class TestConfirm(OfEveryVerb):
    deed = Deed(
        "level/confirm",
        start=unconfirmed_level_2,
        by="director",
        event="level_confirmed",
        words="Level confirmed",
        not_for=("supervisor", "leader", "admin", "auditor"),
        twice="illegal",
    )


@pytest.mark.parametrize("username", ["director", "manager"])
def test_it_says_by_whom_and_ends_the_question(unconfirmed: Case, username: str) -> None:
    answer = unconfirmed.do(username, "level/confirm")
    assert answer["level_confirmed"]["by"] == username
    assert steps(answer)["house.confirm-level"]["status"] == "done"
    assert unconfirmed.last("step_completed").facts["decision"] == "confirm"


def test_deciding_the_step_is_the_same(unconfirmed: Case) -> None:
    answer = unconfirmed.do("director", "steps/house.confirm-level/complete", decision="confirm")
    assert answer["level_confirmed"]["by"] == "director"


def test_the_leading_group_can_lower_it_instead(unconfirmed: Case) -> None:
    answer = unconfirmed.do("director", "steps/house.confirm-level/complete", decision="lower", note="One circuit")
    assert answer["level"] == 3


def test_level_3_asks_for_no_word(responding: Case) -> None:
    assert responding.do("manager", "level/confirm", 409)["code"] == "illegal"


def test_without_a_level_there_is_nothing_to_confirm(make: Make) -> None:
    case = make("false alarm")
    case.do("manager", "reopen", reason="It was real")
    assert case.do("manager", "level/confirm", 409)["code"] == "illegal"
