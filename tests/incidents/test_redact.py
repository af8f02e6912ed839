"""Words are removed for good; the chain still holds."""

from typing import Any

import pytest
from django.core.management import call_command

from tests.helpers import steps
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make, tables_that_hold

SECRET = "4929-1234-5678-9012"


class TestRedact(OfEveryVerb):
    deed = Deed(
        "redact",
        {"seq": 1, "reason": "A customer's name"},
        by="manager",
        event="redacted",
        words="Text of entry 1 redacted",
        not_for=("supervisor", "leader", "admin", "auditor"),
        twice="redacted",
    )


@pytest.mark.parametrize(
    ("kind", "username", "verb", "body"),
    [
        ("note", "leader", "notes", {"text": SECRET}),
        ("assessed", "leader", "assess", {"verdict": "real", "note": SECRET}),
        ("activated", "supervisor", "activate", {"plan": "power-cut", "level": 3, "reason": SECRET}),
        ("step_opened", "supervisor", "steps", {"title": SECRET, "group": "G-LOG"}),
        ("updated", "supervisor", "updates", {"audience": "agents", "text": SECRET}),
        ("cancelled", "manager", "cancel", {"reason": SECRET}),
    ],
)
def test_the_words_are_nowhere_any_more(make: Make, kind: str, username: str, verb: str, body: dict[str, Any]) -> None:
    case = make("reported")
    case.do(username, verb, **body)
    assert tables_that_hold(SECRET)
    seq = next(event.seq for event in reversed(case.events(kind)) if event.note)
    case.do("manager", "redact", seq=seq, reason="A card number")
    assert tables_that_hold(SECRET) == []
    line = case.see("timeline/")[seq - 1]
    assert line["redacted"]
    assert SECRET not in line["text"]
    call_command("verify_timeline", case.ref)


def test_so_are_those_of_a_report_and_of_its_title(make: Make) -> None:
    case = make("reported", summary=f"Card {SECRET}", details=f"It is {SECRET}")
    answer = case.do("manager", "redact", seq=1, reason="A card number")
    assert tables_that_hold(SECRET) == []
    assert SECRET not in answer["title"]


def test_nor_do_they_stay_in_an_answer_that_was_kept(make: Make) -> None:
    case = make("reported", summary=f"Card {SECRET}")
    case.api("leader").post(f"incidents/{case.ref}/acknowledge/", {}, key="one")
    case.do("manager", "redact", seq=1, reason="A card number")
    assert tables_that_hold(SECRET) == []
    again = case.api("leader").post(f"incidents/{case.ref}/acknowledge/", {}, key="one")
    assert again == {"ref": case.ref}  # it was done, and is not done again
    assert len(case.events("acknowledged")) == 1


def test_a_step_has_no_title_then(reported: Case) -> None:
    reported.do("supervisor", "steps", title=SECRET, group="G-LOG")
    seq = reported.last("step_opened").seq
    answer = reported.do("manager", "redact", seq=seq, reason="A card number")
    assert steps(answer)["house.adhoc-1"]["title"] == "Redacted"


@pytest.mark.parametrize("seq", [2, 999, 10**30])
def test_an_entry_without_words(reported: Case, seq: int) -> None:
    assert reported.do("manager", "redact", 404, seq=seq, reason="x")["code"] == "not_found"


def test_what_is_over_can_still_be_redacted(make: Make) -> None:
    case = make("false alarm")
    case.do("manager", "redact", seq=1, reason="A name")
    assert case.last("redacted").facts["target"] == 1
