"""Running processes: a ledger edited by hand is mended within a minute and told; a computer's wrong clock changes nothing;
no clock at all turns the banner red."""

import http.client
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.faults.stage import Broker, drill, fired, stack
from tests.ops import an_hour_back
from tests.ops.console import BASE, eventually, python
from tests.stories.real import RealStack

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

PROMISED = "SELECT key, due_at FROM incidents_timer WHERE state = 'pending' AND incident_id ="
FINDINGS = "SELECT kind, key, repaired_at IS NOT NULL, seen_at IS NULL FROM incidents_auditfinding ORDER BY id"


def pulse(stage: RealStack, username: str = "supervisor") -> str:
    """What a page without a stream hears when it asks."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.running.port, timeout=5)
    try:
        connection.request("GET", "/pulse/", headers={"Cookie": f"sessionid={session(stage, username)}"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def session(stage: RealStack, username: str) -> str:
    """A session of somebody, as signing in makes one."""
    made = (
        "from django.contrib.auth import BACKEND_SESSION_KEY as b, HASH_SESSION_KEY as h, SESSION_KEY as s;"
        "from django.contrib.sessions.backends.db import SessionStore;"
        "from contactops.accounts.models import User;"
        f"u = User.objects.get(username={username!r}); x = SessionStore();"
        "x.update({s: str(u.pk), b: 'contactops.accounts.backends.PersonBackend', h: u.get_session_auth_hash()});"
        "x.create(); print(x.session_key)"
    )
    if username not in _sessions:
        answer = python("manage.py", "shell", "-v0", "-c", made, directory=stage.running.directory)
        assert answer.returncode == 0, answer.stderr
        _sessions[username] = answer.stdout.split()[-1]
    return _sessions[username]


_sessions: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _nobody_signed_in() -> None:
    _sessions.clear()


def health(stage: RealStack) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", stage.running.port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("without_broker", [False, True], ids=["with its broker", "without"])
def test_a_row_deleted_by_hand_is_back_within_a_minute_and_told(
    data: Path, tmp_path: Path, *, without_broker: bool
) -> None:
    if without_broker and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    broker = Broker(tmp_path) if without_broker else None
    try:
        with stack(data, **({"REDIS_URL": broker.url} if broker else {})) as stage:
            ref = stage.api("agent03").report("power-cut")
            [(pk,)] = stage.query("SELECT id FROM incidents_incident WHERE ref = %s", ref)
            before = dict(stage.query(f"{PROMISED} %s", pk))
            assert eventually(lambda: '"last_s": 0' in health(stage) or '"last_s": 1' in health(stage), 60)
            if broker:
                broker.stop()
            # The one that is due last, so that neither a firing nor anybody's act mends it first.
            gone = max(before, key=lambda key: before[key])
            stage.query("DELETE FROM incidents_timer WHERE incident_id = %s AND key = %s", pk, gone)
            began = time.monotonic()
            assert eventually(lambda: stage.query(FINDINGS), 60), stage.running.output()[-3000:]
            print(f"\nfound after {time.monotonic() - began:.1f} s")
            assert stage.query(FINDINGS) == [("missing", gone, True, True)]
            assert dict(stage.query(f"{PROMISED} %s", pk))[gone] == before[gone]
            assert '"findings": 1' in health(stage)
            assert '"degraded"' in health(stage)
            assert '"alarm": "audit"' in pulse(stage, "admin")
    finally:
        if broker:
            broker.stop()


def test_without_a_worker_the_banner_is_red_within_ten_seconds(data: Path) -> None:
    """The supervisor would start another one: it is held still, as its computer would be."""
    with stack(data) as stage:
        assert eventually(lambda: stage.running.status() == 200, 60), stage.running.output()
        assert '"alarm": ""' in pulse(stage)
        worker = stage.running.pid_of("celery", "worker")
        os.kill(worker, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert eventually(lambda: stage.running.status() == 503, 10)
            assert eventually(lambda: '"alarm": "clock"' in pulse(stage), 10 - (time.monotonic() - began))
            print(f"\nred after {time.monotonic() - began:.1f} s")
        finally:
            os.kill(worker, signal.SIGCONT)
        assert eventually(lambda: stage.running.status() == 200, 10)
        assert '"alarm": ""' in pulse(stage)


def test_a_computer_whose_clock_is_an_hour_slow_fires_on_time(data: Path, tmp_path: Path) -> None:
    """Every process of the console but the database's runs an hour behind it."""
    shutil.copy(str(an_hour_back.__file__), tmp_path / "sitecustomize.py")
    path = f"{tmp_path}{os.pathsep}{BASE}"
    with stack(data, PYTHONPATH=path) as stage:
        says = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp())"
        answer = python("-c", says, directory=stage.running.directory, PYTHONPATH=path)
        for slow in map(float, answer.stdout.split()):
            assert 3590 < time.time() - slow < 3660
        manager = stage.api("manager")
        refs = [drill(manager) for _ in range(3)]
        assert eventually(lambda: all(fired(manager, ref, "silence") for ref in refs), 60), stage.running.output()
        late = [row["system_late_s"] for ref in refs for row in fired(manager, ref, "silence")]
        print(f"\nan hour slow: latest {max(late):.3f} s of {len(late)}")
        assert max(late) < 5
        assert all(row["late_s"] < 5 for ref in refs for row in fired(manager, ref, "silence"))
        off = "SELECT max(abs(extract(epoch FROM clock_timestamp() - recorded_at)))::float FROM incidents_event"
        [(seconds,)] = stage.query(
            f"{off} WHERE incident_id IN (SELECT id FROM incidents_incident WHERE kind = 'drill')"
        )
        assert seconds < 300  # the history is written in the database's time
        assert stage.running.status() == 200, stage.running.output()
        answer = python("manage.py", "verify_timeline", directory=stage.running.directory)
        assert answer.returncode == 0, answer.stderr
