"""Events: what is hashed, how they are chained, what each kind carries; and that a state survives its trip through JSON."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from incidents.engine import events as kinds
from incidents.engine.apply import _HANDLERS, apply, replay
from incidents.engine.events import KINDS, Event, canonical, chain, stamp
from incidents.engine.lifecycle import MOVES, Refusal
from incidents.engine.state import IncidentState, dump, load
from tests.engine.kit import T0, at, library_desk
from tests.engine.worlds import begin, work_off

EVENT = Event("note", T0, {"note": {"sha256": "00", "id": 7}, "words": "断电"}, "user:2", 3, T0 + 1)


class TestBytes:
    def test_are_sorted_tight_and_readable(self) -> None:
        assert canonical(EVENT).decode() == (
            f'{{"actor":"user:2","at":{T0},"facts":{{"note":{{"id":7,"sha256":"00"}},"words":"断电"}},'
            f'"kind":"note","recorded":{T0 + 1},"seq":3}}'
        )

    def test_do_not_depend_on_the_order_of_facts(self) -> None:
        turned = replace(EVENT, facts=dict(reversed(list(EVENT.facts.items()))))
        assert canonical(turned) == canonical(EVENT)

    def test_are_the_same_after_a_trip_through_json(self) -> None:
        assert canonical(replace(EVENT, facts=json.loads(json.dumps(EVENT.facts)))) == canonical(EVENT)
        assert canonical(replace(EVENT, facts={"a": (1, 2)})) == canonical(replace(EVENT, facts={"a": [1, 2]}))

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1.5])
    def test_refuse_what_has_many_spellings(self, bad: float) -> None:
        with pytest.raises(ValueError, match="a float among the facts"):
            canonical(replace(EVENT, facts={"figure": bad}))

    @pytest.mark.parametrize(
        "other",
        [
            {"kind": "redacted"},
            {"at": T0 + 1},
            {"recorded": T0},
            {"actor": "user:3"},
            {"seq": 4},
            {"facts": {}},
            {"facts": {**EVENT.facts, "more": 1}},
        ],
    )
    def test_every_part_counts(self, other: dict[str, Any]) -> None:
        assert chain("", replace(EVENT, **other)) != chain("", EVENT)

    def test_the_chain_covers_what_came_before(self) -> None:
        assert chain("a", EVENT) != chain("b", EVENT)
        assert re.fullmatch("[0-9a-f]{64}", chain("", EVENT))

    def test_one_changed_event_changes_every_hash_after_it(self) -> None:
        history = library_desk().wait(30).events
        changed = [replace(event, at=event.at + 1) if event.seq == 3 else event for event in history]
        first, second = heads(history), heads(changed)
        assert first[:2] == second[:2]
        assert not set(first[2:]) & set(second[2:])

    def test_a_stamp_gives_seq_and_time_of_writing_only(self) -> None:
        assert stamp(Event("note", 1), 5, 9) == Event("note", 1, seq=5, recorded=9)


def heads(events: list[Event]) -> list[str]:
    found = [""]
    for event in events:
        found.append(chain(found[-1], event))
    return found[1:]


@pytest.mark.parametrize("name", KINDS)
class TestEveryKind:
    def test_has_words_that_name_only_known_places(self, name: str) -> None:
        words = KINDS[name].wording
        places = set(re.findall(r"%\((\w+)\)s", words))
        assert words.strip()
        assert "%" not in re.sub(r"%\(\w+\)s", "", words)
        derived = {
            "condition_name",
            "holds_name",
            "change_name",
            "rule_name",
            "step_name",
            "audience_names",
            "person_name",
        }
        derived |= {"plan_name", "type_name", "verdict_name", "outcome_name", "audience_name", "every_name"}
        derived |= {"who", "ladder_name", "group_name"}
        derived |= {"status_name", "people_names"}
        assert places <= derived | set(KINDS[name].facts)

    def test_belongs_to_a_verb_of_the_table_or_to_the_system(self, name: str) -> None:
        assert KINDS[name].verb in {"", *MOVES}

    def test_has_a_handler_or_is_history_only(self, name: str) -> None:
        history_only = {"joined", "contact_failed", "notice_acknowledged", "notice_declined", "call_tried"}
        history_only |= {"contact_absent", "unreachable"}
        history_only |= {"step_reminded", "suggested", "note", "redacted"}
        assert (name in _HANDLERS) != (name in history_only)


def test_no_handler_is_for_a_kind_that_does_not_exist() -> None:
    assert set(_HANDLERS) <= set(KINDS)


def test_nothing_in_facts_is_a_float() -> None:
    world = begin(("rich", 2, 9))
    work_off(world)
    assert not [event for event in world.events if "." in re.sub(r'"[^"]*"', "", json.dumps(event.facts))]


class TestHistory:
    def test_has_no_gaps(self) -> None:
        state = library_desk().state
        for seq in (state.seq, state.seq + 2, 0):
            with pytest.raises(Refusal) as refused:
                apply(state, Event("note", T0, {}, "user:1", seq))
            assert refused.value.code == "sequence"

    def test_a_promise_is_kept_once(self) -> None:
        """A second delivery of the same firing dies in the core, whatever the database thinks."""
        here = library_desk().wait(7)
        [fired] = here.firings("power-5")
        with pytest.raises(Refusal) as refused:
            apply(here.state, stamp(fired, here.state.seq + 1, at(8)))
        assert refused.value.code == "fired"

    def test_a_promise_is_kept_in_order(self) -> None:
        here = library_desk().wait(7)
        [fired] = here.firings("power-5")
        skipping = replace(fired, facts={**fired.facts, "n": 3, "to": 3})
        with pytest.raises(Refusal):
            apply(here.state, stamp(skipping, here.state.seq + 1, at(8)))

    def test_the_last_entry_gives_the_time_nothing_is_written_before(self) -> None:
        here = library_desk()
        assert apply(here.state, Event("note", T0, {}, "user:1", here.state.seq + 1, T0)).as_of == here.state.as_of

    def test_replay_needs_no_plan(self) -> None:
        here = library_desk(level=1).wait(300)
        assert replay(here.events) == here.state


class TestDumpAndLoad:
    def test_an_empty_state_survives_json(self) -> None:
        assert load(json.loads(json.dumps(dump(IncidentState())))) == IncidentState()

    def test_a_rich_one_survives_json(self) -> None:
        world = begin(("rich", 2, 9))
        world.condition(20, "relogin", True, subject="A12").condition(22, "waiting", True).condition(
            23, "waiting", False
        )
        world.act(24, "answer", verb="acknowledge", ladder="rich.duty", notification=1)
        world.act(25, "updates", audience="all", next_update_at=at(90))
        world.act(26, "list", list="sheets", change="add", items=3)
        world.act(27, "waive", gate="rich.sheets")
        world.act(27, "support", tier=1, open=True, people=["user:5", "user:6"])
        world.act(27, "support/people", tier=1, status="joined", people=["user:6"])
        base, _, n = world.key("staged").rpartition("#")
        world.act(28, "promises/extend", base=base, n=int(n), by=60_000)
        state = world.state
        kept = (state.facts, state.ended, state.pauses, state.steps, state.callouts, state.lists, state.fired)
        assert all(kept)
        assert all((state.adjust, state.next_updates, state.points, state.waived, state.activations, state.support))
        assert load(json.loads(json.dumps(dump(state)))) == state

    def test_one_that_was_written_before_there_were_people_in_support_is_the_same(self) -> None:
        """Nobody was ever asked: what is stored says nothing of it, then and now, so an old row is what its replay is."""
        here = library_desk()
        stored = dump(here.state)
        assert "support" not in stored
        assert load(json.loads(json.dumps(stored))).support == {}
        assert dump(load(json.loads(json.dumps(stored)))) == stored

    def test_a_loaded_state_goes_on_as_if_nothing_had_been(self) -> None:
        here, other = library_desk().wait(3), library_desk().wait(3)
        other.state = load(json.loads(json.dumps(dump(other.state))))
        assert here.wait(200).events == other.wait(200).events


def test_the_words_of_a_kind_are_beside_it() -> None:
    assert kinds.KINDS["closed"].wording == "Closed: %(outcome_name)s"
