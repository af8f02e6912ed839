"""Small plans and a desk at which one incident is worked: the words in which this manual of the core is written.

Times are minutes after the report; `desk.fired("power-5")` reads the ledger, `desk.due("power-5")` what is promised.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from incidents.engine.apply import replay
from incidents.engine.decide import BARE_HOUSE, Act
from incidents.engine.effects import Duty
from incidents.engine.events import KINDS, Event
from incidents.engine.ledger import FIRED, PENDING, Entry
from incidents.engine.plan import Action, Compiled, Plan, Repeat, Rule, RuleSet, Span, Stage, Step, compile
from incidents.engine.promises import promises
from incidents.engine.state import IncidentState, StepRun, dump, load
from incidents.engine.turn import Noticed, Turn, take
from plans import library_files, snapshots

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
T0 = 500_000 * HOUR  # the report, in ms UTC
WHO = "user:2"
GROUPS = {"floor": "G-SUP", "duty": "G-DUTY", "lead": "G-LEAD", "tech": "G-TECH"}

DOCUMENTS: Mapping[str, Mapping[str, Any]] = {path.stem: library_files.read(path) for path in library_files.files()}
LIBRARY: RuleSet = compile([snapshots.to_plan(document, 1) for document in DOCUMENTS.values()])
RESPONSES = sorted(slug for slug, document in DOCUMENTS.items() if document["kind"] == "response")


def at(minute: float) -> int:
    return T0 + round(minute * MINUTE)


def minute(ms: int) -> float:
    return (ms - T0) / MINUTE


def do(text: str, *only_if: str) -> Action:
    """`open look` -> the action that opens the step."""
    name, _, arg = text.partition(" ")
    return Action(name, arg, only_if)


def rule(name: str, clock: str | tuple[str, ...], after: Span, *actions: str | Action, **more: Any) -> Rule:
    """A rule of one stage; `after` in minutes or minutes by level."""
    done = tuple(do(one) if isinstance(one, str) else one for one in actions or ("notify floor",))
    clocks = (clock,) if isinstance(clock, str) else clock
    return Rule(name, clocks, (Stage(span(after), done),), **more)


def stages(*offsets: float) -> tuple[Stage, ...]:
    return tuple(Stage(round(offset * MINUTE), (do("notify floor"),)) for offset in offsets)


def repeat(every: Span, times: int) -> Repeat:
    return Repeat(span(every), times)


def span(minutes: Span) -> Span:
    if isinstance(minutes, Mapping):
        return {level: round(value * MINUTE) for level, value in minutes.items()}
    return round(minutes * MINUTE)


def step(name: str, kind: str = "task", group: str = "floor", **more: Any) -> Step:
    return Step(name, kind, {"en": name}, group, **more)


def plan(*rules: Rule, slug: str = "p", **parts: Any) -> Plan:
    return Plan(slug=slug, revision=1, groups=GROUPS, rules=rules, **parts)


def compiled(*plans: Plan) -> RuleSet:
    return compile([BARE_HOUSE, *plans])


def one(given: Plan) -> Compiled:
    return compile([given])[given.slug, given.revision]


def facts_complete(event: Event) -> bool:
    return set(KINDS[event.kind].facts) <= set(event.facts)


class Desk:
    """One incident with its ledger. The clock is up: whatever comes due fires on the way, unless told otherwise."""

    def __init__(self, rules: RuleSet, house: tuple[str, int] = ("house", 0)) -> None:
        self.rules, self.house = rules, house
        self.duty = Duty()
        self.state, self.pending = IncidentState(), dict[str, Entry]()
        self.events: list[Event] = []
        self.notices: list[Noticed] = []
        self.rows: dict[str, Entry] = {}

    def turn(self, acts: Iterable[Act], now: int) -> Turn:
        """One turn, kept; what was there before is what a replay and the ledger's derivation give."""
        taken = take(self.rules, self.state, self.pending, acts, now, self.duty)
        self.state, self.pending = taken.state, dict(taken.pending)
        self.events += taken.events
        self.notices += taken.notices
        self.rows.update({row.key: row for row in taken.written})
        return taken

    def wait(self, until: float, *, down: bool = False) -> "Desk":
        """Time passes. `down`: the clock slept all the while and wakes at the end."""
        while not down and (due := [row.due for row in self.pending.values() if row.due <= at(until)]):
            self.turn([], max(min(due), self.state.as_of))
        self.turn([], at(until))
        return self

    def act(self, when: float, verb: str, typed: float | None = None, /, *, actor: str = WHO, **body: Any) -> Turn:
        """Something a person did, typed at once or later. Typed later, nothing fired in between: the clock slept."""
        if typed is None and self.state.seq:
            self.wait(when)
        return self.turn([Act(verb, at(when), actor, body)], at(when if typed is None else typed))

    def report(self, when: float = 0, conditions: Iterable[str] = (), **body: Any) -> "Desk":
        given = {"incident_type": "x", "house": list(self.house), "conditions": list(conditions), **body}
        self.act(when, "report", actor="user:1", **given)
        return self

    def activate(self, when: float = 0, name: str = "p", level: int = 3, **body: Any) -> "Desk":
        given = {"plan": name, "revision": 1, "level": level, "confirmed": level > 2, **body}
        self.act(when, "activate", **given)
        return self

    def condition(self, when: float, name: str, holds: bool, typed: float | None = None, **body: Any) -> "Desk":
        self.act(when, "conditions", typed, name=name, holds=holds, **body)
        return self

    def level(self, when: float, level: int, **body: Any) -> "Desk":
        self.act(when, "level", level=level, **{"confirmed": True, **body})
        return self

    def step(self, when: float, key: str, verb: str = "complete", **body: Any) -> Turn:
        return self.act(when, "steps/verb", key=key, verb=verb, **body)

    # what one sees

    def due(self, name: str, subject: str = "") -> float | None:
        """When the rule fires next, or None where nothing is promised."""
        return next(
            (minute(row.due) for row in self.pending.values() if (row.rule, row.subject) == (name, subject)), None
        )

    def key(self, name: str, subject: str = "") -> str:
        return next(row.key for row in self.pending.values() if (row.rule, row.subject) == (name, subject))

    def fired(self, name: str) -> list[float]:
        """When the rule fired, as the history says."""
        return [minute(event.at) for event in self.firings(name)]

    def firings(self, name: str) -> list[Event]:
        return [event for event in self.events if event.kind == "fired" and event.facts["rule"] == name]

    def rungs(self, name: str) -> list[int]:
        return [event.facts["to"] for event in self.firings(name)]

    def states(self, name: str) -> list[tuple[int, str]]:
        """(n, state) of every ledger row of the rule."""
        return [(row.n, row.state) for row in self.rows.values() if row.rule == name]

    def open(self) -> set[str]:
        return {run.key for run in self.state.open_steps()}

    def run(self, key: str) -> StepRun:
        return self.state.steps[key]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def told(self, kind: str) -> list[tuple[str, float]]:
        """To whom notices of a kind went, and when."""
        return [(n.notice.to[1], minute(n.event.at)) for n in self.notices if n.notice.kind == kind]

    # what always holds

    def check(self) -> None:
        """Replay, the ledger and a trip through JSON give what is here; every row's end is known; facts are complete."""
        assert replay(self.events) == self.state
        assert load(json.loads(json.dumps(dump(self.state)))) == self.state
        promised = promises(self.rules, self.state)
        assert {key: row.due for key, row in self.pending.items()} == {key: p.due for key, p in promised.items()}
        assert {row.key for row in self.rows.values() if row.state == PENDING} == set(self.pending)
        fired = [event.facts["key"] for event in self.events if event.kind == "fired"]
        assert len(fired) == len(set(fired))
        assert {row.key for row in self.rows.values() if row.state == FIRED} == set(fired)
        assert all(facts_complete(event) for event in self.events)
        assert [event.recorded for event in self.events] == sorted(event.recorded for event in self.events)


def desk(given: Plan, *, level: int = 3, conditions: Iterable[str] = ()) -> Desk:
    """An incident reported and responded to under one small plan, from minute 0."""
    return Desk(compiled(given)).report(conditions=conditions).activate(name=given.slug, level=level)


def library_desk(slug: str = "power-cut", *, level: int = 3, activated: float = 1) -> Desk:
    starts = DOCUMENTS[slug].get("starts")
    begun = Desk(LIBRARY, ("house", 1)).report(conditions=[starts] if starts else [])
    return begun.activate(activated, slug, level)
