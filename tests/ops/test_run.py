"""`make run` from outside: what it starts, how it ends, what it survives."""

import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.ops.console import BASE, Console, alive, children, console, environment, eventually, free_port, python

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

PROGRAMS = {
    "web": ("uvicorn",),
    "worker": ("celery", "worker"),
    "beat": ("celery", "beat"),
    "database": ("bin/postgres",),
}
COUNT = "from contactops.accounts.models import User; print('users', User.objects.count())"


def count_of_users(running: Console) -> str:
    answer = python("manage.py", "shell", "-v0", "-c", COUNT, directory=running.directory)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_what_dies_is_started_again(data: Path) -> None:
    with console(data) as running:
        running.start()
        for name, words in PROGRAMS.items():
            before = running.pid_of(*words)
            assert before, f"{name} does not run"
            os.kill(before, signal.SIGKILL)
            assert eventually(partial(running.runs_anew, before, *words), 2), f"{name} stayed dead"
        assert eventually(lambda: running.status() == 200, 20), running.output()
        assert running.process.poll() is None


def test_the_pool_of_a_killed_worker_does_not_outlive_it(data: Path) -> None:
    with console(data) as running:
        running.start()
        worker = running.pid_of("celery", "worker")
        assert eventually(lambda: len(children(worker)) == 2, 20)
        pool = children(worker)
        os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: not pool & set(alive(running.directory)), 2)


def test_killed_outright_it_leaves_nothing_and_starts_again_with_its_data(tmp_path: Path) -> None:
    with console(tmp_path / "data") as running:  # the first start, from nothing
        running.start()
        before = count_of_users(running)
        running.kill()
        assert eventually(lambda: alive(running.directory) == {}, 2), alive(running.directory)
        seconds = running.start()
        assert seconds < 15, running.output()
        assert count_of_users(running) == before
        running.process.kill()  # the supervisor alone: the others go with it
        running.process.wait()
        assert eventually(lambda: alive(running.directory) == {}, 2), alive(running.directory)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("with_make", [False, True], ids=["supervisor", "make"])
def test_a_signal_ends_everything_within_ten_seconds(data: Path, number: int, *, with_make: bool) -> None:
    with console(data) as running, socket.socket() as board:
        running.start(*[("make", "run")] if with_make else [])
        board.connect(("127.0.0.1", running.port))  # an open page
        board.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert running.end(number) < 10, running.output()
        assert eventually(lambda: alive(running.directory) == {}, 1), alive(running.directory)
        assert running.said("Stopped.")
        assert not running.said("Traceback"), running.output()
        assert not (running.directory / "database-url").exists()
        if not with_make:
            assert running.process.returncode == 0


def test_ctrl_c_reaches_everybody_at_once_and_still_ends_in_order(data: Path) -> None:
    with console(data) as running:
        running.start()
        os.killpg(running.process.pid, signal.SIGINT)
        assert running.process.wait(10) == 0
        assert eventually(lambda: alive(running.directory) == {}, 1), alive(running.directory)
        assert "database system is shut down" in (running.directory / "postgres.log").read_text()


def test_a_second_one_on_the_same_data_says_so(data: Path) -> None:
    with console(data) as running:
        running.start()
        second = python("-m", "contactops.run", directory=running.directory, PORT=str(free_port()))
        assert second.returncode == 1
        assert "already in use" in second.stderr
        assert second.stderr.count("\n") == 1
        assert running.status() == 200


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = python("-m", "contactops.run", directory=tmp_path / "data", PORT=str(port))
    assert refused.returncode == 1
    assert str(port) in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("port", ["0", "70000", "http", "²"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    refused = python("-m", "contactops.run", directory=tmp_path / "data", PORT=port)
    assert refused.returncode == 1
    assert refused.stderr.startswith("PORT must be a number")


def test_it_uses_the_database_it_is_given_and_tells_the_commands(data: Path, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-m", "contactops.embedded", "--", "sleep", "120"], cwd=BASE, env=environment(data)
    )
    try:
        assert eventually((data / "database-url").exists, 30)
        url = (data / "database-url").read_text()
        with console(tmp_path / "other", DATABASE_URL=url) as running:
            running.start()
            assert not (running.directory / "postgres").exists()
            assert (running.directory / "database-url").read_text() == url
            assert "users" in count_of_users(running)
            assert running.end() < 10
    finally:
        holder.terminate()
        holder.wait(20)
