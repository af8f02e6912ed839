"""After commit: one hint for the live pages, one nudge for the clocks and one for Celery. Losing them costs seconds."""

import json
import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from django.db import connection, transaction
from kombu.exceptions import OperationalError

from contactops import crash
from contactops.celery import app
from incidents.engine.events import Event

log = logging.getLogger(__name__)

HINTS = "contactops_hints"
CLOCK = "contactops_clock"
MANY = 50  # more incidents than this in one batch: say only that the board changed
REST_S = 0.25  # between two nudges: one is enough for all that was written meanwhile
QUIET_S = 5.0  # after the broker failed to answer, leave it alone for so long

_broker_failed_at = float("-inf")


# What changes the banner of agents. Their pages ask again after these alone: a floor is many pages.
AGENTS_SEE = frozenset(
    {"activated", "deactivated", "level_set", "level_confirmed", "updated", "redacted"}
    | {"closed", "cancelled", "merged_into", "reopened"}
    | {"tier", "support"}
)


def kind(event: Event) -> str:
    """The kind of an event, as far as the floor must know: what somebody says of themselves is news to nobody else there."""
    return "answer" if event.kind == "support" and event.actor in event.facts["people"] else event.kind


class Moved(NamedTuple):
    """An incident that moved on, to which revision and by which kinds of event; none where only a message went out."""

    ref: str
    rev: int
    kinds: frozenset[str] = frozenset()


def after_commit(moved: Sequence[Moved]) -> None:
    """Tell the live pages which incidents moved on, wake the clocks, and ask for delivery."""
    transaction.on_commit(partial(_send, list(moved)), robust=True)


def _send(moved: list[Moved]) -> None:
    crash.here("after_commit")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_notify(%s, payload) FROM unnest(%s) payload UNION ALL SELECT pg_notify(%s, '')",
            [HINTS, _payloads(moved), CLOCK],
        )
    nudge()


def tell(moved: Sequence[Moved]) -> None:
    """Tell the live pages alone, at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, payload) FROM unnest(%s) payload", [HINTS, _payloads(moved)])


def _payloads(moved: Sequence[Moved]) -> list[str]:
    hints = [{"topic": "incident", "ref": one.ref, "rev": one.rev} for one in moved]
    if len(hints) > MANY:
        hints = [{"topic": "board", "ref": "", "rev": 0}]
    if any(one.kinds & AGENTS_SEE for one in moved):
        hints.append({"topic": "notices", "ref": "", "rev": 0})
    return [json.dumps(hint) for hint in hints]


def nudge() -> None:
    """Ask a worker to look into the outbox now. Returns at once: a broker that hangs holds up no promise and no person."""
    _nudger.ask()


class _Nudger:
    """A thread that sends the nudges. What is asked for while it waits for the broker becomes one nudge."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        self._asked.set()
        if self._thread is None or not self._thread.is_alive():  # not started yet, or left behind by a fork
            self._thread = threading.Thread(target=self._run, name="nudger", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            _send_nudge()
            time.sleep(REST_S)


_nudger = _Nudger()


def _send_nudge() -> None:
    """By name, so that writers need not import tasks."""
    global _broker_failed_at
    if time.monotonic() - _broker_failed_at < QUIET_S:
        return
    try:
        app.send_task("incidents.tasks.deliver_due", ignore_result=True, retry=False)
    except (OperationalError, OSError) as error:
        _broker_failed_at = time.monotonic()
        log.warning("the broker does not answer (%s); the outbox will be looked at by the clock", error)
