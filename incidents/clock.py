"""The clock in every Celery worker: it sleeps until the next promise is due and fires it through `record`.

Any number may run; there is no leader. It needs the database only, so promises are kept while the broker is down.
"""

import gc
import logging
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Collection
from typing import Any

import psycopg2
from celery import bootsteps
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from contactops.listening import Ear
from incidents import hints, watching
from incidents.auditor import Auditor
from incidents.engine.ledger import PENDING
from incidents.models import ClockBeat, Timer
from incidents.record import settle
from incidents.times import db_now, raise_if_lost

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.02  # at least, so that a locked incident is not asked for without pause
LOOK_EVERY_S = 1.0  # at most so long between two looks, whatever the hints
WATCH_EVERY_S = 0.9  # at least, between two looks at the limits on figures
BATCH = 300  # incidents fired in one transaction
POISON_REST_S = 30.0
SWITCH_S = 0.0005  # at most, until a postman that has heard from its gateway may go on while the clock computes


class Clock(threading.Thread):
    """Looks, fires, sleeps. A lost connection is retried with jitter; the thread never ends by itself."""

    def __init__(self, name: str) -> None:
        super().__init__(name="clock", daemon=True)
        self.worker = name
        self.stopping = threading.Event()
        self.ear: Ear | None = None
        self.resting: dict[int, float] = {}
        self.watched_at = float("-inf")

    def run(self) -> None:
        log.info("the clock of %s begins", self.worker)
        while not self.stopping.is_set():
            try:
                self._sleep(self.look())
            except (DatabaseError, InterfaceError, psycopg2.Error) as error:
                log.warning("the clock lost its database (%s); trying again", error)
                self._begin_anew()
            except Exception:
                log.exception("the clock stumbled; trying again")
                self._begin_anew()
        self._forget()

    def stop(self) -> None:
        self.stopping.set()

    def _begin_anew(self) -> None:
        self._forget()
        self.stopping.wait(random.uniform(0.1, LOOK_EVERY_S))  # noqa: S311  jitter, not a secret

    def look(self) -> float:
        """Fire everything that is due; returns the seconds until the next promise, at most LOOK_EVERY_S."""
        close_old_connections()
        self._watch()
        while not self.stopping.is_set() and self._fire_batch():
            self._beat()
        self._beat()
        self._listen()
        return seconds_to_next(set(self.resting))

    def _watch(self) -> None:
        """The limits on figures, before promises fire: what has become so by now may decide what they do. Whatever is wrong
        there holds up no promise."""
        if time.monotonic() - self.watched_at < WATCH_EVERY_S:
            return
        self.watched_at = time.monotonic()
        try:
            watching.look()
        except Exception as error:
            raise_if_lost(error)
            log.exception("the limits on figures could not be looked at")

    def _fire_batch(self) -> bool:
        """One batch; whether there may be more. A batch that fails is tried again one incident at a time."""
        now = time.monotonic()
        self.resting = {pk: until for pk, until in self.resting.items() if until > now}
        looked = db_now()
        due = due_incidents(BATCH, self.resting)
        if not due:
            return False
        try:
            settled = settle(due)
        except Exception as error:
            raise_if_lost(error)
            log.exception("a batch of %s incidents failed; one at a time", len(due))
            settled = [pk for pk in due if self._settles(pk)]
        left = Timer.objects.filter(state=PENDING, due_at__lte=looked, incident__in=settled).order_by("incident")
        for pk in left.values_list("incident", flat=True).distinct():
            log.error("incident %s has a promise in the ledger that its plan does not make", pk)
            self._rest(pk)
        return bool(settled)

    def _settles(self, pk: int) -> bool:
        """One incident alone. Whatever is wrong with it is not wrong with the clock."""
        try:
            return bool(settle([pk]))
        except Exception as error:
            raise_if_lost(error)
            log.exception("incident %s cannot be settled; the others go on", pk)
            self._rest(pk)
            return False

    def _rest(self, pk: int) -> None:
        self.resting[pk] = time.monotonic() + POISON_REST_S

    def _beat(self) -> None:
        ClockBeat.objects.update_or_create(
            worker=self.worker, defaults={"looked_at": db_now(), "resting": sorted(self.resting)}
        )

    def _listen(self) -> None:
        """Without hints promises are kept all the same, found by looking. Listening begins before the next due time is
        read, so that no hint falls in between."""
        if self.ear is not None:
            return
        try:
            self.ear = Ear(hints.CLOCK)
        except psycopg2.Error as error:
            log.warning("the clock hears no hints (%s); it looks every %.0f s", error, LOOK_EVERY_S)

    def _sleep(self, seconds: float) -> None:
        """Until the time is up or a hint says that something changed."""
        if self.ear is None:
            self.stopping.wait(seconds)
            return
        try:
            self.ear.wait(seconds)
        except (psycopg2.Error, OSError):
            self._stop_listening()

    def _stop_listening(self) -> None:
        if self.ear is not None:
            self.ear.close()
            self.ear = None

    def _forget(self) -> None:
        self._stop_listening()
        connection.close()


def due_incidents(limit: int, without: Collection[int]) -> list[int]:
    """Incidents with a promise that is due, the longest overdue first. Read without locking: `settle` locks incidents."""
    rows = Timer.objects.filter(state=PENDING, due_at__lte=db_now()).exclude(incident__in=without)
    ids = rows.order_by("due_at").values_list("incident", flat=True)[: limit * 2]
    return list(dict.fromkeys(ids))[:limit]


def seconds_to_next(without: Collection[int] = ()) -> float:
    """Until the next promise is due, between LOOK_AGAIN_S (somebody holds its incident) and LOOK_EVERY_S."""
    pending = Timer.objects.filter(state=PENDING).exclude(incident__in=without)
    soonest = pending.order_by("due_at").values_list("due_at", flat=True).first()
    if soonest is None:
        return LOOK_EVERY_S
    return min(LOOK_EVERY_S, max(LOOK_AGAIN_S, (soonest - db_now()).total_seconds()))


class ClockStep(bootsteps.StartStopStep):
    """Starts the clock and the auditor with the worker, before and without the broker, and stops them with the worker."""

    requires = {"celery.worker.components:Pool"}  # a process that has threads should not fork

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        self.threads: list[Clock | Auditor] = []

    def start(self, worker: Any) -> None:
        sys.setswitchinterval(SWITCH_S)
        gc.freeze()  # what is loaded by now stays; it need not be searched for garbage while a thousand promises fire
        self.threads = [Clock(f"{socket.gethostname()}:{os.getpid()}"), Auditor()]
        for thread in self.threads:
            thread.start()

    def stop(self, worker: Any) -> None:
        for thread in self.threads:
            thread.stop()
        for thread in self.threads:
            thread.join(timeout=3)

    terminate = stop
