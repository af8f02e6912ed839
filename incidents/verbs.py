"""The verbs of an incident as the API and the pages offer them: path -> what it takes, what it calls.

One table for both, so that they cannot drift apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contactops.accounts.models import User
from incidents import access, inputs, services, warned
from incidents.models import Incident, Warning


@dataclass(frozen=True)
class Verb:
    """`door`: how a person gets to the incident."""

    takes: type[inputs.Input]
    call: Callable[..., Incident]
    door: Callable[[User, str], Incident] = access.incident_for


VERBS: Mapping[str, Verb] = {
    "acknowledge": Verb(inputs.Nothing, services.acknowledge),
    "assess": Verb(inputs.Assess, services.assess),
    "activate": Verb(inputs.Activate, services.activate),
    "level": Verb(inputs.Level, services.change_level),
    "level/confirm": Verb(inputs.Nothing, services.confirm_level),
    "conditions": Verb(inputs.Condition, services.set_condition),
    "steps": Verb(inputs.AddStep, services.add_step),
    "support": Verb(inputs.Support, services.set_support),
    "updates": Verb(inputs.Update, services.post_update),
    "cadence": Verb(inputs.Cadence, services.set_cadence),
    "notes": Verb(inputs.AddNote, services.add_note),
    "command": Verb(inputs.Command, services.take_command),
    "call-out": Verb(inputs.CallOut, services.call_out),
    "hand-over": Verb(inputs.HandOver, services.hand_over),
    "stand-down": Verb(inputs.Reason, services.stand_down),
    "close": Verb(inputs.Close, services.close),
    "reopen": Verb(inputs.Reason, services.reopen),
    "cancel": Verb(inputs.Reason, services.cancel),
    "merge": Verb(inputs.Merge, services.merge),
    "waive": Verb(inputs.Waive, services.waive),
    "redact": Verb(inputs.Redact, services.redact),
    "support/people": Verb(inputs.SupportPeople, services.set_support_people, access.incident_to_help_in),
}
STEP_VERBS = ("start", "complete", "skip", "assign", "block", "unblock")
PROMISE_VERBS: Mapping[str, Verb] = {
    "extend": Verb(inputs.Extend, services.extend_promise),
    "pause": Verb(inputs.Reason, services.pause_promise),
    "resume": Verb(inputs.Reason, services.resume_promise),
    "stop": Verb(inputs.Reason, services.stop_promise),
}

# What the person to whom a message was sent can say to it.
ANSWERS: Mapping[str, type[inputs.Input]] = {"acknowledge": inputs.Nothing, "decline": inputs.Reason}

# What those who run a response can say to a warning; to report it is the third.
WARNING_VERBS: Mapping[str, type[inputs.Input]] = {"watch": inputs.Nothing, "dismiss": inputs.Reason}
WARNING_CALLS: Mapping[str, Callable[..., Warning]] = {"watch": warned.watch, "dismiss": warned.dismiss}


def arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """Validated input as keyword arguments: what was left empty is left out, so that the verb's own default counts."""
    return {name: value for name, value in data.items() if value is not None and value != ""}
