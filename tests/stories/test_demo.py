"""The live story of the demo organisation, played to its end on the real stack."""

from pathlib import Path

import pytest

from tests.ops.console import console, python
from tests.stories.real import RealStack

CALLS = ("called_out", "contact_failed", "contact_asked", "answered")  # the first cannot, the second has it
MOVES = ("asked", "confirmed", "declined", "joined", "released")

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("demo")]


def test_a_power_cut_plays_by_itself(tmp_path: Path) -> None:
    with console(tmp_path / "data") as running:
        running.start()
        told = python("manage.py", "demo_incident", "power-cut", "--pace=0.2", directory=running.directory, timeout=240)
        assert told.returncode == 0, told.stderr
        ref = told.stdout.rsplit("/incidents/")[-1].strip("/\n ")
        manager = RealStack(running).api("manager")
        incident = manager.see(ref)
        assert (incident["status"], incident["outcome"], incident["level"]) == ("closed", "resolved", 2)
        assert incident["impact"]["reports"] == 3
        kinds = [line["kind"] for line in manager.see(ref, "timeline/")]
        assert [kind for kind in kinds if kind in CALLS] == list(CALLS)
        fired = [row["rule"] for row in manager.see(ref, "promises/") if row["state"] == "fired"]
        assert "power-5" in fired  # the call to the superior, five minutes after the lights went out
        assert not [row for row in manager.see(ref, "promises/") if row["state"] == "pending"]


def test_a_surge_with_people_in_support(tmp_path: Path) -> None:
    with console(tmp_path / "data") as running:
        running.start()
        command = ("manage.py", "demo_incident", "inbound-surge", "--pace=0.2")
        told = python(*command, directory=running.directory, timeout=240)
        assert told.returncode == 0, told.stderr
        ref = told.stdout.rsplit("/incidents/")[-1].strip("/\n ")
        manager = RealStack(running).api("manager")
        incident = manager.see(ref)
        assert (incident["status"], incident["outcome"]) == ("closed", "resolved")
        came = {tier["tier"]: [tier[what] for what in MOVES] for tier in incident["support"]}
        assert came == {1: [3, 2, 1, 2, 2], 2: [2, 1, 0, 2, 2]}
        assert all(tier["person_minutes"] > 0 for tier in incident["support"])
        fired = [row["rule"] for row in manager.see(ref, "promises/") if row["state"] == "fired"]
        assert "tier-2" in fired  # thirty minutes after first-level support began


def test_it_says_what_is_missing(tmp_path: Path) -> None:
    with console(tmp_path / "data") as running:
        running.start()
        for arguments, says in (
            (("demo_incident", "flood"), "invalid choice"),
            (("demo_incident", "power-cut", "--pace=0"), "--pace must be above 0"),
        ):
            told = python("manage.py", *arguments, directory=running.directory)
            assert told.returncode != 0
            assert says in told.stderr
