"""What every page shares: signing in, doors, language, the banner, no script or style inside."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from contactops.accounts.models import User
from incidents.models import ClockBeat
from incidents.times import db_now
from tests.pages.conftest import Browser

HOMES = {
    "agent": "/report/",
    "tech": "/report/",
    "leader": "/board/",
    "supervisor": "/board/",
    "manager": "/overview/",
    "admin": "/system/",
    "auditor": "/board/",
}
INSIDE = re.compile(
    r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|https?://(?!testserver|www\.w3\.org/2000/svg)", re.IGNORECASE
)


@pytest.mark.parametrize(("username", "home"), HOMES.items())
def test_everybody_begins_where_their_work_is(browser_as: Browser, username: str, home: str) -> None:
    assert browser_as(username).get("/")["Location"] == home


@pytest.mark.parametrize(
    ("username", "path", "status"),
    [
        ("agent", "/board/", 403),
        ("agent", "/overview/", 403),
        ("supervisor", "/overview/", 403),
        ("director", "/overview/", 200),
        ("auditor", "/report/", 403),
        ("auditor", "/board/", 200),
        ("tech", "/board/", 403),
        ("tech", "/incidents/", 200),
    ],
)
def test_doors(browser_as: Browser, username: str, path: str, status: int) -> None:
    assert browser_as(username).get(path).status_code == status


def test_the_rail_shows_no_door_that_is_shut(browser_as: Browser) -> None:
    for username in HOMES:
        browser = browser_as(username)
        rail = re.search(r'<nav class="rail".*?</nav>', browser.get("/inbox/").content.decode(), re.DOTALL)
        assert rail
        for path in re.findall(r'href="([^"]+)"', rail[0]):
            assert browser.get(path).status_code == 200, (username, path)


@pytest.mark.parametrize("path", ["/", "/report/", "/board/", "/overview/", "/inbox/", "/incidents/", "/accounts/me/"])
def test_pages_ask_who_it_is(client: Client, db: None, path: str) -> None:
    assert client.get(path)["Location"] == f"/accounts/login/?next={path}"


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/accounts/login/"])
def test_what_is_open(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code in (200, 503)


def test_metrics_are_prometheus_text(client: Client, db: None) -> None:
    text = client.get("/metrics").content.decode()
    assert "contactops_live_incidents 0.0" in text
    assert "contactops_clock_last_look_seconds +Inf" in text


def test_nothing_is_inside_a_page_that_a_strict_policy_forbids(
    browser_as: Browser, incident: Callable[..., str]
) -> None:
    ref = incident(level=2)
    browser = browser_as("manager")
    for path in ("/board/", "/overview/", "/report/", "/inbox/", "/incidents/", f"/incidents/{ref}/", "/accounts/me/"):
        page = browser.get(path).content.decode()
        assert not INSIDE.search(page), (path, INSIDE.search(page))


def test_signing_in_leads_to_where_one_was_going(client: Client, db: None) -> None:
    given = {"username": "supervisor", "password": "demo-supervisor", "next": "/incidents/?q=x"}
    assert client.post("/accounts/login/", given)["Location"] == "/incidents/?q=x"


def test_a_wrong_password_keeps_the_name(client: Client, db: None) -> None:
    response = client.post("/accounts/login/", {"username": "supervisor", "password": "no"})
    assert response.status_code == 400
    assert 'value="supervisor"' in response.content.decode()


def test_too_many_tries(client: Client, db: None, settings: Any) -> None:
    settings.SIGN_IN_TRIES_PER_MINUTE = 2
    wrong = {"username": "somebody-else", "password": "no"}
    seen = [client.post("/accounts/login/", wrong).status_code for _ in range(6)]  # a minute may end in between
    assert 429 in seen
    right = {"username": "supervisor", "password": "demo-supervisor"}
    assert client.post("/accounts/login/", right).status_code == 302


def test_the_language_is_the_persons_own(browser_as: Browser, cast: Callable[[str], User]) -> None:
    browser = browser_as("supervisor")
    assert browser.post("/accounts/me/", {"language": "zh-hans", "time_zone": "Asia/Shanghai"}).status_code == 302
    page = browser.get("/board/").content.decode()
    assert '<html lang="zh-Hans">' in page
    assert 'data-zone="Asia/Shanghai"' in page
    assert browser.post("/accounts/me/", {"language": "xx", "time_zone": "Mars/Base"}).status_code == 400
    assert cast("supervisor").time_zone == "Asia/Shanghai"


def test_before_signing_in_a_language_can_be_chosen(client: Client, db: None) -> None:
    client.post(reverse("language"), {"language": "zh-hans", "next": "/accounts/login/"})
    assert '<html lang="zh-Hans">' in client.get("/accounts/login/").content.decode()


SILENT = "The clock is silent."
EVERYBODY = ("/report/", "/inbox/", "/plans/", "/plans/power-cut/", "/accounts/me/", "/api/docs/")


def test_the_banner_comes_and_goes_on_a_page_that_is_open(client: Client, browser_as: Browser) -> None:
    browser = browser_as("agent")
    assert SILENT in browser.get("/banner/?alarm=").content.decode()
    assert browser.get("/banner/?alarm=clock").status_code == 204
    ClockBeat.objects.create(worker="w", looked_at=db_now())
    assert browser.get("/banner/?alarm=").status_code == 204
    assert SILENT not in browser.get("/banner/?alarm=clock").content.decode()
    assert client.get("/banner/").status_code == 286  # htmx stops asking


@pytest.mark.parametrize(
    ("username", "paths"),
    [
        ("agent", EVERYBODY),
        ("supervisor", ("/board/", "/incidents/", "/incidents/{ref}/", "/incidents/{ref}/summary/")),
        ("manager", ("/overview/",)),
        ("admin", ("/admin/", "/admin/incidents/timer/", "/admin/accounts/user/")),
    ],
)
def test_it_is_on_every_page(
    browser_as: Browser, incident: Callable[..., str], username: str, paths: tuple[str, ...]
) -> None:
    ref, browser = incident(), browser_as(username)
    for path in paths:
        assert SILENT in browser.get(path.format(ref=ref)).content.decode(), path
    ClockBeat.objects.create(worker="w", looked_at=db_now())
    for path in paths:
        assert SILENT not in browser.get(path.format(ref=ref)).content.decode(), path


@pytest.fixture
def no_database(db: None) -> Iterator[None]:
    """Every statement fails, as when the database has gone away."""

    def gone(*_: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    with connection.execute_wrapper(gone):
        yield


def test_without_its_database_the_console_says_so(browser_as: Browser, request: pytest.FixtureRequest) -> None:
    """Asked with the cookie of somebody whom only the database knows."""
    browser = browser_as("supervisor")
    request.getfixturevalue("no_database")
    banner = browser.get("/banner/?alarm=")
    assert (banner.status_code, "The database does not answer." in banner.content.decode()) == (200, True)
    assert browser.get("/banner/?alarm=database").status_code == 204
    health = browser.get("/healthz")
    assert (health.status_code, health.json()["database"]) == (503, False)


def test_unknown_addresses(browser_as: Browser) -> None:
    browser = browser_as("agent")
    assert "text/html" in browser.get("/nowhere/")["Content-Type"]
    answer = browser.get("/api/v1/nowhere/")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
