"""What the database refuses, tried by breaking it: one case per constraint, none left out."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Model
from django.db.models.constraints import UniqueConstraint

from contactops.accounts.models import User
from incidents.models import (
    AuditFinding,
    AuditRound,
    ClockBeat,
    DeliveryAttempt,
    Event,
    Feed,
    Gauge,
    Incident,
    Note,
    Notification,
    RefCounter,
    Report,
    Signal,
    Steering,
    StepRun,
    StoredReply,
    Timer,
    Warning,
    WarningRule,
)
from incidents.record import settle
from incidents.times import db_now
from tests.helpers import Api, Clock
from tests.record.made import activated

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

# constraint -> what to write into a copy of a good row; a copy as it is breaks a unique constraint
CASES: Mapping[str, Mapping[str, Any]] = {
    "one_counter_per_prefix_and_year": {},
    "incident_status_is_known": {"status": "dreaming", "acknowledged_at": NOON},
    "incident_kind_is_known": {"kind": "joke"},
    "incident_outcome_is_known": {"status": "closed", "closed_at": NOON, "outcome": "who-knows"},
    "incident_level_is_1_to_4": {"level": 5},
    "incident_is_closed_when_it_has_a_closing_time": {"closed_at": NOON},
    "incident_has_an_outcome_when_closed": {"status": "closed", "closed_at": NOON},
    "incident_responding_has_an_activation_time": {"status": "responding", "activated_at": None, "level": 3},
    "incident_past_reported_was_acknowledged": {
        "status": "assessing",
        "acknowledged_at": None,
        "activated_at": None,
        "level": None,
    },
    "incident_is_not_merged_into_itself": {"id": 999_999, "merged_into_id": 999_999},
    "report_key_is_used_once_per_reporter": {},
    "report_scope_is_known": {"scope": "galaxy", "client_key": uuid.UUID(int=1)},
    "step_key_is_unique_in_an_incident": {},
    "step_status_is_known": {"status": "pondered", "key": "a.b"},
    "step_kind_is_known": {"kind": "song", "key": "a.b"},
    "step_is_over_when_it_has_an_end": {"status": "done", "done_at": None, "key": "a.b"},
    "redacted_note_has_no_words_left": {"redacted_at": NOON},
    "event_number_is_unique_in_an_incident": {},
    "event_kind_is_known": {"kind": "invented", "seq": 900},
    "event_has_exactly_one_author": {"source": "system", "seq": 900},
    "promise_is_kept_once_per_incident": {},
    "timer_state_is_known": {"state": "forgotten", "key": "k", "fired_at": None},
    "timer_fired_has_its_time": {"state": "fired", "key": "k", "fired_at": None},
    "notification_state_is_known": {"state": "lost", "dedup_key": "k", "lease": None},
    "notification_leased_has_a_lease": {"state": "leased", "dedup_key": "k", "lease": None},
    "attempt_number_is_unique": {},
    "attempt_outcome_is_known": {"outcome": "shrugged", "number": 9},
    "idempotency_key_is_used_once_per_user": {},
    "audit_finding_kind_is_known": {"kind": "odd"},
    "audit_finding_is_open_once": {},
    "audit_finding_is_seen_by_somebody": {"seen_at": NOON, "key": "k"},
    "feed_name_has_english_words": {"slug": "f2", "name": {"zh-hans": "话务"}},
    "figure_counts_once_for_its_instant": {},
    "metric_has_one_newest_figure": {},
    "warning_rule_family_is_known": {"family": "weather"},
    "warning_rule_direction_is_known": {"direction": "sideways"},
    "warning_rule_title_has_english_words": {"title": {}},
    "warning_rule_level_is_1_to_4": {"level": 5},
    "warning_rule_is_over_on_the_near_side_of_its_limit": {"direction": "above", "value": 40, "clear_value": 41},
    "warning_rule_either_warns_or_steers": {"condition": "waiting-low"},
    "warning_state_is_known": {"state": "forgotten", "since": NOON},
    "warning_direction_is_known": {"direction": "sideways", "since": NOON, "state": "cleared", "over_at": NOON},
    "crossing_warns_once": {"state": "cleared", "over_at": NOON},
    "rule_has_one_open_warning": {"since": NOON},
    "reported_warning_has_its_incident": {"state": "reported", "since": NOON},
    "dismissed_warning_says_who_when_and_why": {"state": "dismissed", "since": NOON},
    "cleared_warning_says_when_it_was_over": {"state": "cleared", "since": NOON},
    "rule_steers_an_incident_once": {},
}
UNIQUE_FIELDS = {
    *((Incident, "ref"), (ClockBeat, "worker"), (Notification, "dedup_key"), (AuditRound, "of"), (Feed, "slug")),
}


def models() -> list[type[Model]]:
    return list(apps.get_app_config("incidents").get_models())


def constraints() -> dict[str, type[Model]]:
    return {constraint.name: model for model in models() for constraint in model._meta.constraints}


def test_every_constraint_has_a_case() -> None:
    assert set(CASES) == set(constraints())
    fields = {(model, f.name) for model in models() for f in model._meta.fields if f.unique and not f.primary_key}
    assert fields == UNIQUE_FIELDS


@pytest.fixture
def rows(api: Callable[[str], Api], cast: Callable[[str], User]) -> dict[type[Model], Model]:
    """One good row of every table."""
    api("agent03").report(seat="L23")
    [incident] = activated(1, cast("supervisor"))
    incident.refresh_from_db()
    now = db_now()
    notification = Notification.objects.filter(incident=incident)[0]
    feed, rule = Feed.objects.get(slug="telephony"), WarningRule.objects.get(metric="complaints-last-hour")
    figure = {"feed": feed, "metric": "m", "value": 1, "at": now}
    begun = now - timedelta(minutes=5)
    warned = {"metric": "m", "direction": "above", "limit": 1, "held_for": timedelta(), "value": 2, "changed_at": now}
    return {
        Feed: feed,
        Signal: Signal.objects.create(**figure, received_at=now),
        Gauge: Gauge.objects.create(**figure),
        WarningRule: rule,
        Warning: Warning.objects.create(rule=rule, since=begun, opened_at=now, **warned),
        Steering: Steering.objects.create(rule=rule, incident=incident, holds=True, lost=False),
        Incident: incident,
        RefCounter: RefCounter.objects.get(prefix="INC"),
        Report: Report.objects.get(),
        StepRun: incident.steps.filter(status="open")[0],
        Note: incident.notes.all()[0],
        Event: incident.events.filter(actor__isnull=False)[0],
        Timer: incident.timers.filter(state="pending")[0],
        ClockBeat: ClockBeat.objects.create(worker="w", looked_at=now),
        Notification: notification,
        DeliveryAttempt: DeliveryAttempt.objects.create(notification=notification, number=1, started_at=now),
        AuditFinding: AuditFinding.objects.create(incident=incident, kind="missing", found_at=now),
        AuditRound: AuditRound.objects.create(begun_at=now),
        StoredReply: StoredReply.objects.create(user=cast("agent"), key="k", fingerprint="f"),
    }


def copied(row: Model, values: Mapping[str, Any]) -> Model:
    """The same row once more under a new primary key, with these values."""
    fields = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if not f.primary_key}
    if isinstance(row, Incident) and "ref" not in values:
        fields["ref"] = "INC-COPY"
    return type(row)(**{**fields, **values})


def test_a_good_copy_of_every_row_is_taken(rows: dict[type[Model], Model], cast: Callable[[str], User]) -> None:
    """So that the cases below are refused for what they change, not for being copies."""
    [other] = activated(1, cast("supervisor"))
    for model, row in rows.items():
        changed: dict[str, Any] = {}
        for constraint in model._meta.constraints:
            if isinstance(constraint, UniqueConstraint):
                last = constraint.fields[-1]
                field = next(one.attname for one in model._meta.concrete_fields if one.name == last)
                changed[field] = {
                    "client_key": uuid.uuid4(),
                    "year": 1999,
                    "seq": 900,
                    "number": 9,
                    "at": NOON,
                    "since": NOON,
                    "rule_id": WarningRule.objects.exclude(pk__in=Warning.objects.values("rule"))[0].pk,
                    "incident_id": other.pk,
                }.get(field, "another")
        changed |= {name: f"{name}-2" for owner, name in UNIQUE_FIELDS if owner is model}
        copied(row, changed).save(force_insert=True)


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, rows: dict[type[Model], Model]) -> None:
    row = copied(rows[constraints()[name]], CASES[name])
    with pytest.raises(IntegrityError, match=f'"{name}"'):
        row.save(force_insert=True)


@pytest.mark.parametrize(("model", "field"), sorted(UNIQUE_FIELDS, key=str))
def test_a_unique_field_is_refused_twice(model: type[Model], field: str, rows: dict[type[Model], Model]) -> None:
    row = copied(rows[model], {field: getattr(rows[model], field)})
    with pytest.raises(IntegrityError, match=f"_{field}_"):
        row.save(force_insert=True)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        act()
    return str(caught.value)


def test_an_event_is_never_changed_nor_removed(rows: dict[type[Model], Model]) -> None:
    events = Event.objects.filter(pk=rows[Event].pk)
    for field in Event._meta.concrete_fields:
        assert "An event is history" in refused(partial(events.update, **{field.name: F(field.name)}))
    assert "An event is history" in refused(events.delete)
    assert events.exists()


def test_a_promise_that_was_kept_is_not_kept_again(clock: Clock, cast: Callable[[str], User]) -> None:
    """The second wall: should the engine's own count of firings be lost, the database still refuses."""
    [incident] = activated(1, cast("supervisor"))
    clock.forward(timedelta(minutes=6))
    kept = Timer.objects.filter(incident=incident, state="fired")
    assert kept.exists()
    for act in (partial(kept.update, n=F("n")), kept.delete):
        assert "was kept already" in refused(act)
    incident.refresh_from_db()
    Incident.objects.filter(pk=incident.pk).update(state={**incident.state, "fired": {}})
    before = list(kept.values())
    assert "was kept already" in refused(lambda: settle([incident.pk]))
    assert list(kept.values()) == before


def test_a_note_is_redacted_once_and_otherwise_stays_as_it_is(rows: dict[type[Model], Model], cast: Any) -> None:
    notes = Note.objects.filter(pk=rows[Note].pk)
    redaction = {"words": {}, "salt": "", "redacted_at": NOON}
    other = cast("agent")
    for values in (
        {"words": {"text": "something else"}},
        {"salt": ""},
        {**redaction, "sha256": "0" * 64},
        {**redaction, "author": other},
        {**redaction, "id": uuid.UUID(int=7)},
    ):
        assert "A note can only be redacted" in refused(partial(notes.update, **values))
    assert "A note can only be redacted" in refused(lambda: notes._raw_delete(notes.db))
    assert notes.get().words
    notes.update(**redaction)
    for values in ({"words": {"text": "back again"}}, {"redacted_at": None}, redaction):
        assert "A note can only be redacted" in refused(partial(notes.update, **values))


def test_the_history_cannot_be_changed_in_plain_sql_either(rows: dict[type[Model], Model]) -> None:
    def run(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    assert "history" in refused(lambda: run("UPDATE incidents_event SET facts = '{}'"))
    assert "history" in refused(lambda: run("DELETE FROM incidents_event"))
    assert "redacted" in refused(lambda: run("UPDATE incidents_note SET words = '{}', salt = ''"))
    assert "redacted" in refused(lambda: run("DELETE FROM incidents_note"))
