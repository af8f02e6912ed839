"""What a page does with a form that was sent: check it with the API's own input, and keep it when it is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from rest_framework.serializers import Serializer

from contactops.errors import DomainError, Invalid
from contactops.http import WORDS
from incidents.verbs import arguments

Errors = dict[str, list[str]]


@dataclass(frozen=True)
class Sent:
    """A form that was refused: which one, what was typed, what is wrong. `open`: keys of what stands in the way."""

    form: str
    values: Mapping[str, str]
    errors: Errors
    status: int = 400
    open: tuple[str, ...] = ()

    @property
    def messages(self) -> list[tuple[str, str, str]]:
        """Every message with the id of its field and what the field is about."""
        named = [(name, text) for name, texts in self.errors.items() for text in texts]
        return [(field_id(self.form, name), str(LABELS.get(name, "")), text) for name, text in named]

    @property
    def written(self) -> list[str]:
        """The sentences a person wrote, so that they can be copied when the form itself is no longer offered."""
        return [text for name, text in self.values.items() if name in WORDS and text.strip()]


LABELS = {
    "incident_type": _("What is wrong?"),
    "summary": _("In one line"),
    "details": _("Details"),
    "scope": _("How many are affected"),
    "seat": _("Seat"),
    "site": _("Site"),
    "occurred_at": _("Since when?"),
    "participants": _("Who takes part"),
    "verdict": _("Assessment"),
    "plan": _("Plan"),
    "level": _("Level"),
    "reason": _("Why"),
    "text": _("Text"),
    "note": _("Note"),
    "title": _("What is to be done"),
    "group": _("By whom"),
    "due_in": _("Within"),
    "decision": _("Decision"),
    "person": _("Person"),
    "call.person": _("Who was called"),
    "call.at": _("When"),
    "call.answered": _("Answered?"),
    "audience": _("To"),
    "next_update_at": _("Next update"),
    "commander": _("Commander"),
    "deputy": _("Deputy"),
    "people": _("Who"),
    "until": _("Until"),
    "by": _("By"),
    "corrects": _("Entry number"),
    "seq": _("Entry number"),
    "at": _("Time"),
    "outcome": _("Outcome"),
    "into": _("The other incident"),
    "gate": _("Which"),
    "channel": _("Channel"),
    "address": _("Address"),
    "name": _("Name"),
    "url": _("Apprise URL"),
    "code": _("Code"),
    "slug": _("Key"),
    "stale_after": _("Stale after how many minutes of silence"),
    "family": _("What it is about"),
    "feed": _("Feed"),
    "metric": _("Metric"),
    "direction": _("It is crossed by"),
    "value": _("this value"),
    "clear_value": _("Over at"),
    "held_for": _("for how many minutes"),
    "cool_down": _("Then quiet for how many minutes"),
    "owner": _("Who is told, besides the supervisors"),
    "condition": _("While the limit is crossed"),
    "status": _("What to write down"),
}


def field_id(form: str, name: str) -> str:
    """The id of a field on the page; a form may be named steps/KEY/complete, a field call.person."""
    return f"{form}-{name}".replace("/", "-").replace(".", "-")


def check(form: str, serializer: Serializer[Any], posted: QueryDict) -> dict[str, Any] | Sent:
    """The verb's arguments, or the form with what is wrong."""
    if serializer.is_valid():
        return arguments(serializer.validated_data)
    return Sent(form, typed(posted), flat(serializer.errors))


def refused(form: str, error: DomainError, posted: QueryDict) -> Sent:
    """The form with what the verb said against it."""
    errors = dict(error.fields) if isinstance(error, Invalid) else {"non_field_errors": [error.detail]}
    if "call" in errors:  # a call's record is several fields on a page
        errors["call.at" if posted.get("call.at") else "call.person"] = errors.pop("call")
    return Sent(form, typed(posted), errors, error.status, tuple(error.open))


def typed(posted: QueryDict) -> dict[str, str]:
    return {name: str(value) for name, value in posted.items() if name != "csrfmiddlewaretoken"}


def flat(errors: Mapping[str, Any], prefix: str = "") -> Errors:
    """Errors of nested input under the names their fields have on the page: call.person."""
    found: Errors = {}
    for name, texts in errors.items():
        if isinstance(texts, Mapping):
            found |= flat(texts, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = [str(text) for text in texts]
    return found
