"""Calling the contacts of a topic, whoever answers, and handing it over."""

from datetime import timedelta

import pytest

from contactops.accounts.models import User
from incidents.models import Notification
from tests.helpers import Clock
from tests.incidents.checks import Browsers, Deed, OfEveryVerb
from tests.incidents.world import Case, Make

MINUTE = timedelta(minutes=1)

BUILDING = "power-cut.topic-building"  # technical support, then logistics, then the supervisors


class TestCallOut(OfEveryVerb):
    deed = Deed(
        "call-out",
        {"ladder": BUILDING},
        start=lambda make: make("responding"),
        event="called_out",
        words="Called: Tom Reid (Power and building)",
        not_for=("leader", "tech", "admin", "auditor"),
        twice="calling",
    )


class TestHandOver(OfEveryVerb):
    deed = Deed(
        "hand-over",
        {"ladder": BUILDING, "person": "leader"},
        start=lambda make: called(make("responding")),
        event="handed_over",
        words="is called (Power and building)",
        not_for=("admin", "auditor"),
        twice=200,
        again=1,
    )


def called(case: Case) -> Case:
    case.do("supervisor", "call-out", ladder=BUILDING)
    return case


@pytest.fixture
def calling(make: Make) -> Case:
    return called(make("responding"))


def asked(case: Case) -> list[str]:
    """Who has been called, in order."""
    rows = Notification.objects.filter(incident__ref=case.ref, ladder=BUILDING, channel="console").order_by("pk")
    return list(rows.values_list("recipient__username", flat=True))


def waiting(case: Case) -> list[str]:
    """On which channels a call still waits to be sent."""
    rows = Notification.objects.filter(incident__ref=case.ref, state="queued").exclude(ladder="")
    return sorted(rows.values_list("recipient__username", flat=True))


def test_one_after_the_other_and_then_the_owner_of_the_plan(clock: Clock, calling: Case) -> None:
    assert asked(calling) == ["tech"]
    clock.forward(2 * MINUTE)
    assert asked(calling) == ["tech", "logistics"]
    clock.forward(2 * MINUTE)
    assert asked(calling) == ["tech", "logistics", "supervisor"]
    clock.forward(30 * MINUTE)
    assert len(asked(calling)) == 3


def test_an_answer_stops_every_call_that_waits(clock: Clock, calling: Case) -> None:
    clock.forward(2 * MINUTE)
    assert waiting(calling) == ["logistics", "tech"]
    letter = calling.letter_to("tech")
    calling.api("tech").post(f"notifications/{letter.pk}/acknowledge/")
    assert waiting(calling) == []
    assert calling.row.facts.callouts[BUILDING].holder == f"user:{letter.recipient_id}"
    clock.forward(10 * MINUTE)
    assert asked(calling) == ["tech", "logistics"]


def test_an_answer_runs_out_when_nothing_moves(clock: Clock, calling: Case) -> None:
    calling.api("tech").post(f"notifications/{calling.letter_to('tech').pk}/acknowledge/")
    clock.forward(31 * MINUTE)
    assert asked(calling) == ["tech", "logistics"]


def test_a_no_with_its_reason_asks_the_next_at_once(calling: Case) -> None:
    letter = calling.letter_to("tech")
    calling.api("tech").post(f"notifications/{letter.pk}/decline/", {"reason": "On leave"})
    assert asked(calling) == ["tech", "logistics"]
    assert calling.last("contact_failed").note.text == "On leave"


def test_nobody_on_duty_goes_on_at_once_and_says_so(make: Make) -> None:
    User.objects.filter(username="tech").update(is_active=False)
    case = called(make("responding"))
    assert asked(case) == ["logistics"]
    assert case.last("contact_absent").facts["group"] == "G-TECH"
    assert "G-TECH" in str(case.letter_to("logistics").items)
    texts = [line["text"] for line in case.see("timeline/")]
    assert "Nobody on duty in Maintenance: the next contact is asked (Power and building)" in texts


def test_nobody_anywhere_still_reaches_somebody(make: Make) -> None:
    case = make("responding")
    User.objects.filter(username__in=["tech", "logistics", "supervisor"]).update(is_active=False)
    case.do("manager", "call-out", ladder=BUILDING)
    assert set(asked(case)) == {"director", "manager"}


def test_handed_over_the_next_person_is_called(clock: Clock, calling: Case) -> None:
    calling.api("tech").post(f"notifications/{calling.letter_to('tech').pk}/acknowledge/")
    calling.do("tech", "hand-over", ladder=BUILDING, person="leader", note="I am in the lift")
    assert asked(calling) == ["tech", "leader"]
    assert calling.last("handed_over").note.text == "I am in the lift"
    clock.forward(2 * MINUTE)
    assert asked(calling) == ["tech", "leader", "logistics"]


def test_nobody_hands_over_what_somebody_else_has(calling: Case) -> None:
    assert calling.do("leader", "hand-over", 409, ladder=BUILDING, person="supervisor")["code"] == "not_yours"


@pytest.mark.parametrize("person", ["nobody", "agent07", "admin", "supervisor-xian"])
def test_only_to_somebody_who_can_do_something(calling: Case, person: str) -> None:
    assert "person" in calling.do("supervisor", "hand-over", 400, ladder=BUILDING, person=person)


@pytest.mark.parametrize("ladder", ["power-cut.topic-moon", "inbound-surge.partner", "x", "<b>.x", "."])
def test_what_no_active_plan_calls(make: Make, ladder: str) -> None:
    assert "ladder" in make("responding").do("supervisor", "call-out", 400, ladder=ladder)


def test_the_room_says_who_is_called_and_who_has_it(calling: Case, browser_as: Browsers) -> None:
    page = browser_as("supervisor").get(f"/incidents/{calling.ref}/").content.decode()
    assert "Being called:" in page
    calling.api("tech").post(f"notifications/{calling.letter_to('tech').pk}/acknowledge/")
    page = browser_as("supervisor").get(f"/incidents/{calling.ref}/").content.decode()
    assert "has it since" in page


def test_closing_ends_every_call(calling: Case) -> None:
    calling.do("manager", "cancel", reason="A mistake")
    assert waiting(calling) == []


class TestADrill:
    @pytest.fixture
    def drill(self, make: Make) -> Case:
        case = make("reported", incident_type="power-cut", kind="drill", participants=["supervisor", "logistics"])
        case.do("supervisor", "activate", plan="power-cut", level=3)
        return called(case)

    def test_calls_its_participants_only(self, drill: Case) -> None:
        assert asked(drill) == ["logistics"]  # technical support does not take part

    def test_is_handed_over_inside_only(self, drill: Case) -> None:
        assert "person" in drill.do("supervisor", "hand-over", 400, ladder=BUILDING, person="leader")
