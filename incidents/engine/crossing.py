"""When a figure goes beyond a limit and stays there. Pure: decided by the times of the figures and by the clock, so that
nothing has to wait for the next figure to arrive."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

BEGUN, OVER, LOST, FOUND = "begun", "over", "lost", "found"


@dataclass(frozen=True, slots=True)
class Limit:
    """`above`: crossed by more than `bound`, else by less. It is over once a figure is not beyond `clear` any more, which
    lies on the near side of `bound`. Spans in ms; `silent_after` None: a feed that speaks only when something changes."""

    above: bool
    bound: float
    clear: float
    held_for: int = 0
    rest: int = 0
    silent_after: int | None = None

    def beyond(self, value: float, holds: bool) -> bool:
        bound = self.clear if holds else self.bound
        return value > bound if self.above else value < bound


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known of one limit. `seen`, `value`: the last figure; `since`: from when on figures have been beyond;
    `holds`: for long enough; `lost`: nobody can tell, because the figures have stopped; `moved`: when `holds` or `lost`
    last changed; `rests_until`: after one crossing, no other is told before."""

    seen: int | None = None
    value: float | None = None
    since: int | None = None
    holds: bool = False
    lost: bool = False
    moved: int | None = None
    rests_until: int | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """Something became so at that time: the crossing that began at `since` has held, is over; the figures stopped, are
    back."""

    kind: str
    at: int
    since: int | None
    value: float | None


def walk(limit: Limit, watch: Watch, figures: Iterable[tuple[int, float]], now: int) -> tuple[Watch, tuple[Moved, ...]]:
    """Go through the figures (time, value), in order of their times, and on to now. A figure counts until the next one;
    one that comes in the very instant in which the limit would have been held is asked first."""
    told: list[Moved] = []
    for at, value in figures:
        watch = _pass(limit, watch, at - 1, told)
        watch = _take(limit, watch, at, value, told)
    return _pass(limit, watch, now, told), tuple(told)


def next_look(limit: Limit, watch: Watch) -> int | None:
    """When something becomes so without another figure."""
    return min((at for at in (_held_at(limit, watch), _silent_at(limit, watch)) if at is not None), default=None)


def _held_at(limit: Limit, watch: Watch) -> int | None:
    if watch.holds or watch.lost or watch.since is None:
        return None
    return max(watch.since + limit.held_for, watch.rests_until or 0)


def _silent_at(limit: Limit, watch: Watch) -> int | None:
    if watch.lost or watch.seen is None or limit.silent_after is None:
        return None
    return watch.seen + limit.silent_after


def _pass(limit: Limit, watch: Watch, until: int, told: list[Moved]) -> Watch:
    """What becomes so by then with no further figure. A hold that nobody could watch to its end begins anew."""
    while (at := next_look(limit, watch)) is not None and at <= until:
        if at == _held_at(limit, watch):
            told.append(Moved(BEGUN, at, watch.since, watch.value))
            watch = replace(watch, holds=True, moved=at)
        else:
            told.append(Moved(LOST, at, watch.since, watch.value))
            watch = replace(watch, lost=True, moved=at, since=watch.since if watch.holds else None)
    return watch


def _take(limit: Limit, watch: Watch, at: int, value: float, told: list[Moved]) -> Watch:
    if watch.lost:
        told.append(Moved(FOUND, at, watch.since, value))
        watch = replace(watch, lost=False, moved=at)
    beyond = limit.beyond(value, watch.holds)
    if watch.holds and not beyond:
        told.append(Moved(OVER, at, watch.since, value))
        watch = replace(watch, holds=False, moved=at, rests_until=at + limit.rest)
    since = (at if watch.since is None else watch.since) if beyond else None
    return replace(watch, seen=at, value=value, since=since)
