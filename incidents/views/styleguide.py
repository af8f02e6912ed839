"""`/styleguide/`: every component in every state, drawn by the templates that the pages use, from things that are not
stored. For whoever builds a page, and for the tests that look at them."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from contactops.http import Request
from incidents import wording
from incidents.boards import Card
from incidents.engine import lifecycle
from incidents.engine.state import Fact, IncidentState
from incidents.models import Incident, StepRun, Timer
from incidents.selectors import ConditionView, PromiseView, StepView
from incidents.strip import strip
from incidents.times import db_now
from incidents.views.forms import Sent
from plans.models import IncidentType, Site

LONG = "W" * 200  # as long as a title may be, without a place to break it
MINUTE = timedelta(minutes=1)
TONES = ("canvas", "surface", "raised", "sunken", "line", "edge", "text", "muted", "ink", "stop", "ok")


@require_safe
def styleguide(request: Request) -> HttpResponse:
    now = db_now()
    incident = _incident(now, level=2)
    sent = Sent("sample", {"line": "x" * 12, "text": "…"}, {"line": [_("This is too long.")]})
    context: dict[str, Any] = {
        "now": now,
        "page_key": "sample",
        "incident": incident,
        "cases": _cases(now),
        "reports": [(_incident(now, status=status), _card(now)) for status in ("reported", "assessing")],
        "can_take_up": True,
        "tones": TONES,
        "sizes": ("small", "less", "normal", "reading", "large", "huge"),
        "lefts": [now + offset for offset in (12 * MINUTE, 90 * MINUTE, 3 * MINUTE, -4 * MINUTE, -26 * 60 * MINUTE)],
        "steps": _steps(now),
        "next_step": _step(now, "open", kind="task", due=4 * MINUTE),
        "next_promise": _promise(now, 2),
        "conditions": [
            ConditionView("power-off", wording.name("power-off"), True, now - 6 * MINUTE),
            ConditionView("restored", wording.name("restored"), False, None),
        ],
        "room": {"conditions": [], "activations": []},
        "may": {"conditions", "promises/extend", "promises/stop"},
        "promises": [_promise(now, 12), _promise(now, 3, paused=True)],
        "decision": _decision(now, incident),
        "levels": [(n, wording.level_name(n)) for n in (1, 2, 3, 4)],
        "criteria": {str(n): _("What this level means in the plan.") for n in (1, 2, 3, 4)},
        "choices": [("a", _("Yes")), ("b", _("No"))],
        "wrong": sent,
        "strip": _strip(now),
        "alarms": ("clock", "stuck", "database", "audit"),
        "statuses": lifecycle.STATUSES,
        "long": LONG,
    }
    return render(request, "styleguide.html", context)


def _incident(now: datetime, level: int | None = None, status: str = "responding", **values: Any) -> Incident:
    known = {
        "kind": "real",
        "title": _("Lights and screens are out in area B"),
        "ref": f"INC-2026-{level or 9:04}",
        **values,
    }
    incident = Incident(
        status=status, level=level, occurred_at=now - 12 * MINUTE, reported_at=now - 11 * MINUTE, **known
    )
    incident.type = IncidentType(slug="power-cut", name={"en": "Power cut", "zh-hans": "断电"})
    incident.site = Site(code="leeds", name={"en": "Leeds", "zh-hans": "利兹"})
    held = {"level_confirmed": {"": Fact(0, 0)}} if level == 1 else {}
    incident.facts = IncidentState(level=level, facts=held)
    return incident


def _card(now: datetime) -> Card:
    return Card(
        reports=6, seats=12, share=0.2, next_due=now + 4 * MINUTE, next_words=_("Power still off after 5 minutes")
    )


def _cases(now: datetime) -> list[tuple[Incident, Card]]:
    card = _card(now)
    kinds = [_incident(now, level) for level in (1, 2, 3, 4)]
    drill = _incident(now, 3, kind="drill", ref="DRL-2026-0007")
    return [
        *((one, card) for one in kinds),
        (drill, card),
        (_incident(now, 4, title=LONG, ref="INC-2026-0200"), Card()),
    ]


def _step(now: datetime, status: str, kind: str = "task", due: timedelta | None = None, **values: Any) -> StepView:
    is_over = status in ("done", "skipped", "withdrawn")
    allowed = [] if is_over or status == "waiting" else ["complete", "skip", "block", "start"]
    return StepView(
        key=f"sample.{kind}-{status}",
        title=_("Telephone maintenance"),
        detail=_("Say which areas are off and since when."),
        group="G-SUP",
        group_name=_("Supervisors"),
        kind=kind,
        status=status,
        required=values.pop("required", True),
        due_at=now + due if due else None,
        done_at=now - MINUTE if is_over else None,
        allowed=allowed,
        **values,
    )


def _steps(now: datetime) -> list[StepView]:
    statuses = ("in_progress", "blocked", "waiting", "done", "skipped", "withdrawn")
    options = [{"key": "a", "label": _("Yes")}, {"key": "b", "label": _("No")}]
    return [
        _step(now, "open", due=12 * MINUTE),
        _step(now, "open", kind="call", due=2 * MINUTE),
        _step(now, "open", kind="decision", due=-3 * MINUTE, options=options),
        *(_step(now, status, kind="notice", required=False) for status in statuses),
        _step(now, "done", kind="check", target=timedelta(seconds=2), took=timedelta(seconds=1.4)),
    ]


def _promise(now: datetime, minutes: int, *, paused: bool = False) -> PromiseView:
    timer = Timer(pk=minutes, due_at=now + minutes * MINUTE, state="pending", action="update")
    return PromiseView(timer, _("Power still off after 5 minutes"), paused)


def _decision(now: datetime, incident: Incident) -> StepRun:
    return StepRun(
        pk=1,
        incident=incident,
        key="sample.decision-open",
        title={"en": _("Confirm the level or lower it")},
        due_at=now + MINUTE,
    )


def _strip(now: datetime) -> Any:
    points = [
        (_("began"), now - 60 * MINUTE),
        (_("reported"), now - 58 * MINUTE),
        (_("plan active"), now - 50 * MINUTE),
    ]
    promises = [("1", now - 55 * MINUTE, timedelta()), ("2", now - 40 * MINUTE, 8 * MINUTE)]
    return strip([*points, (_("closed"), now)], promises, now)
