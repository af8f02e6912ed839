"""Does the history hold? Hash chains, head hashes, notes, and what is stored beside the events against a replay of them."""

import json
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Any

from django.db import transaction

from incidents.engine.apply import apply
from incidents.engine.events import chain, genesis
from incidents.engine.ledger import COLLAPSED, FIRED, PENDING
from incidents.engine.lifecycle import Refusal
from incidents.engine.promises import promises
from incidents.engine.state import IncidentState, StepRun, dump
from incidents.models import Event, Incident, Timer
from incidents.models import StepRun as StepRow
from incidents.record import incident_columns, step_columns
from incidents.rulebook import Rulebook, in_force
from incidents.times import MS, moment, ms

# What facts that somebody tampered with can make of a handler that trusts them.
_UNREADABLE = (Refusal, LookupError, TypeError, ValueError, AttributeError)


class BrokenHistoryError(Exception):
    """A history that cannot have been written like this; the message names the first event at which it shows."""


@contextmanager
def held(pk: int) -> Iterator[Incident]:
    """The incident with nobody writing to it, so that its row, its events and its ledger are read as of one moment."""
    with transaction.atomic():
        yield Incident.objects.select_for_update(of=("self",)).select_related("type", "merged_into").get(pk=pk)


def faults(incident: Incident) -> Iterator[str]:
    """What is wrong with this incident's history, the first bad event first; nothing when all holds."""
    rows = history(incident)
    try:
        state = _chained(incident, rows)
    except BrokenHistoryError as error:
        yield str(error)
    else:
        yield from differences(incident, state)


def _chained(incident: Incident, rows: list[Event]) -> IncidentState:
    state, head = IncidentState(), genesis(incident.ref)
    redacted = {row.facts.get("target") for row in rows if row.kind == "redacted"}
    for number, row in enumerate(rows, start=1):
        if row.seq != number:
            raise BrokenHistoryError(f"event {number}: missing, the next one is {row.seq}")
        if row.prev_hash != head or row.hash != chain(head, row.as_engine):
            raise BrokenHistoryError(f"event {number} ({row.kind}): the hash does not match")
        if fault := _note_fault(row, redacted):
            raise BrokenHistoryError(f"event {number} ({row.kind}): {fault}")
        state, head = _applied(state, row), row.hash
    if state.seq > incident.rev:
        raise BrokenHistoryError(f"event {incident.rev + 1}: in the history, but the incident was at {incident.rev}")
    if head != incident.head_hash or state.seq != incident.rev:
        raise BrokenHistoryError(f"event {state.seq + 1}: missing, the incident was at {incident.rev}")
    return state


def _applied(state: IncidentState, row: Event) -> IncidentState:
    try:
        return apply(state, row.as_engine)
    except _UNREADABLE as error:
        raise BrokenHistoryError(f"event {row.seq} ({row.kind}): not legal here: {error}") from error


def _note_fault(row: Event, redacted: Set[int]) -> str:
    """Whether the words beside an event are those it was written with; the event's own facts say which these were."""
    reference = row.facts.get("note")
    if not reference and not row.note:
        return ""
    if not reference or not row.note or row.note.reference != reference or not row.note.is_intact():
        return "the text was changed"
    if row.note.redacted_at and row.seq not in redacted:
        return "the text was removed, but no entry says by whom"
    return ""


def history(incident: Incident) -> list[Event]:
    return list(Event.objects.filter(incident=incident).select_related("note").order_by("seq"))


def replayed(incident: Incident) -> IncidentState:
    """The state rebuilt from the events alone, or BrokenHistoryError."""
    state = IncidentState()
    for row in history(incident):
        state = _applied(state, row)
    if not state.seq:
        raise BrokenHistoryError("event 1: missing, there is no history")
    return state


def differences(incident: Incident, state: IncidentState) -> Iterator[str]:
    """Where the stored projection or the ledger is not what the events say."""
    stored, rebuilt = incident.state, _as_json(state)
    if not isinstance(stored, Mapping):
        yield f"state: stored {stored!r}"
        return
    for name in sorted(set(stored) | set(rebuilt)):
        if stored.get(name) != rebuilt.get(name):
            yield f"state.{name}: stored {stored.get(name)!r}, replayed {rebuilt.get(name)!r}"
    book = Rulebook(in_force(state))
    yield from _unlike(_columns(incident), _wanted_columns(incident, state, book))
    yield from _step_differences(incident, state, book)
    yield from _promise_differences(incident, state, book)
    yield from _firing_differences(incident)


def _unlike(stored: Mapping[str, Any], wanted: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for name, value in wanted.items():
        if stored[name] != value:
            yield f"{where}{name}: stored {stored[name]!r}, replayed {value!r}"


def _columns(incident: Incident) -> dict[str, Any]:
    """The incident's row, its references as the events name them."""
    merged_into = incident.merged_into.ref if incident.merged_into else ""
    return {**vars(incident), "type": incident.type.slug, "merged_into": merged_into}


def _wanted_columns(incident: Incident, state: IncidentState, book: Rulebook) -> dict[str, Any]:
    plans = [activation for activation in state.activations if activation.n]
    first = Event.objects.filter(incident=incident, seq=1).select_related("note").first()
    said = first.note.words.get("summary", "") if first and first.note and not first.note.redacted_at else ""
    return {
        **incident_columns(state),
        "kind": state.kind,
        "type": state.type,
        "merged_into": state.merged_into,
        "revision_id": book.ids.get((plans[-1].plan, plans[-1].revision)) if plans else None,
        **({"title": said[:200]} if said else {}),
    }


def _step_differences(incident: Incident, state: IncidentState, book: Rulebook) -> Iterator[str]:
    rows = {row.key: row for row in StepRow.objects.filter(incident=incident)}
    for key in sorted(set(rows) - set(state.steps)):
        yield f"step {key}: stored, but never opened"
    for key, run in sorted(state.steps.items()):
        if key not in rows:
            yield f"step {key}: missing"
        else:
            wanted = {**step_columns(run), **_words(state, run, book), **_deadline(run)}
            yield from _unlike(vars(rows[key]), wanted, f"step {key}: ")


def _words(state: IncidentState, run: StepRun, book: Rulebook) -> dict[str, Any]:
    """What a plan's step is called. The words of a step that a person added stand in a note, which has its own hash."""
    if run.source == "person":
        return {}
    activation = state.activation(run.activation)
    return book.step_words((activation.plan, activation.revision), run.id.partition(".")[2])


def _deadline(run: StepRun) -> dict[str, Any]:
    return {} if run.due is None else {"due_at": moment(run.due)}


def _as_json(state: IncidentState) -> dict[str, object]:
    """The state as it comes back from the database: tuples as lists."""
    plain: dict[str, object] = json.loads(json.dumps(dump(state)))
    return plain


def _promise_differences(incident: Incident, state: IncidentState, book: Rulebook) -> Iterator[str]:
    """The pending rows of the ledger against what is promised now."""
    promised = promises(book.rules, state)
    pending = {row.key: row for row in Timer.objects.filter(incident=incident, state=PENDING)}
    for key in sorted(set(promised) - set(pending)):
        yield f"promise {key}: missing from the ledger"
    for key in sorted(set(pending) - set(promised)):
        yield f"promise {key}: in the ledger, but nothing promises it"
    for key in sorted(set(promised) & set(pending)):
        if promised[key].due != ms(pending[key].due_at):
            yield f"promise {key}: due {pending[key].due_at}, should be {promised[key].due}"


def _firing_differences(incident: Incident) -> Iterator[str]:
    """The rows that fired or were collapsed against the history of firings, both ways."""
    rows = {row.key: row for row in Timer.objects.filter(incident=incident, state__in=[FIRED, COLLAPSED])}
    wanted: dict[str, dict[str, Any]] = {}
    for facts in Event.objects.filter(incident=incident, kind="fired").values_list("facts", flat=True):
        seen = facts["due"] + facts["late_ms"]
        for n, due in facts.get("collapsed", ()):
            wanted[f"{facts['base']}#{n}"] = _row(COLLAPSED, facts, due, seen - due, seen - max(due, facts["armed"]))
        wanted[facts["key"]] = _row(FIRED, facts, facts["due"], facts["late_ms"], facts["system_late_ms"])
    for key in sorted(set(wanted) - set(rows)):
        yield f"promise {key}: fired, but not in the ledger"
    for key in sorted(set(rows) - set(wanted)):
        yield f"promise {key}: {rows[key].state} in the ledger, but not in the history"
    for key in sorted(set(rows) & set(wanted)):
        yield from _unlike(vars(rows[key]), wanted[key], f"promise {key}: ")


def _row(state: str, facts: Mapping[str, Any], due: int, late: int, behind: int) -> dict[str, Any]:
    """What the ledger must say of a promise that was kept or collapsed."""
    at = {"due_at": moment(due), "armed_at": moment(facts["armed"])}
    fired = {"fired_at": moment(due + late)} if state == FIRED and late else {}
    return {"state": state, **at, **fired, "late": late * MS, "system_late": behind * MS}
