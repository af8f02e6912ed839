"""Rosters as spreadsheets have them: one shift a line, read and written. Nothing here knows the database.

Read: UTF-8 with or without a mark, or GBK/GB18030 as Chinese spreadsheets write it; English or Chinese headings; commas,
semicolons or tabs. Times are those on the wall of the site; an end that is not after the start is on the next day. Written:
no cell that a spreadsheet would take for a formula.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from contactops.errors import Invalid
from plans.models import Shift, Site
from plans.times import instant

MOST_BYTES = 4 * 1024 * 1024
MOST_LINES = 20_000
COLUMNS = ("site", "group", "person", "date", "start", "end", "override")
NEEDED = ("group", "person", "date", "start", "end")
CHINESE = ("职场", "小组", "人员", "日期", "开始", "结束", "替班")
HEADINGS: Mapping[str, str] = {
    **{name: name for name in COLUMNS},
    **dict(zip(CHINESE, COLUMNS, strict=True)),
    "override?": "override",
    "替班?": "override",
    "替班？": "override",
    "是否替班": "override",
    "站点": "site",
    "组": "group",
    "姓名": "person",
    "班次日期": "date",
    "开始时间": "start",
    "结束时间": "end",
}
YES = frozenset({"yes", "y", "true", "1", "x", "是", "√"})
NO = frozenset({"", "no", "n", "false", "0", "否"})
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
CLOCK = re.compile(r"(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?")
OFFSET = re.compile(r"(?:Z|[+-]\d{2}:?\d{2})$")
YEARS = range(2000, 2100)


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of one shift by the name of their column, and on which line of the file they stand."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(frozen=True, slots=True)
class Lines:
    """A file as it was read: its shifts, which of its lines are wrong, or why it cannot be read at all."""

    lines: list[Line] = field(default_factory=list)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def at_line(number: int, why: str) -> str:
    return _("Line %(n)s: %(why)s") % {"n": number, "why": why}


# Reading


def read(data: str | bytes) -> Lines:
    """The lines below the headings. Cells are not looked into yet."""
    if len(data) > MOST_BYTES:
        return Lines(faults=[_("The file is larger than 4 MB: import it in parts.")])
    try:
        text = data if isinstance(data, str) else decoded(data)
    except UnicodeError:
        return Lines(faults=_broken(data))
    text = text.removeprefix("\ufeff")
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        return Lines(faults=[at_line(line, _("it contains a character that cannot be stored (NUL)."))])
    return _parsed(text)


def decoded(data: bytes) -> str:
    """In the encoding of the mark at its beginning; else in UTF-8, else in GB18030, of which GBK is a part."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data.decode("utf-8-sig")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8")
    except UnicodeError:
        return data.decode("gb18030")


def _broken(data: str | bytes) -> list[str]:
    """Every line that can be read in neither encoding."""
    assert isinstance(data, bytes)
    bad = [n for n, line in enumerate(data.split(b"\n"), start=1) if not _is_text(line)]
    why = _("it is neither UTF-8 nor GBK: save the file again as CSV UTF-8.")
    return [at_line(n, why) for n in bad] or [why]


def _is_text(line: bytes) -> bool:
    try:
        line.decode("gb18030")
    except UnicodeError:
        return False
    return True


def _parsed(text: str) -> Lines:
    rows = _rows(text)
    try:
        number, head = next(rows, (1, []))
        columns = [HEADINGS.get(name.casefold(), "") for name in head]
        if missing := [name for name in NEEDED if name not in columns]:
            said = _("the headings are missing: %(names)s.") % {"names": ", ".join(missing)}
            return Lines(faults=[at_line(number, said)])
        if doubled := [name for name in COLUMNS if columns.count(name) > 1]:
            said = _("a heading stands there twice: %(names)s.") % {"names": ", ".join(doubled)}
            return Lines(faults=[at_line(number, said)])
        return _filled(columns, rows)
    except csv.Error:
        return Lines(faults=[_("This is not a CSV file: a quotation mark is not closed, or a cell is endless.")])


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins; empty ones left out."""
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    for row in reader:
        cells = [_unguarded(cell) for cell in row]
        if any(cells):
            yield begins, cells
        begins = reader.line_num + 1


def _unguarded(cell: str) -> str:
    """Without the mark that an export puts before what could be a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _filled(columns: list[str], rows: Iterable[tuple[int, list[str]]]) -> Lines:
    found = Lines()
    for number, cells in rows:
        if len(found.lines) >= MOST_LINES:
            return Lines(faults=[_("The file has more than 20,000 lines: import it in parts.")])
        if any(cells[len(columns) :]):
            found.wrong.append((number, _("it has more cells than there are headings.")))
            continue
        named = zip(columns, cells, strict=False)
        found.lines.append(Line(number, {name: cell for name, cell in named if name}))
    if not found.lines and not found.wrong:
        found.faults.append(_("The file has no lines below its headings."))
    return found


def says_yes(cell: str) -> bool:
    word = cell.casefold()
    if word not in YES | NO:
        raise Invalid(_("Write yes or no, not “%(word)s”.") % {"word": _short(cell)}, field="override")
    return word in YES


def _short(cell: str) -> str:
    return cell if len(cell) <= 40 else f"{cell[:40]}…"


# Times


def zone_of(site: Site | None) -> ZoneInfo:
    """The zone in which a line's times are meant: the site's; UTC for what counts everywhere."""
    return ZoneInfo(site.time_zone if site else "UTC")


def times(line: Line, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to when, in UTC. An end that names no day is the next time the wall shows it."""
    day = _day(line["date"], "date")
    starts_at = _moment(line["start"], day, zone, "start")
    if CLOCK.fullmatch(line["end"]) and line["end"] not in ("24:00", "24:00:00"):
        begins, end = starts_at.astimezone(zone).time(), _clock(line["end"], "end")
        return starts_at, _instant(day if end > begins else day + timedelta(days=1), end, zone, "end")
    return starts_at, _moment(line["end"], day, zone, "end")


def _day(cell: str, name: str) -> date:
    found = DAY.fullmatch(cell)
    try:
        day = date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        day = None
    if day is None or day.year not in YEARS:
        said = _("“%(cell)s” is not a day: write it like 2026-03-02.")
        raise Invalid(said % {"cell": _short(cell)}, field=name)
    return day


def _clock(cell: str, name: str) -> time:
    found = CLOCK.fullmatch(cell)
    try:
        hour, minute, second = (int(part or 0) for part in found.groups()) if found else (24, 0, 0)
        return time(hour, minute, second)
    except ValueError:
        raise _no_time(cell, name) from None


def _no_time(cell: str, name: str) -> Invalid:
    return Invalid(_("“%(cell)s” is not a time: write it like 08:00.") % {"cell": _short(cell)}, field=name)


def _moment(cell: str, day: date, zone: ZoneInfo, name: str) -> datetime:
    """A time on that day, or a day and a time, the latter with its offset where the wall shows it twice."""
    if cell in ("24:00", "24:00:00"):
        return _instant(day + timedelta(days=1), time(0), zone, name)
    if CLOCK.fullmatch(cell):
        return _instant(day, _clock(cell, name), zone, name)
    if OFFSET.search(cell):
        return _exact(cell, name)
    named, _space, clock = cell.replace("T", " ", 1).partition(" ")
    if not clock:
        raise _no_time(cell, name)
    return _instant(_day(named, name), _clock(clock.strip(), name), zone, name)


def _exact(cell: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        raise _no_time(cell, name) from None
    if moment.year not in YEARS:
        raise _no_time(cell, name)
    return moment.astimezone(UTC)


def _instant(day: date, clock: time, zone: ZoneInfo, name: str) -> datetime:
    found = instant(day, clock, zone)
    if found is None:
        said = _("%(time)s does not exist in the night of %(day)s: the clocks go forward.")
        raise Invalid(said % {"time": f"{clock:%H:%M}", "day": day.isoformat()}, field=name)
    return found


# Writing


def written(rows: Iterable[Iterable[str]]) -> bytes:
    """CSV in UTF-8 with the mark by which spreadsheets know it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([[guarded(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def guarded(cell: str) -> str:
    """With an apostrophe in front where a spreadsheet would run it as a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


def headings(chinese: bool) -> tuple[str, ...]:
    return CHINESE if chinese else COLUMNS


def row(shift: Shift) -> list[str]:
    """A shift as the line that is read back as the same shift."""
    site = shift.counts_at
    zone = zone_of(site)
    begins, ends = shift.starts_at.astimezone(zone), shift.ends_at.astimezone(zone)
    plain = Line(0, {"date": f"{begins:%Y-%m-%d}", "start": _wall(begins), "end": _wall(ends)})
    said = plain.cells if _reads_back(plain, shift, zone) else _whole(begins, ends)
    override = "yes" if shift.is_override else "no"
    who = [site.code if site else "", shift.group.key, shift.person.username]
    return [*who, said["date"], said["start"], said["end"], override]


def _wall(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def _reads_back(line: Line, shift: Shift, zone: ZoneInfo) -> bool:
    try:
        return times(line, zone) == (shift.starts_at, shift.ends_at)
    except Invalid:
        return False


def _whole(begins: datetime, ends: datetime) -> Mapping[str, str]:
    """For what lasts longer than a day, or begins or ends in an hour that comes twice."""
    return {"date": f"{begins:%Y-%m-%d}", "start": begins.isoformat(sep=" "), "end": ends.isoformat(sep=" ")}


EXAMPLE = (
    ("leeds", "G-DUTY", "leader", "2026-03-02", "08:00", "20:00", "no"),
    ("leeds", "G-DUTY", "leader", "2026-03-03", "20:00", "08:00", "no"),
)
