"""Every cell of docs/permissions.md is tried: each call, by each role, against an incident of its own."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from contactops.accounts.models import Gateway, User
from contactops.errors import NotAllowed
from incidents.verbs import PROMISE_VERBS, VERBS
from plans import services as plans
from plans.models import Group, Membership, PlanRevision, Shift
from tests.contract.calls import open_warning
from tests.helpers import Api, report_body
from tests.incidents.world import Case, Make, maker, undone

TABLE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"

# column -> who stands for it; a member of the leading group stands beside the other members
PEOPLE = {
    "agent": ["agent07"],
    "leader": ["leader"],
    "supervisor": ["supervisor"],
    "manager": ["manager"],
    "member of a called group": ["tech", "director"],
    "administrator": ["admin"],
    "auditor": ["auditor"],
}
# whose step is whose own; those who may have none try one of the duty leaders'
OWN = {"supervisor": "G-SUP", "manager": "G-LEAD", "director": "G-LEAD", "tech": "G-TECH"}
GROUPS = ("G-DUTY", "G-SUP", "G-LEAD", "G-TECH", "G-HR")


def rows() -> dict[str, dict[str, str]]:
    """call -> column -> cell"""
    lines = [line.strip("|").split("|") for line in TABLE.read_text().splitlines() if line.startswith("|")]
    head, _rule, *body = [[cell.strip() for cell in line] for line in lines]
    return {
        call: dict(zip(head[2:], cells[2:], strict=True)) for cells in body for call in re.findall("`(.+?)`", cells[1])
    }


def may(cell: str, call: str, username: str) -> bool:
    """What a cell says of one call of its row."""
    by_word: Mapping[str, bool] = {
        "own sites": not call.endswith(":elsewhere"),
        "those they are called to": call != "see:elsewhere",
        "own steps, note": call in ("steps:own", "notes", "hand-over"),
        "leading group: yes": username == "director",
        "owner group: yes": call == "page:warnings" or username == "director",
        "read": call.endswith(":read"),
        "draft": call in ("plan:read", "plan:draft"),
    }
    if cell in by_word:
        return by_word[cell]
    if cell in ("no", "no (404)"):
        return False
    assert cell in ("yes", "all", "all, read only", "approve another's", "takes effect at once, “not yet confirmed”")
    return True


@dataclass
class World:
    """What a call is tried against."""

    make: Make
    api: Callable[[str], Api]
    browser_as: Callable[[str], Client]
    cast: Callable[[str], User]
    case: Case = field(init=False)

    def prepared(self, state: str, level: int, groups: Sequence[str]) -> Case:
        """An incident to which everybody's group is called."""
        if state == "unconfirmed":
            case = self.make("assessing")
            case.do("supervisor", "activate", plan="power-cut", level=2)
        else:
            case = self.make({"closed": "assessing", "calling": "responding"}.get(state, state), level=level)
        for group in groups:
            case.do("supervisor", "steps", title=f"For {group}", group=group)
        if state == "calling":
            case.do("supervisor", "call-out", ladder="power-cut.topic-building")
        if state == "closed":
            case.do("supervisor", "close", outcome="false-alarm")
        return case


Try = Callable[[World, str], int]


def post(path: str, body: Mapping[str, Any] | Callable[[World], Mapping[str, Any]]) -> Try:
    def attempt(world: World, username: str) -> int:
        given = body if isinstance(body, Mapping) else body(world)
        return int(world.api(username).client.post(f"/api/v1/{path}", dict(given), format="json").status_code)

    return attempt


def verb(name: str, /, **body: Any) -> Try:
    return lambda world, username: post(f"incidents/{world.case.ref}/{name}/", body)(world, username)


def promise(name: str, /, **body: Any) -> Try:
    def attempt(world: World, username: str) -> int:
        number = world.case.promise("update-leaders")["id"]
        return verb(f"promises/{number}/{name}", reason="Wait", **body)(world, username)

    return attempt


def resume(world: World, username: str) -> int:
    promise("pause")(world, "manager")
    return promise("resume")(world, username)


def step(group: Callable[[str], str]) -> Try:
    return lambda world, username: verb(f"steps/house.adhoc-{GROUPS.index(group(username)) + 1}/start")(world, username)


def merge(world: World, username: str) -> int:
    into = world.api("agent05").report("power-cut")
    return verb("merge", into=into)(world, username)


def hand_over(world: World, username: str) -> int:
    """Whoever has the call-out gives it away; the others try to."""
    case = world.case
    if username in ("leader", "tech", "director"):
        case.do("supervisor", "hand-over", ladder="power-cut.topic-building", person=username)
        letter = case.letter_to(username)
        world.api(username).post(f"notifications/{letter.pk}/acknowledge/")
    to = "supervisor" if username == "leader" else "leader"
    return verb("hand-over", ladder="power-cut.topic-building", person=to)(world, username)


def help_oneself(world: World, username: str) -> int:
    """What somebody says of themselves. All who can be asked are; whoever cannot is asked by nobody, and says it all the
    same."""
    world.api("supervisor").client.post(
        f"/api/v1/incidents/{world.case.ref}/support/people/",
        {"tier": 1, "people": [username], "status": "asked"},
        format="json",
    )
    return verb("support/people", tier=1, people=[username], status="confirmed")(world, username)


def receipt(world: World, username: str) -> int:
    """One's own; somebody else's for whoever has none."""
    answer = world.api(username).client.post("/api/v1/reports/", report_body(), format="json").json()
    number = answer.get("id", world.case.report_id)
    return int(world.api(username).client.get(f"/api/v1/reports/{number}/").status_code)


def see(ref: Callable[[World], str]) -> Try:
    return lambda world, username: int(
        world.api(username).client.get(f"/api/v1/incidents/{ref(world)}/").status_code,
    )


def see_at(path: str) -> Try:
    return lambda world, username: int(world.api(username).client.get(f"/api/v1/{path}").status_code)


def elsewhere(world: World) -> str:
    return world.api("agent-xian").report("power-cut")


def read_plans(world: World, username: str) -> int:
    return int(world.api(username).client.get("/api/v1/plans/power-cut/").status_code)


def drafted(by: User) -> PlanRevision:
    published = PlanRevision.objects.get(plan__slug="power-cut", status="published")
    return plans.load({**published.document, "purpose": {"en": "Another purpose."}}, by=by).revision


def allowed(act: Callable[[], object]) -> int:
    try:
        act()
    except NotAllowed as error:
        return error.status
    return 200


def draft(world: World, username: str) -> int:
    return allowed(lambda: drafted(world.cast(username)))


def publish(world: World, username: str) -> int:
    writer = world.cast("supervisor-xian")
    revision = drafted(writer)
    return allowed(lambda: plans.publish(revision, by=writer, approved_by=world.cast(username)))


SHIFT = {"group": "G-DUTY", "starts_at": "2031-03-02T20:00:00Z", "ends_at": "2031-03-03T08:00:00Z"}
FILE = "site,group,person,date,start,end\nleeds,G-DUTY,leader,2031-03-02,20:00,08:00\n"


def rostered(world: World, username: str) -> str:
    """A shift of theirs in the reserve, and a question to somebody else whether they would take it."""
    group = Group.objects.get(key="G-RES", site__code="leeds")
    Membership.objects.get_or_create(group=group, user=world.cast(username))
    begins = datetime(2031, 3, 2, 20, tzinfo=UTC)
    shift = Shift.objects.create(
        group=group, person=world.cast(username), starts_at=begins, ends_at=begins + timedelta(hours=12)
    )
    return f"roster/shifts/{shift.pk}/swap/"


def swap(world: World, username: str) -> int:
    return post(rostered(world, username), {"person": "press"})(world, username)


def take(world: World, username: str) -> int:
    Membership.objects.get_or_create(
        group=Group.objects.get(key="G-RES", site__code="leeds"), user=world.cast(username)
    )
    asked = world.api("press").post(rostered(world, "press"), {"person": username})
    return post(f"roster/swaps/{asked['id']}/accept/", {})(world, username)


def page(address: str) -> Try:
    return lambda world, username: world.browser_as(username).get(address).status_code


def change_settings(world: World, username: str) -> int:
    """A new seat, typed into the administrator's form."""
    site = world.cast("admin").site_id
    body = {"site": site, "code": "L99", "state": "ok", "power_fed": "", "area": "", "row": "", "switch": ""}
    response = world.browser_as(username).post("/admin/plans/seat/add/", body)
    saved = response.status_code == 302 and response["Location"] == "/admin/plans/seat/"
    return 200 if saved else 404 if response.status_code == 302 else response.status_code


def change_channels(address: str) -> Try:
    """A gateway added, or one that nobody listens at tested: the page answers by sending the browser back to itself."""

    def attempt(world: World, username: str) -> int:
        row = Gateway.objects.create(channel="sms", name="Gone", url="json://127.0.0.1:9/", enabled=False)
        body = {"channel": "sms", "name": "Another", "url": "json://127.0.0.1:9/", "address": "+447700900123"}
        response = world.browser_as(username).post(address.format(pk=row.pk), body)
        return 200 if response.status_code == 302 else response.status_code

    return attempt


def warnings(world: World, username: str) -> int:
    """Somebody who is told of it sees it; for the others there is none."""
    seen = open_warning().pk
    answer = world.api(username).client.get("/api/v1/warnings/").json()
    return 200 if seen in [row["id"] for row in answer["results"]] else 404


def decide(name: str, /, **body: Any) -> Try:
    return lambda world, username: post(f"warnings/{open_warning().pk}/{name}/", body)(world, username)


def report_warning(world: World, username: str) -> int:
    return post("reports/", report_body("general-emergency", site="leeds", warning=open_warning().pk))(world, username)


def settings_form(address: str, **body: Any) -> Try:
    """A form that leads back to the page of warnings once it is saved."""

    def attempt(world: World, username: str) -> int:
        response = world.browser_as(username).post(address, body)
        return 200 if response.status_code == 302 and response["Location"] == "/warnings/" else response.status_code

    return attempt


def see_findings(world: World, username: str) -> int:
    answer = world.browser_as(username).post("/system/findings/", {"up_to": "0"})
    return 200 if answer.get("Location", "").startswith("/system/") else answer.status_code


ALERT = {"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-01-01T00:00:00Z", "fingerprint": "f"}
RULE = {
    **{"title": "Long queue", "family": "traffic", "feed": "telephony", "metric": "m", "direction": "above"},
    **{"value": "4", "held_for": "5", "owner": "G-SUP", "site": "leeds", "incident_type": "inbound-surge"},
}


@dataclass(frozen=True)
class Call:
    attempt: Try
    state: str = "reported"
    level: int = 3


CALLS: Mapping[str, Call] = {
    "report": Call(post("reports/", lambda world: report_body())),
    "candidates": Call(post("reports/?candidates=1", {"incident_type": "power-cut"})),
    "join": Call(post("reports/", lambda world: report_body(join=world.case.ref))),
    "receipt": Call(receipt),
    "page:report": Call(page("/report/")),
    "see": Call(see(lambda world: world.case.ref)),
    "see:elsewhere": Call(see(elsewhere)),
    "promises": Call(lambda world, username: world.api(username).client.get("/api/v1/promises/").status_code),
    "page:promises": Call(page("/promises/")),
    "acknowledge": Call(verb("acknowledge")),
    "assess": Call(verb("assess", verdict="real")),
    "notes": Call(verb("notes", text="Seen")),
    "hand-over": Call(hand_over, "calling"),
    "call-out": Call(verb("call-out", ladder="power-cut.topic-building"), "responding"),
    "cadence": Call(verb("cadence", audience="agents", every="PT5M", reason="Fast"), "responding"),
    "steps:own": Call(step(lambda username: OWN.get(username, "G-DUTY"))),
    "activate:3": Call(verb("activate", plan="power-cut", level=3)),
    "activate:2": Call(verb("activate", plan="power-cut", level=2)),
    "level:4": Call(verb("level", level=4, reason="Over soon"), "responding"),
    "level:2": Call(verb("level", level=2, reason="It spreads"), "responding"),
    "conditions": Call(verb("conditions", name="surge", holds=True)),
    "steps": Call(verb("steps", title="Water", group="G-LOG")),
    "steps:any": Call(step(lambda username: "G-HR")),
    "updates:agents": Call(verb("updates", audience="agents", text="Dark"), "responding"),
    "updates:customers": Call(verb("updates", audience="customers", text="Slow"), "responding"),
    "updates:all": Call(verb("updates", audience="all", text="Dark"), "responding"),
    "support": Call(verb("support", tier=1, open=True), "responding"),
    "support/people": Call(verb("support/people", tier=1, people=["agent05"], status="joined"), "supported"),
    "support/people:own": Call(help_oneself, "supported"),
    "merge": Call(merge),
    "stand-down:3": Call(verb("stand-down", reason="Over"), "ready", level=4),
    "stand-down:2": Call(verb("stand-down", reason="Over"), "ready", level=2),
    "close": Call(verb("close", outcome="false-alarm"), "assessing"),
    "promises:extend": Call(promise("extend", by="PT5M"), "responding"),
    "promises:stop": Call(promise("stop"), "responding"),
    "promises:pause": Call(promise("pause"), "responding"),
    "promises:resume": Call(resume, "responding"),
    "command": Call(verb("command", commander="manager")),
    "level/confirm": Call(verb("level/confirm"), "unconfirmed"),
    "cancel": Call(verb("cancel", reason="A mistake")),
    "reopen": Call(verb("reopen", reason="Again"), "closed"),
    "drill": Call(post("reports/", lambda world: report_body(kind="drill"))),
    "waive": Call(verb("waive", gate="power-cut.patrol", reason="Done"), "responding"),
    "redact": Call(verb("redact", seq=1, reason="A name")),
    "plan:read": Call(read_plans),
    "plan:draft": Call(draft),
    "plan:publish": Call(publish),
    "roster:read": Call(page("/api/v1/roster/now/")),
    "roster:add": Call(post("roster/shifts/", {**SHIFT, "site": "leeds", "person": "leader"})),
    "roster:elsewhere": Call(post("roster/shifts/", {**SHIFT, "site": "xian", "person": "leader-xian"})),
    "roster:import": Call(post("roster/import/", {"csv": FILE})),
    "roster:swap": Call(swap),
    "roster:take": Call(take),
    "signals": Call(post("signals/", {"feed": "telephony", "metric": "m", "value": 1})),
    "signals:alertmanager": Call(post("signals/alertmanager/monitoring/", {"version": "4", "alerts": [ALERT]})),
    "page:warnings": Call(page("/warnings/")),
    "warnings": Call(warnings),
    "warnings:watch": Call(decide("watch")),
    "warnings:dismiss": Call(decide("dismiss", reason="A test")),
    "warnings:report": Call(report_warning),
    "page:rule": Call(page("/warnings/rules/new/")),
    "feeds:change": Call(settings_form("/warnings/feeds/new/", slug="acd", name="ACD", site="leeds")),
    "rules:change": Call(settings_form("/warnings/rules/new/", **RULE)),
    "settings:read": Call(page("/admin/plans/seat/")),
    "settings:change": Call(change_settings),
    "contacts:read": Call(see_at("contacts/")),
    "contacts:add": Call(post("contacts/", {"channel": "email", "address": "another@example.org"})),
    "page:contacts": Call(page("/contacts/")),
    "channels:read": Call(see_at("channels/")),
    "page-channels:read": Call(page("/system/channels/")),
    "channels:change": Call(change_channels("/system/channels/add/")),
    "channels:test": Call(change_channels("/system/channels/{pk}/test/")),
    "findings:seen": Call(see_findings),
}


def test_every_verb_has_its_place_in_the_table() -> None:
    known = {call.partition(":")[0] for call in rows()} | set(rows())
    assert set(VERBS) <= known
    assert {f"promises:{name}" for name in PROMISE_VERBS} <= known
    assert set(rows()) == set(CALLS)
    assert {column for cells in rows().values() for column in cells} == set(PEOPLE)


def answer(status: int) -> str:
    if 200 <= status < 300:
        return "yes"
    return "no" if status in (302, 403, 404) else str(status)


@pytest.mark.parametrize("call", rows())
def test_who_may(
    call: str,
    api: Callable[[str], Api],
    browser_as: Callable[[str], Client],
    cast: Callable[[str], User],
) -> None:
    world = World(maker(api), api, browser_as, cast)
    groups = GROUPS if call in ("steps:own", "steps:any") else ("G-LEAD", "G-TECH")
    world.case = world.prepared(CALLS[call].state, CALLS[call].level, groups)
    told, tried = {}, {}
    for column, cell in rows()[call].items():
        for username in PEOPLE[column]:
            told[username] = "yes" if may(cell, call, username) else "no"
            with undone():
                offered = world.api(username).client.get(f"/api/v1/incidents/{world.case.ref}/").json().get("allowed")
                tried[username] = answer(CALLS[call].attempt(world, username))
            if tried[username] == "yes" and call.partition(":")[0] in VERBS and not call.endswith(":own"):
                hidden = ("waive", "redact")  # asked for in their own places on the page
                assert call.partition(":")[0] in (*offered, *hidden), f"{username} may, and is not told so"
    assert tried == told
