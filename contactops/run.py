"""`make run`: the database, the web server, the worker and beat, each a process of its own, watched by this one.

A process that ends is started again. When this process ends, by whatever means, the others end too.
"""

import argparse
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

from contactops import embedded, processes

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REST_BEFORE_RESTART_S = 1.0  # counted from the last start: an accident is mended at once, a habit does not spin
STOP_WITHIN_S = 6.0  # an idle worker takes five; the database has the rest of the ten seconds
HEALTH_PATIENCE_S = 30.0
DEMO_ACCOUNTS = "agent, leader, supervisor, manager, admin, auditor, tech, director"


class RefusedError(Exception):
    """The console cannot run as asked; the message says why and what to do."""


class StoppedError(BaseException):
    """We were asked to end. Not an Exception: nothing in between may take it for a fault."""


class Program(Protocol):
    """What is kept running."""

    def launch(self) -> None: ...

    def poll(self) -> int | None: ...


class Process:
    """One of our programs; it cannot outlive us."""

    def __init__(self, *command: str) -> None:
        self._command = [sys.executable, *command]
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        self._process = subprocess.Popen(self._command, preexec_fn=processes.bound_to_this_process())  # noqa: S603

    def poll(self) -> int | None:
        return self._process.poll() if self._process else None

    def send(self, number: int) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self, seconds: float) -> None:
        if self._process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.05, seconds))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m contactops.run", description="Run the whole console.")
    parser.add_argument("--bound-to-parent", action="store_true", help="stop when the process that started this ends")
    told_to_stop = _never
    if parser.parse_args().bound_to_parent:
        processes.die_with_parent(signal.SIGTERM)
        told_to_stop = _watch_parent()
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    try:
        with embedded.lock(embedded.data_dir()) as descriptor:
            _serve(descriptor, told_to_stop)
    except StoppedError:
        say("Stopped.")
    except (RefusedError, embedded.EmbeddedError) as error:
        sys.exit(str(error))
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    for number in STOP_SIGNALS:  # once is enough: the shutdown itself is not interrupted
        signal.signal(number, signal.SIG_IGN)
    raise StoppedError


def _never() -> bool:
    return False


def _watch_parent() -> Callable[[], bool]:
    """Whether the `make` above us was interrupted.

    Sent SIGINT alone (the terminal would tell us too), GNU make passes nothing on: it stops catching the signal and
    waits for us. That it no longer catches it is all there is to see.
    """
    status = Path(f"/proc/{os.getppid()}/status")

    def catches_interrupt() -> bool:
        with contextlib.suppress(OSError, StopIteration):
            line = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
            return bool(int(line.split()[1], 16) & 1 << signal.SIGINT - 1)
        return False

    return (lambda: not catches_interrupt()) if catches_interrupt() else _never


def _serve(descriptor: int, told_to_stop: Callable[[], bool]) -> None:
    host, port = os.environ.get("HOST") or "127.0.0.1", _port()
    _require_free_port(host, port)
    address = _address(host, port)
    os.environ.setdefault("PUBLIC_URL", address)
    with _database(descriptor) as database:
        _run_to_end(Process(str(embedded.BASE_DIR / "manage.py"), "prepare", "--demo"), told_to_stop)
        ours = _our_programs(host, port)
        try:
            for process in ours.values():
                process.launch()
            _keep_running({**ours, **database}, told_to_stop, _Announcement(address, port))
        finally:
            _end(list(ours.values()))


def _our_programs(host: str, port: int) -> dict[str, Process]:
    web = ["uvicorn", "contactops.asgi:application", "--host", host, "--port", str(port), "--no-access-log"]
    web += ["--timeout-graceful-shutdown", "3"]  # an open board never ends by itself
    web += ["--no-proxy-headers", "--log-level", "warning"]  # nothing stands in front of it
    worker = ["worker", "--pool", "prefork", "--concurrency", "2", "--without-gossip", "--without-mingle"]
    celery = ["celery", "--quiet", "-A", "contactops"]
    return {
        "web": Process("-m", *web),
        "worker": Process("-W", "ignore:You're running the worker with superuser", "-m", *celery, *worker),
        "beat": Process("-m", *celery, "beat"),
    }


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise RefusedError(f"PORT must be a number from 1 to 65535, not {text!r}.")


def _require_free_port(host: str, port: int) -> None:
    """Said now, rather than by a web server that dies again and again. Leftovers of a killed run get a moment."""
    deadline = time.monotonic() + 3
    while True:
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise RefusedError(
                    f"Cannot serve on {host} port {port}: {error.strerror}. Choose another with HOST and PORT."
                ) from error
        time.sleep(0.1)


def _address(host: str, port: int) -> str:
    visible = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{visible}]:{port}" if ":" in visible else f"http://{visible}:{port}"


@contextlib.contextmanager
def _database(descriptor: int) -> Iterator[dict[str, Program]]:
    """The database to use, announced to the commands given while we run; ours to keep running if it is embedded."""
    directory = embedded.data_dir()
    if url := os.environ.get("DATABASE_URL"):
        with embedded.announced(directory, url):
            yield {}
    else:
        with embedded.server(directory, descriptor) as server:
            yield {"database": server}


def _run_to_end(process: Process, told_to_stop: Callable[[], bool]) -> None:
    process.launch()
    try:
        while (code := process.poll()) is None:
            if told_to_stop():
                raise StoppedError
            time.sleep(0.1)
    finally:
        process.send(signal.SIGKILL)
    if code:
        raise RefusedError("Preparing the database failed; the reason stands above.")


def _keep_running(
    programs: dict[str, Program], told_to_stop: Callable[[], bool], announcement: "_Announcement"
) -> None:
    started = dict.fromkeys(programs, time.monotonic())
    while not told_to_stop():
        for name, program in programs.items():
            code = program.poll()
            if code is not None and time.monotonic() - started[name] > REST_BEFORE_RESTART_S:
                say(f"{name} ended with code {code}; it is started again.")
                started[name] = time.monotonic()
                program.launch()
        announcement.make_when_due()
        time.sleep(0.2)
    raise StoppedError


def _end(ours: list[Process]) -> None:
    deadline = time.monotonic() + STOP_WITHIN_S
    for process in ours:
        process.send(signal.SIGTERM)
    for process in ours:
        process.wait(deadline - time.monotonic())
        process.send(signal.SIGKILL)


class _Announcement:
    """Says where the console is and who may sign in, once it answers."""

    def __init__(self, address: str, port: int) -> None:
        self._address, self._port = address, port
        self._deadline = time.monotonic() + HEALTH_PATIENCE_S
        self._made = False

    def make_when_due(self) -> None:
        if self._made:
            return
        status = self._health()
        if status == http.HTTPStatus.OK or time.monotonic() > self._deadline:
            self._made = True
            state = "" if status == http.HTTPStatus.OK else f" (not healthy yet: {self._address}/healthz says {status})"
            say(f"\nContactOps: {self._address}{state}")
            say(f"Demo accounts: {DEMO_ACCOUNTS}; the password is demo- and the name, such as demo-agent.\n")

    def _health(self) -> int:
        host = self._address.removeprefix("http://").rpartition(":")[0].strip("[]")
        connection = http.client.HTTPConnection(host, self._port, timeout=1)
        try:
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


if __name__ == "__main__":
    sys.exit(main())
