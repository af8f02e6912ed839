"""One seed of every fault. `make faults` plays twenty of each."""

import os
from collections.abc import Iterator

import pytest

from tests.faults import trial
from tests.faults.stage import Stage, missing, stage
from tests.faults.table import FAULTS

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(420)]

SEED, PROMISES = 7, 12
SOON_S = 10.0  # from recovery to the first firing; the suite makes sure of the order of magnitude alone
EVERY = [pytest.param(name, marks=[pytest.mark.long] if fault.long else []) for name, fault in FAULTS.items()]


@pytest.fixture(scope="module")
def it() -> Iterator[Stage]:
    if why := missing():
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with stage() as it:
        yield it


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_lost(it: Stage, name: str) -> None:
    result = trial.run(it, name, FAULTS[name], SEED, PROMISES)
    print(f"\n{result}")
    assert result.wrong == []
    assert result.lost == 0
    assert (result.first or 0.0) < SOON_S
