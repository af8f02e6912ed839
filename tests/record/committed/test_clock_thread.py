"""The clock as the thread it is, among other connections."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg2
import pytest
from django.db import connection

from contactops.accounts.models import User
from incidents import clock as product
from incidents import hints
from incidents.models import ClockBeat, Incident, Timer
from incidents.record import record, settle
from tests.ops.console import eventually
from tests.record.made import incidents, reports


@pytest.fixture
def running(db: None) -> Iterator[Callable[..., product.Clock]]:
    """Starts clocks, and stops them."""
    clocks: list[product.Clock] = []

    def start(name: str = "thread") -> product.Clock:
        it = product.Clock(name)
        it.start()
        clocks.append(it)
        assert eventually(lambda: ClockBeat.objects.filter(worker=name).exists(), 10)
        return it

    yield start
    for it in clocks:
        it.stop()
    for it in clocks:
        it.join(10)
        assert not it.is_alive()


def drill(count: int = 1, speed: int = 60) -> list[Incident]:
    """Drills, whose promises come due sixty times as fast: the first silence after five seconds."""
    manager = User.objects.select_related("site").get(username="manager")
    return list(record(reports(count, manager, kind="drill", speed=speed, at=None)).values())


def silence(incident: Incident) -> list[Timer]:
    return list(Timer.objects.filter(incident=incident, rule="silence", state="fired").order_by("n"))


@pytest.mark.timeout(120)
def test_a_running_clock_fires_on_its_own(running: Callable[..., product.Clock]) -> None:
    running()
    [incident] = drill()
    assert eventually(lambda: silence(incident), 30)
    [row] = silence(incident)[:1]
    assert row.system_late is not None
    assert row.system_late < timedelta(seconds=5)


@pytest.mark.timeout(120)
def test_a_hint_wakes_the_clock(running: Callable[..., product.Clock], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product, "LOOK_EVERY_S", 60.0)  # without a hint it would sleep for a minute
    it = running("sleeper")
    before = ClockBeat.objects.get(worker="sleeper").looked_at
    time.sleep(0.5)
    [incident] = drill()  # its hint is sent when it is committed
    assert eventually(lambda: ClockBeat.objects.get(worker="sleeper").looked_at > before, 10)
    assert eventually(lambda: silence(incident), 30)
    it.stop()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [hints.CLOCK])


@pytest.mark.timeout(120)
def test_it_goes_on_after_its_connections_were_cut(running: Callable[..., product.Clock]) -> None:
    it = running("cut")
    [incident] = drill()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= 2  # one to read and write, one to listen
    assert eventually(lambda: silence(incident), 30)
    assert it.is_alive()


@pytest.mark.timeout(120)
def test_an_incident_that_is_written_to_is_fired_when_it_is_free(running: Callable[..., product.Clock]) -> None:
    held, free = drill(2)
    other = psycopg2.connect(**{**connection.get_connection_params(), "cursor_factory": None})
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM incidents_incident WHERE id = %s FOR UPDATE", [held.pk])
            running()
            assert eventually(lambda: silence(free), 30)
            assert not silence(held)
        other.rollback()
        assert eventually(lambda: silence(held), 10)
    finally:
        other.close()


@pytest.mark.timeout(120)
def test_two_clocks_fire_nothing_twice(running: Callable[..., product.Clock]) -> None:
    running("one")
    running("two")
    rows = drill(20)
    assert eventually(lambda: all(len(silence(row)) >= 2 for row in rows), 60)
    for row in rows:
        keys = [event.facts["key"] for event in row.events.all() if event.kind == "fired"]
        assert len(keys) == len(set(keys))


def test_the_hint_of_a_write_names_the_incident_and_its_revision(db: None) -> None:
    listener = psycopg2.connect(**{**connection.get_connection_params(), "cursor_factory": None})
    listener.autocommit = True
    try:
        with listener.cursor() as cursor:
            cursor.execute(f"LISTEN {hints.HINTS}")
            cursor.execute(f"LISTEN {hints.CLOCK}")
        [incident] = drill()
        assert eventually(lambda: listener.poll() or len(listener.notifies) >= 2, 5)
        by_channel = {notify.channel: notify.payload for notify in listener.notifies}
        assert json.loads(by_channel[hints.HINTS]) == {"topic": "incident", "ref": incident.ref, "rev": incident.rev}
        assert by_channel[hints.CLOCK] == ""
        listener.notifies.clear()
        drill(hints.MANY + 1)
        assert eventually(lambda: listener.poll() or len(listener.notifies) >= 2, 5)
        payloads = [json.loads(notify.payload) for notify in listener.notifies if notify.channel == hints.HINTS]
        assert payloads == [{"topic": "board", "ref": "", "rev": 0}]
    finally:
        listener.close()


def test_what_somebody_else_writes_to_is_passed_over(agent: User) -> None:
    first, second = incidents(2, agent)
    other = psycopg2.connect(**{**connection.get_connection_params(), "cursor_factory": None})
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM incidents_incident WHERE id = %s FOR UPDATE", [first.pk])
            assert settle([first.pk, second.pk]) == [second.pk]
        other.rollback()
        assert settle([first.pk, second.pk]) == [first.pk, second.pk]
    finally:
        other.close()
