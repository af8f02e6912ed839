"""The roster: who is on duty, what the verbs do and refuse, gaps, files, calendars."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from icalendar import Calendar

from contactops.accounts.models import ContactPoint, Language, Role, User
from contactops.errors import Conflict, Invalid, NotAllowed, NotFound
from plans import calendars, roster, roster_csv, rostering, selectors, shifts
from plans.models import CalendarFeed, Group, Membership, Shift, Site, SwapRequest
from plans.times import instant
from tests.helpers import Api, Clock
from tests.incidents.world import unchanged

Cast = Callable[[str], User]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)  # the day on which the tests' clock stands, at 14:00


@pytest.fixture(autouse=True)
def _nothing_planned(request: pytest.FixtureRequest) -> None:
    """The demo's roster is out of the way."""
    if "db" in request.fixturenames:
        request.getfixturevalue("db")
        Shift.objects.all().delete()


@pytest.fixture
def duty(db: None, cast: Cast) -> Group:
    """The duty leaders of Leeds, in this order: leader, agent01, agent02."""
    group = Group.objects.get(key="G-DUTY", site__code="leeds")
    for order, username in enumerate(("agent01", "agent02"), start=2):
        Membership.objects.create(group=group, user=cast(username), order=order)
    return group


@pytest.fixture
def tech(db: None) -> Group:
    """The technicians of the whole organisation."""
    return Group.objects.get(key="G-TECH", site=None)


def put(group: Group, person: User, begins: float, ends: float, **more: Any) -> Shift:
    """A shift from one hour to another of the Monday on which the tests' clock stands."""
    return Shift.objects.create(
        group=group, person=person, starts_at=MONDAY + begins * HOUR, ends_at=MONDAY + ends * HOUR, **more
    )


# begins, ends, person, options; the hour that is asked; who is called
PLANNED = [(8, 20, "agent02", {}), (8, 20, "agent01", {})]
CASES: dict[str, tuple[Sequence[tuple[float, float, str, dict[str, Any]]], float, list[str]]] = {
    "no roster: by order": ([], 14, ["leader", "agent01", "agent02"]),
    "on shift, in the order of the group": (PLANNED, 14, ["agent01", "agent02"]),
    "from the very start": (PLANNED, 8, ["agent01", "agent02"]),
    "not at the very end": (PLANNED, 20, []),
    "nobody before": (PLANNED, 7.99, []),
    "nobody, up to a day later": (PLANNED, 43.99, []),
    "a day after the end it is the order again": (PLANNED, 44, ["leader", "agent01", "agent02"]),
    "nobody, from a day before": (PLANNED, -15.99, []),
    "more than a day before it is the order": (PLANNED, -16, ["leader", "agent01", "agent02"]),
    "overrides first": ([*PLANNED, (12, 16, "leader", {"is_override": True})], 14, ["leader", "agent01", "agent02"]),
    "an override that is over": ([*PLANNED, (9, 12, "leader", {"is_override": True})], 14, ["agent01", "agent02"]),
    "the same person twice is called once": (
        [*PLANNED, (12, 16, "agent02", {"is_override": True})],
        14,
        ["agent02", "agent01"],
    ),
    "who is inactive is never called": ([(8, 20, "gone", {})], 14, []),
    "nor as an override": ([*PLANNED, (8, 20, "gone", {"is_override": True})], 14, ["agent01", "agent02"]),
    "a replacement takes the place": (
        [*PLANNED, (8, 20, "leader", {"is_override": True, "replaces": 0})],
        14,
        ["leader", "agent01"],
    ),
    "one by somebody inactive does not": (
        [*PLANNED, (8, 20, "gone", {"is_override": True, "replaces": 0})],
        14,
        ["agent01", "agent02"],
    ),
    "a replacement of a replacement": (
        [
            (8, 20, "agent02", {}),
            (8, 20, "agent01", {"is_override": True, "replaces": 0}),
            (8, 20, "leader", {"is_override": True, "replaces": 1}),
        ],
        14,
        ["leader"],
    ),
    "taken back by who had it": (
        [
            (8, 20, "agent02", {}),
            (8, 20, "agent01", {"is_override": True, "replaces": 0}),
            (8, 20, "agent02", {"is_override": True, "replaces": 1}),
        ],
        14,
        ["agent02"],
    ),
    "a replacement for a part": (
        [(8, 20, "agent02", {}), (8, 12, "agent01", {"is_override": True, "replaces": 0})],
        14,
        ["agent02"],
    ),
    "who has left the group and is on shift comes last": (
        [*PLANNED, (8, 20, "agent07", {})],
        14,
        [
            "agent01",
            "agent02",
            "agent07",
        ],
    ),
}


class TestOnDuty:
    @pytest.mark.parametrize("case", CASES)
    def test_by_the_table(self, duty: Group, cast: Cast, case: str, django_assert_num_queries: Any) -> None:
        planned, hour, expected = CASES[case]
        gone = User.objects.create(username="gone", role=Role.LEADER, is_active=False)
        Membership.objects.create(group=duty, user=gone, order=9)
        made: list[Shift] = []
        for begins, ends, username, more in planned:
            given = {**more, "replaces": made[more["replaces"]]} if "replaces" in more else more
            made.append(put(duty, gone if username == "gone" else cast(username), begins, ends, **given))
        with django_assert_num_queries(2):
            found = selectors.on_duty([duty], MONDAY + hour * HOUR)
        assert [user.username for user in found.get(duty.pk, [])] == expected
        assert (duty.pk in found) == bool(expected)

    def test_each_group_by_its_own_roster(self, duty: Group, tech: Group, cast: Cast) -> None:
        put(duty, cast("agent01"), 8, 20)
        found = selectors.on_duty([duty, tech], MONDAY + 14 * HOUR)
        assert {pk: [user.username for user in people] for pk, people in found.items()} == {
            duty.pk: ["agent01"],
            tech.pk: ["tech"],
        }

    def test_a_shift_of_an_organisation_wide_group_counts_where_it_says(self, tech: Group, cast: Cast) -> None:
        leeds, xian = Site.objects.get(code="leeds"), Site.objects.get(code="xian")
        put(tech, cast("tech-xian"), 8, 20, site=xian)
        put(tech, cast("press"), 8, 20)
        at = MONDAY + 14 * HOUR

        def asked(site: Site | None) -> list[str]:
            return [user.username for user in selectors.on_duty([tech], at, site=site)[tech.pk]]

        assert asked(leeds) == ["press"]
        assert sorted(asked(xian)) == ["press", "tech-xian"]
        assert sorted(asked(None)) == ["press", "tech-xian"]

    def test_where_only_another_site_has_shifts_the_order_counts(self, tech: Group, cast: Cast) -> None:
        put(tech, cast("tech-xian"), 8, 20, site=Site.objects.get(code="xian"))
        found = selectors.on_duty([tech], MONDAY + 14 * HOUR, site=Site.objects.get(code="leeds"))
        assert [user.username for user in found[tech.pk]] == ["tech"]

    def test_of_nobody(self, db: None) -> None:
        assert selectors.on_duty([], MONDAY) == {}

    def test_the_demo_reaches_its_people_at_any_hour(self, db: None) -> None:
        from incidents.demo import roster as demo

        demo.seed()
        floor = list(Group.objects.filter(key__in=("G-DUTY", "G-SUP"), site__isnull=False))
        start = datetime.now(UTC)
        for hours in range(0, 24 * 365, 5):
            found = selectors.on_duty(floor, start + hours * HOUR)
            people = {user.username for users in found.values() for user in users}
            assert people == {"leader", "leader-xian", "supervisor", "supervisor-xian"}, hours
        ready = roster.readiness(roster.groups_at(None), start)
        assert {gap.group.key for gap in ready.gaps} == {"G-RES"}
        with unchanged():
            demo.seed()


# Times

ZONES = ("Europe/London", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
clocks = st.times(max_value=time(23, 59)).map(lambda at: at.replace(second=0, microsecond=0))
days = st.dates(min_value=date(2026, 1, 1), max_value=date(2027, 12, 31))


class TestTimes:
    @given(day=days, start=clocks, end=clocks, zone=st.sampled_from(ZONES))
    def test_who_is_on_duty_at_an_instant_is_the_same_in_every_zone(
        self, day: date, start: time, end: time, zone: str
    ) -> None:
        """A line says wall times. Whoever is on shift at the instants it means is on shift whatever zone is asked in, and
        the wall shows what was written."""
        where = ZoneInfo(zone)
        line = roster_csv.Line(1, {"date": day.isoformat(), "start": f"{start:%H:%M}", "end": f"{end:%H:%M}"})
        try:
            starts_at, ends_at = roster_csv.times(line, where)
        except Invalid:
            ends_on = day if end > start else day + DAY
            assert None in (instant(day, start, where), instant(ends_on, end, where))
            return
        assert starts_at.astimezone(where).replace(tzinfo=None) == datetime.combine(day, start)
        assert ends_at.astimezone(where).time() == end
        assert timedelta() < ends_at - starts_at <= timedelta(hours=26)
        shift = Shift(pk=1, group_id=1, person=User(pk=1), starts_at=starts_at, ends_at=ends_at)
        for other in ZONES:
            for moment, is_on in ((starts_at, True), (ends_at, False), (ends_at - timedelta(microseconds=1), True)):
                asked = moment.astimezone(ZoneInfo(other))
                assert bool(shifts.on_shift([shift], asked)) is is_on
        site = Site(code="a", time_zone=zone, name={"en": "A"})
        shift.group, shift.person.username = Group(key="G-SUP", site=site, name={"en": "S"}), "somebody"
        cells = dict(zip(roster_csv.COLUMNS, roster_csv.row(shift), strict=True))
        assert roster_csv.times(roster_csv.Line(1, cells), where) == (starts_at, ends_at)  # written and read back

    @given(
        spans=st.lists(
            st.tuples(st.integers(-50, 400), st.integers(1, 80), st.booleans()),
            max_size=12,
        )
    )
    def test_a_gap_is_when_nobody_is_on_shift(self, spans: list[tuple[int, int, bool]]) -> None:
        rows = [
            Shift(
                pk=n,
                person=User(pk=n, is_active=active),
                starts_at=MONDAY + begins * HOUR,
                ends_at=MONDAY + (begins + length) * HOUR,
            )
            for n, (begins, length, active) in enumerate(spans)
        ]
        for n, row in enumerate(rows):  # some replace the one before them
            if n % 3 == 2:
                row.is_override, row.replaces_id = True, n - 1
        gaps = shifts.unstaffed((MONDAY, MONDAY + roster.AHEAD), rows)
        for hour in range(int(roster.AHEAD / HOUR)):
            at = MONDAY + hour * HOUR
            assert any(begins <= at < ends for begins, ends in gaps) == (not shifts.on_shift(rows, at)), hour

    def test_the_night_in_which_clocks_go_forward(self) -> None:
        """In Leeds it is never 01:30 on 29 March 2026; the night is an hour shorter."""
        london = ZoneInfo("Europe/London")
        night = roster_csv.Line(1, {"date": "2026-03-28", "start": "22:00", "end": "06:00"})
        starts_at, ends_at = roster_csv.times(night, london)
        assert ends_at - starts_at == 7 * HOUR
        missing = roster_csv.Line(1, {"date": "2026-03-29", "start": "01:30", "end": "06:00"})
        with pytest.raises(Invalid, match="the clocks go forward"):
            roster_csv.times(missing, london)

    def test_the_night_in_which_an_hour_comes_twice(self) -> None:
        """On 25 October 2026 the first 01:30 is meant, so that what follows begins where the other ends."""
        london = ZoneInfo("Europe/London")
        early = roster_csv.times(roster_csv.Line(1, {"date": "2026-10-24", "start": "22:00", "end": "01:30"}), london)
        late = roster_csv.times(roster_csv.Line(1, {"date": "2026-10-25", "start": "01:30", "end": "06:00"}), london)
        assert early[1] == late[0] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        assert late[1] - late[0] == 5.5 * HOUR
