"""The report: what an agent sends becomes an incident, or joins one. The same key and body again is the same report."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from contactops.accounts.models import User
from contactops.errors import Conflict, Invalid, NotAllowed, NotFound
from incidents import access, services, warned
from incidents.engine.decide import BARE_HOUSE, clamp
from incidents.models import Incident, Note, Report, Timer
from incidents.record import Change, canonical
from incidents.times import db_now, moment, ms
from plans import selectors as plans
from plans.models import IncidentType, Seat, Site

PREFIXES = {"real": "INC", "drill": "DRL", "test": "TST", "backfilled": "INC"}


@dataclass(frozen=True)
class Draft:
    """A report as it was sent, looked up but not yet stored. `participants`: who takes part in a drill."""

    client_key: uuid.UUID
    type: IncidentType
    summary: str
    details: str
    site: Site | None
    seat: Seat | None
    scope: str
    can_take_calls: bool | None
    occurred_at: datetime | None
    kind: str
    participants: Sequence[User]
    speed: int


def report(
    *,
    actor: User,
    client_key: uuid.UUID,
    join: str = "",
    warning: int | None = None,
    rev: int | None = None,
    **body: Any,
) -> tuple[Report, bool]:
    """Store a report and start its incident, or join the one named. Returns the report and whether it is new. `warning`:
    the one that it came of."""
    access.require_report(actor)
    came_of = {"warning": warning} if warning else {}
    sent = hashlib.sha256(canonical({**body, **came_of, "join": join}).encode()).hexdigest()
    if known := _known(actor, client_key, sent):
        return known, False
    try:
        with transaction.atomic():
            if join:
                stored = _join(actor, client_key, join, sent, rev, **body)
            else:
                stored = _open(actor, _draft(actor, client_key, **body), sent)
            if warning:
                warned.report(warning=warning, actor=actor, incident=stored.incident)
            return stored, True
    except IntegrityError as error:
        if "report_key_is_used_once_per_reporter" not in str(error):
            raise
        again = _known(actor, client_key, sent)  # the same report, sent twice in the same instant
        assert again
        return again, False


def candidates(*, actor: User, incident_type: str, site: str = "", **_body: Any) -> list[dict[str, Any]]:
    """Live incidents at the same place that this report may belong to: the same type first. Stores nothing."""
    kind = services.incident_type(incident_type, "incident_type")
    place = _site(actor, site)
    rows = Incident.objects.live().filter(site=place, kind="real", restricted=False).select_related("type")
    found = sorted(rows.prefetch_related("reports")[:50], key=lambda row: (row.type_id != kind.pk, -row.pk))
    return [{"ref": row.ref, "title": row.title, "seats": _seats(row)} for row in found[:10]]


def _seats(incident: Incident) -> int:
    return len({report.seat_id for report in incident.reports.all() if report.seat_id})


def _known(actor: User, client_key: uuid.UUID, sent: str) -> Report | None:
    rows = Report.objects.select_related("incident", "incident_type")
    found = rows.filter(reporter=actor, client_key=client_key).first()
    if found and found.body_hash != sent:
        raise Conflict(_("This key was used for another report."), code="key_reused")
    return found


def _draft(
    actor: User,
    client_key: uuid.UUID,
    *,
    incident_type: str,
    summary: str,
    scope: str,
    details: str = "",
    site: str = "",
    seat: str = "",
    can_take_calls: bool | None = None,
    occurred_at: datetime | None = None,
    kind: str = "real",
    participants: Sequence[str] = (),
    speed: int = 1,
) -> Draft:
    if kind == "drill" and access.Right.LEAD not in access.rights(actor):
        raise NotAllowed(_("Only a manager or the leading group starts a drill."))
    place = _site(actor, site)
    if occurred_at and clamp(ms(occurred_at), now := ms(db_now())) > now:
        raise Invalid(_("That time is in the future."), field="occurred_at")
    people = list(User.objects.filter(username__in=participants, is_active=True))
    if missing := sorted(set(participants) - {user.username for user in people}):
        raise Invalid(_("Nobody is called “%(name)s”.") % {"name": missing[0]}, field="participants")
    return Draft(
        client_key=client_key,
        type=services.incident_type(incident_type, "incident_type"),
        summary=summary,
        details=details,
        site=place,
        seat=_seat(place, seat),
        scope=scope,
        can_take_calls=can_take_calls,
        occurred_at=occurred_at,
        kind=kind,
        participants=people,
        speed=speed if kind == "drill" else 1,
    )


def _site(actor: User, code: str) -> Site | None:
    """The site named, else the reporter's own. Somebody who works at sites reports for these only."""
    if not code:
        return actor.site
    site = Site.objects.filter(code=code).first()
    if site is None:
        raise Invalid(_("There is no site “%(code)s”.") % {"code": code}, field="site")
    if actor.role not in _ANY_SITE and actor.own_site_ids and site.pk not in actor.own_site_ids:
        raise NotAllowed(_("You can report for your own site only."))
    return site


_ANY_SITE = ("manager", "administrator")


def _seat(site: Site | None, code: str) -> Seat | None:
    if not code:
        return None
    seat = Seat.objects.filter(site=site, code=code).first()
    if seat is None:
        raise Invalid(_("There is no seat “%(code)s” at this site.") % {"code": code}, field="seat")
    return seat


def _open(actor: User, draft: Draft, sent: str) -> Report:
    """A new incident, with the house plan in force and the type's starting condition holding since the fault began."""
    stored, change = _start(actor, draft, sent, db_now())
    services.write([change], "occurred_at")
    stored.incident.refresh_from_db()
    return _promised(stored)


def _promised(stored: Report) -> Report:
    """What the reporter is told: when they will hear more."""
    stored.next_update_at = next_update_at(stored.incident)
    stored.save(update_fields=["next_update_at"])
    return stored


def start(
    *, actor: User, client_key: uuid.UUID, sent: str, captured_at: datetime, **body: Any
) -> tuple[Report, Change]:
    """The rows of a report that begins an incident, and the change that is still to be written, alone or with others."""
    return _start(actor, _draft(actor, client_key, **body), sent, captured_at)


def _start(actor: User, draft: Draft, sent: str, captured: datetime) -> tuple[Report, Change]:
    incident = Incident.objects.create(
        ref=_next_ref(PREFIXES[draft.kind], captured.year),
        kind=draft.kind,
        status="reported",
        title=draft.summary[:200],
        type=draft.type,
        site=draft.site,
        occurred_at=draft.occurred_at or captured,
        reported_at=captured,
    )
    incident.participants.set(draft.participants)
    note = _note(incident, actor, draft)
    stored = _store(incident, actor, draft, sent, note, captured, joined=False)
    house = plans.house_revision()
    body = {
        "incident_type": draft.type.slug,
        "kind": draft.kind,
        "speed": draft.speed,
        "captured_at": ms(captured),
        "conditions": services.starting_conditions(draft.type),
        "house": [house.plan.slug, house.number] if house else [BARE_HOUSE.slug, BARE_HOUSE.revision],
        "report": str(stored.pk),
    }
    return stored, services.change(incident, actor, "report", body, at=draft.occurred_at or captured, note=note)


def _join(actor: User, client_key: uuid.UUID, ref: str, sent: str, rev: int | None, **body: Any) -> Report:
    """One more report of the same thing: what it does not say itself, the incident's own report has said."""
    incident = _to_join(actor, ref, _site(actor, body.get("site", "")))
    said = {"incident_type": incident.type.slug, "summary": incident.title, "scope": "me"}
    draft = _draft(actor, client_key, **{**said, **body})
    note = _note(incident, actor, draft)
    stored = _store(incident, actor, draft, sent, note, db_now(), joined=True)
    change = services.change(incident, actor, "join", {"report": str(stored.pk)}, note=note, rev=rev)
    stored.incident = services.write([change])
    return _promised(stored)


def _to_join(actor: User, ref: str, site: Site | None) -> Incident:
    """Only people of the same site, or who can see it, can join."""
    visible = Incident.objects.visible_to(actor)
    at_site = Incident.objects.filter(site=site, restricted=False) if site else visible
    rows = Incident.objects.select_related("type").filter(pk__in=(visible | at_site).values("pk"))
    incident = rows.filter(ref=ref).first()
    while incident and incident.merged_into_id:  # what it was merged into is where it goes on
        incident = rows.filter(pk=incident.merged_into_id).first()
    if incident and incident.kind == "drill" and not incident.participants.contains(actor):
        incident = None  # whoever does not take part has seen something real
    if incident is None:
        raise NotFound(_("There is no such incident, or you may not see it."))
    return incident


def _note(incident: Incident, actor: User, draft: Draft) -> Note:
    words = {"summary": draft.summary, "details": draft.details}
    return Note.of(incident, actor.pk, {name: text for name, text in words.items() if text})


def _store(
    incident: Incident, actor: User, draft: Draft, sent: str, note: Note, now: datetime, *, joined: bool
) -> Report:
    return Report.objects.create(
        incident=incident,
        reporter=actor,
        client_key=draft.client_key,
        body_hash=sent,
        incident_type=draft.type,
        site=draft.site,
        seat=draft.seat,
        scope=draft.scope,
        can_take_calls=draft.can_take_calls,
        joined=joined,
        note=note,
        occurred_at=draft.occurred_at or now,
        captured_at=now,
        received_at=now,
    )


def _next_ref(prefix: str, year: int) -> str:
    """The next number, held until commit, so that a number is never used twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO incidents_refcounter (prefix, year, last) VALUES (%s, %s, 1) ON CONFLICT (prefix, year)"
            " DO UPDATE SET last = incidents_refcounter.last + 1 RETURNING last",
            [prefix, year],
        )
        number: int = cursor.fetchone()[0]
    return f"{prefix}-{year}-{number:04d}"


def next_update_at(incident: Incident) -> datetime | None:
    """When a reporter may expect to hear more: the next update to agents, before that the acknowledgement."""
    promised = incident.facts.next_updates.get("agents")
    if promised:
        return moment(promised)
    rows = Timer.objects.filter(incident=incident, state="pending", due_at__gt=db_now())
    asks = rows.filter(action="ask_update:agents") if incident.acknowledged_at else rows
    first = asks.order_by("due_at").first()
    return first.due_at if first else None


def receipt(user: User, pk: uuid.UUID | str) -> Report:
    """A person's own report; anybody else's does not exist for them."""
    rows = Report.objects.select_related("incident", "incident__type", "incident_type", "site", "seat", "note")
    found = rows.filter(pk=pk, reporter=user).first()
    if found is None:
        raise NotFound(_("There is no such report."))
    return found
