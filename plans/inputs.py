"""What the calls of the roster take, checked once for the API and the pages."""

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from plans import roster_csv
from plans.roster_csv import YEARS

LINE = 200


class Moment(serializers.DateTimeField):
    """An instant of this century, with its offset."""

    default_error_messages = {
        "offset": _("Write the time with its offset, as in 2026-03-02T14:00:00Z."),
        "year": _("Write a time from 2000 to 2099."),
    }

    def to_internal_value(self, value: Any) -> datetime:
        try:
            parsed = parse_datetime(value) if isinstance(value, str) else None
        except ValueError:
            parsed = None
        if parsed is not None and not is_aware(parsed):
            self.fail("offset")
        moment: datetime = super().to_internal_value(value)
        if moment.year not in YEARS:
            self.fail("year")
        return moment


def named(longest: int, **kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=longest, **kwargs)


class Input(serializers.Serializer):
    """Of a call about the roster."""


class NoBody(Input):
    """Of a call that says everything by its address."""


class AddShift(Input):
    group = named(60, help_text=_("Its key, or its name."))
    site = named(60, required=False, allow_blank=True, help_text=_("Its code, or its name; empty: everywhere."))
    person = named(150, help_text=_("Username, employee number or name."))
    starts_at = Moment()
    ends_at = Moment()
    override = serializers.BooleanField(required=False)


class ChangeShift(Input):
    starts_at = Moment()
    ends_at = Moment()


class ReplaceShift(Input):
    person = named(150)
    starts_at = Moment(required=False, allow_null=True)
    ends_at = Moment(required=False, allow_null=True)


class AskSwap(Input):
    person = named(150)
    reason = named(LINE, required=False, allow_blank=True)


class Import(Input):
    csv = serializers.CharField(max_length=roster_csv.MOST_BYTES, trim_whitespace=False)
    preview = serializers.BooleanField(required=False, help_text=_("Say what would come of it; store nothing."))


class Line(Input):
    """A shift as a form on a page has it: the cells of a line of the file."""

    site = named(60, required=False, allow_blank=True)
    group = named(60)
    person = named(150)
    date = named(LINE)
    start = named(LINE)
    end = named(LINE)
    until = named(LINE, required=False, allow_blank=True, help_text=_("The day on which it ends, if that is another."))
    override = named(LINE, required=False, allow_blank=True)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        until = given.pop("until", "")
        return {**given, "end": f"{until} {given['end']}"} if until and until != given["date"] else given


class Times(Input):
    """Other times for a shift, each with its day, on the wall of its site."""

    start = named(LINE)
    end = named(LINE)


class Asked(serializers.Serializer):
    """What a list is narrowed to, from its address."""

    site = named(60, required=False, allow_blank=True)
    group = named(60, required=False, allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        return {**super().get_fields(), "from": Moment(required=False), "to": Moment(required=False)}
