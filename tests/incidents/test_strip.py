"""The line of time of the summary: labels that can be read, ticks where promises came due."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from incidents.strip import GAP, MARGIN, WIDTH, Point, Strip, strip

BEGAN = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
NAMES = ("began", "reported", "taken up", "plan active", "contained", "服务恢复", "stood down", "closed")


def drawn(*minutes: float, promises: tuple[tuple[float, float], ...] = ()) -> Strip:
    points = [(name, BEGAN + timedelta(minutes=m)) for name, m in zip(NAMES, minutes, strict=False)]
    kept = [("Due", BEGAN + timedelta(minutes=due), timedelta(minutes=late)) for due, late in promises]
    found = strip(points, kept, BEGAN + timedelta(minutes=max(minutes)))
    assert found
    return found


def span(point: Point) -> tuple[float, float]:
    width = sum(13.0 if ord(letter) > 0x2E80 else 6.8 for letter in f"{point.label} {point.at:%H:%M}")
    return (point.x - width, point.x) if point.anchor == "end" else (point.x, point.x + width)


@given(st.lists(st.integers(0, 600), min_size=2, max_size=8).map(sorted).filter(lambda all: all[-1] > all[0]))
def test_no_label_lies_on_another(minutes: list[int]) -> None:
    points = drawn(*minutes).points
    for one in points:
        assert MARGIN <= one.x <= WIDTH - MARGIN
        for other in points:
            if other is not one and other.row == one.row:
                (a, b), (c, d) = span(one), span(other)
                assert b + GAP < c or d + GAP < a


@given(st.lists(st.integers(0, 60), min_size=2, max_size=8).map(sorted).filter(lambda all: all[-1] > all[0]))
def test_no_stem_goes_through_a_label_on_its_right_side(minutes: list[int]) -> None:
    """Where there is room for all labels to run to the right."""
    points = [point for point in drawn(*minutes, 600).points if point.anchor == "start"]
    for label in points:
        left, right = span(label)
        assert not [stem for stem in points if left < stem.x < right and stem.row >= label.row]


def test_what_happened_at_once_has_no_line() -> None:
    assert strip([("began", BEGAN)], [], BEGAN) is None
    assert strip([], [], BEGAN) is None


def test_a_promise_is_a_stroke_where_it_was_due_and_a_late_one_a_diamond_where_it_was_kept() -> None:
    kept, late = drawn(0, 60, promises=((30, 0.5), (30, 15))).ticks
    assert (kept.x, kept.is_late) == (WIDTH / 2, False)
    assert late.is_late
    assert late.kept_x
    assert late.kept_x > late.x


def test_a_promise_outside_the_line_is_left_out() -> None:
    assert drawn(0, 60, promises=((-5, 0), (90, 0))).ticks == []
