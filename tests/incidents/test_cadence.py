"""How often people hear, and what counts as a word to them."""

from datetime import datetime, timedelta

import pytest

from tests.helpers import Clock
from tests.incidents.checks import Browsers, Deed, OfEveryVerb
from tests.incidents.world import Case, Make

MINUTE = timedelta(minutes=1)


class TestCadence(OfEveryVerb):
    deed = Deed(
        "cadence",
        {"audience": "leaders", "every": "PT10M", "reason": "They wait for it"},
        start=lambda make: make("responding"),
        event="cadence_set",
        words="Updates to leaders from now on every 10 min",
        not_for=("leader", "tech", "admin", "auditor"),
        twice=200,
    )


def due(case: Case, audience: str) -> datetime:
    return datetime.fromisoformat(case.promise(f"update-{audience}")["due_at"])


def test_the_next_word_is_due_by_the_new_rhythm(clock: Clock, responding: Case) -> None:
    began = clock.now
    assert due(responding, "leaders") == began + timedelta(hours=2)
    responding.do("supervisor", "cadence", audience="leaders", every="PT1H30M", reason="Quiet")
    assert due(responding, "leaders") == began + timedelta(minutes=90)


@pytest.mark.parametrize("every", ["PT30S", "P2D", "PT0S", "soon", ""])
def test_a_rhythm_that_is_none(responding: Case, every: str) -> None:
    assert "every" in responding.do("supervisor", "cadence", 400, audience="leaders", every=every, reason="x")


def test_whom_no_plan_promises_anything(responding: Case) -> None:
    assert "audience" in responding.do("manager", "cadence", 400, audience="customers", every="PT10M", reason="x")


class TestNothingNew:
    def test_is_an_update_in_everybodys_language(self, clock: Clock, responding: Case, browser_as: Browsers) -> None:
        responding.do("supervisor", "updates", audience="agents", text="Sit in area A")
        clock.forward(10 * MINUTE)
        responding.do("supervisor", "updates", audience="agents", nothing_new=True)
        assert due(responding, "agents") == clock.now + timedelta(hours=2)
        page = browser_as("agent09").get("/report/").content.decode()
        assert "Sit in area A" in page  # what was said still holds
        assert responding.see("timeline/")[-1]["text"] == "Update to agents: nothing new"
        [item] = responding.letter_to("agent09").items
        assert item["nothing_new"]

    def test_on_the_page_it_is_one_button(self, responding: Case, browser_as: Browsers) -> None:
        sent = {"audience": "agents", "text": "", "nothing_new": "true"}
        assert browser_as("supervisor").post(f"/incidents/{responding.ref}/updates/", sent).status_code == 302
        assert responding.last("updated").facts["nothing_new"]

    def test_words_are_kept_when_there_are_some(self, responding: Case) -> None:
        responding.do("supervisor", "updates", audience="agents", text="Two rows more", nothing_new=True)
        assert "nothing_new" not in responding.last("updated").facts

    def test_neither_words_nor_that(self, responding: Case) -> None:
        assert "text" in responding.do("supervisor", "updates", 400, audience="agents")


def test_every_update_says_when_the_next_one_comes(clock: Clock, responding: Case) -> None:
    responding.do("supervisor", "updates", audience="agents", text="Sit in area A")
    [item] = responding.letter_to("agent09").items
    assert item["next_by"] == round((clock.now + timedelta(hours=2)).timestamp() * 1000)


def test_the_room_shows_when_each_audience_heard_last_and_hears_next(make: Make, browser_as: Browsers) -> None:
    case = make("responding")
    page = browser_as("supervisor").get(f"/incidents/{case.ref}/").content.decode()
    assert "have heard nothing yet" in page
    case.do("supervisor", "updates", audience="leaders", text="Under control soon")
    assert "last heard" in browser_as("supervisor").get(f"/incidents/{case.ref}/").content.decode()
