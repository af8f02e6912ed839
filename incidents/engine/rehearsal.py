"""Run a plan on a fake clock: the same functions as the live system, nothing written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from incidents.engine.decide import Act
from incidents.engine.events import Event
from incidents.engine.ledger import Entry
from incidents.engine.plan import RuleSet
from incidents.engine.state import IncidentState
from incidents.engine.turn import Noticed, take


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that happened, in order, and how it ended. `rows` is the whole ledger by key."""

    state: IncidentState
    events: tuple[Event, ...]
    notices: tuple[Noticed, ...]
    rows: Mapping[str, Entry]


def rehearse(rules: RuleSet, script: Iterable[Act], until: int) -> Trace:
    """Play the acts in order of time, stopping the fake clock at every due time, up to and including `until` (ms)."""
    state, pending = IncidentState(), dict[str, Entry]()
    events: list[Event] = []
    notices: list[Noticed] = []
    rows: dict[str, Entry] = {}

    def turn(acts: list[Act], now: int) -> None:
        nonlocal state, pending
        taken = take(rules, state, pending, acts, now)
        state, pending = taken.state, dict(taken.pending)
        events.extend(taken.events)
        notices.extend(taken.notices)
        rows.update({row.key: row for row in taken.written})

    def wait(end: int) -> None:
        while due := [row.due for row in pending.values() if row.due <= end]:
            turn([], max(min(due), state.as_of))

    for act in sorted(script, key=lambda act: act.at):
        if act.at > until:
            break
        wait(act.at)
        turn([act], act.at)
    wait(until)
    return Trace(state, tuple(events), tuple(notices), rows)
