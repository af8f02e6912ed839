"""The worked examples as they happen, told once; the stage decides whether they run in the test process with a clock that
stands still, or over HTTP against running processes whose database clock the test moves."""

from datetime import datetime
from typing import Any, Protocol

from tests.helpers import Api, steps


class Stage(Protocol):
    """Where a story is played."""

    def api(self, username: str) -> Api: ...

    def to(self, time: str) -> None:
        """Go on to this time of day; whatever is due by then has fired when this returns."""

    def iso(self, time: str) -> str:
        """This time of day, as the API writes it."""

    def restart(self) -> None:
        """Kill every process that runs the product and start it again, where there is any."""


def promise(api: Api, ref: str, rule: str) -> dict[str, Any]:
    """The latest ledger row of a rule."""
    rows = [row for row in api.see(ref, "promises/") if row["rule"] == rule]
    assert rows, f"no promise of {rule}"
    latest: dict[str, Any] = rows[-1]
    return latest


def near(text: str, stage: Stage, time: str) -> bool:
    """Whether an instant is that time of day, give or take the seconds that calls over a network take."""
    return abs((datetime.fromisoformat(text) - datetime.fromisoformat(stage.iso(time))).total_seconds()) < 10


def fired(api: Api, ref: str, rule: str) -> list[dict[str, Any]]:
    return [row for row in api.see(ref, "promises/") if row["rule"] == rule and row["state"] == "fired"]


def call(person: str, answered: bool = True) -> dict[str, Any]:
    return {"call": {"person": person, "answered": answered}}


def complete(api: Api, ref: str, key: str, expect: int = 200, **body: Any) -> Any:
    return api.do(ref, f"steps/{key}/complete", expect, **body)


def complete_all(api: Api, ref: str, without: tuple[str, ...] = ()) -> None:
    """Everything open that this person may complete now, but for the keys named."""
    tried = set(without)
    while True:
        still = [s for s in api.see(ref)["steps"] if "complete" in s["allowed"] and s["key"] not in tried]
        if not still:
            return
        step = still[0]
        tried.add(step["key"])
        body = call("Somebody") if step["kind"] == "call" else {}
        if step["kind"] == "decision":
            body = {"decision": step["options"][-1]["key"]}
        api.client.post(f"/api/v1/incidents/{ref}/steps/{step['key']}/complete/", body, format="json")


def order_of(api: Api, ref: str) -> None:
    """The history is in the order of its writing, and nothing fired twice."""
    lines = api.see(ref, "timeline/")
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["recorded_at"] for line in lines] == sorted(line["recorded_at"] for line in lines)
    keys = [line["facts"]["key"] for line in lines if line["kind"] == "fired"]
    assert len(keys) == len(set(keys))


def power_cut(stage: Stage) -> str:
    """W1: a power cut that lasts more than five minutes (N3)."""
    agent, supervisor, director = stage.api("agent03"), stage.api("supervisor"), stage.api("director")
    stage.to("14:00")
    ref = agent.report("power-cut", summary="Power cut in area B", scope="floor", seat="L23")
    assert agent.see(ref, expect=404)
    incident = supervisor.see(ref)
    assert incident["status"] == "reported" and incident["conditions"]["power-off"]["holds"]
    told = {row["recipient"] for row in supervisor.see(ref, "notifications/")}
    assert {"supervisor", "leader"} <= told

    stage.to("14:00:40")
    supervisor.do(ref, "acknowledge")
    supervisor.do(ref, "assess", verdict="real", scope="floor")
    incident = supervisor.do(ref, "activate", plan="power-cut", level=2, reason="Half the floor without power")
    assert incident["status"] == "responding" and incident["level"] == 2 and incident["level_confirmed"] is None
    opened = steps(incident, "open")
    expected = {"phone-maintenance", "powered-seats", "move-calls", "note-losses", "customer-wording", "keep-calm"}
    assert {f"power-cut.{name}" for name in expected} <= set(opened)
    assert near(opened["house.confirm-level"]["due_at"], stage, "14:05:40")
    due = promise(supervisor, ref, "power-5")
    assert due["state"] == "pending" and near(due["due_at"], stage, "14:05:00")

    stage.to("14:01")
    refused = complete(supervisor, ref, "power-cut.phone-maintenance", 400)
    assert "call" in refused  # a call is closed by its record only
    complete(supervisor, ref, "power-cut.phone-maintenance", **call("M"))
    stage.restart()
    stage.to("14:02")
    director.do(ref, "level/confirm")
    assert supervisor.see(ref)["level_confirmed"]["by"] == "director"

    stage.to("14:05:05")
    [row] = fired(supervisor, ref, "power-5")
    assert near(row["due_at"], stage, "14:05:00") and abs(row["system_late_s"]) < 5
    incident = supervisor.see(ref)
    assert steps(incident, "open")["power-cut.phone-superior"]["kind"] == "call"
    assert "director" in {row["recipient"] for row in supervisor.see(ref, "notifications/")}

    stage.to("14:05:50")
    complete(supervisor, ref, "power-cut.phone-superior", **call("D", answered=False))
    assert "power-cut.phone-superior" in steps(supervisor.see(ref), "open")  # nobody answered: it stays open
    complete(supervisor, ref, "power-cut.phone-superior", **call("D"))
    stage.to("14:06")
    held = complete(supervisor, ref, "power-cut.keep-calm", 409)
    assert held["code"] == "held"
    complete_all(supervisor, ref)
    assert len(fired(supervisor, ref, "power-5")) == 1

    stage.to("14:35")
    incident = supervisor.do(ref, "conditions", name="power-off", holds=False)
    assert {"power-cut.controlled", "power-cut.normal", "power-cut.no-effect", "power-cut.patrol"} <= set(
        steps(incident, "open")
    )
    supervisor.do(ref, "conditions", name="restored", holds=True)
    refused = stage.api("manager").do(ref, "close", 409, outcome="resolved")
    assert refused["code"] == "open" and "power-cut.patrol" in refused["open"]
    refused = director.do(ref, "stand-down", 409, reason="Over")
    assert set(refused["open"]) == {"power-cut.controlled", "power-cut.normal", "power-cut.no-effect"}

    stage.to("14:40")
    complete_all(supervisor, ref)
    stage.to("15:10")
    assert supervisor.do(ref, "stand-down", 403, reason="Over")  # level 2: the leading group's word
    director.do(ref, "stand-down", reason="Controlled, normal, no further effect")
    incident = supervisor.do(ref, "close", outcome="resolved", cause="Breaker tripped", summary="UPS held")
    assert incident["status"] == "closed" and incident["outcome"] == "resolved"
    assert not [row for row in supervisor.see(ref, "promises/") if row["state"] == "pending"]
    figures = supervisor.see(ref, "summary/")
    restore = figures["restore"]
    assert abs(restore["value"] - 35 * 60) < 10
    assert (restore["from"], restore["to"]) == ("occurred", "restored")
    order_of(supervisor, ref)
    return ref


def cut_of_four_minutes(stage: Stage) -> str:
    """Reported at 14:00, a plan active forty seconds later, the power back at 14:04:30."""
    supervisor = stage.api("supervisor")
    stage.to("14:00")
    ref = stage.api("agent03").report("power-cut", seat="L23")
    stage.to("14:00:40")
    supervisor.do(ref, "activate", plan="power-cut", level=3)
    stage.to("14:04:30")
    supervisor.do(ref, "conditions", name="power-off", holds=False)
    return ref


def short_cut(stage: Stage) -> str:
    """W1b: power back at 14:04:30: nobody is phoned, and no patrol is needed to close."""
    supervisor, ref = stage.api("supervisor"), cut_of_four_minutes(stage)
    stage.restart()
    stage.to("14:20")
    assert not fired(supervisor, ref, "power-5")
    incident = supervisor.see(ref)
    assert steps(incident)["power-cut.phone-superior"]["status"] == "waiting"
    complete_all(supervisor, ref)
    incident = supervisor.do(ref, "close", outcome="resolved", cause="Switching in the grid")
    assert incident["status"] == "closed"
    order_of(supervisor, ref)
    return ref


def power_twice(stage: Stage) -> str:
    """W1c: back at 14:04:30, off again at 14:06:00: a new episode, due at 14:11:00."""
    supervisor, ref = stage.api("supervisor"), cut_of_four_minutes(stage)
    stage.to("14:06")
    supervisor.do(ref, "conditions", name="power-off", holds=True)
    assert near(promise(supervisor, ref, "power-5")["due_at"], stage, "14:11:00")
    stage.restart()
    stage.to("14:10:30")
    assert not fired(supervisor, ref, "power-5")
    stage.to("14:11:05")
    [row] = fired(supervisor, ref, "power-5")
    assert abs(row["system_late_s"]) < 10
    assert "power-cut.phone-superior" in steps(supervisor.see(ref), "open")
    order_of(supervisor, ref)
    return ref


def outage(stage: Stage, activated: str = "14:03") -> str:
    """W3 up to its clock: reported at 14:00, two more join, activated at level 2."""
    supervisor = stage.api("supervisor")
    stage.to("14:00")
    ref = stage.api("agent05").report("application-fault", summary="Order system returns errors", scope="team")
    stage.to("14:01")
    for username in ("agent06", "agent07"):
        stage.api(username).report("application-fault", summary="Same error", scope="me", join=ref)
    assert supervisor.see(ref)["impact"]["reports"] == 3
    stage.to(activated)
    supervisor.do(ref, "activate", plan="application-fault", level=2)
    return ref


def outage_unresolved(stage: Stage) -> str:
    """W3's clock: unresolved an hour after the fault began (N2): a decision that stays open until a choice is recorded."""
    supervisor, director = stage.api("supervisor"), stage.api("director")
    ref = outage(stage)
    row = promise(supervisor, ref, "sixty")
    assert row["state"] == "pending" and near(row["due_at"], stage, "15:00:00")
    stage.to("14:59")
    assert not fired(supervisor, ref, "sixty")
    stage.restart()
    stage.to("15:00:05")
    [row] = fired(supervisor, ref, "sixty")
    assert abs(row["late_s"]) < 10
    step = steps(supervisor.see(ref), "open")["application-fault.other-action"]
    assert step["kind"] == "decision"
    complete(director, ref, "application-fault.other-action", 400)  # a decision is closed by a choice only
    complete(director, ref, "application-fault.other-action", 400, decision="no-such-choice")
    stage.to("15:03")
    choice = next(option["key"] for option in step["options"] if "level" in option["key"])
    incident = complete(director, ref, "application-fault.other-action", decision=choice)
    assert incident["level"] == 1 and incident["level_confirmed"]["by"] == "director"
    assert "application-fault.compensation-list" in steps(incident, "open")
    order_of(supervisor, ref)
    return ref


def outage_activated_late(stage: Stage) -> str:
    """W3b: the plan is activated only at 15:20: the decision is asked at once, twenty minutes late by the plan, 0 by us."""
    supervisor = stage.api("supervisor")
    ref = outage(stage, activated="15:20")
    stage.to("15:20:05")
    [row] = fired(supervisor, ref, "sixty")
    assert 1200 <= row["late_s"] < 1215, row
    assert abs(row["system_late_s"]) < 10, row
    assert "application-fault.other-action" in steps(supervisor.see(ref), "open")
    stage.restart()
    stage.to("15:21")
    assert len(fired(supervisor, ref, "sixty")) == 1
    order_of(supervisor, ref)
    return ref


def outage_repaired(stage: Stage) -> str:
    """W3c: repaired at 14:55: no decision; backfill and call-backs are still needed before closing."""
    supervisor, manager = stage.api("supervisor"), stage.api("manager")
    ref = outage(stage)
    complete(supervisor, ref, "application-fault.manual-mode")
    held = complete(supervisor, ref, "application-fault.backfill", 409)
    assert held["code"] == "held"
    stage.to("14:55")
    supervisor.do(ref, "conditions", name="system-down", holds=False)
    supervisor.do(ref, "conditions", name="restored", holds=True)
    stage.restart()
    stage.to("15:10")
    assert not fired(supervisor, ref, "sixty")
    complete_all(supervisor, ref, without=("application-fault.backfill", "application-fault.call-backs"))
    manager.do(ref, "level/confirm")
    refused = manager.do(ref, "close", 409, outcome="resolved")
    assert {"application-fault.backfill", "application-fault.call-backs"} <= set(refused["open"])
    complete_all(supervisor, ref)
    incident = manager.do(ref, "close", outcome="resolved", cause="Full disk")
    assert incident["status"] == "closed"
    order_of(supervisor, ref)
    return ref


WAITING = {"feed": "telephony", "metric": "calls-waiting"}


def posted(stage: Stage, time: str, value: float) -> None:
    """At this time of day the telephone system says how many calls wait."""
    stage.to(time)
    answer = stage.api("supervisor").post("signals/", {**WAITING, "value": value, "at": stage.iso(time)}, 201)
    assert answer == {"received": 1, "stored": 1, "known": 0, "new_feeds": []}


def surge(stage: Stage) -> str:
    """W2 up to first-level support: figures cross, a warning, a report that was filled in by it, a plan, tier 1 at 14:10."""
    supervisor = stage.api("supervisor")
    for minute, value in enumerate((12, 41, 44, 52, 49, 47)):  # beyond 40 from 14:01 on
        posted(stage, f"14:{minute:02}", value)
    assert not warnings(stage, "open")
    stage.to("14:06")  # no further figure: five minutes have passed
    [warning] = warnings(stage, "open")
    assert near(warning["since"], stage, "14:01") and near(warning["opened_at"], stage, "14:06")
    assert (warning["value"], warning["limit"], warning["level"], warning["owner"]) == (47, 40, 3, "G-SUP")
    posted(stage, "14:07", 46)
    ref = supervisor.report(**warning["report"])
    incident = supervisor.see(ref)
    assert (incident["type"], incident["site"]) == ("inbound-surge", "leeds")
    assert "47" in incident["title"] and near(incident["clocks"]["occurred"], stage, "14:01")
    assert incident["conditions"]["surge"]["holds"]
    [same] = warnings(stage, "reported")
    assert (same["id"], same["incident"], same["decided_by"]) == (warning["id"], ref, "supervisor")
    stage.to("14:08")
    supervisor.do(ref, "activate", plan="inbound-surge", level=warning["level"])
    posted(stage, "14:09", 48)
    stage.restart()
    stage.to("14:10")
    supervisor.do(ref, "support", tier=1, open=True, people=["agent01", "agent02"])
    row = promise(supervisor, ref, "tier-2")
    assert row["state"] == "pending" and near(row["due_at"], stage, "14:40:00")
    return ref


def warnings(stage: Stage, state: str) -> list[dict[str, Any]]:
    """Of this story's day: the real stack tells all of them, one after the other."""
    rows = stage.api("supervisor").get("warnings/", state=state)["results"]
    return [row for row in rows if row["since"] >= stage.iso("00:00")]


def inbound_surge(stage: Stage) -> str:
    """W2: not under control 30 minutes after first-level support began; later below the target for five minutes."""
    supervisor, ref = stage.api("supervisor"), surge(stage)
    for minute in range(11, 40, 2):
        posted(stage, f"14:{minute}", 34)
    stage.restart()
    stage.to("14:40:05")
    [row] = fired(supervisor, ref, "tier-2")
    assert near(row["due_at"], stage, "14:40:00") and abs(row["system_late_s"]) < 10
    opened = steps(supervisor.see(ref), "open")
    assert "inbound-surge.tier-2" in opened and "inbound-surge.ask-tier-2" not in opened
    assert not warnings(stage, "open")  # one surge is one warning
    stage.to("14:41")
    complete(supervisor, ref, "inbound-surge.tier-2", **call("Outbound lead"))
    supervisor.do(ref, "support", tier=2, open=True, people=["agent03"])
    for minute, value in ((41, 33), (43, 30), (44, 22), (45, 9), (47, 16), (48, 9), (50, 11), (52, 8)):
        posted(stage, f"14:{minute}", value)
        assert not supervisor.see(ref)["conditions"]["waiting-low"]["holds"]  # 16 at 14:47 began it anew
    stage.to("14:53:05")
    low = supervisor.see(ref)["conditions"]["waiting-low"]
    assert low["holds"] and near(low["since"], stage, "14:48")
    [row] = fired(supervisor, ref, "target")
    assert near(row["due_at"], stage, "14:53:00") and abs(row["system_late_s"]) < 10
    step = steps(supervisor.see(ref), "open")["inbound-surge.confirm-controlled"]
    assert step["kind"] == "decision"
    complete(supervisor, ref, step["key"], decision="controlled")
    supervisor.do(ref, "conditions", name="controlled", holds=True)
    crossings = [line for line in supervisor.see(ref, "timeline/") if line["kind"] == "condition"]
    said = [line["facts"]["name"] for line in crossings if line["actor"] == "system"]
    assert said == ["waiting-low"]  # thirty figures, one event
    order_of(supervisor, ref)
    return ref


def surge_unseen(stage: Stage) -> str:
    """W2c: the feed goes silent, and after 30 minutes a person is asked instead of the second level being opened."""
    supervisor, ref = stage.api("supervisor"), surge(stage)
    for minute in range(11, 20, 2):
        posted(stage, f"14:{minute}", 34)
    stage.restart()
    stage.to("14:22:05")
    lost = supervisor.see(ref)["conditions"]["waiting-lost"]
    assert lost["holds"] and near(lost["since"], stage, "14:22")
    stage.to("14:40:05")
    [_row] = fired(supervisor, ref, "tier-2")
    opened = steps(supervisor.see(ref), "open")
    assert opened["inbound-surge.ask-tier-2"]["kind"] == "decision" and "inbound-surge.tier-2" not in opened
    posted(stage, "14:45", 33)
    assert not supervisor.see(ref)["conditions"]["waiting-lost"]["holds"]
    complete(supervisor, ref, "inbound-surge.ask-tier-2", decision="needed")
    assert "inbound-surge.tier-2" in steps(supervisor.see(ref), "open")
    order_of(supervisor, ref)
    return ref


STORIES = (
    inbound_surge,
    surge_unseen,
    power_cut,
    short_cut,
    power_twice,
    outage_unresolved,
    outage_activated_late,
    outage_repaired,
)
