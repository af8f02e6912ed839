"""What a plan says, as frozen data, and its translation into plain rules.

`compile` turns everything with a clock in a plan (step deadlines, update cadences, contact ladders and their leases) into
rules, so that `promises` knows nothing else, and proves every reference. All durations are integer milliseconds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

Text = Mapping[str, str]  # language -> words
Span = int | Mapping[int, int]  # milliseconds, or one per level; a level that is missing has no promise

LEVELS = (1, 2, 3, 4)
STEP_KINDS = ("task", "call", "decision", "notice", "check")
AUDIENCES = ("agents", "customers", "leaders")
POINTS = ("contained", "controlled", "restored")
CONDITIONS = ("power-off", "system-down", "network-down", "cooling-down", "alarm-sounding", "surge")
LISTS = ("sheets", "callbacks", "posts", "supplies")  # of which items may be open
ACTIONS = ("notify", "open", "call", "mark", "suggest", "set_level", "ask_update", "confirm_level")
FALLBACK = "fallback"
RING, RELAY, EACH = CALL_MODES = ("ring", "relay", "each")
AD_HOC = "adhoc-"  # steps that people add are adhoc-1, adhoc-2, …


class PlanError(ValueError):
    """A plan that contradicts itself. `path` leads to the place, as in ("rules", 2, "do", 0)."""

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a rule or a choice does. `only_if` is read at the moment of firing."""

    do: str
    arg: str = ""
    only_if: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    after: Span
    do: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    every: Span
    times: int


@dataclass(frozen=True, slots=True)
class Rule:
    """When `clock` has run for `after` while every atom of `requires` holds, do. See docs/plans.md."""

    id: str
    clock: tuple[str, ...]
    stages: tuple[Stage, ...]
    requires: tuple[str, ...] = ()
    levels: frozenset[int] = frozenset(LEVELS)
    repeat: Repeat | None = None
    pause: str = ""
    until: str = "stood_down"
    title: Text = field(default_factory=dict)
    asks: str = ""  # the audience of a cadence: a next update promised by a person replaces its first due time

    @property
    def by_level(self) -> bool:
        """Whether its due time depends on the level in force."""
        spans = [stage.after for stage in self.stages] + ([self.repeat.every] if self.repeat else [])
        return self.levels != frozenset(LEVELS) or any(not isinstance(span, int) for span in spans)

    @property
    def last(self) -> int:
        """How many times it can fire in one episode."""
        return len(self.stages) + (self.repeat.times if self.repeat else 0)

    def actions(self, n: int) -> tuple[Action, ...]:
        return self.stages[min(n, len(self.stages)) - 1].do


@dataclass(frozen=True, slots=True)
class Option:
    key: str
    label: Text
    do: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """A step's deadline: from the moment it opened unless another clock is named."""

    after: Span
    clock: tuple[str, ...] = ()
    until: str = "stood_down"
    repeat: Repeat | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `hold`: it cannot be completed while all these atoms hold. `reserved`: only the leading group or a
    manager may complete it."""

    id: str
    kind: str
    title: Text
    group: str
    when: tuple[str, ...] = ("activated",)
    levels: frozenset[int] = frozenset(LEVELS)
    opened_by: str = "plan"
    due: Due | None = None
    target: int | None = None
    hold: tuple[str, ...] = ()
    mandatory: bool = True
    options: tuple[Option, ...] = ()
    times: int = 1
    reserved: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """Contacts (group keys) that are called, with a window to answer; an answer is a lease that can run out.

    `ring`: one after the other, `rounds` times, until one answers for all. `relay`: whoever answers passes it on, the next
    contact is called; a hop that does not answer leads to the fallback. `each`: all at once, and everybody has to answer;
    who has not is asked again, `rounds` times in all."""

    id: str
    contacts: tuple[str, ...]
    answer: int
    fallback: str
    lease: int | None = None
    mode: str = RING
    rounds: int = 1
    title: Text = field(default_factory=dict)

    @property
    def windows(self) -> int:
        """How many windows can pass before the fallback is asked."""
        return {RING: len(self.contacts) * self.rounds, RELAY: 1, EACH: self.rounds}[self.mode]


@dataclass(frozen=True, slots=True)
class Cadence:
    audience: str
    every: Span
    owner: str
    remind: Span
    reminders: int


@dataclass(frozen=True, slots=True)
class Gate:
    """What closing needs, beside the mandatory steps."""

    id: str
    need: tuple[str, ...]
    when: tuple[str, ...] = ()
    outcomes: frozenset[str] = frozenset({"resolved"})
    waivable: bool = True
    title: Text = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """One revision of one plan. `groups` maps the plan's own group keys to the organisation's (G-LEAD ...)."""

    slug: str
    revision: int
    groups: Mapping[str, str]
    starts: str = ""
    conditions: Mapping[str, int] = field(default_factory=dict)  # name -> grace
    ladders: tuple[Ladder, ...] = ()
    steps: tuple[Step, ...] = ()
    stand_down: tuple[Step, ...] = ()
    rules: tuple[Rule, ...] = ()
    cadences: tuple[Cadence, ...] = ()
    close: tuple[Gate, ...] = ()
    is_house: bool = False


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan whose every fact is qualified with its slug and whose every clock is a rule."""

    plan: Plan
    rules: tuple[Rule, ...]
    steps: Mapping[str, Step]  # id -> step, stand-down checks included

    def rule(self, rule_id: str) -> Rule:
        return next(rule for rule in self.rules if rule.id == rule_id)

    def ladder(self, ladder_id: str) -> Ladder:
        return next(ladder for ladder in self.plan.ladders if ladder.id == ladder_id)


RuleSet = Mapping[tuple[str, int], Compiled]


def at_level(span: Span, level: int | None) -> int | None:
    """The duration at a level, in ms; None where the plan gives none."""
    if isinstance(span, int):
        return span
    return None if level is None else span.get(level)


def key_of(slug: str, name: str) -> str:
    """The name by which a step, ladder or mark of one plan is known in an incident that may run several."""
    return f"{slug}.{name}"


def compile(plans: Iterable[Plan]) -> RuleSet:
    """Rules of every plan given, by (slug, revision). PlanError at the first reference that leads nowhere."""
    return {(plan.slug, plan.revision): _compile(plan) for plan in plans}


def _compile(plan: Plan) -> Compiled:
    _unique("steps", [step.id for step in (*plan.steps, *plan.stand_down)])
    _unique("rules", [rule.id for rule in plan.rules])
    _unique("ladders", [ladder.id for ladder in plan.ladders])
    _unique("communications", [cadence.audience for cadence in plan.cadences])
    _unique("close", [gate.id for gate in plan.close])
    names = _Names(plan, _marks(plan))
    _openings(plan)
    steps = {step.id: names.step(step, ("steps", at)) for at, step in enumerate(plan.steps)}
    for at, check in enumerate(plan.stand_down):
        steps[check.id] = names.step(check, ("stand_down", at))
    rules = [names.rule(rule, ("rules", at)) for at, rule in enumerate(plan.rules)]
    rules += [_deadline(plan.slug, step) for step in steps.values() if step.due]
    rules += [names.cadence(cadence, ("communications", at)) for at, cadence in enumerate(plan.cadences)]
    for at, ladder in enumerate(plan.ladders):
        rules += names.ladder(ladder, ("ladders", at))
    gates = tuple(names.gate(gate, ("close", at)) for at, gate in enumerate(plan.close))
    return Compiled(replace(plan, close=gates), tuple(rules), steps)


def _unique(section: str, ids: list[str]) -> None:
    for at, name in enumerate(ids):
        if name in ids[:at]:
            raise PlanError(f"the id “{name}” is used twice", (section, at))


def _actions(plan: Plan) -> Iterator[tuple[Action, tuple[str | int, ...]]]:
    """Every action of the plan, with its place: those of its rules and those beside the options of its decisions."""
    for at, rule in enumerate(plan.rules):
        yield from ((action, ("rules", at, "do")) for stage in rule.stages for action in stage.do)
    for at, step in enumerate(plan.steps):
        yield from ((action, ("steps", at, "options")) for option in step.options for action in option.do)


def _marks(plan: Plan) -> frozenset[str]:
    return frozenset(action.arg for action, _path in _actions(plan) if action.do == "mark")


def _openings(plan: Plan) -> None:
    """Steps that wait for a rule are opened by one; the others open themselves, and close again what a rule would open."""
    opened = {action.arg: path for action, path in _actions(plan) if action.do == "open"}
    for at, step in enumerate(plan.steps):
        if step.id.startswith(AD_HOC):
            raise PlanError(f"ids that begin with “{AD_HOC}” are those of steps that people add", ("steps", at, "id"))
        if step.opened_by == "rule" and step.id not in opened:
            raise PlanError(f"no rule and no choice opens step “{step.id}”", ("steps", at, "opened_by"))
        if step.opened_by == "plan" and step.id in opened:
            raise PlanError(f"step “{step.id}” opens by itself; say “opened_by: rule” there", opened[step.id])


def _deadline(slug: str, step: Step) -> Rule:
    """A step's due time: it marks lateness and reminds its owner; it never moves the work elsewhere."""
    assert step.due
    opened = f"step:{key_of(slug, step.id)}.open"
    return Rule(
        id=f"due-{step.id}",
        clock=step.due.clock or (opened,),
        requires=(opened,) if step.due.clock else (),
        stages=(Stage(step.due.after, (Action("overdue", step.id),)),),
        repeat=step.due.repeat,
        until=step.due.until,
        title=step.title,
    )


_FACT = re.compile(r"^(?P<space>[a-z_]+)(:(?P<name>[A-Za-z0-9_.:-]+))?$")
_PLAIN = frozenset(
    (
        *("started", "reported", "acknowledged", "assessed", "activated", "stood_down", *POINTS),
        *("level", "level_changed", "level_confirmed"),
    )
)


@dataclass(frozen=True, slots=True)
class _Names:
    """Checks and qualifies what one plan refers to. `marks`: those that its actions set."""

    plan: Plan
    marks: frozenset[str]

    def atom(self, atom: str, path: tuple[str | int, ...]) -> str:
        negated, _, fact = atom.rpartition("not ")
        if atom.startswith("not ") and not negated:
            return "not " + self.fact(fact.strip(), path)
        return self.fact(atom, path)

    def atoms(self, atoms: tuple[str, ...], path: tuple[str | int, ...]) -> tuple[str, ...]:
        return tuple(self.atom(atom, path) for atom in atoms)

    def fact(self, fact: str, path: tuple[str | int, ...]) -> str:
        match = _FACT.match(fact)
        if not match:
            raise PlanError(f"“{fact}” is not the name of a fact", path)
        space, name = match["space"], match["name"] or ""
        if not name:
            if space not in _PLAIN:
                raise PlanError(f"there is no fact “{fact}”", path)
            return fact
        return self._named(fact, space, name, path)

    def _named(self, fact: str, space: str, name: str, path: tuple[str | int, ...]) -> str:
        slug = self.plan.slug
        if space == "level" and name in map(str, LEVELS):
            return fact
        if space == "tier" and name in ("1", "2"):
            return fact
        if space == "update" and name in AUDIENCES:
            return fact
        if space == "plan":
            return fact
        if space == "condition":
            if name not in {*CONDITIONS, *self.plan.conditions}:
                raise PlanError(f"the plan declares no condition “{name}”", path)
            return fact
        if space == "list" and name.removesuffix(".open") in LISTS and name.endswith(".open"):
            return fact
        if space == "mark":
            if name not in self.marks:
                raise PlanError(f"nothing in the plan sets the mark “{name}”", path)
            return f"mark:{key_of(slug, name)}"
        if space == "check":
            return f"step:{key_of(slug, self.step_id(name, path))}.done"
        if space == "step":
            step, _, phase = name.partition(".")
            if phase not in ("open", "started", "done"):
                raise PlanError(f"“{fact}” must end in .open, .started or .done", path)
            return f"step:{key_of(slug, self.step_id(step, path))}.{phase}"
        if space == "decision":
            step, _, choice = name.partition(":")
            return f"decision:{key_of(slug, self.choice(step, choice, path))}:{choice}"
        if space in ("callout", "held"):
            return f"{space}:{key_of(slug, self.ladder_id(name, path))}"
        raise PlanError(f"there is no fact “{fact}”", path)

    def step_id(self, name: str, path: tuple[str | int, ...]) -> str:
        if name not in {step.id for step in (*self.plan.steps, *self.plan.stand_down)}:
            raise PlanError(f"there is no step “{name}”", path)
        return name

    def choice(self, step_id: str, choice: str, path: tuple[str | int, ...]) -> str:
        self.step_id(step_id, path)
        step = next(step for step in (*self.plan.steps, *self.plan.stand_down) if step.id == step_id)
        if choice not in {option.key for option in step.options}:
            raise PlanError(f"step “{step_id}” has no option “{choice}”", path)
        return step_id

    def ladder_id(self, name: str, path: tuple[str | int, ...]) -> str:
        if name not in {ladder.id for ladder in self.plan.ladders}:
            raise PlanError(f"there is no ladder “{name}”", path)
        return name

    def group(self, name: str, path: tuple[str | int, ...]) -> str:
        if name not in self.plan.groups:
            raise PlanError(f"there is no group “{name}”", path)
        return name

    def action(self, action: Action, path: tuple[str | int, ...]) -> Action:
        if action.do == "notify":
            self.group(action.arg, path)
        elif action.do == "open":
            self.step_id(action.arg, path)
        elif action.do == "call":
            self.ladder_id(action.arg, path)
        elif action.do == "set_level" and action.arg not in map(str, LEVELS):
            raise PlanError("set_level needs a level from 1 to 4", path)
        elif action.do == "ask_update" and action.arg not in AUDIENCES:
            raise PlanError(f"there is no audience “{action.arg}”", path)
        elif action.do == "ask_update" and action.arg not in {cadence.audience for cadence in self.plan.cadences}:
            raise PlanError(f"the plan has no communications with “{action.arg}”", path)
        elif action.do not in ACTIONS:
            raise PlanError(f"there is no action “{action.do}”", path)
        return replace(action, only_if=self.atoms(action.only_if, path))

    def step(self, step: Step, path: tuple[str | int, ...]) -> Step:
        self.group(step.group, (*path, "group"))
        if step.kind == "decision" and len(step.options) < 2:
            raise PlanError("a decision needs at least two options", (*path, "options"))
        due = step.due and replace(step.due, clock=tuple(self.fact(fact, (*path, "due")) for fact in step.due.clock))
        options = tuple(
            replace(option, do=tuple(self.action(action, (*path, "options")) for action in option.do))
            for option in step.options
        )
        when, hold = self.atoms(step.when, (*path, "when")), self.atoms(step.hold, (*path, "hold"))
        group = self.plan.groups[step.group]  # the organisation's key: what a step run is known by
        return replace(step, group=group, when=when, hold=hold, due=due, options=options)

    def rule(self, rule: Rule, path: tuple[str | int, ...]) -> Rule:
        stages = tuple(
            replace(stage, do=tuple(self.action(action, (*path, "do")) for action in stage.do)) for stage in rule.stages
        )
        for level in LEVELS:
            offsets = [at_level(stage.after, level) for stage in rule.stages]
            given = [offset for offset in offsets if offset is not None]
            if given != sorted(set(given)):
                raise PlanError("each stage must come after the one before", (*path, "stages"))
        if rule.pause and not rule.pause.startswith("condition:"):  # only of these is it known how long they held
            raise PlanError("only a condition can pause a rule", (*path, "pause"))
        return replace(
            rule,
            clock=tuple(self.fact(fact, (*path, "clock")) for fact in rule.clock),
            requires=self.atoms(rule.requires, (*path, "while")),
            pause=self.fact(rule.pause, (*path, "pause")) if rule.pause else "",
            stages=stages,
        )

    def gate(self, gate: Gate, path: tuple[str | int, ...]) -> Gate:
        return replace(gate, when=self.atoms(gate.when, (*path, "when")), need=self.atoms(gate.need, (*path, "need")))

    def cadence(self, cadence: Cadence, path: tuple[str | int, ...]) -> Rule:
        """An update is due so long after the last one (N: 4.4, every 15, 30, 120 minutes by level), then reminders."""
        if cadence.audience not in AUDIENCES:
            raise PlanError(f"there is no audience “{cadence.audience}”", path)
        self.group(cadence.owner, (*path, "owner"))
        return Rule(
            id=f"update-{cadence.audience}",
            clock=(f"update:{cadence.audience}", "activated"),
            stages=(Stage(cadence.every, (Action("ask_update", cadence.audience),)),),
            repeat=Repeat(cadence.remind, cadence.reminders),
            asks=cadence.audience,
        )

    def ladder(self, ladder: Ladder, path: tuple[str | int, ...]) -> Iterator[Rule]:
        """One repeated rule asks the next contact after each unanswered window; another watches the lease (N6)."""
        if not ladder.contacts:
            raise PlanError("a ladder needs at least one contact", (*path, "contacts"))
        if ladder.rounds > 1 and ladder.mode == RELAY:
            raise PlanError("what is passed on goes round once", (*path, "rounds"))
        for contact in (*ladder.contacts, ladder.fallback):
            self.group(contact, path)
        name = key_of(self.plan.slug, ladder.id)
        yield Rule(
            id=f"ladder-{ladder.id}",
            clock=(f"callout:{name}",),
            stages=(Stage(ladder.answer, (Action("advance", ladder.id),)),),
            repeat=Repeat(ladder.answer, ladder.windows - 1),
        )
        if ladder.lease:
            yield Rule(
                id=f"lease-{ladder.id}",
                clock=(f"held:{name}",),
                stages=(Stage(ladder.lease, (Action("resume", ladder.id),)),),
            )
