"""Boards with many incidents: what fits on a page, what it costs, and whose incidents they are."""

import gzip
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contactops.accounts.models import User
from tests.helpers import Api, Clock
from tests.pages.conftest import Browser
from tests.record import made

Cast = Callable[[str], User]
Apis = Callable[[str], Api]
MANY = 500


@pytest.mark.parametrize("state", [made.incidents, made.activated], ids=["to triage", "responding"])
def test_five_hundred(browser_as: Browser, cast: Cast, state: Callable[..., object]) -> None:
    state(MANY, cast("agent"))
    browser = browser_as("supervisor")
    browser.get("/board/")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = browser.get("/board/")
    page = answer.content.decode()
    assert len(re.findall(r'class="case[ "]', page)) == 50
    assert ">500<" in page
    assert len(queries) <= 12
    assert len(gzip.compress(answer.content, 6)) <= 100_000


def test_pages_of_fifty(browser_as: Browser, cast: Cast) -> None:
    made.activated(60, cast("agent"))
    browser = browser_as("supervisor")
    page = browser.get("/board/?page=2").content.decode()
    assert len(re.findall(r'class="case[ "]', page)) == 10
    assert browser.get("/board/?page=99").status_code == 200
    assert browser.get("/board/?page=x").status_code == 200


def test_an_empty_board_says_what_will_come(browser_as: Browser) -> None:
    page = browser_as("supervisor").get("/board/").content.decode()
    assert "Nothing waits. New reports appear here." in page
    assert "No incident is being responded to." in page


def test_the_filters_stand_in_the_address(browser_as: Browser, api: Apis) -> None:
    real = api("agent").report("power-cut")
    drill = api("manager").report("network-fault", kind="drill", site="leeds", participants=["supervisor"])
    browser = browser_as("supervisor")
    page = browser.get("/board/?kind=drill").content.decode()
    assert (drill in page, real in page) == (True, False)
    assert '<option value="drill" selected>' in page
    for wrong in ("kind=nothing", "level=99", "level=x", "site=nowhere", "page=-1"):
        assert browser.get(f"/board/?{wrong}").status_code == 200


class TestSites:
    def test_the_choice_goes_into_the_address_and_is_remembered(self, browser_as: Browser, api: Apis) -> None:
        leeds = api("agent").report("power-cut")
        manager = browser_as("manager")
        answer = manager.post("/site/", {"site": "leeds", "next": "/board/?type=power-cut&page=3"})
        assert answer["Location"] == "/board/?type=power-cut&site=leeds"
        assert leeds in manager.get("/board/").content.decode()
        other = next(code for code in re.findall(r'name="site" value="(\w+)"', self._menu(manager)) if code != "leeds")
        assert manager.post("/site/", {"site": other, "next": "/board/"})["Location"] == f"/board/?site={other}"
        assert leeds not in manager.get("/board/").content.decode()
        assert leeds in manager.get("/board/?site=leeds").content.decode()  # what somebody sends shows the same to all
        assert manager.post("/site/", {"site": "", "next": "/board/"})["Location"] == "/board/"
        assert leeds in manager.get("/board/").content.decode()

    def test_no_other_site_and_no_other_host(self, browser_as: Browser) -> None:
        manager = browser_as("manager")
        assert manager.post("/site/", {"site": "atlantis", "next": "/board/"})["Location"] == "/board/"
        assert manager.post("/site/", {"site": "", "next": "https://elsewhere.example/"})["Location"] == "/"
        assert manager.get("/site/").status_code == 405

    def test_whoever_has_one_site_has_no_switch(self, browser_as: Browser) -> None:
        assert "site-menu" not in browser_as("agent").get("/report/").content.decode()
        assert "site-menu" in self._menu(browser_as("manager"))

    def _menu(self, browser: Client) -> str:
        return browser.get("/board/").content.decode()


class TestWhatIsLate:
    def test_an_open_step_past_its_deadline_stands_before_what_comes_next(
        self, browser_as: Browser, api: Apis, clock: Clock, minutes: Callable[[float], timedelta]
    ) -> None:
        ref = api("agent").report("power-cut")
        api("supervisor").do(ref, "activate", plan="power-cut", level=3)
        clock.forward(minutes(4))  # the call to the maintenance was due within two, and the update to agents is not yet
        page = browser_as("supervisor").get("/board/").content.decode()
        assert "Due: Telephone maintenance" in page
        assert 'class="left late"' in page

    def test_a_filter_for_a_level_does_not_hide_what_has_none_yet(self, browser_as: Browser, api: Apis) -> None:
        waiting, running = api("agent").report("power-cut"), api("agent").report("network-fault")
        api("supervisor").do(running, "activate", plan="network-fault", level=3)
        browser = browser_as("supervisor")
        page = browser.get("/board/?level=1").content.decode()
        assert (waiting in page, running in page) == (True, False)
        assert "No incident that these filters let through is being responded to." in page


class TestInbox:
    def test_an_agents_letter_leads_to_a_page_of_theirs_and_asks_nothing(self, browser_as: Browser, api: Apis) -> None:
        ref = api("agent").report("power-cut")
        supervisor = api("supervisor")
        supervisor.do(ref, "activate", plan="power-cut", level=3)
        supervisor.do(ref, "updates", audience="agents", text="Move to rows 1 to 4")
        browser = browser_as("agent")
        page = browser.get("/inbox/").content.decode()
        assert "Move to rows 1 to 4" in page
        assert "I have it" not in page
        assert f"/incidents/{ref}/" not in page
        assert '<span class="count">' not in page

    def test_a_supervisors_leads_to_the_room_and_asks(self, browser_as: Browser, api: Apis) -> None:
        ref = api("agent").report("power-cut")
        page = browser_as("supervisor").get("/inbox/").content.decode()
        assert f'href="/incidents/{ref}/"' in page
        assert "I have it" in page
        assert '<span class="count">1<' in page


def test_reopened_without_a_plan_it_waits_for_one(browser_as: Browser, api: Apis) -> None:
    ref = api("agent").report("power-cut")
    api("manager").do(ref, "cancel", reason="By mistake")
    api("manager").do(ref, "reopen", reason="It was none")
    page = browser_as("supervisor").get(f"/incidents/{ref}/").content.decode()
    assert f'action="/incidents/{ref}/activate/"' in page


def test_a_form_of_another_person_is_not_taken(browser_as: Browser, api: Apis, cast: Cast) -> None:
    """On a shared computer somebody else has signed in since; the page still shows the one before."""
    ref = api("agent").report("power-cut")
    browser, other = browser_as("supervisor"), str(cast("leader").pk)
    answer = browser.post(f"/incidents/{ref}/notes/", {"text": "Mine"}, headers={"X-Person": other})
    assert answer.status_code == 403
    assert "Somebody else has signed in in this browser since" in answer.content.decode()
    assert "Mine" not in browser.get(f"/incidents/{ref}/").content.decode()


def test_the_triage_step_is_closed_by_an_assessment_alone(browser_as: Browser, api: Apis) -> None:
    ref = api("agent").report("power-cut")
    page = browser_as("supervisor").get(f"/incidents/{ref}/").content.decode()
    step = page.partition('id="step-house.triage"')[2].partition("</li>")[0]
    assert 'class="step-done"' not in step
    api("supervisor").do(ref, "assess", verdict="false")
    page = browser_as("supervisor").get(f"/incidents/{ref}/").content.decode()
    assert "Assessed as:" in page
    assert "Close it as a false alarm" in page


def test_a_missed_deadline_is_not_called_on_time(
    browser_as: Browser, api: Apis, clock: Clock, minutes: Callable[[float], timedelta]
) -> None:
    ref = api("agent").report("power-cut")
    supervisor = api("supervisor")
    supervisor.do(ref, "activate", plan="power-cut", level=3)
    clock.forward(minutes(9))
    supervisor.do(ref, "steps/power-cut.phone-maintenance/complete", call={"person": "Tom", "answered": True})
    page = browser_as("manager").get(f"/incidents/{ref}/summary/").content.decode()
    row = page.partition("<td>Due: Telephone maintenance</td>")[2].partition("</tr>")[0]
    assert "missed" in row
    assert "7 min" in row
    assert "tick-late-end" in page
