"""The roster: who is on duty, what the verbs do and refuse, gaps, files, calendars."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from contactops.accounts.models import ContactPoint, Language, Role, User
from contactops.errors import Conflict, Invalid, NotAllowed, NotFound
from plans import calendars, roster, roster_csv, rostering, selectors, shifts
from plans.models import CalendarFeed, Group, Membership, Shift, Site, SwapRequest
from plans.times import db_now, instant
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
PLANNED: list[tuple[float, float, str, dict[str, Any]]] = [(8, 20, "agent02", {}), (8, 20, "agent01", {})]
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


# The verbs

AT_20, AT_8 = MONDAY + 20 * HOUR, MONDAY + 32 * HOUR


def add(actor: User, **more: Any) -> Shift:
    body = {"group": "G-DUTY", "site": "leeds", "person": "agent01", "starts_at": AT_20, "ends_at": AT_8}
    return rostering.add(actor=actor, **{**body, **more})[0]


class TestAdd:
    def test_puts_somebody_on_duty(self, duty: Group, cast: Cast, clock: Clock) -> None:
        made = add(cast("supervisor"))
        assert (made.group, made.site, made.person, made.source) == (duty, None, cast("agent01"), "planned")
        assert made.entered_by == cast("supervisor")
        found = selectors.on_duty([duty], AT_20)
        assert [user.username for user in found[duty.pk]] == ["agent01"]

    def test_twice_is_once(self, duty: Group, cast: Cast) -> None:
        assert add(cast("supervisor")) == add(cast("supervisor"))
        assert Shift.objects.count() == 1

    @pytest.mark.parametrize(
        ("more", "field", "words"),
        [
            ({"group": "G-NONE"}, "group", "There is no group “G-NONE”."),
            ({"group": "G-RES", "site": "xian"}, "group", "There is no group “G-RES” at Xi’an."),
            ({"group": "G-RES", "site": ""}, "site", "belongs to a site"),
            ({"site": "mars"}, "site", "There is no site “mars”."),
            ({"person": "nobody-at-all"}, "person", "There is nobody called"),
            ({"person": "tech"}, "person", "Tom Reid is not in G-DUTY."),
            ({"person": "gone"}, "person", "gone is not active."),
            ({"ends_at": AT_20}, "ends_at", "ends after it begins"),
            ({"ends_at": AT_20 - HOUR}, "ends_at", "ends after it begins"),
            ({"ends_at": AT_20 + 32 * DAY}, "ends_at", "at most 31 days"),
        ],
    )
    def test_refuses(self, duty: Group, cast: Cast, more: dict[str, Any], field: str, words: str) -> None:
        User.objects.create(username="gone", role=Role.LEADER, is_active=False)
        with unchanged(), pytest.raises(Invalid, match=words) as refused:
            add(cast("admin"), **more)
        assert list(refused.value.fields) == [field]

    def test_nobody_is_planned_twice_at_a_time(self, duty: Group, cast: Cast) -> None:
        add(cast("supervisor"))
        for begins, ends in ((AT_20 + HOUR, AT_8 - HOUR), (AT_20 - HOUR, AT_20 + HOUR), (AT_8 - HOUR, AT_8 + HOUR)):
            with unchanged(), pytest.raises(Conflict, match="is on a shift of this group then: 2026-03-02 20:00"):
                add(cast("supervisor"), starts_at=begins, ends_at=ends)
        add(cast("supervisor"), starts_at=AT_8, ends_at=AT_8 + HOUR)  # one after the other
        add(cast("supervisor"), starts_at=AT_20 + HOUR, ends_at=AT_8, override=True)  # on top
        add(cast("supervisor"), person="agent02")  # somebody else

    def test_people_are_found_by_what_one_knows_of_them(self, duty: Group, cast: Cast) -> None:
        one = cast("agent01")
        for name in ("agent01", "AGENT01", one.employee_number, "agent  01"):
            assert add(cast("supervisor"), person=name).person == one, name

    def test_two_of_the_same_name_are_told_apart(self, duty: Group, cast: Cast) -> None:
        User.objects.filter(username__in=("agent01", "agent02")).update(name="Amy Shaw")  # as agent is called
        with pytest.raises(Invalid, match="write the username"):
            add(cast("supervisor"), person="Amy Shaw")
        Membership.objects.filter(group=duty, user=cast("agent02")).delete()
        assert add(cast("supervisor"), person="Amy Shaw").person == cast("agent01")  # the one who is in the group

    @pytest.mark.parametrize(
        ("username", "place", "may"),
        [
            ("supervisor", ("G-DUTY", "leeds"), True),
            ("supervisor", ("G-DUTY", "xian"), False),
            ("supervisor", ("G-TECH", "leeds"), True),
            ("supervisor", ("G-TECH", ""), False),
            ("supervisor-xian", ("G-DUTY", "leeds"), False),
            ("manager", ("G-DUTY", "leeds"), True),
            ("manager", ("G-DUTY", "xian"), False),
            ("manager", ("G-TECH", ""), True),
            ("admin", ("G-DUTY", "xian"), True),
            ("admin", ("G-TECH", ""), True),
            *((name, ("G-DUTY", "leeds"), False) for name in ("agent", "leader", "tech", "director", "auditor")),
        ],
    )
    def test_who_may(self, duty: Group, cast: Cast, username: str, place: tuple[str, str], may: bool) -> None:
        group, site = place
        person = {"G-DUTY": "leader" if site == "leeds" else "leader-xian", "G-TECH": "tech"}[group]
        if may:
            assert add(cast(username), group=group, site=site, person=person).pk
        else:
            with unchanged(), pytest.raises(NotAllowed):
                add(cast(username), group=group, site=site, person=person)

    def test_who_is_also_responsible_for_a_site_keeps_its_roster(self, db: None, cast: Cast) -> None:
        cast("supervisor").sites.add(Site.objects.get(code="xian"))
        assert add(cast("supervisor"), site="xian", person="leader-xian").pk


class TestChangeAndRemove:
    @pytest.fixture
    def tonight(self, duty: Group, cast: Cast, clock: Clock) -> Shift:
        return add(cast("supervisor"))

    def test_other_times(self, tonight: Shift, cast: Cast) -> None:
        for _twice in range(2):
            done = rostering.change(actor=cast("supervisor"), shift=tonight.pk, starts_at=AT_20 + HOUR, ends_at=AT_8)
            assert (done.pk, done.starts_at) == (tonight.pk, AT_20 + HOUR)

    def test_what_has_been_cannot_be_changed(self, tonight: Shift, cast: Cast, clock: Clock) -> None:
        def change(starts_at: datetime, ends_at: datetime) -> Shift:
            return rostering.change(actor=cast("supervisor"), shift=tonight.pk, starts_at=starts_at, ends_at=ends_at)

        with pytest.raises(Invalid, match="has begun"):
            change(MONDAY + 13 * HOUR, AT_8)
        clock.to(AT_20 + HOUR)
        with pytest.raises(Invalid, match="has begun"):
            change(AT_20 + 2 * HOUR, AT_8)
        with pytest.raises(Invalid, match="over already"):
            change(AT_20, AT_20 + HOUR / 2)
        assert change(AT_20, AT_8 + HOUR).ends_at == AT_8 + HOUR
        clock.to(AT_8 + 2 * HOUR)
        with unchanged(), pytest.raises(Conflict, match="what was stays"):
            change(AT_20, AT_8 + 9 * HOUR)
        with unchanged(), pytest.raises(Conflict, match="what was stays"):
            rostering.remove(actor=cast("supervisor"), shift=tonight.pk)

    def test_removed_before_it_begins_it_is_gone(self, tonight: Shift, cast: Cast) -> None:
        rostering.remove(actor=cast("supervisor"), shift=tonight.pk)
        assert not Shift.objects.exists()
        with pytest.raises(NotFound):
            rostering.remove(actor=cast("supervisor"), shift=tonight.pk)

    def test_removed_afterwards_it_ends_now(self, tonight: Shift, cast: Cast, clock: Clock) -> None:
        clock.to(AT_20 + HOUR)
        swap = rostering.ask_swap(actor=cast("agent01"), shift=tonight.pk, person="leader")
        rostering.remove(actor=cast("supervisor"), shift=tonight.pk)
        tonight.refresh_from_db()
        assert (tonight.starts_at, tonight.ends_at) == (AT_20, AT_20 + HOUR)
        swap.refresh_from_db()
        assert swap.state == "withdrawn"

    def test_who_may(self, tonight: Shift, cast: Cast) -> None:
        for username in ("agent01", "leader", "supervisor-xian", "auditor", "director"):
            with unchanged(), pytest.raises(NotAllowed):
                rostering.remove(actor=cast(username), shift=tonight.pk)
            with unchanged(), pytest.raises(NotAllowed):
                rostering.change(actor=cast(username), shift=tonight.pk, starts_at=AT_20, ends_at=AT_8 + HOUR)
            with unchanged(), pytest.raises(NotAllowed):
                rostering.replace(actor=cast(username), shift=tonight.pk, person="leader")

    def test_somebody_else_takes_it(self, tonight: Shift, duty: Group, cast: Cast, clock: Clock) -> None:
        for new in (True, False):
            other, was_new = rostering.replace(actor=cast("supervisor"), shift=tonight.pk, person="leader")
            assert (was_new, other.is_override, other.replaces_id) == (new, True, tonight.pk)
        clock.to(AT_20 + HOUR)
        again, is_new = rostering.replace(actor=cast("supervisor"), shift=tonight.pk, person="leader")
        assert (again, is_new) == (other, False)
        assert [user.username for user in selectors.on_duty([duty], AT_20)[duty.pk]] == ["leader"]
        rostering.remove(actor=cast("supervisor"), shift=other.pk)  # ends now: it is the other's again
        assert [user.username for user in selectors.on_duty([duty], clock.now)[duty.pk]] == ["agent01"]

    def test_a_replacement_is_somebody_else_within_the_shift(self, tonight: Shift, cast: Cast) -> None:
        with pytest.raises(Invalid, match="has the shift already"):
            rostering.replace(actor=cast("supervisor"), shift=tonight.pk, person="agent01")
        with pytest.raises(Invalid, match="lies within"):
            rostering.replace(actor=cast("supervisor"), shift=tonight.pk, person="leader", ends_at=AT_8 + HOUR)


class TestSwap:
    @pytest.fixture
    def tonight(self, duty: Group, cast: Cast, clock: Clock) -> Shift:
        return add(cast("supervisor"))

    def ask(self, cast: Cast, shift: Shift, person: str = "agent02", actor: str = "agent01") -> SwapRequest:
        return rostering.ask_swap(actor=cast(actor), shift=shift.pk, person=person, reason="A wedding")

    def answer(self, cast: Cast, swap: SwapRequest, verb: str, actor: str) -> SwapRequest:
        return rostering.SWAP_VERBS[verb](actor=cast(actor), swap=swap.pk)

    def test_accepted_it_is_an_override_and_both_are_told(self, tonight: Shift, duty: Group, cast: Cast) -> None:
        swap = self.ask(cast, tonight)
        assert self.ask(cast, tonight) == swap  # twice
        now = db_now()
        assert roster.asked_of(cast("agent02"), now) == [swap]
        assert roster.swaps_kept(cast("supervisor"), now) == [swap]
        assert roster.swaps_kept(cast("supervisor-xian"), now) == []
        assert [user.username for user in selectors.on_duty([duty], AT_20)[duty.pk]] == ["agent01"]
        for _twice in range(2):
            assert self.answer(cast, swap, "accept", "agent02").state == "accepted"
        [override] = Shift.objects.filter(is_override=True)
        assert (override.person, override.replaces, override.source) == (cast("agent02"), tonight, "swap")
        assert [user.username for user in selectors.on_duty([duty], AT_20)[duty.pk]] == ["agent02"]
        for username in ("agent01", "agent02"):
            assert roster.told(cast(username), now - HOUR) == [swap]
            assert roster.asked_of(cast(username), now) == []
        assert [one.parts for one in roster.mine(cast("agent01"), now, now + 7 * DAY)] == [[]]
        assert [one.parts for one in roster.mine(cast("agent02"), now, now + 7 * DAY)] == [[(AT_20, AT_8)]]

    def test_and_back_again(self, tonight: Shift, duty: Group, cast: Cast) -> None:
        self.answer(cast, self.ask(cast, tonight), "accept", "agent02")
        override = Shift.objects.get(is_override=True)
        back = self.ask(cast, override, person="agent01", actor="agent02")
        self.answer(cast, back, "accept", "agent01")
        assert [user.username for user in selectors.on_duty([duty], AT_20)[duty.pk]] == ["agent01"]

    def test_of_a_shift_that_runs_takes_the_rest(self, tonight: Shift, cast: Cast, clock: Clock) -> None:
        swap = self.ask(cast, tonight)
        clock.to(AT_20 + HOUR)
        self.answer(cast, swap, "accept", "agent02")
        assert Shift.objects.get(is_override=True).starts_at == AT_20 + HOUR
        now = clock.now
        assert [one.parts for one in roster.mine(cast("agent01"), now, now + DAY)] == [[(AT_20, AT_20 + HOUR)]]

    @pytest.mark.parametrize(
        ("verb", "actor", "state"), [("decline", "agent02", "declined"), ("withdraw", "agent01", "withdrawn")]
    )
    def test_declined_or_withdrawn_nothing_changes(
        self, tonight: Shift, cast: Cast, verb: str, actor: str, state: str
    ) -> None:
        swap = self.ask(cast, tonight)
        assert self.answer(cast, swap, verb, actor).state == state
        assert Shift.objects.count() == 1
        with unchanged(), pytest.raises(Conflict, match="has been answered"):
            self.answer(cast, swap, "accept", "agent02")
        self.ask(cast, tonight, "leader")  # and somebody else can be asked

    def test_only_ones_own_and_only_people_of_the_group(self, tonight: Shift, cast: Cast) -> None:
        for username in ("agent02", "supervisor", "admin", "auditor"):
            with unchanged(), pytest.raises(NotAllowed):
                self.ask(cast, tonight, "leader", username)
        with unchanged(), pytest.raises(Invalid, match="Ask somebody else"):
            self.ask(cast, tonight, "agent01")
        with unchanged(), pytest.raises(Invalid, match="is not in G-DUTY"):
            self.ask(cast, tonight, "tech")

    def test_an_auditor_only_looks(self, tonight: Shift, duty: Group, cast: Cast) -> None:
        Membership.objects.create(group=duty, user=cast("auditor"))
        theirs = put(duty, cast("auditor"), 20, 32)
        with unchanged(), pytest.raises(NotAllowed):
            self.ask(cast, theirs, "leader", "auditor")
        swap = self.ask(cast, tonight, "auditor")
        with unchanged(), pytest.raises(NotAllowed):
            self.answer(cast, swap, "accept", "auditor")

    def test_nobody_answers_for_another(self, tonight: Shift, cast: Cast) -> None:
        swap = self.ask(cast, tonight)
        for username, verb, error in (
            ("agent01", "accept", NotAllowed),
            ("agent02", "withdraw", NotAllowed),
            ("supervisor", "accept", NotAllowed),
            ("leader", "accept", NotFound),
            ("supervisor-xian", "decline", NotFound),
        ):
            with unchanged(), pytest.raises(error):
                self.answer(cast, swap, verb, username)

    def test_one_at_a_time_and_none_once_it_is_taken(self, tonight: Shift, cast: Cast) -> None:
        swap = self.ask(cast, tonight)
        with unchanged(), pytest.raises(Conflict, match="has been asked already"):
            self.ask(cast, tonight, "leader")
        rostering.replace(actor=cast("supervisor"), shift=tonight.pk, person="leader")
        with unchanged(), pytest.raises(Conflict, match="has taken this shift already"):
            self.answer(cast, swap, "accept", "agent02")

    def test_not_of_what_is_over_and_not_by_who_has_left(
        self, tonight: Shift, duty: Group, cast: Cast, clock: Clock
    ) -> None:
        swap = self.ask(cast, tonight)
        Membership.objects.filter(group=duty, user=cast("agent02")).delete()
        with unchanged(), pytest.raises(Conflict, match="is not in G-DUTY"):
            self.answer(cast, swap, "accept", "agent02")
        clock.to(AT_8)
        with unchanged(), pytest.raises(Conflict, match="is over"):
            self.answer(cast, swap, "accept", "agent02")


# Gaps


class TestReadiness:
    def gaps(self, group: Group) -> list[tuple[float, float, bool]]:
        found = roster.readiness([group], MONDAY).gaps
        return [((gap.starts_at - MONDAY) / HOUR, (gap.ends_at - MONDAY) / HOUR, gap.is_end) for gap in found]

    def test_a_group_that_keeps_none_has_no_gaps(self, duty: Group) -> None:
        assert self.gaps(duty) == []

    def test_between_before_and_after(self, duty: Group, cast: Cast) -> None:
        put(duty, cast("agent01"), 8, 20)
        put(duty, cast("agent02"), 22, 40)
        assert self.gaps(duty) == [(0, 8, False), (20, 22, False), (40, 336, True)]

    def test_who_is_inactive_leaves_a_gap_and_is_named(self, duty: Group, cast: Cast) -> None:
        put(duty, cast("agent01"), -1, 20)
        put(duty, cast("agent02"), 20, 400)
        User.objects.filter(username="agent02").update(is_active=False)
        ready = roster.readiness([duty], MONDAY)
        assert self.gaps(duty) == [(20, 336, True)]
        assert [(doubt.person.username, doubt.why.split(":")[0]) for doubt in ready.doubts] == [
            ("agent01", "has no contact point beside the console"),
            ("agent02", "is not active any more"),
        ]

    def test_doubts_end_with_a_contact_and_begin_when_somebody_leaves(self, duty: Group, cast: Cast) -> None:
        put(duty, cast("agent01"), 0, 400)
        ContactPoint.objects.create(user=cast("agent01"), channel="console", address="-")
        assert [one.why for one in roster.readiness([duty], MONDAY).doubts] == [
            "has no contact point beside the console"
        ]
        ContactPoint.objects.create(user=cast("agent01"), channel="email", address="a@example.org")
        assert roster.readiness([duty], MONDAY).doubts == []
        Membership.objects.filter(user=cast("agent01")).delete()
        [doubt] = roster.readiness([duty], MONDAY).doubts
        assert "not in the group any more" in doubt.why

    def test_of_an_organisation_wide_group_by_site(self, tech: Group, cast: Cast) -> None:
        xian = Site.objects.get(code="xian")
        put(tech, cast("tech"), 0, 10)
        put(tech, cast("press"), 8, 336, site=xian)
        found = roster.readiness([tech], MONDAY).gaps
        assert [(gap.site, (gap.starts_at - MONDAY) / HOUR) for gap in found] == [(None, 10)]

    def test_a_week_shows_each_day_with_its_holes(self, duty: Group, cast: Cast) -> None:
        put(duty, cast("agent01"), 8, 32)
        [week] = roster.week([duty], MONDAY.date())
        told = [([span.text for span in day.spans], [hole.text for hole in day.holes]) for day in week.days]
        assert told[:3] == [(["from 08:00"], ["until 08:00"]), (["until 08:00"], ["from 08:00"]), ([], ["all day"])]


# Files

HEAD = "site,group,person,date,start,end,override\n"
LINES = HEAD + "leeds,G-DUTY,agent01,2026-03-03,08:00,20:00,\nleeds,G-DUTY,agent02,2026-03-03,20:00,08:00,no\n"
CHINESE = "职场,小组,人员,日期,开始,结束,替班\n西安,西安值班长,李伟,2026年3月3日,8:00,20:00,否\n"
CHINESE += "xian,G-DUTY,leader-xian,2026/3/4,20：00,8:00,是\n"


def take(actor: User, data: str | bytes, preview: bool = False) -> rostering.Imported:
    return rostering.import_shifts(actor=actor, data=data, preview=preview)


def refused(actor: User, data: str | bytes) -> list[str]:
    """What is said about a file, of which nothing is taken over."""
    with unchanged(), pytest.raises(rostering.Refused) as error:
        take(actor, data)
    return error.value.fields["csv"]


class TestImport:
    def test_every_line_becomes_a_shift_and_the_same_file_again_changes_nothing(self, duty: Group, cast: Cast) -> None:
        with unchanged():
            assert len(take(cast("supervisor"), LINES, preview=True).added) == 2
        assert len(take(cast("supervisor"), LINES).added) == 2
        night = Shift.objects.get(person=cast("agent02"))
        assert (night.starts_at, night.ends_at) == (MONDAY + 44 * HOUR, MONDAY + 56 * HOUR)
        assert (night.source, night.entered_by) == ("import", cast("supervisor"))
        with unchanged():
            again = take(cast("supervisor"), LINES)
            assert (again.added, again.unchanged) == ([], 2)

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
    def test_as_chinese_spreadsheets_write_it(self, db: None, cast: Cast, encoding: str) -> None:
        take(cast("supervisor-xian"), CHINESE.encode(encoding))
        day, night = Shift.objects.order_by("starts_at")
        assert (day.person.username, day.is_override) == ("leader-xian", False)
        assert (day.starts_at, day.ends_at) == (
            MONDAY + 24 * HOUR,
            MONDAY + 36 * HOUR,
        )  # 08:00 in Xi’an is midnight UTC
        assert night.is_override
        assert night.ends_at - night.starts_at == 12 * HOUR

    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_with_other_delimiters_blank_lines_and_windows_ends(self, duty: Group, cast: Cast, delimiter: str) -> None:
        text = LINES.replace(",", delimiter).replace("\n", "\r\n\r\n")
        assert len(take(cast("supervisor"), text.encode()).added) == 2

    BAD = (
        ("leeds,G-DUTY,nobody-at-all,2026-03-03,08:00,20:00,", "There is nobody called “nobody-at-all”."),
        ("leeds,G-NONE,agent01,2026-03-03,08:00,20:00,", "There is no group “G-NONE”."),
        ("mars,G-DUTY,agent01,2026-03-03,08:00,20:00,", "There is no site “mars”."),
        ("xian,G-DUTY,leader-xian,2026-03-03,08:00,20:00,", "You do not keep the roster of Xi’an."),
        (",G-TECH,tech,2026-03-03,08:00,20:00,", "A shift that counts everywhere is entered by a manager"),
        ("leeds,G-DUTY,tech,2026-03-03,08:00,20:00,", "Tom Reid is not in G-DUTY."),
        ("leeds,G-DUTY,agent01,3/3/2026,08:00,20:00,", "“3/3/2026” is not a day"),
        ("leeds,G-DUTY,agent01,2026-02-30,08:00,20:00,", "“2026-02-30” is not a day"),
        ("leeds,G-DUTY,agent01,1026-02-03,08:00,20:00,", "“1026-02-03” is not a day"),
        ("leeds,G-DUTY,agent01,2026-03-03,8,20:00,", "“8” is not a time"),
        ("leeds,G-DUTY,agent01,2026-03-03,08:00,25:00,", "“25:00” is not a time"),
        ("leeds,G-DUTY,agent01,2026-03-03,08:00,soon,", "“soon” is not a time"),
        ("leeds,G-DUTY,agent01,2026-03-03,08:00,2026-03-03 07:00,", "A shift ends after it begins."),
        ("leeds,G-DUTY,agent01,2026-03-03,08:00,2026-05-03 07:00,", "at most 31 days"),
        ("leeds,G-DUTY,agent01,2026-03-29,01:30,06:00,", "01:30 does not exist in the night of 2026-03-29"),
        ("leeds,G-DUTY,agent01,2026-03-03,08:00,20:00,perhaps", "Write yes or no, not “perhaps”."),
        ("leeds,G-DUTY,agent01,2026-03-03,08:00,20:00,,,more", "more cells than there are headings"),
        ('leeds,G-DUTY,"=HYPERLINK(""x"")",2026-03-03,08:00,20:00,', 'There is nobody called “=HYPERLINK("x")”.'),
        ("leeds,G-DUTY,agent01,2026-03-04,08:00,20:00,", "it says the same as line 2."),
        ("leeds,G-DUTY,agent01,2026-03-04,19:00,21:00,", "Agent 01 is on a shift of this group then, by line 2."),
        ("leeds,G-DUTY,agent02,2026-03-04,07:00,09:00,", "Agent 02 is on a shift of this group then: 2026-03-03 20:00"),
    )

    @pytest.mark.parametrize(("line", "why"), BAD)
    def test_a_bad_line_is_named_and_nothing_is_taken_over(self, duty: Group, cast: Cast, line: str, why: str) -> None:
        take(cast("supervisor"), LINES)
        good = "leeds,G-DUTY,agent01,2026-03-04,08:00,20:00,\n"
        [fault] = refused(cast("supervisor"), HEAD + good + line)
        assert fault.startswith("Line 3: ")
        assert why in fault

    def test_every_bad_line_is_named(self, duty: Group, cast: Cast) -> None:
        alone = [line for line, why in self.BAD if "line 2" not in why]
        faults = refused(cast("supervisor"), HEAD + "\n".join(alone))
        wrong = set(range(2, len(alone) + 1))  # the last one has nothing to overlap with here
        assert {int(fault.split(":")[0].split()[1]) for fault in faults} == wrong

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"", "Line 1: the headings are missing: group, person, date, start, end."),
            (b"site,group,person\nleeds,G-DUTY,agent01", "Line 1: the headings are missing: date, start, end."),
            ((HEAD.strip() + ",date\n").encode(), "Line 1: a heading stands there twice: date."),
            (HEAD.encode(), "The file has no lines below its headings."),
            (HEAD.encode() + b'leeds,"G-DUTY', "This is not a CSV file"),
            (HEAD.encode() + b"leeds,G-DUTY,\x00agent01,2026-03-03,08:00,20:00,", "Line 2: it contains a character"),
            (
                HEAD.encode() + b"leeds,G-DUTY,ag\xff\xffent01,2026-03-03,08:00,20:00,",
                "Line 2: it is neither UTF-8 nor GBK",
            ),
            (b"\xef\xbb\xbf" + HEAD.encode() + b"\xff\n", "Line 2: it is neither UTF-8 nor GBK"),
            (b"x" * (4 * 1024 * 1024 + 1), "larger than 4 MB"),
        ],
    )
    def test_what_is_no_roster(self, db: None, cast: Cast, data: bytes, why: str) -> None:
        [fault] = refused(cast("supervisor"), data)
        assert why in fault

    def test_who_may(self, duty: Group, cast: Cast) -> None:
        for username in ("agent", "leader", "tech", "director", "auditor"):
            with unchanged(), pytest.raises(NotAllowed):
                take(cast(username), LINES)
        with unchanged(), pytest.raises(NotAllowed, match="You do not keep the roster of Leeds"):
            take(cast("supervisor-xian"), LINES)
        assert len(take(cast("admin"), LINES).added) == 2

    def test_ten_thousand_lines_ask_as_often_as_two(self, duty: Group, cast: Cast) -> None:
        me = cast("supervisor")
        start = date(2027, 1, 1)
        rows = [
            f"leeds,G-DUTY,{name},{start + n // 4 * DAY},{6 * (n % 4):02}:00,{6 * (n % 4 + 1):02}:00,"
            for n in range(5_000)
            for name in ("agent01", "agent02")
        ]
        with CaptureQueriesContext(connection) as few:
            take(cast("supervisor"), HEAD + "\n".join(rows[:2]), preview=True)
        with CaptureQueriesContext(connection) as many:
            assert len(take(cast("supervisor"), HEAD + "\n".join(rows), preview=True).added) == 10_000
        assert len(many) == len(few)
        assert len(take(me, HEAD + "\n".join(rows)).added) == 10_000
        again = take(me, HEAD + "\n".join(rows))
        assert (len(again.added), again.unchanged) == (0, 10_000)
        assert (
            len(refused(me, HEAD + "\n".join([*rows, "x,x,x,x,x,x,x"] * 2)[: 4 * 1024 * 1024])) == 1
        )  # over 20,000 lines


class TestExport:
    def test_is_read_back_as_it_stands(self, duty: Group, tech: Group, cast: Cast) -> None:
        london = ZoneInfo("Europe/London")
        put(duty, cast("agent01"), 8, 20)
        put(duty, cast("agent02"), 20, 32, is_override=True)
        put(duty, cast("leader"), 0, 24 * 7)  # a week
        put(tech, cast("tech"), 8.5, 20)
        put(Group.objects.get(key="G-LOG"), cast("logistics"), 8.5, 20, site=Site.objects.get(code="xian"))
        twice = datetime(2026, 10, 25, 1, 30, tzinfo=london, fold=1)
        Shift.objects.create(group=duty, person=cast("agent01"), starts_at=twice, ends_at=twice + HOUR + HOUR / 7)
        rows = [roster_csv.row(one) for one in roster.listed()]
        data = roster_csv.written([roster_csv.headings(chinese=True), *rows])
        assert data.startswith(b"\xef\xbb\xbf")
        with unchanged():
            again = take(cast("admin"), data)
            assert (again.added, again.unchanged) == ([], 6)

    @pytest.mark.parametrize("name", ["=cmd", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "＝1"])
    def test_no_cell_is_a_formula(self, name: str) -> None:
        [cell] = roster_csv.written([[name]]).decode("utf-8-sig").splitlines()
        assert cell.strip('"').startswith("'")

    def test_a_name_that_looks_like_one_comes_back(self, duty: Group, cast: Cast) -> None:
        odd = User.objects.create(username="@odd", role=Role.LEADER)
        Membership.objects.create(group=duty, user=odd)
        put(duty, odd, 8, 20)
        data = roster_csv.written([roster_csv.headings(chinese=False), *map(roster_csv.row, roster.listed())])
        assert b",'@odd," in data
        with unchanged():
            assert take(cast("supervisor"), data).unchanged == 1


# Calendars


class TestCalendar:
    def events(self, person: User, at: datetime = MONDAY) -> list[Any]:
        return list(Calendar.from_ical(calendars.calendar(person, at)).walk("VEVENT"))

    def test_says_group_site_and_times_and_nothing_else(self, duty: Group, cast: Cast) -> None:
        shift = put(duty, cast("agent01"), 8, 20)
        put(duty, cast("agent02"), 8, 20)
        [event] = self.events(cast("agent01"))
        assert set(event) == {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "LOCATION"}
        assert (event["SUMMARY"], event["LOCATION"]) == ("Duty leaders, Leeds", "Leeds")
        assert event["UID"] == f"shift-{shift.pk}@contactops"
        assert (event["DTSTART"].dt, event["DTEND"].dt) == (shift.starts_at, shift.ends_at)
        assert b"DTSTART:20260302T080000Z" in calendars.calendar(cast("agent01"), MONDAY)

    def test_in_the_persons_language(self, duty: Group, cast: Cast) -> None:
        User.objects.filter(username="agent01").update(language=Language.ZH_HANS)
        put(duty, cast("agent01"), 8, 20)
        assert self.events(cast("agent01"))[0]["SUMMARY"] == "利兹值班长"

    def test_names_stay_when_times_change(self, duty: Group, cast: Cast, clock: Clock) -> None:
        shift = add(cast("supervisor"))
        [before] = self.events(cast("agent01"))
        rostering.change(actor=cast("supervisor"), shift=shift.pk, starts_at=AT_20, ends_at=AT_8 + HOUR)
        [after] = self.events(cast("agent01"))
        assert (before["UID"], before["DTEND"].dt) == (after["UID"], after["DTEND"].dt - HOUR)

    def test_what_somebody_has_taken_is_in_theirs(self, duty: Group, cast: Cast, clock: Clock) -> None:
        shift = add(cast("supervisor"))
        middle = {"starts_at": AT_20 + HOUR, "ends_at": AT_8 - HOUR}
        rostering.replace(actor=cast("supervisor"), shift=shift.pk, person="leader", **middle)
        mine, theirs = self.events(cast("agent01")), self.events(cast("leader"))
        assert [event["DTSTART"].dt for event in mine] == [AT_20, AT_8 - HOUR]
        assert len({event["UID"] for event in (*mine, *theirs)}) == 3
        assert [event["DTSTART"].dt for event in theirs] == [AT_20 + HOUR]

    def test_the_key(self, db: None, cast: Cast) -> None:
        feed = rostering.renew_feed(actor=cast("leader"))
        token = calendars.token(feed)
        assert calendars.whose(token) == cast("leader")
        assert calendars.whose(token[:-1]) is None
        assert calendars.whose(feed.key) is None
        assert calendars.whose("x" * 5000) is None
        renewed = calendars.token(rostering.renew_feed(actor=cast("leader")))
        assert (calendars.whose(token), calendars.whose(renewed)) == (None, cast("leader"))
        User.objects.filter(username="leader").update(is_active=False)
        assert calendars.whose(renewed) is None
        rostering.shut_feed(actor=cast("leader"))
        assert not CalendarFeed.objects.exists()


# The database says no


class TestConstraints:
    def refuses(self, name: str, act: Callable[[], object]) -> None:
        with pytest.raises(IntegrityError, match=f'"{name}"'), transaction.atomic():
            act()

    def test_shifts(self, duty: Group, cast: Cast) -> None:
        one = put(duty, cast("agent01"), 8, 20)
        rows = Shift.objects.filter(pk=one.pk)
        self.refuses("shift_ends_after_it_starts", lambda: rows.update(ends_at=one.starts_at))
        self.refuses("shift_source_is_known", lambda: rows.update(source="rumour"))
        other = put(duty, cast("agent02"), 8, 20)
        self.refuses("only_an_override_replaces_a_shift", lambda: rows.update(replaces=other))
        self.refuses("shift_does_not_replace_itself", lambda: rows.update(replaces=one, is_override=True))
        planned = "person_has_one_planned_shift_of_a_group_at_a_time"
        self.refuses(planned, lambda: put(duty, cast("agent01"), 19, 21))
        put(duty, cast("agent01"), 20, 21)
        override = put(duty, cast("agent01"), 8, 20, is_override=True)
        self.refuses("shift_is_written_down_once", lambda: put(duty, cast("agent01"), 8, 20, is_override=True))
        put(duty, cast("agent01"), 8, 20, is_override=True, replaces=override)

    def test_a_person_may_have_two_groups_and_two_sites(self, duty: Group, tech: Group, cast: Cast) -> None:
        put(duty, cast("agent01"), 8, 20)
        put(tech, cast("agent01"), 8, 20)
        for site in Site.objects.all():
            put(tech, cast("agent01"), 8, 20, site=site)

    def test_swaps(self, duty: Group, cast: Cast) -> None:
        shift = put(duty, cast("agent01"), 8, 20)
        who = {"shift": shift, "asked_by": cast("agent01"), "asked_of": cast("agent02"), "asked_at": MONDAY}
        swap = SwapRequest.objects.create(**who)
        rows = SwapRequest.objects.filter(pk=swap.pk)
        self.refuses("swap_state_is_known", lambda: rows.update(state="pondered", decided_at=MONDAY))
        self.refuses("nobody_swaps_with_themselves", lambda: rows.update(asked_of=cast("agent01")))
        self.refuses("swap_has_a_time_when_it_is_decided", lambda: rows.update(state="accepted"))
        self.refuses("swap_has_a_time_when_it_is_decided", lambda: rows.update(decided_at=MONDAY))
        self.refuses("one_swap_is_open_for_a_shift", lambda: SwapRequest.objects.create(**who))


# Over the API


class TestApi:
    BODY = {
        "group": "G-DUTY",
        "site": "leeds",
        "person": "agent01",
        "starts_at": "2026-03-02T20:00:00Z",
        "ends_at": "2026-03-03T08:00:00Z",
    }

    def test_add_read_change_remove(self, duty: Group, api: Callable[[str], Api], clock: Clock) -> None:
        me = api("supervisor")
        made = me.post("roster/shifts/", self.BODY, 201)
        assert made == {
            "id": made["id"],
            "group": "G-DUTY",
            "site": "leeds",
            "person": "agent01",
            "person_name": "Agent 01",
            "starts_at": "2026-03-02T20:00:00Z",
            "ends_at": "2026-03-03T08:00:00Z",
            "override": False,
            "source": "planned",
            "replaces": None,
            "standing": True,
        }
        assert me.post("roster/shifts/", self.BODY, 200) == made
        assert me.get("roster/")["results"] == [made]
        times = {"starts_at": "2026-03-02T21:00:00+00:00", "ends_at": "2026-03-03T08:00:00Z"}
        changed = me.post(f"roster/shifts/{made['id']}/change/", times)
        assert changed["starts_at"] == "2026-03-02T21:00:00Z"
        removed = me.post(f"roster/shifts/{made['id']}/remove/", key="once")
        assert (removed["id"], removed["standing"]) == (made["id"], False)
        assert me.post(f"roster/shifts/{made['id']}/remove/", key="once") == removed
        me.post(f"roster/shifts/{made['id']}/remove/", expect=404)
        assert me.get("roster/")["results"] == []

    def test_filters(self, duty: Group, tech: Group, api: Callable[[str], Api], cast: Cast, clock: Clock) -> None:
        put(duty, cast("agent01"), 8, 20)
        put(tech, cast("tech"), 30, 40)
        put(tech, cast("tech-xian"), 30, 40, site=Site.objects.get(code="xian"))
        me = api("agent")

        def people(**query: Any) -> list[str]:
            return [row["person"] for row in me.get("roster/", **query)["results"]]

        assert people() == ["agent01", "tech", "tech-xian"]
        assert people(site="xian") == ["tech", "tech-xian"]
        assert people(site="leeds") == ["agent01", "tech"]
        assert people(site="nowhere") == ["tech"]
        assert people(group="G-DUTY") == ["agent01"]
        assert people(**{"from": "2026-03-03T00:00:00Z"}) == ["tech", "tech-xian"]
        assert people(to="2026-03-03T00:00:00Z") == ["agent01"]
        clock.to(MONDAY + 20 * HOUR)
        assert people() == ["tech", "tech-xian"]  # from now on
        assert people(**{"from": "2026-03-01T00:00:00Z"}) == ["agent01", "tech", "tech-xian"]
        for wrong in ("yesterday", "2026-03-02", "2026-03-02T00:00:00", "9999-12-31T23:59:59Z"):
            assert "from" in me.get("roster/", 400, **{"from": wrong}), wrong

    def test_pages_follow_each_other(self, duty: Group, api: Callable[[str], Api], cast: Cast, clock: Clock) -> None:
        for n in range(5):
            put(duty, cast("agent01"), 20 + n, 21 + n)
        client, seen, address = api("agent").client, [], "/api/v1/roster/?page_size=2"
        while address:
            answer = client.get(address).json()
            seen += [row["starts_at"] for row in answer["results"]]
            address = answer["next"]
        assert len(seen) == 5
        assert seen == sorted(seen)

    def test_who_is_on_now(self, duty: Group, api: Callable[[str], Api], cast: Cast, clock: Clock) -> None:
        put(duty, cast("agent01"), 8, 20)
        put(duty, cast("leader"), 12, 16, is_override=True)
        answer = api("agent").get("roster/now/", site="leeds")
        rows = {(row["group"], row["site"]): row for row in answer["results"]}
        kept = rows["G-DUTY", "leeds"]
        assert [(one["person"], one["override"]) for one in kept["on_duty"]] == [("leader", True), ("agent01", False)]
        assert kept["keeps_roster"]
        assert (rows["G-TECH", None]["keeps_roster"], rows["G-TECH", None]["members"]) == (False, ["tech"])
        assert ("G-DUTY", "xian") not in rows
        assert api("agent").get("roster/now/", site="nowhere")["results"] == []

    def test_import(self, duty: Group, api: Callable[[str], Api]) -> None:
        me = api("supervisor")
        with unchanged():
            assert me.post("roster/import/", {"csv": LINES, "preview": True}) == {"added": 2, "unchanged": 0}
        assert me.post("roster/import/", {"csv": LINES}) == {"added": 2, "unchanged": 0}
        assert me.post("roster/import/", {"csv": LINES}) == {"added": 0, "unchanged": 2}
        with unchanged():
            told = me.post("roster/import/", {"csv": LINES.replace("agent", "agnet")}, 400)
            assert [fault.split(":")[0] for fault in told["csv"]] == ["Line 2", "Line 3"]

    def test_swap(self, duty: Group, api: Callable[[str], Api], cast: Cast, clock: Clock) -> None:
        shift = put(duty, cast("agent01"), 20, 32)
        swap = api("agent01").post(f"roster/shifts/{shift.pk}/swap/", {"person": "agent02", "reason": "A wedding"})
        assert (swap["asked_of"], swap["state"], swap["decided_at"]) == ("agent02", "asked", None)
        api("leader").post(f"roster/swaps/{swap['id']}/accept/", expect=404)
        assert api("agent02").post(f"roster/swaps/{swap['id']}/accept/")["state"] == "accepted"
        assert api("agent02").post(f"roster/swaps/{swap['id']}/decline/", expect=409)["code"] == "answered"
        api("agent02").post(f"roster/swaps/{swap['id']}/dance/", expect=404)
        taken = api("supervisor").get("roster/")["results"][-1]
        assert (taken["person"], taken["replaces"], taken["source"]) == ("agent02", shift.pk, "swap")

    @pytest.mark.parametrize("number", ["0", str(10**30), "x", "-1"])
    def test_ids_that_are_none(self, api: Callable[[str], Api], number: str) -> None:
        for path in (f"roster/shifts/{number}/remove/", f"roster/swaps/{number}/accept/"):
            api("supervisor").post(path, expect=404)


# Query counts


def test_reading_thirty_shifts_asks_as_often_as_three(
    duty: Group, tech: Group, cast: Cast, clock: Clock, api: Callable[[str], Api], browser_as: Callable[[str], Any]
) -> None:
    agents = list(User.objects.filter(username__startswith="agent0").order_by("pk"))
    Membership.objects.bulk_create([Membership(group=tech, user=user, order=5) for user in agents])
    pages, client = browser_as("supervisor"), api("agent01").client
    reads: dict[str, Callable[[], Any]] = {
        "the page": lambda: pages.get("/roster/?site="),
        "one's own": lambda: browser_as("agent01").get("/roster/"),
        "the export": lambda: pages.get("/roster/export.csv?site="),
        "the list": lambda: client.get("/api/v1/roster/?page_size=100"),
        "now": lambda: client.get("/api/v1/roster/now/"),
        "on duty": lambda: selectors.on_duty([duty, tech], clock.now),
        "the calendar": lambda: calendars.calendar(cast("agent01"), clock.now),
    }

    def grow(first: int, last: int) -> None:
        for n in range(first, last):
            shift = put(tech, agents[n % len(agents)], n, n + 1)
            put(tech, agents[(n + 1) % len(agents)], n, n + 1, is_override=True, replaces=shift)
            put(duty, cast("agent01"), 12 + n, 13 + n)
            who = {"asked_by": agents[n % len(agents)], "asked_of": agents[(n + 1) % len(agents)]}
            SwapRequest.objects.create(shift=shift, asked_at=clock.now, **who)
            done = SwapRequest(shift=shift, asked_at=clock.now, state="declined", decided_at=clock.now, **who)
            done.save()

    def counted() -> dict[str, int]:
        found = {}
        for name, read in reads.items():
            with CaptureQueriesContext(connection) as captured:
                read()
            found[name] = len(captured)
        return found

    grow(0, 3)
    counted()  # what is read once per process has been read
    few = counted()
    grow(3, 30)
    assert counted() == few
    assert roster.listed().count() == 90
