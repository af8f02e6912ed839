"""Break everything, many times, and count: `make faults`, or

    SEEDS=20 FIRST=0 JOBS=2 ONLY="kill all,stop redis" python -m tests.faults

Every job has a stage of its own. Exit 1 when anything was lost, or was otherwise not as it must be.
"""

import os
import signal
import subprocess
import sys
import time

from tests.faults.jobs import played
from tests.faults.stage import missing
from tests.faults.table import FAULTS
from tests.faults.trial import Result, show

GOAL_S = 2.0  # from recovery to the first firing
RACE = "acknowledge race"  # two thousand answers against firings: on the test database, not on the stage
HEAD = f"{'fault':20}{'seeds':>6}{'promises':>10}{'messages':>10}{'lost':>6}{'twice':>7}{'worst first':>13}{'worst last':>12}"


def main() -> int:
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))  # and the jobs are ended in order
    seeds, first, jobs = (
        int(os.environ.get(name) or given) for name, given in (("SEEDS", 20), ("FIRST", 0), ("JOBS", 2))
    )
    only = [name.strip() for name in os.environ.get("ONLY", "").split(",") if name.strip()]
    if unknown := set(only) - {*FAULTS, RACE}:
        sys.exit(f"There is no fault {min(unknown)!r}: {', '.join([*FAULTS, RACE])}.")
    if why := missing():
        sys.exit(f"The faults cannot be tried: {why}.")
    names = [name for name in FAULTS if not only or name in only]
    results = played([(name, seed) for seed in range(first, first + seeds) for name in names], jobs)
    print(HEAD)
    for name in names:
        print(line(name, results[name]))
    lost = sum(row.lost for rows in results.values() for row in rows)
    wrong = sum(bool(row.wrong) for rows in results.values() for row in rows)
    trials = sum(map(len, results.values()))
    print(
        f"\n{trials} trials in {time.monotonic() - began:.0f} s: {lost} lost, {wrong} trials not as they must be",
        flush=True,
    )
    race = 0 if only and RACE not in only else acknowledge_race()
    return 1 if lost or wrong or race else 0


def line(name: str, rows: list[Result]) -> str:
    """PASS: nothing lost, nothing wrong, and the first firing within two seconds of recovery."""
    first = max((row.first for row in rows if row.first is not None), default=None)
    last = max((row.last for row in rows if row.last is not None), default=None)
    bad = sorted(row.seed for row in rows if row.wrong or row.lost)
    slow = first is not None and first > GOAL_S
    sums = [sum(getattr(row, what) for row in rows) for what in ("promises", "messages", "lost", "twice")]
    numbers = f"{len(rows):>6}{sums[0]:>10}{sums[1]:>10}{sums[2]:>6}{sums[3]:>7}{show(first):>13}{show(last):>12}"
    why = f"  seeds {bad}" if bad else f"  slower than {GOAL_S:.0f} s" if slow else ""
    return f"{name:20}{numbers}  {'FAIL' if bad or slow else 'PASS'}{why}"


def acknowledge_race() -> int:
    pytest = (sys.executable, "-m", "pytest", "tests/faults/test_acknowledge_race.py", "-s", "-q")
    command = (sys.executable, "-m", "contactops.embedded", "--temporary", "--", *pytest)
    return subprocess.run(command, check=False, env={**os.environ, "RACE_TRIALS": "2000"}).returncode


if __name__ == "__main__":
    sys.exit(main())
