"""Reads shaped like screens. Each says how many queries it makes, and none depends on the number of rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from contactops.accounts.models import Role, User
from incidents import access, helpers
from incidents.engine import lifecycle
from incidents.engine.decide import known_conditions, not_to_be_skipped
from incidents.engine.gates import blockers
from incidents.engine.ledger import FIRED
from incidents.engine.plan import POINTS, key_of
from incidents.models import DeliveryAttempt, Event, Incident, Notification, Report, StepRun, Timer
from incidents.models.incident import SEES_ALL, SEES_SITES
from incidents.rulebook import Rulebook, in_force
from incidents.times import db_now, moment
from incidents.wording import Teller
from plans import selectors as plans
from plans.models import Group, PlanRevision, Seat, Site
from plans.texts import say

_MINUTE = timedelta(seconds=60)
CLOCKS = ("occurred", "reported", "acknowledged", "activated", "contained", "restored", "stood_down", "closed")


@dataclass(frozen=True)
class StepView:
    """A step as it is shown: opened ones from their rows, waiting ones from the plan."""

    key: str
    title: Any
    detail: Any
    group: str
    group_name: Any
    kind: str
    status: str
    required: bool
    opened_at: datetime | None = None
    due_at: datetime | None = None
    done_at: datetime | None = None
    overdue: bool = False
    target: timedelta | None = None
    took: timedelta | None = None
    assignee: User | None = None
    decision: str = ""
    options: list[Any] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.status in lifecycle.STEP_OPEN


@dataclass(frozen=True)
class ConditionView:
    name: str
    words: str
    holds: bool
    since: datetime | None


@dataclass(frozen=True)
class PromiseView:
    """One row of the ledger, with its rule's sentence."""

    timer: Timer
    words: str
    paused: bool = False
    late: timedelta | None = None  # by the plan; of a deadline: how long after it the step was done

    @property
    def is_deadline(self) -> bool:
        """Whether it only says when a step is due, which the step says too."""
        return self.timer.action.startswith("overdue:")

    @property
    def was_missed(self) -> bool:
        """A deadline that came while its step was still open."""
        return self.is_deadline and self.timer.state == FIRED


@dataclass(frozen=True)
class Room:
    """Everything the incident's page and its API twin show."""

    incident: Incident
    now: datetime
    confirmed: tuple[User | None, datetime] | None
    activations: list[dict[str, Any]]
    conditions: list[ConditionView]
    steps: list[StepView]
    impact: dict[str, Any]
    allowed: list[str]
    deputy: User | None
    gates: list[str]
    support: list[helpers.Tier] = field(default_factory=list)

    @property
    def open_steps(self) -> list[StepView]:
        return [step for step in self.steps if step.is_open]


def room(incident: Incident, user: User) -> Room:
    """The incident as this person may see it. A fixed number of queries."""
    state = incident.facts
    book = Rulebook(in_force(state))
    confirmed = None
    if fact := state.fact("level_confirmed"):
        event = Event.objects.filter(incident=incident, seq=fact.seq).select_related("actor").first()
        confirmed = (event.actor if event else None, moment(fact.since))
    teller = Teller(incident, book, {})
    activations = [
        {
            "n": a.n,
            "plan": a.plan,
            "revision": a.revision,
            "level": a.level,
            "from": moment(a.since),
            "until": moment(a.until) if a.until is not None else None,
            "title": book.snapshots[a.plan, a.revision].document["title"]
            if (a.plan, a.revision) in book.snapshots
            else a.plan,
        }
        for a in state.activations
        if a.n
    ]
    deputy = User.objects.filter(pk=int(state.deputy.removeprefix("user:"))).first() if state.deputy else None
    now = db_now()
    return Room(
        incident=incident,
        now=now,
        confirmed=confirmed,
        activations=activations,
        conditions=_conditions(incident, book, teller),
        steps=_steps(incident, user, book),
        impact=impact(incident),
        allowed=access.allowed(user, incident),
        deputy=deputy,
        gates=_gates(incident, book),
        support=helpers.tiers(incident, now),
    )


def _conditions(incident: Incident, book: Rulebook, teller: Teller) -> list[ConditionView]:
    """The conditions that have been heard of or that the active plans know, and the clock points."""
    state = incident.facts
    declared = {
        name
        for activation in state.live_activations
        for name in book.rules[activation.plan, activation.revision].plan.conditions
    }
    views = []
    for name in known_conditions(book.rules, state):
        fact = state.fact(f"condition:{name}")
        if fact or name in declared or f"condition:{name}" in state.ended:
            views.append(ConditionView(name, teller.condition(name), bool(fact), moment(fact.since) if fact else None))
    for name in POINTS:
        fact = state.fact(name)
        views.append(ConditionView(name, teller.condition(name), bool(fact), moment(fact.since) if fact else None))
    return views


def _steps(incident: Incident, user: User, book: Rulebook) -> list[StepView]:
    return [*opened_steps(incident, user), *_waiting(incident, book)]


def opened_steps(incident: Incident, user: User) -> list[StepView]:
    rows = StepRun.objects.filter(incident=incident).select_related("group", "assignee").order_by("opened_at", "pk")
    return [_step(row, incident, user) for row in rows]


def _step(row: StepRun, incident: Incident, user: User) -> StepView:
    state = incident.facts
    verbs = [verb for verb in lifecycle.legal_for_step(row.status) if access.step_permitted(user, row, verb)]
    if "skip" in verbs and not_to_be_skipped(state, state.steps[row.key]):
        verbs.remove("skip")
    return StepView(
        key=row.key,
        title=row.title,
        detail=row.detail,
        group=row.group_key,
        group_name=row.group.name if row.group else row.group_key,
        kind=row.kind,
        status=row.status,
        required=row.mandatory,
        opened_at=row.opened_at,
        due_at=row.due_at,
        done_at=row.done_at,
        overdue=row.overdue,
        target=row.target,
        took=row.took,
        assignee=row.assignee,
        decision=row.decision,
        options=row.options,
        allowed=verbs if incident.is_live else [],
    )


def _waiting(incident: Incident, book: Rulebook) -> list[StepView]:
    """What the active plans still hold in store at this level. One query."""
    state = incident.facts
    names = dict(_groups(incident).values_list("key", "name"))
    views = []
    for activation in state.live_activations if incident.is_live else ():
        pair = (activation.plan, activation.revision)
        compiled = book.rules[pair]
        for step in compiled.steps.values():
            key = key_of(compiled.plan.slug, step.id)
            fits = len(step.levels) == 4 or state.level in step.levels
            if fits and activation.n and not state.runs(key):
                words = book.step_words(pair, step.id)
                views.append(
                    StepView(
                        key=key,
                        group=step.group,
                        group_name=names.get(step.group, step.group),
                        kind=step.kind,
                        status="waiting",
                        required=step.mandatory,
                        **words,
                    )
                )
    return views


def _gates(incident: Incident, book: Rulebook) -> list[str]:
    """The gates of the active plans that can be waived and have not been."""
    state = incident.facts
    return [
        name
        for activation in state.live_activations
        for gate in book.rules[activation.plan, activation.revision].plan.close
        if gate.waivable and (name := key_of(activation.plan, gate.id)) not in state.waived
    ]


def impact(incident: Incident) -> dict[str, Any]:
    """Reports, seats named in them, and their share of the site's seats (0 to 1; null without a site). Two queries."""
    counted = Report.objects.filter(incident=incident).aggregate(
        reports=Count("pk"), seats=Count("seat", distinct=True)
    )
    total = Seat.objects.filter(site=incident.site_id).count() if incident.site_id else 0
    return {**counted, "share": round(counted["seats"] / total, 4) if total else None}


@dataclass(frozen=True)
class Line:
    """One line of the timeline."""

    event: Event
    sentence: str
    text: str
    redacted: bool

    @property
    def is_late(self) -> bool:
        """Whether it was written down a minute or more after it happened: backdating must show."""
        return self.event.recorded_at - self.event.occurred_at >= _MINUTE


def timeline(incident: Incident) -> list[Line]:
    """The history in order. A fixed number of queries."""
    events = list(Event.objects.filter(incident=incident).select_related("actor", "note").order_by("seq"))
    teller = teller_for(incident, events)
    return [
        Line(
            event=event,
            sentence=teller.sentence(event),
            text=event.note.text if event.note else "",
            redacted=bool(event.note and event.note.redacted_at),
        )
        for event in events
    ]


def teller_for(incident: Incident, events: Iterable[Event] = ()) -> Teller:
    """Two or three queries."""
    facts = [event.facts for event in events]
    named = {who for one in facts for who in (one.get("person"), one.get("commander"), *one.get("people", ())) if who}
    ids = {int(who.removeprefix("user:")) for who in named if who.startswith("user:")}
    people = User.objects.in_bulk(ids) if ids else {}
    steps = StepRun.objects.filter(incident=incident).only("key", "title")
    return Teller(incident, Rulebook(in_force(incident.facts)), people).knows_steps(steps)


def promises(incident: Incident, now: datetime | None = None) -> list[PromiseView]:
    """The ledger of one incident, soonest first. A fixed number of queries."""
    now = incident.closed_at or now or db_now()
    teller, state = teller_for(incident), incident.facts
    revisions = {activation.n: activation.revision for activation in state.activations}
    rows = Timer.objects.filter(incident=incident).order_by("due_at", "pk")
    paused = {base for base, adjustment in state.adjust.items() if adjustment.paused_at is not None}
    missed = StepRun.objects.filter(incident=incident, overdue=True)
    done = {(step.activation, step.step_id, step.due_at): step.done_at for step in missed}
    return [
        PromiseView(
            timer=row,
            late=deadline_lateness(row, done, now),
            words=teller.rule(row.plan, revisions.get(row.activation, 0), row.rule),
            paused=row.base in paused and row.n == (state.fired[row.base].n + 1 if row.base in state.fired else 1),
        )
        for row in rows
    ]


Done = Mapping[tuple[int, str, Any], datetime | None]  # when a step was done, by activation, step and deadline


def deadline_lateness(row: Timer, done: Done, now: datetime) -> timedelta | None:
    """The plan's lateness; that of a missed deadline lasts until its step was done."""
    step = (row.activation, f"{row.plan}.{row.action.removeprefix('overdue:')}", row.due_at)
    if row.state != FIRED or step not in done:
        return row.late
    return (done[step] or now) - row.due_at


def step_title(incident: Incident, key: str) -> str:
    """In the language in force. One query."""
    return say(StepRun.objects.filter(incident=incident, key=key).values_list("title", flat=True).first() or {})


def notifications(incident: Incident) -> QuerySet[Any]:
    """`unsure`: a try whose end nobody saw; the message may have been received twice."""
    unsure = DeliveryAttempt.objects.filter(notification=OuterRef("pk"), outcome="unknown")
    rows = Notification.objects.filter(incident=incident).select_related("incident", "recipient")
    return rows.annotate(unsure=Exists(unsure))


def notices_for_site(user: User) -> list[dict[str, Any]]:
    """What an agent must know of live incidents at their site: the latest update to agents of each. At most five queries.

    A drill is shown to those who take part in it: nobody else may tell a customer that the power is off."""
    if not user.site_id:
        return []
    rows = Incident.objects.live().filter(site=user.site_id, restricted=False).exclude(activated_at=None)
    rows = rows.filter(Q(kind="real") | Q(pk__in=user.drills.values("pk")))
    incidents = {row.pk: row for row in rows.select_related("type")}
    events = Event.objects.filter(incident__in=incidents, kind="updated", facts__audiences__contains=["agents"])
    told = list(events.select_related("note").order_by("recorded_at"))
    latest = {event.incident_id: event for event in told}
    texts = {event.incident_id: event.note.text for event in told if event.note}  # “nothing new” leaves what was said
    book = Rulebook({pair for incident in incidents.values() for pair in in_force(incident.facts)})
    notices = []
    for pk, incident in incidents.items():
        event = latest.get(pk)
        promised = event.facts.get("next_update_at") or event.facts.get("next_by") if event else None
        expected = incident.facts.next_updates.get("agents") or promised
        notices.append(
            {
                "incident": incident,
                "plan": _running(incident, book),
                "text": texts.get(pk, ""),
                "at": event.occurred_at if event else None,
                "next": moment(expected) if expected else None,
                "scripts": _scripts(incident, book),
            }
        )
    return notices


def _running(incident: Incident, book: Rulebook) -> Any:
    """The title of the plan that was activated last, which may be of another kind than what was reported."""
    live = [(a.plan, a.revision) for a in incident.facts.live_activations if a.n]
    return book.snapshots[live[-1]].document["title"] if live else incident.type.name


def _scripts(incident: Incident, book: Rulebook) -> list[Any]:
    """What agents do, and what they say to customers, from the active plans."""
    live = [(a.plan, a.revision) for a in incident.facts.live_activations if a.n]
    scripts = [script for pair in live for script in book.snapshots[pair].document.get("scripts", ())]
    return [script for script in scripts if script.get("audience") in ("agents", "customers")]


def letters(user: User) -> QuerySet[Notification]:
    """What a person has been told, over any channel. Of what has been restricted since, only what they are named in or
    have reported themselves."""
    named = Incident.named.through.objects.filter(incident=OuterRef("incident"), user=user)
    own = Report.objects.filter(incident=OuterRef("incident"), reporter=user)
    rows = Notification.objects.filter(recipient=user).select_related("incident__type", "recipient")
    return rows.filter(Q(incident__restricted=False) | Exists(named) | Exists(own))


def inbox(user: User) -> QuerySet[Notification]:
    """What a person has been told in the console, newest first."""
    return letters(user).filter(channel="console").order_by("-created_at", "-pk")


def search(rows: QuerySet[Incident], words: str) -> QuerySet[Incident]:
    """By reference or by words of the title."""
    return rows.filter(Q(ref__icontains=words) | Q(title__icontains=words))


def waiting_for(user: User) -> int:
    """How many messages of live incidents wait for a person's answer. One query."""
    return waiting(user).count()


# What somebody is asked for; the rest, an update or the word that it is over, is for reading.
ASKING = ("step", "assigned", "overdue", "rule", "update-due", "callout", "stand-down-withdrawn")


def waiting(user: User) -> QuerySet[Notification]:
    """The messages that wait for a person's answer."""
    asks = reduce(or_, (Q(items__contains=[{"kind": kind}]) for kind in ASKING))
    return inbox(user).filter(asks, acknowledged_at=None, declined_at=None, incident__status__in=lifecycle.LIVE)


OWN_SHOWN = 5


def own_reports(user: User) -> QuerySet[Report]:
    """A person's last reports. One query."""
    rows = Report.objects.filter(reporter=user).select_related("incident", "incident_type", "note")
    return rows.order_by("-received_at")[:OWN_SHOWN]


def sites_to_report_for(user: User) -> list[Site]:
    """The sites a person may name in a report, none when their own goes without saying. Two queries at most."""
    if user.role in (Role.MANAGER, Role.ADMINISTRATOR) or not user.own_sites:
        return list(Site.objects.all())
    return user.own_sites if len(user.own_sites) > 1 else []


def sites_of_board(user: User) -> list[Site]:
    """The sites whose incidents a person sees by their role. One query at most."""
    return list(Site.objects.all()) if user.role in SEES_ALL else user.own_sites


def colleagues(incident: Incident) -> list[User]:
    """Who can be given work in this incident: people of its site and of the groups called to it. One query."""
    on_site = Q(role__in=SEES_SITES) & (
        Q(site=incident.site_id) | Q(sites=incident.site_id) if incident.site_id else Q()
    )
    called = Q(memberships__group__in=incident.called.values("pk"))
    rows = User.objects.filter(on_site | called | Q(role=Role.MANAGER), is_active=True)
    return list(rows.order_by("name", "username").distinct()[:500])


def _groups(incident: Incident) -> QuerySet[Group]:
    """The groups that can answer here; as a mapping by key, the site's own wins over the organisation's."""
    rows = Group.objects.filter(Q(site=incident.site_id) | Q(site=None))
    return rows.order_by("key", F("site").asc(nulls_first=True))


def group_choices(incident: Incident) -> list[tuple[str, str]]:
    """The groups a step can be given to, those of the site before the organisation's. One query."""
    return sorted((key, say(name)) for key, name in dict(_groups(incident).values_list("key", "name")).items())


@dataclass(frozen=True)
class Offer:
    """A plan that can be activated, and what its levels mean."""

    slug: str
    title: str
    proposed: bool
    criteria: Mapping[str, str]  # by level, written as on a form


def plans_to_activate(proposed: int | None) -> list[Offer]:
    """Every published response plan, the proposed one first. One query."""
    offers = [_offer(revision, revision.plan_id == proposed) for revision in plans.response_revisions()]
    return sorted(offers, key=lambda offer: (not offer.proposed, offer.title))


def _offer(revision: PlanRevision, proposed: bool) -> Offer:
    document = revision.document
    criteria = {str(level["level"]): say(level.get("criteria", "")) for level in document.get("levels", ())}
    return Offer(document["slug"], say(document["title"]), proposed, criteria)


@dataclass(frozen=True)
class Blocking:
    """What stands in the way of the two ends of an incident, by key, with words for each key."""

    stand_down: list[str]
    close: list[str]
    titles: Mapping[str, str]

    def title(self, key: str) -> str:
        return self.titles.get(key, key)

    @property
    def for_close(self) -> list[str]:
        return [self.title(key) for key in self.close]


def _document(book: Rulebook, pair: tuple[str, int]) -> Mapping[str, Any]:
    """The plan's document; the bare house rules have none."""
    return book.snapshots[pair].document if pair in book.snapshots else {}


def blocking(incident: Incident) -> Blocking:
    """Two queries at most."""
    state = incident.facts
    if not incident.is_live:
        return Blocking([], [], {})
    book = Rulebook(in_force(state))
    titles = {key: say(title) for key, title in incident.steps.values_list("key", "title")}
    for activation in state.live_activations:
        document = _document(book, (activation.plan, activation.revision))
        for part in ("stand_down", "close"):
            for one in document.get(part, ()):
                titles.setdefault(key_of(activation.plan, one["id"]), say(one["title"]))
    return Blocking(
        stand_down=blockers(book.rules, state, "stand-down"),
        close=blockers(book.rules, state, "close"),
        titles=titles | {"stand-down": _("Stand down first")},
    )
