"""Thirty seconds of people and clocks writing to the same few incidents at once: no deadlock, nothing lost, nothing
twice, and a history that holds."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from contactops.accounts.models import User
from contactops.errors import DomainError
from incidents import clock as product
from incidents import reporting, services, trust
from incidents.models import Event, Incident, Note, Notification, Report, StepRun, Timer
from incidents.record import record
from incidents.times import db_now
from tests.ops.console import eventually
from tests.record.made import activation, reports

pytestmark = [pytest.mark.long, pytest.mark.timeout(300), pytest.mark.usefixtures("db")]

SECONDS = 30
INCIDENTS = 8
WRITERS = 6
PEOPLE = ("supervisor", "manager", "leader", "director", "tech")
PLANS = ("power-cut", "application-fault")


@dataclass
class Tally:
    """What was accepted, and what went wrong that may not. Lists, because appending is atomic."""

    notes: list[str] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)
    reports: list[uuid.UUID] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Writer:
    """A person who does whatever comes to mind, as fast as it goes."""

    def __init__(self, seed: int, ids: list[int], until: float, tally: Tally) -> None:
        self.random, self.ids, self.until, self.tally = random.Random(seed), ids, until, tally

    def run(self) -> None:
        try:
            self.people = User.objects.select_related("site").in_bulk(PEOPLE, field_name="username")
            self.agents = list(User.objects.select_related("site").filter(username__startswith="agent0"))
            while time.monotonic() < self.until:
                self.act()
        finally:
            connection.close()

    def act(self) -> None:
        incident = Incident.objects.select_related("type", "site").get(pk=self.random.choice(self.ids))
        what = self.random.choice(ACTS)
        try:
            what(self, incident, self.people[self.random.choice(PEOPLE)])
        except DomainError as error:
            self.tally.refused.append(f"{what.__name__}: {error.code}")
        except Exception as error:  # noqa: BLE001  the test says which
            self.tally.faults.append(f"{what.__name__}: {type(error).__name__}: {error}")

    def note(self, incident: Incident, actor: User) -> None:
        text = uuid.uuid4().hex
        services.add_note(incident=incident, actor=actor, text=text)
        self.tally.notes.append(text)

    def update(self, incident: Incident, actor: User) -> None:
        text = uuid.uuid4().hex
        services.post_update(incident=incident, actor=actor, audience="leaders", text=text)
        self.tally.updates.append(text)

    def join(self, incident: Incident, actor: User) -> None:
        key = uuid.uuid4()
        body: dict[str, Any] = {"incident_type": incident.type.slug, "summary": "Here too", "scope": "me"}
        reporting.report(actor=self.random.choice(self.agents), client_key=key, join=incident.ref, **body)
        self.tally.reports.append(key)

    def acknowledge(self, incident: Incident, actor: User) -> None:
        services.acknowledge(incident=incident, actor=actor)
        self.tally.verbs.append("acknowledged")

    def assess(self, incident: Incident, actor: User) -> None:
        services.assess(incident=incident, actor=actor, verdict="real")
        self.tally.verbs.append("assessed")

    def activate(self, incident: Incident, actor: User) -> None:
        plan, level = self.random.choice(PLANS), self.random.randint(1, 4)
        services.activate(incident=incident, actor=actor, plan=plan, level=level)
        self.tally.verbs.append("activated")

    def level(self, incident: Incident, actor: User) -> None:
        services.change_level(incident=incident, actor=actor, level=self.random.randint(1, 4), reason="It changed")
        self.tally.verbs.append("level_set")

    def condition(self, incident: Incident, actor: User) -> None:
        services.set_condition(incident=incident, actor=actor, name="power-off", holds=self.random.random() < 0.5)

    def command(self, incident: Incident, actor: User) -> None:
        services.take_command(incident=incident, actor=actor, commander="supervisor")
        self.tally.verbs.append("commanded")

    def add_step(self, incident: Incident, actor: User) -> None:
        services.add_step(incident=incident, actor=actor, title="One more", group="G-SUP", due_in=timedelta(minutes=5))
        self.tally.verbs.append("step_opened")

    def step(self, incident: Incident, actor: User) -> None:
        step = StepRun.objects.filter(incident=incident, status__in=("open", "in_progress")).order_by("?").first()
        if step is None:
            return
        decision = self.random.choice(step.options)["key"] if step.options else ""
        call = {"person": "M", "answered": True} if step.kind == "call" else None
        services.do_step(incident=incident, actor=actor, key=step.key, verb="complete", decision=decision, call=call)
        self.tally.verbs.append("step_completed")

    def extend(self, incident: Incident, actor: User) -> None:
        timer = Timer.objects.filter(incident=incident, state="pending").order_by("?").first()
        if timer:
            by = timedelta(seconds=self.random.randint(1, 30))
            services.extend_promise(incident=incident, actor=actor, promise=timer.pk, by=by, reason="Later")
            self.tally.verbs.append("adjusted")

    def answer(self, incident: Incident, actor: User) -> None:
        rows = Notification.objects.filter(incident=incident, recipient=actor, acknowledged_at=None)
        if told := rows.select_related("incident").order_by("?").first():
            services.answer_notification(notification=told, actor=actor, accept=True)
            self.tally.verbs.append("notice_acknowledged")

    def report(self, incident: Incident, actor: User) -> None:
        key = uuid.uuid4()
        body: dict[str, Any] = {"incident_type": "power-cut", "summary": "Dark", "scope": "team"}
        reporting.report(actor=self.random.choice(self.agents), client_key=key, **body)
        self.tally.reports.append(key)


Act = Callable[[Writer, Incident, User], None]
ACTS: list[Act] = [
    *(Writer.note, Writer.update, Writer.join, Writer.join, Writer.acknowledge, Writer.assess, Writer.activate),
    *(Writer.level, Writer.condition, Writer.condition, Writer.command, Writer.add_step, Writer.step, Writer.step),
    *(Writer.extend, Writer.answer, Writer.report),
]


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def drills() -> list[int]:
    """Incidents whose clocks run sixty times as fast, most with a plan in force."""
    manager = User.objects.select_related("site").get(username="manager")
    ids = list(record(reports(INCIDENTS, manager, kind="drill", speed=60)))
    rows = Incident.objects.filter(pk__in=ids[2:])
    record([services.change(row, manager, "activate", activation(level=3)) for row in rows])
    return ids


def play() -> tuple[Tally, list[int]]:
    """Writers and clocks at once, for as long as it takes."""
    tally, ids = Tally(), drills()
    clocks = [product.Clock(f"clock-{n}") for n in range(2)]
    until = time.monotonic() + SECONDS
    writers = [threading.Thread(target=Writer(seed, ids, until, tally).run) for seed in range(WRITERS)]
    for thread in (*clocks, *writers):
        thread.start()
    for writer in writers:
        writer.join(SECONDS + 60)
        assert not writer.is_alive()
    assert eventually(lambda: not Timer.objects.filter(state="pending", due_at__lte=db_now()).exists(), 30)
    for clock in clocks:
        clock.stop()
    for clock in clocks:
        clock.join(20)
        assert not clock.is_alive()
    return tally, ids


def test_people_and_clocks_at_once() -> None:
    before = deadlocks()
    tally, ids = play()
    assert tally.faults == []
    time.sleep(1.5)  # the database counts with a delay
    assert deadlocks() == before
    nothing_is_lost(tally)
    nothing_is_double()
    for incident in Incident.objects.all():
        assert list(trust.faults(incident)) == [], incident.ref
        written = list(Event.objects.filter(incident=incident).order_by("seq").values_list("recorded_at", flat=True))
        assert written == sorted(written)
    kinds = Counter(Event.objects.filter(incident__in=ids).values_list("kind", flat=True))
    assert kinds["fired"] > INCIDENTS * 3
    accepted = len(tally.notes) + len(tally.updates) + len(tally.reports) + len(tally.verbs)
    print(f"\naccepted {accepted}, refused {len(tally.refused)}, events {sum(kinds.values())}, fired {kinds['fired']}")


def nothing_is_lost(tally: Tally) -> None:
    """Every accepted call stands in the history exactly once, and nothing that was refused does."""
    for kind, texts in (("note", tally.notes), ("updated", tally.updates)):
        words = Event.objects.filter(kind=kind).values_list("note__words", flat=True)
        assert sorted(word["text"] for word in words if word) == sorted(texts)
    assert sorted(Report.objects.values_list("client_key", flat=True)) == sorted(tally.reports)
    by_people = Event.objects.filter(actor__isnull=False)
    told = [by_people.filter(kind=kind, facts__report=str(pk)).count() for kind, pk in _reports()]
    assert set(told) == {1}
    accepted, found = Counter(tally.verbs), Counter(by_people.values_list("kind", flat=True))
    for kind in ("acknowledged", "assessed", "commanded", "adjusted", "notice_acknowledged"):
        assert found[kind] == accepted[kind], kind
    assert by_people.filter(kind="activated").count() == accepted["activated"] + INCIDENTS - 2
    assert by_people.filter(kind="step_opened", facts__source="person").count() == accepted["step_opened"]
    assert found["step_completed"] + found["step_ticked"] == accepted["step_completed"]
    notes = Note.objects.filter(events=None).exclude(incident__reports=None)
    assert not notes.exists()


def _reports() -> list[tuple[str, uuid.UUID]]:
    rows = Report.objects.values_list("joined", "pk")
    return [("joined" if joined else "reported", pk) for joined, pk in rows]


def nothing_is_double() -> None:
    for incident in Incident.objects.all():
        keys = [event.facts["key"] for event in Event.objects.filter(incident=incident, kind="fired")]
        assert len(keys) == len(set(keys))
        rows = Timer.objects.filter(incident=incident, state="fired").values_list("key", flat=True)
        assert sorted(rows) == sorted(keys)


def test_two_people_join_the_same_incident_at_once() -> None:
    """A row that refers to the incident must not stand in the way of its lock."""
    [incident] = record(reports(1, User.objects.select_related("site").get(username="agent03"))).values()
    agents = list(User.objects.select_related("site").filter(username__startswith="agent0"))
    barrier, faults = threading.Barrier(len(agents)), list[Exception]()

    def join(agent: User) -> None:
        body: dict[str, Any] = {
            "incident_type": "power-cut",
            "summary": "Here too",
            "scope": "me",
            "join": incident.ref,
        }
        try:
            barrier.wait(10)
            for _ in range(5):
                reporting.report(actor=agent, client_key=uuid.uuid4(), **body)
        except Exception as error:  # noqa: BLE001  the test says which
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=partial(join, agent)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert Event.objects.filter(incident=incident, kind="joined").count() == 5 * len(agents)
