"""Reading asks the database as often for thirty rows as for three."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contactops.accounts.models import User
from incidents import access, boards, reporting, selectors, summaries, warned
from incidents.models import Feed, Gauge, Warning, WarningRule
from incidents.times import db_now
from tests.helpers import Api
from tests.incidents.world import Case, Make

Apis = Callable[[str], Api]
Read = Callable[[Case, User, Client, Client], object]


def api_call(path: str) -> Read:
    return lambda case, user, client, browser: answered(client.get("/api/v1/" + path.format(ref=case.ref)))


def page(path: str) -> Read:
    return lambda case, user, client, browser: answered(browser.get(path.format(ref=case.ref)))


def answered(response: Any) -> None:
    assert response.status_code == 200


def incident(case: Case, user: User) -> Any:
    return access.incident_for(user, case.ref)


READS: Mapping[str, Read] = {
    "the list": api_call("incidents/"),
    "the incident": api_call("incidents/{ref}/"),
    "the timeline": api_call("incidents/{ref}/timeline/"),
    "the promises": api_call("incidents/{ref}/promises/"),
    "the notifications": api_call("incidents/{ref}/notifications/"),
    "the summary": api_call("incidents/{ref}/summary/"),
    "the plans": api_call("plans/"),
    "the ledger": api_call("promises/"),
    "board": lambda case, user, client, browser: boards.board(user),
    "overview": lambda case, user, client, browser: boards.overview(user),
    "room": lambda case, user, client, browser: selectors.room(incident(case, user), user),
    "timeline": lambda case, user, client, browser: selectors.timeline(incident(case, user)),
    "promises": lambda case, user, client, browser: selectors.promises(incident(case, user)),
    "notifications": lambda case, user, client, browser: list(selectors.notifications(incident(case, user))),
    "summary": lambda case, user, client, browser: summaries.summary(incident(case, user)),
    "inbox": lambda case, user, client, browser: [letter.incident.ref for letter in selectors.inbox(user)],
    "notices": lambda case, user, client, browser: selectors.notices_for_site(user),
    "candidates": lambda case, user, client, browser: reporting.candidates(actor=user, incident_type="power-cut"),
    "own reports": lambda case, user, client, browser: [r.incident.ref for r in selectors.own_reports(user)],
    "the report page": page("/report/"),
    "the board page": page("/board/"),
    "the overview page": page("/overview/"),
    "the page of promises": page("/promises/"),
    "the list page": page("/incidents/"),
    "the warnings page": page("/warnings/"),
    "the warnings": api_call("warnings/"),
    "strip": lambda case, user, client, browser: warned.strip(user),
    "the room page": page("/incidents/{ref}/"),
    "the summary page": page("/incidents/{ref}/summary/"),
}


@pytest.fixture
def grow(make: Make, api: Apis) -> Callable[[Case, int], None]:
    """So many more incidents, steps, deadlines, reports, notes, updates and messages."""

    def more(case: Case, count: int) -> None:
        me, agent = api("supervisor"), api("agent05")
        for n in range(count):
            me.do(case.ref, "steps", title=f"Look {n}", group="G-LIA", due_in="PT10M")
            me.do(case.ref, "notes", text=f"Seen {n}")
            me.do(case.ref, "updates", audience="leaders", text=f"Still {n}")
            agent.report("power-cut", join=case.ref, seat=f"L{n + 1:02d}")
            ref = api("manager").report("power-cut", site="leeds")
            me.do(ref, "activate", plan="power-cut", level=4)
            warn(n, case)
            me.do(ref, "updates", audience="agents", text=f"Area {n}")

    return more


def warn(n: int, case: Case) -> None:
    """One more feed, metric, rule and warning: open, with the incident that came of it, and over."""
    now = db_now()
    feed = Feed.objects.create(slug=f"feed-{Feed.objects.count()}", name={"en": "Feed"}, last_seen_at=now)
    Gauge.objects.create(feed=feed, metric="m", value=n, at=now)
    kind = case.row.type
    limit = {"metric": "m", "direction": "above", "held_for": timedelta()}
    rule = WarningRule.objects.create(
        title={"en": "Rule"}, family="system", feed=feed, value=1, clear_value=1, cool_down=timedelta(),
        owner="G-SUP", incident_type=kind, site=case.row.site, **limit,
    )  # fmt: skip
    for minute, values in enumerate(
        ({}, {"state": "reported", "incident": case.row}, {"state": "cleared", "over_at": now})
    ):
        at = now - timedelta(minutes=minute)
        Warning.objects.create(
            rule=rule, since=at, opened_at=at, limit=1, value=2, changed_at=at, **limit, **values
        )  # fmt: skip


def statements(read: Read, case: Case, user: User, client: Client, browser: Client) -> int:
    fresh = User.objects.get(pk=user.pk)  # what a person is asked once per request
    with CaptureQueriesContext(
        connection,
    ) as captured:
        read(case, fresh, client, browser)
    return len(captured)


def test_reading_thirty_asks_as_often_as_reading_three(
    make: Make, grow: Callable[[Case, int], None], browser_as: Callable[[str], Client]
) -> None:
    case = make("responding")
    user = User.objects.get(username="manager")
    browser = browser_as("manager")
    grow(case, 3)
    for read in READS.values():  # what is read once per process has been read
        statements(read, case, user, browser, browser)
    few = {name: statements(read, case, user, browser, browser) for name, read in READS.items()}
    grow(case, 27)
    many = {name: statements(read, case, user, browser, browser) for name, read in READS.items()}
    assert {name: (few[name], many[name]) for name in READS if few[name] != many[name]} == {}
    assert len(selectors.timeline(incident(case, user))) > 100
    assert selectors.room(incident(case, user), user).impact["reports"] == 31
