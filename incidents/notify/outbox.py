"""Notices become outbox rows in the same transaction as the event; recipients are resolved now.

All that one write has to tell one person over one channel is one message.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Q

from contactops.accounts.models import Channel, ContactPoint, Role, User
from incidents.engine.turn import Noticed, Turn
from incidents.models import Incident, Notification, Report
from incidents.models.outbox import DELIVERED, QUEUED
from incidents.times import moment
from plans import selectors as plans
from plans.models import Group

ALWAYS = ("G-LEAD", "G-SUP")  # looked up in every write: they hear when a named group has nobody
MUST_BE_HEARD = ("group", "person", "commander")  # if not by them, then by somebody
EXPIRES = timedelta(hours=4)
CONSOLE_ONLY = frozenset({"agents"})  # an audience as large as a floor is told on screen

Groups = Mapping[tuple[str, int | None], Group]


def group_for(groups: Groups, key: str, site_id: int | None) -> Group | None:
    """The site's own group, else the organisation's."""
    return groups.get((key, site_id)) or groups.get((key, None))


@dataclass
class _People:
    """Everybody who could be meant in one batch, read in a fixed number of queries."""

    members: dict[int, list[User]] = field(default_factory=dict)
    agents: dict[int | None, list[User]] = field(default_factory=dict)
    reporters: dict[int, list[User]] = field(default_factory=dict)
    by_id: dict[int, User] = field(default_factory=dict)
    emails: dict[int, str] = field(default_factory=dict)
    participants: dict[int, set[int]] = field(default_factory=dict)


@dataclass
class _Letter:
    """What one person is to be told by one write."""

    user: User
    items: list[dict[str, Any]] = field(default_factory=list)
    ladder: str = ""
    on_screen_only: bool = True


def write(turns: Sequence[tuple[Incident, Turn]], groups: Groups) -> None:
    """The outbox rows of these turns, and the groups they call to each incident. A fixed number of statements."""
    people = _read_people(turns, groups)
    rows = [row for incident, turn in turns for row in _rows(incident, turn, groups, people)]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    called = {(incident.pk, group.pk) for incident, turn in turns for group in _called(incident, turn, groups)}
    link = Incident.called.through
    link.objects.bulk_create(
        [link(incident_id=incident, group_id=group) for incident, group in sorted(called)], ignore_conflicts=True
    )


def _called(incident: Incident, turn: Turn, groups: Groups) -> Iterable[Group]:
    for event in turn.events:
        if event.kind == "step_opened" and (group := group_for(groups, event.facts["group"], incident.site_id)):
            yield group
    for noticed in turn.notices:
        what, name = noticed.notice.to
        key = ALWAYS[0] if (what, name) == ("audience", "leaders") else name if what == "group" else ""
        if group := group_for(groups, key, incident.site_id):
            yield group


def _read_people(turns: Sequence[tuple[Incident, Turn]], groups: Groups) -> _People:
    people = _People()
    people.members = plans.people_of(groups.values())
    people.by_id = {user.pk: user for members in people.members.values() for user in members}
    notices = [(incident, noticed.notice) for incident, turn in turns for noticed in turn.notices]
    named = {int(notice.to[1].removeprefix("user:")) for _, notice in notices if notice.to[1].startswith("user:")}
    sites = {incident.site_id for incident, notice in notices if notice.to == ("audience", "agents")}
    for user in User.objects.filter(Q(pk__in=named) | Q(site__in=sites, role=Role.AGENT), is_active=True):
        people.by_id[user.pk] = user
        if user.role == Role.AGENT:
            people.agents.setdefault(user.site_id, []).append(user)
    heard = {incident.pk for incident, notice in notices if notice.to[0] == "reporters"}
    for report in Report.objects.filter(incident__in=heard, reporter__is_active=True).select_related("reporter"):
        people.reporters.setdefault(report.incident_id, []).append(report.reporter)
        people.by_id[report.reporter_id] = report.reporter
    points = ContactPoint.objects.filter(channel=Channel.EMAIL, user__in=people.by_id).order_by("user", "-order")
    people.emails = dict(points.values_list("user_id", "address"))
    drills = Incident.participants.through.objects.filter(incident__in=[incident.pk for incident, _ in turns])
    for incident_id, user_id in drills.values_list("incident_id", "user_id"):
        people.participants.setdefault(incident_id, set()).add(user_id)
    return people


def _rows(incident: Incident, turn: Turn, groups: Groups, people: _People) -> Iterable[Notification]:
    if not turn.events or incident.kind == "backfilled":
        return  # what is keyed in afterwards is news to nobody
    letters: dict[int, _Letter] = {}
    for noticed in turn.notices:
        _address(incident, noticed, groups, people, letters)
    first, now = turn.events[0], moment(turn.state.as_of)
    for letter in letters.values():
        if incident.kind == "drill" and letter.user.pk not in people.participants.get(incident.pk, ()):
            continue  # a drill reaches its participants only
        channels = [(Channel.CONSOLE, "")]
        if not letter.on_screen_only and (address := people.emails.get(letter.user.pk)):
            channels.append((Channel.EMAIL, address))
        for channel, address in channels:
            yield Notification(
                incident=incident,
                recipient=letter.user,
                channel=channel,
                address=address,
                dedup_key=f"{incident.ref}:{first.seq}:{letter.user.pk}:{channel}",
                items=letter.items,
                ladder=letter.ladder,
                first=first.seq == 1,
                state=DELIVERED if channel == Channel.CONSOLE else QUEUED,
                created_at=now,
                next_try_at=now,
                expires_at=now + EXPIRES,
                handed_at=now if channel == Channel.CONSOLE else None,
            )


def _address(
    incident: Incident, noticed: Noticed, groups: Groups, people: _People, letters: dict[int, _Letter]
) -> None:
    notice = noticed.notice
    users = _recipients(incident, noticed, groups, people)
    item = {"kind": notice.kind, "seq": noticed.event.seq, **notice.facts}
    if not users and notice.to[0] in MUST_BE_HEARD:
        users = _fallback(incident, groups, people)
        if notice.to[0] == "group":
            item["nobody_in"] = notice.to[1]
    for user in users:
        letter = letters.setdefault(user.pk, _Letter(user))
        if item not in letter.items:
            letter.items.append(item)
        letter.ladder = letter.ladder or notice.facts.get("ladder", "")
        if notice.to[1] not in CONSOLE_ONLY and notice.to[0] != "reporters":
            letter.on_screen_only = False


def _recipients(incident: Incident, noticed: Noticed, groups: Groups, people: _People) -> list[User]:
    what, name = noticed.notice.to
    if what == "group":
        group = group_for(groups, name, incident.site_id)
        members = people.members.get(group.pk, []) if group else []
        return members[:1] if noticed.notice.kind == "callout" else members
    if what in ("person", "commander"):
        user = people.by_id.get(int(name.removeprefix("user:"))) if name else None
        return [user] if user else []
    if what == "reporters":
        return people.reporters.get(incident.pk, [])
    if name == "agents":
        return people.agents.get(incident.site_id, [])
    if name == "leaders":
        return _fallback(incident, groups, people)
    return []  # customers hear through the centre's own lines; the update is what agents read to them


def _fallback(incident: Incident, groups: Groups, people: _People) -> list[User]:
    """The leading group; when nobody is in it either, the supervisors of the site."""
    for key in ALWAYS:
        group = group_for(groups, key, incident.site_id)
        if group and (members := people.members.get(group.pk)):
            return members
    return []
