"""What a benchmark is, and how its figures are printed."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value. `limit`: what the machine could do at best, measured in the same run, in the same unit;
    `within`: how many times worse than that it may be."""

    name: str
    value: float
    unit: str
    goal: float
    more_is_better: bool = False
    limit: float | None = None
    limit_is: str = ""
    within: float | None = None

    @property
    def passed(self) -> bool:
        near = self.within is None or (self.ratio is not None and self.ratio <= self.within)
        return near and (self.value >= self.goal if self.more_is_better else self.value <= self.goal)

    @property
    def ratio(self) -> float | None:
        """How many times worse than the limit."""
        if not self.limit or not self.value:
            return None
        return self.limit / self.value if self.more_is_better else self.value / self.limit

    def __str__(self) -> str:
        goal = f"{'>=' if self.more_is_better else '<='} {self.goal:,g}"
        near = f", goal <= {self.within:g}x" if self.within else ""
        verdict = "PASS" if self.passed else "FAIL"
        ratio = f"{self.ratio:.1f}x the limit of {self.limit:,.4g} ({self.limit_is}){near}" if self.ratio else ""
        return f"{verdict}  {self.name:<36} {self.value:>10,.4g} {self.unit:<12} goal {goal:<10} {ratio}".rstrip()


Benchmark = Callable[[], Iterable[Figure]]
BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(run: Benchmark) -> Benchmark:
    """Register a function that measures; its name is what ONLY picks."""
    BENCHMARKS[run.__name__] = run
    return run


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def best(act: Callable[[], object], times: int) -> float:
    """The quickest of some runs: what else the machine does only ever adds."""
    return min(seconds(act) for _ in range(times))


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def measured(names: Iterable[str]) -> Iterator[Figure]:
    for name in names:
        yield from BENCHMARKS[name]()
