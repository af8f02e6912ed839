"""Somebody has taken it up."""

from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make


class TestAcknowledge(OfEveryVerb):
    deed = Deed("acknowledge", by="leader", event="acknowledged", words="Acknowledged", twice="illegal")


def test_it_is_being_assessed_from_then_on(reported: Case) -> None:
    answer = reported.do("leader", "acknowledge")
    assert answer["status"] == "assessing"
    assert answer["clocks"]["acknowledged"] is not None
    assert "acknowledge" not in answer["allowed"]
    assert reported.row.acknowledged_at == reported.last("acknowledged").occurred_at


def test_the_promise_that_somebody_answers_is_no_longer_pending(reported: Case) -> None:
    assert reported.promise("silence")["state"] == "pending"
    reported.do("leader", "acknowledge")
    assert reported.promise("silence")["state"] == "superseded"


def test_what_is_over_cannot_be_taken_up(make: Make) -> None:
    case = make("false alarm")
    assert case.do("leader", "acknowledge", 409)["code"] == "illegal"
