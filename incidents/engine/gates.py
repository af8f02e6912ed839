"""What stands in the way of standing down or closing. Asked by `decide`, never by `apply`: history replays without plans."""

from collections.abc import Iterator

from incidents.engine.effects import check_run
from incidents.engine.plan import Compiled, RuleSet, key_of
from incidents.engine.state import Activation, IncidentState


def blockers(rules: RuleSet, state: IncidentState, move: str, outcome: str = "resolved") -> list[str]:
    """The keys of what is still open: checks for `stand-down`; gates, and for `resolved` steps and checks, for `close`."""
    if move == "stand-down":
        return list(_checks(rules, state))
    if outcome != "resolved":
        return list(_gates(rules, state, outcome))
    steps = sorted((run for run in state.open_steps() if run.mandatory), key=lambda run: run.opened_seq)
    # A gate may ask for a step that is open, and a check may be open itself: each is named once.
    still = [*(run.key for run in steps), *_checks(rules, state), *_gates(rules, state, outcome)]
    return list(dict.fromkeys(still))


def _plans(rules: RuleSet, state: IncidentState) -> Iterator[tuple[Activation, Compiled]]:
    for activation in state.live_activations:
        yield activation, rules[activation.plan, activation.revision]


def _checks(rules: RuleSet, state: IncidentState) -> Iterator[str]:
    """Required stand-down checks that are not ticked, whether they have been opened or still wait."""
    for activation, compiled in _plans(rules, state):
        for check in compiled.plan.stand_down:
            run = check_run(compiled.plan, activation, check, state)
            if check.mandatory and (run is None or run.status != "done"):
                yield run.key if run else key_of(compiled.plan.slug, check.id)


def _gates(rules: RuleSet, state: IncidentState, outcome: str) -> Iterator[str]:
    for _activation, compiled in _plans(rules, state):
        for gate in compiled.plan.close:
            name = key_of(compiled.plan.slug, gate.id)
            applies = outcome in gate.outcomes and state.satisfies(gate.when)
            if applies and name not in state.waived and not state.satisfies(gate.need):
                yield name
