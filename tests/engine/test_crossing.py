"""When a limit counts as crossed: by tables, and by any figures in any order of looks."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.engine.crossing import BEGUN, FOUND, LOST, OVER, Limit, Moved, Watch, next_look, walk

MINUTE = 60_000
WAITING = Limit(above=True, bound=40, clear=30, held_for=5 * MINUTE, rest=15 * MINUTE)
LOW = Limit(above=False, bound=15, clear=15, held_for=5 * MINUTE, silent_after=3 * MINUTE)

Figures = Sequence[tuple[float, float]]  # (minute, value)


def told(limit: Limit, figures: Figures, until: float) -> list[tuple[str, float]]:
    _watch, moved = walk(limit, Watch(), [(int(at * MINUTE), value) for at, value in figures], int(until * MINUTE))
    return [(one.kind, one.at / MINUTE) for one in moved]


@pytest.mark.parametrize(
    ("figures", "until", "expected"),
    [
        ([(0, 41)], 4.99, []),
        ([(0, 41)], 5, [(BEGUN, 5)]),  # no further figure is needed
        ([(0, 41), (5, 44)], 5, [(BEGUN, 5)]),
        ([(0, 40)], 60, []),  # more than 40
        ([(0, 41), (4, 40), (4.5, 41)], 9, []),  # 40 breaks it
        ([(0, 41), (4, 40), (4.5, 41)], 9.5, [(BEGUN, 9.5)]),
        ([(0, 41), (5, 12)], 5, []),  # the figure of that very instant is asked first
        ([(0, 41), (6, 31)], 20, [(BEGUN, 5)]),  # not over before 30
        ([(0, 41), (6, 30)], 20, [(BEGUN, 5), (OVER, 6)]),
        ([(0, 41), (6, 30), (7, 50)], 20, [(BEGUN, 5), (OVER, 6)]),  # it rests until minute 21
        ([(0, 41), (6, 30), (7, 50)], 21, [(BEGUN, 5), (OVER, 6), (BEGUN, 21)]),
        ([(0, 41), (6, 30), (7, 50), (8, 10)], 60, [(BEGUN, 5), (OVER, 6)]),
    ],
)
def test_more_than_forty_for_five_minutes(figures: Figures, until: float, expected: list[tuple[str, float]]) -> None:
    assert told(WAITING, figures, until) == expected


@pytest.mark.parametrize(
    ("figures", "until", "expected"),
    [
        ([(0, 14)], 2.99, []),
        ([(0, 14)], 10, [(LOST, 3)]),  # nobody could watch it to its end
        ([(0, 14), (2, 9), (4, 12)], 5, [(BEGUN, 5)]),
        ([(0, 14), (2, 9), (4, 12)], 7, [(BEGUN, 5), (LOST, 7)]),
        ([(0, 14), (2, 9), (10, 12)], 10, [(BEGUN, 5), (LOST, 5), (FOUND, 10)]),  # a figure counts until it is stale
        ([(0, 14), (2.5, 9), (5, 15)], 5, []),
        ([(0, 15), (2, 20)], 4, []),
    ],
)
def test_fewer_than_fifteen_from_a_feed_that_may_go_silent(
    figures: Figures, until: float, expected: list[tuple[str, float]]
) -> None:
    assert told(LOW, figures, until) == expected


STREAMS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=30, unique_by=lambda one: one[0])
LIMITS = st.builds(
    Limit,
    above=st.booleans(),
    bound=st.just(30.0),
    clear=st.just(30.0),
    held_for=st.integers(0, 10),
    rest=st.integers(0, 10),
    silent_after=st.none() | st.integers(1, 15),
)


@given(LIMITS, STREAMS, st.lists(st.integers(0, 80), max_size=10))
def test_how_often_somebody_looks_decides_nothing(
    limit: Limit, figures: list[tuple[int, float]], looks: list[int]
) -> None:
    """The clock may look at any time in between, or never: what is told in the end is the same."""
    figures = sorted(figures)
    _watch, at_once = walk(limit, Watch(), figures, 80)
    watch, step_by_step, looked = Watch(), list[Moved](), -1
    for until in sorted({*looks, 80}):
        watch, moved = walk(limit, watch, [one for one in figures if looked < one[0] <= until], until)
        step_by_step += moved
        looked = until
    assert tuple(step_by_step) == at_once
    assert (next_look(limit, watch) or 81) > 80


@given(LIMITS, STREAMS)
def test_a_beginning_and_an_end_take_turns(limit: Limit, figures: list[tuple[int, float]]) -> None:
    _watch, moved = walk(limit, Watch(), sorted(figures), 100)
    for kinds in ((BEGUN, OVER), (LOST, FOUND)):
        mine = [one for one in moved if one.kind in kinds]
        assert [one.kind for one in mine] == [kinds[n % 2] for n in range(len(mine))]
    for one in moved:
        assert one.kind != BEGUN or (one.since is not None and one.at >= one.since + limit.held_for)
    begun = [one for one in moved if one.kind in (BEGUN, OVER)]
    assert all(after.at >= before.at + limit.rest for before, after in pairwise(begun) if after.kind == BEGUN)
