"""Warnings where supervisors look: on the board, on their page, in the report they fill in, in the room of what came of it;
and the forms for feeds and rules."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.html import escape

from incidents import watching
from incidents.models import Feed, Incident, Warning, WarningRule
from tests.helpers import Api, Clock
from tests.incidents.world import unchanged
from tests.pages.conftest import Browser, hidden

Apis = Callable[[str], Api]
MINUTE = timedelta(minutes=1)
TITLE = "More than 40 calls waiting for 5 minutes"


@pytest.fixture
def says(api: Apis, clock: Clock) -> Callable[..., None]:
    """The telephone system of Leeds, each minute."""

    def figure(*values: float, metric: str = "calls-waiting") -> None:
        for value in values:
            api("supervisor").post("signals/", {"feed": "telephony", "metric": metric, "value": value}, 201)
            clock.forward(MINUTE)

    return figure


@pytest.fixture
def warning(says: Callable[..., None], clock: Clock) -> Warning:
    says(*range(41, 47))
    return Warning.objects.get()


def page(browser_as: Browser, username: str, address: str) -> str:
    response = browser_as(username).get(address)
    assert response.status_code == 200, address
    return response.content.decode()


class TestTheStrip:
    @pytest.mark.parametrize(
        ("username", "address"), [("supervisor", "/board/"), ("manager", "/overview/"), ("manager", "/board/")]
    )
    def test_values_and_three_things_to_do(
        self, browser_as: Browser, warning: Warning, username: str, address: str
    ) -> None:
        html = page(browser_as, username, address)
        strip = html[html.index('id="warned"') : html.index("</section>", html.index('id="warned"'))]
        assert TITLE in strip
        assert "example" in strip
        assert re.search(r'<span class="figure">46</span>', strip)
        assert "the limit is more than 40 for 5 min" in strip
        assert f'href="/report/?warning={warning.pk}"' in strip
        assert f'action="/warnings/{warning.pk}/watch/"' in strip
        assert f'action="/warnings/{warning.pk}/dismiss/"' in strip

    def test_who_cannot_decide_sees_it_all_the_same(self, browser_as: Browser, warning: Warning) -> None:
        for username in ("leader", "auditor"):
            html = page(browser_as, username, "/board/")
            assert TITLE in html
            assert f"/warnings/{warning.pk}/" not in html

    def test_not_at_another_site(self, browser_as: Browser, warning: Warning) -> None:
        assert TITLE not in page(browser_as, "supervisor-xian", "/board/")
        assert TITLE not in page(browser_as, "manager", "/board/?site=xian")

    def test_the_group_that_owns_the_rule_reads_it_with_its_messages(
        self, browser_as: Browser, warning: Warning
    ) -> None:
        assert TITLE not in page(browser_as, "tech", "/inbox/")
        WarningRule.objects.filter(pk=warning.rule_id).update(owner="G-TECH")
        html = page(browser_as, "tech", "/inbox/")
        assert TITLE in html
        assert "Report and activate" not in html

    def test_a_silent_feed_is_shown_and_one_never_heard_of_is_not(
        self, browser_as: Browser, says: Callable[..., None], clock: Clock
    ) -> None:
        assert "has gone silent" not in page(browser_as, "supervisor", "/board/")
        says(9)
        assert "has gone silent" not in page(browser_as, "supervisor", "/board/")
        clock.forward(5 * MINUTE)
        html = page(browser_as, "supervisor", "/board/")
        assert "Telephone system has gone silent" in html
        assert "System monitoring" not in html

    def test_open_boards_ask_again(self, browser_as: Browser, warning: Warning, says: Callable[..., None]) -> None:
        """What boards without a stream ask changes with every warning."""
        browser = browser_as("supervisor")
        tag = browser.get("/pulse/")["ETag"]
        assert browser.get("/pulse/", headers={"If-None-Match": tag}).status_code == 304
        browser.post(f"/warnings/{warning.pk}/watch/", {"from": "board"})
        assert browser.get("/pulse/", headers={"If-None-Match": tag}).status_code == 200


class TestDeciding:
    def test_watched_it_stays(self, browser_as: Browser, warning: Warning) -> None:
        browser = browser_as("supervisor")
        answer = browser.post(f"/warnings/{warning.pk}/watch/", {"from": "board"})
        assert answer["Location"] == "/board/"
        html = browser.get("/board/").content.decode()
        assert "watched by Sara Hughes" in html
        assert f"/warnings/{warning.pk}/watch/" not in html

    def test_dismissed_with_a_reason(self, browser_as: Browser, warning: Warning) -> None:
        browser = browser_as("supervisor")
        answer = browser.post(f"/warnings/{warning.pk}/dismiss/", {"reason": "", "from": "https://elsewhere.example"})
        assert answer.status_code == 400
        assert f'id="warnings-{warning.pk}-reason"' in answer.content.decode()
        answer = browser.post(
            f"/warnings/{warning.pk}/dismiss/", {"reason": "A load test", "from": "https://else.example"}
        )
        assert answer["Location"] == "/warnings/"
        html = browser.get("/warnings/").content.decode()
        assert "A load test" in html
        assert "False alarms: 100 % (1 of 1 decided in 90 days)" in html
        again = browser.post(f"/warnings/{warning.pk}/dismiss/", {"reason": "Again"})
        assert (again.status_code, "not open any more" in again.content.decode()) == (409, True)

    def test_only_those_who_may(self, browser_as: Browser, warning: Warning) -> None:
        expected = {"leader": 403, "auditor": 403, "supervisor-xian": 404, "agent": 404}
        browsers = {username: browser_as(username) for username in expected}
        with unchanged():
            for username, status in expected.items():
                answer = browsers[username].post(f"/warnings/{warning.pk}/watch/")
                assert answer.status_code == status, username

    def test_opened_as_a_page_it_does_nothing(self, browser_as: Browser, warning: Warning) -> None:
        browser = browser_as("supervisor")
        with unchanged():
            assert browser.get(f"/warnings/{warning.pk}/watch/")["Location"] == "/warnings/"


class TestTheReport:
    def form(self, html: str) -> dict[str, str]:
        """What a browser would send without touching anything."""
        body = html[html.index('id="report"') : html.index("</form>", html.index('id="report"'))]
        chosen = dict(re.findall(r'type="radio" name="(\w+)" value="([^"]+)" checked', body))
        texts = dict(re.findall(r'<input type="(?:text|datetime-local)" name="(\w+)" id="[^"]+" value="([^"]*)"', body))
        return {**chosen, **texts, "warning": hidden(body, "warning"), "client_key": hidden(body, "client_key")}

    def test_it_is_filled_in_and_leads_to_the_room(self, browser_as: Browser, warning: Warning) -> None:
        browser = browser_as("supervisor")
        given = self.form(browser.get(f"/report/?warning={warning.pk}").content.decode())
        assert given["incident_type"] == "inbound-surge"
        assert given["scope"] == "site"
        assert given["summary"] == f"{TITLE}: 45 since 14:00"
        assert given["occurred_at"] == "2026-03-02T14:00"
        answer = browser.post("/report/", {**given, "site": "leeds"})
        incident = Incident.objects.get()
        assert answer["Location"] == f"/incidents/{incident.ref}/"
        room = browser.get(answer["Location"]).content.decode()
        assert f'Came of the warning <a href="/warnings/#warning-{warning.pk}">{TITLE}</a>: 45' in room
        assert re.search(r'name="level" value="3" checked', room)  # as the rule suggests
        html = browser.get("/warnings/").content.decode()
        assert f'reported as <a href="/incidents/{incident.ref}/">{incident.ref}</a>' in html

    def test_refused_it_keeps_the_warning(self, browser_as: Browser, warning: Warning) -> None:
        browser = browser_as("supervisor")
        given = self.form(browser.get(f"/report/?warning={warning.pk}").content.decode())
        answer = browser.post("/report/", {**given, "site": "leeds", "summary": ""})
        assert answer.status_code == 400
        assert hidden(answer.content.decode(), "warning") == str(warning.pk)

    def test_a_second_report_is_led_to_the_first(self, browser_as: Browser, warning: Warning, api: Apis) -> None:
        browser = browser_as("supervisor")
        given = self.form(browser.get(f"/report/?warning={warning.pk}").content.decode())
        ref = api("manager").report(**api("manager").get("warnings/")["results"][0]["report"])
        answer = browser.post("/report/", {**given, "site": "leeds"})
        assert answer.status_code == 409
        html = answer.content.decode()
        assert ref in html
        assert f'name="join" value="{ref}"' in html  # it stands among those that one can join

    @pytest.mark.parametrize("asked", ["", "x", "²", "99999999999"])
    def test_no_such_warning(self, browser_as: Browser, warning: Warning, asked: str) -> None:
        answer = browser_as("supervisor").get(f"/report/?warning={asked}")
        assert answer.status_code in (200, 404)
        assert TITLE not in answer.content.decode()

    def test_an_agents_form_is_its_own(self, browser_as: Browser, warning: Warning) -> None:
        assert TITLE not in page(browser_as, "agent", f"/report/?warning={warning.pk}")


class TestThePage:
    def test_before_anything_is_connected(self, browser_as: Browser) -> None:
        html = page(browser_as, "supervisor", "/warnings/")
        assert html.count("not connected") == 2
        assert "stale</span>" not in html
        assert html.count(">example</span>") == 3
        assert "no figure yet" in html
        assert "No warning has been decided on in 90 days." in html

    def test_ages_and_what_is_stale(self, browser_as: Browser, says: Callable[..., None], clock: Clock) -> None:
        says(9)
        html = page(browser_as, "supervisor", "/warnings/")
        assert re.search(r"<strong>9</strong>", html)
        assert '<span class="late-word">stale</span>' not in html
        clock.forward(4 * MINUTE)
        html = page(browser_as, "supervisor", "/warnings/")
        assert '<span class="late-word">stale</span>' in html
        assert '<span class="late-word">no figures</span>' in html

    def test_what_passed_is_counted_apart(
        self, browser_as: Browser, says: Callable[..., None], warning: Warning, api: Apis
    ) -> None:
        ref = api("supervisor").report(**api("supervisor").get("warnings/")["results"][0]["report"])
        says(9, metric="complaints-last-hour")
        says(0, metric="complaints-last-hour")
        html = page(browser_as, "supervisor", "/warnings/")
        assert "False alarms: 0 % (0 of 1 decided in 90 days)" in html
        assert "1 passed by itself" in html
        api("leader").do(ref, "acknowledge")
        api("supervisor").do(ref, "close", outcome="false-alarm")
        assert "False alarms: 100 % (1 of 1 decided in 90 days)" in page(browser_as, "supervisor", "/warnings/")

    def test_each_sees_their_own(self, browser_as: Browser, warning: Warning) -> None:
        assert TITLE not in page(browser_as, "supervisor-xian", "/warnings/")
        assert "Add a rule" not in page(browser_as, "auditor", "/warnings/")
        assert "Telephone system" not in page(browser_as, "tech", "/warnings/")
        assert browser_as("agent").get("/warnings/").status_code == 403


RULE: dict[str, Any] = {
    "title": "Long queue at Leeds",
    "title_zh": "利兹排队过长",
    "family": "traffic",
    "feed": "telephony",
    "metric": "calls-waiting",
    "direction": "above",
    "value": "20",
    "held_for": "1",
    "cool_down": "0",
    "site": "leeds",
    "owner": "G-DUTY",
    "level": "4",
    "incident_type": "inbound-surge",
    "enabled": "true",
}


class TestRulesAndFeeds:
    def test_a_rule_of_ones_own(self, browser_as: Browser, says: Callable[..., None], clock: Clock) -> None:
        says(25, 25)
        answer = browser_as("supervisor").post("/warnings/rules/new/", RULE)
        assert answer["Location"] == "/warnings/"
        row = WarningRule.objects.get(value=20)
        assert (row.is_example, row.clear_value, row.held_for, str(row.site)) == (False, 20, MINUTE, "Leeds")
        warning = Warning.objects.get()  # what had come before was read
        assert (warning.rule, warning.since) == (row, clock.now - 2 * MINUTE)

    def test_an_example_that_is_changed_is_none_any_more(self, browser_as: Browser, says: Callable[..., None]) -> None:
        row = WarningRule.objects.get(metric="complaints-last-hour")
        browser = browser_as("supervisor")
        html = browser.get(f"/warnings/rules/{row.pk}/").content.decode()
        assert "An example." in html
        assert 'name="clear_value" id="rule-clear_value" value="3"' in html
        body = {**RULE, "metric": row.metric, "value": "8", "clear_value": "2", "incident_type": "general-emergency"}
        assert browser.post(f"/warnings/rules/{row.pk}/", body).status_code == 302
        row.refresh_from_db()
        assert (row.value, row.clear_value, row.is_example, row.title["zh-hans"]) == (8, 2, False, "利兹排队过长")

    def test_switched_off_it_warns_no_more(
        self, browser_as: Browser, warning: Warning, says: Callable[..., None]
    ) -> None:
        body = {**RULE, "value": "40", "clear_value": "30", "held_for": "5"}
        browser_as("supervisor").post(f"/warnings/rules/{warning.rule_id}/", {**body, "enabled": ""})
        warning.refresh_from_db()
        assert warning.state == "cleared"
        says(*range(50, 60))
        assert Warning.objects.count() == 1
        browser_as("supervisor").post(f"/warnings/rules/{warning.rule_id}/", body)
        watching.look()
        warning.refresh_from_db()
        assert (warning.state, warning.over_at) == ("open", None)  # it went on all the while
        assert Warning.objects.count() == 1

    def test_a_rule_that_steers(self, browser_as: Browser) -> None:
        row = WarningRule.objects.get(condition="waiting-low")
        html = page(browser_as, "supervisor", f"/warnings/rules/{row.pk}/")
        assert '<option value="waiting-low" selected>' in html
        assert "The queue is below the target of the plan (waiting-low, Inbound surge)" in html

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"value": "many"}, "value"),
            ({"clear_value": "21"}, "clear_value"),
            ({"direction": "below", "clear_value": "19"}, "clear_value"),
            ({"held_for": "-1"}, "held_for"),
            ({"owner": "G-NOBODY"}, "owner"),
            ({"feed": "nothing"}, "feed"),
            ({"incident_type": ""}, "incident_type"),
            ({"incident_type": "flood-of-locusts"}, "incident_type"),
            ({"condition": "waiting-low"}, "incident_type"),
            ({"incident_type": "", "condition": "", "lost_condition": "waiting-lost"}, "incident_type"),
        ],
    )
    def test_what_is_wrong_comes_back_in_its_place(
        self, browser_as: Browser, wrong: dict[str, str], field: str
    ) -> None:
        browser = browser_as("supervisor")
        with unchanged():
            answer = browser.post("/warnings/rules/new/", {**RULE, **wrong})
        html = answer.content.decode()
        assert answer.status_code == 400
        assert f'id="rule-{field}-error"' in html
        assert escape("Long queue at Leeds") in html

    def test_one_site_is_not_anothers(self, browser_as: Browser) -> None:
        row = WarningRule.objects.first()
        assert row
        xian, leeds = browser_as("supervisor-xian"), browser_as("supervisor")
        others = [browser_as(username) for username in ("leader", "admin", "auditor", "tech", "agent")]
        with unchanged():
            assert xian.get(f"/warnings/rules/{row.pk}/").status_code == 404
            assert xian.post("/warnings/rules/new/", {**RULE, "feed": "telephony"}).status_code == 400
            assert leeds.post("/warnings/rules/new/", {**RULE, "site": "xian"}).status_code == 403
            assert leeds.post("/warnings/rules/new/", {**RULE, "site": ""}).status_code == 403
            for other in others:
                assert other.post("/warnings/rules/new/", RULE).status_code == 403
        assert browser_as("manager").post("/warnings/rules/new/", {**RULE, "site": ""}).status_code == 302

    def test_a_feed(self, browser_as: Browser, api: Apis) -> None:
        browser = browser_as("supervisor")
        body = {"slug": "acd", "name": "Call distributor", "site": "leeds", "stale_after": "5", "enabled": "true"}
        assert browser.post("/warnings/feeds/new/", body)["Location"] == "/warnings/"
        row = Feed.objects.get(slug="acd")
        assert (row.stale_after, row.enabled) == (5 * MINUTE, True)
        again = browser.post("/warnings/feeds/new/", body)
        assert (again.status_code, 'id="feed-slug-error"' in again.content.decode()) == (400, True)
        browser.post(f"/warnings/feeds/{row.pk}/", {**body, "stale_after": "", "enabled": ""})
        api("supervisor").post("signals/", {"feed": "acd", "metric": "m", "value": 1}, 409)
        assert "switched off" in page(browser_as, "supervisor", "/warnings/")

    def test_a_source_that_spoke_first_is_marked(self, browser_as: Browser, api: Apis) -> None:
        api("supervisor").post("signals/", {"feed": "door", "metric": "in", "value": 1}, 201)
        assert "not described yet" in page(browser_as, "supervisor", "/warnings/")
