"""What an open page asks to know whether it is current, and what its frame keeps of its reader's choices."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from contactops import live
from contactops.accounts.models import User
from tests.helpers import Api
from tests.pages.conftest import Browser, hidden

Apis = Callable[[str], Api]


class TestPulse:
    def test_changes_when_something_moved_on(self, browser_as: Browser, api: Apis) -> None:
        browser = browser_as("supervisor")
        first = browser.get("/pulse/")
        assert (first.status_code, set(first.json())) == (200, {"now", "alarm"})
        assert first["Cache-Control"].startswith("max-age=0")
        assert browser.get("/pulse/", headers={"If-None-Match": first["ETag"]}).status_code == 304
        api("agent").report("power-cut")
        second = browser.get("/pulse/", headers={"If-None-Match": first["ETag"]})
        assert second.status_code == 200
        assert second["ETag"] != first["ETag"]

    def test_a_page_is_marked_with_how_things_were_before_it(self, browser_as: Browser, api: Apis) -> None:
        browser = browser_as("supervisor")
        page = browser.get("/board/").content.decode()
        mark = page.partition('data-mark="')[2].partition('"')[0].replace("&quot;", '"')
        assert browser.get("/pulse/", headers={"If-None-Match": mark}).status_code == 304
        api("agent").report("power-cut")
        assert browser.get("/pulse/", headers={"If-None-Match": mark}).status_code == 200

    def test_strangers_learn_nothing(self, client: Client, db: None) -> None:
        answer = client.get("/pulse/")
        assert (answer.status_code, answer.json()) == (401, {"code": "not_signed_in"})


class TestDoor:
    """Whose stream it is: the same answer as Django's own middleware gives a page."""

    @pytest.fixture
    def session(self, browser_as: Browser) -> str:
        return str(browser_as("supervisor").session.session_key)

    def test_a_session_of_somebody(self, session: str) -> None:
        assert live.signed_in({session, "made-up", ""}) == {session}

    def test_many_cost_as_little_as_one(self, browser_as: Browser, django_assert_max_num_queries: Any) -> None:
        keys = {str(browser_as(name).session.session_key) for name in ("agent", "leader", "supervisor", "manager")}
        with django_assert_max_num_queries(2):
            assert live.signed_in(keys) == keys

    @pytest.mark.parametrize(
        "change", [{"is_active": False}, {"password": "another"}], ids=["left", "another password"]
    )
    def test_a_person_who_has_changed(self, session: str, change: dict[str, Any]) -> None:
        User.objects.filter(username="supervisor").update(**change)
        assert live.signed_in({session}) == set()

    def test_a_person_who_is_gone(self, session: str) -> None:
        claim = SessionStore(session)
        claim[SESSION_KEY] = "999999999"
        claim.save()
        assert live.signed_in({session}) == set()

    def test_a_session_that_is_over(self, session: str) -> None:
        Session.objects.filter(pk=session).update(expire_date=timezone.now())
        assert live.signed_in({session}) == set()

    def test_a_session_of_nobody(self, db: None) -> None:
        visitor = SessionStore()
        visitor["language"] = "en"
        visitor.save()
        assert live.signed_in({str(visitor.session_key)}) == set()


class TestSignedOut:
    """The session has ended while a form stood open, and the browser runs no scripts."""

    def test_the_answer_shows_what_was_written(self, client: Client, db: None) -> None:
        answer = client.post(
            "/report/", {"summary": "Row 3 <is> dark"}, headers={"Referer": "http://testserver/report/"}
        )
        page = answer.content.decode()
        assert answer.status_code == 401
        assert "Row 3 &lt;is&gt; dark" in page
        assert 'href="/accounts/login/?next=/report/"' in page

    def test_it_leads_back_to_no_other_host(self, client: Client, db: None) -> None:
        answer = client.post("/report/", {}, headers={"Referer": "http://elsewhere.example/report/"})
        assert 'href="/accounts/login/?next=/"' in answer.content.decode()

    def test_a_form_of_another_sign_in(self, db: None) -> None:
        strict = Client(enforce_csrf_checks=True)
        form = {"summary": "Row 4 is dark", "csrfmiddlewaretoken": "x" * 32}
        for origin, is_shown in (("http://testserver", True), ("http://elsewhere.example", False)):
            answer = strict.post("/report/", form, headers={"Origin": origin})
            assert answer.status_code == 403
            assert ("Row 4 is dark" in answer.content.decode()) == is_shown, origin


class TestTheme:
    def test_belongs_to_the_browser(self, browser_as: Browser) -> None:
        browser = browser_as("agent")
        assert browser.post("/accounts/theme/", {"theme": "dark", "next": "/plans/"})["Location"] == "/plans/"
        assert 'data-theme="dark"' in browser.get("/report/").content.decode()
        browser.post("/accounts/theme/", {"theme": ""})
        assert "data-theme" not in browser.get("/report/").content.decode()

    def test_only_what_there_is(self, browser_as: Browser) -> None:
        browser = browser_as("agent")
        assert browser.post("/accounts/theme/", {"theme": '"><script>', "next": "//elsewhere"})["Location"] == "/"
        assert "data-theme" not in browser.get("/report/").content.decode()
        browser.cookies["theme"] = "neon"
        assert "neon" not in browser.get("/report/").content.decode()


def test_words_for_a_merged_incident_go_where_it_went(browser_as: Browser, api: Apis) -> None:
    first, second = api("agent").report("power-cut"), api("agent").report("power-cut")
    browser = browser_as("supervisor")
    once = hidden(browser.get(f"/incidents/{first}/").content.decode(), "once")
    api("supervisor").do(first, "merge", into=second)
    answer = browser.post(f"/incidents/{first}/notes/", {"text": "Typed before", "once": once})
    assert answer["Location"] == f"/incidents/{second}/#timeline"
    assert "Typed before" in browser.get(f"/incidents/{second}/").content.decode()
    api("supervisor").do(first, "notes", text="Said by the API")
    lines = api("supervisor").see(second, "timeline/")
    assert {"Note: Typed before", "Note: Said by the API"} <= {line["text"] for line in lines}
