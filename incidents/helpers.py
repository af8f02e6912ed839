"""Who helps in first- and second-level support: whom a name or a group means, and how it is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from contactops.accounts.models import Role, User
from contactops.errors import Invalid
from incidents import access
from incidents.engine import support
from incidents.engine.lifecycle import SUPPORT_MOVES
from incidents.engine.state import Mark
from incidents.models import Event, Incident
from incidents.times import MS, db_now, moment, ms, optional
from plans.models import Group

AGENTS = "agents"  # as a group: all agents of the incident's site


def _key(user: User) -> str:
    return f"user:{user.pk}"


def named(people: Sequence[str], *, also_gone: bool = False) -> list[User]:
    """The people by username. `also_gone`: those who have left meanwhile as well, for they may still have to be released."""
    rows = User.objects.filter(username__in=people).order_by("pk")
    known = list(rows if also_gone else rows.filter(is_active=True))
    if missing := sorted(set(people) - {user.username for user in known}):
        raise Invalid(_("Nobody is called “%(name)s”.") % {"name": missing[0]}, field="people")
    return known


def require_to_be_asked(incident: Incident, people: Iterable[User]) -> None:
    """Nobody is asked who would not hear of it, or has no part in incidents."""
    people = list(people)
    fit = set(_fit(incident, people))
    if unfit := [user for user in people if user not in fit]:
        raise Invalid(_("“%(name)s” can do nothing in this incident.") % {"name": unfit[0].username}, field="people")


def _fit(incident: Incident, people: Iterable[User]) -> list[User]:
    """A drill reaches its participants only, a restricted incident the people it names."""
    found = [user for user in people if access.acts(user)]
    for limited, circle in ((incident.kind == "drill", incident.participants), (incident.restricted, incident.named)):
        if limited:
            inside = set(circle.values_list("pk", flat=True))
            found = [user for user in found if user.pk in inside]
    return found


def of_group(incident: Incident, tier: int, status: str, name: str) -> list[User]:
    """Those of a group of whom it can be said now. `name`: its key, `agents`, or a status at which they stand."""
    state = incident.facts
    standing = {who: support.standing(state, tier, who) for who in support.marks_of(state, tier)}
    if name in SUPPORT_MOVES:
        people = _people(who for who, stands in standing.items() if stands == name)
    else:
        people = list(_members(incident, name).order_by("pk"))
    if status == "asked":
        people = _fit(incident, people)
    fit = [user for user in people if standing.get(_key(user), "") in SUPPORT_MOVES[status]]
    if not fit:
        raise Invalid(_("That is possible for nobody of them."), field="group")
    return fit


def _people(keys: Iterable[str]) -> list[User]:
    return list(User.objects.filter(pk__in=[int(key.removeprefix("user:")) for key in keys]).order_by("pk"))


def _members(incident: Incident, name: str) -> QuerySet[User]:
    active = User.objects.filter(is_active=True)
    if name == AGENTS:
        return active.filter(role=Role.AGENT, site=incident.site_id)
    groups = Group.objects.filter(Q(site=incident.site_id) | Q(site=None), key=name)
    group = groups.order_by("site").first()  # the site's own before the organisation's
    if group is None:
        raise Invalid(_("There is no group “%(name)s”.") % {"name": name}, field="group")
    return active.filter(memberships__group=group)


def not_in_the_same_minute(
    incident: Incident, tier: int, people: Iterable[User] | None, at: datetime | None
) -> datetime | None:
    """A page's clock has no seconds: what happened in the minute of the last that is on record happened after it."""
    keys = None if people is None else [_key(user) for user in people]
    last = moment(support.last_instant(incident.facts, tier, keys))
    return last if at and last.replace(second=0, microsecond=0) <= at < last else at


@dataclass(frozen=True)
class Helper:
    """One person's part in one tier. The instants are those since they were last asked; `given` counts everything."""

    user: User
    stands: str
    asked: datetime | None
    confirmed: datetime | None
    declined: datetime | None
    joined: datetime | None
    released: datetime | None
    given: timedelta
    first: datetime | None
    last: datetime | None
    has_joined: bool
    note: str = ""

    @property
    def minutes(self) -> int:
        return round(self.given / _MINUTE)

    def can(self, status: str) -> bool:
        return self.stands in SUPPORT_MOVES[status] and self.stands != ""


_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Tier:
    """First- or second-level support with everybody who was asked."""

    n: int
    since: datetime | None
    helpers: Sequence[Helper]

    @property
    def is_open(self) -> bool:
        return self.since is not None

    @property
    def asked(self) -> int:
        return len(self.helpers)

    @property
    def confirmed(self) -> int:
        return sum(one.confirmed is not None for one in self.helpers)

    @property
    def declined(self) -> int:
        return sum(one.declined is not None for one in self.helpers)

    @property
    def joined(self) -> int:
        """Who ever came."""
        return sum(one.has_joined for one in self.helpers)

    @property
    def released(self) -> int:
        """Who came and is not in it now."""
        return sum(one.has_joined and one.stands != support.JOINED for one in self.helpers)

    @property
    def given(self) -> timedelta:
        return sum((one.given for one in self.helpers), timedelta())

    @property
    def minutes(self) -> int:
        """Person-minutes, of the exact sum."""
        return round(self.given / _MINUTE)

    @property
    def effort(self) -> list[Helper]:
        """Who came, the first one first."""
        return sorted((one for one in self.helpers if one.first), key=lambda one: (one.first, str(one.user)))

    def standing_at(self, *statuses: str) -> int:
        return sum(one.stands in statuses for one in self.helpers)

    @property
    def waiting(self) -> int:
        """Who was asked and has not answered."""
        return self.standing_at("asked")

    @property
    def expected(self) -> int:
        return self.standing_at("confirmed")

    @property
    def inside(self) -> int:
        return self.standing_at(support.JOINED)


def tiers(incident: Incident, now: datetime) -> list[Tier]:
    """Both tiers. Two queries, none where nobody was ever asked."""
    state = incident.facts
    ids = {int(who.removeprefix("user:")) for tier in support.TIERS for who in support.marks_of(state, tier)}
    people = User.objects.in_bulk(ids) if ids else {}
    notes = _notes(incident) if ids else {}
    found = []
    for tier in support.TIERS:
        opened = state.fact(f"tier:{tier}")
        helpers = [
            _helper(people[int(who.removeprefix("user:"))], marks, support.standing(state, tier, who), now, notes)
            for who, marks in support.marks_of(state, tier).items()
        ]
        helpers.sort(key=lambda one: str(one.user))
        found.append(Tier(tier, moment(opened.since) if opened else None, helpers))
    return found


def _notes(incident: Incident) -> dict[int, str]:
    """What was written beside these entries: a reason, a skill."""
    rows = Event.objects.filter(incident=incident, kind="support").exclude(note=None).select_related("note")
    return {row.seq: row.note.text for row in rows if row.note and not row.note.redacted_at}


def _helper(user: User, marks: Sequence[Mark], stands: str, now: datetime, notes: dict[int, str]) -> Helper:
    begun = max(number for number, mark in enumerate(marks) if mark.status == "asked")
    latest = {mark.status: mark.at for mark in marks[begun:]}
    status = marks[-1].status
    if status == support.JOINED:
        latest.pop(support.RELEASED, None)
    if status == "declined":
        latest.pop("confirmed", None)
    else:
        latest.pop("declined", None)
    times = support.stretches(marks)
    return Helper(
        user=user,
        stands=stands,
        **{name: optional(latest.get(name)) for name in ("asked", "confirmed", "declined", "joined", "released")},
        given=support.given(marks, max(ms(now), times[-1][0]) if times else 0) * MS,
        first=moment(times[0][0]) if times else None,
        last=optional(times[-1][1]) if times else None,
        has_joined=bool(times),
        note=next((notes[mark.seq] for mark in reversed(marks[begun:]) if mark.seq in notes), ""),
    )


@dataclass(frozen=True)
class Ask:
    """Somebody is asked to help in an incident, or helps in it."""

    incident: Incident
    tier: int
    me: Helper


def asked_of(user: User) -> list[Ask]:
    """In which live incidents a person is asked for or helping, the latest first. At most two queries."""
    here = Q(state__support__1__has_key=_key(user)) | Q(state__support__2__has_key=_key(user))
    rows = Incident.objects.live().filter(here).select_related("type", "site")
    rows = rows.filter(Q(restricted=False) | Q(pk__in=user.named_in.values("pk")))
    now = db_now()
    return [ask for incident in rows for ask in part_of(user, incident, now)]


def part_of(user: User, incident: Incident, now: datetime) -> list[Ask]:
    """What one person is asked for in one incident, the second tier first. No query."""
    state = incident.facts
    found = []
    for tier in reversed(support.TIERS):
        if stands := support.standing(state, tier, _key(user)):
            found.append(Ask(incident, tier, _helper(user, support.marks_of(state, tier)[_key(user)], stands, now, {})))
    return found
