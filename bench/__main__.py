"""Run the benchmarks, all or ONLY one; exit 1 when a goal is missed."""

import json
import os
import sys
import time
from contextlib import redirect_stdout
from dataclasses import asdict
from io import StringIO
from pathlib import Path

from bench import database
from bench.registry import BENCHMARKS, measured


def main() -> int:
    began = time.monotonic()
    database.use_own()
    prepare()
    only = os.environ.get("ONLY", "")
    if only and only not in BENCHMARKS:
        sys.exit(f"There is no benchmark {only!r}: {', '.join(BENCHMARKS)}.")
    figures = []
    for figure in measured([only] if only else BENCHMARKS):
        print(figure, flush=True)
        figures.append(figure)
    missed = [figure.name for figure in figures if not figure.passed]
    print(f"{len(figures)} figures in {time.monotonic() - began:.0f} s, {len(missed)} missed their goal")
    if path := os.environ.get("BENCH_JSON"):
        rows = [{**asdict(figure), "passed": figure.passed, "ratio": figure.ratio} for figure in figures]
        Path(path).write_text(json.dumps(rows, indent=2))
    return 1 if missed else 0


def prepare() -> None:
    """The schema, people, places and plans; no incidents. Only then can the benchmarks be imported."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    with redirect_stdout(StringIO()):
        call_command("seed_demo", "--without-past")
    from bench import escalation, live, running, writing  # noqa: F401


if __name__ == "__main__":
    sys.exit(main())
