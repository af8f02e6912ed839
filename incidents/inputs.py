"""What each verb takes, checked once for the API and the pages. Field errors are in the reader's language."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.utils.dateparse import parse_datetime, parse_duration
from django.utils.timezone import is_aware
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from incidents.engine import lifecycle
from incidents.engine.plan import AUDIENCES, LEVELS
from incidents.models.incident import SCOPES

LONG = 10_000  # characters of a text
LINE = 200  # characters of a title
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


class Reason(Input):
    reason = text()


class Update(Input):
    audience = choice((*AUDIENCES, "all"))
    text = text()
    next_update_at = Moment(required=False, allow_null=True)


class AddNote(Input):
    text = text()
    corrects = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    at = Moment(required=False, allow_null=True)


class Command(Input):
    commander = serializers.CharField(max_length=150)
    deputy = serializers.CharField(max_length=150, required=False, allow_blank=True)


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
