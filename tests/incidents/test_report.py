"""What an agent sends becomes an incident."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest

from incidents.models import Incident, Report
from tests.helpers import Api, Clock, report_body
from tests.incidents.checks import Browsers
from tests.incidents.world import Case, everything, unchanged

Apis = Callable[[str], Api]


def sent(**body: Any) -> dict[str, Any]:
    given = {"seat": "L23", "details": "It smells of smoke", "can_take_calls": False, **body}
    return report_body("power-cut", **given)


def test_it_is_an_incident_with_its_condition_holding(api: Apis, clock: Clock) -> None:
    answer = api("agent03").post("reports/", sent(), 201)
    assert answer["joined"] is False
    assert answer["next_update_at"] is not None
    case = Case(api, answer["incident"])
    assert case.row.status == "reported"
    assert case.row.title == "Half the floor is dark"
    incident = case.see(username="supervisor")
    assert incident["conditions"]["power-off"] == {"holds": True, "since": incident["clocks"]["reported"]}
    assert incident["impact"] == {"reports": 1, "seats": 1, "share": 0.025}
    report = Report.objects.get(pk=answer["id"])
    assert (report.seat.code, report.scope, report.can_take_calls) == ("L23", "floor", False)  # type: ignore[union-attr]
    assert report.note.words == {"summary": "Half the floor is dark", "details": "It smells of smoke"}
    [line] = [line for line in case.see("timeline/") if line["kind"] == "reported"]
    assert (line["actor"], line["text"].startswith("Reported: Power cut")) == ("agent03", True)


def test_it_began_when_the_reporter_says_so(api: Apis, clock: Clock) -> None:
    began = clock.now - timedelta(minutes=4)
    ref = api("agent03").report(occurred_at=began.isoformat())
    incident = api("supervisor").see(ref)
    assert datetime.fromisoformat(incident["clocks"]["occurred"]) == began
    assert datetime.fromisoformat(incident["conditions"]["power-off"]["since"]) == began
    assert api("supervisor").see(ref, "summary/")["detect"]["value"] == 240


def test_without_a_time_it_began_with_the_report(api: Apis) -> None:
    ref = api("agent03").report()
    assert api("supervisor").see(ref, "summary/")["detect"]["value"] == 0


def test_the_duty_leader_and_the_supervisor_are_told(api: Apis) -> None:
    case = Case(api, api("agent03").report())
    assert {"leader", "supervisor"} <= {row["recipient"] for row in case.see("notifications/")}


def test_the_same_key_and_body_again_is_the_same_report(api: Apis) -> None:
    me, body = api("agent03"), sent()
    first = me.post("reports/", body, 201)
    after = everything()
    assert me.post("reports/", body, 200) == first
    assert me.post("reports/", {**body, "summary": "Another"}, 409)["code"] == "key_reused"
    assert everything() == after
    assert me.get(f"reports/{first['id']}/").items() >= first.items()


def test_it_stays_the_same_answer_whatever_became_of_it(reported: Case, api: Apis) -> None:
    """Sent again after a lost answer, it says what was promised then; the receipt says how things stand."""
    me, body = api("agent03"), sent()
    first = me.post("reports/", body, 201)
    api("supervisor").do(first["incident"], "acknowledge")
    assert me.post("reports/", body, 200) == first
    now = me.get(f"reports/{first['id']}/")
    assert (now["status"], now["next_update_at"] != first["next_update_at"]) == ("assessing", True)


def test_a_key_is_the_reporters_own(api: Apis) -> None:
    body = sent()
    first, second = (api(username).post("reports/", body, 201) for username in ("agent03", "agent04"))
    assert first["incident"] != second["incident"]


def test_so_is_an_idempotency_key(api: Apis) -> None:
    me, body = api("agent03"), sent()
    first = me.post("reports/", body, 201, key="one")
    after = everything()
    assert me.post("reports/", body, 201, key="one") == first
    assert me.post("reports/", sent(), 409, key="one")["code"] == "key_reused"
    assert everything() == after


def test_a_key_is_free_again_when_the_call_was_refused(api: Apis) -> None:
    me, body = api("agent03"), sent()
    me.post("reports/", {**body, "seat": "L99"}, 400, key="one")
    me.post("reports/", body, 201, key="one")


def test_numbers_are_given_once_and_per_kind(api: Apis) -> None:
    refs = [api("agent03").report() for _ in range(2)]
    drill = api("manager").report(kind="drill")
    assert int(refs[1][-4:]) == int(refs[0][-4:]) + 1
    assert refs[0].startswith("INC-")
    assert drill.startswith("DRL-")


@pytest.mark.parametrize("username", ["agent03", "leader", "supervisor", "manager", "tech", "admin"])
def test_who_may_report(api: Apis, username: str) -> None:
    answer = api(username).post("reports/", sent(), 201)
    assert api(username).get(f"reports/{answer['id']}/")["incident"] == answer["incident"]


def test_who_may_not(api: Apis) -> None:
    with unchanged():
        assert api("auditor").post("reports/", sent(), 403)["code"] == "not_allowed"
        assert api("agent03").post("reports/", sent(site="xian", seat=""), 403)["code"] == "not_allowed"
    answer = api("agent03").post("reports/", sent(), 201)
    for username in ("agent04", "supervisor", "manager", "admin", "auditor"):
        api(username).get(f"reports/{answer['id']}/", 404)


def test_a_manager_reports_for_any_site(api: Apis) -> None:
    ref = api("manager").report(site="xian", seat="X02")
    assert Incident.objects.get(ref=ref).site.code == "xian"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_key", "not-a-uuid"),
        ("incident_type", "flood-of-frogs"),
        ("incident_type", "with space"),
        ("summary", "x" * 201),
        ("details", "x" * 10_001),
        ("site", "atlantis"),
        ("seat", "L99"),
        ("seat", "X01"),
        ("scope", "world"),
        ("can_take_calls", "perhaps"),
        ("occurred_at", "2999-01-01T00:00:00Z"),
        ("occurred_at", "1999-12-31T23:59:59Z"),
        ("occurred_at", "0001-01-01T00:00:00Z"),
        ("occurred_at", "9999-12-31T23:59:59-23:59"),
        ("occurred_at", "yesterday"),
        ("kind", "test"),
        ("kind", "backfilled"),
        ("participants", ["nobody"]),
        ("participants", [["leader"]]),
        ("speed", 0),
        ("speed", 61),
    ],
)
def test_what_a_report_cannot_be(api: Apis, field: str, value: object) -> None:
    with unchanged():
        assert field in api("manager").post("reports/", {**sent(), field: value}, 400)


@pytest.mark.parametrize("field", ["client_key", "incident_type", "summary", "scope"])
def test_what_a_report_must_say(api: Apis, field: str) -> None:
    body = {name: value for name, value in sent().items() if name != field}
    with unchanged():
        assert field in api("agent03").post("reports/", body, 400)
        assert field in api("agent03").post("reports/", {**body, field: ""}, 400)


def test_the_page_does_the_same_and_leads_to_the_receipt(browser_as: Browsers) -> None:
    browser, body = browser_as("agent03"), {**sent(), "can_take_calls": "false"}
    first = browser.post("/report/", body)
    assert first.status_code == 302, first.content.decode()
    report = Report.objects.get()
    assert first["Location"] == f"/report/{report.pk}/"
    assert report.can_take_calls is False
    assert browser.post("/report/", body)["Location"] == first["Location"]  # a double click
    assert Report.objects.count() == 1
    page = unescape(browser.get(first["Location"]).content.decode())
    assert report.incident.ref in page
    assert "Half the floor is dark" in page
    assert browser_as("agent04").get(first["Location"]).status_code == 404


def test_a_refused_page_keeps_what_was_typed(browser_as: Browsers) -> None:
    browser = browser_as("agent03")
    with unchanged():
        response = browser.post("/report/", {**sent(), "client_key": str(uuid.uuid4()), "seat": "L99"})
    assert response.status_code == 400
    assert "It smells of smoke" in response.content.decode()
