"""What is read of the roster: who is on now, a week, gaps, one's own shifts, swaps. Every function says how many queries it
makes; none of them depends on how many shifts there are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from contactops.accounts.models import Channel, ContactPoint, Role, User
from contactops.errors import NotFound
from plans import rostering, shifts
from plans.models import Group, Membership, Shift, Site, SwapRequest, SwapState
from plans.selectors import people_of
from plans.shifts import Period

DAYS = 7
AHEAD = timedelta(days=14)
BACK = timedelta(days=14)  # how long a decided swap is told of
MINE = timedelta(days=14)  # how far ahead one's own shifts are listed


def sites() -> list[Site]:
    """One query."""
    return list(Site.objects.all())


def groups_at(site: Site | None) -> list[Group]:
    """The groups that count at a site, its own first; all of them without one. One query."""
    rows = Group.objects.select_related("site")
    rows = rows.filter(Q(site=site) | Q(site=None)) if site else rows
    return sorted(rows, key=lambda group: (group.site is None, group.site.code if group.site else "", group.key))


# Who is on now


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is asked of a group now. `keeps`: by its roster, else by the order of its members. `next`: when the next shift
    begins, within a day."""

    group: Group
    keeps: bool
    holding: list[Shift]
    members: list[User]
    next: datetime | None = None


def now(groups: Sequence[Group], at: datetime, site: Site | None = None) -> list[Duty]:
    """Two queries."""
    members = people_of(groups)
    near = shifts.touching(groups, at - shifts.REACH, at + shifts.REACH, site)
    found = []
    for group in groups:
        rows = near.get(group.pk, [])
        later = [one.starts_at for one in rows if one.starts_at > at and one.person.is_active]
        asked = members.get(group.pk, [])
        found.append(Duty(group, bool(rows), shifts.on_shift(rows, at), asked, min(later, default=None)))
    return found


# A week


@dataclass(frozen=True, slots=True)
class Part:
    """What lies within one day of something. `begins` and `ends`: None where it goes on beyond the day."""

    begins: datetime | None
    ends: datetime | None

    @property
    def text(self) -> str:
        begins = f"{self.begins:%H:%M}" if self.begins else ""
        ends = f"{self.ends:%H:%M}" if self.ends else ""
        if begins and ends:
            return f"{begins}–{ends}"
        if begins:
            return _("from %(time)s") % {"time": begins}
        return _("until %(time)s") % {"time": ends} if ends else _("all day")


@dataclass(frozen=True, slots=True)
class Span(Part):
    """The part of a shift that lies within one day."""

    shift: Shift
    is_taken: bool


@dataclass(frozen=True, slots=True)
class Day:
    """Who is on duty on one day, and when nobody is."""

    day: date
    spans: list[Span]
    holes: list[Part]

    @property
    def lines(self) -> list[Part]:
        """Both, as the day goes on."""
        return sorted([*self.spans, *self.holes], key=lambda part: (part.begins is not None, part.begins))


@dataclass(frozen=True, slots=True)
class Week:
    """One group's week; `zone` is the name of the zone in which its times are."""

    group: Group
    zone: str
    days: list[Day]


def week(groups: Sequence[Group], start: date, site: Site | None = None) -> list[Week]:
    """Seven days of every group that has a shift in them, in the zone of its site, else in the reader's. One query."""
    margin = timedelta(days=1)
    first = datetime.combine(start, time(), ZoneInfo("UTC"))
    found = shifts.touching(groups, first - margin, first + timedelta(days=DAYS) + margin, site)
    weeks = [_week(group, found[group.pk], start) for group in groups if group.pk in found]
    return [one for one in weeks if any(day.spans for day in one.days)]


def _week(group: Group, rows: list[Shift], start: date) -> Week:
    zone = ZoneInfo(group.site.time_zone if group.site else timezone.get_current_timezone_name())
    by_taken: dict[int, list[Shift]] = {}
    for one in rows:
        if one.replaces_id:
            by_taken.setdefault(one.replaces_id, []).append(one)
    taken = {one.pk for one in rows if not shifts.left_over(one, by_taken.get(one.pk, []))}
    ordered = sorted(rows, key=lambda one: (one.starts_at, not one.is_override, one.pk))
    days = [_day(start + timedelta(days=n), ordered, taken, zone) for n in range(DAYS)]
    return Week(group, zone.key, days)


def _day(day: date, rows: Sequence[Shift], taken: set[int], zone: ZoneInfo) -> Day:
    bounds = begins, ends = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    within = [one for one in rows if one.starts_at < ends and one.ends_at > begins]
    spans = [Span(*_clipped((one.starts_at, one.ends_at), bounds, zone), one, one.pk in taken) for one in within]
    holes = [Part(*_clipped(hole, bounds, zone, inside=True)) for hole in shifts.unstaffed(bounds, within)]
    return Day(day, spans, holes)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _clipped(
    period: Period, bounds: Period, zone: ZoneInfo, inside: bool = False
) -> tuple[datetime | None, datetime | None]:
    """Its ends as the wall shows them, None for those beyond the bounds; a period that was cut to the bounds (`inside`) goes
    beyond them where it touches them."""
    begins = period[0] > bounds[0] if inside else period[0] >= bounds[0]
    return period[0].astimezone(zone) if begins else None, period[1].astimezone(zone) if period[1] < bounds[1] else None


# Gaps


@dataclass(frozen=True, slots=True)
class Gap:
    """When a group that keeps a roster has nobody. `site`: where; None for everywhere, or wherever nothing else is said.
    `is_end`: no shift follows within the time that was looked at."""

    group: Group
    site: Site | None
    starts_at: datetime
    ends_at: datetime
    is_end: bool

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at


@dataclass(frozen=True, slots=True)
class Doubt:
    """Somebody on shift on whom the group cannot rely, and why."""

    person: User
    group: Group
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Readiness:
    gaps: list[Gap]
    doubts: list[Doubt]
    kept: int


def readiness(groups: Sequence[Group], at: datetime, site: Site | None = None) -> Readiness:
    """What would go wrong in the next fourteen days. Three queries."""
    until = at + AHEAD
    found = shifts.touching(groups, at - shifts.REACH, until, site)
    gaps = [gap for group in groups if group.pk in found for gap in _gaps(group, found[group.pk], (at, until))]
    ahead = [(group, one) for group in groups for one in found.get(group.pk, []) if one.ends_at > at]
    return Readiness(sorted(gaps, key=lambda gap: gap.starts_at), _doubts(ahead), len(found))


def _gaps(group: Group, rows: list[Shift], period: Period) -> Iterator[Gap]:
    for site, counting in _posts(group, rows):
        for starts_at, ends_at in shifts.unstaffed(period, counting):
            yield Gap(group, site, starts_at, ends_at, is_end=ends_at == period[1])


def _posts(group: Group, rows: list[Shift]) -> Iterator[tuple[Site | None, list[Shift]]]:
    """Where a group has to have somebody: its site; for one of the whole organisation everywhere, and each site for which it
    has shifts of its own."""
    if group.site:
        yield group.site, rows
        return
    everywhere = [one for one in rows if one.site is None]
    named = {one.site_id: one.site for one in rows if one.site}
    if everywhere:
        yield None, everywhere
    for pk, site in named.items():
        yield site, [one for one in rows if one.site_id in (None, pk)]


def _doubts(ahead: Sequence[tuple[Group, Shift]]) -> list[Doubt]:
    """Found out before an incident does it. Two queries."""
    people = {one.person_id for _group, one in ahead}
    reached = ContactPoint.objects.filter(user__in=people).exclude(channel=Channel.CONSOLE)
    has_contact = set(reached.values_list("user_id", flat=True))
    members = set(Membership.objects.filter(user__in=people).values_list("group_id", "user_id"))
    found: dict[tuple[int, int], Doubt] = {}
    for group, one in ahead:
        why = ""
        if not one.person.is_active:
            why = _("is not active any more: nobody will be called")
        elif (group.pk, one.person_id) not in members:
            why = _("is not in the group any more: cannot open what they are called to")
        elif one.person_id not in has_contact:
            why = _("has no contact point beside the console")
        key = (group.pk, one.person_id)
        if why and (key not in found or one.starts_at < found[key].since):
            found[key] = Doubt(one.person, group, why, one.starts_at)
    return sorted(found.values(), key=lambda doubt: doubt.since)


# One's own


@dataclass(frozen=True, slots=True)
class Mine:
    """A shift of one's own: the parts that are still one's own, who has taken the others, and what one has asked."""

    shift: Shift
    parts: list[Period]
    taken_by: list[Shift]
    asked: SwapRequest | None


def _with_all(rows: QuerySet[Shift]) -> QuerySet[Shift]:
    swaps = SwapRequest.objects.filter(state=SwapState.ASKED).select_related("asked_of")
    return rows.select_related("group__site", "site", "person").prefetch_related(
        Prefetch("replacements", Shift.objects.select_related("person")), Prefetch("swaps", swaps)
    )


def mine(person: User, start: datetime, end: datetime) -> list[Mine]:
    """Three queries."""
    rows = _with_all(Shift.objects.filter(person=person, starts_at__lt=end, ends_at__gt=start))
    return [_mine(one) for one in rows]


def _mine(one: Shift) -> Mine:
    taken = [other for other in one.replacements.all() if other.person.is_active]
    return Mine(one, shifts.left_over(one, taken), taken, next(iter(one.swaps.all()), None))


def _swaps() -> QuerySet[SwapRequest]:
    return SwapRequest.objects.select_related("asked_by", "asked_of", "shift__group__site", "shift__site")


def asked_of(person: User, at: datetime) -> list[SwapRequest]:
    """What waits for this person's answer. One query."""
    return list(_swaps().filter(asked_of=person, state=SwapState.ASKED, shift__ends_at__gt=at))


def told(person: User, at: datetime) -> list[SwapRequest]:
    """What came of the swaps that this person asked for or was asked for, of the last fourteen days. One query."""
    own = Q(asked_by=person) | Q(asked_of=person)
    return list(_swaps().filter(own, decided_at__gt=at - BACK).exclude(state=SwapState.WITHDRAWN))


def swaps_kept(person: User, at: datetime) -> list[SwapRequest]:
    """The swaps of the sites whose roster this person keeps or audits: open ones, and those of the last fourteen days. Two
    queries at most."""
    rows = _swaps().filter(Q(state=SwapState.ASKED, shift__ends_at__gt=at) | Q(decided_at__gt=at - BACK))
    if person.role in (Role.AUDITOR, Role.ADMINISTRATOR):
        return list(rows)
    if not rostering.keeps_any(person):
        return []
    own = person.own_site_ids
    at_mine = Q(shift__group__site__in=own) | Q(shift__group__site=None, shift__site__in=own)
    everywhere = Q(shift__group__site=None, shift__site=None)
    return list(rows.filter(at_mine | everywhere))


# One shift, and lists of them


@dataclass(frozen=True, slots=True)
class OneShift:
    """A shift with what has become of it, and who could take it."""

    shift: Shift
    replacements: list[Shift]
    swaps: list[SwapRequest]
    others: list[User]


def one_shift(pk: int) -> OneShift:
    """Four queries."""
    shift = Shift.objects.select_related("group__site", "site", "person", "replaces__person").filter(pk=pk).first()
    if shift is None:
        raise NotFound(_("There is no such shift."))
    others = [user for user in people_of([shift.group]).get(shift.group_id, []) if user.pk != shift.person_id]
    return OneShift(
        shift, list(shift.replacements.select_related("person")), list(_swaps().filter(shift=shift)), others
    )


def listed(
    *, site: str = "", group: str = "", start: datetime | None = None, end: datetime | None = None
) -> QuerySet[Shift]:
    """Shifts that touch the time and count at the site, those that count everywhere among them."""
    rows = Shift.objects.select_related("group__site", "site", "person")
    if site:
        own = Q(group__site__code=site) | Q(group__site=None, site__code=site)
        rows = rows.filter(own | Q(group__site=None, site=None))
    rows = rows.filter(group__key=group) if group else rows
    rows = rows.filter(ends_at__gt=start) if start else rows
    return rows.filter(starts_at__lt=end) if end else rows


def members_of_all() -> list[tuple[User, str]]:
    """Everybody who is in a group, with the keys of their groups: whom a shift can be given. One query."""
    rows = Membership.objects.filter(user__is_active=True).select_related("user", "group").order_by("user__name")
    keys: dict[int, list[str]] = {}
    people: dict[int, User] = {}
    for row in rows:
        people[row.user_id] = row.user
        if row.group.key not in keys.setdefault(row.user_id, []):
            keys[row.user_id].append(row.group.key)
    return [(people[pk], ", ".join(sorted(named))) for pk, named in keys.items()]
