"""Running processes with a database, a broker and gateways of their own, and promises that come due within seconds."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2

from contactops import embedded, processes
from tests.faults.gateways import MailGateway, WebGateway
from tests.helpers import Api
from tests.ops.console import BASE, Console, alive, children, console, environment, eventually, free_port
from tests.stories.real import HttpClient, RealStack

SITES = 24  # each with people of its own
NO_STORM = "100000"  # every message by itself, so that each can be counted
TIMEOUT_S, LEASE_S, BACKOFF_S = 2.0, 5.0, 0.5  # of the console on the stage: shorter than in life, in the same order
LATE_S = TIMEOUT_S + 1  # after which a gateway that is late answers
PEER = "peer@faults"
_BEGINS = re.compile(r"^(\S+ \S+) INFO incidents.clock the clock of \S+ begins$", re.MULTILINE)


class Broker:
    """A Redis of our own, which can be stopped, and made to hang."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.directory))
        self.process = subprocess.Popen(
            ("redis-server", *options), stdout=subprocess.DEVNULL, preexec_fn=processes.bound_to_this_process()
        )

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def stack(directory: Path, **more: str) -> Iterator[RealStack]:
    with console(directory, **{"NOTIFY_STORM": NO_STORM, **more}) as running:
        stage = RealStack(running)
        running.start()
        yield stage


def drill(manager: Api, speed: int = 60) -> str:
    """A drill whose clocks run so many times as fast: at 60 the first silence comes after five seconds."""
    return manager.report(kind="drill", speed=speed, participants=["supervisor", "leader"], site="leeds")


def fired(api: Api, ref: str, rule: str) -> list[dict[str, Any]]:
    return [row for row in api.see(ref, "promises/") if row["rule"] == rule and row["state"] == "fired"]


class Postgres(embedded.Server):
    """A PostgreSQL of our own, with the settings of `make run`, that can be broken and mended."""

    def immediate(self) -> None:
        """Ended without a checkpoint, as `pg_ctl stop -m immediate` does: it must recover when it is started again."""
        assert self._process
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(20)

    def again(self) -> float:
        """Started at the same address; returns when it answered, in seconds since 1970."""
        self.launch()
        assert self._answers(), self._last_words()
        return time.time()

    def signal(self, number: int) -> None:
        """To the server and all its processes."""
        assert self._process
        for pid in (self._process.pid, *children(self._process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


class Inside:
    """The process beside the console (`tests.faults.inside`), spoken to over its standard streams."""

    def __init__(self, directory: Path, **more: str) -> None:
        directory.mkdir()
        self._log = (directory / "log").open("wb")
        self._process = subprocess.Popen(
            (sys.executable, "-m", "tests.faults.inside"),
            cwd=BASE,
            env=environment(directory, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def ask(self, verb: str, *arguments: Any) -> Any:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([verb, *arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, Path(self._log.name).read_text(errors="replace")[-3000:]
        return json.loads(line)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()


class BoundConsole(Console):
    """One that ends with whoever started it, however that ends."""

    def in_child(self) -> Callable[[], None]:
        return processes.bound_to_this_process()


class Stage:
    """PostgreSQL, Redis, a mail and a web gateway of our own, and the console's processes between them: those of `make
    run`, and a second worker, so that the clocks have a peer. Started once, used for many trials."""

    def __init__(self, directory: Path, postgres: Postgres) -> None:
        self.directory, self.postgres = directory, postgres
        redis = directory / "redis"
        redis.mkdir()
        self.broker = Broker(redis)
        self.mail, self.web = MailGateway(LATE_S), WebGateway(LATE_S)
        self.crashes = directory / "crash"
        self.crashes.mkdir()
        postgres.start()
        more = {
            "DATABASE_URL": postgres.url,
            "DATABASE_DIRECT_URL": postgres.url,
            "REDIS_URL": self.broker.url,
            "EMAIL_URL": self.mail.url,
            "EMAIL_TIMEOUT": str(TIMEOUT_S),
            "NOTIFY_LEASE_S": str(LEASE_S),
            "NOTIFY_BACKOFF_S": str(BACKOFF_S),
            "NOTIFY_STORM": NO_STORM,
            "SECRET_KEY": "only-for-faults",
        }
        self.inside = Inside(directory / "inside", **more)
        self.inside.ask("prepare")
        more["STATIC_ROOT"] = str(BASE / ".cache" / "faults-static")  # collected once, not for every stage
        self.console = BoundConsole(directory / "console", free_port(), **more, CONTACTOPS_CRASH_DIR=str(self.crashes))
        self._peer: subprocess.Popen[bytes] | None = None
        self._peers = 0
        self._peer_log = directory / "peer.log"
        self.start()
        self.tokens: dict[str, str] = self.inside.ask("cast", SITES)

    def start(self) -> None:
        """The console's processes; returns when they serve."""
        self.console.start()
        self.ready()

    def ready(self) -> None:
        """Both clocks look, and the console says it is well."""
        beats = "SELECT count(*) FROM incidents_clockbeat WHERE looked_at > app_now() - interval '2.5 s'"

        def well() -> bool:
            self.tend()
            return self.query(beats) == [(2,)] and self.console.status() == 200

        assert eventually(well, 120, every=0.25), self.output()

    def tend(self) -> None:
        """The peer is ours to start again; the others, `contactops.run` starts again."""
        if self._peer is None or self._peer.poll() is not None:
            worker = ("celery", "--quiet", "-A", "contactops", "worker", "--pool", "prefork", "--concurrency", "2")
            self._peers += 1
            with self._peer_log.open("wb") as log:
                self._peer = subprocess.Popen(
                    (sys.executable, "-W", "ignore", "-m", *worker, "--without-gossip", "--without-mingle", "-n", PEER),
                    cwd=BASE,
                    env=self.console.environment,
                    stdout=log,
                    stderr=log,
                    preexec_fn=processes.bound_to_this_process(),
                )

    def endings(self) -> int:
        """How many processes have ended and were started again."""
        return self._peers + self.console.output().count(" ended with code ")

    def launch(self) -> None:
        """As somebody starts it again, without waiting for anything."""
        self.console.launch()
        self.tend()

    def pid(self, *words: str) -> int:
        """Of a process that `contactops.run` started."""
        commands = alive(self.console.directory)
        ours = [pid for pid in children(self.console.process.pid) if all(w in commands.get(pid, "") for w in words)]
        assert ours, self.output()
        return ours[0]

    def workers(self) -> tuple[int, int]:
        """The main processes of the two workers."""
        assert self._peer
        return self.pid("celery", " worker "), self._peer.pid

    def clock_began(self) -> float | None:
        """When the first clock began after the last start, by the logs; seconds since 1970."""
        said = self.console.output() + self._peer_log.read_text(errors="replace")
        times = [datetime.strptime(t, "%Y-%m-%d %H:%M:%S,%f").replace(tzinfo=UTC) for t in _BEGINS.findall(said)]
        return min((moment.timestamp() for moment in times), default=None)

    def signal(self, pid: int, number: int) -> None:
        """To a process and those it started: a pool goes on for a moment after its parent."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for one in (pid, *children(pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, number)

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(self.postgres.url)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def api(self, site: str) -> HttpClient:
        return HttpClient(f"http://127.0.0.1:{self.console.port}", self.tokens[site])

    def output(self) -> str:
        """The end of what the processes said."""
        return f"{self.console.output()[-4000:]}\n--- peer\n{self._peer_log.read_text(errors='replace')[-4000:]}"

    def kill(self) -> None:
        """SIGKILL to every process of the console at once, the peer included."""
        self.console.kill()
        if self._peer:
            self._peer.wait(10)

    def close(self) -> None:
        self.inside.close()
        self.kill()
        self.broker.stop()
        self.mail.stop()
        self.web.stop()


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """All of it, in a directory that is gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="contactops-faults-"))
    directory.chmod(0o711)  # the database does not run as root
    try:
        with embedded.lock(directory) as descriptor:
            postgres = Postgres(directory, descriptor)
            try:
                with contextlib.closing(Stage(directory, postgres)) as it:
                    yield it
            finally:
                postgres.stop()
    finally:
        for pid in alive(directory) | alive(directory / "console"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(directory, ignore_errors=True)


def missing() -> str:
    """Why there can be no stage here, or nothing."""
    return "" if shutil.which("redis-server") else "redis-server is not installed"
