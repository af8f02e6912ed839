"""The verbs of the roster: add, change, remove, replace, swap, import, renew a calendar's address.

Supervisors and managers keep the roster of their own sites, administrators that of the whole organisation; a shift that
counts everywhere is a manager's or an administrator's. Everybody but auditors may ask for a swap of a shift of their own.
What is over stays as it was: it says whom the console called.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from contactops.accounts.models import Role, User
from contactops.errors import Conflict, Invalid, NotAllowed, NotFound
from plans import roster_csv
from plans.models import CalendarFeed, Group, Membership, Shift, ShiftSource, Site, SwapRequest, SwapState
from plans.names import Names
from plans.roster_csv import Line, Lines
from plans.times import db_now

KEEPERS = frozenset({Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR})
EVERYWHERE = frozenset({Role.MANAGER, Role.ADMINISTRATOR})
LONGEST = timedelta(days=31)
BATCH = 1000


def keeps_any(person: User) -> bool:
    """Whether this person keeps a roster at all."""
    return person.is_active and person.role in KEEPERS


def keeps(person: User, site: Site | None) -> bool:
    """Whether they keep the roster of what counts at this site; None: everywhere."""
    if not keeps_any(person):
        return False
    if site is None:
        return person.role in EVERYWHERE
    return person.role == Role.ADMINISTRATOR or site.pk in person.own_site_ids


def _require(person: User, site: Site | None) -> None:
    if not keeps(person, site):
        raise NotAllowed(_not_kept(person, site))


def _not_kept(person: User, site: Site | None) -> str:
    if not keeps_any(person):
        return _("Your role does not allow this.")
    if site is None:
        return _("A shift that counts everywhere is entered by a manager: choose a site.")
    return _("You do not keep the roster of %(site)s.") % {"site": site}


# Shifts


@transaction.atomic
def add(
    *,
    actor: User,
    group: str,
    person: str,
    starts_at: datetime,
    ends_at: datetime,
    site: str = "",
    override: bool = False,
) -> tuple[Shift, bool]:
    """Put somebody on duty. The very same shift again is the one that stands already; the second value says whether it is
    new."""
    _require_keeper(actor)
    names = Names.load()
    where, counts_at = names.place(site, group)
    _require(actor, where.site or counts_at)
    shift = Shift(
        group=where,
        site=counts_at,
        person=names.person(person, where),
        starts_at=starts_at,
        ends_at=ends_at,
        is_override=override,
        entered_by=actor,
    )
    return _put(shift)


def add_line(*, actor: User, line: Mapping[str, str]) -> tuple[Shift, bool]:
    """The same as a form or a file says it: day and times on the wall of the site."""
    _require_keeper(actor)
    shift = _shift(Line(0, dict(line)), Names.load())
    _require(actor, shift.counts_at)
    shift.entered_by = actor
    with transaction.atomic():
        return _put(shift)


def _require_keeper(actor: User) -> None:
    if not keeps_any(actor):
        raise NotAllowed(_("Your role does not allow this."))


def _put(shift: Shift) -> tuple[Shift, bool]:
    """Stored, unless it stands there already or cannot be. The group is locked, so that nobody does the same meanwhile."""
    Group.objects.select_for_update().get(pk=shift.group_id)
    _check_times(shift)
    same = Shift.objects.filter(
        group=shift.group_id,
        site=shift.site_id,
        person=shift.person_id,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        is_override=shift.is_override,
    )
    known = (same.filter(replaces=shift.replaces_id) if shift.replaces_id else same).first()
    if known:
        return known, False
    _check_overlap(shift)
    shift.save()
    return shift, True


def _check_times(shift: Shift) -> None:
    if shift.ends_at <= shift.starts_at:
        raise Invalid(_("A shift ends after it begins."), field="ends_at")
    if shift.ends_at - shift.starts_at > LONGEST:
        raise Invalid(_("A shift lasts at most 31 days."), field="ends_at")


def _check_overlap(shift: Shift) -> None:
    rows = Shift.objects.filter(
        group=shift.group_id, site=shift.site_id, person=shift.person_id, is_override=shift.is_override
    )
    if shift.is_override:  # which may lie over each other, but not be the same
        rows = rows.filter(starts_at=shift.starts_at, ends_at=shift.ends_at, replaces=shift.replaces_id)
    others = rows.filter(starts_at__lt=shift.ends_at, ends_at__gt=shift.starts_at).exclude(pk=shift.pk)
    if other := others.first():
        raise Conflict(_overlaps(shift, other))


def _overlaps(shift: Shift, other: Shift) -> str:
    zone = roster_csv.zone_of(shift.counts_at)
    when = " – ".join(f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in (other.starts_at, other.ends_at))
    return _("%(person)s is on a shift of this group then: %(when)s.") % {"person": shift.person, "when": when}


def _locked(pk: int) -> Shift:
    """The shift with its group locked, or NotFound."""
    group = Group.objects.select_for_update(of=("self",)).filter(shifts__pk=pk).order_by("pk").first()
    rows = Shift.objects.select_related("group__site", "site", "person")
    shift = rows.filter(pk=pk).first() if group else None
    if shift is None:
        raise NotFound(_("There is no such shift."))
    return shift


def _require_not_over(shift: Shift, now: datetime) -> None:
    if shift.ends_at <= now:
        raise Conflict(_("This shift is over; what was stays."), code="over")


@transaction.atomic
def change(*, actor: User, shift: int, starts_at: datetime, ends_at: datetime) -> Shift:
    """Other times for a shift that is not over. What has been cannot be changed by it."""
    found, now = _locked(shift), db_now()
    _require(actor, found.counts_at)
    _require_not_over(found, now)
    if starts_at != found.starts_at and min(starts_at, found.starts_at) < now:
        raise Invalid(_("What has begun has begun: only the end can be changed."), field="starts_at")
    if ends_at < now:
        raise Invalid(_("That is over already."), field="ends_at")
    found.starts_at, found.ends_at, found.entered_by = starts_at, ends_at, actor
    _check_times(found)
    _check_overlap(found)
    found.save()
    return found


@transaction.atomic
def remove(*, actor: User, shift: int) -> Shift:
    """Take it out of the roster; one that has begun ends now instead. What replaced it stays."""
    found, now = _locked(shift), db_now()
    _require(actor, found.counts_at)
    _require_not_over(found, now)
    if found.starts_at < now:
        found.ends_at, found.entered_by = now, actor
        found.save()
        _close_swaps(found, now)
    else:
        Shift.objects.filter(pk=found.pk).delete()  # the object keeps its id, to be told of
    return found


def _close_swaps(shift: Shift, now: datetime) -> None:
    SwapRequest.objects.filter(shift=shift, state=SwapState.ASKED).update(state=SwapState.WITHDRAWN, decided_at=now)


@transaction.atomic
def replace(
    *, actor: User, shift: int, person: str, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> tuple[Shift, bool]:
    """Somebody else takes a shift, or the part of it that is named: an override in its place."""
    found = _locked(shift)
    _require(actor, found.counts_at)
    now = db_now()
    _require_not_over(found, now)
    taker = Names.load().person(person, found.group)
    starts_at, ends_at = starts_at or max(found.starts_at, now), ends_at or found.ends_at
    if starts_at < found.starts_at or ends_at > found.ends_at:
        raise Invalid(_("A replacement lies within the shift that it replaces."), field="starts_at")
    covering = found.replacements.filter(person=taker, starts_at__lte=starts_at, ends_at__gte=ends_at)
    if known := covering.select_related("group__site", "site", "person").first():
        return known, False
    return _take(found, taker, starts_at, ends_at, actor, ShiftSource.PLANNED)


def _take(
    shift: Shift, taker: User, starts_at: datetime, ends_at: datetime, actor: User, source: ShiftSource
) -> tuple[Shift, bool]:
    if taker.pk == shift.person_id:
        raise Invalid(_("That is who has the shift already."), field="person")
    override = Shift(
        group=shift.group,
        site=shift.site,
        person=taker,
        starts_at=starts_at,
        ends_at=ends_at,
        is_override=True,
        replaces=shift,
        source=source,
        entered_by=actor,
    )
    return _put(override)


# Swaps


@transaction.atomic
def ask_swap(*, actor: User, shift: int, person: str, reason: str = "") -> SwapRequest:
    """Ask somebody of the group to take a shift of one's own. The same question again is the one that is open."""
    found, now = _locked(shift), db_now()
    if actor.role == Role.AUDITOR or not actor.is_active or found.person_id != actor.pk:
        raise NotAllowed(_("You may ask for a swap of your own shifts only."))
    _require_not_over(found, now)
    taker = Names.load().person(person, found.group)
    if taker == actor:
        raise Invalid(_("Ask somebody else."), field="person")
    open_one = SwapRequest.objects.filter(shift=found, state=SwapState.ASKED).select_related("asked_of").first()
    if open_one and open_one.asked_of == taker:
        return open_one
    if open_one:
        said = _("%(person)s has been asked already: withdraw that first.") % {"person": open_one.asked_of}
        raise Conflict(said, code="asked")
    _require_not_taken(found, now)
    return SwapRequest.objects.create(shift=found, asked_by=actor, asked_of=taker, reason=reason, asked_at=now)


def _require_not_taken(shift: Shift, now: datetime) -> None:
    if shift.replacements.filter(ends_at__gt=now, person__is_active=True).exists():
        raise Conflict(_("Somebody has taken this shift already."), code="taken")


def _swap(pk: int) -> SwapRequest:
    rows = SwapRequest.objects.select_related("asked_by", "asked_of")
    swap = rows.filter(pk=pk).first()
    if swap is None:
        raise NotFound(_("There is no such swap."))
    swap.shift = _locked(swap.shift_id)
    swap.refresh_from_db(fields=["state", "decided_at"])  # as it is now that nobody else decides
    return swap


@transaction.atomic
def _decide(*, actor: User, swap: int, state: SwapState) -> SwapRequest:
    """Answer for oneself, or take one's own question back. The same answer again changes nothing."""
    found = _swap(swap)
    whose = found.asked_by_id if state == SwapState.WITHDRAWN else found.asked_of_id
    if not _knows(actor, found):
        raise NotFound(_("There is no such swap."))
    if whose != actor.pk or actor.role == Role.AUDITOR:
        raise NotAllowed(_("That is for somebody else to say."))
    if found.state == state:
        return found
    if found.state != SwapState.ASKED:
        said = _("This has been answered: %(state)s.") % {"state": found.get_state_display()}
        raise Conflict(said, code="answered")
    now = db_now()
    if state == SwapState.ACCEPTED:
        _require_not_over(found.shift, now)
        _require_not_taken(found.shift, now)
        _check_still_member(actor, found.shift.group)
        _take(found.shift, actor, max(found.shift.starts_at, now), found.shift.ends_at, actor, ShiftSource.SWAP)
    found.state, found.decided_at = state, now
    found.save(update_fields=["state", "decided_at"])
    return found


def _knows(person: User, swap: SwapRequest) -> bool:
    """The two of them, whoever keeps the roster, and auditors, who only look."""
    involved = person.pk in (swap.asked_by_id, swap.asked_of_id)
    return involved or person.role == Role.AUDITOR or keeps(person, swap.shift.counts_at)


def _check_still_member(person: User, group: Group) -> None:
    if not Membership.objects.filter(group=group, user=person).exists():
        raise Conflict(
            _("%(person)s is not in %(group)s.") % {"person": person, "group": group.key}, code="not_in_group"
        )


Decide = Callable[..., SwapRequest]
SWAP_VERBS: Mapping[str, Decide] = {
    "accept": partial(_decide, state=SwapState.ACCEPTED),
    "decline": partial(_decide, state=SwapState.DECLINED),
    "withdraw": partial(_decide, state=SwapState.WITHDRAWN),
}


# Import


class Refused(Invalid):
    """A file that is not taken over: every line that is wrong, with its number."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("", field="csv")
        self.fields = {"csv": list(lines)}


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file led to, or would lead to: what is new, and how much of it stands already."""

    added: list[Shift]
    unchanged: int


@transaction.atomic
def import_shifts(*, actor: User, data: str | bytes, preview: bool = False) -> Imported:
    """Every line of a file becomes a shift, or none does. What stands already is left as it is, so that the same file again
    changes nothing; nothing is ever removed. A file in which no line is theirs to enter is not allowed. The number of
    statements does not depend on the number of lines."""
    _require_keeper(actor)
    read = roster_csv.read(data)
    if read.faults:
        raise Refused(read.faults)
    names, faults = Names.load(), Faults(read.wrong)
    wanted = _wanted(read, names, actor, faults)
    if len(faults.foreign) == len(read.lines) > 0:
        raise NotAllowed(faults.foreign[0])
    standing = _standing([shift for _line, shift in wanted])
    known = {_same(shift) for shift in standing}
    added = [(line, shift) for line, shift in wanted if _same(shift) not in known]
    _find_overlaps(added, standing, faults)
    if faults.found:
        raise Refused(faults.in_order())
    shifts = [shift for _line, shift in added]
    if not preview:
        Shift.objects.bulk_create(shifts, batch_size=BATCH)
    return Imported(shifts, len(wanted) - len(shifts))


class Faults:
    """What is wrong with which line."""

    def __init__(self, found: Sequence[tuple[int, str]]) -> None:
        self.found = list(found)
        self.foreign: list[str] = []  # of those, why some are somebody else's to enter

    def add(self, line: int, why: str) -> None:
        self.found.append((line, why))

    def in_order(self) -> list[str]:
        return [roster_csv.at_line(line, why) for line, why in sorted(self.found)]


Numbered = tuple[int, Shift]


def _wanted(read: Lines, names: Names, actor: User, faults: Faults) -> list[Numbered]:
    found: list[Numbered] = []
    seen: dict[tuple[object, ...], int] = {}
    kept: dict[int | None, bool] = {}
    for line in read.lines:
        try:
            shift = _shift(line, names)
            _check_times(shift)
        except Invalid as error:
            faults.add(line.number, " ".join(text for texts in error.fields.values() for text in texts))
            continue
        site = shift.counts_at
        key = site.pk if site else None
        if key not in kept:
            kept[key] = keeps(actor, site)
        if not kept[key]:
            faults.add(line.number, _not_kept(actor, site))
            faults.foreign.append(_not_kept(actor, site))
        elif (first := seen.setdefault(_same(shift), line.number)) != line.number:
            faults.add(line.number, _("it says the same as line %(n)s.") % {"n": first})
        else:
            shift.source, shift.entered_by = ShiftSource.IMPORT, actor
            found.append((line.number, shift))
    return found


def _shift(line: Line, names: Names) -> Shift:
    """One line as a shift that is not stored yet."""
    group, site = names.place(line["site"], line["group"])
    person = names.person(line["person"], group)
    starts_at, ends_at = roster_csv.times(line, roster_csv.zone_of(group.site or site))
    return Shift(
        group=group,
        site=site,
        person=person,
        starts_at=starts_at,
        ends_at=ends_at,
        is_override=roster_csv.says_yes(line["override"]),
    )


def _same(shift: Shift) -> tuple[object, ...]:
    """Two shifts that agree in this are one."""
    who = (shift.group_id, shift.site_id, shift.person_id)
    return (*who, shift.starts_at, shift.ends_at, shift.is_override)


def _standing(wanted: Sequence[Shift]) -> list[Shift]:
    """What stands already of these groups in the time that the file spans; the groups are locked. Two queries."""
    if not wanted:
        return []
    groups = {shift.group_id for shift in wanted}
    list(Group.objects.select_for_update().filter(pk__in=groups).order_by("pk"))
    first = min(shift.starts_at for shift in wanted)
    last = max(shift.ends_at for shift in wanted)
    return list(Shift.objects.filter(group__in=groups, starts_at__lt=last, ends_at__gt=first))


def _find_overlaps(added: Iterable[Numbered], standing: Iterable[Shift], faults: Faults) -> None:
    """Nobody is planned twice at a time in one group, neither within the file nor with what stands."""
    by_person: dict[tuple[object, ...], list[Numbered]] = {}
    numbered = [*((0, shift) for shift in standing), *added]
    for line, shift in numbered:
        if not shift.is_override:
            by_person.setdefault((shift.group_id, shift.site_id, shift.person_id), []).append((line, shift))
    for rows in by_person.values():
        rows.sort(key=lambda row: (row[1].starts_at, row[1].ends_at))
        reaching = rows[0]
        for row in rows[1:]:
            if row[1].starts_at < reaching[1].ends_at:
                _tell_overlap(reaching, row, faults)
            reaching = max(reaching, row, key=lambda one: one[1].ends_at)


def _tell_overlap(one: Numbered, other: Numbered, faults: Faults) -> None:
    """To the later line of the two; what stands has the number 0."""
    (line, shift), (first, against) = max(one, other, key=_number), min(one, other, key=_number)
    if first:
        said = _("%(person)s is on a shift of this group then, by line %(n)s.")
        faults.add(line, said % {"person": shift.person, "n": first})
    elif line:
        faults.add(line, _overlaps(shift, against))


def _number(row: Numbered) -> int:
    return row[0]


# Calendars


@transaction.atomic
def renew_feed(*, actor: User) -> CalendarFeed:
    """A new address for one's own shifts; the one before is shut."""
    feed, _made = CalendarFeed.objects.update_or_create(user=actor, defaults={"key": secrets.token_urlsafe(32)})
    return feed


@transaction.atomic
def shut_feed(*, actor: User) -> None:
    """No address any more."""
    CalendarFeed.objects.filter(user=actor).delete()
