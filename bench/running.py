"""The whole console as processes of its own: how soon it starts, how late its promises are."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.registry import Figure, benchmark
from tests.faults.stage import Broker, drill, fired, stack
from tests.ops.console import console, eventually
from tests.stories.real import RealStack

DRILLS = 10


@contextmanager
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="contactops-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@benchmark
def starting() -> Iterator[Figure]:
    """From nothing but the installed packages to the printed address, and again with the data there."""
    with directory() as path, console(path / "data") as running:
        first = running.start()
        running.end()
        second = running.start()
        running.end()
    yield Figure("make run: first start", first, "s", 240)
    yield Figure("make run: second start", second, "s", 15)


@benchmark
def punctual() -> Iterator[Figure]:
    """A promise fires within a second of its due time, and so it does without the broker."""
    with directory() as path:
        broker = Broker(path) if shutil.which("redis-server") else None
        try:
            with stack(path / "data", **({"REDIS_URL": broker.url} if broker else {})) as stage:
                yield Figure("promise: latest of ten", latest(stage), "s", 1)
                if broker:
                    broker.stop()
                    yield Figure("promise: the same, broker dead", latest(stage), "s", 1)
        finally:
            if broker:
                broker.stop()


def latest(stage: RealStack) -> float:
    """The largest lateness of some promises, by the ledger."""
    manager = stage.api("manager")
    refs = []
    for _ in range(DRILLS):
        refs.append(drill(manager))
        time.sleep(0.1)
    assert eventually(lambda: all(fired(manager, ref, "silence") for ref in refs), 60), stage.running.output()
    return max(float(row["system_late_s"]) for ref in refs for row in fired(manager, ref, "silence"))
