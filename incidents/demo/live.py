"""A live story that plays by itself, for trying the console and for its pictures: the people of the demo organisation do
what they would do, through the same verbs as everybody, while the plan's own clock runs."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from contactops.accounts.models import User
from contactops.errors import DomainError
from contactops.reading import one_instant
from incidents import inputs, reporting, selectors, services
from incidents.models import Incident, Notification
from incidents.times import db_now
from incidents.verbs import VERBS, arguments
from plans.texts import say

EVERYTHING_OPEN = "everything open"
WHOEVER_IS_CALLED = ""
REST_S = 1.5  # between two steps of somebody who works down the list

Say = Callable[[str], None]


@dataclass(frozen=True)
class Beat:
    """What somebody does, so many seconds into the story. `verb`: one of the incident's, `report`, `join`, `steps/KEY`,
    `accept` or `decline` (of a call-out), or EVERYTHING_OPEN."""

    at: float
    who: str
    verb: str
    body: Mapping[str, Any] = field(default_factory=dict)
    from_the_start: bool = False  # it happened when the fault began, and is only written down now


@dataclass(frozen=True)
class Story:
    """`limit`: the plan's limit from the beginning of the fault, which comes due `limit_at` seconds into the story."""

    limit: timedelta
    limit_at: float
    beats: tuple[Beat, ...]

    @property
    def people(self) -> set[str]:
        """The usernames it needs."""
        return {beat.who for beat in self.beats} - {WHOEVER_IS_CALLED}


def _call(person: str, note: str = "") -> dict[str, Any]:
    return {"call": {"person": person, "answered": True}, "note": note}


def _report(summary: str, scope: str, seat: str) -> dict[str, Any]:
    return {"summary": summary, "scope": scope, "seat": seat}


_TOLD = (
    "Area B has no power. Move to rows 1 to 4 as your duty leader says; tell callers that we answer more slowly today."
)
_BACK = "A breaker has tripped. Power is expected back in five minutes."
_OVER = "Controlled, normal, no further effect"
_QUEUE = "Many calls are waiting. Say sorry once, help, and do not promise a time; offer a call-back."


def _helps(tier: int, people: str, status: str, note: str = "") -> dict[str, Any]:
    return {"tier": tier, "people": people, "status": status, "note": note}


def _tier(tier: int, is_open: bool) -> dict[str, Any]:
    return {"tier": tier, "open": is_open}


STORIES: Mapping[str, Story] = {
    "power-cut": Story(
        limit=timedelta(minutes=5),
        limit_at=75,
        beats=(
            Beat(0, "agent03", "report", _report("Lights and screens are out in area B", "floor", "L23")),
            Beat(6, "agent04", "join", _report("Dark here too, the headset is dead", "me", "L24")),
            Beat(10, "agent07", "join", _report("My whole row is off", "team", "L27")),
            Beat(14, "leader", "acknowledge"),
            Beat(22, "supervisor", "assess", {"verdict": "real", "scope": "floor", "note": "Rows 5 to 8 are dark"}),
            Beat(30, "supervisor", "activate", {"plan": "power-cut", "level": 2, "reason": "Half the floor is dark"}),
            Beat(34, "supervisor", "command", {"commander": "supervisor", "deputy": "leader"}),
            Beat(38, "supervisor", "updates", {"audience": "agents", "text": _TOLD}),
            Beat(46, "director", "level/confirm"),
            Beat(52, "supervisor", "steps/power-cut.phone-maintenance", _call("Tom Reed", "On his way, ten minutes")),
            Beat(
                56,
                "supervisor",
                "call-out",
                {"ladder": "power-cut.topic-building", "note": "The whole floor, not one fuse"},
            ),
            Beat(60, "leader", "steps/power-cut.powered-seats", {"note": "L01 to L16 are on the UPS"}),
            Beat(64, WHOEVER_IS_CALLED, "decline", {"reason": "In the middle of a repair in Hall 2"}),
            Beat(72, WHOEVER_IS_CALLED, "accept"),
            Beat(88, "supervisor", "steps/power-cut.phone-superior", _call("Diana Chen", "She tells the management")),
            Beat(96, "leader", "steps/power-cut.move-calls", {"note": "Eleven people moved, five wait for a seat"}),
            Beat(104, "tech", "steps/power-cut.find-and-repair", {"note": "A breaker in the distribution board"}),
            Beat(112, "supervisor", "updates", {"audience": "agents", "text": _BACK}),
            Beat(126, "supervisor", "conditions", {"name": "power-off", "holds": False}),
            Beat(129, "supervisor", "conditions", {"name": "restored", "holds": True}),
            Beat(134, "supervisor", EVERYTHING_OPEN),
            Beat(168, "director", "stand-down", {"reason": _OVER}),
            Beat(174, "supervisor", "close", {"outcome": "resolved", "cause": "A breaker tripped"}),
        ),
    ),
    "inbound-surge": Story(
        limit=timedelta(minutes=30),
        limit_at=75,
        beats=(
            Beat(0, "supervisor", "report", _report("Sixty calls are waiting, everybody is on the line", "site", "")),
            Beat(5, "leader", "acknowledge"),
            Beat(10, "supervisor", "activate", {"plan": "inbound-surge", "level": 3}),
            Beat(16, "supervisor", "support", _tier(1, True), from_the_start=True),
            Beat(20, "supervisor", "support/people", _helps(1, "agent11 agent12 agent13", "asked")),
            Beat(26, "supervisor", "updates", {"audience": "agents", "text": _QUEUE}),
            Beat(30, "agent11", "support/people", _helps(1, "agent11", "confirmed")),
            Beat(34, "agent12", "support/people", _helps(1, "agent12", "confirmed")),
            Beat(38, "agent13", "support/people", _helps(1, "agent13", "declined", "With a customer who was cut off")),
            Beat(46, "supervisor", "support/people", _helps(1, "agent11 agent12", "joined")),
            Beat(54, "supervisor", "steps/inbound-surge.same-topic", {"decision": "mixed"}),
            Beat(84, "supervisor", "steps/inbound-surge.tier-2", _call("Outbound lead", "Two people, from now on")),
            Beat(90, "supervisor", "support", _tier(2, True)),
            Beat(94, "supervisor", "support/people", _helps(2, "agent21 agent22", "asked")),
            Beat(100, "agent21", "support/people", _helps(2, "agent21", "confirmed")),
            Beat(104, "supervisor", "support/people", _helps(2, "agent21 agent22", "joined")),
            Beat(120, "supervisor", "conditions", {"name": "controlled", "holds": True}),
            Beat(126, "supervisor", "support/people", _helps(2, "agent21 agent22", "released")),
            Beat(129, "supervisor", "support", _tier(2, False)),
            Beat(134, "supervisor", "support/people", _helps(1, "agent11 agent12", "released")),
            Beat(137, "supervisor", "support", _tier(1, False)),
            Beat(142, "supervisor", "conditions", {"name": "surge", "holds": False}),
            Beat(145, "supervisor", "conditions", {"name": "restored", "holds": True}),
            Beat(148, "supervisor", EVERYTHING_OPEN),
            Beat(176, "manager", "stand-down", {"reason": _OVER}),
            Beat(182, "supervisor", "close", {"outcome": "resolved", "cause": "A ticket sale nobody had told us of"}),
        ),
    ),
}


class Player:
    """Plays one story. `pace`: how long its seconds are; below 1 it goes faster, and only the plan's clocks do not."""

    def __init__(self, name: str, say: Say, pace: float = 1.0) -> None:
        self.type, self.story, self.pace, self.say = name, STORIES[name], pace, say
        self.people = User.objects.in_bulk(self.story.people, field_name="username")
        self.incident: Incident
        self.began: datetime

    def play(self, until: float | None = None) -> Incident:
        """Until so many seconds into the story, or to its end."""
        began = time.monotonic()
        for beat in self.story.beats:
            if until is not None and beat.at > until:
                break
            time.sleep(max(0.0, began + beat.at * self.pace - time.monotonic()))
            for who, told in self._said(beat):
                self.say(f"{time.monotonic() - began:5.0f} s  {who}: {told}")
        return self.incident

    def _said(self, beat: Beat) -> Iterator[tuple[str, str]]:
        """Who did what."""
        if beat.who == WHOEVER_IS_CALLED:
            yield self._answer(beat)
            return
        for told in self._do(beat, self.people[beat.who]):
            yield beat.who, told

    def _answer(self, beat: Beat) -> tuple[str, str]:
        """The newest call that still waits for an answer; by the roster it may be anybody's, or nobody's."""
        asked = Notification.objects.filter(incident=self.incident, acknowledged_at=None, declined_at=None)
        call = asked.exclude(ladder="").select_related("recipient", "incident").order_by("-pk").first()
        if call is None:
            return "nobody", "is called"
        reason = str(beat.body.get("reason", ""))
        services.answer_notification(
            notification=call, actor=call.recipient, accept=beat.verb == "accept", reason=reason
        )
        return call.recipient.username, f"{beat.verb}s the call {call.ladder}"

    def _do(self, beat: Beat, who: User) -> Iterator[str]:
        if beat.verb in ("report", "join"):
            yield self._report(beat, who)
        elif beat.verb == EVERYTHING_OPEN:
            yield from self._work(who)
        elif beat.verb.startswith("steps/"):
            yield self._step(beat.verb.removeprefix("steps/"), who, beat.body)
        else:
            known, when = VERBS[beat.verb], {"at": self.began.isoformat()} if beat.from_the_start else {}
            known.call(incident=self._now(), actor=who, **_checked(known.takes, {**beat.body, **when}))
            yield beat.verb

    def _report(self, beat: Beat, who: User) -> str:
        if beat.verb == "report":
            self.began = db_now() - self.story.limit + timedelta(seconds=self.story.limit_at * self.pace)
        when = {"occurred_at": self.began.isoformat()} if beat.verb == "report" else {"join": self.incident.ref}
        body = {"client_key": str(uuid.uuid4()), "incident_type": self.type, **beat.body, **when}
        stored, _new = reporting.report(actor=who, **_checked(inputs.Report, body))
        self.incident = stored.incident
        return f"{beat.verb} {self.incident.ref}: {beat.body['summary']}"

    def _step(self, key: str, who: User, body: Mapping[str, Any]) -> str:
        given = _checked(inputs.StepVerb, body, step_verb="complete")
        services.do_step(incident=self._now(), actor=who, key=key, verb="complete", **given)
        return f"{key} is done"

    def _work(self, who: User) -> Iterator[str]:
        """Whatever is open and theirs to do, one after the other, until nothing more opens."""
        tried = set[str]()
        while step := next((s for s in self._open(who) if s.key not in tried), None):
            tried.add(step.key)
            body = (
                _call("Tom Reed")
                if step.kind == "call"
                else {"decision": step.options[-1]["key"]}
                if step.options
                else {}
            )
            try:
                yield self._step(step.key, who, body)
            except DomainError as error:
                yield f"{say(step.title)}: {error}"
            time.sleep(REST_S * self.pace)

    def _open(self, who: User) -> list[selectors.StepView]:
        with one_instant():
            return [step for step in selectors.room(self._now(), who).steps if "complete" in step.allowed]

    def _now(self) -> Incident:
        """The incident as it is now: others, and the clock, have gone on with it."""
        return Incident.objects.select_related("type", "site").get(pk=self.incident.pk)


def _checked(takes: Any, body: Mapping[str, Any], **context: Any) -> dict[str, Any]:
    serializer = takes(data=dict(body), context=context)
    serializer.is_valid(raise_exception=True)
    return arguments(serializer.validated_data)
