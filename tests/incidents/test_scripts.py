"""The lines of a rehearsal's script: what they may say, and how a mistake in one is told."""

from typing import Any

import pytest

from contactops.errors import Invalid
from incidents.rehearsing import Happening, play
from tests.incidents.world import unchanged

MINUTE = 60_000
START: list[Any] = [{"at": "PT0S", "do": "report"}, {"at": "PT40S", "do": "activate", "level": 2}]

WRONG = [
    ("hello", "write {at: PT0S"),
    ({"at": "PT1M"}, "write {at: PT0S"),
    ({"do": ["report"]}, "write {at: PT0S"),
    ({"do": "fly"}, "do: “fly” is not one of report, acknowledge"),
    ({"at": 630, "do": "acknowledge"}, "“630” is not a duration"),
    ({"at": 5, "do": "acknowledge"}, "“5” is not a duration"),
    ({"do": "report", "speed": 0}, "speed: "),
    ({"do": "report", "speed": "x"}, "speed: "),
    ({"do": "report", "occurred_at": "soon"}, "occurred_at: “soon” is not a duration"),
    ({"do": "condition", "name": "power-off"}, "holds: "),
    ({"do": "condition"}, "name: "),
    ({"do": "support", "open": True}, "tier: "),
    ({"do": "answer"}, "ladder: "),
    ({"do": "assess"}, "verdict: "),
    ({"do": "call-out"}, "ladder: "),
    ({"do": "hand-over", "ladder": "topic-building"}, "person: "),
    ({"do": "cadence", "audience": "agents", "every": "often"}, "every: "),
    ({"do": "support/people", "tier": 1, "people": []}, "people: "),
    ({"do": "update"}, "audience: "),
    ({"do": "update", "audience": "martians"}, "audience: "),
    ({"do": "update", "audience": "agents", "next_update_at": "2026-03-02T14:00Z"}, "next_update_at: "),
    ({"do": "close", "outcome": "banana"}, "outcome: "),
    ({"do": "activate", "level": "x"}, "level: "),
    ({"do": "activate", "plan": "application-fault"}, "plan: this is a rehearsal of “power-cut” alone"),
    ({"do": "complete", "step": "phone-maintenance", "call": {"person": "M"}}, "call: answered: "),
    ({"do": "acknowledge", "colour": "red"}, "colour: known here are"),
]


@pytest.mark.parametrize(("line", "words"), WRONG, ids=[words for _line, words in WRONG])
def test_a_mistake_is_told_with_its_line_and_key(db: None, line: Any, words: str) -> None:
    with unchanged(), pytest.raises(Invalid) as refused:
        play("power-cut", [*START, line], 10 * MINUTE)
    assert refused.value.detail.startswith("line 3: ")
    assert words in refused.value.detail


def happens(script: list[Any], until: int = 10 * MINUTE) -> list[Happening]:
    return play("power-cut", [*START, *script], until)


def test_a_call_a_choice_and_an_end(db: None) -> None:
    call = {"person": "Maintenance", "answered": True}
    lines = [
        {"at": "PT1M", "do": "complete", "step": "phone-maintenance", "call": call, "by": "supervisor"},
        {"at": "PT2M", "do": "complete", "step": "house.confirm-level", "decision": "confirm"},
        {"at": "PT3M", "do": "update", "audience": "agents", "next_update_at": "PT20M"},
        {"at": "PT4M", "do": "condition", "name": "power-off", "holds": False},
        {"at": "PT5M", "do": "list", "list": "callbacks", "change": "add", "items": 3},
        {"at": "PT6M", "do": "cancel"},
    ]
    seen = happens(lines)
    kinds = [one.kind for one in seen]
    for kind in ("step_completed", "level_confirmed", "updated", "condition", "list_added", "cancelled"):
        assert kind in kinds, kind
    assert "fired" not in [one.kind for one in seen if "power-5" in one.what]
    assert any(one.who == "supervisor" and one.kind == "step_completed" for one in seen)


def test_a_fault_that_is_older_than_its_report(db: None) -> None:
    """Reported four minutes after the power went: the call is due one minute later."""
    script = [
        {"at": "PT4M", "do": "report", "occurred_at": "PT0S"},
        {"at": "PT4M30S", "do": "activate"},
    ]
    fired = [one for one in play("power-cut", script, 10 * MINUTE) if one.kind == "fired" and "power-5" in one.what]
    assert [one.offset for one in fired] == [5 * MINUTE]


def test_a_call_out_that_is_handed_over_and_how_often_agents_hear(db: None) -> None:
    lines = [
        {"at": "PT1M", "do": "call-out", "ladder": "topic-building", "by": "supervisor"},
        {"at": "PT2M", "do": "hand-over", "ladder": "topic-building", "person": "tech"},
        {"at": "PT3M", "do": "answer", "ladder": "topic-building", "by": "tech"},
        {"at": "PT4M", "do": "cadence", "audience": "agents", "every": "PT20M"},
    ]
    seen = happens(lines, until=30 * MINUTE)
    at = {one.kind: one.offset for one in seen}
    assert (at["called_out"], at["handed_over"], at["answered"]) == (MINUTE, 2 * MINUTE, 3 * MINUTE)
    assert at["cadence_set"] == 4 * MINUTE
    due = [one.offset for one in seen if one.kind == "fired" and "update-agents" in one.what]
    assert due == [20 * MINUTE + 40_000]


def test_people_in_support(db: None) -> None:
    script = [
        {"at": "PT0S", "do": "report"},
        {"at": "PT1M", "do": "activate"},
        {"at": "PT2M", "do": "support", "tier": 1, "open": True},
        {"at": "PT3M", "do": "support/people", "tier": 1, "people": ["a", "b"], "status": "asked"},
        {"at": "PT5M", "do": "support/people", "tier": 1, "people": ["a"], "status": "joined"},
    ]
    support = [(one.offset, one.what) for one in play("inbound-surge", script, 10 * MINUTE) if one.kind == "support"]
    assert [at for at, _what in support] == [3 * MINUTE, 5 * MINUTE]
    assert "joined" in support[1][1]


def test_what_the_engine_refuses_is_told_too(db: None) -> None:
    with pytest.raises(Exception, match="not been opened"):
        happens([{"at": "PT1M", "do": "complete", "step": "no-such-step"}])
