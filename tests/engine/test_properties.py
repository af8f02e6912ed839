"""What holds for any sequence of acts, however odd, over the library's plans and one that uses everything else."""

import json
from dataclasses import asdict, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.engine import support
from incidents.engine.apply import replay
from incidents.engine.decide import Act
from incidents.engine.effects import derived
from incidents.engine.events import Event, chain
from incidents.engine.ledger import SUPERSEDED
from incidents.engine.lifecycle import CLOSED, RESPONDING, SUPPORT_MOVES
from incidents.engine.promises import promises
from incidents.engine.state import IncidentState, dump, load
from incidents.engine.turn import Turn, take
from tests.engine.kit import MINUTE, T0, facts_complete
from tests.engine.worlds import RULES, Line, Move, World, again, begin, in_time, live, moves, never_twice, openings

Opening = tuple[str, int, int]
anything = given(openings(), moves())
punctual = given(openings(), moves(outages=False))
HOUR = 60 * MINUTE


def trace(world: World) -> list[tuple[str, Any]]:
    return [(event.kind, event.facts.get("key") or event.facts.get("name")) for event in world.events]


@settings(max_examples=80)
@anything
def test_the_state_and_the_ledger_are_what_the_history_says(opening: Opening, drawn: list[Move]) -> None:
    """Restart after any turn: replay gives the same state, JSON loses nothing, the ledger is what is promised."""

    def look(world: World, turn: Turn | None) -> None:
        promised = promises(RULES, world.state)
        assert {key: row.due for key, row in world.pending.items()} == {key: one.due for key, one in promised.items()}
        assert derived(RULES, world.state, world.now) == []

    world = live(opening, drawn, look)
    world.check()
    for end in range(0, len(world.events) + 1, 7):
        state = replay(world.events[:end])
        assert load(json.loads(json.dumps(dump(state)))) == state


@settings(max_examples=50)
@anything
def test_nothing_fires_twice_and_nothing_vanishes(opening: Opening, drawn: list[Move]) -> None:
    world = live(opening, drawn)
    never_twice(world)
    assert {row.state for row in world.rows.values()} <= {"pending", "fired", "collapsed", "superseded", "stopped"}
    for row in world.rows.values():
        assert (row.state == "fired") == (row.fired is not None)


@settings(max_examples=50)
@anything
def test_a_broken_promise_is_never_erased(opening: Opening, drawn: list[Move]) -> None:
    """What was due at or before the moment of the act that took its clock away has fired before it."""

    def look(world: World, turn: Turn | None) -> None:
        act = world.script[-1].act
        gone = [row for row in turn.written if row.state == SUPERSEDED and row.due <= act.at] if turn else []
        firings = {event.at for event in turn.events if event.kind == "fired"} if turn else set()
        assert not [row for row in gone if row.due not in firings]

    live(opening, drawn, look)


@settings(max_examples=50)
@anything
def test_no_promise_survives_a_close(opening: Opening, drawn: list[Move]) -> None:
    world = live(opening, drawn)
    status = ""
    for event in world.events:
        assert not (status == CLOSED and event.kind == "fired")
        status = {"closed": CLOSED, "cancelled": CLOSED, "merged_into": CLOSED, "reopened": RESPONDING}.get(
            event.kind, status
        )
    if world.state.status != CLOSED:
        world.play(Line(Act("cancel", world.now, "user:2"), world.now))
        world.play(Line(Act("waive", world.now, "user:2", {"gate": "rich.said"}), world.now))
        world.play(Line(Act("cancel", world.now, "user:2"), world.now))
    assert world.state.status == CLOSED
    seq = world.state.seq
    world.turn([], world.now + 1000 * HOUR)
    assert (world.pending, world.state.seq) == ({}, seq)


@settings(max_examples=50)
@anything
def test_history_is_chained_complete_and_in_order(opening: Opening, drawn: list[Move]) -> None:
    world = live(opening, drawn)
    assert all(facts_complete(event) for event in world.events)
    recorded = [event.recorded for event in world.events]
    assert recorded == sorted(recorded)
    assert all(event.at <= event.recorded for event in world.events)
    first, second = "", ""
    for event in world.events:
        first = chain(first, event)
        second = chain(second, Event(**json.loads(json.dumps(asdict(event)))))
        assert first == second


@settings(max_examples=50)
@punctual
def test_while_the_clock_is_up_we_are_never_late(opening: Opening, drawn: list[Move]) -> None:
    world = live(opening, drawn)
    assert {event.facts["system_late_ms"] for event in world.events if event.kind == "fired"} <= {0}
    assert not [row for row in world.rows.values() if row.state == "collapsed"]


@settings(max_examples=50)
@given(openings(), moves(), st.integers(-(10**9), 10**9))
def test_the_hour_of_the_day_does_not_matter(opening: Opening, drawn: list[Move], shift: int) -> None:
    world = live(opening, drawn)
    later = again(world.script, lambda line: in_time(line, lambda at: at + shift))
    assert trace(later) == trace(world)
    assert [event.at - shift for event in later.events] == [event.at for event in world.events]
    assert [(row.key, row.due - shift, row.state) for row in later.rows.values()] == [
        (row.key, row.due, row.state) for row in world.rows.values()
    ]


@settings(max_examples=50)
@given(openings(), moves(outages=False), st.sampled_from([2, 5, 12, 60]))
def test_a_drill_is_the_same_but_faster(opening: Opening, drawn: list[Move], speed: int) -> None:
    world = live(opening, drawn)

    def faster(line: Line) -> Line:
        moved = in_time(line, lambda at: T0 + (at - T0) // speed, lambda by: by // speed)
        drill = {"kind": "drill", "speed": speed} if line.act.verb == "report" else {}
        return replace(moved, act=replace(moved.act, body={**moved.act.body, **drill}))

    assert trace(again(world.script, faster)) == trace(world)


@settings(max_examples=50)
@given(openings(), moves(), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=2, max_size=6))
def test_a_batch_is_what_its_acts_are_one_by_one(
    opening: Opening, drawn: list[Move], several: list[tuple[int, int]]
) -> None:
    world = live(opening, drawn)
    acts = [Act("steps", world.now, "user:1", {"group": "G-TECH", "due_in": (a + 1) * MINUTE}) for a, _b in several]
    acts += [Act("updates", world.now, "user:2", {"audience": ("agents", "all")[b % 2]}) for _a, b in several]
    acts += [Act("notes", world.now, "user:3", {}) for _one in several]
    if world.state.status == CLOSED:
        acts = acts[-len(several) :]
    batch = take(RULES, world.state, world.pending, acts, world.now)
    for act in acts:
        world.turn([act], world.now)
    assert (world.state, world.pending) == (batch.state, dict(batch.pending))
    assert tuple(world.events[-len(batch.events) :]) == batch.events
    assert {row.key: row for row in batch.written}.items() <= world.rows.items()


def helped(world: World) -> dict[tuple[int, str], int]:
    """How long each person has helped in each tier, counted from the history alone: what is said of them, and what ends
    with the tier and with the incident. Only entries whose time was never corrected say when it was."""
    inside, total = dict[tuple[int, str], int](), dict[tuple[int, str], int]()

    def out(place: tuple[int, str], at: int) -> None:
        total[place] = total.get(place, 0) + max(0, at - inside.pop(place))

    moved = {event.facts["target"]: event.facts["to"] for event in world.events if event.kind == "corrected"}
    for event in world.events:
        at, facts = moved.get(event.seq, event.at), event.facts
        if event.kind == "support":
            for place in [(facts["tier"], person) for person in facts["people"]]:
                if facts["status"] == "joined":
                    inside[place] = at
                elif facts["status"] == "released":
                    out(place, at)
        if event.kind == "tier" and not facts["open"]:
            for place in [place for place in inside if place[0] == facts["tier"]]:
                out(place, at)
        if event.kind in ("closed", "cancelled", "merged_into"):
            for place in list(inside):
                out(place, event.at)
    for place in list(inside):
        out(place, world.now)
    return total


@settings(max_examples=80)
@anything
def test_the_minutes_of_those_who_help_are_counted_once(opening: Opening, drawn: list[Move]) -> None:
    """Across ends of a tier, closing, reopening and merging: nothing is lost, nothing is counted twice, none runs on."""

    def look(world: World, turn: Turn | None) -> None:
        state, counted = world.state, helped(world)
        for tier in support.TIERS:
            for person, marks in support.marks_of(state, tier).items():
                assert support.given(marks, world.now) == counted.get((tier, person), 0)
                assert [mark.at for mark in marks] == sorted(mark.at for mark in marks)
                if not state.holds(f"tier:{tier}"):
                    assert marks[-1].status != "joined"
                    assert support.standing(state, tier, person) == ""

    live(opening, drawn, look)


def changed_level(world: World, by: int) -> Turn:
    """The turn in which the level is raised (-1) or lowered (+1); the world itself stays as it is."""
    assert world.state.level
    act = Act("level", world.now, "user:2", {"level": world.state.level + by, "confirmed": True})
    return take(RULES, world.state, world.pending, [act], world.now)


@settings(max_examples=50)
@anything
def test_raising_the_level_makes_nothing_later(opening: Opening, drawn: list[Move]) -> None:
    world = live(opening, drawn)
    if world.state.status != RESPONDING or world.state.level in (None, 1):
        world = begin(("power-cut", 3, opening[2]))
    raised = changed_level(world, -1)
    fired = {event.facts["key"]: event.facts["due"] for event in raised.events if event.kind == "fired"}
    for key, row in world.pending.items():
        now_due = raised.pending[key].due if key in raised.pending else fired.get(key, row.due)
        assert now_due <= row.due


@settings(max_examples=50)
@anything
def test_lowering_the_level_fires_nothing_that_was_not_due(opening: Opening, drawn: list[Move]) -> None:
    world = live(opening, drawn)
    if world.state.status != RESPONDING or world.state.level in (None, 4):
        world = begin(("power-cut", 2, opening[2]))
    lowered = changed_level(world, +1)
    assert not [event for event in lowered.events if event.kind == "fired" and event.facts["key"] in world.pending]


@settings(max_examples=50)
@given(
    openings().filter(lambda opening: opening[0] != "rich"), moves(least=0, most=12), st.sampled_from([2, 30, 200, 900])
)
def test_an_outage_while_nobody_types_loses_no_work(opening: Opening, drawn: list[Move], minutes: int) -> None:
    """The same steps are open afterwards, and every rule that was counting has come as far."""
    world = live(opening, drawn)
    up, down = again(world.script), again(world.script)
    seq, end = world.state.seq, (world.now - T0) / MINUTE + minutes
    up.wait(end)
    down.wait(end, down=True)
    assert set(up.state.steps) == set(down.state.steps)
    before = {base for base in {row.base for row in world.rows.values()} if int(base.rpartition("@")[2]) <= seq}
    assert {base: up.state.fired[base].n for base in before if base in up.state.fired} == {
        base: down.state.fired[base].n for base in before if base in down.state.fired
    }


def test_the_worlds_reach_what_they_should() -> None:
    """A guard against properties that hold because nothing happens."""
    seen: set[str] = set()
    refused = 0

    @settings(max_examples=150, database=None)
    @anything
    def explore(opening: Opening, drawn: list[Move]) -> None:
        nonlocal refused
        world = live(opening, drawn)
        seen.update(world.kinds())
        seen.update(row.state for row in world.rows.values())
        seen.update(event.facts["status"] for event in world.events if event.kind == "support")
        refused += world.refused

    explore()
    assert refused > 100
    assert {"pending", "fired", "collapsed", "superseded", "stopped"} <= seen
    assert {
        "reopened",
        "stood_down",
        "closed",
        "cancelled",
        "merged_into",
        "corrected",
        "answered",
        "called_out",
    } <= seen
    assert {"contact_asked", "contact_failed", "step_withdrawn", "step_overdue", "deactivated", "suggested"} <= seen
    assert {"tier", "support", *SUPPORT_MOVES} <= seen


def test_a_state_without_history_is_empty() -> None:
    assert replay([]) == IncidentState()
