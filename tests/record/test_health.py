"""What /healthz says, and the check before a deployment."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.db import connection

from contactops import health
from contactops.accounts.models import User
from contactops.celery import app
from incidents.models import AuditFinding, AuditRound, ClockBeat, Incident, Notification, Timer
from incidents.times import db_now
from tests.helpers import PLAIN_CLOCK, Clock
from tests.record.made import incidents

Body = dict[str, Any]


@pytest.fixture(autouse=True)
def _ask_the_broker_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_broker", (float("-inf"), False))


@pytest.fixture
def alive(db: None) -> None:
    """A clock has just looked, and the auditor has been through the ledger."""
    ClockBeat.objects.create(worker="w", looked_at=db_now())
    AuditRound.objects.create(begun_at=db_now(), ended_at=db_now())


def seen() -> tuple[int, str]:
    status, body = health.report()
    return status, body["status"]


def test_ok(alive: None) -> None:
    status, body = health.report()
    assert (status, body["status"]) == (200, "ok")
    assert body["database"] is True
    assert body["broker"] is True
    assert body["clock"]["alive"] is True
    assert body["clock"]["plain"] is True
    assert 0 <= body["clock"]["last_look_s"] < 5
    assert body["oldest_due_s"] is None
    assert body["oldest_outbox_s"] is None


def test_down_when_no_clock_ever_looked(db: None) -> None:
    status, body = health.report()
    assert (status, body["status"]) == (503, "down")
    assert body["clock"] == {"alive": False, "last_look_s": None, "plain": True}
    assert health.alarm() == "clock"


def test_down_when_every_clock_is_silent_and_not_before(alive: None) -> None:
    ClockBeat.objects.create(worker="gone", looked_at=db_now() - timedelta(days=1))
    assert seen() == (200, "ok")  # another one that was there yesterday does not matter
    ClockBeat.objects.update(looked_at=db_now() - timedelta(seconds=health.SILENT_S + 1))
    assert seen() == (503, "down")
    assert health.alarm() == "clock"


def test_down_while_a_promise_is_overdue(alive: None, agent: User) -> None:
    [incident] = incidents(1, agent)
    row = Timer.objects.filter(incident=incident, state="pending").earliest("due_at")
    assert seen() == (200, "ok")
    past = db_now() - timedelta(seconds=health.OVERDUE_S + 2)
    Timer.objects.filter(pk=row.pk).update(due_at=past, armed_at=db_now())
    assert seen() == (200, "ok")  # armed just now: the plan is late, not the clock
    Timer.objects.filter(pk=row.pk).update(armed_at=past)
    status, body = health.report()
    assert (status, body["status"]) == (503, "down")
    assert body["oldest_due_s"] > health.OVERDUE_S
    assert health.alarm() == "clock"
    Timer.objects.filter(pk=row.pk).update(state="superseded")
    assert seen() == (200, "ok")


def test_degraded_while_messages_wait(alive: None, agent: User) -> None:
    [incident] = incidents(1, agent)
    waiting = Notification.objects.filter(incident=incident, state="queued")
    assert seen() == (200, "ok")
    waiting.update(next_try_at=db_now() - timedelta(seconds=health.OUTBOX_S + 1))
    status, body = health.report()
    assert (status, body["status"]) == (200, "degraded")
    assert body["oldest_outbox_s"] > health.OUTBOX_S
    waiting.update(state="handed")
    assert seen() == (200, "ok")


def test_degraded_while_the_auditor_does_not_look(alive: None) -> None:
    AuditRound.objects.update(ended_at=db_now() - timedelta(seconds=health.AUDIT_S + 1))
    status, body = health.report()
    assert (status, body["status"]) == (200, "degraded")
    assert body["audit"]["last_s"] > health.AUDIT_S
    assert health.alarm() == ""
    AuditRound.objects.update(ended_at=None)  # it has begun its first round
    assert health.report()[1]["audit"] == {"last_s": None, "findings": 0}
    assert seen() == (200, "degraded")


def test_degraded_until_a_finding_is_mended_and_seen(alive: None, agent: User, supervisor: User) -> None:
    finding = found(incidents(1, agent)[0])
    assert (seen(), health.alarm()) == ((200, "degraded"), "audit")
    AuditFinding.objects.filter(pk=finding.pk).update(seen_at=db_now(), seen_by=supervisor)
    assert (seen(), health.alarm()) == ((200, "degraded"), "")  # known, and still wrong
    AuditFinding.objects.filter(pk=finding.pk).update(repaired_at=db_now())
    assert seen() == (200, "ok")


def found(incident: Incident) -> AuditFinding:
    return AuditFinding.objects.create(incident=incident, kind="stuck", found_at=db_now())


@pytest.fixture
def other_broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The broker's address is a port of ours, on which nobody answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        assert app.conf.broker_url  # read now: what is changed before the first reading is forgotten by it
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        monkeypatch.setitem(app.conf.changes, "broker_write_url", url)
        yield listener


def test_a_dead_broker_alone_is_degraded(alive: None, other_broker: socket.socket) -> None:
    assert seen() == (200, "degraded")
    assert health.alarm() == ""


@pytest.mark.timeout(60)
def test_a_broker_that_hangs_is_not_waited_for(alive: None, other_broker: socket.socket) -> None:
    other_broker.listen()
    assert seen() == (200, "degraded")


def test_the_broker_is_not_asked_every_time(alive: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert health.broker_answers()
    monkeypatch.setattr(app, "connection_for_write", None)  # would fail if it were called
    assert health.broker_answers()


# -- The clock that decides --------------------------------------------------------------------------------------------


def deploy_errors() -> list[str | None]:
    found = run_checks(tags=[Tags.database], include_deployment_checks=True, databases=["default"])
    return [error.id for error in found if (error.id or "").startswith("incidents.")]


def test_a_plain_clock_passes(alive: None) -> None:
    assert deploy_errors() == []


@pytest.mark.parametrize(
    "body", ["clock_timestamp() + interval '1 minute'", "now()", "'2026-03-02T14:00Z'::timestamptz"]
)
def test_a_clock_that_was_moved_is_down_and_may_not_be_deployed(alive: None, body: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(PLAIN_CLOCK.format(body))
    status, said = health.report()
    assert (status, said["status"], said["clock"]["plain"]) == (503, "down", False)
    assert deploy_errors() == ["incidents.E001"]


def test_without_the_clock_s_function_nothing_may_be_deployed(alive: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION app_now() RENAME TO app_then")
    assert deploy_errors() == ["incidents.E002"]


def test_the_check_needs_a_database(clock: Clock) -> None:
    assert run_checks(tags=[Tags.database], include_deployment_checks=True, databases=None) == []
