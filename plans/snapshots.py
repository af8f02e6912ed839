"""Plan documents as the engine's frozen dataclasses, compiled once per revision.

A published revision never changes, so what was compiled for its id holds for ever.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from contactops import errors
from incidents.engine import plan as engine
from incidents.engine.plan import Action, Cadence, Compiled, Due, Gate, Ladder, Option, Plan, Repeat, Rule, Stage, Step
from plans.durations import milliseconds
from plans.models import PlanKind, PlanRevision
from plans.texts import say

Json = Mapping[str, Any]

KEPT = 500  # compiled revisions; a library is some hundred plans
CONTACTS = ("first", "second", "third")  # of a contact card, in the order in which they are called
CARD = "topic-"  # begins the name of the ladder of a contact card
CARD_ANSWER, CARD_LEASE = "PT2M", "PT30M"  # our defaults: how long each has to answer, how long an answer holds


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One revision, ready to run."""

    id: int
    slug: str
    number: int
    document: Json
    compiled: Compiled

    def step_title(self, step_id: str) -> str:
        """The step's words for the reader; the id may be qualified by the plan's slug."""
        step = self.compiled.steps.get(step_id.removeprefix(f"{self.slug}."))
        return say(step.title) if step else step_id

    def ladder_title(self, ladder_id: str) -> str:
        """What a ladder or a contact card calls about."""
        title = next((one.title for one in self.compiled.plan.ladders if one.id == ladder_id), {})
        return say(title) if title else ladder_id.replace("-", " ")

    def rule_title(self, rule_id: str) -> str:
        """The rule's words for the reader, also for the rules that compiling made."""
        kind, _dash, name = rule_id.partition("-")
        if kind == "due":
            return _("Due: %(step)s") % {"step": self.step_title(name)}
        if kind == "update":
            return _("Update due: %(audience)s") % {"audience": audience_name(name)}
        if kind == "ladder":
            return _("Not answered in time: %(ladder)s") % {"ladder": self.ladder_title(name)}
        if kind == "lease":
            return _("Nothing heard from whoever answered: %(ladder)s") % {"ladder": self.ladder_title(name)}
        return next((say(rule.title) for rule in self.compiled.rules if rule.id == rule_id), rule_id)


_snapshots: dict[int, Snapshot] = {}


def load(revision_ids: Iterable[int]) -> dict[int, Snapshot]:
    """Snapshots by revision id. One query for those not seen before, none when all have been."""
    wanted = set(revision_ids)
    found = {pk: _snapshots[pk] for pk in wanted if pk in _snapshots}
    missing = wanted - set(found)
    if missing:
        found |= {row.pk: _snapshot(row) for row in PlanRevision.objects.select_related("plan").filter(pk__in=missing)}
    if set(found) != wanted:
        raise errors.NotFound(_("There is no such plan revision."))
    return found


def revision_ids(pairs: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Ids of revisions known by (slug, number), as events name them. One query."""
    wanted = set(pairs)
    rows = PlanRevision.objects.filter(plan__slug__in={slug for slug, _number in wanted})
    found = {(slug, number): pk for slug, number, pk in rows.values_list("plan__slug", "number", "pk")}
    return {pair: found[pair] for pair in wanted if pair in found}


def audience_name(audience: str) -> str:
    return {"agents": _("agents"), "customers": _("customers"), "leaders": _("leaders")}[audience]


def _snapshot(row: PlanRevision) -> Snapshot:
    plan = to_plan(row.document, row.number)
    compiled = engine.compile([plan])[plan.slug, plan.revision]
    snapshot = Snapshot(row.pk, row.plan.slug, row.number, row.document, compiled)
    if row.frozen:
        while len(_snapshots) >= KEPT:
            _snapshots.pop(next(iter(_snapshots)), None)
        _snapshots[row.pk] = snapshot
    return snapshot


def to_plan(document: Json, number: int) -> Plan:
    """The engine's plan from a document that satisfies the schema."""
    owner = document["owner"]
    return Plan(
        slug=document["slug"],
        revision=number,
        groups={group["key"]: group["maps_to"] for group in document["groups"]},
        starts=document.get("starts", ""),
        conditions={name: milliseconds(one["grace"]) for name, one in document.get("conditions", {}).items()},
        ladders=_ladders(document),
        steps=tuple(_step(one) for one in document.get("steps", [])),
        stand_down=tuple(_step({"kind": "check", "group": owner, **one}) for one in document.get("stand_down", [])),
        rules=tuple(_rule(one) for one in document.get("rules", [])),
        cadences=tuple(_cadence(one) for one in document.get("communications", [])),
        close=tuple(_gate(one) for one in document.get("close", [])),
        is_house=document["kind"] == PlanKind.HOUSE,
    )


def _span(value: str | Mapping[str, str]) -> engine.Span:
    if isinstance(value, str):
        return milliseconds(value)
    return {int(level): milliseconds(duration) for level, duration in value.items()}


def _clock(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _levels(one: Json) -> frozenset[int]:
    return frozenset(one.get("levels", engine.LEVELS))


def _actions(actions: Iterable[Json]) -> tuple[Action, ...]:
    return tuple(_action(action) for action in actions)


def _action(action: Json) -> Action:
    [(do, arg)] = ((key, value) for key, value in action.items() if key != "if")
    return Action(do, str(arg), tuple(action.get("if", ())))


def _repeat(value: Json | None) -> Repeat | None:
    return Repeat(_span(value["every"]), value["times"]) if value else None


def _due(value: str | Json | None) -> Due | None:
    if value is None:
        return None
    if isinstance(value, str):
        return Due(milliseconds(value))
    return Due(
        _span(value["after"]),
        _clock(value.get("clock", [])),
        value.get("until", "stood_down"),
        _repeat(value.get("repeat")),
    )


def _step(one: Json) -> Step:
    options = (Option(each["key"], each["label"], _actions(each.get("do", ()))) for each in one.get("options", ()))
    return Step(
        id=one["id"],
        kind=one["kind"],
        title=one["title"],
        group=one["group"],
        when=tuple(one.get("when", ("activated",))),
        levels=_levels(one),
        opened_by=one.get("opened_by", "plan"),
        due=_due(one.get("due")),
        target=milliseconds(one["target"]) if "target" in one else None,
        hold=tuple(one.get("hold", ())),
        mandatory=one.get("mandatory", True),
        options=tuple(options),
        times=one.get("times", 1),
        reserved=one.get("reserved", False),
    )


def _rule(one: Json) -> Rule:
    stages = one.get("stages") or [{"after": one["after"], "do": one["do"]}]
    return Rule(
        id=one["id"],
        clock=_clock(one["clock"]),
        stages=tuple(Stage(_span(stage["after"]), _actions(stage["do"])) for stage in stages),
        requires=tuple(one.get("while", ())),
        levels=_levels(one),
        repeat=_repeat(one.get("repeat")),
        pause=one.get("pause", ""),
        until=one.get("until", "stood_down"),
        title=one["title"],
    )


def _ladders(document: Json) -> tuple[Ladder, ...]:
    """The plan's ladders, and one for each contact card that has an id."""
    named = [_ladder(name, one) for name, one in document.get("ladders", {}).items()]
    cards = [_card(one, document["owner"]) for one in document.get("contacts", []) if "id" in one]
    return (*named, *cards)


def _ladder(name: str, one: Json) -> Ladder:
    return Ladder(
        id=name,
        contacts=tuple(one["contacts"]),
        answer=milliseconds(one["answer"]),
        fallback=one["fallback"],
        lease=milliseconds(one["lease"]) if "lease" in one else None,
        mode=one.get("mode", engine.RING),
        rounds=one.get("rounds", 1),
        title=one.get("title", {}),
    )


def _card(one: Json, owner: str) -> Ladder:
    """A contact card that can be called: first, second, third contact, then the owner of the plan (N6)."""
    return Ladder(
        id=f"{CARD}{one['id']}",
        contacts=tuple(one[name] for name in CONTACTS if name in one),
        answer=milliseconds(one.get("answer", CARD_ANSWER)),
        fallback=owner,
        lease=milliseconds(CARD_LEASE),
        mode=engine.RELAY if one.get("passes_on") else engine.RING,
        title=one["topic"],
    )


def _cadence(one: Json) -> Cadence:
    return Cadence(one["audience"], _span(one["every"]), one["owner"], _span(one["remind"]), one["reminders"])


def _gate(one: Json) -> Gate:
    return Gate(
        id=one["id"],
        need=tuple(one["need"]),
        when=tuple(one.get("when", ())),
        outcomes=frozenset(one.get("outcomes", ("resolved",))),
        waivable=one.get("waivable", True),
        title=one["title"],
    )
