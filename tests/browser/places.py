"""Every page of the console, in the states that matter, with titles that test a layout."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page

from tests.browser.people import choose, fill, unfold
from tests.stories.real import RealStack

LONG = "Blackout" * 25  # 200 characters without a space
PASTE = "<b>&amp;</b> " + "W" * 4_000


@dataclass(frozen=True)
class Cases:
    """References of incidents in each state."""

    reported: str
    assessing: str
    responding: str
    recovering: str
    closed: str
    merged: str
    warning: str


def make_cases(stack: RealStack) -> Cases:
    supervisor, agent, director = stack.api("supervisor"), stack.api("agent01"), stack.api("director")
    refs = [agent.report("power-cut", summary=LONG) for _ in range(6)]
    _, _, responding, recovering, closed, merged = refs
    for ref in refs[1:5]:
        supervisor.do(ref, "acknowledge")
        supervisor.do(ref, "assess", verdict="real", note=PASTE)
    for ref in (responding, recovering):
        supervisor.do(ref, "activate", plan="power-cut", level=2, reason=PASTE[:400])
        supervisor.do(ref, "command", commander="supervisor")
        supervisor.do(ref, "updates", audience="agents", text=PASTE)
        supervisor.do(ref, "notes", text=PASTE)
    helpers = ["leader", *(f"agent{n:02}" for n in range(1, 41))]
    supervisor.do(responding, "support", tier=1, open=True, people=helpers)
    supervisor.do(responding, "support/people", tier=1, status="confirmed", people=helpers[8:], note=LONG)
    supervisor.do(responding, "support/people", tier=1, status="joined", people=helpers[16:])
    supervisor.do(responding, "support/people", tier=1, status="released", people=helpers[30:])
    supervisor.do(responding, "support/people", tier=1, status="declined", people=helpers[2:4], note=PASTE[:400])
    supervisor.do(responding, "support", tier=2, open=True)
    supervisor.do(recovering, "conditions", name="power-off", holds=False)
    supervisor.do(recovering, "conditions", name="restored", holds=True)
    director.do(recovering, "level/confirm")
    supervisor.do(closed, "close", outcome="false-alarm", cause="Nothing " + LONG)
    supervisor.do(merged, "merge", into=responding, reason="The same blackout")
    return Cases(*[*refs, make_warnings(stack)])


def make_warnings(stack: RealStack) -> str:
    """A feed with a long name that has gone silent, a warning that was dismissed and one that is open: its id."""
    supervisor, now = stack.api("supervisor"), datetime.now(UTC)

    def figure(metric: str, value: float, minutes: float = 0, feed: str = "telephony") -> dict[str, Any]:
        at = (now - timedelta(minutes=minutes)).isoformat()
        return {"feed": feed, "metric": metric, "value": value, "at": at}

    waiting = [figure("calls-waiting", 44 + n, 10 - 2 * n) for n in range(5)]
    silent = figure("Blackout" * 15, 123456789.125, 5, "x" * 60)
    supervisor.post("signals/", {"signals": [*waiting, figure("complaints-last-hour", 9), silent]}, 201)
    stack.query("UPDATE incidents_feed SET stale_after = interval '1 millisecond' WHERE slug LIKE 'xxx%%'")
    rows = {row["metric"]: row["id"] for row in supervisor.get("warnings/", state="open")["results"]}
    supervisor.post(f"warnings/{rows['calls-waiting']}/dismiss/", {"reason": PASTE})
    return str(rows["complaints-last-hour"])


PAGES: dict[str, tuple[str, ...]] = {
    "agent01": (
        "/report/",
        "/inbox/",
        "/plans/",
        "/roster/",
        "/incidents/{responding}/",
        "/accounts/me/",
        "/contacts/",
        "/system/",
        "/nowhere/",
    ),
    "supervisor": (
        "/board/",
        "/board/?type=fire-alarm&level=1",
        "/incidents/",
        "/incidents/?q=zzz",
        "/incidents/{reported}/",
        "/incidents/{assessing}/",
        "/incidents/{responding}/",
        "/incidents/{recovering}/",
        "/incidents/{closed}/",
        "/incidents/{merged}/",
        "/incidents/{responding}/summary/",
        "/plans/power-cut/",
        "/plans/power-cut/?level=2&by=group",
        "/plans/power-cut/revisions/",
        "/plans/fire-alarm/?by=phase",
        "/inbox/",
        "/promises/",
        "/promises/?state=fired&incident={responding}",
        "/promises/?plan=fire-alarm&from=2026-03-02",
        "/roster/?site=",
        "/roster/?week=2020-01-01",
        "/roster/add/",
        "/roster/import/",
        "/roster/shifts/5/",
        "/warnings/",
        "/warnings/feeds/new/",
        "/warnings/rules/new/",
        "/report/?warning={warning}",
    ),
    "leader": ("/board/", "/incidents/{responding}/", "/inbox/"),
    "manager": ("/overview/", "/incidents/{responding}/", "/incidents/{closed}/summary/", "/board/", "/promises/"),
    "admin": (
        "/system/",
        "/system/outbox/",
        "/system/mail/",
        "/system/channels/",
        "/contacts/",
        "/styleguide/",
        "/plans/house/",
    ),
}


def addresses(username: str, cases: Cases) -> list[str]:
    return [page.format(**cases.__dict__) for page in PAGES[username]]


def wrong_report(page: Page) -> None:
    """A report that comes back with faults."""
    page.goto("/report/")
    page.locator("form#report").evaluate("form => { form.noValidate = true }")
    page.fill("[name=summary]", LONG + "!")
    page.locator("form#report button.main").click()
    page.locator(".problems").wait_for()


def refused_close(page: Page, cases: Cases) -> None:
    """A close that comes back with all that is still open."""
    page.goto(f"/incidents/{cases.responding}/")
    form = page.locator(f'form[action="/incidents/{cases.responding}/close/"]')
    unfold(form)
    choose(form, "outcome", "resolved")
    fill(form, {"cause": LONG})
    form.locator("button").last.click()
    page.locator(".problems").wait_for()


def everything_unfolded(page: Page) -> None:
    page.evaluate("for (const fold of document.querySelectorAll('details:not(.menu)')) fold.open = true")


def shots(page: Page, name: str) -> None:
    """Keep a picture where CONTACTOPS_SHOTS says, for looking at."""
    if folder := os.environ.get("CONTACTOPS_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def as_reader(page: Page, language: str, theme: str) -> None:
    """Choose a language and an appearance, as from the menu."""
    for name, value in (("language", language), ("theme", theme)):
        page.locator(".user-menu summary").click()
        page.locator(f'.user-menu button[name="{name}"][value="{value}"]').click()
        page.wait_for_load_state()
