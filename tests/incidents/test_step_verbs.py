"""start, complete, skip, assign, block and unblock."""

from datetime import timedelta
from typing import Any

import pytest

from tests.helpers import Clock, steps
from tests.incidents.checks import Browsers, Deed, OfEveryVerb
from tests.incidents.world import Case, Make, unchanged

TASK = "power-cut.powered-seats"  # of the duty leaders
CALL = "power-cut.phone-maintenance"  # of the supervisors
THEIRS = "power-cut.local-repair"  # of technical support
NOT_THEIRS = ("tech", "admin", "auditor")


def responding(make: Make) -> Case:
    return make("responding")


def blocked(make: Make) -> Case:
    case = make("responding")
    case.do("leader", f"steps/{TASK}/block", reason="No key")
    return case


class TestStart(OfEveryVerb):
    deed = Deed(
        f"steps/{TASK}/start",
        start=responding,
        by="leader",
        event="step_started",
        words="Step started: List the seats that still have power",
        not_for=NOT_THEIRS,
        twice="illegal",
    )


class TestComplete(OfEveryVerb):
    deed = Deed(
        f"steps/{TASK}/complete",
        {"note": "Twelve of twenty"},
        start=responding,
        by="leader",
        event="step_completed",
        words="Step done: List the seats that still have power",
        not_for=NOT_THEIRS,
        twice="illegal",
    )


class TestCompleteACall(OfEveryVerb):
    deed = Deed(
        f"steps/{CALL}/complete",
        {"call": {"person": "M. Watt", "answered": True}},
        forms={"call.person": "M. Watt", "call.answered": "true"},
        start=responding,
        event="step_completed",
        words="Step done: Telephone maintenance",
        not_for=("leader", "tech", "admin", "auditor"),
        twice="illegal",
    )


class TestSkip(OfEveryVerb):
    deed = Deed(
        f"steps/{TASK}/skip",
        {"reason": "All are dark"},
        start=responding,
        by="leader",
        event="step_skipped",
        words="Step skipped: List the seats that still have power",
        not_for=NOT_THEIRS,
        twice="illegal",
    )


class TestAssign(OfEveryVerb):
    deed = Deed(
        f"steps/{TASK}/assign",
        {"person": "tech"},
        start=responding,
        by="leader",
        event="step_assigned",
        words="Step given to Tom Reid: List the seats that still have power",
        not_for=NOT_THEIRS,
        twice=200,
        again=1,
    )


class TestBlock(OfEveryVerb):
    deed = Deed(
        f"steps/{TASK}/block",
        {"reason": "No key"},
        start=responding,
        by="leader",
        event="step_blocked",
        words="Step blocked: List the seats that still have power",
        not_for=NOT_THEIRS,
        twice="illegal",
    )


class TestUnblock(OfEveryVerb):
    deed = Deed(
        f"steps/{TASK}/unblock",
        start=blocked,
        by="leader",
        event="step_unblocked",
        words="Step goes on: List the seats that still have power",
        not_for=NOT_THEIRS,
        twice="illegal",
    )


def test_a_step_goes_its_way(responding: Case) -> None:
    way: list[tuple[str, str, dict[str, Any]]] = [
        ("start", "in_progress", {}),
        ("block", "blocked", {"reason": "No key"}),
        ("unblock", "in_progress", {}),
        ("complete", "done", {"note": "Twelve"}),
    ]
    for verb, status, body in way:
        answer = responding.do("leader", f"steps/{TASK}/{verb}", **body)
        assert steps(answer)[TASK]["status"] == status
    assert steps(answer)[TASK]["done_at"] is not None
    assert steps(answer)[TASK]["allowed"] == []


def test_a_call_is_closed_by_its_record_only(responding: Case) -> None:
    assert "call" in responding.do("supervisor", f"steps/{CALL}/complete", 400)
    answer = responding.do("supervisor", f"steps/{CALL}/complete", call={"person": "M. Watt", "answered": False})
    assert steps(answer)[CALL]["status"] == "open"  # nobody answered
    assert responding.last("call_tried").note.words == {"person": "M. Watt"}


@pytest.mark.parametrize(
    "call", [{}, {"person": "M."}, {"answered": True}, {"person": "M.", "answered": True, "at": "soon"}, "yes", [], 1]
)
def test_half_a_record_is_none(responding: Case, call: object) -> None:
    with unchanged():
        assert "call" in responding.do("supervisor", f"steps/{CALL}/complete", 400, call=call)


def test_no_call_was_made_in_the_future(responding: Case) -> None:
    at = (responding.row.reported_at + timedelta(hours=1)).isoformat()
    call = {"person": "M. Watt", "answered": True, "at": at}
    assert "call" in responding.do("supervisor", f"steps/{CALL}/complete", 400, call=call)


def test_a_decision_is_closed_by_a_choice_only(unconfirmed: Case) -> None:
    where = "steps/house.confirm-level/complete"
    assert "decision" in unconfirmed.do("director", where, 400)
    assert "decision" in unconfirmed.do("director", where, 400, decision="perhaps")


def test_a_reserved_decision_is_the_leading_groups(unconfirmed: Case) -> None:
    unconfirmed.do("supervisor", "steps/house.confirm-level/complete", 403, decision="confirm")
    unconfirmed.do("supervisor", "steps/house.confirm-level/skip", 403, reason="No time")


def test_a_step_stays_open_while_its_condition_holds(responding: Case) -> None:
    refused = responding.do("supervisor", "steps/power-cut.keep-calm/complete", 409)
    assert (refused["code"], refused["open"]) == ("held", ["condition:power-off"])


def test_a_required_check_cannot_be_skipped(responding: Case) -> None:
    responding.do("supervisor", "conditions", name="restored", holds=True)
    responding.do("supervisor", "steps/power-cut.controlled/skip", 409, reason="Surely")


def test_one_that_waits_is_a_conflict_and_one_that_is_not_there_is_not_found(responding: Case) -> None:
    assert responding.do("supervisor", "steps/power-cut.phone-superior/start", 409)["code"] == "not_open"
    assert responding.do("supervisor", "steps/power-cut.no-such-step/start", 404)["code"] == "not_found"
    assert responding.do("supervisor", f"steps/{TASK}/dance", 404)["code"] == "not_found"


def test_ones_own_steps_and_no_others(responding: Case) -> None:
    responding.do("tech", f"steps/{THEIRS}/start")
    responding.do("tech", f"steps/{TASK}/start", 403)
    responding.do("leader", f"steps/{TASK}/assign", person="tech")
    assert "tech" in responding.letter_to("tech").recipient.username
    responding.do("tech", f"steps/{TASK}/start")  # it is theirs now


@pytest.mark.parametrize("person", ["nobody", "agent07", "supervisor-xian", "press"])
def test_work_is_given_to_those_who_can_see_it(responding: Case, person: str) -> None:
    assert "person" in responding.do("leader", f"steps/{TASK}/assign", 400, person=person)


@pytest.mark.parametrize(("verb", "field"), [("skip", "reason"), ("block", "reason"), ("assign", "person")])
def test_what_a_verb_must_be_told(responding: Case, verb: str, field: str) -> None:
    assert field in responding.do("leader", f"steps/{TASK}/{verb}", 400)


def test_a_closed_incident_has_no_steps_to_do(make: Make) -> None:
    case = make("resolved", level=4)
    assert case.do("leader", f"steps/{TASK}/start", 409)["code"] == "illegal"


@pytest.mark.parametrize("verb", ["assign", "block", "complete", "skip"])
def test_nor_is_it_taken_away_from_them(unconfirmed: Case, verb: str) -> None:
    """Given to themselves or blocked, its five minutes would run out unheard."""
    where = f"steps/house.confirm-level/{verb}"
    with unchanged():
        unconfirmed.do("supervisor", where, 403, person="supervisor", reason="Later", decision="confirm")
    due = unconfirmed.promise("due-confirm-level")["id"]
    with unchanged():
        unconfirmed.do("supervisor", f"promises/{due}/extend", 403, by="P364D", reason="Later")
    unconfirmed.do("manager", f"promises/{due}/extend", by="PT5M", reason="They are in the lift")


def test_a_limit_is_not_skipped_nor_offered_to_be(clock: Clock, make: Make, browser_as: Browsers) -> None:
    responding = make("responding")
    clock.forward(timedelta(minutes=6))
    step = responding.step("power-cut.phone-superior")
    assert "complete" in step["allowed"]
    assert "skip" not in step["allowed"]
    with unchanged():
        responding.do("manager", "steps/power-cut.phone-superior/skip", 409, reason="No time")
        responding.do("manager", "steps/power-cut.keep-calm/skip", 409, reason="They are calm")
    page = browser_as("manager").get(f"/incidents/{responding.ref}/").content.decode()
    assert f"/incidents/{responding.ref}/steps/power-cut.phone-superior/complete/" in page
    assert f"/incidents/{responding.ref}/steps/power-cut.phone-superior/skip/" not in page


@pytest.mark.parametrize("person", ["admin", "auditor"])
def test_work_is_not_given_to_those_who_have_no_part_in_incidents(responding: Case, person: str) -> None:
    with unchanged():
        assert "person" in responding.do("leader", f"steps/{TASK}/assign", 400, person=person)
        assert "commander" in responding.do("supervisor", "command", 400, commander=person)


def test_no_call_was_made_before_it_began(responding: Case) -> None:
    call = {"person": "M. Watt", "answered": True, "at": "2001-01-01T00:00:00Z"}
    assert "call" in responding.do("supervisor", f"steps/{CALL}/complete", 400, call=call)
