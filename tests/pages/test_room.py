"""The incident's room without scripts: what is offered, what is refused and how."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.models import Event, Incident
from tests.helpers import Api
from tests.pages.conftest import Browser, forms, hidden


@pytest.mark.parametrize("username", ["leader", "supervisor", "manager", "admin", "auditor"])
@pytest.mark.parametrize("status", ["reported", "assessing", "responding"])
def test_the_page_offers_what_the_api_allows(
    browser_as: Browser, api: Callable[[str], Api], incident: Callable[..., str], username: str, status: str
) -> None:
    ref = incident(status)
    seen = api(username).see(ref)
    offered = forms(browser_as(username).get(f"/incidents/{ref}/").content.decode())
    extra = {f"/incidents/{ref}/{verb}/" for verb in ("waive", "redact")}
    verbs = {f"/incidents/{ref}/{verb}/" for verb in seen["allowed"]}
    # assess is offered before a plan is active; afterwards the level and the conditions say it better
    assert verbs - offered <= {f"/incidents/{ref}/assess/", f"/incidents/{ref}/level/confirm/"}
    of_incident = {path for path in offered if path.startswith(f"/incidents/{ref}/")} - extra
    steps = {f"/incidents/{ref}/steps/{step['key']}/{verb}/" for step in seen["steps"] for verb in step["allowed"]}
    assert {path for path in of_incident if "/steps/" in path and not path.endswith("/steps/")} <= steps
    assert {path for path in of_incident if path.count("/") == 4} <= verbs


def test_a_refused_form_stands_where_it_was_with_its_words(browser_as: Browser, incident: Callable[..., str]) -> None:
    ref = incident()
    response = browser_as("supervisor").post(f"/incidents/{ref}/level/", {"level": "2", "reason": "", "rev": ""})
    page = response.content.decode()
    assert response.status_code == 400
    assert 'id="level-reason-error"' in page
    assert 'value="2" checked' in page
    assert "<title>Error:" in page


def test_a_call_record_is_refused_field_by_field(browser_as: Browser, incident: Callable[..., str]) -> None:
    ref = incident()
    given = {"call.person": "", "call.at": "", "call.answered": "true", "note": "She knows"}
    response = browser_as("supervisor").post(f"/incidents/{ref}/steps/power-cut.phone-maintenance/complete/", given)
    page = response.content.decode()
    assert response.status_code == 400
    assert 'value="She knows"' in page
    assert 'id="steps-power-cut-phone-maintenance-complete-call-person-error"' in page


def test_what_is_open_is_told_by_its_title(browser_as: Browser, incident: Callable[..., str]) -> None:
    ref = incident()
    response = browser_as("supervisor").post(
        f"/incidents/{ref}/close/", {"outcome": "resolved", "summary": "It was the grid"}
    )
    page = response.content.decode()
    assert response.status_code == 409
    assert '<a href="#step-power-cut.phone-maintenance">Telephone maintenance</a>' in page
    assert "It was the grid" in page


def test_words_of_a_form_that_is_gone_are_shown_to_be_copied(
    browser_as: Browser, api: Callable[[str], Api], incident: Callable[..., str]
) -> None:
    ref = incident("assessing")
    api("supervisor").do(ref, "close", outcome="false-alarm")
    response = browser_as("supervisor").post(
        f"/incidents/{ref}/updates/", {"audience": "agents", "text": "A long text"}
    )
    assert response.status_code == 409
    assert "A long text" in response.content.decode()


def test_a_double_click_writes_once(browser_as: Browser, incident: Callable[..., str]) -> None:
    ref = incident()
    browser = browser_as("supervisor")
    key = hidden(browser.get(f"/incidents/{ref}/").content.decode(), "once")
    for text in ("Once", "Once", "Twice"):
        browser.post(f"/incidents/{ref}/notes/", {"text": text, "once": key})
    assert Event.objects.filter(incident__ref=ref, kind="note").count() == 2


def test_a_level_changed_by_somebody_else_is_noticed(
    browser_as: Browser, api: Callable[[str], Api], incident: Callable[..., str]
) -> None:
    ref = incident()
    seen = hidden(browser_as("manager").get(f"/incidents/{ref}/").content.decode(), "rev")
    api("manager").do(ref, "level", level=2, reason="It spreads")
    response = browser_as("manager").post(
        f"/incidents/{ref}/level/", {"level": "4", "reason": "It is over", "rev": seen}
    )
    assert response.status_code == 409
    assert Incident.objects.get(ref=ref).level == 2


def test_reading_the_address_of_a_verb_does_nothing(browser_as: Browser, incident: Callable[..., str]) -> None:
    ref = incident()
    for path in ("close", "cancel", "steps/power-cut.phone-maintenance/complete", "promises/1/stop"):
        assert browser_as("manager").get(f"/incidents/{ref}/{path}/")["Location"] == f"/incidents/{ref}/"
    assert Incident.objects.get(ref=ref).status == "responding"


def test_what_one_may_not_see_does_not_exist(browser_as: Browser, incident: Callable[..., str]) -> None:
    ref = incident()
    for path in (f"/incidents/{ref}/", f"/incidents/{ref}/summary/"):
        assert browser_as("agent").get(path).status_code == 404
    assert browser_as("agent").post(f"/incidents/{ref}/notes/", {"text": "x"}).status_code == 404


def queries(browser: Client, path: str) -> int:
    browser.get(path)  # compiled plans are kept
    with CaptureQueriesContext(connection) as caught:
        assert browser.get(path).status_code == 200
    return len(caught)


@pytest.mark.parametrize("path", ["/board/", "/incidents/", "/overview/", "/report/"])
def test_queries_do_not_grow_with_incidents(browser_as: Browser, incident: Callable[..., str], path: str) -> None:
    browser = browser_as("manager")
    incident(), incident("reported")
    few = queries(browser, path)
    for _ in range(4):
        incident(), incident("reported")
    assert queries(browser, path) == few


@pytest.mark.parametrize("page", ["", "summary/"])
def test_queries_do_not_grow_with_history(
    browser_as: Browser, api: Callable[[str], Api], incident: Callable[..., str], page: str
) -> None:
    ref = incident()
    browser = browser_as("supervisor")
    supervisor = api("supervisor")
    supervisor.do(ref, "notes", text="One")
    supervisor.do(ref, "steps", title="Bring water", group="G-SUP")
    few = queries(browser, f"/incidents/{ref}/{page}")
    for number in range(5):
        supervisor.do(ref, "notes", text=f"Note {number}")
        supervisor.do(ref, "steps", title=f"Step {number}", group="G-TECH")
    assert queries(browser, f"/incidents/{ref}/{page}") == few


def test_a_limit_of_seconds_shows_its_aim_and_what_it_took(browser_as: Browser, api: Callable[[str], Api]) -> None:
    ref, supervisor = api("agent").report("fire-alarm"), api("supervisor")
    supervisor.do(ref, "acknowledge")
    supervisor.do(ref, "activate", plan="fire-alarm", level=4)
    browser = browser_as("supervisor")
    assert "aim 2 s" in browser.get(f"/incidents/{ref}/").content.decode()
    supervisor.do(ref, "steps/fire-alarm.send-patrol/complete", call={"person": "Patrol", "answered": True})
    step = next(step for step in supervisor.see(ref)["steps"] if step["key"] == "fire-alarm.send-patrol")
    assert step["target_s"] == 2.0
    assert step["took_s"] is not None
    for page in (f"/incidents/{ref}/", f"/incidents/{ref}/summary/"):
        assert f"took {step['took_s']:.1f} s, aim 2 s" in browser.get(page).content.decode()
