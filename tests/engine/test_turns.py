"""One turn: settle what was due, apply what somebody did, settle what is due by now. And what follows from what."""

from dataclasses import replace
from typing import Any

import pytest

from incidents.engine.decide import Act, clamp
from incidents.engine.gates import blockers
from incidents.engine.ledger import COLLAPSED, FIRED, PENDING, SUPERSEDED
from incidents.engine.lifecycle import Refusal
from incidents.engine.plan import Due, Gate, Ladder, Option, Plan, Rule, Stage
from incidents.engine.rehearsal import rehearse
from incidents.engine.state import IncidentState
from incidents.engine.turn import Unbounded, take
from tests.engine.kit import (
    LIBRARY,
    MINUTE,
    SECOND,
    T0,
    WHO,
    Desk,
    at,
    compiled,
    desk,
    do,
    library_desk,
    plan,
    repeat,
    rule,
    stages,
    step,
)

HOT = {"hot": 0}
EXTRA = step("extra", opened_by="rule")


def hot(*rules: Rule, **parts: Any) -> Desk:
    """It is hot from minute 0, under these rules."""
    opens = any(action.do == "open" for one in rules for stage in one.stages for action in stage.do)
    given = plan(*rules, conditions=HOT, starts="hot", steps=(EXTRA,) if opens else (), **parts)
    return desk(given, conditions=["hot"])


class TestSettleApplySettle:
    """The clock slept; somebody types what happened meanwhile."""

    def test_an_all_clear_typed_late_cannot_erase_a_broken_promise(self) -> None:
        here = hot(rule("five", "condition:hot", 5, "open extra"))
        here.condition(7, "hot", False, 10)
        assert here.kinds()[-3:] == ["fired", "step_opened", "condition"]
        assert here.states("five") == [(1, FIRED)]

    def test_an_all_clear_before_the_due_time_prevents_it_however_late_it_is_typed(self) -> None:
        here = hot(rule("five", "condition:hot", 5, "open extra"))
        here.condition(4, "hot", False, 10)
        assert here.states("five") == [(1, SUPERSEDED)]
        assert here.events[-1].recorded == at(10)  # the history shows both times
        assert here.events[-1].at == at(4)

    def test_due_at_that_very_instant_is_broken(self) -> None:
        assert hot(rule("five", "condition:hot", 5)).condition(5, "hot", False, 10).fired("five") == [10]

    def test_what_the_act_makes_due_fires_in_the_same_turn(self) -> None:
        here = Desk(compiled(plan(rule("sixty", "started", 60)))).report()
        turn = here.act(80, "activate", plan="p", revision=1, level=3, confirmed=True)
        assert [event.kind for event in turn.events] == ["activated", "fired"]

    def test_catching_up_stops_at_the_act_that_ended_it(self) -> None:
        """Asleep until 40; the all-clear was at 12: only what was due by 12 was broken."""
        here = hot(Rule("staged", ("condition:hot",), stages(5, 10, 15, 20)))
        here.condition(12, "hot", False, 40)
        assert sorted(here.states("staged")) == [(1, COLLAPSED), (2, FIRED), (3, SUPERSEDED)]

    def test_the_earliest_fires_first_and_may_take_the_next_away(self) -> None:
        here = hot(
            rule("b-first", "condition:hot", 5, "mark enough"),
            rule("a-second", "condition:hot", 6, requires=("not mark:enough",)),
        )
        here.wait(30, down=True)
        assert (here.fired("b-first"), here.fired("a-second")) == ([30], [])

    def test_nobody_writes_into_the_future(self) -> None:
        here = hot()
        with pytest.raises(Refusal) as refused:
            here.turn([Act("conditions", at(10) + 1, "user:2", {"name": "hot", "holds": False})], at(10))
        assert (refused.value.code, refused.value.field) == ("invalid", "at")

    @pytest.mark.parametrize(
        ("ahead", "taken"), [(0, 0), (1, 0), (5 * SECOND, 0), (5 * SECOND + 1, 5 * SECOND + 1), (-9, -9)]
    )
    def test_a_clock_a_little_ahead_means_now(self, ahead: int, taken: int) -> None:
        assert clamp(T0 + ahead, T0) == T0 + taken

    @pytest.mark.parametrize("when", [-1, -30])
    def test_nothing_ends_before_it_began(self, when: float) -> None:
        with pytest.raises(Refusal, match="before it began"):
            hot().condition(when, "hot", False, 10)

    def test_nothing_begins_again_before_it_ended(self) -> None:
        with pytest.raises(Refusal, match="before it ended"):
            hot().condition(5, "hot", False, 10).condition(4, "hot", True, 10)

    def test_several_acts_in_one_batch_are_as_many_turns(self) -> None:
        """The power had come back at 4, and both were typed at 20: what was broken by 20 has been broken."""
        here = Desk(LIBRARY, ("house", 1)).report(conditions=["power-off"])
        here.wait(20)
        activate = Act("activate", at(20), WHO, {"plan": "power-cut", "revision": 1, "level": 3, "confirmed": True})
        back = Act("conditions", at(4), WHO, {"name": "power-off", "holds": False})
        here.turn([activate, back], at(20))
        assert here.fired("power-5") == [20]

    def test_a_clock_that_is_put_back_makes_nothing_due_early(self) -> None:
        """What is written never goes back; what is waited for is waited for."""
        cold = desk(plan(rule("five", "condition:hot", 5), conditions=HOT))
        cold.turn([Act("notes", at(30), WHO, {})], at(30))
        cold.turn([Act("conditions", at(1), WHO, {"name": "hot", "holds": True})], at(1))
        assert (cold.fired("five"), cold.due("five")) == ([], 6)
        cold.turn([], at(6))
        [event] = cold.firings("five")
        assert (event.recorded, event.facts["late_ms"], event.facts["system_late_ms"]) == (at(30), 0, 0)

    def test_a_refusal_leaves_everything_as_it_was(self) -> None:
        """Even what was due stays due: the turn as a whole did not happen, the next one fires it."""
        here = hot(rule("five", "condition:hot", 5))
        state, pending = here.state, dict(here.pending)
        with pytest.raises(Refusal):
            here.act(10, "level", 10, level=3, confirmed=True)
        assert (here.state, here.pending) == (state, pending)
        assert here.wait(10, down=True).fired("five") == [10]

    def test_a_turn_in_which_nothing_is_due_writes_nothing(self) -> None:
        here = hot(rule("five", "condition:hot", 5))
        turn = here.turn([], at(4))
        assert (turn.events, turn.written, turn.state) == ((), (), here.state)

    def test_the_time_of_writing_never_goes_back(self) -> None:
        here = hot()
        here.act(10, "notes")
        here.turn([Act("notes", at(3), "user:2")], at(3))  # the machine's clock jumped back
        assert [event.recorded for event in here.events[-2:]] == [at(10), at(10)]

    def test_rules_that_feed_each_other_are_stopped(self) -> None:
        """No published plan may come near the bound; a broken one hurts its own incident only."""
        loop = [rule(f"r{n}", ("mark:go", "activated"), 0, "mark go", repeat=repeat(0, 100)) for n in range(2)]
        with pytest.raises(Unbounded):
            desk(plan(*loop))


class TestFiringTime:
    def test_on_time_it_happened_when_it_was_due(self) -> None:
        here = hot(rule("five", "condition:hot", 5, "open extra"))
        here.wait(5.5, down=True)
        [event] = here.firings("five")
        assert (event.at, event.recorded, here.run("p.extra").opened_at) == (at(5), at(5.5), at(5))
        assert event.facts["system_late_ms"] == 30 * SECOND

    @pytest.mark.parametrize(("late", "happened"), [(60 * SECOND, at(5)), (60 * SECOND + 1, at(6) + 1)])
    def test_a_minute_behind_is_the_limit(self, late: int, happened: int) -> None:
        here = hot(rule("five", "condition:hot", 5, "open extra"))
        here.turn([], at(5) + late)
        assert here.firings("five")[0].at == happened

    def test_after_an_outage_nobody_inherits_a_lost_window(self) -> None:
        steps = (step("extra", opened_by="rule", due=Due(10 * MINUTE)),)
        here = desk(plan(rule("five", "activated", 5, "open extra"), steps=steps)).wait(60, down=True)
        assert here.run("p.extra").opened_at == at(60)
        assert here.due("due-extra") == 70

    def test_nor_does_who_hears_of_a_report_late(self) -> None:
        """It began at 0, was reported at 30: ten minutes for the triage count from the report."""
        here = Desk(LIBRARY, ("house", 1))
        here.act(0, "report", 30, incident_type="x", house=("house", 1), captured_at=at(30))
        assert here.run("house.triage").opened_at == at(30)
        assert here.due("due-triage") == 40

    def test_what_an_act_typed_late_opens_is_open_from_now(self) -> None:
        here = library_desk().condition(4, "power-off", False, 20)
        assert here.run("power-cut.check-floor").opened_at == at(20)


class TestTwoLatenesses:
    """`late` is the plan's truth, `system late` is our fault; only ours is an alarm."""

    def late(self, here: Desk, name: str) -> tuple[float, float]:
        facts = here.firings(name)[-1].facts
        return facts["late_ms"] / MINUTE, facts["system_late_ms"] / MINUTE

    def test_a_plan_activated_late_is_not_our_fault(self) -> None:
        """W3b."""
        assert self.late(library_desk("application-fault", activated=80), "sixty") == (20, 0)

    def test_an_outage_is(self) -> None:
        here = library_desk("application-fault").wait(65, down=True)
        assert self.late(here, "sixty") == (5, 5)

    def test_what_was_armed_late_counts_from_there(self) -> None:
        here = library_desk("application-fault", activated=59).wait(62, down=True)
        assert self.late(here, "sixty") == (2, 2)
        other = Desk(LIBRARY, ("house", 1)).report(conditions=["system-down"])
        other.activate(59, "application-fault")
        other.act(59.5, "notes", corrects=1, to=at(-10))
        assert self.late(other, "sixty") == (9.5, 0)

    def test_put_off_and_missed_counts_from_the_new_time(self) -> None:
        here = hot(rule("five", "condition:hot", 5))
        base, _, n = here.key("five").rpartition("#")
        here.act(1, "promises/extend", base=base, n=int(n), by=3 * MINUTE)
        assert self.late(here.wait(10, down=True), "five") == (2, 2)

    def test_what_comes_back_after_a_long_time_does_not_fire_all_at_once(self) -> None:
        """The reminders count from when there was somebody to remind, not from the due time hours ago."""
        here = library_desk(level=2).condition(3, "power-off", False)
        here.act(4, "updates", audience="leaders")
        for name in ("controlled", "normal", "no-effect"):
            here.step(5, f"power-cut.{name}")
        here.act(10, "stand-down")
        here.condition(400, "power-off", True).wait(425)
        assert here.fired("update-leaders") == [400, 410, 420]

    def test_a_row_is_armed_anew_only_when_it_is_pulled_forward(self) -> None:
        here = desk(plan(rule("r", "activated", {1: 15, 2: 30, 3: 60})), level=2)
        here.level(5, 3)
        assert here.pending[here.key("r")].armed == at(0)
        here.level(6, 1)
        assert here.pending[here.key("r")].armed == at(6)

    def test_a_backfilled_incident_was_never_late(self) -> None:
        """It is keyed in afterwards, on purpose: every promise counts as kept when it was due, nothing collapses."""
        given = plan(Rule("staged", ("activated",), stages(5, 10), repeat=repeat(10, 1)), steps=(step("look"),))
        here = Desk(compiled(given))
        house = ("house", 0)
        here.act(0, "report", 500, incident_type="x", house=house, kind="backfilled")
        here.act(2, "activate", 500, plan="p", revision=1, level=3, confirmed=True)
        here.act(14, "conditions", 500, name="restored", holds=True)
        assert here.fired("staged") == [7, 12, 22]
        assert {event.facts["system_late_ms"] for event in here.firings("staged")} == {0}
        assert here.run("p.look").opened_at == at(2)


class TestCatchUp:
    """After downtime one firing stands for all that were missed, per rule and episode; work is never dropped."""

    def staged(self) -> Desk:
        rungs = (
            rule("x", "activated", 5, "open one", "notify floor").stages[0],
            rule("x", "activated", 10, "mark two", "notify floor").stages[0],
            rule("x", "activated", 15, "open three", "notify lead").stages[0],
        )
        steps = tuple(step(name, opened_by="rule") for name in ("one", "three"))
        return desk(plan(Rule("staged", ("activated",), rungs, repeat=repeat(10, 3)), steps=steps))

    def test_jumps_to_the_last_that_was_due(self) -> None:
        here = self.staged().wait(27, down=True)
        [event] = here.firings("staged")
        assert (event.facts["n"], event.facts["to"], event.facts["due"]) == (1, 4, at(25))
        assert (event.facts["late_ms"], event.facts["system_late_ms"]) == (2 * MINUTE, 2 * MINUTE)

    def test_the_rows_between_are_collapsed_each_with_its_own_due_time(self) -> None:
        here = self.staged().wait(27, down=True)
        rows = {row.n: (row.state, row.due) for row in here.rows.values() if row.rule == "staged"}
        assert rows == {
            **{1: (COLLAPSED, at(5)), 2: (COLLAPSED, at(10)), 3: (COLLAPSED, at(15))},
            **{4: (FIRED, at(25)), 5: (PENDING, at(35))},
        }

    def test_nothing_is_dropped_and_nothing_said_twice(self) -> None:
        here = self.staged().wait(27, down=True)
        assert here.open() == {"p.one", "p.three"}
        assert here.state.holds("mark:p.two")
        assert here.told("rule") == [("G-SUP", 27), ("G-LEAD", 27)]

    def test_call_outs_and_levels_of_what_was_missed_happen_too(self) -> None:
        rungs = (
            rule("x", "activated", 5, "call ring", "set_level 1", "suggest more").stages[0],
            rule("x", "activated", 10, "notify lead").stages[0],
        )
        ladders = (Ladder("ring", ("floor", "duty"), 2 * MINUTE, "lead"),)
        here = desk(plan(Rule("staged", ("activated",), rungs), ladders=ladders)).wait(12, down=True)
        assert (here.state.level, here.state.callouts["p.ring"].rung) == (1, 1)
        assert here.kinds().count("suggested") == 1

    def test_each_is_told_by_how_much_their_own_was_missed(self) -> None:
        rungs = (Stage(5 * MINUTE, (do("notify floor"),)), Stage(10 * MINUTE, (do("notify duty"),)))
        last = Stage(15 * MINUTE, (do("notify lead"),))
        here = desk(plan(Rule("r", ("activated",), (*rungs, last)))).wait(15.5, down=True)
        late = {one.notice.to[1]: one.notice.facts["system_late_ms"] for one in here.notices}
        assert late == {"G-SUP": 10.5 * MINUTE, "G-DUTY": 5.5 * MINUTE, "G-LEAD": 30 * SECOND}
        behind = {row.n: row.system_late_ms for row in here.rows.values() if row.rule == "r"}
        assert behind == {1: 10.5 * MINUTE, 2: 5.5 * MINUTE, 3: 30 * SECOND}

    def test_the_next_counts_from_the_due_time(self) -> None:
        assert self.staged().wait(27, down=True).due("staged") == 35

    def test_a_little_late_nothing_collapses(self) -> None:
        here = desk(plan(Rule("r", ("activated",), stages(5, 5.5)))).wait(5.9, down=True)
        assert here.rungs("r") == [1, 2]

    def test_rules_never_swallow_each_other(self) -> None:
        here = desk(plan(Rule("a", ("activated",), stages(5, 10)), Rule("b", ("activated",), stages(6, 11))))
        here.wait(30, down=True)
        assert (here.rungs("a"), here.rungs("b")) == ([2], [2])

    def test_nor_do_subjects(self) -> None:
        here = desk(plan(Rule("r", ("condition:hot",), stages(5, 10)), conditions=HOT))
        for subject in ("A", "B"):
            here.condition(1, "hot", True, subject=subject)
        here.wait(30, down=True)
        assert [(event.facts["subject"], event.facts["to"]) for event in here.firings("r")] == [("A", 2), ("B", 2)]

    def test_two_rungs_that_open_the_same_step_open_it_once(self) -> None:
        rungs = (
            rule("x", "activated", 5, do("open extra", "not restored")).stages[0],
            rule("x", "activated", 10, do("open extra", "activated")).stages[0],
        )
        here = desk(plan(Rule("r", ("activated",), rungs), steps=(EXTRA,))).wait(60, down=True)
        assert here.open() == {"p.extra"}


class TestLadder:
    """Contacts asked in order, each with a window to answer; an answer is a lease that can run out (N6)."""

    @pytest.fixture
    def here(self) -> Desk:
        return self.ladder(lease=15)

    def ladder(self, lease: int | None = None) -> Desk:
        contacts = Ladder("ring", ("floor", "duty", "tech"), 2 * MINUTE, "lead", lease and lease * MINUTE)
        return desk(plan(rule("go", "activated", 0, "call ring"), ladders=(contacts,)))

    def answer(self, here: Desk, when: float, verb: str = "acknowledge", actor: str = "user:7") -> None:
        here.act(when, "answer", actor=actor, verb=verb, ladder="p.ring", notification=1)

    def test_asks_one_after_the_other_and_then_the_fallback(self, here: Desk) -> None:
        here.wait(60)
        assert here.told("callout") == [("G-SUP", 0), ("G-DUTY", 2), ("G-TECH", 4), ("G-LEAD", 6)]
        assert [event.facts.get("fallback", False) for event in here.events if event.kind == "contact_asked"] == [
            *(False, False, True)
        ]

    def test_no_answer_is_an_early_firing_of_the_same_rule(self, here: Desk) -> None:
        """The next contact is asked at once, and the next window counts from there."""
        self.answer(here, 0.5, "decline")
        assert here.told("callout") == [("G-SUP", 0), ("G-DUTY", 0.5)]
        assert (here.due("ladder-ring"), here.rungs("ladder-ring")) == (2.5, [1])
        assert here.states("ladder-ring") == [(1, FIRED), (2, PENDING)]

    def test_an_early_firing_is_not_late(self, here: Desk) -> None:
        self.answer(here, 0.5, "decline")
        [row] = [row for row in here.rows.values() if row.rule == "ladder-ring" and row.n == 1]
        assert (row.due, row.fired, row.late_ms, row.system_late_ms) == (at(0.5), at(0.5), 0, 0)

    def test_when_all_have_declined_the_fallback_is_asked_and_it_ends_there(self, here: Desk) -> None:
        for when in (0.5, 0.6, 0.7, 0.8, 0.9):
            self.answer(here, when, "decline")
        assert [who for who, _when in here.told("callout")] == ["G-SUP", "G-DUTY", "G-TECH", "G-LEAD"]
        assert here.pending == {}

    def test_a_no_from_a_contact_whose_turn_has_passed_does_not_hurry_the_next(self, here: Desk) -> None:
        here.wait(2.5)
        here.act(2.5, "answer", verb="decline", ladder="p.ring", rung=1, notification=1)
        assert here.kinds()[-1] == "notice_declined"
        assert here.wait(5).told("callout") == [("G-SUP", 0), ("G-DUTY", 2), ("G-TECH", 4)]

    @pytest.mark.parametrize("verb", ["stop", "pause"])
    def test_a_no_calls_nobody_when_the_call_out_was_stopped(self, here: Desk, verb: str) -> None:
        base, _, n = here.key("ladder-ring").rpartition("#")
        here.act(0.5, f"promises/{verb}", base=base, n=int(n))
        self.answer(here, 1, "decline")
        assert here.told("callout") == [("G-SUP", 0)]
        here.check()

    def test_calling_again_does_not_drop_whoever_has_it(self) -> None:
        contacts = Ladder("ring", ("floor", "duty"), 2 * MINUTE, "lead", 15 * MINUTE)
        here = desk(plan(rule("go", "activated", 0, "call ring", repeat=repeat(3, 1)), ladders=(contacts,)))
        self.answer(here, 1)
        here.wait(10)
        assert here.state.callouts["p.ring"].holder == "user:7"
        assert here.told("callout") == [("G-SUP", 0)]

    def test_after_a_lapse_the_fallback_is_asked_once(self, here: Desk) -> None:
        here.wait(5)
        self.answer(here, 5)
        here.wait(60)
        assert [(who, when) for who, when in here.told("callout") if when > 5] == [("G-TECH", 20), ("G-LEAD", 22)]

    def test_an_answer_ends_the_ringing(self, here: Desk) -> None:
        self.answer(here, 1)
        assert here.state.callouts["p.ring"].holder == "user:7"
        assert (here.state.holds("callout:p.ring"), here.state.holds("held:p.ring")) == (False, True)
        assert here.wait(10).told("callout") == [("G-SUP", 0)]

    def test_an_answer_to_a_contact_passed_already_still_counts(self, here: Desk) -> None:
        here.wait(5)
        self.answer(here, 5, actor="user:1")
        assert here.state.callouts["p.ring"].holder == "user:1"

    def test_a_second_answer_changes_nothing(self, here: Desk) -> None:
        self.answer(here, 1)
        self.answer(here, 2, actor="user:8")
        assert here.state.callouts["p.ring"].holder == "user:7"
        assert here.kinds()[-1] == "notice_acknowledged"

    def test_declining_when_nobody_is_called_is_a_word_about_the_notice(self, here: Desk) -> None:
        self.answer(here, 1)
        self.answer(here, 2, "decline", actor="user:8")
        assert here.kinds()[-1] == "notice_declined"

    def test_the_lease_runs_out_when_nothing_is_heard(self, here: Desk) -> None:
        self.answer(here, 1)
        assert here.due("lease-ring") == 16
        here.wait(16)
        assert here.told("callout")[1:] == [("G-DUTY", 16)]
        assert (here.state.holds("held:p.ring"), here.state.callouts["p.ring"].holder) == (False, "")

    def test_whatever_the_holder_does_renews_it_under_the_same_key(self, here: Desk) -> None:
        self.answer(here, 1)
        key = here.key("lease-ring")
        here.act(10, "notes", actor="user:7")
        assert (here.due("lease-ring"), here.key("lease-ring")) == (25, key)
        here.act(11, "notes", actor="user:8")
        assert here.due("lease-ring") == 25

    def test_it_goes_on_after_the_contact_asked_last(self, here: Desk) -> None:
        here.wait(2)
        self.answer(here, 3)
        here.wait(18)
        assert here.told("callout")[2:] == [("G-TECH", 18)]

    def test_the_last_contact_is_asked_again_when_there_is_none_after(self, here: Desk) -> None:
        here.wait(4)
        self.answer(here, 5)
        here.wait(20)
        assert here.told("callout")[3:] == [("G-TECH", 20)]

    def test_without_a_lease_an_answer_holds(self) -> None:
        here = self.ladder()
        self.answer(here, 1)
        assert here.pending == {}

    def test_after_an_outage_whose_turn_it_is_now_gets_a_full_window(self, here: Desk) -> None:
        here.wait(5, down=True)
        assert here.told("callout") == [("G-SUP", 0), ("G-TECH", 5)]
        assert here.due("ladder-ring") == 7
        assert here.wait(30).told("callout")[2:] == [("G-LEAD", 7)]

    def test_after_a_long_outage_the_fallback_is_asked(self, here: Desk) -> None:
        assert here.wait(60, down=True).told("callout") == [("G-SUP", 0), ("G-LEAD", 60)]

    def test_the_end_of_its_plan_ends_it(self, here: Desk) -> None:
        here.rules = {**here.rules, **compiled(plan(slug="q"))}
        here.activate(1, "q", replace=True)
        assert (here.pending, here.state.holds("callout:p.ring")) == ({}, False)


class TestStandDown:
    def over(self) -> Desk:
        """Power back at 3, all checks ticked, stood down at 10."""
        here = library_desk().condition(3, "power-off", False)
        for name in ("controlled", "normal", "no-effect"):
            here.step(5, f"power-cut.{name}")
        here.act(10, "stand-down")
        return here

    def test_needs_every_required_check_ticked(self) -> None:
        here = library_desk()
        with pytest.raises(Refusal) as refused:
            here.act(2, "stand-down")
        assert refused.value.code == "open"
        assert refused.value.open == ("power-cut.controlled", "power-cut.normal", "power-cut.no-effect")

    def test_checks_open_when_it_is_over_and_go_when_it_is_not(self) -> None:
        here = library_desk()
        assert "power-cut.normal" not in here.state.steps
        assert "power-cut.normal" in here.condition(3, "power-off", False).open()
        assert "power-cut.normal" not in here.condition(4, "power-off", True).open()
        assert "power-cut.normal.2" in here.condition(5, "power-off", False).open()

    def test_restored_asks_them_too(self) -> None:
        assert "power-cut.normal" in library_desk().condition(3, "restored", True).open()

    def test_a_tick_from_before_it_began_again_proves_nothing(self) -> None:
        here = self.over().condition(20, "power-off", True).condition(21, "power-off", False)
        assert blockers(here.rules, here.state, "stand-down") == [
            *("power-cut.controlled.2", "power-cut.normal.2", "power-cut.no-effect.2")
        ]

    def test_nor_does_a_tick_from_before_service_was_lost_again(self) -> None:
        here = library_desk("general-emergency").condition(3, "restored", True)
        for name in ("controlled", "normal", "no-effect"):
            here.step(5, f"general-emergency.{name}")
        here.condition(6, "restored", False)
        with pytest.raises(Refusal):
            here.act(7, "stand-down")
        assert "general-emergency.normal.2" in here.condition(8, "restored", True).open()

    def test_nor_one_from_a_gap_within_the_grace(self) -> None:
        given = plan(starts="hot", conditions={"hot": 5 * MINUTE}, stand_down=(step("calm", "check"),))
        here = desk(given, conditions=["hot"]).condition(3, "hot", False)
        here.step(4, "p.calm")
        here.condition(5, "hot", True)
        with pytest.raises(Refusal):
            here.act(6, "stand-down")
        assert here.condition(7, "hot", False).open() == {"p.calm.2"}

    def test_nobody_is_called_out_after_it(self) -> None:
        contacts = Ladder("ring", ("floor", "duty"), 2 * MINUTE, "lead")
        here = desk(plan(rule("go", "activated", 0, "call ring"), ladders=(contacts,)))
        here.act(1, "stand-down")
        here.act(1.5, "answer", verb="decline", ladder="p.ring", notification=1)
        assert here.wait(60).told("callout") == [("G-SUP", 0)]
        here.check()

    @pytest.mark.parametrize("verb", ["start", "assign", "block"])
    def test_a_check_somebody_had_begun_is_asked_anew(self, verb: str) -> None:
        here = library_desk().condition(3, "power-off", False)
        here.step(4, "power-cut.normal", verb, person="user:9")
        here.condition(5, "power-off", True).condition(6, "power-off", False)
        assert here.run("power-cut.normal").status == "withdrawn"
        assert "power-cut.normal.2" in here.open()
        assert "step_reminded" not in here.kinds()

    def test_a_check_that_is_not_required_is_not_in_the_way(self) -> None:
        here = desk(plan(stand_down=(step("calm", "check"), step("wish", "check", mandatory=False))))
        assert blockers(here.rules, here.state, "stand-down") == ["p.calm"]

    def test_a_required_check_cannot_be_skipped(self) -> None:
        here = library_desk().condition(3, "power-off", False)
        with pytest.raises(Refusal, match="cannot be skipped"):
            here.step(4, "power-cut.normal", "skip")

    def test_ends_the_cadences(self) -> None:
        here = self.over()
        assert {row.rule for row in here.pending.values() if row.rule.startswith("update")} == set()

    def test_twice_is_refused(self) -> None:
        here = self.over()
        with pytest.raises(Refusal, match="already"):
            here.act(11, "stand-down")

    def test_a_condition_that_begins_after_it_withdraws_it(self) -> None:
        here = self.over().condition(20, "power-off", True)
        assert "stand_down_withdrawn" in here.kinds()
        assert not here.state.holds("stood_down")
        assert here.due("power-5") == 25
        assert here.told("stand-down-withdrawn")

    def test_a_condition_no_plan_counts_on_does_not(self) -> None:
        assert self.over().condition(20, "alarm-sounding", True).state.holds("stood_down")

    def test_another_plan_activated_after_it_withdraws_it(self) -> None:
        here = self.over().activate(20, "general-emergency")
        assert not here.state.holds("stood_down")


class TestClosing:
    GATES = (
        Gate("sheets", ("not list:sheets.open",)),
        Gate("word", ("update:customers",), when=("condition:hot",), waivable=False),
        Gate("seen", ("assessed",), outcomes=frozenset({"false-alarm", "cancelled", "duplicate"})),
    )

    @pytest.fixture
    def here(self) -> Desk:
        return desk(plan(close=self.GATES, conditions=HOT, steps=(step("look"), step("wish", mandatory=False))))

    def still(self, here: Desk, outcome: str = "resolved") -> list[str]:
        return blockers(here.rules, here.state, "close", outcome)

    def test_needs_the_mandatory_steps(self, here: Desk) -> None:
        assert self.still(here) == ["p.look"]
        here.step(1, "p.look")
        assert self.still(here) == []

    def test_a_skipped_step_is_no_longer_in_the_way(self, here: Desk) -> None:
        here.step(1, "p.look", "skip")
        assert self.still(here) == []

    def test_needs_its_gates(self, here: Desk) -> None:
        here.act(1, "list", list="sheets", change="add", items=2)
        assert self.still(here) == ["p.look", "p.sheets"]
        here.act(2, "list", list="sheets", change="settle", items=1)
        assert "p.sheets" in self.still(here)
        here.act(3, "list", list="sheets", change="settle", items=1)
        assert "p.sheets" not in self.still(here)

    def test_more_cannot_be_settled_than_are_open(self, here: Desk) -> None:
        here.act(1, "list", list="sheets", change="add", items=2)
        with pytest.raises(Refusal, match="More items"):
            here.act(2, "list", list="sheets", change="settle", items=3)

    def test_a_gate_may_apply_only_when(self, here: Desk) -> None:
        assert "p.word" in self.still(here.condition(1, "hot", True))

    def test_a_gate_is_waived_by_name_if_it_may_be(self, here: Desk) -> None:
        here.act(1, "list", list="sheets", change="add", items=2)
        here.act(2, "waive", gate="p.sheets")
        assert "p.sheets" not in self.still(here)
        for gate in ("p.word", "p.nothing", "sheets"):
            with pytest.raises(Refusal, match="cannot be waived"):
                here.act(3, "waive", gate=gate)

    def test_other_outcomes_have_gates_of_their_own_and_need_no_steps(self, here: Desk) -> None:
        assert self.still(here, "false-alarm") == ["p.seen"]

    @pytest.mark.parametrize(
        ("verb", "body"), [("cancel", {}), ("merge", {"ref": "INC-2"}), ("close", {"outcome": "false-alarm"})]
    )
    def test_each_way_to_end_asks_its_gates(self, here: Desk, verb: str, body: dict[str, Any]) -> None:
        with pytest.raises(Refusal) as refused:
            here.act(1, verb, **body)
        assert refused.value.open == ("p.seen",)
        here.act(2, "assess", verdict="false")
        here.act(3, verb, **body)
        assert here.state.status == "closed"

    def test_resolved_needs_the_stand_down_or_who_may_do_both(self, here: Desk) -> None:
        here.step(1, "p.look")
        with pytest.raises(Refusal) as refused:
            here.act(2, "close", outcome="resolved")
        assert refused.value.open == ("stand-down",)
        here.act(3, "close", outcome="resolved", may_stand_down=True)
        assert here.kinds()[-2:] == ["stood_down", "closed"]

    def test_what_the_leading_group_confirmed_is_no_false_alarm_without_those_who_may_end_it(self) -> None:
        here = desk(plan(), level=1)
        here.act(1, "level/confirm")
        with pytest.raises(Refusal) as refused:
            here.act(2, "close", outcome="false-alarm")
        assert refused.value.open == ("stand-down",)
        here.act(3, "close", outcome="false-alarm", may_stand_down=True)
        assert (here.state.outcome, "stood_down" in here.state.points) == ("false-alarm", False)

    def test_empties_everything(self) -> None:
        here = library_desk(level=1).wait(20)
        here.act(21, "close", outcome="false-alarm")
        assert (here.pending, here.open(), here.state.callouts) == ({}, set(), {})
        assert not [name for name in here.state.facts if name.startswith("condition:")]
        seq = here.state.seq
        assert here.wait(10_000).state.seq == seq

    def test_says_how_it_ended(self, here: Desk) -> None:
        here.act(1, "assess", verdict="false")
        here.act(2, "close", outcome="false-alarm", cause="A test")
        assert (here.state.outcome, here.state.cause, here.state.points["closed"]) == ("false-alarm", "A test", at(2))
        assert here.told("closed") == [("", 2)]


class TestReopening:
    @pytest.fixture
    def here(self) -> Desk:
        here = library_desk("application-fault", level=2)
        here.step(2, "application-fault.tell-agents")
        here.step(3, "house.confirm-level", decision="confirm")
        here.condition(4, "restored", True)
        here.step(5, "application-fault.normal")
        here.act(6, "updates", audience="all")
        here.act(100, "close", outcome="false-alarm", may_stand_down=True)
        here.act(200, "reopen")
        return here

    def test_goes_back_to_responding_with_the_clocks_anew(self, here: Desk) -> None:
        assert (here.state.status, here.state.outcome) == ("responding", "")
        assert {here.state.facts[name][""].since for name in ("started", "activated", "level")} == {at(200)}
        assert here.due("update-leaders") == 230

    def test_conditions_points_and_updates_are_cleared(self, here: Desk) -> None:
        names = ("condition:system-down", "restored", "update:leaders", "stood_down")
        assert not [name for name in names if here.state.holds(name)]

    def test_done_steps_and_choices_stay(self, here: Desk) -> None:
        assert here.run("application-fault.tell-agents").status == "done"
        assert here.state.holds("decision:house.confirm-level:confirm")
        assert "application-fault.tell-agents.2" not in here.state.steps

    def test_steps_that_closing_withdrew_open_again_as_new_runs(self, here: Desk) -> None:
        assert here.run("application-fault.phone-owner").status == "withdrawn"
        assert "application-fault.phone-owner.2" in here.open()

    def test_the_ticks_are_asked_again(self, here: Desk) -> None:
        assert here.run("application-fault.normal").status == "done"
        assert "application-fault.normal" in blockers(here.rules, here.state, "stand-down")
        assert "application-fault.normal.2" in here.condition(201, "restored", True).open()

    def test_a_waiver_is_asked_for_again(self) -> None:
        here = desk(plan(close=(Gate("sheets", ("not list:sheets.open",)),)))
        here.act(1, "list", list="sheets", change="add", items=1)
        here.act(2, "waive", gate="p.sheets")
        here.act(3, "close", outcome="false-alarm")
        here.act(4, "reopen")
        assert blockers(here.rules, here.state, "close") == ["p.sheets"]

    def test_no_key_fires_again(self, here: Desk) -> None:
        here.wait(1000)
        here.check()

    def test_the_figures_keep_the_first_instants(self, here: Desk) -> None:
        assert (here.state.points["started"], here.state.points["activated"]) == (at(0), at(1))

    def test_what_was_merged_goes_on_elsewhere(self) -> None:
        here = desk(plan())
        here.act(1, "merge", ref="INC-2")
        with pytest.raises(Refusal, match="INC-2"):
            here.act(2, "reopen")


class TestMerging:
    def test_the_source_closes_as_a_duplicate_and_loses_its_promises(self) -> None:
        here = library_desk()
        here.act(2, "merge", ref="INC-2")
        assert (here.state.outcome, here.state.merged_into, here.pending) == ("duplicate", "INC-2", {})

    def test_open_lists_stay_in_the_way(self) -> None:
        here = desk(plan())
        here.act(1, "list", list="sheets", change="add", items=1)
        with pytest.raises(Refusal) as refused:
            here.act(2, "merge", ref="INC-2")
        assert refused.value.open == ("list:sheets",)

    @pytest.mark.parametrize(("started", "due"), [(-20, 40), (20, 60)])
    def test_the_target_began_when_the_earlier_of_the_two_did(self, started: float, due: float) -> None:
        here = desk(plan(rule("sixty", "started", 60)))
        key = here.key("sixty")
        here.act(5, "join", ref="INC-2", started=at(started))
        assert (here.due("sixty"), here.key("sixty")) == (due, key)


class TestLevels:
    def test_a_major_level_is_in_force_at_once_and_asks_for_a_word(self) -> None:
        here = library_desk(level=2)
        assert (here.state.level, here.state.holds("level_confirmed")) == (2, False)
        assert here.run("house.confirm-level").kind == "decision"
        assert here.due("due-confirm-level") == 6

    def test_a_director_needs_no_second_word(self) -> None:
        here = Desk(LIBRARY, ("house", 1)).report().activate(1, "power-cut", 2, confirmed=True)
        assert "house.confirm-level" not in here.state.steps

    def test_confirming_ends_the_step_with_it(self) -> None:
        here = library_desk(level=2)
        here.act(3, "level/confirm")
        assert here.state.holds("level_confirmed")
        assert here.run("house.confirm-level").status == "done"
        with pytest.raises(Refusal, match="already"):
            here.act(4, "level/confirm")

    def test_the_step_can_lower_it(self) -> None:
        here = library_desk(level=2)
        here.step(3, "house.confirm-level", decision="lower")
        assert (here.state.level, here.state.holds("level_confirmed")) == (3, True)
        assert here.events[-1].kind != "level_confirmed"

    def test_a_level_raised_again_asks_again(self) -> None:
        here = library_desk(level=2)
        here.act(3, "level/confirm")
        here.level(4, 1, confirmed=False)
        assert here.run("house.confirm-level.2").status == "open"
        here.act(5, "level/confirm")
        here.level(6, 2, confirmed=True)
        assert "house.confirm-level.3" not in here.state.steps

    def test_one_still_open_asks_for_the_level_in_force(self) -> None:
        here = library_desk(level=2).level(3, 1, confirmed=False)
        assert [key for key in here.state.steps if "confirm" in key] == ["house.confirm-level"]

    def test_raising_opens_the_steps_of_the_new_level(self) -> None:
        here = library_desk(level=3).level(5, 1)
        assert "power-cut.protect-data" in here.open()

    def test_lowering_withdraws_what_nobody_touched_and_leaves_what_was_begun(self) -> None:
        here = library_desk(level=1)
        here.step(2, "power-cut.protect-data", "start")
        here.step(2, "power-cut.customer-wording")
        here.level(5, 3)
        assert here.run("power-cut.compensation-list").status == "withdrawn"
        assert here.run("power-cut.protect-data").status == "in_progress"

    def test_raised_again_they_open_as_second_runs(self) -> None:
        here = library_desk(level=1)
        here.step(2, "power-cut.customer-wording")
        here.level(5, 3).level(6, 1)
        assert "power-cut.compensation-list.2" in here.open()

    @pytest.mark.parametrize("level", [0, 5, -1])
    def test_there_are_four(self, level: int) -> None:
        with pytest.raises(Refusal, match="from 1"):
            library_desk().level(5, level)

    def test_a_rule_never_lowers_it(self) -> None:
        here = desk(plan(rule("r", "activated", 5, "set_level 2")), level=1)
        here.act(1, "level/confirm")
        here.wait(10)
        assert (here.state.level, here.state.holds("level_confirmed")) == (1, True)

    @pytest.mark.parametrize("confirms", [True, False])
    def test_a_choice_that_raises_it_is_confirmed_by_who_may_confirm(self, confirms: bool) -> None:
        options = (Option("worse", {}, (do("set_level 1"),)), Option("wait", {}))
        here = desk(plan(steps=(step("choose", "decision", options=options),)))
        here.step(2, "p.choose", decision="worse", confirms=confirms)
        assert (here.state.level, here.state.holds("level_confirmed")) == (1, confirms)

    def test_the_same_level_is_no_change(self) -> None:
        with pytest.raises(Refusal, match="already"):
            library_desk(level=3).level(5, 3)

    def test_a_rule_sets_it_provisionally_and_only_in_a_response(self) -> None:
        house = plan(rule("worse", "reported", 5, "set_level 1", "confirm_level level"), slug="house", is_house=True)
        early = Desk(compiled(house, plan()), ("house", 1)).report().wait(10)
        assert (early.fired("worse"), early.state.level) == ([5], None)
        late = desk(plan(rule("worse", "activated", 5, "set_level 1"))).wait(10)
        assert (late.state.level, late.state.holds("level_confirmed")) == (1, False)


class TestActivations:
    def test_several_plans_run_side_by_side_at_the_worse_level(self) -> None:
        here = library_desk(level=3).activate(2, "application-fault", 2)
        assert here.state.level == 2
        assert {a.plan for a in here.state.live_activations} == {"house", "power-cut", "application-fault"}
        assert here.activate(3, "general-emergency", 4).state.level == 2

    def test_the_same_plan_twice_is_refused(self) -> None:
        with pytest.raises(Refusal, match="active already"):
            library_desk().activate(2, "power-cut")

    def test_replacing_ends_the_others_and_takes_the_level_given(self) -> None:
        here = library_desk(level=2).activate(2, "application-fault", 3, replace=True)
        assert [a.plan for a in here.state.live_activations] == ["house", "application-fault"]
        assert here.state.level == 3
        assert not [key for key in here.open() if key.startswith("power-cut.")]
        assert not [row for row in here.pending.values() if row.plan == "power-cut"]

    def test_a_step_begun_under_the_plan_replaced_stays_open(self) -> None:
        here = library_desk()
        here.step(2, "power-cut.keep-calm", "start")
        here.activate(3, "application-fault", replace=True)
        assert here.run("power-cut.keep-calm").status == "in_progress"

    def test_a_plan_replaced_by_itself_goes_on_with_what_was_begun(self) -> None:
        here = library_desk()
        here.step(2, "power-cut.note-losses", "start")
        here.activate(3, "power-cut", replace=True)
        assert [run.status for run in here.state.runs("power-cut.note-losses")] == ["in_progress"]
        assert [run.status for run in here.state.runs("power-cut.powered-seats")] == ["open"]

    def test_what_it_fired_does_not_fire_again_for_a_newer_revision(self) -> None:
        """Nor is a call made twice or a deadline missed twice; what the newer revision no longer has goes away."""
        old = plan(
            rule("five", "condition:hot", 5, "open ring"),
            *(rule("late", "plan:p", 60), rule("go", "activated", 0, "call duty")),
            steps=(step("ring", "call", opened_by="rule"), step("look", due=Due(2 * MINUTE)), step("gone")),
            conditions=HOT,
            ladders=(Ladder("duty", ("floor", "duty"), 40 * MINUTE, "lead"),),
        )
        new = replace(old, revision=2, steps=old.steps[:2], rules=(*old.rules, rule("ten", "condition:hot", 10)))
        here = Desk(compiled(old, new)).report().activate().condition(0, "hot", True)
        here.step(6, "p.ring", call={"answered": True})
        here.activate(30, revision=2, replace=True).wait(70)
        assert (here.fired("five"), here.fired("due-look"), here.fired("late")) == ([5], [2], [60])
        assert here.fired("ten") == [30]
        assert here.told("callout") == [("G-SUP", 0), ("G-DUTY", 40)]
        assert (here.open(), list(here.state.steps)) == ({"p.look"}, ["p.look", "p.gone", "p.ring"])
        assert [(a.revision, a.root) for a in here.state.live_activations] == [(0, 0), (2, 1)]
        here.check()

    def test_a_choice_made_under_a_plan_that_is_over_does_nothing(self) -> None:
        options = (Option("yes", {}, (do("open extra"),)), Option("no", {}))
        first = plan(steps=(step("choose", "decision", options=options), EXTRA))
        here = Desk(compiled(first, plan(slug="q"))).report().activate()
        here.step(1, "p.choose", "start")
        here.activate(2, "q", replace=True)
        here.step(3, "p.choose", decision="yes")
        assert here.state.holds("decision:p.choose:yes")
        assert "p.extra" not in here.state.steps

    def test_the_house_plan_is_in_force_from_the_report(self) -> None:
        here = Desk(LIBRARY, ("house", 1)).report()
        assert here.open() == {"house.triage"}
        assert (here.fired("tell-floor"), here.due("silence")) == ([0], 5)

    def test_the_default_plan_waits_for_a_person(self) -> None:
        here = Desk(LIBRARY, ("house", 1)).report(conditions=["power-off"]).wait(60)
        assert here.firings("power-5") == []

    def test_what_a_plan_starts_from_holds_since_the_fault(self) -> None:
        here = Desk(LIBRARY, ("house", 1)).report().activate(3, "power-cut")
        assert here.state.facts["condition:power-off"][""].since == at(0)
        assert here.due("power-5") == 5

    def test_unless_it_is_known_to_be_over(self) -> None:
        here = Desk(LIBRARY, ("house", 1)).report(conditions=["power-off"])
        here.condition(2, "power-off", False).activate(3, "power-cut")
        assert not here.state.holds("condition:power-off")

    def test_activating_acknowledges(self) -> None:
        here = Desk(LIBRARY, ("house", 1)).report().activate(3, "power-cut")
        assert here.state.points["acknowledged"] == at(3)
        assert here.due("silence") is None

    def test_the_first_acknowledgement_is_the_one_that_counts(self) -> None:
        here = Desk(LIBRARY, ("house", 1)).report()
        here.act(1, "acknowledge")
        here.act(2, "assess", verdict="real")
        assert here.activate(3, "power-cut").state.points["acknowledged"] == at(1)


class TestSteps:
    def with_steps(self, *steps: Any, **parts: Any) -> Desk:
        return desk(plan(steps=steps, conditions=HOT, **parts))

    def test_a_call_is_done_by_its_record_only(self) -> None:
        here = self.with_steps(step("ring", "call"))
        with pytest.raises(Refusal, match="record"):
            here.step(1, "p.ring")
        here.step(2, "p.ring", call={"answered": False})
        assert here.run("p.ring").status == "open"
        here.step(3, "p.ring", call={"answered": True})
        assert here.run("p.ring").status == "done"

    def test_a_decision_is_done_by_a_choice_only_and_the_choice_acts(self) -> None:
        options = (Option("yes", {}, (do("open extra"), do("mark hot-yes", "condition:hot"))), Option("no", {}))
        here = self.with_steps(step("choose", "decision", options=options), EXTRA)
        for body in ({}, {"decision": "maybe"}):
            with pytest.raises(Refusal, match="options"):
                here.step(1, "p.choose", **body)
        here.step(2, "p.choose", decision="yes")
        assert here.open() == {"p.extra"}
        assert here.events[-1].actor == "user:2"  # whoever chose has done it
        assert not here.state.holds("mark:p.hot-yes")

    def test_a_held_step_stays_open_while_its_condition_holds(self) -> None:
        here = self.with_steps(step("calm", hold=("condition:hot",))).condition(1, "hot", True)
        with pytest.raises(Refusal) as refused:
            here.step(2, "p.calm")
        assert refused.value.code == "held"
        here.condition(3, "hot", False).step(4, "p.calm")
        assert here.run("p.calm").status == "done"

    def test_nor_can_it_be_skipped(self) -> None:
        here = self.with_steps(step("calm", hold=("condition:hot",))).condition(1, "hot", True)
        with pytest.raises(Refusal, match="stays open"):
            here.step(2, "p.calm", "skip")

    def test_it_is_held_for_its_own_subject_only(self) -> None:
        held = step("calm", opened_by="rule", hold=("condition:hot",))
        here = desk(plan(rule("r", "condition:hot", 0, "open calm"), steps=(held,), conditions=HOT))
        here.condition(1, "hot", True, subject="A").condition(1, "hot", True, subject="B")
        here.condition(2, "hot", False, subject="A")
        here.step(3, "p.calm[A]")
        with pytest.raises(Refusal):
            here.step(3, "p.calm[B]")

    @pytest.mark.parametrize("kind", ["call", "decision"])
    def test_a_limit_is_kept_by_its_record_and_by_nothing_else(self, kind: str) -> None:
        options = (Option("yes", {}), Option("no", {})) if kind == "decision" else ()
        asked = (step("limit", kind, opened_by="rule", options=options), step("plain", kind, options=options))
        here = desk(plan(rule("r", "activated", 5, "open limit"), steps=asked)).wait(5)
        here.step(6, "p.plain", "skip")
        with pytest.raises(Refusal):
            here.step(6, "p.limit", "skip")
        assert here.open() == {"p.limit"}

    def test_a_new_episode_asks_anew_what_waits_for_it(self) -> None:
        """A patrol made after the first cut says nothing about the second; a step that waits for none stays done."""
        patrol = step("patrol", when=("activated", "not condition:hot"))
        here = self.with_steps(step("calm", when=("condition:hot",)), patrol, step("look"))
        here.step(1, "p.patrol")
        here.step(1, "p.look")
        here.condition(2, "hot", True).step(3, "p.calm")
        here.condition(4, "hot", False).step(5, "p.patrol.2")
        assert here.open() == set()
        assert here.condition(6, "hot", True).open() == {"p.calm.2"}
        assert here.condition(7, "hot", False).open() == {"p.patrol.3"}

    def test_a_step_may_have_to_be_done_several_times(self) -> None:
        here = self.with_steps(step("radio", times=3))
        for status in ("open", "open", "done"):
            here.step(1, "p.radio")
            assert here.run("p.radio").status == status

    def test_a_step_follows_what_it_waits_for(self) -> None:
        here = self.with_steps(step("first"), step("second", when=("step:first.done", "not condition:hot")))
        assert here.open() == {"p.first"}
        here.step(1, "p.first")
        assert here.open() == {"p.second"}
        assert here.condition(2, "hot", True).open() == set()
        assert here.condition(3, "hot", False).open() == {"p.second.2"}

    def test_a_skipped_step_is_not_done(self) -> None:
        here = self.with_steps(step("first"), step("second", when=("step:first.done",)))
        here.step(1, "p.first", "skip")
        assert here.open() == set()

    def test_blocked_and_going_on_counts_as_started(self) -> None:
        here = self.with_steps(step("look"))
        here.step(1, "p.look", "block")
        here.step(4, "p.look", "unblock")
        assert here.state.facts["step:p.look.started"][""].since == at(4)
        assert here.run("p.look").started_at == at(4)

    def test_going_on_does_not_start_anew(self) -> None:
        here = self.with_steps(step("look"))
        for when, verb in ((1, "start"), (2, "block"), (4, "unblock")):
            here.step(when, "p.look", verb)
        assert here.state.facts["step:p.look.started"][""].since == at(1)

    def test_a_rule_reminds_while_it_is_open_and_opens_anew_when_it_is_done(self) -> None:
        here = desk(plan(rule("ask", "activated", 5, "open extra", repeat=repeat(5, 2)), steps=(EXTRA,))).wait(10)
        assert here.kinds().count("step_reminded") == 1
        here.step(11, "p.extra")
        assert here.wait(15).open() == {"p.extra.2"}

    def test_giving_it_to_somebody_tells_them(self) -> None:
        here = self.with_steps(step("look"))
        here.step(1, "p.look", "assign", person="user:9")
        assert (here.told("assigned"), here.run("p.look").assignee) == ([("user:9", 1)], "user:9")

    def test_second_level_support_comes_after_the_first(self) -> None:
        here = self.with_steps()
        with pytest.raises(Refusal, match="first-level"):
            here.act(1, "support", tier=2, open=True)
        here.act(2, "support", tier=1, open=True)
        here.act(3, "support", tier=2, open=True)
        assert here.state.holds("tier:2")

    @pytest.mark.parametrize("name", ["restored", "hot"])
    def test_saying_what_holds_already_changes_nothing(self, name: str) -> None:
        here = self.with_steps().condition(1, name, True)
        seq = here.state.seq
        assert here.condition(2, name, True).state.seq == seq

    def test_a_condition_no_plan_knows_is_refused(self) -> None:
        with pytest.raises(Refusal, match="no condition"):
            self.with_steps().condition(1, "boring", True)


class TestRehearsal:
    def test_is_the_same_as_living_it(self) -> None:
        here = library_desk("application-fault", level=2).wait(120)
        acts = [
            Act(
                "report", at(0), "user:1", {"incident_type": "x", "house": ["house", 1], "conditions": ["system-down"]}
            ),
            Act(
                "activate",
                at(1),
                "user:2",
                {"plan": "application-fault", "revision": 1, "level": 2, "confirmed": False},
            ),
        ]
        trace = rehearse(LIBRARY, reversed(acts), at(120))
        assert (trace.state, list(trace.events), dict(trace.rows)) == (here.state, here.events, here.rows)

    def test_stops_where_it_is_told(self) -> None:
        acts = [
            Act("report", at(0), "user:1", {"incident_type": "x", "house": ["house", 1]}),
            Act("acknowledge", at(9), "user:2"),
        ]
        assert rehearse(LIBRARY, acts, at(8)).state.status == "reported"
        assert rehearse(LIBRARY, acts, at(9)).state.status == "assessing"

    def test_what_is_due_at_the_end_has_fired(self) -> None:
        acts = [Act("report", at(0), "user:1", {"incident_type": "x", "house": ["house", 1]})]
        fired = [event.facts["rule"] for event in rehearse(LIBRARY, acts, at(5)).events if event.kind == "fired"]
        assert fired == ["tell-floor", "silence"]


def test_without_a_house_plan_a_report_is_still_taken() -> None:
    here = Desk(compiled()).report()
    assert (here.state.status, here.pending) == ("reported", {})


def test_a_batch_of_one_is_a_batch() -> None:
    body = {"incident_type": "x", "house": ["house", 0]}
    acts = [Act("report", at(0), "user:1", body), Act("acknowledge", at(0), "user:2"), Act("notes", at(0), "user:2")]
    turn = take(compiled(Plan("p", 1, {})), IncidentState(), {}, acts, at(0))
    assert [event.kind for event in turn.events] == ["reported", "acknowledged", "note"]
