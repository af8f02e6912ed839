"""Why a promise exists: the rule, the clock that runs for it and since when, how long, and what people changed about it.

What is still promised is explained from the incident as it is; what is over from its key, which names the entry that began
its clock, and from the revision of the plan that made it. Made with everything it needs, it asks the database nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.template.defaultfilters import date as format_date
from django.utils import timezone
from django.utils.translation import gettext as _

from incidents.engine.ledger import PENDING
from incidents.engine.lifecycle import Refusal
from incidents.engine.plan import LEVELS, Rule, Span, at_level
from incidents.engine.promises import rule_of, scaled
from incidents.engine.state import Adjustment, IncidentState
from incidents.models import Event, Incident, Timer
from incidents.rulebook import Rulebook
from incidents.times import MS, moment, ms
from incidents.wording import Teller
from plans.texts import say
from plans.wording import Wording

Entries = Mapping[tuple[int, int], Event]  # by incident and seq
# What a broken state can make of a reader, and a rule that a plan no longer knows.
UNREADABLE = (Refusal, LookupError, TypeError, ValueError, AttributeError, StopIteration)


@dataclass(frozen=True)
class Why:
    """`clock`: the fact whose clock runs, in words; `since`: when it began; `seq`: the entry of the timeline that began it;
    `span`: the rule's time, at the level and speed that count; `changed`: what people did to it, in sentences."""

    rule: str
    plan: str = ""
    clock: str = ""
    since: datetime | None = None
    seq: int = 0
    span: timedelta | None = None
    level: int | None = None
    speed: int = 1
    changed: tuple[str, ...] = ()


def seq_of(row: Timer) -> int:
    """The number of the entry that began the clock: it stands in the key."""
    seq = row.base.rpartition("@")[2]
    return int(seq) if seq.isdecimal() else 0


def state_of(incident: Incident) -> IncidentState | None:
    """Nothing where what is stored cannot be read: one broken incident must not take a page of many with it."""
    try:
        return incident.facts
    except UNREADABLE:
        return None


def why(row: Timer, book: Rulebook, entries: Entries, titles: Mapping[str, Any]) -> Why:
    """`titles`: of the steps that people added, by key."""
    try:
        return _Reason(row, book, entries, titles).told()
    except UNREADABLE:
        return Why(rule=row.rule, seq=seq_of(row))


class _Reason:
    def __init__(self, row: Timer, book: Rulebook, entries: Entries, titles: Mapping[str, Any]) -> None:
        self.row, self.book, self.titles = row, book, titles
        self.state = row.incident.facts
        self.activation = self.state.activation(row.activation)
        self.pair = (self.activation.plan, self.activation.revision)
        self.rule: Rule = rule_of(book.rules[self.pair], self.state, row.rule)
        self.seq = seq_of(row)
        self.entry = entries.get((row.incident_id, self.seq))
        self.adjustment = self.state.adjust.get(row.base, Adjustment())
        self.wording = Wording(book.snapshots[self.pair].document) if self.pair in book.snapshots else None

    def told(self) -> Why:
        name, since = self._clock()
        level, span = self._span(since)
        return Why(
            rule=self._sentence(),
            plan=say(self.wording.document["title"]) if self.wording else "",
            clock=self._fact(name) if name else ", ".join(map(self._fact, self.rule.clock)),
            since=since,
            seq=self.seq,
            span=None if span is None else scaled(span, self.state.speed) * MS,
            level=level,
            speed=self.state.speed,
            changed=tuple(self._changes()),
        )

    def _sentence(self) -> str:
        """The rule in words; that of a step which a person added is told by the step."""
        if self.wording and not self.row.rule.startswith("due-adhoc-"):
            return self.wording.firing(self.row.rule, self.row.n)
        return _("“%(step)s” was added with a time limit") % {"step": self._step(self.row.rule.removeprefix("due-"))}

    def _step(self, step: str) -> str:
        return say(self.titles.get(f"{self.row.plan}.{step}", step))

    def _fact(self, name: str) -> str:
        """A compiled fact as the plan's own words have it."""
        if ".adhoc-" in name:
            step = name.partition(f":{self.row.plan}.")[2].partition(".")[0]
            return _("“%(step)s” is open") % {"step": self._step(step)}
        fact = name.replace(f":{self.row.plan}.", ":", 1)
        return self.wording.clock(fact) if self.wording else fact

    def _clock(self) -> tuple[str, datetime | None]:
        """Which of the rule's facts the clock runs from, and since when: as long as the incident knows, what it knows;
        afterwards, what the entry says."""
        for name in self.rule.clock:
            held, ended = self.state.facts.get(name, {}), self.state.ended.get(name, {})
            begun = [(fact.seq, fact.since) for fact in held.values()] + [
                (gone.seq, gone.since) for gone in ended.values()
            ]
            if known := [since for seq, since in begun if seq == self.seq]:
                return name, moment(known[0])
        only = self.rule.clock[0] if len(self.rule.clock) == 1 else ""
        return only, self.entry.occurred_at if self.entry else None

    def _span(self, since: datetime | None) -> tuple[int | None, int | None]:
        """The level that counted and the rule's time at it, in ms. Of what is over the level is the one that fits."""
        stages, n = self.rule.stages, self.row.n
        if n > len(stages):
            assert self.rule.repeat
            return self._at(self.rule.repeat.every, None)
        if isinstance(stages[n - 1].after, int) or self.row.state == PENDING or since is None:
            return self._at(stages[n - 1].after, None)
        took = ms(self.row.due_at) - ms(since) - self.adjustment.shift
        fits = [level for level in LEVELS if self._length(stages[n - 1].after, level) == took]
        return self._at(stages[n - 1].after, fits[0] if len(fits) == 1 else None)

    def _length(self, span: Span, level: int) -> int | None:
        given = at_level(span, level)
        return None if given is None else scaled(given, self.state.speed)

    def _at(self, span: Span, level: int | None) -> tuple[int | None, int | None]:
        if isinstance(span, int):
            return None, span
        if level is None and self.row.state == PENDING:
            level = self.state.level
        return level, at_level(span, level)

    def _changes(self) -> Iterator[str]:
        if self.adjustment.stopped:
            yield _("Somebody stopped it.")
        if self.adjustment.paused_at is not None:
            yield _("It is paused since %(time)s.") % {"time": _time(moment(self.adjustment.paused_at))}
        if minutes := round(self.adjustment.shift / 60_000):
            yield _("It was put off, by %(minutes)s min in all.") % {"minutes": minutes}
        if self.rule.pause and any(key.partition("[")[0] == self.rule.pause for key in self.state.pauses):
            yield _("Its clock stood still while: %(fact)s.") % {"fact": self._fact(self.rule.pause)}
        if self.row.state == PENDING:
            yield from self._what_moved_it()

    def _what_moved_it(self) -> Iterator[str]:
        promised = self.state.next_updates.get(self.rule.asks) if self.rule.asks and self.row.n == 1 else None
        if promised is not None:
            yield _("Somebody promised the next update for %(time)s.") % {"time": _time(moment(promised))}
        changed = self.state.fact("level_changed")
        if changed and self.rule.by_level and ms(self.row.due_at) == changed.since:
            yield _("It became due when the level was changed.")


def _time(instant: datetime) -> str:
    return str(format_date(timezone.localtime(instant), "H:i"))


def teller_of(incident: Incident, book: Rulebook, titles: Mapping[str, Any]) -> Teller:
    teller = Teller(incident, book, {})
    teller.titles = dict(titles)
    return teller
