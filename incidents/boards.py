"""The pages that show many incidents at once: the supervisor's board and the manager's overview. The number of queries does
not depend on how many incidents there are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Page, Paginator
from django.db.models import Count, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from contactops.accounts.models import User
from incidents import access
from incidents.engine import lifecycle
from incidents.engine.ledger import PENDING
from incidents.models import Incident, Report, StepRun, Timer
from incidents.models.incident import IncidentQuerySet
from incidents.promised import DOWNTIME, Downtime, after_downtime, in_one, late_after_downtime
from incidents.rulebook import Rulebook, in_force
from incidents.times import db_now
from incidents.wording import Teller
from plans.models import Seat
from plans.texts import say

LIVE_PER_PAGE = 50
TRIAGE_SHOWN = 50
CLOSED_SHOWN = 20


@dataclass(frozen=True)
class Card:
    """What the board says of one incident beside its columns. `share`: of the site's seats, 0 to 1, None without a site;
    `next_due`: when the next promise comes due, or when the open step was that is the latest by now."""

    reports: int = 0
    seats: int = 0
    share: float | None = None
    next_due: datetime | None = None
    next_words: str = ""


@dataclass(frozen=True)
class Board:
    """What waits for triage, the longest waiting first; one page of what is live, the worst first; what was closed today."""

    triage: list[Incident]
    triage_count: int
    live: Page
    closed_today: int
    last_closed: Incident | None
    cards: Mapping[int, Card]
    downtime: Downtime
    now: datetime

    @property
    def live_count(self) -> int:
        return self.live.paginator.count


_WAITING = Q(status__in=lifecycle.TRIAGE)
_RESPONDING = Q(status=lifecycle.RESPONDING)


def board(
    user: User,
    filters: Q | None = None,
    page: str | int | None = 1,
    now: datetime | None = None,
    looked_at: datetime | None = None,
) -> Board:
    """`looked_at`: when the reader last looked at what was late after downtime."""
    rows, now = _rows(user, filters), now or db_now()
    triage = list(rows.filter(_WAITING).order_by("-status", "reported_at")[:TRIAGE_SHOWN])
    counted, downtime = _counted(user, filters, now, looked_at)
    live = Paginator(rows.filter(_RESPONDING).order_by("level", "-reported_at"), LIVE_PER_PAGE)
    live.count = counted.get("responding", 0)  # type: ignore[misc]  # or it would be counted again
    shown = live.get_page(page)
    shown.object_list = list(shown.object_list)
    return Board(
        triage=triage,
        triage_count=counted.get("waiting", 0),
        live=shown,
        closed_today=counted.get("closed", 0),
        last_closed=None
        if triage or shown.object_list
        else rows.exclude(closed_at=None).order_by("-closed_at").first(),
        cards=cards([*triage, *shown.object_list]),
        downtime=downtime,
        now=now,
    )


def _counted(
    user: User, filters: Q | None, now: datetime, looked_at: datetime | None
) -> tuple[dict[str, int], Downtime]:
    """How many wait, are responded to and were closed today, and what was late after downtime. One query for both."""
    seen, today = _seen(user, filters), Q(closed_at__gte=_midnight(now))
    numbers = {
        "waiting": Count("pk", filter=_WAITING),
        "responding": Count("pk", filter=_RESPONDING),
        "closed": Count("pk", filter=today),
    }
    row = User.objects.filter(pk=user.pk).values_list(
        in_one(seen.filter(_WAITING | _RESPONDING | today), **numbers),
        in_one(late_after_downtime(seen, now, looked_at), **DOWNTIME),
    )
    counted, late = row.get()
    return counted or {}, Downtime.of(late or {})


def cards(incidents: Sequence[Incident]) -> dict[int, Card]:
    """By primary key. Four queries at most."""
    there = Seat.objects.filter(site=OuterRef("incident__site")).order_by().values("site").annotate(n=Count("pk"))
    counted = (
        Report.objects.filter(incident__in=incidents)
        .order_by()
        .values("incident")
        .annotate(n=Count("pk"), seats=Count("seat", distinct=True), all_seats=Subquery(there.values("n")))
    )
    reports = {row["incident"]: (row["n"], row["seats"], row["all_seats"]) for row in counted}
    promises = _next_promises(incidents)
    found = {}
    for incident in incidents:
        number, seats, of = reports.get(incident.pk, (0, 0, None))
        due, words = promises.get(incident.pk, (None, ""))
        owed = getattr(incident, "owed_due", None)
        if owed and (due is None or owed < due):  # its promise has come due and the step is still open
            due, words = owed, _("Due: %(step)s") % {"step": say(incident.owed_title)}  # type: ignore[attr-defined]
        found[incident.pk] = Card(number, seats, seats / of if of else None, due, words)
    return found


def _next_promises(incidents: Sequence[Incident]) -> dict[int, tuple[datetime, str]]:
    """The soonest promise of each, with its rule's sentence."""
    pending = Timer.objects.filter(incident__in=incidents, state=PENDING)
    soonest = list(pending.order_by("incident_id", "due_at", "pk").distinct("incident_id"))
    book = Rulebook({pair for incident in incidents for pair in in_force(incident.facts)})
    by_hand = {
        (row.incident_id, f"{row.plan}.{row.rule.removeprefix('due-')}") for row in soonest if "adhoc-" in row.rule
    }
    added = StepRun.objects.filter(incident__in={pk for pk, _key in by_hand}, key__in={key for _pk, key in by_hand})
    steps: dict[int, list[StepRun]] = {}
    for step in added.only("incident", "key", "title") if by_hand else ():
        steps.setdefault(step.incident_id, []).append(step)
    own = {incident.pk: incident for incident in incidents}
    return {row.incident_id: (row.due_at, _words(own[row.incident_id], row, book, steps)) for row in soonest}


def _words(incident: Incident, row: Timer, book: Rulebook, steps: Mapping[int, Iterable[StepRun]]) -> str:
    revisions = {activation.n: activation.revision for activation in incident.facts.activations}
    teller = Teller(incident, book, {}).knows_steps(steps.get(incident.pk, ()))
    return teller.rule(row.plan, revisions.get(row.activation, 0), row.rule)


@dataclass(frozen=True)
class Overview:
    """The manager's page. `mine`: the open decisions that this person may take; `others`: those they may only watch."""

    live: list[Incident]
    mine: list[StepRun]
    others: list[StepRun]
    closed: list[Incident]
    cards: Mapping[int, Card]
    downtime: Downtime
    now: datetime


def overview(
    user: User, filters: Q | None = None, now: datetime | None = None, looked_at: datetime | None = None
) -> Overview:
    rows, now = _rows(user, filters), now or db_now()
    live = list(rows.live().order_by("level", "-reported_at"))
    decisions = _decisions(rows)
    mine = [step for step in decisions if access.step_permitted(user, step, "complete")]
    return Overview(
        live=live,
        mine=mine,
        others=[step for step in decisions if step not in mine],
        closed=list(rows.filter(status=lifecycle.CLOSED).order_by("-closed_at")[:CLOSED_SHOWN]),
        cards=cards(live),
        downtime=after_downtime(_seen(user, filters), now, looked_at),
        now=now,
    )


def _decisions(rows: IncidentQuerySet) -> list[StepRun]:
    """The open decisions of live incidents, the most urgent first."""
    live = Incident.objects.filter(pk__in=rows.live().values("pk"))
    steps = StepRun.objects.filter(incident__in=live, kind="decision", status__in=lifecycle.STEP_OPEN)
    return list(steps.select_related("incident__type", "incident__site", "group").order_by("due_at", "pk"))


def _rows(user: User, filters: Q | None) -> IncidentQuerySet:
    """With the open step that is due first, of each."""
    owed = (
        StepRun.objects.filter(incident=OuterRef("pk"), status__in=lifecycle.STEP_OPEN)
        .exclude(due_at=None)
        .order_by("due_at", "pk")
    )
    rows = _seen(user, filters).select_related("type", "site", "commander")
    return rows.annotate(owed_due=Subquery(owed.values("due_at")[:1]), owed_title=Subquery(owed.values("title")[:1]))


def _seen(user: User, filters: Q | None) -> IncidentQuerySet:
    return Incident.objects.visible_to(user).filter(filters or Q())


def _midnight(now: datetime) -> datetime:
    """When this day began where the reader is."""
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
