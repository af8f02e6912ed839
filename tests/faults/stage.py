"""Running processes with a broker of their own, and promises that come due within seconds."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.helpers import Api
from tests.ops.console import console, free_port
from tests.stories.real import RealStack


class Broker:
    """A Redis of our own, which can be stopped, and made to hang."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.directory))
        self.process = subprocess.Popen(("redis-server", *options), stdout=subprocess.DEVNULL)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextlib.contextmanager
def stack(directory: Path, **more: str) -> Iterator[RealStack]:
    with console(directory, **more) as running:
        stage = RealStack(running)
        running.start()
        yield stage


def drill(manager: Api, speed: int = 60) -> str:
    """A drill whose clocks run so many times as fast: at 60 the first silence comes after five seconds."""
    return manager.report(kind="drill", speed=speed, participants=["supervisor", "leader"], site="leeds")


def fired(api: Api, ref: str, rule: str) -> list[dict[str, Any]]:
    return [row for row in api.see(ref, "promises/") if row["rule"] == rule and row["state"] == "fired"]
