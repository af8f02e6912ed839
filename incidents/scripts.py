"""The script of a rehearsal: lines in the API's words, checked with the API's own input, as acts on a fake clock.

A time in a script is a duration from its start. What the plan itself answers (its type, its name, its level 3) may be left
out, and so may what only people read.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from contactops.errors import Invalid
from incidents import inputs
from incidents.engine.decide import Act
from incidents.engine.lifecycle import MAJOR, SUPPORT_MOVES
from incidents.engine.plan import LISTS, key_of
from incidents.models.incident import SCOPES
from incidents.times import MS
from plans.durations import milliseconds
from plans.models import PlanRevision

Body = dict[str, Any]
_OWN = ("at", "do", "by")  # the line's own keys; all others are the verb's


class _Offset(serializers.CharField):
    """A duration from the start of the script, as ms."""

    def to_internal_value(self, data: Any) -> int:  # type: ignore[override]
        try:
            return milliseconds(super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error


class _Report(inputs.Report):
    client_key: Any = serializers.UUIDField(default=uuid.uuid4)
    incident_type = serializers.SlugField(required=False, max_length=60)
    summary = serializers.CharField(default="-", max_length=inputs.LINE)
    scope = inputs.choice(SCOPES, default="floor")
    occurred_at: Any = _Offset(required=False)
    join: Any = None
    rev: Any = None
    conditions = serializers.ListField(child=serializers.CharField(max_length=60), required=False)


class _Activate(inputs.Activate):
    plan = serializers.SlugField(required=False, max_length=60)
    level = serializers.IntegerField(min_value=1, max_value=4, default=3)
    confirmed = serializers.BooleanField(required=False)


class _Level(inputs.Level):
    reason = inputs.words()
    confirmed = serializers.BooleanField(required=False)


class _Condition(inputs.Condition):
    at: Any = None


class _Support(inputs.Support):
    at: Any = None


class _Update(inputs.Update):
    text = inputs.words()
    next_update_at: Any = _Offset(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        return data  # what would be said is nobody's business here


class _Reason(inputs.Input):
    reason = inputs.words()


class _Close(inputs.Close):
    outcome = inputs.choice(("resolved", "false-alarm"), default="resolved")


class _Call(inputs.Call):
    at: Any = _Offset(required=False)


class _Step(inputs.StepVerb):
    step = serializers.CharField(max_length=160)
    call = _Call(required=False)


class _Answer(serializers.Serializer):
    """To a call-out of the plan: a rehearsal has no messages whose number could be named."""

    ladder = serializers.SlugField(max_length=60)
    accept = serializers.BooleanField(default=True)


class _CallOut(serializers.Serializer):
    """`ladder`: of this plan, or `topic-` and the id of one of its contact cards."""

    ladder = serializers.SlugField(max_length=60)


class _HandOver(_CallOut):
    person = serializers.CharField(max_length=150)


class _Cadence(inputs.Cadence):
    reason = inputs.words()


class _People(serializers.Serializer):
    """In support. Groups are not asked who is in them: a rehearsal knows names alone."""

    tier = serializers.IntegerField(min_value=1, max_value=2)
    people = serializers.ListField(child=serializers.CharField(max_length=150), min_length=1)
    status = inputs.choice(tuple(SUPPORT_MOVES))


class _Items(serializers.Serializer):
    list = inputs.choice(LISTS)
    change = inputs.choice(("add", "settle"))
    items = serializers.IntegerField(min_value=1, max_value=100_000)


@dataclass(frozen=True)
class _Line:
    """A line that was checked. `at`: ms from the start."""

    at: int
    verb: str
    given: Mapping[str, Any]
    revision: PlanRevision
    house: PlanRevision | None

    @property
    def slug(self) -> str:
        return self.revision.plan.slug

    @property
    def is_confirmed(self) -> bool:
        return bool(self.given.get("confirmed", self.given["level"] not in MAJOR))


def act(number: int, line: Any, revision: PlanRevision, house: PlanRevision | None) -> Act:
    """One line as an act. Invalid, naming the line and the key, when it is not what the verb takes."""
    try:
        if not isinstance(line, Mapping) or not isinstance(line.get("do"), str):
            raise ValueError("write {at: PT0S, do: report, ...}")
        if line["do"] not in _VERBS:
            raise ValueError(f"do: “{line['do']}” is not one of {', '.join(_VERBS)}")
        takes, translate = _VERBS[line["do"]]
        at = milliseconds(str(line.get("at", "PT0S")))
        given = _checked(takes, {name: value for name, value in line.items() if name not in _OWN})
        verb, body = translate(_Line(at, line["do"], given, revision, house))
        body.pop("note", None)  # words are nobody's business here
    except ValueError as error:
        raise Invalid(f"line {number}: {error}", field="script") from error
    return Act(verb, given.get("occurred_at", at), str(line.get("by", "somebody")), body)


def _checked(takes: type[serializers.Serializer], body: Mapping[Any, Any]) -> Mapping[str, Any]:
    serializer = takes(data=dict(body))
    if unknown := sorted(set(map(str, body)) - set(serializer.fields)):
        raise ValueError(f"{unknown[0]}: known here are {', '.join(serializer.fields)}")
    if not serializer.is_valid():
        name, texts = next(iter(serializer.errors.items()))
        raise ValueError(f"{name}: {_first(texts)}")
    given: Mapping[str, Any] = serializer.validated_data
    return given


def _first(texts: Any) -> str:
    """The first message among errors that may be nested."""
    if isinstance(texts, Mapping):
        name, inner = next(iter(texts.items()))
        return f"{name}: {_first(inner)}"
    return str(texts[0])


def _report(line: _Line) -> tuple[str, Body]:
    starts, house, given = line.revision.document.get("starts"), line.house, line.given
    body = {
        "incident_type": given.get("incident_type", line.slug),
        "kind": given.get("kind", "real"),
        "speed": given.get("speed", 1),
        "conditions": given.get("conditions", [starts] if starts else []),
        "captured_at": line.at,
        "house": [house.plan.slug, house.number] if house else None,
    }
    return "report", body


def _activate(line: _Line) -> tuple[str, Body]:
    if line.given.get("plan", line.slug) != line.slug:
        raise ValueError(f"plan: this is a rehearsal of “{line.slug}” alone")
    body = {"plan": line.slug, "revision": line.revision.number, "level": line.given["level"]}
    return "activate", {**body, "confirmed": line.is_confirmed, "replace": line.given.get("replace", False)}


def _level(line: _Line) -> tuple[str, Body]:
    return "level", {"level": line.given["level"], "confirmed": line.is_confirmed}


def _step(line: _Line) -> tuple[str, Body]:
    name = line.given["step"]
    key = name if "." in name else key_of(line.slug, name)
    return "steps/verb", {**line.given, "key": key, "verb": line.verb, "confirms": True}


def _answer(line: _Line) -> tuple[str, Body]:
    verb = "acknowledge" if line.given["accept"] else "decline"
    return "answer", {"verb": verb, "ladder": key_of(line.slug, line.given["ladder"]), "notification": 0}


def _call_out(line: _Line) -> tuple[str, Body]:
    return "call-out", {"ladder": key_of(line.slug, line.given["ladder"])}


def _hand_over(line: _Line) -> tuple[str, Body]:
    ladder = key_of(line.slug, line.given["ladder"])
    return "hand-over", {"ladder": ladder, "person": line.given["person"], "may_any": True}


def _cadence(line: _Line) -> tuple[str, Body]:
    return "cadence", {"audience": line.given["audience"], "every": line.given["every"] // MS}


def _close(line: _Line) -> tuple[str, Body]:
    return "close", {**line.given, "may_stand_down": True}


def _same(verb: str) -> Callable[[_Line], tuple[str, Body]]:
    return lambda line: (verb, dict(line.given))


_VERBS: Mapping[str, tuple[type[serializers.Serializer], Callable[[_Line], tuple[str, Body]]]] = {
    "report": (_Report, _report),
    "acknowledge": (inputs.Nothing, _same("acknowledge")),
    "assess": (inputs.Assess, _same("assess")),
    "activate": (_Activate, _activate),
    "level": (_Level, _level),
    "confirm": (inputs.Nothing, _same("level/confirm")),
    "condition": (_Condition, _same("conditions")),
    "support": (_Support, _same("support")),
    "support/people": (_People, _same("support/people")),
    "update": (_Update, _same("updates")),
    "cadence": (_Cadence, _cadence),
    "call-out": (_CallOut, _call_out),
    "hand-over": (_HandOver, _hand_over),
    "answer": (_Answer, _answer),
    "list": (_Items, _same("list")),
    **dict.fromkeys(("start", "complete", "skip", "block", "unblock"), (_Step, _step)),
    "stand-down": (_Reason, _same("stand-down")),
    "close": (_Close, _close),
    "cancel": (_Reason, _same("cancel")),
    "reopen": (_Reason, _same("reopen")),
}
