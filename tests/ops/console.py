"""The product's processes, started from outside in a directory of their own, and a look at what is left of them."""

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

BASE = Path(__file__).resolve().parent.parent.parent
OURS = {
    "DATABASE_URL",
    "DATABASE_DIRECT_URL",
    "REDIS_URL",
    "DJANGO_SETTINGS_MODULE",
    "SECRET_KEY",
    "HOST",
    "PORT",
    "PUBLIC_URL",
}


def environment(directory: Path, **more: str) -> dict[str, str]:
    """That of somebody who has just cloned the repository."""
    inherited = {
        name: value for name, value in os.environ.items() if name not in OURS and not name.startswith("PYTEST")
    }
    return inherited | {"DATA_DIR": str(directory), "STATIC_ROOT": str(directory / "static")} | more


def python(*arguments: str, directory: Path, timeout: float = 60, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=BASE,
        env=environment(directory, **more),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(question: Callable[[], object], seconds: float, every: float = 0.05) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(every)
    return bool(question())


def alive(directory: Path) -> dict[int, str]:
    """The running processes that belong to this DATA_DIR, by its name in their command or environment."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                mark = f"DATA_DIR={directory}".encode()
                if str(directory) in command or mark in _environment_of(entry).split(b"\0"):
                    found[int(entry.name)] = command
    return found


def _environment_of(entry: Path) -> bytes:
    with contextlib.suppress(PermissionError):
        return (entry / "environ").read_bytes()
    return b""


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def _minds_interrupts() -> None:
    """As for somebody at a terminal; a job in the background may have inherited deafness."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Console:
    """`make run`, or the supervisor that it starts."""

    def __init__(self, directory: Path, port: int, **more: str) -> None:
        self.directory, self.port = directory, port
        self.log = directory / "console.log"
        self.environment = environment(directory, PORT=str(port), **more)
        self.process: subprocess.Popen[bytes]

    def start(self, command: tuple[str, ...] = (sys.executable, "-m", "contactops.run")) -> float:
        """Returns the seconds until it said that it serves."""
        began = time.monotonic()
        self.launch(command)
        assert eventually(lambda: self.said("Demo accounts") or self.process.poll() is not None, 120), self.output()
        assert self.process.poll() is None, self.output()
        return time.monotonic() - began

    def launch(self, command: tuple[str, ...] = (sys.executable, "-m", "contactops.run")) -> None:
        """Start it without waiting for anything."""
        self.directory.mkdir(exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=BASE,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self.in_child(),
            )

    def in_child(self) -> Callable[[], None]:
        """What the started process does before anything else."""
        return _minds_interrupts

    def kill(self) -> None:
        """SIGKILL to every process of it at once."""
        for pid in alive(self.directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def said(self, text: str) -> bool:
        return text in self.output()

    def end(self, number: int = signal.SIGTERM) -> float:
        """Send the signal to the started process alone; returns the seconds until it had ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - began

    def status(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def pid_of(self, *words: str) -> int:
        """The oldest process of ours with these words in its command line, or 0."""
        found = [pid for pid, command in alive(self.directory).items() if all(word in command for word in words)]
        return min(found, default=0)

    def runs_anew(self, before: int, *words: str) -> bool:
        """Whether another process than this one runs in its place."""
        return self.pid_of(*words) not in (0, before)


@contextlib.contextmanager
def console(directory: Path, **more: str) -> Iterator[Console]:
    """A console that is not running yet, and is certainly gone afterwards."""
    it = Console(directory, free_port(), **more)
    try:
        yield it
    finally:
        for pid in alive(directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if hasattr(it, "process"):
            it.process.wait(10)
