"""Tampering shows: every way of editing the history behind the product's back is found and named."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from contactops.accounts.models import User
from incidents import services, trust
from incidents.engine import events as engine
from incidents.models import Event, Incident, Note, Timer
from incidents.models.history import digest
from incidents.record import settle
from tests.helpers import Clock
from tests.record.made import activated, tampering


@pytest.fixture
def incident(clock: Clock, agent: User, supervisor: User) -> Incident:
    """An incident with some history: notes, promises fired and pending, steps done and open."""
    [made] = activated(1, agent)
    clock.forward(timedelta(minutes=6))
    services.add_note(incident=made, actor=supervisor, text="Lights are out as well")
    made = services.do_step(incident=made, actor=supervisor, key="power-cut.note-losses", verb="complete")
    return services.take_command(incident=made, actor=supervisor, commander="supervisor")


def found(incident: Incident) -> list[str]:
    return list(trust.faults(Incident.objects.get(pk=incident.pk)))


def note_of(incident: Incident) -> Event:
    return Event.objects.get(incident=incident, kind="note")


def test_what_nobody_touched_holds(incident: Incident) -> None:
    assert found(incident) == []
    assert incident.rev > 10


EDITS = {
    "facts": """facts = facts || '{"made": "up"}'""",
    "kind": "kind = 'mark'",
    "author": "actor_id = (SELECT id FROM accounts_user WHERE username = 'agent01')",
    "moment": "occurred_at = occurred_at - interval '5 minutes'",
    "time of writing": "recorded_at = recorded_at + interval '1 second'",
    "hash": "hash = repeat('0', 64)",
    "link": "prev_hash = repeat('0', 64)",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_changed_event(incident: Incident, edit: str) -> None:
    seq = note_of(incident).seq
    with tampering("incidents_event") as cursor:
        cursor.execute(f"UPDATE incidents_event SET {edit} WHERE incident_id = %s AND seq = %s", [incident.pk, seq])
    [fault] = found(incident)
    assert fault.startswith(f"event {seq} (")
    assert fault.endswith("the hash does not match")


def test_a_changed_event_that_was_hashed_anew(incident: Incident) -> None:
    row = note_of(incident)
    row.facts = {**row.facts, "made": "up"}
    row.hash = engine.chain(row.prev_hash, row.as_engine)
    with tampering("incidents_event") as cursor:
        cursor.execute(
            "UPDATE incidents_event SET facts = %s, hash = %s WHERE id = %s", [json.dumps(row.facts), row.hash, row.pk]
        )
    [fault] = found(incident)
    assert fault.startswith(f"event {row.seq + 1} (")


def test_a_removed_event(incident: Incident) -> None:
    seq = note_of(incident).seq
    with tampering("incidents_event") as cursor:
        cursor.execute("DELETE FROM incidents_event WHERE incident_id = %s AND seq = %s", [incident.pk, seq])
    assert found(incident) == [f"event {seq}: missing, the next one is {seq + 1}"]


def test_a_removed_event_whose_gap_was_closed(incident: Incident) -> None:
    seq = note_of(incident).seq
    with tampering("incidents_event") as cursor:
        cursor.execute("DELETE FROM incidents_event WHERE incident_id = %s AND seq = %s", [incident.pk, seq])
        cursor.execute("UPDATE incidents_event SET seq = -seq WHERE incident_id = %s AND seq > %s", [incident.pk, seq])
        cursor.execute("UPDATE incidents_event SET seq = -seq - 1 WHERE incident_id = %s AND seq < 0", [incident.pk])
    [fault] = found(incident)
    assert fault.startswith(f"event {seq} (")


@pytest.fixture(autouse=True)
def _numbers_may_be_moved(request: pytest.FixtureRequest) -> None:
    """The edits below renumber rows by way of negative numbers, which a CHECK of the column refuses."""
    if "closed" in request.node.name or "order" in request.node.name:
        request.getfixturevalue("db")
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE incidents_event DROP CONSTRAINT incidents_event_seq_check")


def test_an_inserted_event(incident: Incident) -> None:
    row = note_of(incident)
    head = Event.objects.filter(incident=incident).order_by("seq").last()
    assert head
    row.pk, row.seq, row.prev_hash = None, incident.rev + 1, head.hash
    row.hash = engine.chain(head.hash, row.as_engine)
    row.save(force_insert=True)
    assert found(incident) == [f"event {row.seq}: in the history, but the incident was at {incident.rev}"]


def test_events_in_another_order(incident: Incident) -> None:
    seq = note_of(incident).seq
    with tampering("incidents_event") as cursor:
        for old, new in ((seq, -1), (seq + 1, seq), (-1, seq + 1)):
            cursor.execute(
                "UPDATE incidents_event SET seq = %s WHERE incident_id = %s AND seq = %s", [new, incident.pk, old]
            )
    [fault] = found(incident)
    assert fault.startswith(f"event {seq} (")


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_a_truncated_tail(incident: Incident, kept: int) -> None:
    with tampering("incidents_event") as cursor:
        cursor.execute("DELETE FROM incidents_event WHERE incident_id = %s AND seq > %s", [incident.pk, kept])
    assert found(incident) == [f"event {kept + 1}: missing, the incident was at {incident.rev}"]


def test_a_changed_note(incident: Incident) -> None:
    row = note_of(incident)
    with tampering("incidents_note") as cursor:
        cursor.execute("""UPDATE incidents_note SET words = '{"text": "All was well"}' WHERE id = %s""", [row.note_id])
    assert found(incident) == [f"event {row.seq} (note): the text was changed"]


def test_a_changed_note_that_was_hashed_anew(incident: Incident) -> None:
    row = note_of(incident)
    words = {"text": "All was well"}
    with tampering("incidents_note") as cursor:
        cursor.execute(
            "UPDATE incidents_note SET words = %s, salt = '', sha256 = %s WHERE id = %s",
            [json.dumps(words), digest(words, ""), row.note_id],
        )
    assert found(incident) == [f"event {row.seq} (note): the text was changed"]


@pytest.mark.parametrize("other", [None, "reported"])
def test_another_note_or_none_in_its_place(incident: Incident, other: str | None) -> None:
    row = note_of(incident)
    note = Event.objects.get(incident=incident, kind=other).note_id if other else None
    with tampering("incidents_event") as cursor:
        cursor.execute("UPDATE incidents_event SET note_id = %s WHERE id = %s", [note, row.pk])
    assert found(incident) == [f"event {row.seq} (note): the text was changed"]


def test_a_note_emptied_without_a_word(incident: Incident) -> None:
    """The database lets a note be redacted; only the history says who did it and why."""
    row = note_of(incident)
    Note.objects.filter(incident=incident, events=row).update(words={}, salt="", redacted_at=row.recorded_at)
    assert found(incident) == [f"event {row.seq} (note): the text was removed, but no entry says by whom"]


def test_a_redacted_note_still_verifies(incident: Incident, cast: Callable[[str], User]) -> None:
    row = note_of(incident)
    incident.refresh_from_db()
    services.redact(incident=incident, actor=cast("manager"), seq=row.seq, reason="A customer's number")
    row.refresh_from_db()
    assert row.note and row.note.words == {} and row.note.redacted_at
    assert found(incident) == []


PROJECTIONS: dict[str, str] = {
    "state.level": "UPDATE incidents_incident SET state = jsonb_set(state, '{level}', '1') WHERE id = %s",
    "state.made": "UPDATE incidents_incident SET state = state || '{\"made\": 1}' WHERE id = %s",
    "status": "UPDATE incidents_incident SET status = 'assessing' WHERE id = %s",
    "level": "UPDATE incidents_incident SET level = 1 WHERE id = %s",
    "kind": "UPDATE incidents_incident SET kind = 'test' WHERE id = %s",
    "commander": "UPDATE incidents_incident SET commander_id = NULL WHERE id = %s",
    "acknowledged_at": "UPDATE incidents_incident SET acknowledged_at = acknowledged_at - interval '2 min' WHERE id = %s",
    "restored_at": "UPDATE incidents_incident SET restored_at = activated_at WHERE id = %s",
    "step power-cut.note-losses: status": (
        "UPDATE incidents_steprun SET status = 'open', done_at = NULL"
        " WHERE incident_id = %s AND key = 'power-cut.note-losses'"
    ),
    "step power-cut.note-losses: done_at": (
        "UPDATE incidents_steprun SET done_at = done_at - interval '4 min'"
        " WHERE incident_id = %s AND key = 'power-cut.note-losses'"
    ),
    "title: ": "UPDATE incidents_incident SET title = 'Nothing much' WHERE id = %s",
    "type: ": (
        "UPDATE incidents_incident SET type_id ="
        " (SELECT id FROM plans_incidenttype WHERE slug = 'fire-alarm') WHERE id = %s"
    ),
    "revision_id: ": (
        "UPDATE incidents_incident SET revision_id = (SELECT r.id FROM plans_planrevision r JOIN plans_plan p"
        " ON p.id = r.plan_id WHERE p.slug = 'general-emergency') WHERE id = %s"
    ),
    "state: ": "UPDATE incidents_incident SET state = '[]' WHERE id = %s",
    "step power-cut.phone-superior: title": (
        """UPDATE incidents_steprun SET title = '{"en": "Tea"}' WHERE incident_id = %s"""
        " AND key = 'power-cut.phone-superior'"
    ),
    "step power-cut.phone-superior: missing": (
        "DELETE FROM incidents_steprun WHERE incident_id = %s AND key = 'power-cut.phone-superior'"
    ),
}


@pytest.mark.parametrize("what", PROJECTIONS)
def test_a_changed_projection(incident: Incident, what: str) -> None:
    with tampering() as cursor:
        cursor.execute(PROJECTIONS[what], [incident.pk])
    first, *rest = found(incident)
    assert first.startswith(what), first
    assert not rest or "step" in what


@pytest.fixture
def pending(incident: Incident) -> Timer:
    row = Timer.objects.filter(incident=incident, state="pending").last()
    assert row
    return row


def test_a_missing_timer(incident: Incident, pending: Timer) -> None:
    pending.delete()
    assert found(incident) == [f"promise {pending.key}: missing from the ledger"]


def test_a_timer_that_nothing_promises(incident: Incident, pending: Timer) -> None:
    Timer.objects.filter(pk=pending.pk).update(key="1.power-cut.never@1#1")
    assert found(incident) == [
        f"promise {pending.key}: missing from the ledger",
        "promise 1.power-cut.never@1#1: in the ledger, but nothing promises it",
    ]


def test_a_timer_that_was_put_off(incident: Incident, pending: Timer) -> None:
    Timer.objects.filter(pk=pending.pk).update(due_at=pending.due_at + timedelta(hours=1))
    [fault] = found(incident)
    assert fault.startswith(f"promise {pending.key}: due ")


def test_a_firing_that_left_the_ledger(incident: Incident) -> None:
    row = Timer.objects.filter(incident=incident, state="fired", rule="power-5").get()
    with tampering("incidents_timer"):
        row.delete()
    assert found(incident) == [f"promise {row.key}: fired, but not in the ledger"]


FIRINGS = {
    "late": "late = late - interval '4 min'",
    "system_late": "system_late = interval '0'",
    "armed_at": "armed_at = armed_at + interval '1 min'",
    "due_at": "due_at = due_at + interval '1 min'",
    "fired_at": "fired_at = fired_at - interval '1 min'",
    "state": "state = 'collapsed', fired_at = NULL",
}


@pytest.mark.parametrize("column", FIRINGS)
def test_a_firing_whose_lateness_was_made_up(clock: Clock, incident: Incident, column: str) -> None:
    clock.forward(timedelta(minutes=40), fire=False)
    settle([incident.pk])
    row = Timer.objects.filter(incident=incident, state="fired", late__gt=timedelta(minutes=5)).first()
    assert row
    with tampering("incidents_timer") as cursor:
        cursor.execute(f"UPDATE incidents_timer SET {FIRINGS[column]} WHERE id = %s", [row.pk])
    assert any(fault.startswith(f"promise {row.key}: {column}: ") for fault in found(incident)), found(incident)


def test_a_firing_that_never_was(incident: Incident) -> None:
    row = Timer.objects.filter(incident=incident, state="fired").first()
    assert row
    row.pk, row.key = None, "1.power-cut.power-5@1#9"
    row.save(force_insert=True)
    assert found(incident) == ["promise 1.power-cut.power-5@1#9: fired in the ledger, but not in the history"]


def test_two_histories_that_were_exchanged(incident: Incident, clock: Clock, agent: User) -> None:
    """With everything that hangs on them: each holds in itself, and belongs to another reference."""
    [other] = activated(1, agent)
    refs = {incident.pk: other.ref, other.pk: incident.ref}
    Incident.objects.filter(pk=incident.pk).update(ref="INC-X")
    for pk in (other.pk, incident.pk):
        Incident.objects.filter(pk=pk).update(ref=refs[pk])
    assert found(incident) == ["event 1 (reported): the hash does not match"]


# -- The commands ------------------------------------------------------------------------------------------------------


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command(*arguments)
    return capsys.readouterr().out.strip()


def test_the_commands_say_that_all_holds(incident: Incident, capsys: Any) -> None:
    capsys.readouterr()
    assert told(capsys, "verify_timeline") == "1 incidents verified: chains, heads and replay hold."
    assert told(capsys, "verify_timeline", incident.ref) == "1 incidents verified: chains, heads and replay hold."
    said = f"{incident.ref}: {incident.rev} events replayed, the stored state is the same."
    assert told(capsys, "replay", incident.ref) == said


@pytest.mark.parametrize("command", ["verify_timeline", "replay"])
def test_the_commands_refuse_an_unknown_reference(incident: Incident, command: str) -> None:
    with pytest.raises(CommandError, match=r"There is no incident INC-1999-0001\."):
        call_command(command, "INC-1999-0001")


def test_verify_timeline_names_the_first_bad_event(incident: Incident, agent: User) -> None:
    activated(1, agent)
    with tampering("incidents_event") as cursor:
        cursor.execute("UPDATE incidents_event SET kind = 'mark' WHERE incident_id = %s AND seq > 4", [incident.pk])
    for arguments in ((), (incident.ref,)):
        with pytest.raises(CommandError) as caught:
            call_command("verify_timeline", *arguments)
        assert str(caught.value) == f"{incident.ref}: event 5 (mark): the hash does not match"
        assert caught.value.returncode == 1


def test_replay_names_every_difference(incident: Incident) -> None:
    Incident.objects.filter(pk=incident.pk).update(level=1, acknowledged_at=incident.reported_at - timedelta(minutes=1))
    with pytest.raises(CommandError) as caught:
        call_command("replay", incident.ref)
    first, *rest = str(caught.value).splitlines()
    assert first == f"{incident.ref} differs from its replay:"
    assert [line.split(":")[0] for line in rest] == ["level", "acknowledged_at"]
    assert caught.value.returncode == 1
