"""The watcher of the ledger: what every open incident promises is worked out again and compared with the rows there are.

It reads without locks, so whatever looks wrong is looked at again under the incident's lock by a turn, which puts it right
and writes down what it found (`record`). What no turn can mend is written down here and stays open until it has passed.
"""

import logging
import random
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg2
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.db.models import Count, Exists, Min, OuterRef, Q
from django.db.models.fields.json import KT

from contactops.accounts.models import User
from incidents import access
from incidents.engine.ledger import FIRED, PENDING, diff
from incidents.engine.lifecycle import LIVE
from incidents.engine.promises import promises
from incidents.models import AuditFinding, AuditRound, Event, Incident, Notification, Timer
from incidents.models.outbox import LEASED, QUEUED
from incidents.record import pending_rows, settle
from incidents.rulebook import Rulebook, in_force
from incidents.times import db_now, raise_if_lost

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=30)  # one round over all workers; what is deleted just behind it is found by the next
PAGE = 200
LOOK_AGAIN_S = 5.0
LEASE_TWICE = timedelta(seconds=2 * settings.NOTIFY_LEASE_S)  # so long past its end nobody has taken it over
PAST_EXPIRY = timedelta(seconds=60)  # a message that expired so long ago should have been set aside

Place = tuple[int, str, str]  # incident, kind, key


class Auditor(threading.Thread):
    """Looks after the ledger as long as its worker lives, on a connection of its own: no promise waits for it."""

    def __init__(self) -> None:
        super().__init__(name="auditor", daemon=True)
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                close_old_connections()
                audit(self.stopping)
            except (DatabaseError, InterfaceError, psycopg2.Error) as error:
                log.warning("the auditor lost its database (%s); trying again", error)
                connection.close()
            except Exception:
                log.exception("the auditor stumbled; trying again")
                connection.close()
            self.stopping.wait(random.uniform(LOOK_AGAIN_S / 2, LOOK_AGAIN_S))  # noqa: S311  workers out of step
        connection.close()

    def stop(self) -> None:
        self.stopping.set()


def audit(stopping: threading.Event | None = None) -> bool:
    """One round over everything, unless one began within EVERY. Whether this was one."""
    began = db_now()
    if not _is_ours(began):
        return False
    found: set[Place] = set()
    seen = after = 0
    while page := _page(after):
        if stopping is not None and stopping.is_set():
            return False
        found |= look_at(page)
        seen, after = seen + len(page), page[-1].pk
    _passed(began, found)
    AuditRound.objects.filter(begun_at=began).update(ended_at=db_now(), incidents=seen)
    return True


def _is_ours(now: datetime) -> bool:
    """Two workers that ask at once: the row is one of theirs. A round from the future was begun by a clock that has been
    set back since."""
    _row, new = AuditRound.objects.get_or_create(of="ledger", defaults={"begun_at": now})
    due = AuditRound.objects.filter(Q(begun_at__lte=now - EVERY) | Q(begun_at__gt=now))
    return new or bool(due.update(begun_at=now))


def _page(after: int) -> list[Incident]:
    """The next incidents that promise something, or that should not and have a row all the same."""
    pending = Timer.objects.filter(incident=OuterRef("pk"), state=PENDING)
    rows = Incident.objects.filter(Q(status__in=LIVE) | Exists(pending), pk__gt=after)
    return list(rows.order_by("pk")[:PAGE])


def look_at(page: Sequence[Incident]) -> set[Place]:
    """Compare, mend what can be mended, write down what cannot; returns what is open. A fixed number of queries, and
    more for each incident that is not as it must be."""
    incidents = {incident.pk: incident for incident in page}
    faults = _Faults(list(_outbox_faults(incidents)) + list(_unrecorded(incidents)))
    for pk in _doubtful(incidents, faults):
        try:
            settle([pk])  # or whoever holds it now puts it right, for every turn does
        except Exception as error:
            raise_if_lost(error)
            log.exception("incident %s cannot be put right; the others go on", pk)
            faults.stuck(pk, error)
    faults.write(db_now())
    return faults.places


@dataclass(frozen=True)
class _Fault:
    incident_id: int
    kind: str
    key: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Faults:
    """What is wrong and cannot be mended here."""

    rows: list[_Fault]

    def stuck(self, pk: int, error: Exception) -> None:
        self.rows.append(_Fault(pk, "stuck", detail={"error": f"{type(error).__name__}: {error}"[:300]}))

    @property
    def places(self) -> set[Place]:
        return {(row.incident_id, row.kind, row.key) for row in self.rows}

    def write(self, now: datetime) -> None:
        """What is open already is not written down again: the database takes one."""
        AuditFinding.objects.bulk_create(
            [
                AuditFinding(incident_id=row.incident_id, kind=row.kind, key=row.key, detail=row.detail, found_at=now)
                for row in self.rows
            ],
            ignore_conflicts=True,
        )


def _doubtful(incidents: Mapping[int, Incident], faults: _Faults) -> Iterator[int]:
    """The incidents whose ledger is not what their rules and their state make of it. At most three queries unless one of
    them is poisoned; then its own book is opened for each."""
    pending = pending_rows(incidents)
    books = _Books(incidents.values())
    for pk, incident in incidents.items():
        try:
            state = incident.facts
            promised = promises(books.of(incident).rules, state)
            stopped = frozenset(base for base, adjustment in state.adjust.items() if adjustment.stopped)
            if diff(pending.get(pk, {}), promised, 0, stopped):
                yield pk
        except Exception as error:
            raise_if_lost(error)
            log.exception("incident %s cannot be audited; the others go on", pk)
            faults.stuck(pk, error)


class _Books:
    """The rules of many incidents, read together; where they cannot be, each by itself."""

    def __init__(self, incidents: Iterable[Incident]) -> None:
        self.whole: Rulebook | None = None
        try:
            self.whole = Rulebook({pair for incident in incidents for pair in in_force(incident.facts)})
        except Exception as error:  # noqa: BLE001  each is then opened alone, and what is wrong with one is told
            raise_if_lost(error)
            log.warning("the rules of a page cannot be read together (%s); one incident at a time", error)

    def of(self, incident: Incident) -> Rulebook:
        return self.whole or Rulebook(in_force(incident.facts))


def _unrecorded(incidents: Mapping[int, Incident]) -> Iterator[_Fault]:
    """What counts as kept has an entry in the history that says so. One query."""
    told = Event.objects.filter(incident__in=incidents, kind="fired").annotate(promise=KT("facts__key"))
    told = told.filter(incident=OuterRef("incident"), promise=OuterRef("key"))
    rows = Timer.objects.filter(incident__in=incidents, state=FIRED).exclude(Exists(told))
    for row in rows.only("incident", "key", "fired_at"):
        fired = {"fired": row.fired_at.isoformat()} if row.fired_at else {}
        yield _Fault(row.incident_id, "unrecorded", row.key, fired)


def _outbox_faults(incidents: Mapping[int, Incident]) -> Iterator[_Fault]:
    """One query."""
    now = db_now()
    held = Q(state=LEASED, leased_until__lt=now - LEASE_TWICE)
    old = Q(state=QUEUED, expires_at__lt=now - PAST_EXPIRY)
    rows = Notification.objects.filter(held | old, incident__in=incidents).order_by().values("incident", "state")
    for row in rows.annotate(n=Count("pk"), leased=Min("leased_until"), expired=Min("expires_at")):
        kind, since = ("leased", row["leased"]) if row["state"] == LEASED else ("unsent", row["expired"])
        yield _Fault(row["incident"], kind, detail={"messages": row["n"], "since": since.isoformat()})


def _passed(began: datetime, found: set[Place]) -> None:
    """What was open before this round and was not found in it is over."""
    rows = AuditFinding.objects.filter(repaired_at=None, found_at__lt=began)
    over = [row.pk for row in rows if (row.incident_id, row.kind, row.key) not in found]
    if over:
        AuditFinding.objects.filter(pk__in=over).update(repaired_at=db_now())


def see(user: User, up_to: int) -> int:
    """Somebody who runs the console has read the findings up to this one; returns how many nobody had."""
    access.require_console(user)
    return AuditFinding.objects.filter(seen_at=None, pk__lte=up_to).update(seen_at=db_now(), seen_by=user)
