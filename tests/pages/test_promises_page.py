"""The page of all promises and its API twin: what is shown to whom, what the figures count, and why each promise exists."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contactops.accounts.models import User
from incidents import promised, services
from incidents.clock import due_incidents
from incidents.models import Timer
from incidents.promised import COUNTED, STATES, Asked
from incidents.record import settle
from tests.helpers import Api, Clock
from tests.pages.conftest import Browser
from tests.record import made

Apis = Callable[[str], Api]
Cast = Callable[[str], User]
MINUTE = timedelta(minutes=1)
ADDRESS = "/promises/"


def rows(page: str) -> list[str]:
    return re.findall(r'<li class="promised".*?</li>', page, re.DOTALL)


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def get(browser_as: Browser, username: str = "supervisor", query: str = "") -> str:
    answer = browser_as(username).get(ADDRESS + query)
    assert answer.status_code == 200
    return answer.content.decode()


def row_of(page: str, words: str) -> str:
    found = [plain(row) for row in rows(page) if words in plain(row)]
    assert len(found) == 1, (words, len(found))
    return found[0]


def outage(clock: Clock, length: timedelta) -> None:
    """No clock looks for so long; then one does."""
    clock.forward(length, fire=False)
    settle(due_incidents(500, set()))


# -- Who ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("username", "status"),
    [
        *((name, 200) for name in ("leader", "supervisor", "manager", "auditor", "admin")),
        *((name, 403) for name in ("agent", "tech")),
    ],
)
def test_who_may(browser_as: Browser, api: Apis, username: str, status: int) -> None:
    assert browser_as(username).get(ADDRESS).status_code == status
    api(username).get("promises/", status)
    home = "/report/" if username == "agent" else "/plans/"
    assert ('href="/promises/' in browser_as(username).get(home).content.decode()) == (status == 200)


def test_other_sites_and_restricted_incidents_are_not_there(browser_as: Browser, api: Apis, cast: Cast) -> None:
    here, elsewhere = api("agent").report("power-cut"), api("agent-xian").report("power-cut")
    hidden = made.incidents(1, cast("agent"), restricted=True)[0].ref
    page = get(browser_as)
    assert (here in page, elsewhere in page, hidden in page) == (True, False, False)
    refs = {row["incident"] for row in api("supervisor").get("promises/")["results"]}
    assert refs == {here}
    page = get(browser_as, "manager")
    assert (here in page, elsewhere in page, hidden in page) == (True, True, False)
    page = get(browser_as, "manager", "?site=xian")
    assert (here in page, elsewhere in page) == (False, True)


# -- What it says ------------------------------------------------------------------------------------------------------


class TestWhyItExists:
    def test_a_condition_that_lasts(self, browser_as: Browser, api: Apis, clock: Clock) -> None:
        """Rule, clock, fact: with the entry of the timeline that began it."""
        ref = api("agent").report("power-cut")
        api("supervisor").do(ref, "activate", plan="power-cut", level=3)
        timer = Timer.objects.get(incident__ref=ref, rule="power-5")
        page = get(browser_as, query="?rule=power-5")
        seq = timer.base.rpartition("@")[2]
        assert f'href="/incidents/{ref}/?all=1#entry-{seq}"' in page
        [words] = [plain(row) for row in rows(page)]
        assert "has lasted 5 min" in words
        assert "since 2 Mar 14:00" in words
        assert "after 5 min" in words
        assert "5:00 left" in words
        room = browser_as("supervisor").get(f"/incidents/{ref}/?all=1").content.decode()
        assert f'id="entry-{seq}"' in room

    def test_the_level_decides_the_time(self, browser_as: Browser, api: Apis, clock: Clock) -> None:
        ref = api("agent").report("power-cut")
        api("supervisor").do(ref, "activate", plan="power-cut", level=2)
        assert "30 min at level 2" in plain(get(browser_as, query="?rule=update-leaders"))
        [row] = api("supervisor").get("promises/", rule="update-leaders")["results"]
        assert (row["why"]["level"], row["why"]["after_s"]) == (2, 1800)
        clock.forward(31 * MINUTE)
        api("supervisor").do(ref, "level", level=3, reason="It calms down")
        found = api("supervisor").get("promises/", rule="update-leaders", state="fired")["results"]
        assert found[0]["why"]["level"] == 2  # what counted then, not what counts now
        assert found[0]["why"]["after_s"] == 1800

    def test_what_people_changed(self, browser_as: Browser, api: Apis, clock: Clock) -> None:
        ref = api("agent").report("power-cut")
        api("supervisor").do(ref, "activate", plan="power-cut", level=3)
        number = Timer.objects.get(incident__ref=ref, rule="power-5").pk
        api("supervisor").do(ref, f"promises/{number}/extend", by="PT10M", reason="The grid says so")
        assert "put off, by 10 min" in row_of(get(browser_as, query="?rule=power-5"), "put off")
        api("manager").do(ref, f"promises/{number}/pause", reason="Wait")
        words = plain(get(browser_as, query="?rule=power-5"))
        assert "paused since 14:00" in words
        api("manager").do(ref, f"promises/{number}/stop", reason="Told in person", expect=409)

    def test_a_step_that_a_person_added(self, browser_as: Browser, api: Apis, clock: Clock) -> None:
        ref = api("agent").report("power-cut")
        api("supervisor").do(ref, "steps", title="Fetch torches", group="G-LIA", due_in="PT10M")
        words = row_of(get(browser_as), "Due: Fetch torches")
        assert "“Fetch torches” was added with a time limit" in words
        assert "“Fetch torches” is open, since 2 Mar 14:00" in words
        assert "after 10 min" in words

    def test_every_rule_of_every_plan_has_words(self, browser_as: Browser, cast: Cast, clock: Clock) -> None:
        """Also for those that compiling made, in both languages."""
        for slug in ("power-cut", "network-fault", "application-fault", "fire-alarm", "inbound-surge"):
            made.activated(1, cast("agent"), plan=slug, level=1)
        clock.forward(20 * MINUTE)
        timers = list(promised.ledger(cast("manager"), Asked()))
        views = promised.shown(timers, clock.now)
        assert len({view.timer.rule for view in views}) > 20
        for view in views:
            assert view.why.rule and view.why.rule != view.timer.rule, view.timer
            assert view.why.clock, view.timer
            assert view.why.since and view.why.since <= view.timer.due_at, view.timer
            assert view.why.seq, view.timer
            assert view.words != view.timer.rule, view.timer
        assert rows(get(browser_as, "supervisor-xian", "?state=fired")) == []  # another site's, and no fault

    def test_the_explanation_adds_up(self, cast: Cast, clock: Clock) -> None:
        """Of what a plan promised at its first stage, untouched: the beginning and the time make the due time."""
        made.activated(1, cast("agent"))
        clock.forward(40 * MINUTE)
        checked = 0
        for view in promised.shown(list(promised.ledger(cast("manager"), Asked())), clock.now):
            if view.timer.n == 1 and view.why.span is not None and view.why.since:
                assert view.why.since + view.why.span == view.timer.due_at, view.timer
                checked += 1
        assert checked > 10


def test_one_broken_incident_does_not_take_the_page_with_it(browser_as: Browser, api: Apis, cast: Cast) -> None:
    broken, good = made.activated(2, cast("agent"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE incidents_incident SET state = state - 'activations' WHERE id = %s", [broken.pk])
    page = get(browser_as)
    assert (broken.ref in page, good.ref in page) == (True, True)
    assert len(api("supervisor").get("promises/")["results"]) > 10


# -- Figures -----------------------------------------------------------------------------------------------------------


def counts(page: str) -> dict[str, str]:
    found = re.findall(r'state=([\w-]+)">[^<]*</a></dt><dd><span class="figure">(\d+)</span>', page)
    return dict(found)


def test_the_figures_share_out_what_was_kept(browser_as: Browser, cast: Cast, clock: Clock) -> None:
    """Each promise that fired is in one of the five, and each leads to the list of those that it counts."""
    made.activated(2, cast("agent"))
    clock.forward(12 * MINUTE)  # kept on time
    late = made.incidents(1, cast("agent"))[0]
    clock.forward(25 * MINUTE)
    services.activate(incident=late, actor=cast("supervisor"), plan="power-cut", level=3)  # late by the plan
    outage(clock, timedelta(seconds=30))
    outage(clock, 3 * 60 * MINUTE)
    page = get(browser_as)
    shown = counts(page)
    assert list(shown) == list(COUNTED)
    fired = Timer.objects.filter(state="fired")
    kinds = [name for name in COUNTED if name != "collapsed"]
    assert sum(int(shown[name]) for name in kinds) == fired.count()
    assert all(int(shown[name]) for name in ("on-time", "missed", "late", "after-downtime", "collapsed")), shown
    for name, number in shown.items():
        assert f"{number} promise" in get(browser_as, query=f"?state={name}")
    for timer in fired:
        assert sum(Timer.objects.filter(STATES[name], pk=timer.pk).exists() for name in kinds) == 1
    for view in promised.shown(list(promised.ledger(cast("manager"), Asked())), clock.now):
        assert Timer.objects.filter(STATES[view.kept], pk=view.timer.pk).exists(), view.kept


def test_drills_are_not_counted_among_real_ones(browser_as: Browser, cast: Cast, clock: Clock) -> None:
    made.activated(1, cast("agent"), kind="drill")
    clock.forward(12 * MINUTE)
    page = get(browser_as)
    assert set(counts(page).values()) == {"0"}
    assert re.search(r"and \d+ in drills", plain(page))
    assert "Drill" in page or "drill" in page


# -- Lists -------------------------------------------------------------------------------------------------------------


def test_the_next_due_first_then_the_newest(browser_as: Browser, cast: Cast, clock: Clock) -> None:
    made.activated(3, cast("agent"))
    clock.forward(12 * MINUTE)
    found = list(promised.ledger(cast("supervisor"), Asked()))
    pending = [row for row in found if row.state == "pending"]
    assert found[: len(pending)] == pending
    assert [row.due_at for row in pending] == sorted(row.due_at for row in pending)
    over = [row.due_at for row in found[len(pending) :]]
    assert over == sorted(over, reverse=True)
    assert pending and over


def test_pages_of_fifty_and_addresses_that_mean_nothing(browser_as: Browser, api: Apis, cast: Cast) -> None:
    made.activated(6, cast("agent"))
    total = Timer.objects.count()
    assert total > 50
    browser = browser_as("supervisor")
    assert len(rows(browser.get(ADDRESS).content.decode())) == 50
    assert len(rows(browser.get(f"{ADDRESS}?page=2").content.decode())) == min(50, total - 50)
    for wrong in (
        "state=x",
        "kind=x",
        "from=x",
        "from=0001-01-01",
        "to=9999-12-31",
        "page=x",
        "site=nowhere",
        "plan=%20",
    ):
        assert browser.get(f"{ADDRESS}?{wrong}").status_code == 200, wrong
    for name, value in (("state", "x"), ("kind", "x"), ("from", "x"), ("to", "9999-12-31"), ("rule", "x" * 90)):
        assert name in api("supervisor").get("promises/", 400, **{name: value})
    assert api("supervisor").get("promises/", 404, cursor="cD14")["detail"]


@pytest.mark.parametrize("state", ["pending", "", "fired"])
def test_the_api_gives_the_same_page_by_page(api: Apis, cast: Cast, clock: Clock, state: str) -> None:
    made.activated(3, cast("agent"))
    clock.forward(12 * MINUTE)
    found: list[Any] = []
    answer = api("supervisor").get("promises/", state=state, page_size=7)
    while True:
        found += answer["results"]
        if not answer["next"]:
            break
        answer = api("supervisor").client.get(answer["next"]).json()
    ids = [row["id"] for row in found]
    assert len(ids) == len(set(ids))
    assert set(ids) == {row.pk for row in promised.ledger(cast("supervisor"), Asked(state=state))}
    dues = [row["due_at"] for row in found]
    assert dues == sorted(dues, reverse=state != "pending")


def test_filters(api: Apis, cast: Cast, clock: Clock) -> None:
    me = api("supervisor")
    real = api("agent").report("power-cut")
    drill = api("manager").report("network-fault", kind="drill", site="leeds", participants=["supervisor"])
    me.do(real, "activate", plan="power-cut", level=3)

    def refs(**asked: Any) -> set[str]:
        return {row["incident"] for row in me.get("promises/", **asked)["results"]}

    assert refs() == {real, drill}
    assert refs(kind="drill") == {drill}
    assert refs(plan="power-cut") == {real}
    assert refs(incident=drill.lower()) == {drill}
    assert refs(site="xian") == set()
    day = clock.now.date()
    assert refs(**{"from": str(day), "to": str(day)}) == {real, drill}
    assert refs(**{"from": str(day + timedelta(days=9))}) == set()
    assert refs(to=str(day - timedelta(days=1))) == set()


@pytest.mark.parametrize("username", ["supervisor", "manager"])
def test_thirty_cost_as_many_queries_as_three(
    browser_as: Browser, api: Apis, cast: Cast, clock: Clock, username: str
) -> None:
    browser, client = browser_as(username), api(username)

    def asked() -> tuple[int, int]:
        with CaptureQueriesContext(
            connection,
        ) as page:
            assert browser.get(ADDRESS).status_code == 200
        with CaptureQueriesContext(
            connection,
        ) as twin:
            client.get("promises/")
        return len(page), len(twin)

    made.activated(3, cast("agent"))
    clock.forward(7 * MINUTE)
    asked()
    few = asked()
    made.activated(27, cast("agent"), plan="network-fault")
    clock.forward(7 * MINUTE)
    assert asked() == few


# -- After downtime ----------------------------------------------------------------------------------------------------


class TestAfterDowntime:
    def test_the_board_says_so_until_one_has_looked(self, browser_as: Browser, cast: Cast, clock: Clock) -> None:
        made.activated(1, cast("agent"))
        browser, other = browser_as("supervisor"), browser_as("leader")
        assert "after downtime" not in browser.get("/board/").content.decode()
        outage(clock, 30 * MINUTE)
        number = Timer.objects.filter(STATES["after-downtime"]).count()
        assert number > 3
        for address in ("/board/", "/board/?site=leeds"):
            page = browser.get(address).content.decode()
            assert f"{number} promises fired late after downtime" in page
        assert "/promises/?state=after-downtime&amp;site=leeds" in page
        overview = browser_as("manager").get("/overview/").content.decode()
        assert f"{number} promises fired late after downtime" in overview
        shown = browser.get("/promises/?state=after-downtime").content.decode()
        assert len(rows(shown)) == number
        assert "late by the console" in shown
        assert "after downtime" not in browser.get("/board/").content.decode()
        assert "after downtime" in other.get("/board/").content.decode()  # who has not looked is still told
        clock.forward(timedelta(minutes=5))
        made.activated(1, cast("agent"))
        outage(clock, 40 * MINUTE)
        assert "fired late after downtime" in browser.get("/board/").content.decode()  # and of the next one

    def test_or_a_day_has_passed(self, browser_as: Browser, cast: Cast, clock: Clock) -> None:
        made.activated(1, cast("agent"))
        outage(clock, 30 * MINUTE)
        clock.forward(timedelta(hours=23))
        assert "after downtime" in browser_as("supervisor").get("/board/").content.decode()
        clock.forward(timedelta(hours=1, seconds=1))
        assert "after downtime" not in browser_as("supervisor").get("/board/").content.decode()

    def test_drills_are_told_apart(self, browser_as: Browser, cast: Cast, clock: Clock) -> None:
        made.activated(1, cast("agent"), kind="drill")
        outage(clock, 30 * MINUTE)
        page = browser_as("supervisor").get("/board/").content.decode()
        assert "promises of drills fired late after downtime" in page

    def test_nobody_is_told_of_what_they_may_not_see(self, browser_as: Browser, cast: Cast, clock: Clock) -> None:
        made.activated(1, cast("agent"), restricted=True)
        outage(clock, 30 * MINUTE)
        assert Timer.objects.filter(STATES["after-downtime"]).exists()
        assert "after downtime" not in browser_as("supervisor").get("/board/").content.decode()

    def test_it_costs_the_board_one_query(self, browser_as: Browser, cast: Cast, clock: Clock) -> None:
        made.activated(3, cast("agent"))
        outage(clock, 30 * MINUTE)
        browser = browser_as("supervisor")
        browser.get("/board/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = browser.get("/board/").content.decode()
        assert "after downtime" in page
        assert len(queries) <= 12
