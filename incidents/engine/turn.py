"""One turn of one incident: settle, apply, settle. Record and rehearsal take the same turns, each on its clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from incidents.engine.apply import apply
from incidents.engine.decide import Act, decide
from incidents.engine.effects import Duty, Notice, derived, effects
from incidents.engine.events import Event, stamp
from incidents.engine.ledger import COLLAPSED, FIRED, PENDING, Entry, Mend, diff, entry
from incidents.engine.plan import RuleSet
from incidents.engine.promises import Promise, due_at, promises, rule_of
from incidents.engine.state import Fact, IncidentState

LATE_MS = 60_000  # behind by more than this, the clock was down: catch up, collapse, and say so
BOUND = 5_000  # events in one turn; more means that two rules feed each other


class Unbounded(RuntimeError):
    """The rules of a plan keep causing each other."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """A notice, with the event that caused it."""

    notice: Notice
    event: Event


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn did. `written` are the ledger rows to write; `mended` says which were not as the rules have them when the
    turn began: somebody changed the ledger behind our back."""

    state: IncidentState
    events: tuple[Event, ...]
    notices: tuple[Noticed, ...]
    written: tuple[Entry, ...]
    pending: Mapping[str, Entry]
    mended: tuple[Mend, ...] = ()


def take(
    rules: RuleSet,
    state: IncidentState,
    pending: Mapping[str, Entry],
    acts: Iterable[Act],
    now: int,
    duty: Duty | None = None,
) -> Turn:
    """Settle what was due before each act, apply the act, and at the end settle what is due by now. `duty`: who is on
    duty now.

    So an “all clear” typed late cannot erase a promise that was broken, nor can the next act of the same batch.
    """
    work = _Work(rules, state, dict(pending), now, duty or Duty())
    mended = work.mend()
    for act in acts:
        work.settle(min(act.at, now))
        work.now_for(act)
        for event in decide(rules, work.state, act, work.now, work.duty):
            work.append(event)
        work.derive(work.armed_at)
        if work.state.kind != "backfilled":
            work.settle(now)
    work.settle(now)
    written = tuple(work.written.values())
    return Turn(work.state, tuple(work.events), tuple(work.notices), written, work.pending, mended)


class _Work:
    """The moving parts of one turn."""

    def __init__(self, rules: RuleSet, state: IncidentState, pending: dict[str, Entry], now: int, duty: Duty) -> None:
        self.rules, self.state, self.pending, self.clock, self.duty = rules, state, pending, now, duty
        self.now = max(now, state.as_of)  # what is written never goes back, even if the clock does
        self.armed_at = now
        self.events: list[Event] = []
        self.notices: list[Noticed] = []
        self.written: dict[str, Entry] = {}
        self.promised: dict[str, Promise] = {}

    def mend(self) -> tuple[Mend, ...]:
        """A ledger that somebody changed behind our back is put right by the next turn. What it should have held was
        promised from the last event on: that it was gone since makes the console late, not the plan."""
        before = dict(self.pending)
        self.armed_at = min(self.clock, self.state.as_of)
        self.reconcile()
        self.armed_at = self.clock
        return tuple(Mend(before.get(row.key), row) for row in self.written.values())

    def now_for(self, act: Act) -> None:
        """A backfilled incident is keyed in afterwards: its promises count as armed when they would have been."""
        kind = self.state.kind or act.body.get("kind")
        self.armed_at = act.at if kind == "backfilled" else self.clock

    def append(self, event: Event) -> None:
        """Apply one event and everything that follows from it."""
        queue = [event]
        while queue:
            if len(self.events) >= BOUND:
                raise Unbounded(f"more than {BOUND} events in one turn")
            stamped = stamp(queue.pop(0), self.state.seq + 1, self.now)
            before = self.state
            self.state = apply(before, stamped)
            self.events.append(stamped)
            self.keep_early(stamped)
            follow = effects(self.rules, before, stamped, self.state, self.duty)
            self.notices += [Noticed(notice, stamped) for notice in follow.notices]
            queue += follow.events

    def keep_early(self, event: Event) -> None:
        """A promise that an act fired before its time, as a recorded “no answer” does, has been kept; where nobody was on
        duty, in the very moment in which it was made."""
        if event.kind != "fired":
            return
        written = self.written.get(event.facts["key"])
        if written and written.state == FIRED:
            return
        row, at = self.pending.get(event.facts["key"]) or self.made_now(event), event.facts["due"]
        self.write(replace(row, due=at, state=FIRED, fired=self.clock, late_ms=0, system_late_ms=0))

    def made_now(self, event: Event) -> Entry:
        facts = event.facts
        activation = self.state.activation(facts["activation"])
        rule = rule_of(self.rules[activation.plan, activation.revision], self.state, facts["rule"])
        at = facts["due"]
        made = Promise(facts["key"], facts["base"], facts["n"], at, rule, activation, facts["subject"], at)
        return entry(made, self.armed_at)

    def derive(self, at: int) -> None:
        """Open and withdraw steps until nothing changes; then see what is promised now."""
        while events := derived(self.rules, self.state, at):
            for event in events:
                self.append(event)
        self.reconcile()

    def reconcile(self) -> None:
        self.promised = promises(self.rules, self.state)
        stopped = frozenset(base for base, adjustment in self.state.adjust.items() if adjustment.stopped)
        for changed in diff(self.pending, self.promised, self.armed_at, stopped):
            self.write(changed)

    def write(self, row: Entry) -> None:
        self.written[row.key] = row
        if row.state == PENDING:
            self.pending[row.key] = row
        else:
            self.pending.pop(row.key, None)

    def settle(self, until: int) -> None:
        """Fire everything due by then, the earliest first, each derived again after the one before."""
        while due := [promise for promise in self.promised.values() if promise.due <= until]:
            self.fire(min(due, key=lambda promise: (promise.due, promise.key)), until)

    def fire(self, promise: Promise, until: int) -> None:
        row = self.pending.get(promise.key) or entry(promise, self.armed_at)
        seen = self.clock
        if self.state.kind == "backfilled":  # keyed in later, on purpose: its clock was never down
            seen = self.armed_at = max(promise.due, row.armed)
        on_time = seen - max(promise.due, row.armed) <= LATE_MS
        rungs = [(promise.n, promise.due)] if on_time else self.catch_up(promise, row, until)
        last, due = rungs[-1]
        key = f"{promise.base}#{last}"
        at = max(promise.due, row.armed) if on_time else seen
        full_window = last > promise.n and any(action.do == "advance" for action in promise.actions)
        late, behind = max(0, seen - due), max(0, seen - max(due, row.armed))
        event = Event(
            "fired",
            min(at, self.now),
            {
                "key": key,
                "base": promise.base,
                "rule": promise.rule.id,
                "activation": promise.activation.n,
                "subject": promise.subject,
                "n": promise.n,
                "to": last,
                "due": due,
                "next_from": seen if full_window else max(due, row.armed),
                "armed": row.armed,
                "late_ms": late,
                "system_late_ms": behind,
                **({"collapsed": [list(rung) for rung in rungs[:-1]]} if rungs[:-1] else {}),
            },
        )
        for n, missed in rungs[:-1]:
            gone = replace(row, key=f"{promise.base}#{n}", n=n, due=missed, state=COLLAPSED)
            self.write(replace(gone, late_ms=seen - missed, system_late_ms=seen - max(missed, row.armed)))
        fired = replace(row, key=key, n=last, due=due, state=FIRED, fired=seen, late_ms=late, system_late_ms=behind)
        self.write(fired)
        self.append(event)
        self.derive(event.at)

    def catch_up(self, promise: Promise, row: Entry, until: int) -> list[tuple[int, int]]:
        """Every (n, due) of this episode that was missed until then: the clock was down, one firing stands for all."""
        rungs = [(promise.n, promise.due)]
        clock = Fact(promise.since, 0)
        while True:
            n, due = rungs[-1]
            after = max(due, row.armed)
            following = due_at(self.state, promise.rule, promise.base, n + 1, clock, promise.subject, after=after)
            if following is None or following > until:
                return rungs
            rungs.append((n + 1, following))
