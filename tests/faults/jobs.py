"""Trials shared out among several processes, each with a stage of its own."""

import multiprocessing
import queue
import signal
import sys
from collections import defaultdict
from typing import Any

from tests.faults import trial
from tests.faults.stage import stage
from tests.faults.table import FAULTS
from tests.faults.trial import Result


def played(wanted: list[tuple[str, int]], jobs: int) -> dict[str, list[Result]]:
    """The trials, shared out among the jobs as they come free."""
    context = multiprocessing.get_context("spawn")
    todo, done = context.Queue(), context.Queue()
    for item in wanted:
        todo.put(item)
    workers = [context.Process(target=play, args=(todo, done), daemon=True) for _ in range(min(jobs, len(wanted)))]
    for worker in workers:
        worker.start()
    results: dict[str, list[Result]] = defaultdict(list)
    for number in range(len(wanted)):
        result = _result(done, workers)
        results[result.fault].append(result)
        print(f"{number + 1}/{len(wanted)} {result}", *result.wrong, sep="\n    ", file=sys.stderr, flush=True)
    for worker in workers:
        worker.join()
    return results


def _result(done: Any, workers: list[Any]) -> Result:
    while True:
        try:
            result: Result = done.get(timeout=5)
            return result
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                sys.exit("The processes that play the trials have ended before the trials were played.")


def play(todo: Any, done: Any) -> None:
    """One job: trials on one stage, until there are none or a trial ends badly: then on a new one."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))  # and the stage is taken down
    item = _next(todo)
    while item:
        try:
            with stage() as it:
                while item:
                    done.put(trial.run(it, item[0], FAULTS[item[0]], item[1]))
                    item = _next(todo)
        except Exception as error:  # noqa: BLE001  it is told in the table
            assert item
            done.put(Result(*item, promises=0, wrong=[f"{type(error).__name__}: {error}"]))
            item = _next(todo)


def _next(todo: Any) -> tuple[str, int] | None:
    try:
        name, seed = todo.get(timeout=1)
    except queue.Empty:
        return None
    return name, seed
