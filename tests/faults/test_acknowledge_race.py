"""No message of a call-out is queued, and none is sent, once its answer has been written. `make faults` tries it two
thousand times."""

import os
import time

import pytest

from tests.faults import race
from tests.faults.test_concurrency import deadlocks

pytestmark = pytest.mark.usefixtures("db")


def plays(trials: int, seed: int) -> None:
    before = deadlocks()
    tally = race.play(trials, seed)
    print(f"\n{tally.trials} answers, {tally.called_first} after the next call, {tally.close} within 50 ms of it")
    assert tally.wrong == []
    assert tally.trials == trials
    assert trials / 20 < tally.called_first < trials * 19 / 20  # it was a race
    time.sleep(1.5)  # the database counts with a delay
    assert deadlocks() == before


@pytest.mark.timeout(2400)
def test_an_answer_against_the_next_call() -> None:
    plays(int(os.environ.get("RACE_TRIALS", "200")), seed=1)
