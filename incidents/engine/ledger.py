"""The difference between what is promised and what the ledger holds; shared by record and rehearsal."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from incidents.engine.promises import Promise

PENDING, FIRED, SUPERSEDED, COLLAPSED, STOPPED = STATES = ("pending", "fired", "superseded", "collapsed", "stopped")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the promise ledger. `armed`: when the row was made or last pulled forward; all times in ms UTC."""

    key: str
    base: str
    activation: int
    plan: str
    rule: str
    subject: str
    n: int
    action: str
    due: int
    armed: int
    state: str = PENDING
    fired: int | None = None
    late_ms: int | None = None
    system_late_ms: int | None = None


def entry(promise: Promise, armed: int) -> Entry:
    return Entry(
        key=promise.key,
        base=promise.base,
        activation=promise.activation.n,
        plan=promise.activation.plan,
        rule=promise.rule.id,
        subject=promise.subject,
        n=promise.n,
        action=" ".join(f"{action.do}:{action.arg}" for action in promise.actions),
        due=promise.due,
        armed=armed,
    )


def diff(
    pending: Mapping[str, Entry], promised: Mapping[str, Promise], now: int, stopped: frozenset[str] = frozenset()
) -> list[Entry]:
    """The rows to write: inserted, moved, superseded. A moved row is armed anew only when it was pulled forward.
    `stopped`: bases that a person stopped."""
    changed = []
    for key, promise in promised.items():
        old = pending.get(key)
        if old is None:
            changed.append(entry(promise, now))
        elif promise.due != old.due:
            changed.append(replace(old, due=promise.due, armed=now if promise.due < old.due else old.armed))
    for key, old in pending.items():
        if key not in promised:
            changed.append(replace(old, state=STOPPED if old.base in stopped else SUPERSEDED))
    return changed


@dataclass(frozen=True, slots=True)
class Mend:
    """A row of the ledger that was not as the rules have it, and what it became. Nothing before: it was missing."""

    before: Entry | None
    after: Entry

    @property
    def kind(self) -> str:
        if self.before is None:
            return "missing"
        return "moved" if self.after.state == PENDING else "extra"
