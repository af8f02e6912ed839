"""The faults as a table: what is broken and mended, and how many messages may have been under way at that moment."""

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import redis

from contactops.crash import Place
from tests.faults.gateways import Mood
from tests.faults.stage import LEASE_S, TIMEOUT_S, Stage
from tests.ops.console import eventually

WORKERS = 2  # each with one thread for a channel
IN_FLIGHT = 10  # messages that one of them claims together while little waits, hands over and then marks

# Breaks and mends. Returns the instant from which promises must be kept again, in seconds since 1970: that of the fault
# itself where somebody else can keep them all the while.
Does = Callable[[Stage, random.Random], float]


@dataclass(frozen=True)
class Fault:
    """`twice`: how many messages may arrive twice, because nobody can know whether they had arrived once; `ends`: whether
    processes of the console end by it; `long`: not for the everyday suite."""

    does: Does
    twice: int = 0
    ends: bool = False
    long: bool = False


def kill_worker(stage: Stage, chance: random.Random) -> float:
    began = time.time()
    stage.signal(chance.choice(stage.workers()), signal.SIGKILL)
    return began


def kill_web(stage: Stage, _chance: random.Random) -> float:
    began = time.time()
    os.kill(stage.pid("uvicorn"), signal.SIGKILL)
    return began


def kill_all(stage: Stage, chance: random.Random) -> float:
    """Kept again from the moment at which the first clock begins: until then the programs are being loaded."""
    stage.kill()
    time.sleep(chance.uniform(0, 1))
    stage.launch()
    assert eventually(stage.clock_began, 60), stage.output()
    return stage.clock_began() or 0.0


def pause_worker(stage: Stage, chance: random.Random) -> float:
    """Longer than a lease: when it goes on, its messages are another's, and what it writes about them is refused."""
    began, worker = time.time(), chance.choice(stage.workers())
    stage.signal(worker, signal.SIGSTOP)
    try:
        time.sleep(LEASE_S + 1)
    finally:
        stage.signal(worker, signal.SIGCONT)
    return began


def flush_redis(stage: Stage, _chance: random.Random) -> float:
    began = time.time()
    with redis.Redis.from_url(stage.broker.url) as client:
        client.flushall()
    return began


def stop_redis(stage: Stage, chance: random.Random) -> float:
    began = time.time()
    stage.broker.stop()
    time.sleep(chance.uniform(1.5, 3))
    stage.broker.start()
    return began


def restart_postgres(stage: Stage, _chance: random.Random) -> float:
    stage.postgres.immediate()
    return stage.postgres.again()


def postgres_down(stage: Stage, chance: random.Random) -> float:
    stage.postgres.immediate()
    time.sleep(chance.uniform(2, 4))
    return stage.postgres.again()


def postgres_hangs(stage: Stage, chance: random.Random) -> float:
    stage.postgres.signal(signal.SIGSTOP)
    try:
        time.sleep(chance.uniform(2, 4))
    finally:
        stage.postgres.signal(signal.SIGCONT)
    return time.time()


def gateway(mood: Mood) -> Does:
    def does(stage: Stage, chance: random.Random) -> float:
        began = time.time()
        stage.mail.mood = stage.web.mood = mood
        time.sleep(chance.uniform(TIMEOUT_S, TIMEOUT_S + 1))
        stage.mail.mood = stage.web.mood = "well"
        return began

    return does


def gateway_refuses(stage: Stage, chance: random.Random) -> float:
    began = time.time()
    stage.mail.stop()
    stage.web.stop()
    time.sleep(chance.uniform(1.5, 3))
    stage.mail.start()
    stage.web.start()
    return began


def crash(place: Place) -> Does:
    """The first process to come by dies there; the place is certain, whatever the moment is. What it has sent of the same
    claim by then, or on another channel, is not marked either."""

    def does(stage: Stage, _chance: random.Random) -> float:
        began, mark = time.time(), stage.crashes / place
        mark.touch()
        assert eventually(lambda: not mark.exists(), 30), f"nobody came by {place}: {stage.output()}"
        return began

    return does


ALL = WORKERS * IN_FLIGHT

FAULTS = {
    "kill worker": Fault(kill_worker, twice=IN_FLIGHT, ends=True),
    "kill web": Fault(kill_web, ends=True),
    "kill all": Fault(kill_all, twice=ALL, ends=True, long=True),
    "pause worker": Fault(pause_worker, twice=IN_FLIGHT, long=True),
    "flush redis": Fault(flush_redis),
    "stop redis": Fault(stop_redis),
    "restart postgres": Fault(restart_postgres, twice=ALL),
    "postgres down": Fault(postgres_down, twice=ALL),
    "postgres hangs": Fault(postgres_hangs),
    "gateway hangs": Fault(gateway("hangs")),
    "gateway refuses": Fault(gateway_refuses, twice=ALL),  # it ends in the middle of its conversations
    "gateway says 500": Fault(gateway("says 500")),
    "gateway says 451": Fault(gateway("says 451")),
    "gateway late": Fault(gateway("late"), twice=2 * ALL),  # each tries at most twice in that time
    **{f"crash {place}": Fault(crash(place), twice=IN_FLIGHT, ends=True) for place in get_args(Place)},
}
