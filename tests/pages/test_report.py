"""The report form, as an agent uses it."""

import uuid
from collections.abc import Callable
from typing import Any

from incidents.models import Incident, Report
from tests.helpers import Api
from tests.pages.conftest import Browser, hidden


def filled(key: str, **more: Any) -> dict[str, Any]:
    """Every field of the form, as a browser sends it."""
    blank = dict.fromkeys(("details", "seat", "can_take_calls", "occurred_at"), "")
    words = {"incident_type": "power-cut", "summary": "Lights out", "scope": "floor"}
    return {"client_key": key, **blank, **words, **more}


def test_one_report_however_often_it_is_clicked(browser_as: Browser) -> None:
    browser = browser_as("agent")
    key = hidden(browser.get("/report/").content.decode(), "client_key")
    places = {browser.post("/report/", filled(key)).headers["Location"] for _ in range(3)}
    assert len(places) == 1
    assert Report.objects.count() == 1
    assert Incident.objects.get().ref in browser.get(places.pop()).content.decode()


def test_nothing_typed_is_lost(browser_as: Browser) -> None:
    key = str(uuid.uuid4())
    given = filled(key, incident_type="", seat="Q99", details="It smells of <smoke>")
    response = browser_as("agent").post("/report/", given)
    page = response.content.decode()
    assert response.status_code == 400
    for kept in (key, 'value="Lights out"', 'value="Q99"', "It smells of &lt;smoke&gt;", 'value="floor" checked'):
        assert kept in page
    assert 'id="report-incident_type-error"' in page
    assert not Report.objects.exists()


def test_other_words_under_the_same_key_are_asked_about(browser_as: Browser) -> None:
    browser, key = browser_as("agent"), str(uuid.uuid4())
    browser.post("/report/", filled(key))
    response = browser.post("/report/", filled(key, summary="Something else"))
    page = response.content.decode()
    assert response.status_code == 409
    assert 'value="Something else"' in page
    assert hidden(page, "client_key") != key


def test_me_too_is_one_click(browser_as: Browser, incident: Callable[..., str]) -> None:
    ref = incident("reported")
    browser = browser_as("agent01")
    page = browser.get("/report/").content.decode()
    assert f'name="join" value="{ref}"' in page
    given = {"client_key": hidden(page, "client_key"), "join": ref, "summary": "", "details": "", "seat": ""}
    receipt = browser.post("/report/", given).headers["Location"]
    report = Report.objects.get(reporter__username="agent01")
    assert (report.incident.ref, report.joined, report.scope) == (ref, True, "me")
    assert ref in browser.get(receipt).content.decode()


def test_the_receipt_is_the_reporters(browser_as: Browser) -> None:
    place = browser_as("agent").post("/report/", filled(str(uuid.uuid4()))).headers["Location"]
    assert browser_as("agent01").get(place).status_code == 404


def test_agents_see_what_to_do_and_what_to_say(
    browser_as: Browser, incident: Callable[..., str], api: Callable[[str], Api]
) -> None:
    ref = incident()
    api("supervisor").do(ref, "updates", audience="agents", text="Stay at your seat")
    page = browser_as("agent01").get("/report/").content.decode()
    assert "Stay at your seat" in page
    assert "At your seat" in page
    assert "We have a power cut here" in page


def test_a_drill_is_shown_to_those_who_take_part(browser_as: Browser, api: Callable[[str], Api]) -> None:
    manager = api("manager")
    ref = manager.report("power-cut", kind="drill", participants=["agent01"], summary="Only an exercise", site="leeds")
    manager.do(ref, "activate", plan="power-cut", level=4)
    assert "Only an exercise" in browser_as("agent01").get("/report/").content.decode()
    assert "Only an exercise" not in browser_as("agent02").get("/report/").content.decode()


def test_only_leaders_of_the_response_are_offered_a_drill(browser_as: Browser) -> None:
    assert 'name="participants"' in browser_as("manager").get("/report/").content.decode()
    assert 'name="participants"' not in browser_as("supervisor").get("/report/").content.decode()
