"""The writer, the clock and the core, in one process against the database alone."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.test import Client
from psycopg2.extras import execute_values
from rest_framework.authtoken.models import Token

from bench.registry import Figure, benchmark, best, percentile, seconds
from contactops.accounts.models import User
from incidents import services
from incidents.clock import Clock
from incidents.engine.ledger import FIRED
from incidents.engine.promises import promises
from incidents.models import Incident, Timer
from incidents.record import Change, record
from incidents.rulebook import Rulebook, in_force
from incidents.times import db_now
from tests.helpers import report_body
from tests.record.made import activated, forget_incidents, reports

BATCH = 300
DUE = 1000
AHEAD = 40.0  # seconds: enough to write a thousand reports before their promise is due
CALLS = 300
TABLES = ("incidents_event", "incidents_timer", "incidents_steprun", "incidents_notification")


def person(username: str) -> User:
    return User.objects.select_related("site").get(username=username)


# -- record() ----------------------------------------------------------------------------------------------------------


@benchmark
def recording() -> Iterator[Figure]:
    """A batch of reports, and of notes: against inserting the very same rows into tables alike, without the product."""
    forget_incidents()
    agent, supervisor = person("agent03"), person("supervisor")
    batches = [reports(BATCH, agent) for _ in range(3)]
    taken = min(seconds(partial(record, batch)) for batch in batches)
    limit = BATCH / bare_insert([change.incident_id for change in batches[0]], after=0)
    yield Figure("record: reports", BATCH / taken, "changes/s", 150, True, limit, "INSERT of the same rows")

    ids = [change.incident_id for change in batches[1]]
    rows = list(Incident.objects.filter(pk__in=ids))
    rev = rows[0].rev
    notes = [[note(row, supervisor) for row in rows] for _ in range(3)]
    taken = min(seconds(partial(record, batch)) for batch in notes)
    limit = BATCH / bare_insert(ids, after=rev) * 3
    yield Figure("record: notes", BATCH / taken, "changes/s", 300, True, limit, "INSERT of the same rows")


def note(row: Incident, actor: User) -> Change:
    return services.change(row, actor, "notes", words={"text": "The lights are out as well"})


def bare_insert(ids: list[int], after: int) -> float:
    """Seconds to insert, in one transaction, the rows these incidents have (of history: after this number)."""
    data = {table: rows_of(table, ids, after) for table in TABLES}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS bench_{table}")
            cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")

    def insert() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            for table, rows in data.items():
                if rows:
                    execute_values(cursor.cursor, f"INSERT INTO bench_{table} VALUES %s", rows, page_size=len(rows))

    def once() -> float:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE " + ", ".join(f"bench_{table}" for table in TABLES))
        return seconds(insert)

    return min(once() for _ in range(3))


def rows_of(table: str, ids: list[int], after: int) -> list[tuple[Any, ...]]:
    """As text where the column is JSON, so that it goes back as it came."""
    if after and table != "incidents_event":
        return []
    only = "AND seq > %s" if table == "incidents_event" else "AND %s >= 0"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE incident_id = ANY(%s) {only}", [ids, after])
        return [
            tuple(json.dumps(value) if isinstance(value, dict | list) else value for value in row)
            for row in cursor.fetchall()
        ]


# -- The clock ---------------------------------------------------------------------------------------------------------


@benchmark
def firing() -> Iterator[Figure]:
    """A thousand promises of a thousand incidents, due at the same instant, fired by one clock, as others see it."""
    forget_incidents()
    due = db_now() + timedelta(seconds=AHEAD)
    for _ in range(DUE // 250):
        record(reports(250, person("agent03"), at=due - timedelta(minutes=5)))
    clock = Clock("bench")
    clock.start()
    late = lateness(due)
    clock.stop()
    clock.join(10)
    limit = bare_firing()
    yield Figure("firing: p99 lateness of 1,000 at once", percentile(late, 99), "s", 5, False, limit, "one CTE")
    yield Figure("firing: promises", DUE / max(late), "promises/s", 1000, True, DUE / limit, "one UPDATE+INSERT CTE")


def lateness(due: datetime) -> list[float]:
    """Seconds after the due time at which another connection saw each promise fired."""
    late: list[float] = []
    began = time.monotonic() + (due - db_now()).total_seconds()
    fired = Timer.objects.filter(rule="silence", state=FIRED)
    while len(late) < DUE and time.monotonic() < began + 60:
        time.sleep(0.01)
        seen, now = fired.count(), time.monotonic() - began
        late += [now] * (seen - len(late))
    assert len(late) == DUE, f"{len(late)} of {DUE} promises fired"
    return late


def bare_firing() -> float:
    """Seconds to mark as many rows as fired and to write as many events, in one statement."""

    def fire() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(BARE_FIRING)

    def once() -> float:
        with connection.cursor() as cursor:
            for table in ("incidents_timer", "incidents_event"):
                cursor.execute(f"DROP TABLE IF EXISTS bench_{table}")
                cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
            cursor.execute(
                "INSERT INTO bench_incidents_timer SELECT * FROM incidents_timer WHERE rule = 'silence' AND n = 1"
            )
            cursor.execute("UPDATE bench_incidents_timer SET state = 'pending', fired_at = NULL")
        return seconds(fire)

    return min(once() for _ in range(3))


BARE_FIRING = """
WITH fired AS (
    UPDATE bench_incidents_timer SET state = 'fired', fired_at = app_now(), late = '0', system_late = '0'
    WHERE state = 'pending' AND due_at <= app_now() RETURNING incident_id, key)
INSERT INTO bench_incidents_event
    (incident_id, seq, kind, source, occurred_at, recorded_at, facts, prev_hash, hash)
SELECT incident_id, 900, 'fired', 'system', app_now(), app_now(), jsonb_build_object('key', key), '', repeat('0', 64)
FROM fired
"""


# -- One call ----------------------------------------------------------------------------------------------------------


@benchmark
def reporting() -> Iterator[Figure]:
    """POST reports/ through all of Django, against a view that inserts one row."""
    forget_incidents()
    token = Token.objects.get_or_create(user=person("agent03"))[0].key
    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Token {token}"})

    def report() -> None:
        body = {**report_body(), "client_key": str(uuid.uuid4())}
        answer = client.post("/api/v1/reports/", json.dumps(body), content_type="application/json")
        assert answer.status_code == 201, answer.content

    def one_row() -> None:
        assert client.post("/one-row/", uuid.uuid4().hex, content_type="text/plain").status_code == 201

    for act in (report, one_row):
        act()  # the first of each pays for imports
    taken = [seconds(report) * 1000 for _ in range(CALLS)]
    bare = [seconds(one_row) * 1000 for _ in range(CALLS)]
    limit, is_ = percentile(bare, 95), "a bare view that inserts one row"
    yield Figure("report: p95 of a call", percentile(taken, 95), "ms", 300, False, limit, is_)


# -- The core ----------------------------------------------------------------------------------------------------------


@benchmark
def deriving() -> Iterator[Figure]:
    """promises() of an incident in the middle of its response, against parsing its state, which is needed before."""
    forget_incidents()
    [incident] = activated(1, person("agent03"))
    state, text = incident.facts, json.dumps(incident.state)
    rules = Rulebook(in_force(state)).rules
    times = 2000
    taken = best(lambda: [promises(rules, state) for _ in range(times)], 3)
    parsed = best(lambda: [json.loads(text) for _ in range(times)], 3)
    yield Figure("core: promises() derivations", times / taken, "per s", 2000, True, times / parsed, "json.loads of it")
