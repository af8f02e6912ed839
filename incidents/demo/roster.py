"""A year of shifts for the people of the demo organisation.

The floor of both sites is on duty by the week, without a gap, so that whoever plays with the console is called at any hour.
A reserve that nothing calls takes turns by day and by night, with nobody on every other Sunday. Running it again changes
nothing while there is anything ahead; once the year is over the next one is added.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from contactops.accounts.models import User
from plans.models import Group, Shift
from plans.selectors import people_of
from plans.times import db_now, instant

WEEKS = 55  # of which one and the part of another lie behind
MONDAY = time(8)
TURNS = (time(8), time(20))
BY_WEEK = (("G-DUTY", "leeds"), ("G-DUTY", "xian"), ("G-SUP", "leeds"), ("G-SUP", "xian"))
BY_TURN = ("G-RES", "leeds")
SUNDAY = 6


def seed() -> None:
    now = db_now()
    for key, site in (*BY_WEEK, BY_TURN):
        group = Group.objects.select_related("site").get(key=key, site__code=site)
        if group.shifts.filter(ends_at__gt=now).exists():
            continue
        assert group.site
        zone = ZoneInfo(group.site.time_zone)
        people = people_of([group]).get(group.pk, [])
        if not people:
            continue
        begins = _last_monday(now.astimezone(zone).date()) - timedelta(days=7)
        make = _turns if (key, site) == BY_TURN else _weeks
        Shift.objects.bulk_create(list(make(group, people, begins, zone)), ignore_conflicts=True)


def _last_monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    found = instant(day, clock, zone)
    assert found, "no clock of the demo goes forward at that hour"
    return found


def _weeks(group: Group, people: Sequence[User], first: date, zone: ZoneInfo) -> Iterator[Shift]:
    """From Monday to Monday, the first of the group."""
    for week in range(WEEKS):
        begins, ends = (first + timedelta(weeks=week + more) for more in (0, 1))
        yield Shift(group=group, person=people[0], starts_at=_at(begins, MONDAY, zone), ends_at=_at(ends, MONDAY, zone))


def _turns(group: Group, people: Sequence[User], first: date, zone: ZoneInfo) -> Iterator[Shift]:
    """Day and night, one after the other; every other Sunday nobody by day."""
    for number in range(WEEKS * 7):
        day = first + timedelta(days=number)
        for half, begins in enumerate(TURNS):
            if half == 0 and day.weekday() == SUNDAY and number // 7 % 2:
                continue
            ends_on, ends = (day, TURNS[1]) if half == 0 else (day + timedelta(days=1), TURNS[0])
            yield Shift(
                group=group,
                person=people[(number // 2 * 2 + half) % len(people)],
                starts_at=_at(day, begins, zone),
                ends_at=_at(ends_on, ends, zone),
            )
