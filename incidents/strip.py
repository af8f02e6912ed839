"""The figure of the summary: when who knew what, on one line of time. Geometry only; the template draws it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from unicodedata import east_asian_width

WIDTH = 800
MARGIN = 12
ROW_HEIGHT = 20
NARROW, WIDE = 6.8, 13.0  # widths of a letter at 12 px, Latin and Chinese
GAP = 10
ROWS = 8  # of labels at most, as many as there are clock points
LATE = timedelta(minutes=1)


@dataclass(frozen=True)
class Point:
    """A clock point: its place on the line, and its label on a row above it, counted from the line."""

    label: str
    at: datetime
    x: float
    row: int
    anchor: str

    @property
    def label_y(self) -> int:
        return -10 - ROW_HEIGHT * self.row


@dataclass(frozen=True)
class Tick:
    """A promise: when it was due and, if late, when it was kept."""

    words: str
    x: float
    kept_x: float | None

    @property
    def is_late(self) -> bool:
        return self.kept_x is not None


@dataclass(frozen=True)
class Strip:
    points: list[Point]
    ticks: list[Tick]
    rows: int

    @property
    def top(self) -> int:
        """The height above the line."""
        return 14 + ROW_HEIGHT * self.rows

    @property
    def box(self) -> str:
        return f"0 {-self.top} {WIDTH} {self.top + (34 if self.ticks else 12)}"


def strip(
    points: Sequence[tuple[str, datetime]], promises: Iterable[tuple[str, datetime, timedelta]], until: datetime
) -> Strip | None:
    """`points`: (label, instant), in order; `promises`: (words, due, late). None where there is no stretch of time."""
    begin = min((at for _label, at in points), default=until)
    end = max([until, *(at for _label, at in points)])
    if end <= begin:
        return None

    def place(at: datetime) -> float:
        share = (min(max(at, begin), end) - begin) / (end - begin)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    placed = _labelled([(label, at, place(at)) for label, at in points])
    ticks = [
        Tick(words, place(due), place(due + late) if late >= LATE else None)
        for words, due, late in promises
        if begin <= due <= end
    ]
    return Strip(placed, ticks, rows=max(point.row for point in placed) + 1)


@dataclass(frozen=True)
class _Label:
    """The stretch of a row that a label takes, and where its stem goes down to the line."""

    left: float
    right: float
    stem: float
    row: int


def _labelled(points: Sequence[tuple[str, datetime, float]]) -> list[Point]:
    """Each label to the right of its point, or to the left near the end. From the right, because a label runs over the stems
    of what follows it: it stands above them."""
    placed: list[_Label] = []
    found = []
    for label, at, x in sorted(points, key=lambda point: -point[2]):
        width = _width(f"{label} {at:%H:%M}")
        to_left = x + width > WIDTH
        left, right = (x - width, x) if to_left else (x, x + width)
        row = _row_for(left, right, placed)
        placed.append(_Label(left, right, x, row))
        found.append(Point(label, at, x, row, "end" if to_left else "start"))
    return found[::-1]


def _row_for(left: float, right: float, placed: Sequence[_Label]) -> int:
    """The lowest row on which the label touches no other and no stem goes through it."""
    above = max((one.row + 1 for one in placed if left < one.stem < right), default=0)
    free = (
        n for n in range(above, ROWS) if all(right + GAP < o.left or left > o.right + GAP for o in placed if o.row == n)
    )
    return next(free, ROWS - 1)


def _width(text: str) -> float:
    return sum(WIDE if east_asian_width(letter) in "WF" else NARROW for letter in text)
