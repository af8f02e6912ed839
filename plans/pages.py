"""What the plan pages show: a document arranged for reading. No queries."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from incidents.engine.plan import EACH, RELAY, RING
from plans.models import PlanRevision
from plans.snapshots import CONTACTS, audience_name
from plans.texts import say
from plans.wording import Wording

Json = Mapping[str, Any]
Words = Mapping[str, str] | str

KINDS = {"task": N_("Task"), "call": N_("Phone call"), "decision": N_("Decision"), "notice": N_("Notice")}


@dataclass(frozen=True, slots=True)
class StepLine:
    id: str
    group: Words
    title: Words
    detail: Words
    kind: str
    opens: str
    due: str
    hold: str
    levels: str
    options: list[Words]
    required: bool
    reserved: bool
    is_default: bool
    sources: list[str]


@dataclass(frozen=True, slots=True)
class GroupBlock:
    key: str
    maps_to: str
    title: Words
    duties: list[Words]
    steps: list[StepLine]


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the response, with what is done in it."""

    key: str
    title: str
    steps: list[StepLine]


@dataclass(frozen=True, slots=True)
class ClockLine:
    title: Words
    sentences: list[str]
    is_default: bool
    sources: list[str]


@dataclass(frozen=True, slots=True)
class PlanPage:
    slug: str
    revision: PlanRevision
    document: Json
    owner: Words
    levels: list[Json]
    groups: list[GroupBlock]
    phases: list[Phase]
    clocks: list[ClockLine]
    scripts: list[tuple[str, Json]]
    contacts: list[dict[str, Any]]


def plan_page(revision: PlanRevision, level: int | None = None) -> PlanPage:
    """The whole plan, or what of it is done at one level."""
    document: Json = revision.document
    words = Wording(document)
    steps = [step for step in document.get("steps", []) if _is_at(step, level)]
    checks: list[Json] = [{"kind": "check", **check} for check in document.get("stand_down", [])]
    return PlanPage(
        slug=document["slug"],
        revision=revision,
        document=document,
        owner=words.groups[document["owner"]],
        levels=sorted(document.get("levels", []), key=lambda level: int(level["level"])),
        groups=[_group(group, steps, words) for group in document["groups"]],
        phases=_phases(steps, checks, words),
        clocks=[*_rules(document, words), *_ladders(document, words), *_cadences(document, words)],
        scripts=[(audience_name(script["audience"]), script) for script in document.get("scripts", [])],
        contacts=[_contact(contact, words) for contact in document.get("contacts", [])],
    )


def _is_at(step: Json, level: int | None) -> bool:
    return level is None or not step.get("levels") or level in step["levels"]


def _group(group: Json, steps: list[Json], words: Wording) -> GroupBlock:
    duties = group["duties"]
    return GroupBlock(
        key=group["key"],
        maps_to=group["maps_to"],
        title=group["title"],
        duties=duties if isinstance(duties, list) else [duties],
        steps=[_step(step, words) for step in steps if step["group"] == group["key"]],
    )


def _phases(steps: list[Json], checks: list[Json], words: Wording) -> list[Phase]:
    """By when a step opens: with the plan, when something comes about, before the end."""
    at_once = [step for step in steps if not _waits(step)]
    later = [step for step in steps if _waits(step)]
    phases = (
        ("start", _("At once"), at_once),
        ("course", _("As it goes on"), later),
        ("end", _("Before it ends"), checks),
    )
    return [Phase(key, title, [_step(step, words) for step in found]) for key, title, found in phases if found]


def _waits(step: Json) -> bool:
    """Whether something has to come about before the step opens."""
    return step.get("opened_by") == "rule" or any(atom != "activated" for atom in step.get("when", []))


def _step(step: Json, words: Wording) -> StepLine:
    return StepLine(
        id=step["id"],
        group=words.groups.get(step.get("group", ""), ""),
        title=step["title"],
        detail=step.get("detail", ""),
        kind=_(KINDS[step["kind"]]) if step["kind"] in KINDS else _("Check"),
        opens=_opens(step, words),
        due=words.due(step["due"]) if "due" in step else "",
        hold=words.atoms(step.get("hold", [])),
        levels=_(", ").join(map(str, step.get("levels", []))),
        options=[option["label"] for option in step.get("options", [])],
        required=step.get("mandatory", True),
        reserved=step.get("reserved", False),
        is_default=step.get("default", False),
        sources=step.get("sources", []),
    )


def _opens(step: Json, words: Wording) -> str:
    if step["kind"] == "check":
        return _("when what began it is over, or service is restored")
    if step.get("opened_by") == "rule":
        return _("by a clock or a decision")
    when = [atom for atom in step.get("when", []) if atom != "activated"]
    return words.atoms(when) if when else _("on activation")


def _rules(document: Json, words: Wording) -> list[ClockLine]:
    return [
        ClockLine(rule["title"], words.rule(rule), rule.get("default", False), rule.get("sources", []))
        for rule in document.get("rules", [])
    ]


def _cadences(document: Json, words: Wording) -> list[ClockLine]:
    lines = []
    for one in document.get("communications", []):
        title = _("Updates to %(audience)s") % {"audience": audience_name(one["audience"])}
        sentences = [
            _("By %(group)s, every: %(time)s") % {"group": words.groups[one["owner"]], "time": words.span(one["every"])}
        ]
        if one["reminders"]:
            facts = {"time": words.span(one["remind"]), "times": one["reminders"]}
            sentences.append(_("Reminded every %(time)s, at most %(times)s times") % facts)
        lines.append(ClockLine(title, sentences, one.get("default", False), one.get("sources", [])))
    return lines


def _ladders(document: Json, words: Wording) -> list[ClockLine]:
    """Who is called one after the other, and what happens when nobody answers."""
    lines = []
    for name, one in sorted(document.get("ladders", {}).items()):
        facts = {
            "groups": _(" → ").join(str(words.groups[contact]) for contact in one["contacts"]),
            "time": words.span(one["answer"]),
            "fallback": words.groups[one["fallback"]],
        }
        sentences = [_MODES[one.get("mode", RING)]() % facts]
        if one.get("rounds", 1) > 1:
            sentences.append(_("Asked %(times)s times before that") % {"times": one["rounds"]})
        if "lease" in one:
            sentences.append(
                _("An answer holds for %(time)s without a sign of life") % {"time": words.span(one["lease"])}
            )
        title = _("Call-out: %(ladder)s") % {"ladder": say(one["title"]) if "title" in one else name}
        lines.append(ClockLine(title, sentences, False, []))
    return lines


_MODES: Mapping[str, Callable[[], str]] = {
    RING: lambda: _("%(groups)s; each has %(time)s to answer; then %(fallback)s"),
    RELAY: lambda: _("%(groups)s, each passing it on within %(time)s; else %(fallback)s"),
    EACH: lambda: _("%(groups)s: everybody answers within %(time)s; else %(fallback)s hears who did not"),
}


def _contact(contact: Json, words: Wording) -> dict[str, Any]:
    called = [words.groups[contact[name]] for name in CONTACTS if name in contact]
    note = say(contact["note"]) if "note" in contact else ""
    return {"topic": contact["topic"], "called": called, "passes_on": contact.get("passes_on", False), "note": note}
