"""The auditor: what it finds, what it leaves alone, what it writes down, and whom it holds up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contactops import health
from contactops.accounts.models import User
from contactops.errors import NotAllowed
from incidents import auditor, services
from incidents.auditor import audit
from incidents.models import AuditFinding, AuditRound, ClockBeat, Incident, Notification, Timer
from incidents.record import settle
from plans import snapshots
from plans.models import PlanRevision
from tests.helpers import Clock
from tests.record.made import activated, incidents, tampering
from tests.record.test_clock import POISON

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ROUND = auditor.EVERY + SECOND


def power_5(incident: Incident) -> Timer:
    return Timer.objects.get(incident=incident, rule="power-5")


def findings() -> list[tuple[str, str]]:
    return list(AuditFinding.objects.order_by("pk").values_list("kind", "key"))


def ledger(incident: Incident) -> set[tuple[str, str, Any]]:
    return set(Timer.objects.filter(incident=incident).values_list("key", "state", "due_at"))


# -- What it puts right ------------------------------------------------------------------------------------------------


def test_a_whole_ledger_is_left_alone(clock: Clock, agent: User) -> None:
    rows = activated(3, agent)
    clock.forward(20 * MINUTE)
    before = [ledger(row) for row in rows]
    assert audit()
    assert findings() == []
    assert [ledger(row) for row in rows] == before
    assert AuditRound.objects.get().incidents == 3


def test_a_row_that_was_deleted_is_made_again(clock: Clock, agent: User) -> None:
    first, second = activated(2, agent)
    before, row = ledger(first), power_5(first)
    row.delete()
    audit()
    assert ledger(first) == before
    assert findings() == [("missing", row.key)]
    finding = AuditFinding.objects.get()
    assert (finding.incident, finding.repaired_at, finding.seen_at) == (first, clock.now, None)
    assert finding.detail == {"due": row.due_at.isoformat()}
    clock.forward(5 * MINUTE)
    assert (power_5(first).state, power_5(first).system_late) == ("fired", timedelta())
    assert power_5(second).state == "fired"


@pytest.mark.parametrize("by", [2 * MINUTE, -2 * MINUTE], ids=["later", "earlier"])
def test_a_row_that_was_moved_goes_back(clock: Clock, agent: User, by: timedelta) -> None:
    [incident] = activated(1, agent)
    row = power_5(incident)
    Timer.objects.filter(pk=row.pk).update(due_at=row.due_at + by)
    audit()
    assert power_5(incident).due_at == row.due_at
    assert findings() == [("moved", row.key)]
    assert AuditFinding.objects.get().detail == {
        "due": row.due_at.isoformat(),
        "was": (row.due_at + by).isoformat(),
    }


def test_a_row_that_no_plan_makes_is_set_aside(clock: Clock, agent: User) -> None:
    [incident] = activated(1, agent)
    row = power_5(incident)
    row.pk, row.key = None, f"{row.base}#9"
    row.save(force_insert=True)
    audit()
    assert Timer.objects.get(pk=row.pk).state == "superseded"
    assert findings() == [("extra", row.key)]


def test_a_row_of_a_closed_incident_is_set_aside(clock: Clock, agent: User, supervisor: User) -> None:
    [incident] = incidents(1, agent)
    services.acknowledge(incident=incident, actor=supervisor)
    services.close(incident=incident, actor=supervisor, outcome="false-alarm", cause="A test of the lamps")
    row = Timer.objects.filter(incident=incident, state="superseded").earliest("pk")
    Timer.objects.filter(pk=row.pk).update(state="pending", due_at=clock.now + 60 * MINUTE)
    audit()
    assert Timer.objects.get(pk=row.pk).state == "superseded"
    assert findings() == [("extra", row.key)]


def test_a_row_that_was_set_aside_by_hand_is_promised_again(clock: Clock, agent: User) -> None:
    [incident] = activated(1, agent)
    Timer.objects.filter(pk=power_5(incident).pk).update(state="superseded")
    audit()
    assert power_5(incident).state == "pending"
    assert findings() == [("missing", power_5(incident).key)]


def test_what_people_changed_is_not_a_fault(clock: Clock, agent: User) -> None:
    moved, paused, stopped = activated(3, agent)
    manager = User.objects.get(username="manager")
    services.extend_promise(
        incident=moved, actor=manager, promise=power_5(moved).pk, by=10 * MINUTE, reason="The grid says so"
    )
    services.pause_promise(incident=paused, actor=manager, promise=power_5(paused).pk, reason="Wait")
    services.stop_promise(incident=stopped, actor=manager, promise=power_5(stopped).pk, reason="Told in person")
    audit()
    assert findings() == []


def test_what_was_gone_when_it_came_due_is_late_by_the_console(clock: Clock, agent: User) -> None:
    """And not on time, as if it had only just been promised."""
    [incident] = activated(1, agent)
    power_5(incident).delete()
    clock.forward(5 * MINUTE + 40 * SECOND, fire=False)
    audit()
    row = power_5(incident)
    assert (row.state, row.late, row.system_late) == ("fired", 40 * SECOND, 40 * SECOND)
    assert findings() == [("missing", row.key)]


def test_whoever_writes_first_puts_it_right_and_says_so(clock: Clock, agent: User, supervisor: User) -> None:
    """A person's act and a clock's firing mend the same; neither does so in silence."""
    first, second = activated(2, agent)
    power_5(first).delete()
    services.add_note(incident=first, actor=supervisor, text="The lift stands still")
    assert power_5(first).state == "pending"
    Timer.objects.filter(pk=power_5(second).pk).update(due_at=clock.now - SECOND)
    settle([second.pk])
    assert power_5(second).state == "pending"
    assert [kind for kind, _key in findings()] == ["missing", "moved"]
    clock.forward(ROUND)
    audit()
    assert len(findings()) == 2


# -- What it can only tell ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", POISON.values(), ids=POISON)
def test_a_poisoned_incident_does_not_stop_the_others(clock: Clock, agent: User, edit: str) -> None:
    poisoned, *others = activated(4, agent)
    for row in others:
        power_5(row).delete()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT id, state FROM incidents_incident")
        cursor.execute(f"UPDATE incidents_incident SET state = {edit} WHERE id = %s", [poisoned.pk])
    audit()
    assert [power_5(row).state for row in others] == ["pending"] * 3
    assert AuditFinding.objects.filter(kind="missing").count() == 3
    told = AuditFinding.objects.get(kind="stuck")
    assert (told.incident, told.repaired_at) == (poisoned, None)
    assert told.detail["error"]
    clock.forward(ROUND)
    audit()
    assert AuditFinding.objects.filter(kind="stuck").count() == 1  # it is open already
    with connection.cursor() as cursor:
        cursor.execute("UPDATE incidents_incident i SET state = kept.state FROM kept WHERE kept.id = i.id")
    clock.forward(ROUND)
    audit()
    assert AuditFinding.objects.get(kind="stuck").repaired_at == clock.now


def test_a_plan_that_cannot_be_compiled_does_not_stop_the_others(
    clock: Clock, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    [broken] = activated(1, agent, plan="fire-alarm")
    [other] = activated(1, agent)
    power_5(other).delete()
    revision = PlanRevision.objects.get(plan__slug="fire-alarm", status="published")
    with tampering("plans_planrevision"):
        rules = [*revision.document["rules"], {**revision.document["rules"][0], "clock": "nothing-known"}]
        PlanRevision.objects.filter(pk=revision.pk).update(document={**revision.document, "rules": rules})
    monkeypatch.setattr(snapshots, "_snapshots", {})
    audit()
    assert power_5(other).state == "pending"
    assert set(AuditFinding.objects.values_list("incident", "kind")) == {(broken.pk, "stuck"), (other.pk, "missing")}


def test_what_counts_as_kept_must_stand_in_the_history(clock: Clock, agent: User) -> None:
    [incident] = activated(1, agent)
    row = power_5(incident)
    Timer.objects.filter(pk=row.pk).update(state="fired", fired_at=clock.now, late=SECOND, system_late=SECOND)
    audit()
    # The row cannot be taken back, so the promise cannot be made again either; both are told.
    assert set(findings()) == {("unrecorded", row.key), ("stuck", "")}
    assert not AuditFinding.objects.exclude(repaired_at=None).exists()


def test_messages_that_nobody_sends(clock: Clock, agent: User) -> None:
    held, old, good = incidents(3, agent)
    mails = Notification.objects.filter(channel="email")
    lease = {"state": "leased", "lease": "6f0c4a4e-6f0e-4c3e-9d0e-1f2a3b4c5d6e"}
    mails.filter(incident=held).update(**lease, leased_until=clock.now - 61 * SECOND)
    mails.filter(incident=old).update(expires_at=clock.now - 61 * SECOND)
    mails.filter(incident=good).update(**lease, leased_until=clock.now - 59 * SECOND)
    audit()
    assert set(AuditFinding.objects.values_list("incident", "kind")) == {(held.pk, "leased"), (old.pk, "unsent")}
    assert AuditFinding.objects.get(kind="leased").detail["messages"] == mails.filter(incident=held).count()
    mails.exclude(state="queued").update(state="handed", lease=None)
    mails.filter(state="queued").update(state="expired")
    clock.forward(ROUND)
    audit()
    assert set(AuditFinding.objects.values_list("kind", flat=True)) == {"leased", "unsent"}
    assert not AuditFinding.objects.filter(repaired_at=None).exists()


# -- The alarm ---------------------------------------------------------------------------------------------------------


def test_a_finding_is_an_alarm_until_somebody_has_seen_it(clock: Clock, agent: User, supervisor: User) -> None:
    ClockBeat.objects.create(worker="w", looked_at=clock.now)
    [incident] = activated(1, agent)
    power_5(incident).delete()
    assert health.alarm() == ""
    audit()
    assert (health.alarm(), health.look().unseen, health.look().findings) == ("audit", 1, 1)
    newest, admin = AuditFinding.objects.get().pk, User.objects.get(username="admin")
    with pytest.raises(NotAllowed):
        auditor.see(supervisor, newest)
    assert auditor.see(admin, newest - 1) == 0  # what came after the page was made is not on it
    assert auditor.see(admin, newest) == 1
    assert auditor.see(admin, newest) == 0
    assert AuditFinding.objects.get().seen_by == admin
    assert (health.alarm(), health.look().findings) == ("", 0)


# -- When it looks, and what it costs ----------------------------------------------------------------------------------


def test_one_round_in_half_a_minute_over_all_workers(clock: Clock, agent: User) -> None:
    assert audit()
    assert not audit()
    clock.forward(auditor.EVERY - SECOND)
    assert not audit()
    clock.forward(SECOND)
    assert audit()
    assert AuditRound.objects.get().ended_at == clock.now
    clock.to(clock.now - 60 * MINUTE)  # a database's clock that was put right does not silence it
    assert audit()


def test_what_was_deleted_just_behind_it_is_found_within_a_minute(clock: Clock, agent: User) -> None:
    [incident] = activated(1, agent)
    audit()
    power_5(incident).delete()
    clock.forward(auditor.EVERY + timedelta(seconds=auditor.LOOK_AGAIN_S), fire=False)
    assert auditor.EVERY + timedelta(seconds=auditor.LOOK_AGAIN_S) < MINUTE
    audit()
    assert findings() == [("missing", power_5(incident).key)]


def statements(look: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        look()
    return len(captured)


def test_thirty_cost_as_many_queries_as_three(clock: Clock, agent: User) -> None:
    activated(3, agent)
    audit()
    clock.forward(ROUND)
    few = statements(audit)
    activated(27, agent)
    clock.forward(ROUND)
    assert statements(audit) == few
    assert AuditRound.objects.get().incidents == 30


def test_it_goes_through_everything_page_by_page(clock: Clock, agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditor, "PAGE", 4)
    rows = activated(9, agent)
    for row in rows:
        power_5(row).delete()
    audit()
    assert AuditFinding.objects.count() == 9
    assert AuditRound.objects.get().incidents == 9
