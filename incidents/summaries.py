"""One incident as a document: figures that name their two clock points, the line of time, and what became of everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.template.defaultfilters import date as format_date
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from contactops.accounts.models import User
from incidents import helpers
from incidents.engine.ledger import FIRED
from incidents.helpers import Tier
from incidents.models import Incident, Notification, StepRun, Timer
from incidents.selectors import (
    CLOCKS,
    Line,
    PromiseView,
    StepView,
    impact,
    notifications,
    opened_steps,
    promises,
    timeline,
)
from incidents.strip import Strip, strip
from incidents.times import db_now

_MINUTE = timedelta(minutes=1)

# name -> (from, to): every figure says which two clock points it spans
FIGURES: Mapping[str, tuple[str, str]] = {
    "detect": ("occurred", "reported"),
    "acknowledge": ("occurred", "acknowledged"),
    "activate": ("occurred", "activated"),
    "contain": ("occurred", "contained"),
    "restore": ("occurred", "restored"),
    "stand_down": ("occurred", "stood_down"),
    "close": ("reported", "closed"),
}
FIGURE_NAMES: Mapping[str, str] = {
    "detect": N_("Until it was reported"),
    "acknowledge": N_("Until somebody took it up"),
    "activate": N_("Until a plan was active"),
    "contain": N_("Until it was contained"),
    "restore": N_("Until service was restored"),
    "stand_down": N_("Until it was stood down"),
    "close": N_("From report to closing"),
}


def summary(incident: Incident) -> dict[str, dict[str, Any]]:
    """The figures of the summary, each `{value, unit, from, to}`; the value is null where a clock point is missing."""
    clocks = {name: getattr(incident, f"{name}_at") for name in CLOCKS}
    figures = {name: _span(clocks, *points) for name, points in FIGURES.items()}
    fired = Timer.objects.filter(incident=incident, state=FIRED)
    counted = fired.aggregate(
        kept=Count("pk"),
        late=Count("pk", filter=Q(late__gt=_MINUTE)),
        ours=Count("pk", filter=Q(system_late__gt=_MINUTE)),
    )
    steps = StepRun.objects.filter(incident=incident)
    done = steps.aggregate(done=Count("pk", filter=Q(status="done")), overdue=Count("pk", filter=Q(overdue=True)))
    counts = {
        "reports": impact(incident)["reports"],
        "steps_done": done["done"],
        "steps_overdue": done["overdue"],
        "promises_fired": counted["kept"],
        "promises_late": counted["late"],
        "promises_late_by_console": counted["ours"],
    }
    whole = {"unit": "count", "from": "reported", "to": "closed" if incident.closed_at else "now"}
    figures |= {name: {"value": value, **whole} for name, value in counts.items()}
    return {**figures, **_support(incident, whole)}


def _support(incident: Incident, whole: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """How many people came in each tier, and the person-minutes they gave; null where none was ever asked."""
    figures: dict[str, dict[str, Any]] = {}
    for tier in helpers.tiers(incident, incident.closed_at or db_now()):
        minutes = round(tier.given / _MINUTE, 2)
        figures[f"support_{tier.n}_people"] = {"value": tier.joined if tier.helpers else None, **whole}
        figures[f"support_{tier.n}_person_minutes"] = {
            "value": minutes if tier.helpers else None,
            **whole,
            "unit": "person-min",
        }
    return figures


def _span(clocks: Mapping[str, datetime | None], start: str, end: str) -> dict[str, Any]:
    begun, over = clocks[start], clocks[end]
    known = begun is not None and over is not None and over >= begun
    value = round((over - begun).total_seconds(), 3) if known and begun and over else None
    return {"value": value, "unit": "s", "from": start, "to": end}


CLOCK_NAMES: Mapping[str, str] = {
    "occurred": N_("began"),
    "reported": N_("reported"),
    "acknowledged": N_("taken up"),
    "activated": N_("plan active"),
    "contained": N_("contained"),
    "restored": N_("restored"),
    "stood_down": N_("stood down"),
    "closed": N_("closed"),
}
COUNT_NAMES: Mapping[str, str] = {
    "reports": N_("Reports"),
    "steps_done": N_("Steps done"),
    "steps_overdue": N_("Steps overdue"),
    "promises_fired": N_("Promises that came due"),
    "promises_late": N_("Late by the plan"),
    "promises_late_by_console": N_("Late by us"),
}


@dataclass(frozen=True)
class FigureView:
    """A figure of the summary with the names and instants of the two clock points it spans."""

    name: str
    value: float | None
    start: str
    end: str
    start_at: datetime | None
    end_at: datetime | None


@dataclass(frozen=True)
class StepTime:
    """A step against its deadline. `late`: past its due time, zero when in time, nothing without a deadline."""

    step: StepView
    late: timedelta | None


@dataclass(frozen=True)
class SummaryPage:
    """The summary as a document."""

    facts: list[str]
    strip: Strip | None
    figures: list[FigureView]
    counts: list[tuple[str, int]]
    levels: list[Line]
    steps: list[StepTime]
    promises: list[PromiseView]
    told: QuerySet[Notification]
    lines: list[Line]
    effort: list[Tier]


def summary_page(incident: Incident, user: User) -> SummaryPage:
    """A fixed number of queries."""
    figures, lines, now = summary(incident), timeline(incident), incident.closed_at or db_now()
    opened, ledger = opened_steps(incident, user), promises(incident, now)
    return SummaryPage(
        facts=_facts(incident, figures),
        strip=_strip(incident, ledger, now),
        figures=[_figure(incident, name, figures[name]) for name in FIGURES],
        counts=[(_(words), int(figures[name]["value"])) for name, words in COUNT_NAMES.items()],
        levels=[line for line in lines if line.event.kind in _LEVEL_EVENTS],
        steps=[StepTime(step, _lateness(step, now)) for step in opened],
        promises=ledger,
        told=notifications(incident).order_by("created_at", "pk"),
        lines=lines,
        effort=[tier for tier in helpers.tiers(incident, now) if tier.helpers],
    )


_LEVEL_EVENTS = ("activated", "deactivated", "level_set", "level_confirmed")


def _figure(incident: Incident, name: str, figure: Mapping[str, Any]) -> FigureView:
    start, end = figure["from"], figure["to"]
    return FigureView(
        name=_(FIGURE_NAMES[name]),
        value=figure["value"],
        start=_(CLOCK_NAMES[start]),
        end=_(CLOCK_NAMES[end]),
        start_at=getattr(incident, f"{start}_at"),
        end_at=getattr(incident, f"{end}_at"),
    )


def _lateness(step: StepView, now: datetime) -> timedelta | None:
    if step.due_at is None or step.status in ("skipped", "withdrawn"):
        return None
    return max((step.done_at or now) - step.due_at, timedelta(0))


def _strip(incident: Incident, ledger: list[PromiseView], until: datetime) -> Strip | None:
    instants = [(_(CLOCK_NAMES[name]), getattr(incident, f"{name}_at")) for name in CLOCKS]
    points = [(label, at) for label, at in instants if at is not None]
    kept = [(one.words, one.timer.due_at, one.late or timedelta()) for one in ledger if one.timer.state == FIRED]
    return strip(points, kept, until)


def _facts(incident: Incident, figures: Mapping[str, Any]) -> list[str]:
    """What happened, in sentences of facts; nothing is said of what did not."""
    at = {name: getattr(incident, f"{name}_at") for name in CLOCKS}
    told = [
        _("It began on %(day)s at %(time)s and was reported at %(reported)s.") % _when(at["occurred"], at["reported"])
    ]
    later = {
        "acknowledged": N_("It was taken up at %(time)s."),
        "activated": N_("A plan was active from %(time)s."),
        "restored": N_("Service was restored at %(time)s."),
        "stood_down": N_("It was stood down at %(time)s."),
        "closed": N_("It was closed at %(time)s."),
    }
    told += [_(words) % {"time": _time(at[name])} for name, words in later.items() if at[name]]
    steps = {"done": figures["steps_done"]["value"], "late": figures["steps_overdue"]["value"]}
    if steps["done"]:
        told.append(_("Steps done: %(done)s; after their deadline: %(late)s.") % steps)
    return told


def _when(began: datetime, reported: datetime) -> dict[str, str]:
    return {
        "day": format_date(timezone.localtime(began), "DATE_FORMAT"),
        "time": _time(began),
        "reported": _time(reported),
    }


def _time(moment: datetime) -> str:
    return str(format_date(timezone.localtime(moment), "H:i"))
