"""From a promise that comes due to the message that has left: processes of their own against a local mail server."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.db.models import F

from bench.registry import Figure, benchmark, percentile, seconds
from bench.writing import person
from contactops.accounts.models import ContactPoint, User
from incidents import clock, services
from incidents.models import Incident, Notification, Timer
from incidents.models.outbox import SUPPRESSED
from incidents.record import Change, record
from incidents.times import MS, db_now
from tests.ops.console import free_port
from tests.record.made import forget_incidents, reports

BATCH = 250
LIGHT = 40  # promises, one in a second
MILLION = 1_000_000
STEP = "house.adhoc-1"


@contextmanager
def sink() -> Iterator[tuple[int, Path]]:
    """A mail server of its own: its port, and the file in which it notes what has arrived when."""
    with tempfile.TemporaryDirectory(prefix="contactops-bench-") as folder:
        port, notes = free_port(), Path(folder) / "arrived"
        notes.touch()
        process = subprocess.Popen([sys.executable, "-m", "bench.sink", str(port), str(notes)])
        try:
            time.sleep(1)
            yield port, notes
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def worker(port: int) -> Iterator[None]:
    """The product's worker on this database, its broker a directory of its own, its mail server the sink."""
    with tempfile.TemporaryDirectory(prefix="contactops-bench-") as folder:
        environment = {
            **os.environ,
            "DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "contactops.settings",
            "EMAIL_URL": f"smtp://127.0.0.1:{port}",
        }
        options = ("worker", "--pool=prefork", "--concurrency=1", "--without-gossip", "--without-mingle")
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "contactops", *options], env=environment
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def people(count: int) -> list[User]:
    """So many members of the staff, each with an address."""
    site = person("agent03").site
    rows = [User(username=f"bench{n}", role="leader", site=site, password="!") for n in range(count)]
    User.objects.bulk_create(rows, ignore_conflicts=True)
    found = list(User.objects.filter(username__startswith="bench").order_by("pk")[:count])
    points = [ContactPoint(user=one, channel="email", address=f"{one.username}@example.org") for one in found]
    ContactPoint.objects.bulk_create(points, ignore_conflicts=True)
    return found


def promised(whom: list[User], due: list[datetime]) -> None:
    """One incident for each: a step that is theirs and is overdue at that time. What they hear before is not sent."""
    reporter, supervisor = person("agent03"), person("supervisor")
    for start in range(0, len(whom), BATCH):
        changes: list[Change] = []
        now = db_now()
        batch = list(zip(whom, due, strict=True))[start : start + BATCH]
        for report, (who, when) in zip(reports(len(batch), reporter, at=now), batch, strict=True):
            row = Incident(pk=report.incident_id)
            step = {"group": "G-DUTY", "due_in": (when - now) // MS}
            give = {"key": STEP, "verb": "assign", "person": services.who(who)}
            changes += [
                report,
                services.change(row, supervisor, "steps", step, at=now, title={"en": "Say how it stands"}),
                services.change(row, supervisor, "steps/verb", give, at=now),
            ]
        record(changes)
    Notification.objects.filter(state="queued").update(state=SUPPRESSED)


def arrivals(notes: Path, count: int, patience: float) -> list[float]:
    """When each message had arrived, as seconds since 1970."""
    until = time.monotonic() + patience
    while time.monotonic() < until and sum(1 for _ in notes.open()) < count:
        time.sleep(0.1)
    lines = [line.split() for line in notes.read_text().splitlines()]
    arrived = {address: float(when) for when, address in reversed(lines)}
    assert len(lines) == len(arrived) == count, f"{len(lines)} messages to {len(arrived)} people instead of {count}"
    return sorted(arrived.values())


def handed(count: int, lead: float) -> tuple[list[float], float]:
    """Seconds from the common due time to the arrival of each message; and what sending as many bare ones takes."""
    forget_incidents()
    whom = people(count)
    due = db_now() + timedelta(seconds=lead)
    promised(whom, [due] * count)
    assert db_now() < due, "it took too long to write them"
    with sink() as (port, notes), worker(port):
        late = [when - due.timestamp() for when in arrivals(notes, count, lead + 120)]
    with sink() as (port, _notes):
        bare = seconds(lambda: bare_mails(port, count))
    return late, bare


def bare_mails(port: int, count: int) -> None:
    """As many short messages over one connection, nothing written down."""
    server = get_connection("django.core.mail.backends.smtp.EmailBackend", host="127.0.0.1", port=port)
    server.send_messages([EmailMessage("Due", "Now", to=[f"bench{n}@example.org"]) for n in range(count)])


@benchmark
def handing() -> Iterator[Figure]:
    """A thousand, then ten thousand promises due at the same instant, each with a message to somebody else."""
    for count, lead, goal, what in ((1000, 25, 3, "p99"), (10_000, 150, 25, "last")):
        late, bare = handed(count, lead)
        value = percentile(late, 99) if what == "p99" else late[-1]
        is_ = f"{count:,} bare messages to the same sink"
        yield Figure(f"handed: {what} of {count:,} at once", value, "s", goal, False, bare, is_)


@benchmark
def light() -> Iterator[Figure]:
    """One promise a second: how late the console is with each, by the ledger and by the mail server."""
    forget_incidents()
    whom = people(LIGHT)
    first = db_now() + timedelta(seconds=25)
    promised(whom, [first + timedelta(seconds=n) for n in range(LIGHT)])
    with sink() as (port, notes), worker(port):
        arrived = arrivals(notes, LIGHT, 90)
    rows = Timer.objects.filter(rule=f"due-{STEP.partition('.')[2]}", state="fired").annotate(by=F("system_late"))
    late = [row.by.total_seconds() for row in rows]
    assert len(late) == LIGHT
    yield Figure("1 promise/s: system lateness p99", percentile(late, 99), "s", 1)
    after = [when - (first.timestamp() + n) for n, when in enumerate(arrived)]
    yield Figure("1 promise/s: due to handed over p99", percentile(after, 99), "s", 1)


@benchmark
def ticking() -> Iterator[Figure]:
    """The clock's question with a million promises in the future: by the index alone, whatever their number."""
    forget_incidents()
    [incident] = record(reports(1, person("agent03"))).values()
    empty = tick()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no foreign key is checked a million times
        cursor.execute(
            "INSERT INTO incidents_timer (incident_id, key, base, activation, plan, rule, subject, n, action, due_at,"
            " armed_at, state) SELECT %s, 'b' || n, 'b' || n, 0, 'house', 'later', '', 1, 'notify:x',"
            " app_now() + interval '1 day' + n * interval '1 second', app_now(), 'pending' FROM generate_series(1, %s) n",
            [incident.pk, MILLION],
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE incidents_timer")
    full = tick()
    plan = Timer.objects.filter(state="pending", due_at__lte=db_now()).order_by("due_at")[:600].explain()
    assert "Seq Scan" not in plan, plan
    forget_incidents()
    yield Figure("tick: with 1,000,000 future promises", full, "ms", 5, False, empty, "with ten")


def tick() -> float:
    """The best of some looks at the ledger, in ms."""

    def look() -> None:
        clock.due_incidents(clock.BATCH, ())
        clock.seconds_to_next()

    look()
    return min(seconds(look) for _ in range(50)) * 1000
