"""The writer, the clock and the core, in one process against the database alone."""

import gc
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
from incidents import clock, services
from incidents.engine.ledger import FIRED
from incidents.engine.promises import promises
from incidents.models import Incident, Timer
from incidents.record import INCIDENT_COLUMNS, TIMER_COLUMNS, Change, record
from incidents.rulebook import Rulebook, in_force
from incidents.times import db_now, moment, ms
from tests.helpers import report_body
from tests.record.made import activated, forget_incidents, reports

BATCH = 300
DUE = 1000
AHEAD = 15.0  # seconds: enough to write a thousand reports before their promise is due
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
    """A thousand promises of a thousand incidents, due at the same instant: fired by a clock of its own thread, as others
    see it; and how long one look takes that finds them all due."""
    due = promised()
    one = clock.Clock("bench")
    one.start()
    late = lateness(due)
    one.stop()
    one.join(10)
    limit, is_ = bare_firing(due), "the same rows by bare SQL"
    yield Figure("firing: p99 lateness of 1,000 at once", percentile(late, 99), "s", 5, False, limit, is_)

    gc.freeze()  # as the worker does before its clock begins
    taken = min(look_at(promised()) for _ in range(3))
    yield Figure("firing: claimed and fired", DUE / taken, "promises/s", 1000, True, DUE / limit, is_, within=6)


def promised() -> datetime:
    """When that many incidents, just written, are next due."""
    forget_incidents()
    due = moment(ms(db_now() + timedelta(seconds=AHEAD)))
    for _ in range(DUE // 250):
        record(reports(250, person("agent03"), at=due - timedelta(minutes=5)))
    assert db_now() < due, "it took too long to write them"
    return due


def look_at(due: datetime) -> float:
    """Seconds that the clock takes for what is due then."""
    time.sleep((due - db_now()).total_seconds())
    taken = seconds(clock.Clock("bench").look)
    assert Timer.objects.filter(rule="silence", state=FIRED, fired_at__gte=due).count() == DUE
    return taken


def lateness(due: datetime) -> list[float]:
    """Seconds after the due time at which another connection saw each promise fired."""
    late: list[float] = []
    began = time.monotonic() + (due - db_now()).total_seconds()
    fired = Timer.objects.filter(rule="silence", state=FIRED)
    while len(late) < DUE and time.monotonic() < began + 60:
        time.sleep(0.05)
        seen, now = fired.count(), time.monotonic() - began
        late += [now] * (seen - len(late))
    assert len(late) == DUE, f"{len(late)} of {DUE} promises fired"
    return late


def bare_firing(due: datetime) -> float:
    """Seconds in which bare SQL claims as many promises and writes the very rows that firing them wrote: in batches of the
    clock's size, each one transaction, every value known beforehand and sent as one document per table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(id ORDER BY id) FROM incidents_incident")
        [ids] = cursor.fetchone()
        batches = [
            [sent(cursor, table, ids[n : n + clock.BATCH], due) for table in FIRED_ROWS]
            for n in range(0, DUE, clock.BATCH)
        ]

    def once() -> float:
        with connection.cursor() as cursor:
            for table in FIRED_ROWS:
                cursor.execute(f"DROP TABLE IF EXISTS bench_{table}")
                cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
            cursor.execute("INSERT INTO bench_incidents_incident SELECT * FROM incidents_incident")
            cursor.execute("INSERT INTO bench_incidents_timer SELECT * FROM incidents_timer WHERE armed_at < %s", [due])
            cursor.execute(
                "UPDATE bench_incidents_timer SET state = 'pending', fired_at = NULL WHERE fired_at >= %s", [due]
            )
        return sum(seconds(partial(fire, batch)) for batch in batches)

    def fire(batch: list[str]) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CLAIM, [due, clock.BATCH])
            for table, rows in zip(FIRED_ROWS, batch, strict=True):
                cursor.execute(bare_write(table), [rows])

    return min(once() for _ in range(3))


CLAIM = """
SELECT incident_id FROM bench_incidents_timer WHERE state = 'pending' AND due_at <= %s
ORDER BY incident_id LIMIT %s FOR UPDATE SKIP LOCKED
"""

# What firing wrote, by table: which of its rows, and which of their columns.
FIRED_ROWS = {
    "incidents_incident": ("id = ANY(%s) AND %s IS NOT NULL", INCIDENT_COLUMNS),
    "incidents_event": ("incident_id = ANY(%s) AND recorded_at >= %s", ["id"]),
    "incidents_timer": ("incident_id = ANY(%s) AND greatest(armed_at, fired_at) >= %s", TIMER_COLUMNS),
    "incidents_notification": ("incident_id = ANY(%s) AND created_at >= %s", ["id"]),
}


def sent(cursor: Any, table: str, ids: list[int], due: datetime) -> str:
    """These rows as one document."""
    cursor.execute(f"SELECT json_agg(t)::text FROM {table} t WHERE {FIRED_ROWS[table][0]}", [ids, due])
    document: str = cursor.fetchone()[0]
    return document


def bare_write(table: str) -> str:
    taken = ", ".join(f"{name} = EXCLUDED.{name}" for name in FIRED_ROWS[table][1])
    rows = f"json_populate_recordset(NULL::bench_{table}, %s)"
    return f"INSERT INTO bench_{table} SELECT * FROM {rows} ON CONFLICT (id) DO UPDATE SET {taken}"


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
