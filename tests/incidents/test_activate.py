"""A published plan comes into force."""

import pytest

from plans import services as plans
from plans.models import PlanRevision
from tests.helpers import steps
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make


class TestActivate(OfEveryVerb):
    deed = Deed(
        "activate",
        {"plan": "power-cut", "level": 3, "reason": "One circuit"},
        event="activated",
        words="Plan activated: Power cut, level 3",
        not_for=("leader", "admin", "auditor"),
        twice="illegal",
    )


def test_the_plans_steps_and_promises_are_there_at_once(reported: Case) -> None:
    answer = reported.do("supervisor", "activate", plan="power-cut", level=3)
    assert answer["status"] == "responding"
    assert answer["level"] == 3
    [activation] = answer["activations"]
    assert (activation["plan"], activation["level"], activation["until"]) == ("power-cut", 3, None)
    assert steps(answer, "open")["power-cut.phone-maintenance"]["kind"] == "call"
    assert steps(answer)["power-cut.phone-superior"]["status"] == "waiting"
    assert reported.promise("power-5")["state"] == "pending"
    assert reported.row.revision.plan.slug == "power-cut"


def test_a_supervisors_level_2_holds_at_once_and_asks_for_a_word(reported: Case) -> None:
    answer = reported.do("supervisor", "activate", plan="power-cut", level=2)
    assert (answer["level"], answer["level_confirmed"]) == (2, None)
    assert steps(answer, "open")["house.confirm-level"]["kind"] == "decision"


@pytest.mark.parametrize("username", ["manager", "director"])
def test_level_2_of_those_who_confirm_needs_no_other_word(reported: Case, username: str) -> None:
    reported.do("supervisor", "steps", title="Come to the floor", group="G-LEAD")
    answer = reported.do(username, "activate", plan="power-cut", level=2)
    assert answer["level_confirmed"]["by"] == username
    assert "house.confirm-level" not in steps(answer, "open")


def test_the_leading_group_alone_does_not_run_level_3(reported: Case) -> None:
    reported.do("supervisor", "steps", title="Come to the floor", group="G-LEAD")
    reported.do("director", "activate", 403, plan="power-cut", level=3)


def test_a_second_plan_runs_beside_the_first(responding: Case) -> None:
    answer = responding.do("supervisor", "activate", plan="application-fault", level=4)
    assert [(a["plan"], a["until"]) for a in answer["activations"]] == [
        ("power-cut", None),
        ("application-fault", None),
    ]
    assert answer["level"] == 3  # the worse one


def test_a_second_plan_can_replace_the_first(responding: Case) -> None:
    answer = responding.do("supervisor", "activate", plan="application-fault", level=4, replace=True)
    assert [a["until"] is None for a in answer["activations"]] == [False, True]
    assert answer["level"] == 4
    assert steps(answer)["power-cut.powered-seats"]["status"] == "withdrawn"


@pytest.mark.parametrize("plan", ["no-such-plan", "house"])
def test_only_a_published_response_plan_can_be_activated(reported: Case, plan: str) -> None:
    assert "plan" in reported.do("supervisor", "activate", 400, plan=plan, level=3)


def test_a_draft_cannot_be_activated(reported: Case) -> None:
    published = PlanRevision.objects.get(plan__slug="power-cut", status="published")
    plans.load({**published.document, "slug": "only-a-draft", "incident_types": []})
    assert "plan" in reported.do("supervisor", "activate", 400, plan="only-a-draft", level=3)


@pytest.mark.parametrize("level", [0, 5, -1, "two", None, 10**30])
def test_levels_are_1_to_4(reported: Case, level: object) -> None:
    assert "level" in reported.do("supervisor", "activate", 400, plan="power-cut", level=level)


def test_a_further_plan_does_not_need_the_leading_group(make: Make) -> None:
    """It takes nothing back: the worse level stays in force."""
    case = make("responding", level=2)
    assert case.see()["level_confirmed"]
    answer = case.do("supervisor", "activate", plan="application-fault", level=3)
    assert (answer["level"], len(answer["activations"])) == (2, 2)
    case.do("supervisor", "activate", 403, plan="general-emergency", level=3, replace=True)
    case.do("director", "activate", 403, plan="general-emergency", level=4)


def test_a_manager_who_activates_at_a_level_confirms_it(make: Make) -> None:
    case = make("assessing")
    case.do("supervisor", "activate", plan="power-cut", level=2)
    answer = case.do("manager", "activate", plan="application-fault", level=2)
    assert answer["level_confirmed"]["by"] == "manager"
