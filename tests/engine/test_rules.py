"""The rule language: when a rule promises, when it is due, and under which key. Minutes after the report throughout."""

from typing import Any

import pytest

from incidents.engine.ledger import PENDING, STOPPED, SUPERSEDED
from incidents.engine.lifecycle import Refusal
from incidents.engine.plan import Cadence, Due, Ladder, Option, Plan, Rule
from incidents.engine.promises import scaled
from tests.engine.kit import MINUTE, SECOND, Desk, at, compiled, desk, do, plan, repeat, rule, stages, step

CONDITIONS = {"hot": 0, "waiting": 0, "calm": 0}
HOT = {"hot": 0}


def with_rule(name: str, clock: str | tuple[str, ...], after: Any = 5, *, level: int = 3, **more: Any) -> Desk:
    """Responding at minute 0 under a plan of one rule, and one that sets a mark in an hour."""
    ladders = (Ladder("call", ("floor",), 2 * MINUTE, "lead"),)
    rules = (rule(name, clock, after, **more), rule("marks", "contained", 60, "mark late"))
    return desk(plan(*rules, conditions=CONDITIONS, steps=(step("look"), choice()), ladders=ladders), level=level)


def choice() -> Any:
    return step("choose", "decision", options=(Option("yes", {}), Option("no", {})))


class TestClock:
    """A clock is a fact read for its instant."""

    @pytest.mark.parametrize(
        ("clock", "verb", "body"),
        [
            ("condition:hot", "conditions", {"name": "hot", "holds": True}),
            ("restored", "conditions", {"name": "restored", "holds": True}),
            ("tier:1", "support", {"tier": 1, "open": True}),
            ("update:agents", "updates", {"audience": "agents"}),
            ("update:leaders", "updates", {"audience": "all"}),
            ("list:sheets.open", "list", {"list": "sheets", "change": "add", "items": 2}),
            ("assessed", "assess", {"verdict": "real"}),
            ("step:look.started", "steps/verb", {"key": "p.look", "verb": "start"}),
            ("step:look.done", "steps/verb", {"key": "p.look", "verb": "complete"}),
            ("check:look", "steps/verb", {"key": "p.look", "verb": "complete"}),
            ("decision:choose:yes", "steps/verb", {"key": "p.choose", "verb": "complete", "decision": "yes"}),
            ("level", "level", {"level": 2, "confirmed": True}),
            ("level:2", "level", {"level": 2, "confirmed": True}),
            ("level_changed", "level", {"level": 4, "confirmed": True}),
            ("plan:q", "activate", {"plan": "q", "revision": 1, "level": 3, "confirmed": True}),
        ],
    )
    def test_runs_from_the_instant_the_fact_began(self, clock: str, verb: str, body: dict[str, Any]) -> None:
        base = plan(rule("r", clock, 5), conditions=CONDITIONS, steps=(step("look"), choice()))
        here = Desk(compiled(base, plan(slug="q"))).report().activate()
        here.act(3, verb, **body)
        assert here.due("r") == 8
        assert here.wait(20).fired("r") == [8]

    @pytest.mark.parametrize("clock", ["started", "reported", "acknowledged", "activated", "plan:p", "step:look.open"])
    def test_runs_from_what_the_opening_brings(self, clock: str) -> None:
        assert with_rule("r", clock).due("r") == 5

    def test_started_counts_from_the_fault_and_reported_from_the_report(self) -> None:
        rules = compiled(plan(rule("fault", "started", 60), rule("word", "reported", 60)))
        here = Desk(rules)
        here.act(-20, "report", 0, incident_type="x", house=("house", 0), captured_at=at(0))
        here.activate(1)
        assert (here.due("fault"), here.due("word")) == (40, 60)

    def test_without_its_fact_there_is_no_promise(self) -> None:
        assert with_rule("r", "condition:hot").due("r") is None

    def test_a_list_takes_the_latest_that_holds(self) -> None:
        here = with_rule("r", ("update:leaders", "activated"), 30)
        assert here.due("r") == 30
        here.act(10, "updates", audience="leaders")
        assert here.due("r") == 40

    def test_a_list_goes_on_with_what_still_holds(self) -> None:
        here = with_rule("r", ("condition:hot", "activated"), 30).condition(10, "hot", True)
        assert here.due("r") == 40
        assert here.condition(20, "hot", False).due("r") == 30

    def test_must_still_hold_when_it_is_due(self) -> None:
        here = with_rule("r", "condition:hot").condition(1, "hot", True).condition(4, "hot", False)
        assert here.wait(30).fired("r") == []
        assert here.states("r") == [(1, SUPERSEDED)]

    def test_fires_at_once_after_no_time(self) -> None:
        assert with_rule("r", "activated", 0).fired("r") == [0]


class TestWhile:
    """`while` atoms must all hold, now and at firing."""

    @pytest.mark.parametrize(
        ("atoms", "promised"),
        [
            ((), True),
            (("activated",), True),
            (("not activated",), False),
            (("condition:hot",), True),
            (("not condition:hot",), False),
            (("condition:hot", "not condition:calm"), True),
            (("condition:hot", "condition:calm"), False),
            (("level:3",), True),
            (("level:2",), False),
            (("not restored", "not tier:1", "not update:agents"), True),
            (("step:look.open", "not step:look.done"), True),
            (("mark:late",), False),
            (("plan:p", "not plan:q"), True),
            (("not decision:choose:yes",), True),
            (("not list:sheets.open",), True),
            (("not held:call", "not callout:call"), True),
            (("level_confirmed",), True),
        ],
    )
    def test_every_atom_must_hold(self, atoms: tuple[str, ...], promised: bool) -> None:
        here = with_rule("r", "activated", requires=atoms).condition(1, "hot", True)
        assert (here.due("r") is not None) == promised

    def test_is_read_again_at_firing(self) -> None:
        first = rule("first", "activated", 5, "mark done-it")
        second = rule("second", "activated", 5, requires=("not mark:done-it",))
        here = desk(plan(first, second)).wait(10)
        assert here.fired("first") == [5]
        assert here.fired("second") == []

    def test_comes_back_with_the_clock_still_running(self) -> None:
        here = with_rule("r", "activated", 10, requires=("not condition:hot",))
        here.condition(2, "hot", True).condition(4, "hot", False)
        assert here.due("r") == 10
        assert here.states("r") == [(1, PENDING)]

    def test_coming_back_after_the_due_time_fires_late_by_the_plan_and_not_by_us(self) -> None:
        here = with_rule("r", "activated", 10, requires=("not condition:hot",))
        here.condition(2, "hot", True).condition(14, "hot", False)
        [event] = here.firings("r")
        assert (event.facts["late_ms"], event.facts["system_late_ms"]) == (4 * MINUTE, 0)

    def test_an_actions_own_if_is_read_at_firing(self) -> None:
        actions = (do("open extra", "not condition:hot"), do("mark too-hot", "condition:hot"))
        here = with_rule("r", "activated", 5)
        here = desk(
            plan(rule("r", "activated", 5, *actions), conditions=CONDITIONS, steps=(step("extra", opened_by="rule"),))
        )
        here.condition(4, "hot", True).wait(6)
        assert here.state.holds("mark:p.too-hot")
        assert here.open() == set()


class TestSubjects:
    """One rule, one clock for each subject: every seat that must sign in again has its own five minutes."""

    @pytest.fixture
    def here(self) -> Desk:
        here = desk(
            plan(
                rule("back", "condition:waiting", 5, "mark late", "open extra", requires=("not condition:calm",)),
                conditions=CONDITIONS,
                steps=(step("extra", opened_by="rule"),),
            )
        )
        return here.condition(1, "waiting", True, subject="A12").condition(2, "waiting", True, subject="A13")

    def test_each_has_its_own_due_time_and_key(self, here: Desk) -> None:
        assert (here.due("back", "A12"), here.due("back", "A13")) == (6, 7)
        assert here.key("back", "A12").startswith("1.p.back[A12]@")

    def test_one_comes_back_and_the_other_is_still_late(self, here: Desk) -> None:
        here.condition(3, "waiting", False, subject="A12").wait(10)
        assert [event.facts["subject"] for event in here.firings("back")] == ["A13"]
        assert set(here.state.facts["mark:p.late"]) == {"A13"}
        assert here.open() == {"p.extra[A13]"}

    def test_a_while_atom_may_be_about_the_subject_or_about_all(self, here: Desk) -> None:
        here.condition(3, "calm", True, subject="A12")
        assert (here.due("back", "A12"), here.due("back", "A13")) == (None, 7)
        here.condition(4, "calm", True)
        assert here.due("back", "A13") is None

    def test_without_a_subject_a_fact_is_read_for_anybody(self, here: Desk) -> None:
        assert here.state.satisfies(("condition:waiting",))
        assert not here.state.satisfies(("condition:waiting",), "A99")

    def test_two_due_at_once_both_fire(self) -> None:
        here = desk(plan(rule("back", "condition:waiting", 5), conditions=CONDITIONS))
        here.condition(1, "waiting", True, subject="A").condition(1, "waiting", True, subject="B").wait(7)
        assert sorted(event.facts["subject"] for event in here.firings("back")) == ["A", "B"]


class TestLevels:
    """A duration may be one per level, and a rule may be for some levels only."""

    @pytest.mark.parametrize(("level", "due"), [(1, 15), (2, 30), (3, 120), (4, None)])
    def test_a_map_gives_the_duration_and_a_missing_level_gives_no_promise(self, level: int, due: float | None) -> None:
        assert with_rule("r", "activated", {1: 15, 2: 30, 3: 120}, level=level).due("r") == due

    @pytest.mark.parametrize(("level", "due"), [(1, 5), (2, 5), (3, None), (4, None)])
    def test_a_list_of_levels_switches_the_rule_on(self, level: int, due: float | None) -> None:
        assert with_rule("r", "activated", 5, level=level, levels=frozenset({1, 2})).due("r") == due

    def test_before_any_level_a_rule_that_needs_one_waits(self) -> None:
        house = plan(
            rule("map", "reported", {1: 5, 3: 5}),
            rule("listed", "reported", 5, levels=frozenset({1})),
            rule("always", "reported", 5),
            slug="house",
            is_house=True,
        )
        here = Desk(compiled(house, plan()), ("house", 1)).report()
        assert (here.due("map"), here.due("listed"), here.due("always")) == (None, None, 5)

    def test_raising_makes_an_overdue_one_due_now_and_zero_late(self) -> None:
        """20 minutes into a half hour that becomes a quarter: due at the change, not 5 minutes ago."""
        here = with_rule("r", "activated", {1: 15, 2: 30}, level=2).level(20, 1)
        [event] = here.firings("r")
        assert (event.at, event.facts["due"]) == (at(20), at(20))
        assert (event.facts["late_ms"], event.facts["system_late_ms"]) == (0, 0)

    def test_raising_early_only_moves_it(self) -> None:
        here = with_rule("r", "activated", {1: 15, 2: 30}, level=2)
        key = here.key("r")
        assert (here.level(10, 1).due("r"), here.key("r")) == (15, key)

    def test_lowering_gives_more_time(self) -> None:
        assert with_rule("r", "activated", {2: 30, 3: 120}, level=2).level(20, 3).due("r") == 120

    def test_lowering_to_a_level_without_the_promise_ends_it(self) -> None:
        assert with_rule("r", "activated", {2: 30}, level=2).level(20, 4).due("r") is None

    def test_a_rule_for_the_new_level_only_is_due_at_the_change_at_the_earliest(self) -> None:
        here = with_rule("r", "activated", 5, level=3, levels=frozenset({1})).level(20, 1)
        assert here.fired("r") == [20]
        assert here.firings("r")[0].facts["late_ms"] == 0

    def test_a_rule_that_does_not_depend_on_the_level_keeps_its_lateness(self) -> None:
        here = with_rule("r", "activated", 5, requires=("level:1",)).level(20, 1)
        assert here.firings("r")[0].facts["late_ms"] == 15 * MINUTE

    def test_the_first_setting_is_no_change_so_a_late_activation_stays_visibly_late(self) -> None:
        """W3b: an hour after the fault, the plan twenty minutes too late: late by the plan, not by us."""
        here = Desk(compiled(plan(rule("sixty", "started", {2: 60})))).report().activate(80, level=2)
        [event] = here.firings("sixty")
        assert (event.facts["late_ms"], event.facts["system_late_ms"]) == (20 * MINUTE, 0)

    def test_the_clock_level_begins_anew_with_each_change(self) -> None:
        here = with_rule("r", "level", 10, level=3).level(5, 2)
        assert here.due("r") == 15
        assert [state for _n, state in here.states("r")] == [SUPERSEDED, PENDING]

    def test_the_counter_stays_through_a_change(self) -> None:
        here = with_rule("r", "activated", {2: 10, 3: 20}, level=2, repeat=repeat({2: 10, 3: 20}, 5))
        here.level(15, 3).wait(31)
        assert (here.rungs("r"), here.fired("r")) == ([1, 2], [10, 30])


class TestMixedClocks:
    def test_a_clock_of_the_incident_beside_one_of_many_runs_for_these(self) -> None:
        here = desk(plan(rule("r", ("condition:hot", "activated"), 5), conditions=HOT))
        assert here.due("r") == 5
        here.condition(1, "hot", True, subject="A")
        assert (here.due("r"), here.due("r", "A")) == (None, 6)


class TestStagesAndRepeats:
    def test_stages_are_offsets_from_the_clock(self) -> None:
        here = desk(plan(Rule("r", ("activated",), stages(5, 10, 12)))).wait(60)
        assert here.fired("r") == [5, 10, 12]
        assert here.rungs("r") == [1, 2, 3]

    def test_only_the_next_is_promised(self) -> None:
        here = desk(plan(Rule("r", ("activated",), stages(5, 10, 12))))
        assert here.states("r") == [(1, PENDING)]

    def test_repeats_are_capped(self) -> None:
        here = with_rule("r", "activated", 5, repeat=repeat(10, 2)).wait(600)
        assert here.fired("r") == [5, 15, 25]

    def test_repeats_repeat_the_last_stage(self) -> None:
        two = stages(5)[0], rule("x", "activated", 8, "mark late").stages[0]
        here = desk(plan(Rule("r", ("activated",), two, repeat=repeat(10, 2)))).wait(60)
        assert here.fired("r") == [5, 8, 18, 28]
        assert here.kinds().count("mark") == 3

    def test_repeats_count_from_the_due_time_of_the_one_before(self) -> None:
        """30 seconds late each time, and still every ten minutes: lateness does not add up."""
        here = with_rule("r", "activated", 10, repeat=repeat(10, 5))
        for due in (10, 20, 30):
            here.wait(due + 0.5, down=True)
        assert [event.facts["due"] for event in here.firings("r")] == [at(10), at(20), at(30)]
        assert here.due("r") == 40

    def test_a_new_episode_of_the_clock_starts_at_one(self) -> None:
        here = with_rule("r", "update:agents", 10, repeat=repeat(5, 3))
        here.act(0, "updates", audience="agents")
        here.wait(16).act(17, "updates", audience="agents")
        here.wait(28)
        assert here.rungs("r") == [1, 2, 1]
        assert here.fired("r") == [10, 15, 27]


class TestPause:
    """While the pausing condition holds nothing is promised, and that time does not count."""

    @pytest.fixture
    def here(self) -> Desk:
        return with_rule("r", "activated", 30, pause="condition:calm", repeat=repeat(10, 3))

    def test_nothing_is_promised_meanwhile(self, here: Desk) -> None:
        assert here.condition(10, "calm", True).due("r") is None
        assert here.wait(100).fired("r") == []

    def test_the_time_is_added(self, here: Desk) -> None:
        key = here.key("r")
        here.condition(10, "calm", True).condition(17, "calm", False)
        assert (here.due("r"), here.key("r")) == (37, key)
        here.condition(20, "calm", True).condition(21, "calm", False)
        assert here.due("r") == 38

    def test_what_lay_before_the_one_before_counts_no_more(self, here: Desk) -> None:
        here.condition(10, "calm", True).condition(17, "calm", False).wait(37)
        assert (here.fired("r"), here.due("r")) == ([37], 47)

    def test_what_held_already_when_the_clock_began_counts_from_there(self) -> None:
        here = with_rule("r", "condition:hot", 10, pause="condition:calm")
        here.condition(1, "calm", True).condition(5, "hot", True).condition(8, "calm", False)
        assert here.due("r") == 18

    def test_two_subjects_that_pause_together_pause_once(self, here: Desk) -> None:
        here.condition(5, "calm", True, subject="A").condition(6, "calm", True, subject="B")
        here.condition(8, "calm", False, subject="A").condition(10, "calm", False, subject="B")
        assert here.due("r") == 35

    def test_one_subjects_pause_is_not_anothers(self) -> None:
        here = with_rule("r", "condition:hot", 10, pause="condition:calm")
        here.condition(1, "hot", True, subject="A").condition(1, "hot", True, subject="B")
        here.condition(2, "calm", True, subject="A").condition(5, "calm", False, subject="A")
        assert (here.due("r", "A"), here.due("r", "B")) == (14, 11)

    def test_however_often_it_paused(self) -> None:
        here = desk(plan(rule("r", "activated", 300, pause="condition:waiting"), conditions={"waiting": 0}))
        for n in range(60):
            here.condition(2 * n + 1, "waiting", True).condition(2 * n + 2, "waiting", False)
        assert here.due("r") == 360


class TestUntil:
    @pytest.mark.parametrize(("until", "due"), [("stood_down", None), ("closed", 60)])
    def test_stand_down_ends_all_but_aftercare(self, until: str, due: float | None) -> None:
        here = with_rule("r", "activated", 60, until=until)
        here.act(10, "stand-down")
        assert here.due("r") == due

    def test_closing_ends_aftercare_too(self) -> None:
        here = with_rule("r", "activated", 60, until="closed")
        here.act(10, "close", outcome="false-alarm")
        assert here.pending == {}
        assert here.wait(100).fired("r") == []


class TestEpisodes:
    """A key names plan, rule, subject, the event that began the clock, and the n of the firing."""

    def test_power_back_and_off_again_is_a_new_episode(self) -> None:
        """W1c: off at 0, back at 4:30, off again at 6:00: due at 11:00."""
        here = with_rule("r", "condition:hot").condition(0, "hot", True)
        first = here.key("r")
        here.condition(4.5, "hot", False).condition(6, "hot", True)
        assert (here.due("r"), here.key("r") != first) == (11, True)
        assert here.wait(30).fired("r") == [11]

    def test_the_key_carries_the_seq_of_the_event(self) -> None:
        here = with_rule("r", "condition:hot").condition(1, "hot", True)
        assert here.key("r") == f"1.p.r@{here.events[-1].seq}#1"

    def test_within_the_grace_the_old_episode_goes_on(self) -> None:
        here = desk(plan(rule("r", "condition:hot", 5), conditions={"hot": 60 * SECOND}))
        here.condition(0, "hot", True)
        key = here.key("r")
        here.condition(2, "hot", False).condition(3, "hot", True)
        assert (here.due("r"), here.key("r")) == (5, key)

    def test_beyond_the_grace_it_is_a_new_one(self) -> None:
        here = desk(plan(rule("r", "condition:hot", 5), conditions={"hot": 60 * SECOND}))
        here.condition(0, "hot", True).condition(2, "hot", False).condition(3.1, "hot", True)
        assert here.due("r") == 8.1

    def test_nothing_fires_inside_the_gap_even_when_it_is_within_the_grace(self) -> None:
        here = desk(plan(rule("r", "condition:hot", 5), conditions={"hot": 60 * SECOND}))
        here.condition(0, "hot", True).condition(4.9, "hot", False).condition(5.4, "hot", True)
        [event] = here.firings("r")
        assert (event.at, event.facts["due"]) == (at(5.4), at(5))

    def test_a_gap_within_the_grace_is_no_gap_for_a_pause(self) -> None:
        given = plan(rule("r", "activated", 30, pause="condition:hot"), conditions={"hot": 60 * SECOND})
        here = desk(given).condition(1, "hot", True).condition(5, "hot", False)
        here.condition(6, "hot", True).condition(11, "hot", False)
        assert here.due("r") == 40

    def test_a_choice_made_anew_replaces_the_one_before(self) -> None:
        opening = rule("ask", "activated", 5, "open choose", repeat=repeat(5, 1))
        steps = (step("choose", "decision", opened_by="rule", options=(Option("yes", {}), Option("no", {}))),)
        here = desk(plan(opening, rule("after", "decision:choose:yes", 60), steps=steps))
        here.step(6, "p.choose", decision="yes")
        assert here.due("after") == 66
        here.step(11, "p.choose.2", decision="no")
        assert here.due("after") is None


class TestCorrection:
    """Correcting an instant moves what it began; the key stays, so nothing fires twice."""

    def sixty(self) -> Desk:
        """Reported ten minutes after it began."""
        given = plan(rule("sixty", "started", 60))
        return Desk(compiled(given)).report(captured_at=at(10)).activate()

    def test_an_unfired_promise_moves_and_keeps_its_key(self) -> None:
        here = self.sixty()
        key = here.key("sixty")
        here.act(10, "notes", corrects=1, to=at(5))
        assert (here.due("sixty"), here.key("sixty")) == (65, key)

    def test_pulled_into_the_past_it_fires_at_once_and_not_late_by_us(self) -> None:
        here = with_rule("sixty", "started", 60)
        here.act(50, "notes", corrects=1, to=at(-30))
        [event] = here.firings("sixty")
        assert (event.at, event.facts["late_ms"], event.facts["system_late_ms"]) == (at(50), 20 * MINUTE, 0)

    def test_a_fired_promise_stays_fired(self) -> None:
        """W3, 08:50 then 08:55: the decision is asked once."""
        here = self.sixty().wait(60)
        here.act(61, "notes", corrects=1, to=at(5))
        assert (here.due("sixty"), here.wait(200).fired("sixty")) == (None, [60])

    def test_a_note_alone_moves_nothing(self) -> None:
        here = with_rule("sixty", "started", 60)
        here.act(10, "notes", corrects=1)
        assert (here.due("sixty"), here.kinds()[-1]) == (60, "note")

    def test_the_report_was_made_when_it_was_made(self) -> None:
        here = desk(plan(rule("word", "reported", 60)))
        here.act(10, "notes", corrects=1, to=at(-20))
        assert here.due("word") == 60
        assert (here.state.points["started"], here.state.points["reported"]) == (at(-20), at(0))

    def test_the_figures_read_the_corrected_instant(self) -> None:
        here = desk(plan()).condition(35, "restored", True)
        here.act(40, "notes", corrects=here.events[-1].seq, to=at(30))
        assert here.state.points["restored"] == at(30)

    def test_correcting_a_reopening_leaves_the_first_instants_alone(self) -> None:
        here = desk(plan())
        here.act(5, "close", outcome="false-alarm")
        here.act(10, "reopen")
        here.act(12, "notes", corrects=here.events[-1].seq, to=at(9))
        assert (here.state.points["started"], here.state.points["activated"]) == (at(0), at(0))
        assert here.state.facts["started"][""].since == at(9)

    def test_the_end_of_a_condition_can_be_corrected(self) -> None:
        """And with it the time that did not count because of it."""
        given = plan(rule("r", "activated", 30, pause="condition:waiting"), conditions={"waiting": 0})
        here = desk(given).condition(5, "waiting", True).condition(15, "waiting", False)
        here.act(16, "notes", corrects=here.events[-1].seq, to=at(9))
        assert here.due("r") == 34
        assert here.state.ended["condition:waiting"][""].ended == at(9)

    @pytest.mark.parametrize(
        ("entry", "to", "words"),
        [
            ("reported", 40, "future"),
            ("reported", 11, "cannot have been then"),  # after it was reported
            ("restored", -1, "cannot have been then"),  # before it began
            ("hot again", 4, "cannot have been then"),  # before it had ended
            ("hot over", 1, "cannot have been then"),  # before it had begun
            ("hot over", 9, "cannot have been then"),  # after it had begun again
            ("look opened", 5, "began nothing that lasts"),
            ("ring answered", 5, "began nothing that lasts"),
        ],
    )
    def test_it_cannot_be_moved_to_where_it_cannot_have_been(self, entry: str, to: float, words: str) -> None:
        ladder = Ladder("ring", ("floor",), 2 * MINUTE, "lead", lease=15 * MINUTE)
        given = plan(rule("r", "activated", 1, "call ring"), steps=(step("look"),), ladders=(ladder,), conditions=HOT)
        here = Desk(compiled(given)).report(captured_at=at(10)).activate()
        entries = {"reported": 1, "look opened": here.run("p.look").opened_seq}
        here.condition(2, "hot", True).condition(5, "hot", False)
        entries["hot over"] = here.events[-1].seq
        here.condition(8, "hot", True)
        entries["hot again"] = here.events[-1].seq
        here.act(9, "answer", verb="acknowledge", ladder="p.ring", notification=1)
        entries["ring answered"] = here.events[-1].seq
        here.condition(20, "restored", True)
        entries["restored"] = here.events[-1].seq
        with pytest.raises(Refusal, match=words):
            here.act(30, "notes", corrects=entries[entry], to=at(to))

    def test_an_entry_that_does_not_exist_cannot_be_corrected(self) -> None:
        here = desk(plan())
        for target in (0, -1, here.state.seq + 1):
            with pytest.raises(Refusal, match="no entry"):
                here.act(10, "notes", corrects=target, to=at(1))


class TestAdjustment:
    """People put a promise off, or stop it; the plan's rule stays as it is."""

    def extend(self, here: Desk, when: float, by: float, name: str = "r") -> None:
        base, _, n = here.key(name).rpartition("#")
        here.act(when, "promises/extend", base=base, n=int(n), by=round(by * MINUTE))

    def stop(self, here: Desk, when: float, name: str = "r") -> None:
        base, _, n = here.key(name).rpartition("#")
        here.act(when, "promises/stop", base=base, n=int(n))

    def test_extending_moves_this_stage_and_those_after(self) -> None:
        here = desk(plan(Rule("r", ("activated",), stages(5, 10, 15))))
        self.extend(here, 1, 3)
        assert here.wait(60).fired("r") == [8, 13, 18]

    def test_extending_twice_adds_up(self) -> None:
        here = with_rule("r", "activated", 5)
        self.extend(here, 1, 3)
        self.extend(here, 2, 4)
        assert here.wait(60).fired("r") == [12]

    def test_extending_a_repeat_moves_it_and_what_counts_from_it(self) -> None:
        here = with_rule("r", "activated", 5, repeat=repeat(10, 2)).wait(5)
        self.extend(here, 6, 2)
        self.extend(here, 7, 1)
        assert here.wait(60).fired("r") == [5, 18, 28]

    def test_the_next_episode_knows_nothing_of_it(self) -> None:
        here = with_rule("r", "condition:hot").condition(0, "hot", True)
        self.extend(here, 1, 30)
        here.condition(2, "hot", False).condition(3, "hot", True)
        assert here.due("r") == 8

    def test_a_stopped_one_never_fires_and_the_ledger_says_so(self) -> None:
        here = with_rule("r", "activated", 5, repeat=repeat(5, 3))
        self.stop(here, 1)
        assert here.wait(60).fired("r") == []
        assert here.states("r") == [(1, STOPPED)]

    def change(self, here: Desk, when: float, verb: str, key: str) -> None:
        base, _, n = key.rpartition("#")
        here.act(when, f"promises/{verb}", base=base, n=int(n))

    def test_a_paused_one_waits_and_goes_on_with_the_time_it_had_left(self) -> None:
        here = desk(plan(Rule("r", ("activated",), stages(5, 10), repeat=repeat(10, 1))))
        key = here.key("r")
        self.change(here, 2, "pause", key)
        assert (here.due("r"), here.wait(30).fired("r")) == (None, [])
        self.change(here, 32, "resume", key)
        assert here.key("r") == key
        assert here.wait(60).fired("r") == [35, 40, 50]

    def test_a_paused_repeat_moves_what_counts_from_it(self) -> None:
        here = with_rule("r", "activated", 5, repeat=repeat(10, 2)).wait(6)
        key = here.key("r")
        self.change(here, 7, "pause", key)
        self.change(here, 10, "resume", key)
        assert here.wait(60).fired("r") == [5, 18, 28]

    def test_what_is_not_paused_cannot_go_on(self) -> None:
        here = with_rule("r", "activated", 5)
        with pytest.raises(Refusal) as refused:
            self.change(here, 1, "resume", here.key("r"))
        assert refused.value.code == "not_paused"

    def test_shortening_is_no_extension(self) -> None:
        here = with_rule("r", "activated", 5)
        for by in (0, -1):
            with pytest.raises(Refusal, match="later than the old one"):
                self.extend(here, 1, by)

    @pytest.mark.parametrize("verb", ["promises/extend", "promises/pause", "promises/stop"])
    def test_what_is_no_longer_pending_cannot_be_changed(self, verb: str) -> None:
        """It fired in this very turn, before the manager's click was heard."""
        here = with_rule("r", "activated", 5, repeat=repeat(5, 3))
        base, _, n = here.key("r").rpartition("#")
        with pytest.raises(Refusal) as refused:
            here.act(5.1, verb, base=base, n=int(n), by=MINUTE)
        assert refused.value.code == "not_pending"


class TestUpdates:
    """A cadence asks for the next update; a person may promise another time."""

    LEADERS = Cadence("leaders", {1: 15 * MINUTE, 2: 30 * MINUTE, 3: 120 * MINUTE}, "duty", 5 * MINUTE, 2)

    @pytest.fixture
    def here(self) -> Desk:
        return desk(plan(cadences=(self.LEADERS,)), level=2)

    def test_is_asked_then_reminded_then_left(self, here: Desk) -> None:
        assert here.wait(300).fired("update-leaders") == [30, 35, 40]
        assert here.told("update-due") == [("G-DUTY", 30), ("G-DUTY", 35), ("G-DUTY", 40)]

    def test_counts_from_the_last_update(self, here: Desk) -> None:
        here.act(20, "updates", audience="leaders")
        assert here.due("update-leaders") == 50

    def test_an_update_to_others_is_none(self, here: Desk) -> None:
        here.act(20, "updates", audience="agents")
        assert here.due("update-leaders") == 30

    @pytest.mark.parametrize("promised", [25, 90])
    def test_the_time_a_person_promised_holds_instead(self, here: Desk, promised: float) -> None:
        here.act(20, "updates", audience="leaders", next_update_at=at(promised))
        assert here.wait(200).fired("update-leaders") == [promised, promised + 5, promised + 10]

    def test_the_next_update_keeps_that_word_and_the_cadence_is_back(self, here: Desk) -> None:
        here.act(20, "updates", audience="leaders", next_update_at=at(90))
        here.act(60, "updates", audience="leaders")
        assert here.due("update-leaders") == 90
        assert here.wait(85).fired("update-leaders") == []
        here.act(86, "updates", audience="all")
        assert here.due("update-leaders") == 116

    def test_an_older_update_moves_no_clock_back_and_takes_back_no_word(self, here: Desk) -> None:
        here.act(20, "updates", audience="leaders", next_update_at=at(90))
        here.act(10, "updates", 25, audience="leaders")
        assert here.due("update-leaders") == 90
        assert here.state.facts["update:leaders"][""].since == at(20)

    def test_a_time_that_a_person_promised_counts_at_every_level(self) -> None:
        """At level 4 the plan itself asks for no updates."""
        here = desk(plan(cadences=(self.LEADERS,)), level=4)
        assert here.due("update-leaders") is None
        here.act(5, "updates", audience="leaders", next_update_at=at(50))
        assert here.due("update-leaders") == 50

    def test_reminders_may_depend_on_the_level(self) -> None:
        every = {1: 15 * MINUTE, 2: 30 * MINUTE}
        cadence = Cadence("leaders", every, "duty", {1: 5 * MINUTE, 2: 10 * MINUTE}, 2)
        assert desk(plan(cadences=(cadence,)), level=1).wait(200).fired("update-leaders") == [15, 20, 25]
        assert desk(plan(cadences=(cadence,)), level=2).wait(200).fired("update-leaders") == [30, 40, 50]


class TestAdHoc:
    """A step that a person adds may have a deadline of its own."""

    def test_is_a_promise_under_the_house_plan(self) -> None:
        here = desk(plan())
        here.act(3, "steps", group="G-TECH", due_in=10 * MINUTE)
        assert here.due("due-adhoc-1") == 13
        assert here.key("due-adhoc-1").startswith("0.house.due-adhoc-1@")
        here.wait(14)
        assert here.run("house.adhoc-1").due == at(13)
        assert here.told("overdue") == [("G-TECH", 13)]

    def test_done_in_time_nobody_is_reminded(self) -> None:
        here = desk(plan())
        here.act(3, "steps", group="G-TECH", due_in=10 * MINUTE)
        here.step(12, "house.adhoc-1")
        assert here.wait(20).told("overdue") == []

    def test_without_one_nothing_is_promised(self) -> None:
        here = desk(plan())
        here.act(3, "steps", group="G-TECH")
        assert (here.pending, here.open()) == ({}, {"house.adhoc-1"})

    def test_each_has_its_own_number(self) -> None:
        here = desk(plan())
        for when in (1, 2, 3):
            here.act(when, "steps", group="G-TECH", due_in=when * MINUTE)
        assert here.wait(30).open() == {"house.adhoc-1", "house.adhoc-2", "house.adhoc-3"}
        assert [here.run(f"house.adhoc-{n}").due for n in (1, 2, 3)] == [at(2), at(4), at(6)]


class TestDeadlines:
    """A step's due time marks lateness and reminds its owner; it never moves the work elsewhere."""

    def with_due(self, due: Due, **more: Any) -> Desk:
        return desk(plan(steps=(step("look", due=due, **more), step("after", when=("step:look.done",), due=due))))

    def test_counts_from_the_opening(self) -> None:
        here = self.with_due(Due(5 * MINUTE)).wait(6)
        assert (here.fired("due-look"), here.run("p.look").due) == ([5], at(5))
        assert here.told("overdue") == [("G-SUP", 5)]
        assert here.run("p.look").status == "open"

    def test_counts_from_another_clock_where_one_is_named(self) -> None:
        here = self.with_due(Due(60 * MINUTE, clock=("started",)))
        here.step(50, "p.look")
        assert here.due("due-after") == 60

    def test_another_clock_promises_nothing_before_the_step_is_open(self) -> None:
        assert self.with_due(Due(60 * MINUTE, clock=("started",))).due("due-after") is None

    def test_reminds_as_often_as_the_plan_says_and_the_first_lateness_stays(self) -> None:
        here = self.with_due(Due(5 * MINUTE, repeat=repeat(5, 2))).wait(60)
        assert [when for _who, when in here.told("overdue")] == [5, 10, 15]
        assert here.run("p.look").due == at(5)

    def test_reminds_the_person_it_was_given_to(self) -> None:
        here = self.with_due(Due(5 * MINUTE))
        here.step(1, "p.look", "assign", person="user:9")
        assert here.wait(6).told("overdue") == [("user:9", 5)]

    @pytest.mark.parametrize("verb", ["complete", "skip"])
    def test_ends_with_the_step(self, verb: str) -> None:
        here = self.with_due(Due(5 * MINUTE))
        here.step(4, "p.look", verb)
        assert here.wait(6).fired("due-look") == []

    @pytest.mark.parametrize("verb", ["start", "block"])
    def test_goes_on_while_somebody_works_on_it(self, verb: str) -> None:
        here = self.with_due(Due(5 * MINUTE))
        here.step(4, "p.look", verb)
        assert here.wait(6).fired("due-look") == [5]

    def test_a_target_is_measured_and_never_promised(self) -> None:
        assert desk(plan(steps=(step("look", target=2 * SECOND),))).pending == {}

    def test_a_step_for_somebody_may_be_due_by_a_clock_of_the_incident(self) -> None:
        late = step("relogin", opened_by="rule", due=Due(20 * MINUTE, clock=("started",)))
        here = desk(plan(rule("r", "condition:hot", 5, "open relogin"), steps=(late,), conditions=HOT))
        for subject in ("A", "B"):
            here.condition(1, "hot", True, subject=subject)
        here.wait(30)
        assert {here.run(f"p.relogin[{who}]").due for who in "AB"} == {at(20)}


class TestDrills:
    """A drill runs at its speed: every duration of the plan is divided, rounded up to the millisecond."""

    @pytest.mark.parametrize(
        ("span", "speed", "expected"),
        [
            (300_000, 1, 300_000),
            (300_000, 7, 42_858),
            (300_000, 60, 5_000),
            (1, 60, 1),
            (0, 7, 0),
            (7, 7, 1),
            (8, 7, 2),
        ],
    )
    def test_rounds_up(self, span: int, speed: int, expected: int) -> None:
        assert scaled(span, speed) == expected

    def test_every_duration_runs_faster(self) -> None:
        given = plan(
            Rule("staged", ("activated",), stages(10, 20), repeat=repeat(10, 1)),
            steps=(step("look", due=Due(30 * MINUTE)),),
            ladders=(Ladder("ring", ("floor", "duty"), 10 * MINUTE, "lead", lease=40 * MINUTE),),
            cadences=(Cadence("agents", 60 * MINUTE, "floor", 10 * MINUTE, 1),),
        )
        here = Desk(compiled(given)).report(kind="drill", speed=10).activate()
        here.wait(10)
        assert here.fired("staged") == [1, 2, 3]
        assert here.fired("due-look") == [3]
        assert here.fired("update-agents") == [6, 7]

    def test_ladders_and_leases_too(self) -> None:
        given = plan(
            rule("ring", "activated", 0, "call duty"),
            ladders=(Ladder("duty", ("floor", "tech"), 10 * MINUTE, "lead", lease=40 * MINUTE),),
        )
        here = Desk(compiled(given)).report(kind="drill", speed=10).activate()
        assert here.due("ladder-duty") == 1
        here.act(0.5, "answer", verb="acknowledge", ladder="p.duty", notification=1)
        assert here.due("lease-duty") == 4.5

    def test_the_grace_too(self) -> None:
        given = plan(rule("r", "condition:hot", 50), conditions={"hot": 60 * SECOND})
        here = Desk(compiled(given)).report(kind="drill", speed=10).activate()
        here.condition(0, "hot", True).condition(1, "hot", False).condition(1.1, "hot", True)
        assert here.due("r") == 5
        here.condition(2, "hot", False).condition(2.2, "hot", True)
        assert here.due("r") == 7.2

    def test_a_time_a_person_typed_is_the_time_they_meant(self) -> None:
        cadence = Cadence("agents", 60 * MINUTE, "floor", 10 * MINUTE, 1)
        here = Desk(compiled(plan(cadences=(cadence,)))).report(kind="drill", speed=10).activate()
        here.act(1, "updates", audience="agents", next_update_at=at(30))
        assert here.due("update-agents") == 30
        base, _, n = here.key("update-agents").rpartition("#")
        here.act(2, "promises/extend", base=base, n=int(n), by=7 * MINUTE)
        assert here.due("update-agents") == 37


def test_ids_of_two_plans_never_meet() -> None:
    """The same rule in two plans has two keys, and a mark of one is not a mark of the other."""
    first = plan(rule("r", "activated", 5, "mark late"), slug="one")
    marked = rule("after", "mark:late", 5)
    second = plan(rule("r", "activated", 5), marked, rule("never", "contained", 5, "mark late"), slug="two")
    here = Desk(compiled(first, second)).report().activate(name="one").activate(name="two").wait(6)
    assert len(here.firings("r")) == 2
    assert here.due("after") is None


def test_a_plan_without_anything_promises_nothing() -> None:
    assert desk(Plan("p", 1, {})).wait(1000).kinds() == ["reported", "activated"]
