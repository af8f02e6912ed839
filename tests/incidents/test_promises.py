"""A promise is put off or stopped, with a reason."""

from datetime import datetime, timedelta

import pytest

from tests.helpers import Clock
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make, unchanged


def responding(make: Make) -> Case:
    return make("responding")


class TestExtend(OfEveryVerb):
    deed = Deed(
        lambda case: f"promises/{case.promise('power-5')['id']}/extend",
        {"by": "PT10M", "reason": "The grid says five minutes more"},
        start=responding,
        event="adjusted",
        words="Promise changed: put off",
        not_for=("leader", "tech", "admin", "auditor"),
        twice=200,
        again=1,
    )


class TestStop(OfEveryVerb):
    deed = Deed(
        lambda case: f"promises/{case.promise('power-5')['id']}/stop",
        {"reason": "The superior stands beside me"},
        start=responding,
        by="manager",
        event="adjusted",
        words="Promise changed: stopped",
        not_for=("supervisor", "leader", "tech", "admin", "auditor"),
        twice="not_pending",
    )


class TestPause(OfEveryVerb):
    deed = Deed(
        lambda case: f"promises/{case.promise('power-5')['id']}/pause",
        {"reason": "The superior is on the line already"},
        start=responding,
        by="manager",
        event="adjusted",
        words="Promise changed: paused",
        not_for=("supervisor", "leader", "tech", "admin", "auditor"),
        twice="not_pending",
    )


def test_the_time_it_was_paused_does_not_count(responding: Case, clock: Clock) -> None:
    row = responding.promise("power-5")
    responding.do("manager", f"promises/{row['id']}/pause", reason="Wait")
    assert responding.promise("power-5")["paused"]
    assert responding.promise("power-5")["state"] == "pending"  # still promised, though nobody knows for when
    clock.forward(timedelta(minutes=20))
    assert responding.promise("power-5")["state"] != "fired"
    responding.do("manager", f"promises/{row['id']}/resume", reason="Go on")
    resumed = responding.promise("power-5")
    assert resumed["state"] == "pending"
    assert gap(row, resumed) == timedelta(minutes=20)
    responding.do("manager", f"promises/{row['id']}/resume", reason="Go on", expect=409)


class TestResume(OfEveryVerb):
    deed = Deed(
        lambda case: f"promises/{case.promise('power-5')['id']}/resume",
        {"reason": "Nobody answered"},
        start=lambda make: paused(make("responding")),
        by="manager",
        event="adjusted",
        words="Nobody answered",
        not_for=("supervisor", "leader", "tech", "admin", "auditor"),
        twice="not_paused",
    )


def paused(case: Case) -> Case:
    case.do("manager", f"promises/{case.promise('power-5')['id']}/pause", reason="Wait")
    return case


def test_it_is_due_later_by_as_much(responding: Case, clock: Clock) -> None:
    row = responding.promise("power-5")
    responding.do("supervisor", f"promises/{row['id']}/extend", by="PT10M", reason="Wait")
    assert gap(row, responding.promise("power-5")) == timedelta(minutes=10)


def gap(before: dict[str, str], after: dict[str, str]) -> timedelta:
    return datetime.fromisoformat(after["due_at"]) - datetime.fromisoformat(before["due_at"])


def test_or_at_an_instant(responding: Case, clock: Clock) -> None:
    row = responding.promise("power-5")
    until = datetime.fromisoformat(row["due_at"]) + timedelta(minutes=7)
    responding.do("supervisor", f"promises/{row['id']}/extend", until=until.isoformat(), reason="Wait")
    assert gap(row, responding.promise("power-5")) == timedelta(minutes=7)


def test_what_is_stopped_does_not_fire(clock: Clock, make: Make) -> None:
    case = make("responding")
    case.do("manager", f"promises/{case.promise('power-5')['id']}/stop", reason="Told in person")
    clock.forward(timedelta(minutes=10))
    assert case.promise("power-5")["state"] == "stopped"
    assert case.step("power-cut.phone-superior")["status"] == "waiting"


@pytest.mark.parametrize(
    "body",
    [
        {"until": "2020-01-01T00:00:00Z"},
        {"until": "9999-12-31T23:59:59Z"},
        {"until": "9999-12-31T23:59:59-23:59"},
        {"until": "0001-01-01T00:00:00+23:59"},
        {"until": "tomorrow"},
        {"by": "PT0S"},
        {"by": "-PT5M"},
        {"by": "P400D"},
        {"by": "P366D"},
        {"by": 300},
        {},
    ],
)
def test_how_a_promise_cannot_be_put_off(responding: Case, body: dict[str, object]) -> None:
    row = responding.promise("power-5")
    refused = responding.do("supervisor", f"promises/{row['id']}/extend", 400, reason="Wait", **body)
    assert {"until", "by"} & set(refused)
    assert responding.promise("power-5") == row


def test_a_promise_that_is_over_or_not_there(responding: Case) -> None:
    gone = responding.promise("silence")["id"]
    body = {"by": "PT5M", "reason": "Wait"}
    assert responding.do("supervisor", f"promises/{gone}/extend", 409, **body)["code"] == "not_pending"
    for number in (0, 10**12, 10**17):
        assert responding.do("supervisor", f"promises/{number}/extend", 404, **body)["code"] == "not_found"
    responding.do("supervisor", f"promises/{10**30}/extend", 404, **body)
    responding.do("supervisor", f"promises/{gone}/burn", 404, **body)


def test_the_promise_of_another_incident_is_not_there(responding: Case, make: Make) -> None:
    other = make("responding")
    number = other.promise("power-5")["id"]
    responding.do("supervisor", f"promises/{number}/extend", 404, by="PT5M", reason="Wait")


def test_either_until_when_or_by_how_much(responding: Case) -> None:
    where = f"promises/{responding.promise('power-5')['id']}/extend"
    with unchanged():
        for body in ({}, {"by": "PT5M", "until": "2026-03-02T15:00:00Z"}):
            assert "until" in responding.do("supervisor", where, 400, reason="Wait", **body)


def test_until_means_until_whatever_moved_it_meanwhile(responding: Case) -> None:
    """The instant counts from the promise as it is when this is written, not as it was on the page."""
    promise = responding.promise("power-5")
    where = f"promises/{promise['id']}/extend"
    until = datetime.fromisoformat(promise["due_at"]) + timedelta(minutes=40)
    responding.do("supervisor", where, by="PT10M", reason="Wait")
    responding.do("supervisor", where, until=until.isoformat(), reason="Until then")
    assert datetime.fromisoformat(responding.promise("power-5")["due_at"]) == until
