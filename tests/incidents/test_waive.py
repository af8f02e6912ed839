"""A condition of closing is let go, by name and with a reason."""

import pytest

from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case


class TestWaive(OfEveryVerb):
    deed = Deed(
        "waive",
        {"gate": "power-cut.patrol", "reason": "The building's own electrician has been round"},
        start=lambda make: make("responding"),
        by="manager",
        event="waived",
        words="Waived for closing: power-cut.patrol",
        not_for=("supervisor", "leader", "tech", "admin", "auditor"),
        twice="waived",
    )


@pytest.mark.parametrize("gate", ["power-cut.no-such-gate", "application-fault.sheets", "", "patrol"])
def test_only_what_the_active_plan_lets_go(responding: Case, gate: str) -> None:
    assert "gate" in responding.do("manager", "waive", 400, gate=gate, reason="x")
