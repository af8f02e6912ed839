"""Everything that must happen at a known time unless something changes, derived from (rules, state)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from incidents.engine.lifecycle import CLOSED
from incidents.engine.plan import Action, Compiled, Rule, RuleSet, Stage, at_level
from incidents.engine.state import Activation, Adjustment, Fact, IncidentState, subject_key


@dataclass(frozen=True, slots=True)
class Promise:
    """The pending firing of one rule in one episode. Only the next n is promised. `due` in ms UTC."""

    key: str
    base: str
    n: int
    due: int
    rule: Rule
    activation: Activation
    subject: str
    since: int

    @property
    def actions(self) -> tuple[Action, ...]:
        return self.rule.actions(self.n)


def promises(rules: RuleSet, state: IncidentState) -> dict[str, Promise]:
    """Every pending promise by key; empty from closing on."""
    if state.status == CLOSED:
        return {}
    found: dict[str, Promise] = {}
    for activation in state.live_activations:
        own = _ad_hoc(state) if activation.n == 0 else ()
        for rule in (*rules[activation.plan, activation.revision].rules, *own):
            for promise in _of_rule(state, activation, rule):
                found[promise.key] = promise
    return found


def rule_of(compiled: Compiled, state: IncidentState, rule_id: str) -> Rule:
    """A rule of the plan, or the deadline of a step that a person added."""
    return next(rule for rule in (*compiled.rules, *_ad_hoc(state)) if rule.id == rule_id)


def _ad_hoc(state: IncidentState) -> tuple[Rule, ...]:
    """Deadlines of open steps that people added; they run under the house plan."""
    return tuple(
        Rule(
            id=f"due-{name}",
            clock=(f"step:{run.id}.open",),
            stages=(Stage(run.due_in, (Action("overdue", name),)),),
        )
        for run in state.steps.values()
        if run.due_in and (name := run.id.partition(".")[2])
    )


def _of_rule(state: IncidentState, activation: Activation, rule: Rule) -> Iterator[Promise]:
    if rule.until == "stood_down" and state.holds("stood_down"):
        return
    if (state.level is None and rule.by_level) or (state.level and state.level not in rule.levels):
        return
    for subject in _subjects(state, rule):
        if not state.satisfies(rule.requires, subject):
            continue
        if rule.pause and state.holds(rule.pause, subject):
            continue
        clock = max(fact for name in rule.clock if (fact := state.fact(name, subject)))
        base = base_of(activation, rule.id, subject, clock)
        fired = state.fired.get(base)
        n = (fired.n if fired else 0) + 1
        due = due_at(state, rule, base, n, clock, subject)
        if due is not None:
            yield Promise(f"{base}#{n}", base, n, due, rule, activation, subject, clock.since)


def base_of(activation: Activation, rule_id: str, subject: str, clock: Fact) -> str:
    """The key of one episode of a rule, without the number of the firing."""
    return f"{activation.root}.{activation.plan}.{subject_key(rule_id, subject)}@{clock.seq}"


def _subjects(state: IncidentState, rule: Rule) -> Mapping[str, None]:
    """Whom the clock runs for; the empty subject is the incident itself. Where one of several clocks names subjects, the
    others count for these."""
    held = [state.facts[name] for name in rule.clock if name in state.facts]
    named = [whom for whom in held if any(whom)] or held
    return dict.fromkeys(subject for whom in named for subject in whom)


def due_at(
    state: IncidentState, rule: Rule, base: str, n: int, clock: Fact, subject: str = "", after: int | None = None
) -> int | None:
    """When the n-th firing is due, or None when there is none (at this level). `after`: the due time of n - 1, where it
    is not yet in the state."""
    adjustment = state.adjust.get(base, Adjustment())
    if adjustment.stopped or adjustment.paused_at is not None or n > rule.last:
        return None
    if n <= len(rule.stages):
        span = interval(state, rule) if rule.asks else at_level(rule.stages[n - 1].after, state.level)
        start, moved = clock.since, adjustment.shift
    else:
        assert rule.repeat
        span = at_level(rule.repeat.every, state.level)
        start = after if after is not None else state.fired[base].due
        moved = adjustment.extra if n == adjustment.n else 0
    if n == 1 and rule.asks and (promised := state.next_updates.get(rule.asks)):
        due = promised + moved  # also at a level at which the plan itself asks for none
    elif span is None:
        return None
    else:
        due = start + scaled(span, state.speed) + moved + _paused(state, rule, start, subject)
    changed = state.fact("level_changed")
    if changed and rule.by_level:
        due = max(due, changed.since)
    return due


def interval(state: IncidentState, rule: Rule) -> int | None:
    """How long after an update the next one is due: as people chose, else as the plan has it at this level."""
    return state.cadences.get(rule.asks) or at_level(rule.stages[0].after, state.level)


def scaled(span: int, speed: int) -> int:
    """A plan's duration at a drill's speed, rounded up to the millisecond."""
    return -(-span // speed)


def _paused(state: IncidentState, rule: Rule, start: int, subject: str) -> int:
    """How long the pausing condition held since `start`: for the subject or for all; without a subject, for anybody."""
    if not rule.pause:
        return 0
    own = (rule.pause, subject_key(rule.pause, subject))
    names = [key for key in state.pauses if key in own or (not subject and key.startswith(f"{rule.pause}["))]
    total = 0
    for begun, until in sorted(interval for key in names for interval in state.pauses[key]):
        total += max(until - max(begun, start), 0)
        start = max(start, until)  # what two subjects share counts once
    return total
