"""The ledger of every incident a person may see: what is promised, what became of it, and why. A fixed number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, F, JSONField, Min, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import JSONObject
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from contactops.accounts.models import User
from incidents import access
from incidents.engine.ledger import COLLAPSED, FIRED, PENDING, STOPPED, SUPERSEDED
from incidents.models import Event, Incident, StepRun, Timer
from incidents.models.incident import IncidentQuerySet
from incidents.models.ledger import OUTAGE
from incidents.reasons import Why, seq_of, state_of, teller_of, why
from incidents.rulebook import Rulebook, in_force
from incidents.selectors import PromiseView, deadline_lateness

LATE = timedelta(minutes=1)  # what is kept so soon after its time is on time
SLOW = timedelta(seconds=5)  # what the console keeps so much too late is its own lateness; beyond OUTAGE it was down
DAY = timedelta(days=1)

_deadline = Q(action__startswith="overdue:")
_ours = Q(system_late__gt=SLOW)

# What a list can be narrowed to. The kinds of what was kept share it out: each promise is in one of the five.
STATES: Mapping[str, Q] = {
    PENDING: Q(state=PENDING),
    FIRED: Q(state=FIRED),
    "on-time": Q(state=FIRED) & ~_deadline & ~_ours & Q(late__lte=LATE),
    "missed": Q(state=FIRED) & _deadline & ~_ours,
    "late": Q(state=FIRED) & ~_deadline & ~_ours & Q(late__gt=LATE),
    "late-by-console": Q(state=FIRED, system_late__gt=SLOW, system_late__lte=OUTAGE),
    "after-downtime": Q(state=FIRED, system_late__gt=OUTAGE),
    COLLAPSED: Q(state=COLLAPSED),
    STOPPED: Q(state=STOPPED),
    SUPERSEDED: Q(state=SUPERSEDED),
}
STATE_NAMES: Mapping[str, str] = {
    PENDING: N_("pending"),
    FIRED: N_("fired"),
    "on-time": N_("kept on time"),
    "missed": N_("deadline missed"),
    "late": N_("late by the plan"),
    "late-by-console": N_("late by the console"),
    "after-downtime": N_("fired late after downtime"),
    COLLAPSED: N_("joined with a later one"),
    STOPPED: N_("stopped"),
    SUPERSEDED: N_("no longer needed"),
}
# The figures on top, and what each counts.
COUNTED: Mapping[str, str] = {
    "on-time": N_("fired within a minute of its time"),
    "missed": N_("deadlines of steps that were still open when they came"),
    "late": N_("fired over a minute after its time, because the plan asked for it only then"),
    "late-by-console": N_("fired by the console 5 to 60 seconds too late"),
    "after-downtime": N_("fired by the console over a minute too late: it was down"),
    COLLAPSED: N_("came due while the console was down; a later one of the same rule stands for it"),
}


@dataclass(frozen=True)
class Asked:
    """What the list is narrowed to; empty where nothing is asked. Days are those of the reader."""

    site: str = ""
    state: str = ""
    kind: str = ""
    plan: str = ""
    rule: str = ""
    incident: str = ""
    from_day: date | None = None
    to_day: date | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Asked":
        """From what a serializer has passed."""
        words = {name: value for name, value in given.items() if name not in ("from", "to")}
        return cls(**words, from_day=given.get("from"), to_day=given.get("to"))

    def all_but_state(self, zone: ZoneInfo) -> Q:
        columns = {
            "incident__site__code": self.site,
            "incident__kind": self.kind,
            "plan": self.plan,
            "rule": self.rule,
            "incident__ref__iexact": self.incident,
        }
        asked = Q(**{name: value for name, value in columns.items() if value})
        if self.from_day:
            asked &= Q(due_at__gte=_midnight(self.from_day, zone))
        if self.to_day:
            asked &= Q(due_at__lt=_midnight(self.to_day, zone) + DAY)
        return asked


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def ledger(user: User, asked: Asked) -> QuerySet[Timer]:
    """What is pending first, the next due on top; then what is over, the newest on top. Nothing is asked yet."""
    rows = _rows(user, asked).filter(STATES.get(asked.state, Q()))
    rows = rows.select_related("incident__type", "incident__site")
    open_first = Case(When(state=PENDING, then=Value(0)), default=Value(1))
    due_next = Case(When(state=PENDING, then=F("due_at")))
    return rows.order_by(open_first, due_next, "-due_at", "-pk")


def _rows(user: User, asked: Asked) -> QuerySet[Timer]:
    access.require_ledger(user)
    seen = Incident.objects.visible_to(user)
    return Timer.objects.filter(asked.all_but_state(user.zone), incident__in=seen)


@dataclass(frozen=True)
class Figure:
    """How many, of real incidents and beside them of drills and the like: these are never added up."""

    state: str
    real: int
    others: int

    @property
    def name(self) -> str:
        return _(STATE_NAMES[self.state])

    @property
    def counts(self) -> str:
        return _(COUNTED[self.state])


@dataclass(frozen=True)
class Figures:
    """`first`: when the first of all that is counted came due."""

    rows: list[Figure]
    first: datetime | None


def figures(user: User, asked: Asked) -> Figures:
    """Over everything but the state that is asked for. One query."""
    real, counts = Q(incident__kind="real"), dict[str, Any]()
    for n, name in enumerate(COUNTED):
        counts[f"real_{n}"] = Count("pk", filter=STATES[name] & real)
        counts[f"others_{n}"] = Count("pk", filter=STATES[name] & ~real)
    over = Q(state__in=[FIRED, COLLAPSED])
    found = _rows(user, asked).filter(over).aggregate(**counts, first=Min("due_at"))
    rows = [Figure(name, found[f"real_{n}"], found[f"others_{n}"]) for n, name in enumerate(COUNTED)]
    return Figures(rows, found["first"])


@dataclass(frozen=True)
class LedgerView(PromiseView):
    """One row, with its incident and why it exists."""

    why: Why = field(default_factory=lambda: Why(""))
    step_done: datetime | None = None

    @property
    def incident(self) -> Incident:
        return self.timer.incident

    @property
    def kept(self) -> str:
        """In which of the kinds of what was kept it is; its state where it was not."""
        row = self.timer
        if row.state != FIRED or row.late is None or row.system_late is None:
            return row.state
        if row.system_late > OUTAGE:
            return "after-downtime"
        if row.system_late > SLOW:
            return "late-by-console"
        if self.is_deadline:
            return "missed"
        return "late" if row.late > LATE else "on-time"

    @property
    def kept_name(self) -> str:
        return _(STATE_NAMES[self.kept])

    @property
    def overdue(self) -> timedelta | None:
        """How long it should have been kept by now, where it should."""
        return self.late if self.timer.state == PENDING else None


def shown(rows: Sequence[Timer], now: datetime) -> list[LedgerView]:
    """The rows of one page in words. At most four queries."""
    states = {row.incident_id: state_of(row.incident) for row in rows}
    book = Rulebook({pair for state in states.values() if state for pair in in_force(state)})
    entries, steps = _entries(rows), _steps(rows)
    return [_view(row, book, entries, steps.get(row.incident_id, []), now) for row in rows]


def _view(
    row: Timer, book: Rulebook, entries: Mapping[tuple[int, int], Event], steps: Iterable[StepRun], now: datetime
) -> LedgerView:
    state = state_of(row.incident)
    titles = {step.key: step.title for step in steps}
    done = {(step.activation, step.step_id, step.due_at): step.done_at for step in steps if step.overdue}
    fired, adjusted = (state.fired.get(row.base), state.adjust.get(row.base)) if state else (None, None)
    revision = next((a.revision for a in state.activations if a.n == row.activation), 0) if state else 0
    pending_late = max(now - row.due_at, timedelta()) if row.state == PENDING and row.due_at < now else None
    return LedgerView(
        timer=row,
        words=teller_of(row.incident, book, titles).rule(row.plan, revision, row.rule) if state else row.rule,
        paused=bool(adjusted and adjusted.paused_at is not None and row.n == (fired.n + 1 if fired else 1)),
        late=pending_late or deadline_lateness(row, done, row.incident.closed_at or now),
        why=why(row, book, entries, titles),
        step_done=done.get((row.activation, f"{row.plan}.{row.action.removeprefix('overdue:')}", row.due_at)),
    )


def _entries(rows: Sequence[Timer]) -> dict[tuple[int, int], Event]:
    """The entries of the timelines that began these clocks."""
    places = {(row.incident_id, seq_of(row)) for row in rows}
    if not places:
        return {}
    asked = reduce(or_, (Q(incident=pk, seq=seq) for pk, seq in sorted(places)))
    return {(event.incident_id, event.seq): event for event in Event.objects.filter(asked)}


def _steps(rows: Sequence[Timer]) -> dict[int, list[StepRun]]:
    """The steps that their deadlines passed, or that people added: what became of them, and what they are called."""
    wanted = Q(overdue=True) | Q(step_id__contains=".adhoc-")
    found: dict[int, list[StepRun]] = {}
    known = StepRun.objects.filter(wanted, incident__in={row.incident_id for row in rows})
    for step in known.only("incident", "key", "step_id", "activation", "title", "due_at", "done_at", "overdue"):
        found.setdefault(step.incident_id, []).append(step)
    return found


@dataclass(frozen=True)
class Downtime:
    """What was kept over a minute too late because the console was down: how many since when, drills beside them."""

    real: int = 0
    others: int = 0
    since: datetime | None = None

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Downtime":
        since = found.get("since")
        return cls(
            real=found.get("real", 0),
            others=found.get("others", 0),
            since=parse_datetime(since) if isinstance(since, str) else since,
        )

    def __bool__(self) -> bool:
        return bool(self.real or self.others)


DOWNTIME: Mapping[str, Any] = {
    "real": Count("pk", filter=Q(incident__kind="real")),
    "others": Count("pk", filter=~Q(incident__kind="real")),
    "since": Min(F("fired_at") - F("system_late")),
}


def after_downtime(rows: IncidentQuerySet, now: datetime, looked_at: datetime | None) -> Downtime:
    """One query."""
    return Downtime.of(late_after_downtime(rows, now, looked_at).aggregate(**DOWNTIME))


def late_after_downtime(rows: IncidentQuerySet, now: datetime, looked_at: datetime | None) -> QuerySet[Timer]:
    """Of the last day, and since the reader last looked at them."""
    after = max(now - DAY, looked_at) if looked_at else now - DAY
    return Timer.objects.filter(STATES["after-downtime"], incident__in=rows, fired_at__gt=after)


def in_one(rows: QuerySet[Any], **figures: Any) -> Subquery:
    """Several figures over the same rows as one value, so that a query can ask for them beside others; null when there
    are no rows."""
    together = rows.order_by().values(group=Value(1)).annotate(figures=JSONObject(**figures))
    return Subquery(together.values("figures"), output_field=JSONField())
