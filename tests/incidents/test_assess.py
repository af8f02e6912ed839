"""What it really is."""

from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make


class TestAssess(OfEveryVerb):
    deed = Deed(
        "assess",
        {"verdict": "exaggerated", "scope": "team", "note": "Two seats only"},
        by="leader",
        event="assessed",
        words="Assessed: exaggerated",
        twice=200,
        again=1,
    )


def test_to_assess_is_to_take_it_up(reported: Case) -> None:
    answer = reported.do("leader", "assess", verdict="real", note="I saw it")
    assert answer["status"] == "assessing"
    assert answer["clocks"]["acknowledged"] is not None
    assert reported.last("assessed").facts["verdict"] == "real"
    assert reported.last("assessed").note.words == {"text": "I saw it"}


def test_another_type_counts_from_the_beginning_of_the_fault(reported: Case) -> None:
    began = reported.see()["clocks"]["occurred"]
    answer = reported.do("leader", "assess", verdict="real", type="application-fault")
    assert answer["type"] == "application-fault"
    assert answer["conditions"]["system-down"] == {"holds": True, "since": began}
    assert reported.row.type.slug == "application-fault"


def test_an_unknown_verdict_or_type_is_a_field_error(reported: Case) -> None:
    assert "verdict" in reported.do("leader", "assess", 400, verdict="perhaps")
    assert "type" in reported.do("leader", "assess", 400, verdict="real", type="flood-of-frogs")


def test_what_is_over_is_not_assessed(make: Make) -> None:
    assert make("false alarm").do("leader", "assess", 409, verdict="real")["code"] == "illegal"
