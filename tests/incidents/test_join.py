"""“Me too”: one more report of the same thing; and what it could belong to."""

from collections.abc import Callable
from html import unescape
from uuid import uuid4

import pytest

from tests.helpers import Api, report_body
from tests.incidents.checks import Browsers
from tests.incidents.world import Case, Make, everything, unchanged

Apis = Callable[[str], Api]


def test_it_counts_with_the_incident_and_starts_nothing(responding: Case, api: Apis) -> None:
    answer = api("agent07").post("reports/", report_body(join=responding.ref, seat="L24", scope="me"), 201)
    assert (answer["incident"], answer["joined"]) == (responding.ref, True)
    assert responding.see()["impact"] == {"reports": 2, "seats": 2, "share": 0.05}
    assert responding.last("joined").actor.username == "agent07"
    assert any(line["text"].startswith("Another report joined") for line in responding.see("timeline/"))


def test_the_incident_is_all_that_has_to_be_named(responding: Case, api: Apis) -> None:
    me = api("agent07")
    answer = me.post("reports/", {"client_key": str(uuid4()), "join": responding.ref}, 201)
    assert (answer["joined"], answer["incident_type"]) == (True, "power-cut")
    assert me.get(f"reports/{answer['id']}/")["status"] == "responding"
    with unchanged():
        missing = me.post("reports/", {"client_key": str(uuid4()), "join": ""}, 400)
        assert {"incident_type", "summary", "scope"} <= set(missing)


def test_a_stale_revision_is_refused(responding: Case, api: Apis) -> None:
    rev = responding.see()["rev"]
    with unchanged():
        assert api("agent07").post("reports/", report_body(join=responding.ref, rev=rev - 1), 409)["code"] == "stale"
    api("agent07").post("reports/", report_body(join=responding.ref, rev=rev), 201)


def test_nothing_is_joined_that_was_not_named(reported: Case, api: Apis) -> None:
    answer = api("agent07").post("reports/", report_body(), 201)
    assert answer["joined"] is False
    assert answer["incident"] != reported.ref


def test_the_same_key_again_joins_once_even_when_it_is_over(assessing: Case, api: Apis) -> None:
    body = report_body(join=assessing.ref)
    first = api("agent07").post("reports/", body, 201)
    assessing.do("supervisor", "close", outcome="false-alarm")
    after = everything()
    again = api("agent07").post("reports/", body, 200)
    assert (again["id"], again["incident"], again["joined"]) == (first["id"], first["incident"], True)
    assert api("agent07").post("reports/", {**body, "join": ""}, 409)["code"] == "key_reused"
    assert everything() == after


def test_what_is_over_is_not_joined(make: Make, api: Apis) -> None:
    closed = make("false alarm")
    with unchanged():
        assert api("agent07").post("reports/", report_body(join=closed.ref), 409)["code"] == "illegal"


@pytest.mark.parametrize("join", ["INC-1999-0001", "nonsense", "INC-1' OR 1=1 --"])
def test_what_is_not_there_is_not_joined(api: Apis, join: str) -> None:
    with unchanged():
        api("agent07").post("reports/", report_body(join=join), 404)


def test_nor_is_what_one_may_not_know_of(reported: Case, api: Apis) -> None:
    with unchanged():
        api("agent-xian").post("reports/", report_body(join=reported.ref), 404)
        api("auditor").post("reports/", report_body(join=reported.ref), 403)


def test_candidates_are_live_ones_at_the_place_the_same_type_first(make: Make, api: Apis) -> None:
    dark, slow = make("reported"), make("responding", incident_type="application-fault", plan="application-fault")
    make("false alarm")
    api("agent-xian").report("power-cut")
    body = {"incident_type": "power-cut"}
    with unchanged():
        found = api("agent07").post("reports/?candidates=1", body)["candidates"]
    assert [row["ref"] for row in found] == [dark.ref, slow.ref]
    assert found[0] == {"ref": dark.ref, "title": "Half the floor is dark", "seats": 1}
    api("auditor").post("reports/?candidates=1", body, 403)
    assert "incident_type" in api("agent07").post("reports/?candidates=1", {"incident_type": "frogs"}, 400)


@pytest.mark.parametrize("asked", ["0", "false", ""])
def test_without_asking_for_candidates_a_report_is_stored(api: Apis, asked: str) -> None:
    assert api("agent07").post(f"reports/?candidates={asked}", report_body(), 201)["joined"] is False


def test_one_click_on_the_page(reported: Case, browser_as: Browsers) -> None:
    browser = browser_as("agent07")
    page = unescape(browser.get("/report/").content.decode())
    assert f'value="{reported.ref}"' in page
    key = page.partition('name="client_key" value="')[2][:36]
    response = browser.post("/report/", {"client_key": key, "join": reported.ref})
    assert response.status_code == 302
    assert reported.see()["impact"]["reports"] == 2
    assert reported.ref in browser.get(response["Location"]).content.decode()


def test_somebody_who_is_not_in_the_drill_has_seen_something_real(api: Apis) -> None:
    drill = api("manager").report("power-cut", kind="drill", participants=["supervisor", "agent07"])
    with unchanged():
        api("agent08").post("reports/", report_body(join=drill), 404)
    assert api("agent07").post("reports/", report_body(join=drill), 201)["incident"] == drill
