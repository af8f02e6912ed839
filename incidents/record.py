"""The only writer of incidents: decide an event, append it, apply it, reconcile what follows from it; one transaction.

Takes a batch, because a thousand promises may come due in the same second: the number of SQL statements does not depend
on how many changes there are.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from contactops import bulk
from contactops.bulk import Row
from contactops.errors import Conflict, NotFound
from incidents import hints
from incidents.duty import Groups, OnDuty, group_for
from incidents.engine import events as engine
from incidents.engine.decide import Act, clamp
from incidents.engine.ledger import PENDING, Entry
from incidents.engine.plan import RuleSet, key_of
from incidents.engine.state import IncidentState, dump
from incidents.engine.state import StepRun as Run
from incidents.engine.turn import Turn, take
from incidents.models import AuditFinding, Event, Incident, Note, Timer
from incidents.models import StepRun as StepRow
from incidents.notify import outbox
from incidents.rulebook import Pair, Rulebook, in_force
from incidents.times import MS, db_now, moment, ms, optional
from plans.models import Group

log = logging.getLogger(__name__)

INCIDENT_COLUMNS = [
    "id",
    *("status", "outcome", "level", "type_id", "revision_id", "commander_id", "merged_into_id", "title"),
    *("occurred_at", "reported_at", "acknowledged_at", "activated_at", "contained_at", "restored_at"),
    *("stood_down_at", "closed_at", "rev", "head_hash", "state"),
]
STEP_COLUMNS = ["status", "assignee_id", "decision", "due_at", "overdue", "started_at", "done_at", "took"]
PLACE = ["incident_id", "key"]
TIMER_COLUMNS = ["due_at", "armed_at", "state", "fired_at", "late", "system_late", "action"]


@dataclass(frozen=True)
class Change:
    """One act in one incident, or no verb: then only what is due by now is settled.

    `at`: when it happened, ms UTC; None means now, by the database's clock. `rev`: refuse if the incident moved on since.
    """

    incident_id: int
    verb: str = ""
    actor: str = ""
    at: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    note: Note | None = None
    rev: int | None = None
    title: Mapping[str, str] = field(default_factory=dict)  # of a step that a person adds
    columns: Mapping[str, Any] = field(default_factory=dict)  # of the incident's row, set with the event

    def act(self, now: int) -> Act:
        note = {"note": self.note.reference} if self.note else {}
        return Act(self.verb, now if self.at is None else clamp(self.at, now), self.actor, {**self.body, **note})


@dataclass
class _Written:
    """One incident on its way through a batch."""

    incident: Incident
    before: IncidentState
    turn: Turn
    titles: dict[str, Mapping[str, str]]
    columns: Mapping[str, Any]
    events: list[Row] = field(default_factory=list)

    @property
    def moved(self) -> hints.Moved:
        kinds = frozenset(map(hints.kind, self.turn.events))
        return hints.Moved(self.incident.ref, self.incident.rev, kinds)


def record(changes: Sequence[Change], *, skip_locked: bool = False) -> dict[int, Incident]:
    """Write the changes, each incident's in the order given, and return the incidents by id, as they are now.

    Conflict when one moved on or the act is not legal; then nothing of the batch is written. With `skip_locked`,
    incidents that somebody else is writing to are left out.
    """
    with transaction.atomic():
        incidents = _lock({change.incident_id for change in changes}, skip_locked)
        if not incidents:
            return {}
        # The clock is read after the locks: what waited for one is written at the time it got it.
        pending, now = pending_rows(incidents), ms(db_now())
        book = Rulebook(_revisions(incidents.values(), changes))
        on_duty = OnDuty(incidents.values(), book.rules, moment(now))
        by_incident = _by_incident(changes)
        done = [
            _turn(incident, pending.get(pk, {}), by_incident[pk], book.rules, on_duty, now)
            for pk, incident in incidents.items()
        ]
        _write([change.note for change in changes if change.note], done, book)
        AuditFinding.objects.bulk_create([row for item in done for row in _findings(item, moment(now))])
    return incidents


def settle(incident_ids: Iterable[int]) -> list[int]:
    """Fire what is due in these incidents, passing over those that are being written to. Returns the ids settled."""
    return list(record([Change(pk) for pk in incident_ids], skip_locked=True))


def _lock(ids: set[int], skip_locked: bool) -> dict[int, Incident]:
    """The incident rows, locked in id order: the first lock anybody takes."""
    rows = Incident.objects.select_for_update(skip_locked=skip_locked, of=("self",))
    incidents = {row.pk: row for row in rows.prefetch_related("type", "site").filter(pk__in=ids).order_by("pk")}
    if not skip_locked and len(incidents) < len(ids):
        raise NotFound(_("There is no such incident."))
    return incidents


def pending_rows(incidents: Iterable[int]) -> dict[int, dict[str, Entry]]:
    """What the ledger holds as pending for these incidents, by id and key. One query."""
    found: dict[int, dict[str, Entry]] = {}
    rows = Timer.objects.filter(incident__in=incidents, state=PENDING).order_by()
    same = ("key", "base", "activation", "plan", "rule", "subject", "n", "action")
    for incident, due, armed, *values in rows.values_list("incident", "due_at", "armed_at", *same):
        row = Entry(**dict(zip(same, values, strict=True)), due=ms(due), armed=ms(armed))
        found.setdefault(incident, {})[row.key] = row
    return found


def _revisions(incidents: Iterable[Incident], changes: Sequence[Change]) -> set[Pair]:
    """Every plan revision that is or will be in force."""
    wanted = {pair for incident in incidents if incident.state for pair in in_force(incident.facts)}
    for change in changes:
        if change.body.get("house"):
            wanted.add(tuple(change.body["house"]))
        if "revision" in change.body:
            wanted.add((change.body["plan"], change.body["revision"]))
    return wanted


def _by_incident(changes: Sequence[Change]) -> Mapping[int, list[Change]]:
    found: dict[int, list[Change]] = {}
    for change in changes:
        found.setdefault(change.incident_id, []).append(change)
    return found


def _turn(
    incident: Incident,
    pending: Mapping[str, Entry],
    changes: list[Change],
    rules: RuleSet,
    on_duty: OnDuty,
    now: int,
) -> _Written:
    for change in changes:
        if change.rev is not None and change.rev != incident.rev:
            raise Conflict(_("The incident has moved on meanwhile. Look again."), code="stale")
    before = incident.facts if incident.state else IncidentState()
    titles: dict[str, Mapping[str, str]] = {}
    acts = [change.act(now) for change in changes if change.verb]
    turn = take(rules, before, pending, acts, now, on_duty.of(incident))
    if added := [change.title for change in changes if change.title]:
        people = [event for event in turn.events if event.kind == "step_opened" and event.facts["source"] == "person"]
        titles = {event.facts["key"]: title for event, title in zip(people, added, strict=True)}
    columns = {name: value for change in changes for name, value in change.columns.items()}
    return _Written(incident, before, turn, titles, columns)


def _write(notes: list[Note], done: list[_Written], book: Rulebook) -> None:
    done = [item for item in done if item.turn.events or item.turn.written]
    for item in done:
        _chain(item)
        _project(item, book)
    groups = _groups(done)
    Note.objects.bulk_create(notes)
    bulk.insert(Event, (event for item in done for event in item.events))
    bulk.update(Incident, ({name: getattr(item.incident, name) for name in INCIDENT_COLUMNS} for item in done))
    steps = (row for item in done for row in _steps(item, book, groups))
    bulk.upsert(StepRow, steps, unique=PLACE, replace=STEP_COLUMNS)
    timers = (_timer(item.incident, row) for item in done for row in item.turn.written)
    bulk.upsert(Timer, timers, unique=PLACE, replace=TIMER_COLUMNS)
    outbox.write([(item.incident, item.turn) for item in done], groups)
    if done:
        hints.after_commit([item.moved for item in done])


def _findings(item: _Written, now: datetime) -> Iterable[AuditFinding]:
    """What the turn had to put right before anything else, for those who run the console to know."""
    for mend in item.turn.mended:
        log.error(
            "%s: promise %s was %s in the ledger and has been put right", item.incident, mend.after.key, mend.kind
        )
        was = {"was": moment(mend.before.due).isoformat()} if mend.before else {}
        due = {"due": moment(mend.after.due).isoformat()} if mend.kind != "extra" else {}
        yield AuditFinding(
            incident=item.incident,
            kind=mend.kind,
            key=mend.after.key,
            detail={**due, **was},
            found_at=now,
            repaired_at=now,
        )


def _chain(item: _Written) -> None:
    """Each event's hash covers the one before, the first one's the incident's reference; the head is kept on the row."""
    incident = item.incident
    incident.head_hash = incident.head_hash or engine.genesis(incident.ref)
    for event in item.turn.events:
        digest = engine.chain(incident.head_hash, event)
        actor = event.actor.removeprefix("user:") if event.actor.startswith("user:") else None
        item.events.append(
            {
                "incident_id": incident.pk,
                "seq": event.seq,
                "kind": event.kind,
                "actor_id": int(actor) if actor else None,
                "source": "" if actor else event.actor,
                "occurred_at": moment(event.at),
                "recorded_at": moment(event.recorded),
                "facts": event.facts,
                "note_id": (event.facts.get("note") or {}).get("id"),
                "prev_hash": incident.head_hash,
                "hash": digest,
            }
        )
        incident.head_hash = digest


def _project(item: _Written, book: Rulebook) -> None:
    """The columns that something filters or sorts by, from the new state."""
    incident, state = item.incident, item.turn.state
    incident.rev, incident.state = state.seq, dump(state)
    incident.facts = state
    for name, value in incident_columns(state).items():
        setattr(incident, name, value)
    if plans := [a for a in state.activations if a.n]:
        incident.revision_id = book.ids[plans[-1].plan, plans[-1].revision]
    for name, value in item.columns.items():
        setattr(incident, name, value)


def incident_columns(state: IncidentState) -> dict[str, Any]:
    """What the columns of the incident's row say of its state."""
    points = state.points
    later = ("acknowledged", "activated", "contained", "restored", "stood_down", "closed")
    return {
        "status": state.status,
        "outcome": state.outcome,
        "level": state.level,
        "commander_id": _person(state.commander),
        "occurred_at": moment(points["started"]),
        "reported_at": moment(points["reported"]),
        **{f"{name}_at": optional(points.get(name)) for name in later},
    }


def _person(name: str) -> int | None:
    """The primary key of a person as the engine names them."""
    return int(name.removeprefix("user:")) if name else None


def _groups(done: list[_Written]) -> Groups:
    """Every group that is named in these turns, by (key, site); one query."""
    keys = {event.facts["group"] for item in done for event in item.turn.events if "group" in event.facts}
    keys |= {n.notice.to[1] for item in done for n in item.turn.notices if n.notice.to[0] == "group"}
    keys |= set(outbox.ALWAYS)
    return {(group.key, group.site_id): group for group in Group.objects.filter(key__in=keys)}


def _steps(item: _Written, book: Rulebook, groups: Groups) -> list[Row]:
    """The rows of the steps that changed, or whose deadline did. What is over keeps the deadline it had."""
    pending, written = deadlines(item.turn.pending.values()), deadlines(item.turn.written)
    rows = []
    for run in item.turn.state.steps.values():
        place = (run.id, run.subject)
        if item.before.steps.get(run.key) != run or (run.is_open and place in written):
            deadline = run.due or (pending if run.is_open else written).get(place)
            rows.append(_step(item, run, deadline, book, group_for(groups, run.group, item.incident.site_id)))
    return rows


def deadlines(rows: Iterable[Entry]) -> dict[tuple[str, str], int]:
    """The due times among these ledger rows that belong to a step, by its id and subject."""
    kept = "overdue:"
    return {
        (key_of(row.plan, row.action.removeprefix(kept)), row.subject): row.due
        for row in rows
        if row.action.startswith(kept)
    }


def _step(item: _Written, run: Run, deadline: int | None, book: Rulebook, group: Group | None) -> Row:
    if run.source == "person":
        words: dict[str, Any] = {"title": item.titles.get(run.key, {})}
    else:
        activation = item.turn.state.activation(run.activation)
        words = book.step_words((activation.plan, activation.revision), run.id.partition(".")[2])
    return {
        "detail": {},
        "options": [],
        **words,
        "incident_id": item.incident.pk,
        "key": run.key,
        "group_id": group.pk if group else None,
        "due_at": optional(deadline),
        **step_columns(run),
    }


def step_columns(run: Run) -> dict[str, Any]:
    """What the columns of a step's row say of its run."""
    return {
        "step_id": run.id,
        "activation": run.activation,
        "kind": run.kind,
        "group_key": run.group,
        "status": run.status,
        "mandatory": run.mandatory,
        "reserved": run.reserved,
        "assignee_id": _person(run.assignee),
        "decision": run.decision,
        "opened_at": moment(run.opened_at),
        "overdue": run.due is not None,
        "started_at": optional(run.started_at),
        "done_at": optional(run.done_at),
        "target": _span(run.target),
        "took": _span(run.took),
    }


def _timer(incident: Incident, row: Entry) -> Row:
    return {
        "incident_id": incident.pk,
        "key": row.key,
        "base": row.base,
        "activation": row.activation,
        "plan": row.plan,
        "rule": row.rule,
        "subject": row.subject,
        "n": row.n,
        "action": row.action[:400],
        "due_at": moment(row.due),
        "armed_at": moment(row.armed),
        "state": row.state,
        "fired_at": optional(row.fired),
        "late": _span(row.late_ms),
        "system_late": _span(row.system_late_ms),
    }


def _span(ms: int | None) -> timedelta | None:
    return None if ms is None else ms * MS


def canonical(body: Mapping[str, Any]) -> str:
    """One spelling of a JSON body, for comparing what was sent twice."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
