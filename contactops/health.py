"""Is the console itself well? Asked by the web processes, about the clocks and the outbox. A leaf over the database."""

import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import Error, connection
from kombu.exceptions import OperationalError

from contactops.celery import app

SILENT_S = 5.0  # no clock has looked for so long: say so on every page
OVERDUE_S = 5.0  # a promise this far past its later of due and armed, unfired
OUTBOX_S = 120.0
AUDIT_S = 120.0  # no round of the auditor has ended for so long: nobody watches the watcher
BROKER_ASK_S = 5.0
BROKER_PATIENCE = {"socket_connect_timeout": 0.4, "socket_timeout": 0.4, "max_retries": 1}  # one that hangs is dead

PLAIN_CLOCK = "SELECT clock_timestamp()"  # the body of app_now() unless a test moves it

RESTING_S = 60.0  # how long it counts that a clock said that it cannot settle an incident

# What is committed later may have the smaller number, so the last 500 are counted too: either of the two changes.
_LOOK = """
WITH due AS (SELECT incident_id, greatest(due_at, armed_at) AS since FROM incidents_timer
             WHERE state = 'pending' AND due_at <= app_now()),
     resting AS (SELECT DISTINCT jsonb_array_elements(resting)::bigint AS incident_id FROM incidents_clockbeat
                 WHERE looked_at > app_now() - make_interval(secs => %s)),
     last AS (SELECT (SELECT max(id) FROM incidents_event) AS event,
                     (SELECT max(id) FROM incidents_deliveryattempt) AS try),
     open AS (SELECT seen_at IS NULL AS unseen FROM incidents_auditfinding
              WHERE seen_at IS NULL OR repaired_at IS NULL)
SELECT app_now(),
       (SELECT concat_ws('-', event, (SELECT count(*) FROM incidents_event WHERE id > event - 500),
                         try, (SELECT concat_ws('-', count(*), count(finished_at))
                               FROM incidents_deliveryattempt WHERE id > try - 500),
                         (SELECT extract(epoch FROM max(changed_at)) FROM incidents_warning),
                         (SELECT extract(epoch FROM max(moved_at)) FROM incidents_warningrule)) FROM last),
       extract(epoch FROM app_now() - (SELECT max(looked_at) FROM incidents_clockbeat)),
       extract(epoch FROM app_now() - (SELECT min(since) FROM due
                                       WHERE incident_id NOT IN (SELECT incident_id FROM resting))),
       extract(epoch FROM app_now() - (SELECT min(next_try_at) FROM incidents_notification
                                       WHERE state IN ('queued', 'leased') AND next_try_at <= app_now())),
       (SELECT count(DISTINCT incident_id) FROM due WHERE incident_id IN (SELECT incident_id FROM resting)),
       extract(epoch FROM app_now() - (SELECT max(ended_at) FROM incidents_auditround)),
       (SELECT count(*) FROM open),
       (SELECT count(*) FROM open WHERE unseen),
       EXISTS (SELECT FROM incidents_warning WHERE state = 'open')
           OR EXISTS (SELECT FROM incidents_feed WHERE enabled AND last_seen_at < app_now() - stale_after),
       (SELECT prosrc FROM pg_proc WHERE oid = 'app_now()'::regprocedure)
"""


@dataclass(frozen=True)
class Look:
    """What one query saw; seconds, or None where there is nothing. `moved`: changes with every event and every try to
    deliver, with every warning and every limit that was crossed; `stuck`: how many incidents the clocks cannot settle
    although something is due in them; `last_audit_s`: since a round of the auditor ended; `findings`: what it found and
    nobody has seen, or nothing has put right; `unseen`: the former alone; `warns`: a figure is beyond its limit somewhere,
    or a feed is silent; `plain`: app_now() is the database's own clock."""

    now: datetime
    moved: str
    last_look_s: float | None
    oldest_due_s: float | None
    oldest_outbox_s: float | None
    stuck: int
    last_audit_s: float | None
    findings: int
    unseen: int
    warns: bool
    plain: bool

    @property
    def clock_alive(self) -> bool:
        return self.last_look_s is not None and self.last_look_s <= SILENT_S

    @property
    def clock_keeps_up(self) -> bool:
        return self.clock_alive and (self.oldest_due_s or 0) <= OVERDUE_S

    @property
    def alarm(self) -> str:
        """Why promises may be going unkept right now: `clock`, `stuck`; or why one may have been: `audit`; or nothing."""
        if not self.clock_keeps_up:
            return "clock"
        return "stuck" if self.stuck else "audit" if self.unseen else ""

    @property
    def is_audited(self) -> bool:
        return self.last_audit_s is not None and self.last_audit_s <= AUDIT_S

    @property
    def etag(self) -> str:
        """While it is the same, no page could have changed."""
        return f'"{self.moved}-{self.alarm}-{"warns" if self.warns else ""}"'


def look() -> Look:
    """One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, [RESTING_S])
        now, moved, last, due, outbox, stuck, audit, findings, unseen, warns, body = cursor.fetchone()
    return Look(
        now=now,
        moved=moved,
        last_look_s=_seconds(last),
        oldest_due_s=_seconds(due),
        oldest_outbox_s=_seconds(outbox),
        stuck=stuck,
        last_audit_s=_seconds(audit),
        findings=findings,
        unseen=unseen,
        warns=warns,
        plain=body.strip() == PLAIN_CLOCK,
    )


def _seconds(value: Decimal | None) -> float | None:
    return None if value is None else round(max(float(value), 0.0), 3)


def alarm() -> str:
    """As a look has it, or `database` where nothing can be seen. One query."""
    try:
        return look().alarm
    except Error:
        return "database"


_broker: tuple[float, bool] = (float("-inf"), False)


def broker_answers() -> bool:
    """Whether the broker takes a connection; asked at most every few seconds."""
    global _broker
    asked, answer = _broker
    if time.monotonic() - asked > BROKER_ASK_S:
        _broker = (time.monotonic(), answer)  # who comes meanwhile does not ask as well
        try:
            with app.connection_for_write(transport_options=BROKER_PATIENCE) as broker:
                broker.ensure_connection(max_retries=1, timeout=1, interval_start=0)
            answer = True
        except (OperationalError, OSError):
            answer = False
        _broker = (time.monotonic(), answer)
    return answer


def report(seen: Look | None = None) -> tuple[int, dict[str, Any]]:
    """Status code and body of /healthz, from a look already taken or a new one. A dead broker alone is degraded: promises
    are still kept. So is an incident that cannot be settled: no other process would settle it. So is what the auditor found,
    until somebody has seen it and it is mended, and an auditor that does not look."""
    try:
        seen = seen or look()
    except Error:
        return 503, {"status": "down", "database": False}
    broker = broker_answers()
    well = seen.clock_keeps_up and seen.plain
    fine = broker and (seen.oldest_outbox_s or 0) <= OUTBOX_S and not seen.stuck
    fine = fine and seen.is_audited and not seen.findings
    word = "down" if not well else "ok" if fine else "degraded"
    body = {
        "status": word,
        "database": True,
        "clock": {"alive": seen.clock_alive, "last_look_s": seen.last_look_s, "plain": seen.plain},
        "oldest_due_s": seen.oldest_due_s,
        "oldest_outbox_s": seen.oldest_outbox_s,
        "stuck": seen.stuck,
        "audit": {"last_s": seen.last_audit_s, "findings": seen.findings},
        "broker": broker,
    }
    return (200 if well else 503), body
