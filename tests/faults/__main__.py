"""Break everything, many times, and count: `make faults`, or

    SEEDS=20 FIRST=0 ONLY="kill all" python -m tests.faults

Exit 1 when anything was lost, or was otherwise not as it must be.
"""

import os
import sys
import time
from collections import defaultdict

from tests.faults import trial
from tests.faults.stage import missing, stage
from tests.faults.table import FAULTS
from tests.faults.trial import Result

GOAL_S = 2.0  # from recovery to the first firing

HEAD = f"{'fault':20}{'seeds':>6}{'promises':>10}{'messages':>10}{'lost':>6}{'twice':>7}{'worst first':>13}{'worst last':>12}"


def main() -> int:
    began = time.monotonic()
    seeds, first = int(os.environ.get("SEEDS") or 20), int(os.environ.get("FIRST") or 0)
    only = [name.strip() for name in os.environ.get("ONLY", "").split(",") if name.strip()]
    if unknown := set(only) - set(FAULTS):
        sys.exit(f"There is no fault {min(unknown)!r}: {', '.join(FAULTS)}.")
    if why := missing():
        sys.exit(f"The faults cannot be tried: {why}.")
    results: dict[str, list[Result]] = defaultdict(list)
    with stage() as it:
        print(f"stage ready after {time.monotonic() - began:.1f} s\n", flush=True)
        for name in only or FAULTS:
            for seed in range(first, first + seeds):
                result = trial.run(it, name, FAULTS[name], seed)
                results[name].append(result)
                print(result, *result.wrong, sep="\n    ", file=sys.stderr, flush=True)
    print(HEAD)
    for name, rows in results.items():
        print(line(name, rows))
    lost = sum(row.lost for rows in results.values() for row in rows)
    wrong = sum(bool(row.wrong) for rows in results.values() for row in rows)
    trials = sum(map(len, results.values()))
    print(f"\n{trials} trials in {time.monotonic() - began:.0f} s: {lost} lost, {wrong} trials not as they must be")
    return 1 if lost or wrong else 0


def line(name: str, rows: list[Result]) -> str:
    """PASS: nothing lost, nothing wrong, and the first firing within two seconds of recovery."""
    worst = max(row.first for row in rows)
    bad = [row.seed for row in rows if row.wrong or row.lost]
    verdict = "PASS" if not bad and worst <= GOAL_S else "FAIL"
    why = f"  seeds {bad}" if bad else "" if verdict == "PASS" else f"  slower than {GOAL_S:.0f} s"
    sums = [sum(getattr(row, what) for row in rows) for what in ("promises", "messages", "lost", "twice")]
    numbers = f"{len(rows):>6}{sums[0]:>10}{sums[1]:>10}{sums[2]:>6}{sums[3]:>7}"
    return f"{name:20}{numbers}{worst:>11.2f} s{max(row.last for row in rows):>10.2f} s  {verdict}{why}"


if __name__ == "__main__":
    sys.exit(main())
