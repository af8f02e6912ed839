"""A line in the history; a correction of an earlier one."""

from datetime import datetime, timedelta

import pytest

from tests.helpers import Clock
from tests.incidents.checks import Browsers, Deed, OfEveryVerb
from tests.incidents.world import Case, Make, unchanged


class TestNote(OfEveryVerb):
    deed = Deed(
        "notes",
        {"text": "The electrician is on the way"},
        by="leader",
        event="note",
        words="The electrician is on the way",
        twice=200,
        again=1,
    )


class TestCorrection(OfEveryVerb):
    deed = Deed(
        "notes",
        lambda case: {"text": "It was ten past", "corrects": 1, "at": case.row.reported_at.isoformat()},
        event="corrected",
        words="Time of entry 1 corrected",
        not_for=("leader", "admin", "auditor"),
        twice=200,
        again=1,
    )

    def test_the_page_does_the_same_and_shows_it(self, case: Case, browser_as: Browsers) -> None:
        body = {**self.deed.what(case), "rev": "", "more": ""}
        assert browser_as("supervisor").post(f"/incidents/{case.ref}/notes/", body).status_code == 302
        assert case.last("corrected").facts["target"] == 1


def test_whoever_is_called_may_note(responding: Case) -> None:
    responding.do("tech", "notes", text="A breaker")
    assert responding.last("note").actor.username == "tech"


def test_a_closed_incident_can_still_be_noted_in(make: Make) -> None:
    make("false alarm").do("leader", "notes", text="The lamp test was announced by mail")


def test_the_start_of_the_fault_moves_and_its_clocks_with_it(clock: Clock, make: Make) -> None:
    case = make("responding")
    earlier = clock.now - timedelta(minutes=3)
    due = datetime.fromisoformat(case.promise("power-5")["due_at"])
    case.do("supervisor", "notes", text="Since 13:57", corrects=1, at=earlier.isoformat())
    assert datetime.fromisoformat(case.see()["clocks"]["occurred"]) == earlier
    assert due - datetime.fromisoformat(case.promise("power-5")["due_at"]) == timedelta(minutes=3)
    assert case.events()[0].kind == "reported"  # what was written stays as it was written
    assert case.events()[0].occurred_at == clock.now


def test_a_correction_without_a_time_is_a_remark(reported: Case) -> None:
    reported.do("leader", "notes", text="Not area B: area A", corrects=1)
    assert reported.last("note").facts["corrects"] == 1


@pytest.mark.parametrize("target", [0, -1, 999, 10**30, "first"])
def test_only_what_is_there_can_be_corrected(reported: Case, target: object) -> None:
    with unchanged():
        assert "corrects" in reported.do("supervisor", "notes", 400, text="x", corrects=target)


def test_nothing_is_moved_into_the_future(reported: Case) -> None:
    ahead = (reported.row.reported_at + timedelta(hours=1)).isoformat()
    assert "at" in reported.do("supervisor", "notes", 400, text="x", corrects=1, at=ahead)


def test_backslashes_are_text_like_any_other(reported: Case) -> None:
    reported.do("leader", "notes", text=r"C:\u0000 and \ud800 are letters here")
    assert reported.last("note").note.text == r"C:\u0000 and \ud800 are letters here"


def test_every_script_and_sign_is_kept_as_it_was_written(reported: Case) -> None:
    words = "A区断电，请移至有电座席。 👷🏽‍♀️ naïve ‮reversed‬ <b>&amp;</b> 'quoted' \"twice\"\nnext line"
    reported.do("leader", "notes", text=words)
    assert reported.last("note").note.text == words


def test_only_what_began_something_has_a_time_to_correct(reported: Case, clock: Clock) -> None:
    reported.do("leader", "notes", text="The lift stands still")
    seq = reported.last("note").seq
    with unchanged():
        at = clock.now.isoformat()
        assert "corrects" in reported.do("supervisor", "notes", 400, text="x", corrects=seq, at=at)
