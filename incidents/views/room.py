"""The incident's room: what is next, what can be done, and the form that was refused."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from contactops.accounts.models import Role, User
from contactops.http import Request
from contactops.reading import one_instant
from incidents import access, calls, helpers, selectors, warned, wording
from incidents.engine import lifecycle
from incidents.engine.plan import AUDIENCES, LEVELS
from incidents.models import Incident, Notification
from incidents.models.incident import SCOPES
from incidents.notify import wording as letters
from incidents.selectors import Room, StepView
from incidents.times import moment
from incidents.views.filters import Choices
from incidents.views.forms import Sent
from plans.models import IncidentType
from plans.texts import say

LINES = 30  # of the timeline, until all are asked for


@require_safe
@one_instant()
def room(request: Request, ref: str) -> HttpResponse:
    """The incident. One that was merged leads to the one it was merged into."""
    incident = access.incident_for(request.user, ref)
    if incident.merged_into:
        text = _("%(ref)s was merged into this incident.") % {"ref": incident.ref}
        messages.info(request, text)
        return redirect("room", ref=incident.merged_into.ref)
    return _show(request, incident)


@one_instant()
def refused_in_room(request: Request, ref: str, sent: Sent) -> HttpResponse:
    """The room as it is now, and in it the form that was refused."""
    return _show(request, access.incident_for(request.user, ref), sent)


def _show(request: Request, incident: Incident, sent: Sent | None = None) -> HttpResponse:
    context = RoomPage(request.user, incident, sent, whole=bool(request.GET.get("all"))).context()
    return render(request, "incidents/room.html", context, status=sent.status if sent else 200)


@dataclass(frozen=True)
class Letters:
    """What one person was sent about one incident."""

    rows: list[Any]  # of selectors.notifications

    @property
    def answered(self) -> bool:
        return any(one.acknowledged_at or one.declined_at for one in self.rows)

    @property
    def seen(self) -> bool:
        return any(one.read_at for one in self.rows)

    @property
    def words(self) -> str:
        """The best that can be said of them: somebody who acknowledged once knows of it."""
        if any(one.acknowledged_at for one in self.rows):
            return _("acknowledged")
        if any(one.declined_at for one in self.rows):
            return _("declined")
        states = [one.state for one in self.rows]
        return letters.state_name(min(states, key=_GOOD.index))

    @property
    def is_unsure(self) -> bool:
        """Whether a try ended unseen: it may have been received twice."""
        return any(one.unsure for one in self.rows)


_GOOD = ("read", "delivered", "handed", "leased", "queued", "unknown", "suppressed", "expired", "failed")


class RoomPage:
    """What the room's template shows. Built once per request, from a fixed number of queries."""

    def __init__(self, user: User, incident: Incident, sent: Sent | None, *, whole: bool = False) -> None:
        self.user, self.incident, self.sent, self.whole = user, incident, sent, whole
        self.room: Room = selectors.room(incident, user)
        self.blocking = selectors.blocking(incident)

    def context(self) -> dict[str, Any]:
        room, promises, lines = (
            self.room,
            selectors.promises(self.incident, self.room.now),
            selectors.timeline(self.incident),
        )
        kept = [one for one in promises if one.timer.state == "pending" or one.paused]
        return {
            "room": room,
            "page_key": uuid.uuid4(),
            "incident": self.incident,
            "now": room.now,
            "sent": self.sent,
            "sent_is_offered": self._is_offered(),
            "standing": self._standing(),
            "teams": self._teams(),
            "next_step": min(room.open_steps, key=_urgency, default=None),
            "next_promise": next((one for one in promises if one.timer.state == "pending"), None),
            "is_triage": self._is_triage(),
            "pending": [one for one in kept if not one.is_deadline],
            "deadlines": [one for one in kept if one.is_deadline],
            "deadline_sent": any(self._is_sent(one) for one in kept if one.is_deadline),
            "settled": [one for one in promises if one.timer.state != "pending" and not one.paused],
            "done_count": sum(step.status == "done" for step in room.steps),
            **self._told(),
            "lines": (lines if self.whole else lines[-LINES:])[::-1],
            "line_count": len(lines),
            "tiers": self._tiers(),
            "calls": self._calls,
            "cadences": self._cadences(promises),
            "helped": [tier for tier in room.support if tier.is_open or tier.helpers],
            "runs_support": "support" in self._may,
            "asks": helpers.part_of(self.user, self.incident, room.now),
            "blocking": self.blocking,
            "may": self._may,
            **self._came_of(),
            **self._choices(),
        }

    def _came_of(self) -> dict[str, Any]:
        """The warnings it came of, and the level that their rules suggest: the worst."""
        rows = warned.of_incident(self.incident, self.user)
        level = min((row.rule.level for row in rows if row.rule.level), default="")
        return {"warnings": [(row, warned.limit_words(row)) for row in rows], "suggested_level": level}

    def _is_triage(self) -> bool:
        """Whether it still waits for a plan; so does one that was reopened without ever having had one."""
        waits = self.incident.status in lifecycle.TRIAGE or (self.incident.is_live and not self.room.activations)
        return waits and bool({"acknowledge", "assess", "activate"} & self._may)

    def _is_sent(self, promise: selectors.PromiseView) -> bool:
        return self.sent is not None and self.sent.form.startswith(f"promises/{promise.timer.pk}/")

    def _teams(self) -> list[tuple[str, list[StepView]]]:
        """The steps by group, the group with the most urgent open step first; in a group the open ones first."""
        teams: dict[str, list[StepView]] = {}
        for step in self.room.steps:
            teams.setdefault(say(step.group_name), []).append(step)
        for steps in teams.values():
            steps.sort(key=_urgency)
        return sorted(teams.items(), key=lambda team: _urgency(team[1][0]))

    def _tiers(self) -> list[dict[str, Any]]:
        state = self.incident.facts
        facts = {tier: state.fact(f"tier:{tier}") for tier in (1, 2)}
        return [{"n": n, "open": bool(fact), "since": fact and moment(fact.since)} for n, fact in facts.items()]

    @cached_property
    def _calls(self) -> list[calls.CallView]:
        """What is being called, or can be by whoever looks."""
        return [one for one in calls.calls(self.incident) if one.state != "idle" or "call-out" in self._may]

    def _cadences(self, promises: list[selectors.PromiseView]) -> list[dict[str, Any]]:
        """To whom updates are promised: when they last heard, and when the next word is due."""
        due = {one.timer.rule: one.timer.due_at for one in promises if one.timer.state == "pending"}
        told = [(who, self.incident.facts.fact(f"update:{who}")) for who in AUDIENCES if f"update-{who}" in due]
        return [
            {"name": wording.name(who), "last": fact and moment(fact.since), "due": due[f"update-{who}"]}
            for who, fact in told
        ]

    def _told(self) -> dict[str, Any]:
        """The messages by person, those who have not answered first; agents, who may be a whole floor, by themselves."""
        people: dict[User, list[Notification]] = {}
        for letter in selectors.notifications(self.incident).order_by("created_at", "pk"):
            people.setdefault(letter.recipient, []).append(letter)
        told = [(person, Letters(rows)) for person, rows in people.items()]
        told.sort(key=lambda one: (one[1].answered, str(one[0])))
        floor = [one for one in told if one[0].role == Role.AGENT]
        return {
            "told": [one for one in told if one[0].role != Role.AGENT],
            "floor": floor,
            "floor_seen": sum(letters.seen for _person, letters in floor),
        }

    @cached_property
    def _may(self) -> set[str]:
        """What is allowed now, with the verbs that the room does not offer as buttons of the incident."""
        extra = ("waive", "redact", "promises/extend", "promises/stop")
        legal = lifecycle.legal(self.incident.status)
        can = {verb for verb in extra if verb in legal and access.permitted(self.user, self.incident, verb)}
        return can | set(self.room.allowed)

    def _choices(self) -> dict[str, Any]:
        """What can be chosen in the forms; asked for only where a form that needs it is shown."""
        may = self._may
        assigns = any("assign" in step.allowed for step in self.room.steps)
        people = selectors.colleagues(self.incident) if assigns or may & {"command", "support", "hand-over"} else []
        offers = selectors.plans_to_activate(self.incident.type.default_plan_id) if may & {"activate", "level"} else []
        known = next((offer for offer in offers if offer.slug in self._active()), offers[0] if offers else None)
        return {
            "people": [(person.username, str(person)) for person in people],
            "groups": selectors.group_choices(self.incident) if "steps" in may else [],
            "types": _types() if "assess" in may else [],
            "verdicts": _named(lifecycle.VERDICTS),
            "scopes": _named(SCOPES),
            "plan_choices": [(offer.slug, offer.title) for offer in offers],
            "criteria": known.criteria if known else {},
            "criteria_plan": known.slug if known else "",
            "criteria_of": _("As the plan “%(plan)s” has it.") % {"plan": known.title} if known else "",
            "levels": self._levels("activate"),
            "new_levels": [choice for choice in self._levels("level") if choice[0] != self.incident.level],
            "audiences": self._audiences(),
            "delays": _delays(),
            "rhythms": _rhythms(),
            "cadence_choices": [choice for choice in self._audiences() if choice[0] in AUDIENCES],
            "outcomes": _named(("resolved", "false-alarm")),
            "condition_choices": [(one.name, one.words) for one in self.room.conditions],
            "holds_choices": [("true", _("so")), ("false", _("over"))],
            "tier_choices": [(1, _("first level")), (2, _("second level"))],
            "open_choices": [("true", _("open")), ("false", _("ended"))],
            "call_choices": [(one.ladder, one.title) for one in self._calls if one.state != "idle"],
            "open_tiers": self._open_tiers(),
            "quick": ("confirmed", "declined", "joined", "released"),
            "support_choices": _named(lifecycle.SUPPORT_MOVES),
            "circles": self._circles(),
            "gate_choices": [(gate, self.blocking.title(gate)) for gate in self.room.gates],
        }

    def _open_tiers(self) -> Choices:
        names = {1: _("first level"), 2: _("second level")}
        return [(str(tier.n), names[tier.n]) for tier in self.room.support if tier.is_open]

    def _circles(self) -> Choices:
        """Whom one can name together: those who stand at something, the agents of the site, a group."""
        if "support" not in self._may:
            return []
        stands = {one.stands for tier in self.room.support for one in tier.helpers}
        standing = [
            (status, _("everybody who is: %(status)s") % {"status": wording.name(status)})
            for status in lifecycle.SUPPORT_MOVES
            if status in stands
        ]
        agents = [(helpers.AGENTS, _("all agents of the site"))] if self.incident.site_id else []
        return [*standing, *agents, *selectors.group_choices(self.incident)]

    def _active(self) -> set[str]:
        return {one["plan"] for one in self.room.activations if not one["until"]}

    def _levels(self, verb: str) -> list[tuple[int, str]]:
        can = [n for n in LEVELS if access.permitted(self.user, self.incident, verb, {"level": n})]
        return [(level, wording.level_name(level)) for level in can]

    def _audiences(self) -> Choices:
        every = (*AUDIENCES, "all")
        can = [who for who in every if access.permitted(self.user, self.incident, "updates", {"audience": who})]
        return _named(can)

    def _is_offered(self) -> bool:
        """Whether the refused form is still on the page; otherwise its words are shown, so that they can be copied."""
        if not self.sent:
            return False
        area, _slash, rest = self.sent.form.partition("/")
        if area == "steps" and rest:
            key = rest.rpartition("/")[0]
            return any(step.key == key and step.allowed for step in self.room.steps)
        return self.sent.form in self._may or area == "promises"

    def _standing(self) -> list[tuple[str, str]]:
        """What stands in the way of what was refused, in words, with the place on the page."""
        if not self.sent or not self.sent.open:
            return []
        shown = {step.key for step in self.room.steps}
        return [(self.blocking.title(key), f"step-{key}" if key in shown else "") for key in self.sent.open]


def _urgency(step: StepView) -> tuple[int, float]:
    """Open steps by their deadline, then those that wait, then those that are over."""
    rank = 0 if step.is_open else 1 if step.status == "waiting" else 2
    when = step.due_at or (step.opened_at if rank == 2 else None)
    return rank, when.timestamp() if when else float("inf")


def _named(words: Iterable[str]) -> Choices:
    return [(word, wording.name(word)) for word in words]


def _types() -> Choices:
    return [(kind.slug, say(kind.name)) for kind in IncidentType.objects.all()]


def _rhythms() -> Choices:
    minutes = [(f"PT{n}M", _("every {m} min").format(m=n)) for n in (5, 10, 15, 30)]
    return [*minutes, *((f"PT{n}H", _("every {h} h").format(h=n)) for n in (1, 2, 4))]


def _delays() -> Choices:
    minutes = [(f"PT{n}M", _("{m} min").format(m=n)) for n in (5, 10, 15, 30)]
    return [*minutes, *((f"PT{n}H", _("{h} h").format(h=n)) for n in (1, 2))]
