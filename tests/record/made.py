"""Many incidents quickly, written by `record` itself; and the history edited behind the product's back."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection

from contactops.accounts.models import User
from incidents import services
from incidents.engine.lifecycle import REPORTED
from incidents.models import Incident, Note
from incidents.record import Change, record
from incidents.times import db_now, ms
from plans import selectors as plans
from plans.models import IncidentType

INCIDENT_TABLES = (
    "incidents_incident, incidents_refcounter, incidents_clockbeat, incidents_storedreply, incidents_auditround"
)


def reports(
    count: int,
    actor: User,
    incident_type: str = "power-cut",
    kind: str = "real",
    speed: int = 1,
    at: datetime | None = None,
    **columns: Any,
) -> list[Change]:
    """Rows of new incidents, and the changes that begin them: still to be recorded. `at`: when it was reported."""
    now = at or db_now()
    chosen = IncidentType.objects.select_related("default_plan").get(slug=incident_type)
    house = plans.house_revision()
    assert house
    rows = [
        Incident(
            ref=f"T-{secrets.token_hex(6)}",
            kind=kind,
            status=REPORTED,
            title="Half the floor is dark",
            type=chosen,
            **{"site": actor.site, "occurred_at": now, "reported_at": now, **columns},
        )
        for _ in range(count)
    ]
    body: Mapping[str, Any] = {
        "incident_type": incident_type,
        "kind": kind,
        "speed": speed,
        "captured_at": ms(now),
        "conditions": services.starting_conditions(chosen),
        "house": [house.plan.slug, house.number],
    }
    made = Incident.objects.bulk_create(rows)
    words = {"summary": "Half the floor is dark"}
    return [services.change(row, actor, "report", body, at=at, note=Note.of(row, actor.pk, words)) for row in made]


def incidents(count: int, actor: User, **given: Any) -> list[Incident]:
    """New incidents, as they are after their report."""
    return list(record(reports(count, actor, **given)).values())


def activation(plan: str = "power-cut", level: int = 3) -> dict[str, Any]:
    """The body of an activation, as the service makes it."""
    return {"plan": plan, "revision": plans.published(plan).number, "level": level, "confirmed": True}


def activated(count: int, actor: User, plan: str = "power-cut", level: int = 3, **given: Any) -> list[Incident]:
    """Incidents in which a plan is in force."""
    rows, body = incidents(count, actor, **given), activation(plan, level)
    return list(record([services.change(row, actor, "activate", body) for row in rows]).values())


@contextmanager
def tampering(*tables: str) -> Iterator[Any]:
    """A cursor for an edit with the triggers off, as somebody with the database's password could make."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing may be pending when a table is altered
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield cursor
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def forget_incidents() -> None:
    """Remove every incident with all that hangs on it; people, places and plans stay."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {INCIDENT_TABLES} CASCADE")
