"""The one writer: batches, refusals, stale revisions, locks, and a clock that goes back."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contactops.accounts.models import User
from contactops.errors import Conflict, NotFound
from incidents import services
from incidents.clock import due_incidents
from incidents.engine.lifecycle import Refusal
from incidents.models import Event, Incident, Note, Notification, StepRun, Timer
from incidents.record import Change, record, settle
from incidents.times import db_now
from tests.helpers import Api, Clock, steps
from tests.record.made import activation, incidents, reports

MANY = 500


def statements(act: Callable[[], object]) -> list[str]:
    """What was sent to the database: the beginning of each statement, without the names of savepoints."""
    with CaptureQueriesContext(connection) as seen:
        act()
    return [query["sql"].split('"s1')[0][:40] for query in seen.captured_queries]


def verb(rows: Sequence[Incident], actor: User, name: str, body: Any = None) -> list[Change]:
    return [services.change(row, actor, name, body, words={"reason": "for a reason"}) for row in rows]


def test_as_many_statements_for_500_changes_as_for_one(clock: Clock, agent: User, supervisor: User) -> None:
    incidents(1, agent)  # the plans are read once
    one, many = reports(1, agent), reports(MANY, agent)
    assert statements(lambda: record(one)) == statements(lambda: record(many))
    assert Event.objects.filter(incident_id=many[-1].incident_id, kind="reported").exists()

    alone = [Incident.objects.get(pk=one[0].incident_id)]
    crowd = list(Incident.objects.filter(pk__in=[change.incident_id for change in many]))
    assert len(crowd) == MANY
    record(verb(alone, supervisor, "activate", activation()))  # the plan is read once
    alone = incidents(1, agent)
    changes = [verb(rows, supervisor, "activate", activation()) for rows in (alone, crowd)]
    assert statements(lambda: record(changes[0])) == statements(lambda: record(changes[1]))
    clock.forward(timedelta(minutes=40), fire=False)
    due = [[row.pk for row in rows] for rows in (alone, crowd)]
    assert statements(lambda: settle(due[0])) == statements(lambda: settle(due[1]))
    assert not set(due_incidents(MANY * 2, set())) & {*due[0], *due[1]}


def picture(incident: Incident) -> Any:
    """All that was written about an incident, but for what names it."""
    incident.refresh_from_db()
    state = dict(incident.state)
    unlike = {"id", "sha256"}
    facts = [
        (kind, seq, {**facts, "note": set(facts.get("note", ())) & unlike})
        for kind, seq, facts in incident.events.values_list("kind", "seq", "facts")
    ]
    timers = list(incident.timers.order_by("key").values("key", "due_at", "armed_at", "state", "fired_at", "late"))
    steps = list(incident.steps.order_by("key").values("key", "status", "due_at", "group", "title"))
    told = Notification.objects.filter(incident=incident).order_by("recipient", "channel", "created_at", "pk")
    letters = [(n.recipient_id, n.channel, [{**item, "note": ""} for item in n.items]) for n in told]
    return incident.status, incident.rev, state, facts, timers, steps, letters


def test_a_batch_writes_what_single_changes_write(clock: Clock, agent: User, supervisor: User) -> None:
    together, apart = incidents(3, agent), [incidents(1, agent)[0] for _ in range(3)]
    for name, body in (
        ("acknowledge", None),
        ("activate", activation(level=2)),
        ("updates", {"audience": "leaders"}),
        ("conditions", {"name": "power-off", "holds": False}),
    ):
        record(verb(together, supervisor, name, body))
        for incident in apart:
            record(verb([incident], supervisor, name, body))
        clock.forward(timedelta(minutes=7), fire=False)
        settle([incident.pk for incident in together])
        for incident in apart:
            settle([incident.pk])
    pictures = [picture(incident) for incident in (*together, *apart)]
    for one in pictures[1:]:
        assert one == pictures[0]
    assert pictures[0][6]


def test_changes_to_one_incident_are_written_in_the_order_given(clock: Clock, agent: User, supervisor: User) -> None:
    [incident] = incidents(1, agent)
    changes = [
        *verb([incident], supervisor, "acknowledge"),
        *verb([incident], supervisor, "activate", activation()),
        *verb([incident], supervisor, "notes"),
    ]
    record(changes)
    kinds = list(Event.objects.filter(incident=incident).values_list("kind", flat=True))
    wanted = ["reported", "acknowledged", "activated", "note"]
    assert [kind for kind in kinds if kind in wanted] == wanted


def everything() -> list[int]:
    return [model.objects.count() for model in (Incident, Event, Note, Timer, StepRun, Notification)]


def test_a_refusal_in_a_batch_writes_nothing(clock: Clock, agent: User, supervisor: User) -> None:
    rows = incidents(3, agent)
    before = everything(), [picture(row) for row in rows]
    changes = verb(rows, supervisor, "acknowledge") + verb(rows[1:2], supervisor, "acknowledge")
    with pytest.raises(Refusal):
        record(changes)
    assert (everything(), [picture(row) for row in rows]) == before


def test_an_incident_that_moved_on_is_refused(clock: Clock, agent: User, supervisor: User) -> None:
    [incident] = incidents(1, agent)
    seen = incident.rev
    services.acknowledge(incident=incident, actor=supervisor, rev=seen)
    with pytest.raises(Conflict) as caught:
        services.assess(incident=incident, actor=supervisor, verdict="real", rev=seen)
    assert caught.value.code == "stale"
    incident.refresh_from_db()
    services.assess(incident=incident, actor=supervisor, verdict="real", rev=incident.rev)


def test_an_incident_that_does_not_exist_is_refused(clock: Clock, agent: User, supervisor: User) -> None:
    [incident] = incidents(1, agent)
    before = everything()
    with pytest.raises(NotFound):
        record([*verb([incident], supervisor, "acknowledge"), Change(10**9, "acknowledge", services.who(supervisor))])
    assert everything() == before


def test_the_time_of_writing_never_goes_back_when_the_clock_does(clock: Clock, agent: User, supervisor: User) -> None:
    [incident] = incidents(1, agent)
    clock.forward(timedelta(minutes=3))
    services.acknowledge(incident=incident, actor=supervisor)
    wrong, clock.now = clock.now, clock.now - timedelta(minutes=30)
    clock.to(clock.now, fire=False)
    assert db_now() < wrong
    services.activate(incident=incident, actor=supervisor, plan="power-cut", level=3)
    services.add_note(incident=incident, actor=supervisor, text="The clock was put back")
    settle([incident.pk])
    events = list(Event.objects.filter(incident=incident))
    written = [event.recorded_at for event in events]
    assert written == sorted(written)
    assert written[-1] == wrong
    assert all(event.occurred_at <= event.recorded_at for event in events)
    keys = [event.facts["key"] for event in events if event.kind == "fired"]
    assert len(keys) == len(set(keys))


def test_nothing_to_do_writes_nothing(clock: Clock, agent: User) -> None:
    [incident] = incidents(1, agent)
    before = everything(), picture(incident)
    assert settle([incident.pk]) == [incident.pk]
    assert record([]) == {}
    assert settle([10**9]) == []
    assert (everything(), picture(incident)) == before


def test_a_step_done_in_time_keeps_the_deadline_it_had(api: Callable[[str], Api], clock: Clock) -> None:
    supervisor = api("supervisor")
    ref = api("agent").report("power-cut")
    supervisor.do(ref, "activate", plan="power-cut", level=3)
    key = "power-cut.powered-seats"
    due = steps(supervisor.see(ref))[key]["due_at"]
    assert due
    done = steps(supervisor.do(ref, f"steps/{key}/complete"))[key]
    assert (done["status"], done["due_at"], done["overdue"]) == ("done", due, False)
