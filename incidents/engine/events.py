"""The kinds of event, the facts each carries, and its wording.

Events are self-contained: `apply` and replay need no plan. Facts hold ids, figures and choices; free text lives in a
note to which facts refer as `note: {id, sha256}`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from incidents.engine.lifecycle import N_

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of history. `at` is when it happened, `recorded` when it was written; both in ms UTC."""

    kind: str
    at: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    actor: str = SYSTEM
    seq: int = 0
    recorded: int = 0


@dataclass(frozen=True, slots=True)
class Kind:
    """What an event of this kind must carry, and how it reads. `verb` names its row in the table of moves."""

    facts: tuple[str, ...]
    wording: str
    verb: str = ""


KINDS: Mapping[str, Kind] = {
    "reported": Kind(
        ("incident_kind", "type", "speed", "captured", "conditions", "house"), N_("Reported: %(type_name)s"), "report"
    ),
    "joined": Kind(("report",), N_("Another report joined"), "join"),
    "acknowledged": Kind((), N_("Acknowledged"), "acknowledge"),
    "assessed": Kind(("verdict",), N_("Assessed: %(verdict_name)s"), "assess"),
    "activated": Kind(
        ("n", "plan", "revision", "level", "confirmed"),
        N_("Plan activated: %(plan_name)s, level %(level)s"),
        "activate",
    ),
    "deactivated": Kind(("n",), N_("Plan ended: %(plan_name)s")),
    "level_set": Kind(("level", "confirmed"), N_("Level set to %(level)s"), "level"),
    "level_confirmed": Kind((), N_("Level confirmed"), "level/confirm"),
    "condition": Kind(("name", "holds", "grace"), N_("%(condition_name)s: %(holds_name)s"), "conditions"),
    "point": Kind(("name", "holds"), N_("%(condition_name)s: %(holds_name)s"), "conditions"),
    "tier": Kind(("tier", "open"), N_("Support tier %(tier)s: %(holds_name)s"), "support"),
    "step_opened": Kind(
        ("key", "id", "activation", "run", "kind", "group", "mandatory", "source"), N_("Step opened: %(step_name)s")
    ),
    "step_started": Kind(("key",), N_("Step started: %(step_name)s"), "steps/verb"),
    "step_ticked": Kind(("key",), N_("Done once: %(step_name)s"), "steps/verb"),
    "step_completed": Kind(("key",), N_("Step done: %(step_name)s"), "steps/verb"),
    "step_skipped": Kind(("key",), N_("Step skipped: %(step_name)s"), "steps/verb"),
    "step_assigned": Kind(("key", "person"), N_("Step given to %(person_name)s: %(step_name)s"), "steps/verb"),
    "step_blocked": Kind(("key",), N_("Step blocked: %(step_name)s"), "steps/verb"),
    "step_unblocked": Kind(("key",), N_("Step goes on: %(step_name)s"), "steps/verb"),
    "step_withdrawn": Kind(("key",), N_("Step no longer needed: %(step_name)s")),
    "step_overdue": Kind(("key", "due"), N_("Step overdue: %(step_name)s")),
    "step_reminded": Kind(("key",), N_("Step still open: %(step_name)s")),
    "call_tried": Kind(("key", "call"), N_("Called, no answer: %(step_name)s"), "steps/verb"),
    "updated": Kind(("audiences",), N_("Update to %(audience_names)s"), "updates"),
    "cadence_set": Kind(
        ("audience", "every"), N_("Updates to %(audience_name)s from now on every %(every_name)s"), "cadence"
    ),
    "called_out": Kind(("ladder", "group", "contacts", "rung"), N_("Called: %(who)s (%(ladder_name)s)")),
    "contact_asked": Kind(("ladder", "group", "rung"), N_("Next called: %(who)s (%(ladder_name)s)")),
    "contact_failed": Kind(("ladder",), N_("Cannot: the next contact is asked (%(ladder_name)s)"), "answer"),
    "contact_absent": Kind(
        ("ladder", "group"), N_("Nobody on duty in %(group_name)s: the next contact is asked (%(ladder_name)s)")
    ),
    "unreachable": Kind(
        ("ladder", "person"),
        N_("%(person_name)s cannot be reached on any channel: the next contact is asked (%(ladder_name)s)"),
    ),
    "answered": Kind(("ladder", "person"), N_("%(person_name)s has it (%(ladder_name)s)"), "answer"),
    "handed_over": Kind(
        ("ladder", "person"), N_("Handed over: %(person_name)s is called (%(ladder_name)s)"), "hand-over"
    ),
    "notice_acknowledged": Kind(("notification",), N_("Notification acknowledged"), "answer"),
    "notice_declined": Kind(("notification",), N_("Notification declined"), "answer"),
    "list_added": Kind(("list", "items"), N_("Items listed: %(list)s, %(items)s"), "list"),
    "list_settled": Kind(("list", "items"), N_("Items settled: %(list)s, %(items)s"), "list"),
    "mark": Kind(("name",), N_("Marked: %(name)s")),
    "suggested": Kind(("what",), N_("Suggested: %(what)s")),
    "fired": Kind(
        ("key", "base", "rule", "activation", "n", "to", "due", "next_from", "armed", "late_ms", "system_late_ms"),
        N_("%(rule_name)s"),
    ),
    "adjusted": Kind(("base", "n", "change"), N_("Promise changed: %(change_name)s")),
    "corrected": Kind(("target", "to"), N_("Time of entry %(target)s corrected"), "correct"),
    "waived": Kind(("gate",), N_("Waived for closing: %(gate)s"), "waive"),
    "commanded": Kind(("commander",), N_("In command: %(person_name)s"), "command"),
    "merged_in": Kind(("ref", "started"), N_("%(ref)s merged into this incident"), "join"),
    "merged_into": Kind(("ref",), N_("Merged into %(ref)s"), "merge"),
    "stood_down": Kind((), N_("Stood down"), "stand-down"),
    "stand_down_withdrawn": Kind((), N_("Stand-down withdrawn: it has begun again")),
    "closed": Kind(("outcome",), N_("Closed: %(outcome_name)s"), "close"),
    "cancelled": Kind((), N_("Cancelled"), "cancel"),
    "reopened": Kind((), N_("Reopened"), "reopen"),
    "note": Kind((), N_("Note"), "notes"),
    "redacted": Kind(("target",), N_("Text of entry %(target)s redacted"), "redact"),
    "support": Kind(
        ("tier", "people", "status"), N_("Support tier %(tier)s, %(status_name)s: %(people_names)s"), "support/people"
    ),
}


def stamp(event: Event, seq: int, recorded: int) -> Event:
    return replace(event, seq=seq, recorded=recorded)


def canonical(event: Event) -> bytes:
    """The bytes that are hashed: JSON with sorted keys, no spaces, UTF-8. ValueError at a float: it has many spellings."""
    if _has_float(event.facts):
        raise ValueError(f"a float among the facts of “{event.kind}”")
    body = {
        "seq": event.seq,
        "kind": event.kind,
        "at": event.at,
        "recorded": event.recorded,
        "actor": event.actor,
        "facts": event.facts,
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _has_float(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_float(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has_float(item) for item in value)
    return isinstance(value, float)


def genesis(ref: str) -> str:
    """What the first event's hash stands on: a history belongs to its incident and to no other."""
    return hashlib.sha256(ref.encode()).hexdigest()


def chain(prev_hash: str, event: Event) -> str:
    """SHA-256, in hex, over the previous hash and this event's canonical bytes."""
    return hashlib.sha256(prev_hash.encode() + b"\n" + canonical(event)).hexdigest()
