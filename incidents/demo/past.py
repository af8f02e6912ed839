"""A quiet past: closed incidents of the last weeks, keyed in afterwards, each played on the engine until it can close."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from contactops.accounts.models import User
from incidents import reporting, services
from incidents.engine.ledger import Entry
from incidents.engine.lifecycle import Refusal
from incidents.engine.state import IncidentState, StepRun
from incidents.engine.turn import take
from incidents.models import Incident
from incidents.record import Change
from incidents.rulebook import Rulebook
from incidents.times import db_now
from plans import selectors as plans


@dataclass(frozen=True)
class Story:
    """One closed incident: how long ago, what, where, and how long until it was taken up, activated and over."""

    ago: timedelta
    site: str
    type: str
    plan: str
    level: int
    summary: str
    seat: str
    lasted: timedelta
    took_up: timedelta = timedelta(minutes=2)
    activated: timedelta = timedelta(minutes=4)
    update: str = ""
    cause: str = ""


def _ago(days: int, hours: int = 0, minutes: int = 0) -> timedelta:
    return timedelta(days=days, hours=hours, minutes=minutes)


STORIES = (
    Story(
        ago=_ago(24, 3, 10), site="leeds", type="power-cut", plan="power-cut", level=2, seat="L07",
        summary="Lights and screens out in area B", lasted=timedelta(minutes=35),
        update="Power is out in area B. Calls are moving to seats 1 to 12. Next update in 20 minutes.",
        cause="A breaker in the distribution board tripped.",
    ),
    Story(
        ago=_ago(17, 5, 40), site="leeds", type="application-fault", plan="application-fault", level=2, seat="L12",
        summary="Order system returns errors", lasted=timedelta(minutes=80),
        update="The order system is down. Answer from the product sheets and write orders on paper.",
        cause="A full disk on the order database.",
    ),
    Story(
        ago=_ago(12, 7, 5), site="xian", type="application-fault", plan="application-fault", level=3, seat="X05",
        summary="工单系统无法保存", lasted=timedelta(minutes=25),
        update="工单系统保存失败，请先手工登记，恢复后补录。", cause="应用服务器内存不足。",
    ),
    Story(
        ago=_ago(6, 2, 30), site="leeds", type="general-emergency", plan="general-emergency", level=4, seat="L21",
        summary="Water coming through the ceiling above row 5", lasted=timedelta(minutes=50),
        update="Row 5 is closed. Sit in rows 1 to 4.", cause="A leaking pipe on the floor above.",
    ),
    Story(
        ago=_ago(2, 4, 20), site="xian", type="power-cut", plan="power-cut", level=3, seat="X02",
        summary="A区断电", lasted=timedelta(minutes=4),
        update="A区断电，请移至有电座席。", cause="供电线路短时故障。",
    ),
)  # fmt: skip


def seed() -> None:
    for story in STORIES:
        _write(story)


@transaction.atomic
def _write(story: Story) -> None:
    """One batch: report, response and closing are written together, so nothing of it is ever live."""
    people = _cast(story.site)
    begun = db_now() - story.ago
    stored, change = reporting.start(
        actor=people["agent"],
        client_key=uuid.uuid4(),
        sent="demo",
        kind="backfilled",
        captured_at=begun + timedelta(minutes=1),
        incident_type=story.type,
        summary=story.summary,
        scope="team",
        site=story.site,
        seat=story.seat,
        occurred_at=begun,
    )
    script = _Script(story, people, begun, change)
    services.write([change, *script.play(stored.incident)])


def _cast(site: str) -> dict[str, User]:
    suffix = "-xian" if site == "xian" else ""
    names = {"agent": f"agent{suffix}", "supervisor": f"supervisor{suffix}", "manager": "manager"}
    known = User.objects.in_bulk(names.values(), field_name="username")
    return {part: known[username] for part, username in names.items()}


class _Script:
    """Plays the story in memory to learn which steps open when, and keeps the changes that lead through it."""

    def __init__(self, story: Story, people: dict[str, User], begun: datetime, report: Change) -> None:
        self.story, self.people, self.begun = story, people, begun
        revision = plans.published(story.plan)
        house = report.body["house"]
        self.activate = {"plan": story.plan, "revision": revision.number, "level": story.level, "confirmed": True}
        self.rules = Rulebook([(story.plan, revision.number), (house[0], house[1])]).rules
        self.state = IncidentState()
        self.pending: dict[str, Entry] = {}
        self.changes: list[Change] = []
        self.report = report

    def play(self, incident: Incident) -> list[Change]:
        begun, story = self.begun, self.story
        self._take(self.report)
        self._do(incident, "acknowledge", begun + story.took_up)
        self._do(incident, "assess", begun + story.took_up, {"verdict": "real"})
        self._do(incident, "activate", begun + story.activated, self.activate)
        self._do(incident, "updates", begun + story.activated, {"audience": "agents"}, text=story.update)
        self._work(incident, begun + story.activated)
        over = begun + story.lasted
        for name in [*self._conditions(), "restored"]:
            self._do(incident, "conditions", over, {"name": name, "holds": name == "restored"})
        self._work(incident, over)
        self._do(
            incident, "close", over + timedelta(minutes=30), {"outcome": "resolved", "may_stand_down": True},
            text=story.cause, part="manager",
        )  # fmt: skip
        return self.changes

    def _conditions(self) -> list[str]:
        return [name.removeprefix("condition:") for name in self.state.facts if name.startswith("condition:")]

    def _work(self, incident: Incident, start: datetime) -> None:
        """Complete what is open and can be, fifty seconds apart, until nothing more opens."""
        at, tried = start, set[str]()
        while runs := [run for run in self.state.open_steps() if run.key not in tried]:
            tried.add(runs[0].key)
            at += timedelta(seconds=50)
            self._complete(incident, runs[0], at)

    def _complete(self, incident: Incident, run: StepRun, at: datetime) -> None:
        body: dict[str, object] = {"key": run.key, "verb": "complete"}
        if run.kind == "call":
            body["call"] = {"answered": True}
        if run.kind == "decision":
            body["decision"] = run.options[0]
        try:
            self._do(incident, "steps/verb", at, body)
        except Refusal:
            return  # held by its condition; it is done when that is over

    def _do(
        self,
        incident: Incident,
        verb: str,
        at: datetime,
        body: dict[str, object] | None = None,
        text: str = "",
        part: str = "supervisor",
    ) -> None:
        change = services.change(incident, self.people[part], verb, body, at=at, words={"text": text})
        self._take(change)
        self.changes.append(change)

    def _take(self, change: Change) -> None:
        act = change.act(change.at or 0)
        taken = take(self.rules, self.state, self.pending, [act], act.at)
        self.state, self.pending = taken.state, dict(taken.pending)
