"""The clock of a worker: what it fires, what it passes over, what it survives."""

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection

from contactops import health
from contactops.accounts.models import User
from contactops.celery import app
from incidents import clock as product
from incidents import hints, services
from incidents.clock import due_incidents, seconds_to_next
from incidents.models import ClockBeat, Incident, Notification, Timer
from incidents.record import settle
from incidents.times import db_now
from tests.helpers import Clock
from tests.ops.console import eventually
from tests.record.made import activated, incidents

MINUTE = timedelta(minutes=1)


@pytest.fixture
def looker(monkeypatch: pytest.MonkeyPatch) -> Iterator[product.Clock]:
    """A worker's clock that is not running: a test makes it look. The test's own connection must stay open."""
    monkeypatch.setattr("incidents.clock.close_old_connections", lambda: None)
    it = product.Clock("a-worker")
    yield it
    it._stop_listening()


def power_5(incident: Incident) -> Timer:
    return Timer.objects.get(incident=incident, rule="power-5")


# -- What it fires -----------------------------------------------------------------------------------------------------


def test_what_is_due_fires_and_nothing_else(clock: Clock, looker: product.Clock, agent: User) -> None:
    first, second = activated(2, agent)
    services.set_condition(incident=second, actor=person("supervisor"), name="power-off", holds=False)
    clock.forward(5 * MINUTE - timedelta(milliseconds=1), fire=False)
    looker.look()
    assert power_5(first).state == "pending"
    clock.forward(timedelta(milliseconds=1), fire=False)
    looker.look()
    assert (power_5(first).state, power_5(second).state) == ("fired", "superseded")
    assert power_5(first).fired_at == power_5(first).due_at == db_now()
    assert Incident.objects.get(pk=first.pk).steps.filter(key="power-cut.phone-superior", status="open").exists()


def person(username: str) -> User:
    return User.objects.select_related("site").get(username=username)


def test_the_longest_overdue_come_first(clock: Clock, agent: User) -> None:
    rows = []
    for _ in range(3):
        rows += activated(1, agent)
        clock.forward(MINUTE, fire=False)
    clock.forward(4 * MINUTE, fire=False)
    assert due_incidents(10, set()) == [row.pk for row in rows]
    assert due_incidents(2, set()) == [row.pk for row in rows[:2]]
    assert due_incidents(10, {rows[0].pk}) == [row.pk for row in rows[1:]]
    settle([rows[1].pk])
    assert due_incidents(10, set()) == [rows[0].pk, rows[2].pk]


def test_seconds_to_the_next_promise(clock: Clock, agent: User) -> None:
    assert seconds_to_next() == product.LOOK_EVERY_S
    [incident] = activated(1, agent)
    due = Timer.objects.filter(state="pending").earliest("due_at").due_at
    assert seconds_to_next() == product.LOOK_EVERY_S
    clock.to(due - timedelta(seconds=0.25), fire=False)
    assert seconds_to_next() == 0.25
    clock.to(due + MINUTE, fire=False)
    assert seconds_to_next() == product.LOOK_AGAIN_S  # it cannot be fired just now, or it would have been
    assert seconds_to_next({incident.pk}) == product.LOOK_EVERY_S


def test_a_sign_of_life(clock: Clock, looker: product.Clock, agent: User) -> None:
    looker.look()
    assert ClockBeat.objects.get(worker="a-worker").looked_at == clock.now
    clock.forward(MINUTE)
    looker.look()
    assert ClockBeat.objects.get(worker="a-worker").looked_at == clock.now
    assert ClockBeat.objects.count() == 1


def nudges() -> int:
    """How many nudges wait in the broker."""
    with app.connection_for_read() as broker:
        waiting: int = broker.default_channel.queue_declare(app.conf.task_default_queue).message_count
        return waiting


def test_messages_that_nobody_took_are_nudged(clock: Clock, looker: product.Clock, agent: User) -> None:
    app.control.purge()
    incidents(1, agent)
    assert Notification.objects.filter(state="queued").exists()
    looker.look()  # they are new: the writer's own nudge is on its way
    clock.forward(timedelta(seconds=4))
    looker.look()
    assert eventually(lambda: nudges() > 0, 10)
    assert nudges() == 1


def test_a_message_whose_worker_died_is_nudged_when_its_lease_has_run_out(
    clock: Clock, looker: product.Clock, agent: User
) -> None:
    incidents(1, agent)
    ends = clock.now + timedelta(seconds=30)
    Notification.objects.filter(state="queued").update(state="leased", lease=uuid.uuid4(), leased_until=ends)
    clock.forward(timedelta(seconds=29))
    looker.look()
    time.sleep(hints.REST_S)
    app.control.purge()
    looker.look()
    time.sleep(hints.REST_S)
    assert nudges() == 0  # whoever holds it may still be sending
    clock.forward(timedelta(seconds=2))
    looker.look()
    assert eventually(lambda: nudges() == 1, 10)


# -- Lateness ----------------------------------------------------------------------------------------------------------


def test_a_plan_activated_late_is_late_by_the_plan_and_not_by_us(clock: Clock, agent: User) -> None:
    [incident] = incidents(1, agent)
    clock.forward(25 * MINUTE)
    services.activate(incident=incident, actor=person("supervisor"), plan="power-cut", level=3)
    row = power_5(incident)
    assert (row.late, row.system_late) == (20 * MINUTE, timedelta())
    assert row.system_late is not None
    assert row.system_late < timedelta(seconds=60)


def test_a_clock_that_was_down_is_late_by_both(clock: Clock, looker: product.Clock, agent: User) -> None:
    [incident] = activated(1, agent)
    clock.forward(25 * MINUTE, fire=False)
    looker.look()
    row = power_5(incident)
    assert (row.late, row.system_late) == (20 * MINUTE, 20 * MINUTE)
    assert row.system_late is not None
    assert row.system_late > timedelta(seconds=60)


def test_lateness_does_not_add_up(clock: Clock, looker: product.Clock, agent: User) -> None:
    [incident] = incidents(1, agent)
    started = clock.now
    for minutes in (5, 10, 20, 30):
        clock.to(started + minutes * MINUTE + timedelta(seconds=7), fire=False)
        looker.look()
    rows = Timer.objects.filter(incident=incident, rule="silence", state="fired").order_by("n")
    assert [row.due_at - started for row in rows] == [5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE]
    assert {row.system_late for row in rows} == {timedelta(seconds=7)}


def test_an_outage_collapses_what_repeats_and_says_late(clock: Clock, looker: product.Clock, agent: User) -> None:
    [incident] = activated(1, agent)
    clock.forward(3 * 60 * MINUTE, fire=False)
    looker.look()
    rows = list(Timer.objects.filter(incident=incident))
    reminders = sorted((row.n, row.state) for row in rows if row.rule == "update-leaders" and row.state != "pending")
    assert [state for _n, state in reminders[:-1]] == ["collapsed"] * (len(reminders) - 1)
    assert len(reminders) > 1
    assert reminders[-1][1] == "fired"
    assert power_5(incident).state == "fired"  # different rules never swallow each other
    assert incident.steps.filter(key="power-cut.phone-superior", status="open").exists()
    assert not [row for row in rows if row.state == "pending" and row.due_at <= clock.now]
    fired = [
        event for event in incident.events.all() if event.kind == "fired" and event.facts["system_late_ms"] > 60_000
    ]
    assert {event.occurred_at for event in fired} == {clock.now}  # nobody inherits a window that was lost
    letters = Notification.objects.filter(incident=incident, created_at=clock.now, channel="email")
    assert letters.exists()
    assert len(set(letters.values_list("recipient", flat=True))) == letters.count()  # one that says it all


def test_promises_are_kept_without_hints(clock: Clock, looker: product.Clock, agent: User, settings: Any) -> None:
    """The connection for LISTEN has an address of its own, which may be wrong or full."""
    settings.DATABASE_DIRECT_URL = "postgres://contactops@127.0.0.1:1/nowhere"
    [incident] = activated(1, agent)
    clock.forward(6 * MINUTE, fire=False)
    looker.look()
    assert (power_5(incident).state, looker.ear) == ("fired", None)


# -- What it survives --------------------------------------------------------------------------------------------------

POISON = {
    "a missing part": "state - 'activations'",
    "an unknown part": """state || '{"made": "up"}'""",
    "a part of another shape": """jsonb_set(state, '{activations}', '[{"n": 0}]')""",
    "an activation that is not there": """jsonb_set(state, '{activations}', '[]')""",
    "a plan that is not there": """jsonb_set(state, '{activations,1,plan}', '"no-such-plan"')""",
    "nothing like a state": "'[1, 2]'",
    "a number where a list should be": """jsonb_set(state, '{facts}', '7')""",
}


@pytest.mark.parametrize("edit", POISON.values(), ids=POISON)
def test_a_poisoned_incident_does_not_stop_the_rest(
    clock: Clock, looker: product.Clock, agent: User, edit: str
) -> None:
    rows = activated(5, agent)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE incidents_incident SET state = {edit} WHERE id = %s", [rows[0].pk])
    clock.forward(6 * MINUTE, fire=False)
    wait = looker.look()
    assert [power_5(row).state for row in rows] == ["pending", *["fired"] * 4]
    assert wait > product.LOOK_AGAIN_S  # it rests, and does not keep the clock busy
    assert (health.look().stuck, health.alarm()) == (1, "stuck")
    assert health.look().oldest_due_s is None  # the others are kept
    again = activated(1, agent)
    clock.forward(6 * MINUTE, fire=False)
    looker.look()
    assert power_5(again[0]).state == "fired"


def test_a_row_that_nothing_promises_is_put_right(clock: Clock, looker: product.Clock, agent: User) -> None:
    """A row of the ledger that the plan no longer promises, as a change of the product could leave behind."""
    odd, good = activated(2, agent)
    row = power_5(odd)
    row.pk, row.key, row.due_at = None, f"{row.base}#9", clock.now + MINUTE
    row.save(force_insert=True)
    clock.forward(1.5 * MINUTE, fire=False)
    watchdog = threading.Timer(20, looker.stop)  # a clock that never comes to rest is stopped, and fails below
    watchdog.start()
    assert looker.look() > product.LOOK_AGAIN_S
    assert not looker.stopping.is_set()
    assert Timer.objects.get(pk=row.pk).state == "superseded"  # the turn that found it put it right
    clock.forward(4 * MINUTE, fire=False)
    looker.look()
    watchdog.cancel()
    assert power_5(good).state == "fired"


def test_a_lost_database_is_no_fault_of_the_incidents(
    clock: Clock, looker: product.Clock, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    activated(3, agent)
    clock.forward(6 * MINUTE, fire=False)

    def lost(_ids: list[int]) -> list[int]:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(product, "settle", lost)
    monkeypatch.setattr(connection, "is_usable", lambda: False)
    with pytest.raises(OperationalError):
        looker.look()
    assert looker.resting == {}
