"""What follows from a list of shifts: who is on duty, and when nobody is. Pure, but for the one query that reads them.

A group is asked by its roster while it keeps one: while any of its shifts, taken or not, lies within 24 hours before or after
the instant. A group that keeps none is asked by the order of its members. So a roster that ran out yesterday does not silence
a group for good, and a night without a shift between two days is what it looks like: nobody.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from plans.models import Group, Shift, Site

REACH = timedelta(hours=24)
Period = tuple[datetime, datetime]


def touching(
    groups: Collection[Group], start: datetime, end: datetime, site: Site | None = None
) -> dict[int, list[Shift]]:
    """The shifts of these groups that touch the time from start to end, by group id, with their people; those that count at
    the site, where one is named. One query."""
    counts = Q(site=None) | Q(site=site) if site else Q()
    rows = Shift.objects.filter(counts, group__in=groups, starts_at__lt=end, ends_at__gt=start)
    found: dict[int, list[Shift]] = {}
    for shift in rows.select_related("person", "site"):
        found.setdefault(shift.group_id, []).append(shift)
    return found


def kept(shifts: Iterable[Shift], at: datetime) -> bool:
    """Whether a group with these shifts keeps a roster at that time."""
    return any(shift.starts_at < at + REACH and shift.ends_at > at - REACH for shift in shifts)


def on_shift(shifts: Iterable[Shift], at: datetime) -> list[Shift]:
    """The shifts that hold at that time: overrides first, those by inactive people left out, those that somebody active has
    taken over left out."""
    running = {shift.pk: shift for shift in shifts if shift.starts_at <= at < shift.ends_at}
    present = [shift for shift in running.values() if shift.person.is_active]
    taken: set[int] = set()
    for shift in present:
        up = shift.replaces_id
        while up is not None and up not in taken:  # whoever took it over may have been replaced in turn
            taken.add(up)
            up = running[up].replaces_id if up in running else None
    standing = [shift for shift in present if shift.pk not in taken]
    return sorted(standing, key=lambda shift: (not shift.is_override, shift.starts_at, shift.pk))


def holes(period: Period, taken: Iterable[Period]) -> list[Period]:
    """The parts of a period that none of the others covers, in order."""
    found, (reached, end) = [], period
    for starts_at, ends_at in sorted(taken):
        if starts_at > reached:
            found.append((reached, min(starts_at, end)))
        reached = max(reached, ends_at)
        if reached >= end:
            return found
    return [*found, (reached, end)]


def unstaffed(period: Period, shifts: Iterable[Shift]) -> list[Period]:
    """When nobody is on shift. A shift that was taken over needs no look: whoever took it is there."""
    return holes(period, ((shift.starts_at, shift.ends_at) for shift in shifts if shift.person.is_active))


def left_over(shift: Shift, replacements: Sequence[Shift]) -> list[Period]:
    """The parts of a shift that nobody active has taken over."""
    taken = [(one.starts_at, one.ends_at) for one in replacements if one.person.is_active]
    return holes((shift.starts_at, shift.ends_at), taken)
