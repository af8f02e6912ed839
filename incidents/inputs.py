"""What each verb takes, checked once for the API and the pages. Field errors are in the reader's language."""

import math
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.utils.dateparse import parse_datetime, parse_duration
from django.utils.timezone import is_aware
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from contactops.accounts.models import THROUGH_A_GATEWAY, Channel
from incidents import promised
from incidents.engine import lifecycle
from incidents.engine.plan import AUDIENCES, LEVELS
from incidents.models.incident import SCOPES
from incidents.models.signals import ABOVE, DIRECTIONS, FAMILIES

LONG = 10_000  # characters of a text
LINE = 200  # characters of a title
LARGEST_ID = 10**18 - 1
SECOND = timedelta(seconds=1)
YEAR = timedelta(days=366)
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)


class Moment(serializers.DateTimeField):
    """An instant, not before 2000: what is older was mistyped. A program says the offset; a person means the clock on
    their wall."""

    default_error_messages = {
        "old": _("That is too long ago."),
        "offset": _("Write the time with its offset, as in 2026-03-02T14:00:00Z."),
    }

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(self.root.initial_data, QueryDict) and not _has_offset(value):
            self.fail("offset")
        moment: datetime = super().to_internal_value(value)
        if moment < OLDEST:
            self.fail("old")
        return moment


def _has_offset(value: Any) -> bool:
    """Whether the time says where it is meant; what is no time at all is refused for that."""
    try:
        parsed = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return True
    return parsed is None or is_aware(parsed)


class Duration(serializers.CharField):
    """An ISO 8601 duration such as PT10M, at least a second and at most a year."""

    default_error_messages = {"duration": _("Write a duration like PT10M, from a second to a year.")}

    def to_internal_value(self, data: Any) -> timedelta:  # type: ignore[override]
        text = super().to_internal_value(data)
        try:
            parsed = parse_duration(text) if text.startswith("P") else None
        except (OverflowError, ValueError):
            parsed = None
        if parsed is None or not SECOND <= parsed <= YEAR:
            self.fail("duration")
        return parsed


class Key(serializers.UUIDField):
    """A UUID as text; the framework would take any number for one."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Names(serializers.ListField):
    """Usernames; on a page, separated by commas or spaces."""

    child = serializers.CharField(max_length=150)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 500, **kwargs})

    def get_value(self, dictionary: Any) -> Any:
        value = dictionary.get(self.field_name, serializers.empty)
        return value.replace(",", " ").split() if isinstance(value, str) else value

    def to_internal_value(self, data: Any) -> list[str]:
        return super().to_internal_value(data)


def choice(values: Any, **kwargs: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField([(value, value) for value in values], **kwargs)


def text(**kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=LONG, **kwargs)


def words() -> serializers.CharField:
    """Text that may be left out."""
    return text(required=False, allow_blank=True)


class Input(serializers.Serializer):
    """Every changing call may say which revision of the incident it was made for."""

    rev = serializers.IntegerField(required=False, min_value=0, help_text=_("409 if the incident moved on since."))


class Report(Input):
    """A report, or one more of an incident that is known: then only the incident has to be named."""

    client_key = Key()
    incident_type = serializers.SlugField(max_length=60)
    summary = serializers.CharField(max_length=LINE)
    details = words()
    site = serializers.CharField(max_length=30, required=False, allow_blank=True)
    seat = serializers.CharField(max_length=20, required=False, allow_blank=True)
    scope = choice(SCOPES)
    can_take_calls = serializers.BooleanField(required=False, allow_null=True, default=None)
    occurred_at = Moment(required=False, allow_null=True)
    join = serializers.CharField(max_length=16, required=False, allow_blank=True)
    kind = choice(("real", "drill"), required=False)
    participants = Names(required=False)
    speed = serializers.IntegerField(required=False, min_value=1, max_value=60)
    warning = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=LARGEST_ID)

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if getattr(self, "initial_data", {}).get("join"):
            for name in ("incident_type", "summary", "scope"):
                fields[name].required, fields[name].allow_blank = False, True
        return fields


class Candidates(serializers.Serializer):
    """The part of a report from which live incidents can be proposed."""

    incident_type = serializers.SlugField(max_length=60)
    site = serializers.CharField(max_length=30, required=False, allow_blank=True)


class Nothing(Input):
    """No body."""


class Assess(Input):
    verdict = choice(lifecycle.VERDICTS)
    type = serializers.SlugField(max_length=60, required=False, allow_blank=True)
    scope = choice(SCOPES, required=False, allow_blank=True)
    note = words()


class Activate(Input):
    plan = serializers.SlugField(max_length=60)
    level = serializers.IntegerField(min_value=min(LEVELS), max_value=max(LEVELS))
    reason = words()
    replace = serializers.BooleanField(required=False)


class Level(Input):
    level = serializers.IntegerField(min_value=min(LEVELS), max_value=max(LEVELS))
    reason = text()


class Condition(Input):
    name = serializers.CharField(max_length=60)
    holds = serializers.BooleanField()
    at = Moment(required=False, allow_null=True)


class AddStep(Input):
    title = serializers.CharField(max_length=LINE)
    group = serializers.CharField(max_length=60)
    due_in = Duration(required=False, allow_blank=True)


class Call(serializers.Serializer):
    person = serializers.CharField(max_length=LINE)
    answered = serializers.BooleanField()
    at = Moment(required=False, allow_null=True)


class StepVerb(Input):
    """Of start, complete, skip, assign, block and unblock; which fields count depends on the verb and the step."""

    note = words()
    reason = words()
    decision = serializers.CharField(max_length=60, required=False, allow_blank=True)
    call = Call(required=False)
    person = serializers.CharField(max_length=150, required=False, allow_blank=True)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        needed = {"skip": "reason", "block": "reason", "assign": "person"}.get(self.context.get("step_verb", ""))
        if needed and not data.get(needed):
            raise serializers.ValidationError({needed: _("This field is required.")})
        return data


class Support(Input):
    tier = serializers.IntegerField(min_value=1, max_value=2)
    open = serializers.BooleanField()
    people = Names(required=False)
    at = Moment(required=False, allow_null=True)


class Extend(Input):
    until = Moment(required=False, allow_null=True)
    by = Duration(required=False, allow_blank=True)
    reason = text()


class Day(serializers.DateField):
    """A day where the reader lives, as in 2026-03-02."""

    default_error_messages = {"range": _("Write a day between 2000 and 2199.")}

    def to_internal_value(self, value: Any) -> date:
        day: date = super().to_internal_value(value)
        if not OLDEST.year <= day.year < 2200:
            self.fail("range")
        return day


class LedgerFilter(serializers.Serializer):
    """What a list of promises is narrowed to. What is left empty is not asked for."""

    site = serializers.CharField(max_length=30, required=False, allow_blank=True)
    state = choice(promised.STATES, required=False, allow_blank=True)
    kind = choice(lifecycle.KINDS, required=False, allow_blank=True)
    plan = serializers.SlugField(max_length=60, required=False, allow_blank=True)
    rule = serializers.CharField(max_length=80, required=False, allow_blank=True)
    incident = serializers.CharField(max_length=16, required=False, allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language, so it cannot be written as a class attribute."""
        return {**super().get_fields(), **{name: Day(required=False) for name in DAYS}}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        asked = {name: value for name in self.fields if (value := data.get(name, ""))}
        given: dict[str, Any] = super().to_internal_value(asked)
        return given


DAYS = ("from", "to")


class Reason(Input):
    reason = text()


class Update(Input):
    """`nothing_new`: that nothing has changed is news too, and needs no words."""

    audience = choice((*AUDIENCES, "all"))
    text = words()
    nothing_new = serializers.BooleanField(required=False)
    next_update_at = Moment(required=False, allow_null=True)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data.get("text") and not data.get("nothing_new"):
            raise serializers.ValidationError({"text": _("This field is required.")})
        return data


class Cadence(Input):
    """How often an audience hears from now on, in this incident."""

    audience = choice(AUDIENCES)
    every = Duration()
    reason = text()


class AddNote(Input):
    text = text()
    corrects = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    at = Moment(required=False, allow_null=True)


class Command(Input):
    commander = serializers.CharField(max_length=150)
    deputy = serializers.CharField(max_length=150, required=False, allow_blank=True)


class CallOut(Input):
    """`ladder`: the plan's slug and the name of a ladder in it, or topic- and the id of a contact card."""

    ladder = serializers.CharField(max_length=130)
    note = words()


class HandOver(Input):
    ladder = serializers.CharField(max_length=130)
    person = serializers.CharField(max_length=150)
    note = words()


class Close(Input):
    outcome = choice(("resolved", "false-alarm"))
    cause = words()
    summary = words()


class Merge(Input):
    into = serializers.CharField(max_length=16)

    def validate_into(self, value: str) -> str:
        return value.upper()  # as people type it


class Waive(Input):
    gate = serializers.CharField(max_length=120)
    reason = text()


class Redact(Input):
    seq = serializers.IntegerField(min_value=1)
    reason = text()


class ChangeGateway(serializers.Serializer):
    """Without a URL the one that is set stays: it is never shown, so it cannot be sent back."""

    name = serializers.CharField(max_length=60)
    url = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    site = serializers.CharField(max_length=30, required=False, allow_blank=True)


class AddGateway(ChangeGateway):
    channel = choice([channel.value for channel in THROUGH_A_GATEWAY])
    url = serializers.CharField(max_length=1000)
    enabled = serializers.BooleanField(required=False)


class Address(serializers.Serializer):
    address = serializers.CharField(max_length=LINE)


class AddContact(Address):
    channel = choice([channel.value for channel in Channel if channel != Channel.CONSOLE])


class Code(serializers.Serializer):
    code = serializers.CharField(max_length=20)


class Number(serializers.FloatField):
    """A number that can be compared: no truth value, and neither infinite nor undefined."""

    default_error_messages = {"number": _("Write a number.")}

    def to_internal_value(self, data: Any) -> float:
        try:
            value: float = super().to_internal_value(data)
        except OverflowError:
            value = math.inf
        if isinstance(data, bool) or not math.isfinite(value):
            self.fail("number")
        return value


class Signal(serializers.Serializer):
    """One figure. `feed` may be called `source`, and `metric` `name`."""

    feed = serializers.SlugField(max_length=60)
    metric = serializers.CharField(max_length=120)
    value = Number()
    at = Moment(required=False, allow_null=True)
    site = serializers.CharField(max_length=30, required=False, allow_blank=True)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            data = {_SAME_FIELD.get(name, name): value for name, value in data.items()}
        return super().to_internal_value(data)


_SAME_FIELD = {"source": "feed", "name": "metric"}
SIGNALS = 1_000  # in one call


class Signals(Signal):
    """One figure, or several under `signals`."""

    signals = serializers.ListField(child=Signal(), required=False, allow_empty=False, max_length=SIGNALS)

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if "signals" in getattr(self, "initial_data", {}):
            for name in ("feed", "metric", "value"):
                fields[name].required = False
        return fields


class Alert(serializers.Serializer):
    """One alert as Alertmanager sends it. One that is firing has no end: what stands there is a placeholder."""

    status = choice(("firing", "resolved"))
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=LONG))
    startsAt = Moment()
    endsAt = serializers.CharField(max_length=60, required=False, allow_blank=True)
    fingerprint = serializers.CharField(max_length=64)

    def validate_labels(self, labels: dict[str, str]) -> dict[str, str]:
        if not 0 < len(labels.get("alertname", "")) <= 110:
            raise serializers.ValidationError(_("An alert has a name of at most 110 letters: the label alertname."))
        return labels

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if data["status"] == "resolved":
            data["endsAt"] = self._end(data.get("endsAt"))
        return data

    def _end(self, text: Any) -> datetime:
        field = Moment()
        field.bind("endsAt", self)
        try:
            ended: datetime = field.run_validation(text)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({"endsAt": error.detail}) from error
        return ended


class Alertmanager(serializers.Serializer):
    """The body of Prometheus Alertmanager's webhook, version 4; what else it says is not needed."""

    version = serializers.ChoiceField(
        [("4", "4")], error_messages={"invalid_choice": _("Only version 4 of the webhook is understood.")}
    )
    alerts = serializers.ListField(child=Alert(), allow_empty=False, max_length=SIGNALS)


MINUTES = 24 * 60


def minutes(**kwargs: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=MINUTES, **kwargs)


class Feed(serializers.Serializer):
    """A source of figures. `stale_after` in minutes; empty for one that speaks only when something changes."""

    slug = serializers.SlugField(max_length=60)
    name = serializers.CharField(max_length=LINE)
    name_zh = serializers.CharField(max_length=LINE, required=False, allow_blank=True)
    site = serializers.CharField(max_length=30, required=False, allow_blank=True)
    stale_after = serializers.IntegerField(min_value=1, max_value=7 * MINUTES, required=False, allow_null=True)
    enabled = serializers.BooleanField(required=False, default=False)


class WarningRule(serializers.Serializer):
    """A limit. It warns, with an incident type, or steers live incidents, with a condition."""

    title = serializers.CharField(max_length=LINE)
    title_zh = serializers.CharField(max_length=LINE, required=False, allow_blank=True)
    family = choice(FAMILIES)
    feed = serializers.SlugField(max_length=60)
    metric = serializers.CharField(max_length=120)
    direction = choice(DIRECTIONS)
    value = Number()
    clear_value = Number(required=False, allow_null=True)
    held_for = minutes()
    cool_down = minutes(required=False, default=0)
    site = serializers.CharField(max_length=30, required=False, allow_blank=True)
    owner = serializers.CharField(max_length=20)
    level = serializers.IntegerField(min_value=min(LEVELS), max_value=max(LEVELS), required=False, allow_null=True)
    incident_type = serializers.SlugField(max_length=60, required=False, allow_blank=True)
    condition = serializers.SlugField(max_length=60, required=False, allow_blank=True)
    lost_condition = serializers.SlugField(max_length=60, required=False, allow_blank=True)
    enabled = serializers.BooleanField(required=False, default=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        clear = data.get("clear_value")
        if clear is None:
            data["clear_value"] = clear = data["value"]
        if (clear > data["value"]) if data["direction"] == ABOVE else (clear < data["value"]):
            raise serializers.ValidationError({"clear_value": _("It is over on the near side of the limit.")})
        if bool(data.get("incident_type")) == bool(data.get("condition")):
            text = _("Choose either what is reported or which condition is set.")
            raise serializers.ValidationError({"incident_type": text})
        if data.get("lost_condition") and not data.get("condition"):
            raise serializers.ValidationError({"condition": _("This field is required.")})
        return data


class SupportPeople(Input):
    """What is said of people in support. `group`: a key of a group, `agents` (those of the site), or a word of `status`:
    everybody who stands at it in this tier."""

    tier = serializers.IntegerField(min_value=1, max_value=2)
    people = Names(required=False, max_length=2000)
    group = serializers.CharField(max_length=60, required=False, allow_blank=True)
    status = choice(tuple(lifecycle.SUPPORT_MOVES))
    at = Moment(required=False, allow_null=True)
    note = words()

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data.get("people") and not data.get("group"):
            raise serializers.ValidationError({"people": _("Name the people, or a group.")})
        return data
