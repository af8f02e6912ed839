"""Incidents for the tests of the verbs, made by the verbs."""

from collections.abc import Callable

import pytest

from tests.helpers import Api
from tests.incidents.world import Case, Make, maker


@pytest.fixture
def make(api: Callable[[str], Api]) -> Make:
    return maker(api)


@pytest.fixture
def reported(make: Make) -> Case:
    return make("reported")


@pytest.fixture
def assessing(make: Make) -> Case:
    return make("assessing")


@pytest.fixture
def responding(make: Make) -> Case:
    """The power-cut plan at level 3."""
    return make("responding")


@pytest.fixture
def unconfirmed(make: Make) -> Case:
    """Level 2, chosen by a supervisor and not yet confirmed."""
    case = make("assessing")
    case.do("supervisor", "activate", plan="power-cut", level=2)
    return case
