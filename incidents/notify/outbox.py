"""Notices become outbox rows in the same transaction as the event; recipients are resolved now.

All that one write has to tell one person is one letter, on screen and over the first of their channels; whoever is called
gets a letter of its own for that, which the answer stops.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from contactops import bulk
from contactops.accounts.models import Channel, ContactPoint, Role, User
from contactops.bulk import Row
from incidents.duty import Groups, group_for
from incidents.engine.lifecycle import CLOSED
from incidents.engine.turn import Noticed, Turn
from incidents.models import Incident, Notification, Report
from incidents.models.outbox import DELIVERED, QUEUED, SUPPRESSED
from incidents.times import moment
from plans import selectors as plans
from plans.models import Group

ALWAYS = ("G-LEAD", "G-SUP")  # looked up in every write: they hear when a named group has nobody
MUST_BE_HEARD = ("group", "person", "commander")  # if not by them, then by somebody
EXPIRES = timedelta(hours=4)
CONSOLE_ONLY = frozenset({"agents"})  # an audience as large as a floor is told on screen

# After these a call-out may be over: whoever has not been told of it yet need not be.
ENDS_CALLS = frozenset({"answered", "handed_over", "deactivated", "stood_down", "closed", "cancelled", "merged_into"})


@dataclass
class _People:
    """Everybody who could be meant in one batch, read in a fixed number of queries."""

    members: dict[int, list[User]] = field(default_factory=dict)
    agents: dict[int | None, list[User]] = field(default_factory=dict)
    reporters: dict[int, list[User]] = field(default_factory=dict)
    by_id: dict[int, User] = field(default_factory=dict)
    points: dict[int, ContactPoint] = field(default_factory=dict)
    participants: dict[int, set[int]] = field(default_factory=dict)


@dataclass
class _Letter:
    """What one person is to be told by one write; `ladder`: by which they are called."""

    user: User
    ladder: str = ""
    items: list[dict[str, Any]] = field(default_factory=list)
    on_screen_only: bool = True


Letters = dict[tuple[int, str], _Letter]


def write(turns: Sequence[tuple[Incident, Turn]], groups: Groups) -> None:
    """The outbox rows of these turns, and the groups they call to each incident. A fixed number of statements."""
    _stop_calls(turns)
    people = _read_people(turns, groups)
    bulk.insert(
        Notification, (row for incident, turn in turns for row in _rows(incident, turn, groups, people)), ignore=True
    )
    called = {(incident.pk, group.pk) for incident, turn in turns for group in _called(incident, turn, groups)}
    links = ({"incident_id": incident, "group_id": group} for incident, group in sorted(called))
    bulk.insert(Incident.called.through, links, ignore=True)


def _stop_calls(turns: Sequence[tuple[Incident, Turn]]) -> None:
    """What still waits to be sent of call-outs that have ended is not sent."""
    over = Q()
    for incident, turn in turns:
        if not any(event.kind in ENDS_CALLS for event in turn.events):
            continue
        if turn.state.status == CLOSED:
            over |= Q(incident=incident) & ~Q(ladder="")
        else:
            ended = [name for name in turn.state.callouts if not turn.state.holds(f"callout:{name}")]
            handed = [event.facts["ladder"] for event in turn.events if event.kind == "handed_over"]
            over |= Q(incident=incident, ladder__in=[*ended, *handed])
    if over:
        Notification.objects.filter(over, state=QUEUED).update(state=SUPPRESSED)


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
    meant = [who for _, notice in notices for who in (notice.to[1], *notice.facts.get("people", ()))]
    named = {int(who.removeprefix("user:")) for who in meant if who.startswith("user:")}
    sites = {incident.site_id for incident, notice in notices if notice.to == ("audience", "agents")}
    for user in User.objects.filter(Q(pk__in=named) | Q(site__in=sites, role=Role.AGENT), is_active=True):
        people.by_id[user.pk] = user
        if user.role == Role.AGENT:
            people.agents.setdefault(user.site_id, []).append(user)
    heard = {incident.pk for incident, notice in notices if notice.to[0] == "reporters"}
    for report in Report.objects.filter(incident__in=heard, reporter__is_active=True).select_related("reporter"):
        people.reporters.setdefault(report.incident_id, []).append(report.reporter)
        people.by_id[report.reporter_id] = report.reporter
    for point in ContactPoint.objects.exclude(channel=Channel.CONSOLE).filter(user__in=people.by_id):
        people.points.setdefault(point.user_id, point)
    drills = Incident.participants.through.objects.filter(incident__in=[incident.pk for incident, _ in turns])
    for incident_id, user_id in drills.values_list("incident_id", "user_id"):
        people.participants.setdefault(incident_id, set()).add(user_id)
    return people


def _rows(incident: Incident, turn: Turn, groups: Groups, people: _People) -> Iterable[Row]:
    if not turn.events or incident.kind == "backfilled":
        return  # what is keyed in afterwards is news to nobody
    letters: Letters = {}
    for noticed in turn.notices:
        _address(incident, noticed, groups, people, letters)
    first, now = turn.events[0], moment(turn.state.as_of)
    for letter in letters.values():
        if incident.kind == "drill" and letter.user.pk not in people.participants.get(incident.pk, ()):
            continue  # a drill reaches its participants only
        name = ":".join(filter(None, (incident.ref, str(first.seq), str(letter.user.pk), letter.ladder)))
        row = {
            **_NEW,
            "incident_id": incident.pk,
            "recipient_id": letter.user.pk,
            "letter": name,
            "channel": Channel.CONSOLE,
            "dedup_key": f"{name}:{Channel.CONSOLE}",
            "items": letter.items,
            "ladder": letter.ladder,
            "first": first.seq == 1,
            "state": DELIVERED,
            "created_at": now,
            "next_try_at": now,
            "expires_at": now + EXPIRES,
            "handed_at": now,
        }
        yield row
        if not letter.on_screen_only and (point := people.points.get(letter.user.pk)):
            yield over(point, row, now)


# The columns of a message of which nothing has become yet.
_NEW: Row = {"address": "", "in_digest": False, "attempts": 0, "state": QUEUED, "handed_at": None}
_CARRIED = ("incident_id", "recipient_id", "letter", "items", "ladder", "first", "expires_at")


def over(point: ContactPoint, letter: Row, now: datetime) -> Row:
    """The row of the same letter over one of the recipient's channels, to be sent at once."""
    return {
        **_NEW,
        **{name: letter[name] for name in _CARRIED},
        "channel": point.channel,
        "address": point.address,
        "dedup_key": f"{letter['letter']}:{point.channel}:{point.pk}",
        "created_at": now,
        "next_try_at": now,
    }


def _address(incident: Incident, noticed: Noticed, groups: Groups, people: _People, letters: Letters) -> None:
    notice = noticed.notice
    users = _recipients(incident, noticed, groups, people)
    item = {"kind": notice.kind, "seq": noticed.event.seq, **notice.facts}
    if not users and notice.to[0] in MUST_BE_HEARD:
        users = _fallback(incident, groups, people)
        if notice.to[0] == "group":
            item["nobody_in"] = notice.to[1]
    if "absent" in item:
        item["nobody_in"] = item.pop("absent")
    ladder = notice.facts.get("ladder", "")
    for user in users:
        letter = letters.setdefault((user.pk, ladder), _Letter(user, ladder))
        if item not in letter.items:
            letter.items.append(item)
        if notice.to[1] not in CONSOLE_ONLY and notice.to[0] != "reporters":
            letter.on_screen_only = False


def _recipients(incident: Incident, noticed: Noticed, groups: Groups, people: _People) -> list[User]:
    what, name = noticed.notice.to
    if "people" in noticed.notice.facts:
        return _known(noticed.notice.facts["people"], people)
    if what == "group":
        group = group_for(groups, name, incident.site_id)
        return people.members.get(group.pk, []) if group else []
    if what in ("person", "commander"):
        return _known([name], people)
    if what == "reporters":
        return people.reporters.get(incident.pk, [])
    if name == "agents":
        return people.agents.get(incident.site_id, [])
    if name == "leaders":
        return _fallback(incident, groups, people)
    return []  # customers hear through the centre's own lines; the update is what agents read to them


def _known(names: Iterable[str], people: _People) -> list[User]:
    """The active people among these, as the engine names them."""
    ids = [int(name.removeprefix("user:")) for name in names if name.startswith("user:")]
    return [people.by_id[pk] for pk in ids if pk in people.by_id]


def _fallback(incident: Incident, groups: Groups, people: _People) -> list[User]:
    """The leading group; when nobody is in it either, the supervisors of the site."""
    for key in ALWAYS:
        group = group_for(groups, key, incident.site_id)
        if group and (members := people.members.get(group.pk)):
            return members
    return []
