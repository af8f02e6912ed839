"""Compiling: everything with a clock becomes a rule, and every reference is proved, with the path to the place."""

from dataclasses import replace
from typing import Any

import pytest

from incidents.engine.decide import Act
from incidents.engine.plan import (
    Action,
    Cadence,
    Due,
    Gate,
    Ladder,
    Option,
    Plan,
    PlanError,
    Repeat,
    Rule,
    Stage,
    compile,
)
from incidents.engine.rehearsal import rehearse
from incidents.engine.turn import BOUND
from tests.engine.kit import DOCUMENTS, GROUPS, HOUR, LIBRARY, MINUTE, RESPONSES, T0, do, one, plan, rule, stages, step

LADDER = Ladder("ring", ("floor",), MINUTE, "lead")
CADENCE = Cadence("agents", MINUTE, "floor", MINUTE, 1)
TWO = (Option("yes", {}), Option("no", {}))


def with_fact(fact: str) -> Plan:
    """A plan whose only rule reads the fact, among what it may name."""
    steps = (step("look"), step("choose", "decision", options=TWO))
    checks = (step("calm", "check"),)
    rules = (rule("r", fact, 5), rule("s", "restored", 5, "mark late"))
    return plan(*rules, steps=steps, stand_down=checks, ladders=(LADDER,), conditions={"hot": 0})


@pytest.mark.parametrize(
    ("fact", "means"),
    [
        *((name, name) for name in ("started", "reported", "acknowledged", "assessed", "activated", "stood_down")),
        *(
            (name, name)
            for name in ("contained", "controlled", "restored", "level", "level_changed", "level_confirmed")
        ),
        *((name, name) for name in ("level:1", "level:4", "tier:1", "tier:2", "update:agents", "update:leaders")),
        *((name, name) for name in ("condition:hot", "condition:power-off", "plan:other", "list:sheets.open")),
        ("step:look.open", "step:p.look.open"),
        ("step:look.started", "step:p.look.started"),
        ("step:calm.done", "step:p.calm.done"),
        ("check:calm", "step:p.calm.done"),
        ("decision:choose:yes", "decision:p.choose:yes"),
        ("mark:late", "mark:p.late"),
        ("callout:ring", "callout:p.ring"),
        ("held:ring", "held:p.ring"),
    ],
)
def test_what_belongs_to_a_plan_is_known_by_the_plans_name(fact: str, means: str) -> None:
    assert one(with_fact(fact)).rule("r").clock == (means,)


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ("fire", "no fact “fire”"),
        ("smell:gas", "no fact “smell:gas”"),
        ("level:5", "no fact “level:5”"),
        ("level:0", "no fact"),
        ("tier:3", "no fact “tier:3”"),
        ("update:press", "no fact “update:press”"),
        ("condition:cold", "declares no condition “cold”"),
        ("list:sheets", "no fact “list:sheets”"),
        ("step:look", "must end in .open, .started or .done"),
        ("step:look.finished", "must end in .open, .started or .done"),
        ("step:nowhere.done", "no step “nowhere”"),
        ("check:nowhere", "no step “nowhere”"),
        ("decision:choose:maybe", "no option “maybe”"),
        ("decision:look:yes", "no option “yes”"),
        ("decision:nowhere:yes", "no step “nowhere”"),
        ("callout:nobody", "no ladder “nobody”"),
        ("held:nobody", "no ladder “nobody”"),
        ("Restored", "not the name of a fact"),
        ("step: look.done", "not the name of a fact"),
        ("", "not the name of a fact"),
        ("not restored", "not the name of a fact"),
    ],
)
def test_a_fact_that_leads_nowhere_is_refused(fact: str, message: str) -> None:
    with pytest.raises(PlanError, match=message) as refused:
        compile([with_fact(fact)])
    assert refused.value.path == ("rules", 0, "clock")


def staged(*actions: Action) -> Rule:
    return Rule("r", ("activated",), (Stage(5, actions),))


BAD = "step:nowhere.done"
WRONG: list[tuple[Plan, tuple[str | int, ...], str]] = [
    (plan(rule("r", "activated", 5, requires=("activated", BAD))), ("rules", 0, "while"), "no step"),
    (
        plan(rule("ok", "activated", 5), rule("r", "activated", 5, requires=(f"not {BAD}",))),
        ("rules", 1, "while"),
        "no step",
    ),
    (plan(rule("r", "activated", 5, requires=("not not restored",))), ("rules", 0, "while"), "not the name"),
    (plan(rule("r", "activated", 5, requires=("restored not",))), ("rules", 0, "while"), "not the name"),
    (plan(rule("r", "activated", 5, pause=BAD)), ("rules", 0, "pause"), "condition"),
    (plan(rule("r", "activated", 5, pause="tier:1")), ("rules", 0, "pause"), "only a condition"),
    (plan(rule("r", "activated", 5, pause="condition:cold")), ("rules", 0, "pause"), "no condition"),
    (plan(staged(do("notify nobody"))), ("rules", 0, "do"), "no group “nobody”"),
    (plan(staged(do("notify floor"), do("open nowhere"))), ("rules", 0, "do"), "no step “nowhere”"),
    (plan(staged(do("call nobody"))), ("rules", 0, "do"), "no ladder “nobody”"),
    (plan(staged(do("set_level 5"))), ("rules", 0, "do"), "level from 1 to 4"),
    (plan(staged(do("set_level high"))), ("rules", 0, "do"), "level from 1 to 4"),
    (plan(staged(do("ask_update press"))), ("rules", 0, "do"), "no audience “press”"),
    (plan(staged(do("ask_update agents"))), ("rules", 0, "do"), "no communications with “agents”"),
    (plan(staged(do("explode now"))), ("rules", 0, "do"), "no action “explode”"),
    (plan(staged(do("advance ring")), ladders=(LADDER,)), ("rules", 0, "do"), "no action “advance”"),
    (plan(staged(do("notify floor", BAD))), ("rules", 0, "do"), "no step"),
    (plan(steps=(step("a", group="nobody"),)), ("steps", 0, "group"), "no group"),
    (plan(steps=(step("a"), step("b", when=(BAD,)))), ("steps", 1, "when"), "no step"),
    (plan(steps=(step("a", hold=("condition:cold",)),)), ("steps", 0, "hold"), "no condition"),
    (plan(steps=(step("a", due=Due(5, clock=(BAD,))),)), ("steps", 0, "due"), "no step"),
    (plan(steps=(step("a", due=Due(5, clock=("not restored",))),)), ("steps", 0, "due"), "not the name"),
    (plan(steps=(step("a", "decision"),)), ("steps", 0, "options"), "at least two options"),
    (plan(steps=(step("a", "decision", options=TWO[:1]),)), ("steps", 0, "options"), "at least two options"),
    (
        plan(steps=(step("a", "decision", options=(TWO[0], Option("x", {}, (do("open nowhere"),)))),)),
        ("steps", 0, "options"),
        "no step",
    ),
    (plan(steps=(step("a"), step("b"), step("a"))), ("steps", 2), "used twice"),
    (plan(steps=(step("a"),), stand_down=(step("a", "check"),)), ("steps", 1), "used twice"),
    (plan(stand_down=(step("a", "check", when=(BAD,)),)), ("stand_down", 0, "when"), "no step"),
    (plan(rule("r", "activated", 5), rule("r", "started", 5)), ("rules", 1), "used twice"),
    (plan(ladders=(LADDER, LADDER)), ("ladders", 1), "used twice"),
    (plan(ladders=(replace(LADDER, contacts=("nobody",)),)), ("ladders", 0), "no group"),
    (plan(ladders=(replace(LADDER, contacts=()),)), ("ladders", 0, "contacts"), "at least one contact"),
    (plan(ladders=(LADDER, replace(LADDER, id="b", fallback="nobody"))), ("ladders", 1), "no group"),
    (plan(cadences=(replace(CADENCE, audience="press"),)), ("communications", 0), "no audience"),
    (plan(cadences=(replace(CADENCE, owner="nobody"),)), ("communications", 0, "owner"), "no group"),
    (plan(cadences=(CADENCE, CADENCE)), ("communications", 1), "used twice"),
    (plan(close=(Gate("g", ("restored",)), Gate("h", (BAD,)))), ("close", 1, "need"), "no step"),
    (
        plan(close=(Gate("g", ("restored",), when=("contained", "condition:cold")),)),
        ("close", 0, "when"),
        "no condition",
    ),
    (plan(close=(Gate("g", ("restored",)), Gate("g", ("restored",)))), ("close", 1), "used twice"),
    (
        plan(close=(Gate("g", ("restored",), when=("mark:x",)),)),
        ("close", 0, "when"),
        "nothing in the plan sets the mark",
    ),
    (plan(steps=(step("a"), step("b", opened_by="rule"))), ("steps", 1, "opened_by"), "no rule and no choice opens"),
    (plan(rule("r", "activated", 5, "open a"), steps=(step("a"),)), ("rules", 0, "do"), "opens by itself"),
    (plan(steps=(step("adhoc-1"),)), ("steps", 0, "id"), "those of steps that people add"),
    (plan(Rule("r", ("activated",), stages(5, 3))), ("rules", 0, "stages"), "after the one before"),
    (plan(Rule("r", ("activated",), stages(5, 5))), ("rules", 0, "stages"), "after the one before"),
]


@pytest.mark.parametrize(("given", "path", "message"), WRONG, ids=[f"{path} {words}" for _p, path, words in WRONG])
def test_a_reference_that_leads_nowhere_is_refused_with_its_path(
    given: Plan, path: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(PlanError, match=message) as refused:
        compile([given])
    assert refused.value.path[: len(path)] == path


class TestTranslation:
    def test_a_deadline_is_a_rule_on_the_opening(self) -> None:
        made = one(plan(steps=(step("look", due=Due(5, repeat=Repeat(7, 2), until="closed")),))).rule("due-look")
        assert (made.clock, made.requires, made.until) == (("step:p.look.open",), (), "closed")
        assert (made.stages[0].after, made.last) == (5, 3)
        assert made.actions(1) == (Action("overdue", "look"),)

    def test_with_another_clock_the_step_must_still_be_open(self) -> None:
        made = one(plan(steps=(step("look", due=Due(5, clock=("started",))),))).rule("due-look")
        assert (made.clock, made.requires) == (("started",), ("step:p.look.open",))

    def test_a_cadence_is_a_rule_on_the_last_update_and_the_activation(self) -> None:
        made = one(plan(cadences=(CADENCE,))).rule("update-agents")
        assert (made.clock, made.asks, made.last) == (("update:agents", "activated"), "agents", 2)

    def test_a_ladder_is_a_rule_that_fires_once_for_each_contact(self) -> None:
        three = replace(LADDER, contacts=("floor", "duty", "tech"))
        made = one(plan(ladders=(three,)))
        assert [made_rule.id for made_rule in made.rules] == ["ladder-ring"]
        assert (made.rule("ladder-ring").last, made.rule("ladder-ring").clock) == (3, ("callout:p.ring",))

    def test_a_lease_is_a_rule_on_the_answer(self) -> None:
        made = one(plan(ladders=(replace(LADDER, lease=9),))).rule("lease-ring")
        assert (made.clock, made.stages[0].after, made.last) == (("held:p.ring",), 9, 1)

    def test_steps_are_known_by_the_organisations_groups(self) -> None:
        made = one(plan(steps=(step("look", group="tech"),), stand_down=(step("calm", "check", group="lead"),)))
        assert {name: known.group for name, known in made.steps.items()} == {"look": "G-TECH", "calm": "G-LEAD"}

    @pytest.mark.parametrize(
        ("given", "depends"),
        [
            (rule("r", "activated", 5), False),
            (rule("r", "activated", {1: 5}), True),
            (rule("r", "activated", 5, levels=frozenset({1})), True),
            (rule("r", "activated", 5, repeat=Repeat({1: 5}, 1)), True),
            (rule("r", "activated", 5, repeat=Repeat(5, 1)), False),
        ],
    )
    def test_a_rule_knows_whether_it_depends_on_the_level(self, given: Rule, depends: bool) -> None:
        assert given.by_level is depends

    def test_two_revisions_of_a_plan_stand_side_by_side(self) -> None:
        rules = compile([plan(), replace(plan(rule("r", "activated", 5)), revision=2)])
        assert {key: len(made.rules) for key, made in rules.items()} == {("p", 1): 0, ("p", 2): 1}

    def test_groups_may_have_any_names(self) -> None:
        assert one(replace(plan(), groups={**GROUPS, "extra": "G-HR"})).plan.groups["extra"] == "G-HR"


@pytest.mark.parametrize("slug", RESPONSES)
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_every_plan_of_the_library_runs_for_eight_hours(slug: str, level: int) -> None:
    """Nobody does anything: no refusal, far from the bound, and every cadence and deadline has had its say."""
    starts = DOCUMENTS[slug].get("starts")
    report: dict[str, Any] = {"incident_type": slug, "house": ("house", 1), "conditions": [starts] if starts else []}
    activation = {"plan": slug, "revision": 1, "level": level, "confirmed": level > 2}
    acts = [Act("report", T0, "user:1", report), Act("activate", T0 + MINUTE, "user:2", activation)]
    trace = rehearse(LIBRARY, acts, T0 + 8 * HOUR)
    assert 10 < len(trace.events) < BOUND / 10
    assert not [row for row in trace.rows.values() if row.state == "pending" and row.due <= T0 + 8 * HOUR]
    overdue = {event.facts["key"] for event in trace.events if event.kind == "step_overdue"}
    due = {
        name for name, known in LIBRARY[slug, 1].steps.items() if known.due and f"{slug}.{name}" in trace.state.steps
    }
    assert {f"{slug}.{name}" for name in due} <= overdue
