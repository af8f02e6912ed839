"""What follows from an event: notices to people, follow-up events, and the steps that are derived from the state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from incidents.engine.events import SYSTEM, Event
from incidents.engine.lifecycle import CLOSED, MAJOR, legal
from incidents.engine.plan import (
    EACH,
    FALLBACK,
    POINTS,
    RELAY,
    RING,
    Action,
    Compiled,
    Ladder,
    Plan,
    Rule,
    RuleSet,
    Step,
    key_of,
)
from incidents.engine.promises import base_of, promises, rule_of
from incidents.engine.state import Activation, IncidentState, StepRun


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody must hear something. `to` is (what, name): a group's canonical key, a person, an audience, or the
    reporters; `kind` chooses the words."""

    to: tuple[str, str]
    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effects:
    events: list[Event] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


class Duty:
    """Who is on duty in each group (canonical key -> people, first the one who is asked first). Where it is not known, as
    in a rehearsal, the group itself stands for its people."""

    def __init__(self, people: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.people = people

    def __getitem__(self, group: str) -> tuple[str, ...]:
        return (group,) if self.people is None else self.people.get(group, ())


def effects(rules: RuleSet, before: IncidentState, event: Event, after: IncidentState, duty: Duty) -> Effects:
    """The notices and follow-up events of one event. Follow-ups happen at the same instant, by the system."""
    out = Effects()
    if event.kind == "fired":
        _fired(rules, event, after, duty, out)
    elif event.kind == "step_opened":
        out.notices.append(Notice(("group", event.facts["group"]), "step", {"step": event.facts["key"]}))
    elif event.kind == "step_reminded":
        run = after.steps[event.facts["key"]]
        out.notices.append(Notice(_owner(run), "step", {"step": run.key}))
    elif event.kind == "step_completed" and event.facts.get("decision"):
        _chosen(rules, event, after, duty, out)
    elif event.kind == "step_assigned":
        out.notices.append(Notice(("person", event.facts["person"]), "assigned", {"step": event.facts["key"]}))
    elif event.kind == "updated":
        for audience in event.facts["audiences"]:
            said = {
                name: event.facts[name] for name in ("nothing_new", "next_update_at", "next_by") if name in event.facts
            }
            out.notices.append(Notice(("audience", audience), "update", {"note": event.facts.get("note"), **said}))
    elif event.kind in ("closed", "cancelled"):
        out.notices.append(Notice(("reporters", ""), "closed", {"outcome": after.outcome}))
    elif event.kind == "activated":
        _start_condition(rules, event, after, out)
        if before.holds("stood_down"):
            out.events.append(Event("stand_down_withdrawn", event.at))
    elif event.kind == "condition" and event.facts["holds"]:
        _withdraw_stand_down(rules, before, event, after, out)
    elif event.kind in ("called_out", "contact_asked"):
        _called(event, out)
    elif event.kind == "handed_over":
        handed = {"ladder": event.facts["ladder"], "rung": after.callouts[event.facts["ladder"]].rung}
        out.notices.append(Notice(("person", event.facts["person"]), "callout", handed))
    elif event.kind == "answered":
        _pass_on(rules, event, after, duty, out)
    elif event.kind in ("contact_failed", "contact_absent", "unreachable"):
        _next_contact(rules, event, after, out)
    elif event.kind == "stand_down_withdrawn":
        out.notices.append(Notice(("commander", after.commander), "stand-down-withdrawn"))
    elif event.kind == "support" and event.facts["status"] == "asked":
        about = {"tier": event.facts["tier"]}
        out.notices.extend(Notice(("person", person), "support", about) for person in event.facts["people"])
    return out


def _owner(run: StepRun) -> tuple[str, str]:
    return ("person", run.assignee) if run.assignee else ("group", run.group)


def _fired(rules: RuleSet, event: Event, state: IncidentState, duty: Duty, out: Effects) -> None:
    facts = event.facts
    activation = state.activation(facts["activation"])
    compiled = rules[activation.plan, activation.revision]
    rule = rule_of(compiled, state, facts["rule"])
    for action, due in _due_actions(rule, facts).items():
        if state.satisfies(action.only_if, facts.get("subject", "")):
            _act(compiled, activation, rule, action, event, state, duty, out, _behind(facts, due))


def _due_actions(rule: Rule, facts: Mapping[str, Any]) -> dict[Action, int]:
    """The actions of the firing and of those collapsed into it, each once with the time it was last due: nothing is
    dropped, and nothing is said twice."""
    rungs = [*facts.get("collapsed", ()), (facts["to"], facts["due"])]
    return {action: due for n, due in rungs for action in rule.actions(n)}


def _behind(facts: Mapping[str, Any], due: int) -> int:
    """By how much the console was late with what was due then."""
    behind: int = facts["due"] + facts["late_ms"] - max(due, facts["armed"])
    return max(0, behind)


def _act(
    compiled: Compiled,
    activation: Activation,
    rule: Rule,
    action: Action,
    event: Event,
    state: IncidentState,
    duty: Duty,
    out: Effects,
    behind: int = 0,
) -> None:
    """What one action does. `behind`: by how many ms the console is late with it."""
    plan, subject = compiled.plan, event.facts.get("subject", "")
    if action.do == "open":
        opened = opening(plan.slug, activation, compiled.steps[action.arg], state, event.at, subject, "rule")
        if opened not in out.events:
            out.events.append(opened)
    elif action.do == "mark":
        out.events.append(Event("mark", event.at, {"name": key_of(plan.slug, action.arg), "subject": subject}))
    elif action.do == "notify":
        about = {"rule": rule.id, "activation": activation.n, "system_late_ms": behind}
        out.notices.append(Notice(("group", plan.groups[action.arg]), "rule", about))
    elif action.do == "call":
        if not _is_called(state, key_of(plan.slug, action.arg)):
            out.events.append(calling(compiled, action.arg, 1, event.at, duty))
    elif action.do == "set_level":
        level = int(action.arg)
        if _may_set(state, level, chosen=event.kind != "fired"):
            confirmed = level not in MAJOR or event.facts.get("confirms", False)
            out.events.append(Event("level_set", event.at, {"level": level, "confirmed": confirmed}))
    elif action.do == "confirm_level" and "level/confirm" in legal(state.status):
        out.events.append(Event("level_confirmed", event.at))
    elif action.do == "suggest":
        out.events.append(Event("suggested", event.at, {"what": action.arg}))
    elif action.do == "ask_update":
        owner = next(cadence.owner for cadence in plan.cadences if cadence.audience == action.arg)
        out.notices.append(Notice(("group", plan.groups[owner]), "update-due", {"audience": action.arg}))
    elif action.do == "overdue":
        _overdue(plan.slug, action.arg, subject, event, state, out)
    elif action.do == "advance":
        _next_rung(compiled, action.arg, event, state, duty, out)
    elif action.do == "resume":
        _resume(compiled, action.arg, event, state, duty, out)


def _is_called(state: IncidentState, ladder: str) -> bool:
    """Whether somebody is being called by this ladder, or has answered and holds it."""
    return state.holds(f"callout:{ladder}") or state.holds(f"held:{ladder}")


def _may_set(state: IncidentState, level: int, *, chosen: bool) -> bool:
    """A rule may only raise the level: in doubt the worse one holds. A person's choice may lower it too."""
    if state.level is None or "level" not in legal(state.status):
        return False
    return state.level != level if chosen else level < state.level


def _overdue(slug: str, step_id: str, subject: str, event: Event, state: IncidentState, out: Effects) -> None:
    """A clock that runs for nobody in particular counts for every open run."""
    name = key_of(slug, step_id)
    for run in state.open_steps():
        if run.id == name and subject in ("", run.subject):
            out.events.append(Event("step_overdue", event.at, {"key": run.key, "due": event.facts["due"]}))
            out.notices.append(Notice(_owner(run), "overdue", {"step": run.key}))


def opening(
    slug: str, activation: Activation, step: Step, state: IncidentState, at: int, subject: str, source: str
) -> Event:
    """The event that opens a new run of a step, or reminds of the run that is open already."""
    name = key_of(slug, step.id)
    runs = state.runs(name, subject)
    if runs and runs[-1].is_open:
        return Event("step_reminded", at, {"key": runs[-1].key})
    run = len(runs) + 1
    where = f"[{subject}]" if subject else ""
    facts = {
        "key": f"{name}{where}" + (f".{run}" if run > 1 else ""),
        "id": name,
        "activation": activation.n,
        "run": run,
        "subject": subject,
        "kind": step.kind,
        "group": step.group,
        "mandatory": step.mandatory,
        "options": [option.key for option in step.options],
        "hold": list(step.hold),
        "times": step.times,
        "reserved": step.reserved,
        "source": source,
    }
    if step.target is not None:
        facts |= {"target": step.target, "target_from": _measured_from(step, state, at)}
    return Event("step_opened", at, facts)


def _measured_from(step: Step, state: IncidentState, at: int) -> int:
    """From the clock of its deadline, such as the moment of the alarm; else from its opening."""
    clocks = [fact.since for name in (step.due.clock if step.due else ()) if (fact := state.fact(name))]
    return max(clocks, default=at)


def calling(compiled: Compiled, name: str, rung: int, at: int, duty: Duty, actor: str = SYSTEM) -> Event:
    """The event that begins a call-out, from one of its contacts on."""
    plan, ladder = compiled.plan, compiled.ladder(name)
    rung = min(rung, len(ladder.contacts) * (ladder.rounds if ladder.mode == RING else 1))
    group = plan.groups[ladder.contacts[(rung - 1) % len(ladder.contacts)]]
    facts = {"ladder": key_of(plan.slug, name), "group": group, "contacts": len(ladder.contacts), "rung": rung}
    if ladder.mode != EACH:
        return Event("called_out", at, {**facts, "people": list(duty[group][:1])}, actor)
    everybody = dict.fromkeys(who for contact in ladder.contacts for who in duty[plan.groups[contact]])
    return Event("called_out", at, {**facts, "rung": 1, "each": True, "people": list(everybody)}, actor)


def _called(event: Event, out: Effects) -> None:
    """Whoever was asked is told. Nobody on duty: the next contact is asked at once. There is none after the fallback,
    so somebody hears of that in any case."""
    facts = event.facts
    if not facts["people"] and not facts.get(FALLBACK):
        out.events.append(Event("contact_absent", event.at, {"ladder": facts["ladder"], "group": facts["group"]}))
        return
    called = {name: facts[name] for name in ("ladder", "rung", "people", "absent") if name in facts}
    out.notices.append(Notice(("group", facts["group"]), "callout", called))


def _next_rung(compiled: Compiled, name: str, event: Event, state: IncidentState, duty: Duty, out: Effects) -> None:
    """The window ran out: the next contact is asked, the one whose turn it is now if several windows ran out; after the
    last one, the fallback group."""
    plan, ladder = compiled.plan, compiled.ladder(name)
    full = key_of(plan.slug, name)
    callout = state.callouts[full]
    last = _rungs(ladder)
    if callout.rung > last:
        return  # the fallback group has been asked: there is nobody after it
    rung = callout.rung + 1 + event.facts["to"] - event.facts["n"]
    facts: dict[str, Any] = {"ladder": full, "rung": min(rung, last + 1)}
    if "absent" in event.facts:
        facts["absent"] = event.facts["absent"]
    if rung > last or ladder.mode == RELAY:
        group = plan.groups[ladder.fallback]
        facts |= {"rung": last + 1, "group": group, "people": list(duty[group]), FALLBACK: True}
    elif ladder.mode == EACH:
        facts |= {"group": plan.groups[ladder.contacts[0]], "people": list(callout.waiting)}
    else:
        group = plan.groups[ladder.contacts[(rung - 1) % len(ladder.contacts)]]
        facts |= {"group": group, "people": list(duty[group][:1])}
    out.events.append(Event("contact_asked", event.at, facts))


def _rungs(ladder: Ladder) -> int:
    """The number of the last contact before the fallback."""
    return len(ladder.contacts) if ladder.mode == RELAY else ladder.windows


def _resume(compiled: Compiled, name: str, event: Event, state: IncidentState, duty: Duty, out: Effects) -> None:
    """The lease ran out: a new episode from the contact after the one last asked."""
    rung = state.callouts[key_of(compiled.plan.slug, name)].rung
    after = rung if compiled.ladder(name).mode == RELAY else rung + 1  # a hop is not passed over
    out.events.append(calling(compiled, name, after, event.at, duty))


def _pass_on(rules: RuleSet, event: Event, state: IncidentState, duty: Duty, out: Effects) -> None:
    """Where one contact passes it on to the next, the next is called when the one before has answered."""
    found = _ladder_of(rules, event.facts["ladder"], state)
    if found is None:
        return
    compiled, _activation, ladder = found
    rung = state.callouts[event.facts["ladder"]].rung
    if ladder.mode == RELAY and rung < len(ladder.contacts):
        out.events.append(calling(compiled, ladder.id, rung + 1, event.at, duty))


def _ladder_of(rules: RuleSet, full: str, state: IncidentState) -> tuple[Compiled, Activation, Ladder] | None:
    """A ladder by its full name, with the live activation whose plan has it."""
    slug, _, name = full.partition(".")
    activation = next((one for one in state.live_activations if one.plan == slug), None)
    if activation is None:
        return None
    compiled = rules[activation.plan, activation.revision]
    return compiled, activation, compiled.ladder(name)


def _next_contact(rules: RuleSet, event: Event, state: IncidentState, out: Effects) -> None:
    """A recorded “no answer”, nobody on duty, nobody to be reached: an early firing of the ladder's own rule. The next
    contact is asked now, with a window from now. Where everybody has to answer, the others keep their window."""
    full = event.facts["ladder"]
    clock, found = state.fact(f"callout:{full}"), _ladder_of(rules, full, state)
    if not clock or not found:
        return
    _compiled, activation, ladder = found
    if ladder.mode == EACH and event.kind != "contact_absent":
        return
    base = base_of(activation, f"ladder-{ladder.id}", "", clock)
    n = state.fired[base].n + 1 if base in state.fired else 1
    if f"{base}#{n}" not in promises(rules, state):
        return  # somebody stopped or paused it, or all have been asked
    facts = {
        "key": f"{base}#{n}",
        "base": base,
        "rule": f"ladder-{ladder.id}",
        "activation": activation.n,
        "subject": "",
        "n": n,
        "to": n,
        "due": event.at,
        "next_from": event.at,
        "armed": event.at,
        "late_ms": 0,
        "system_late_ms": 0,
        **({"absent": event.facts["group"]} if event.kind == "contact_absent" else {}),
    }
    out.events.append(Event("fired", event.at, facts))


def _chosen(rules: RuleSet, event: Event, state: IncidentState, duty: Duty, out: Effects) -> None:
    """A choice can do things itself: the plan says so beside the option. Whoever chose has done them."""
    run = state.steps[event.facts["key"]]
    activation = state.activation(run.activation)
    if run.source == "person" or not _goes_on(state, activation):
        return
    compiled = rules[activation.plan, activation.revision]
    step = compiled.steps[run.id.partition(".")[2]]
    done = Effects(notices=out.notices)
    for action in next(option.do for option in step.options if option.key == run.decision):
        if state.satisfies(action.only_if, run.subject):
            _act(compiled, activation, Rule(step.id, (), ()), action, event, state, duty, done)
    out.events.extend(replace(follow, actor=event.actor) for follow in done.events)


def _start_condition(rules: RuleSet, event: Event, state: IncidentState, out: Effects) -> None:
    """The condition a plan starts from holds since the fault began, unless this incident has heard of it before."""
    plan = rules[event.facts["plan"], event.facts["revision"]].plan
    name = f"condition:{plan.starts}"
    started = state.fact("started")
    if plan.starts and started and not state.holds(name) and name not in state.ended:
        facts = {"name": plan.starts, "holds": True, "grace": plan.conditions.get(plan.starts, 0)}
        out.events.append(Event("condition", started.since, facts))


def _withdraw_stand_down(
    rules: RuleSet, before: IncidentState, event: Event, state: IncidentState, out: Effects
) -> None:
    """It has begun again after the stand-down: the response is on again, visibly."""
    name = f"condition:{event.facts['name']}"
    if not before.holds("stood_down") or before.holds(name):
        return
    for activation in state.live_activations:
        compiled = rules[activation.plan, activation.revision]
        if name == f"condition:{compiled.plan.starts}" or any(name in rule.clock for rule in compiled.rules):
            out.events.append(Event("stand_down_withdrawn", event.at))
            return


def derived(rules: RuleSet, state: IncidentState, at: int) -> list[Event]:
    """The steps that should open or are no longer needed, given the state. The caller repeats until there are none."""
    if state.status == CLOSED:
        return []
    events: list[Event] = []
    for activation in state.activations:
        compiled = rules[activation.plan, activation.revision]
        if activation.until is not None:
            events += [_withdrawal(run, at) for run in _untouched(state, activation) if not _kept(rules, state, run)]
            continue
        events += _steps(compiled, activation, state, at)
        events += _checks(compiled, activation, state, at)
    return events


def _untouched(state: IncidentState, activation: Activation) -> list[StepRun]:
    return [run for run in state.open_steps() if run.activation == activation.n and run.untouched]


def _goes_on(state: IncidentState, activation: Activation) -> bool:
    """Whether it is in force, itself or in the activation that succeeded it."""
    return any(live.root == activation.root for live in state.live_activations)


def _kept(rules: RuleSet, state: IncidentState, run: StepRun) -> bool:
    """Whether the activation that succeeded this run's own still has the step."""
    name = run.id.partition(".")[2]
    heirs = [live for live in state.live_activations if live.root == state.root(run)]
    return any(name in rules[heir.plan, heir.revision].steps for heir in heirs)


def _withdrawal(run: StepRun, at: int) -> Event:
    return Event("step_withdrawn", at, {"key": run.key})


def _steps(compiled: Compiled, activation: Activation, state: IncidentState, at: int) -> Iterator[Event]:
    slug = compiled.plan.slug
    for step in compiled.plan.steps:
        compiled_step = compiled.steps[step.id]
        if compiled_step.opened_by != "plan":
            continue
        wanted = _wanted(compiled_step, state)
        runs = [run for run in state.runs(key_of(slug, step.id)) if state.root(run) == activation.root or run.is_open]
        if wanted and (not runs or _asks_anew(compiled_step, runs[-1], state)):
            yield opening(slug, activation, compiled_step, state, at, "", "plan")
        elif not wanted and runs and runs[-1].is_open and runs[-1].untouched:
            yield _withdrawal(runs[-1], at)


def _asks_anew(step: Step, run: StepRun, state: IncidentState) -> bool:
    """Whether the last run no longer answers for the step: it was withdrawn; or a condition it waits for has begun or
    ended since, a new episode that wants its own patrol; or the level it confirmed or lowered has changed since."""
    if run.is_open or run.status == "withdrawn":
        return run.status == "withdrawn"
    named = [atom.removeprefix("not ") for atom in step.when]
    changes = [name for name in named if name in POINTS or name.startswith("condition:")]
    latest = [seq for name in changes for seq in (state.last_begun(name), state.last_ended(name))]
    level = state.fact("level")
    if level and any(action.do == "confirm_level" for option in step.options for action in option.do):
        latest.append(level.seq)
    return run.opened_seq < max(latest, default=0)


def _wanted(step: Step, state: IncidentState) -> bool:
    by_level = step.levels if len(step.levels) < 4 else None
    return state.satisfies(step.when) and (by_level is None or state.level in by_level)


def _checks(compiled: Compiled, activation: Activation, state: IncidentState, at: int) -> Iterator[Event]:
    """Stand-down checks open when the starting condition has ended or service is restored; a new episode asks anew."""
    starts = f"condition:{compiled.plan.starts}"
    over = state.holds("restored") or (starts in state.ended and not state.holds(starts))
    for check in compiled.plan.stand_down:
        run = check_run(compiled.plan, activation, check, state)
        stale = [old for old in state.runs(key_of(compiled.plan.slug, check.id)) if old.is_open and old != run]
        yield from (_withdrawal(old, at) for old in stale)
        if over and run is None and not stale:
            yield opening(compiled.plan.slug, activation, compiled.steps[check.id], state, at, "", "plan")
        elif not over and run and run.is_open and run.untouched:
            yield _withdrawal(run, at)


def check_run(plan: Plan, activation: Activation, check: Step, state: IncidentState) -> StepRun | None:
    """The run of a stand-down check that counts: of this activation, not withdrawn, asked after the starting condition
    last began, after service was last lost again, and after the incident was last reopened. A tick from before proves
    nothing."""
    runs = [run for run in state.runs(key_of(plan.slug, check.id)) if state.root(run) == activation.root]
    doubts = (state.last_begun(f"condition:{plan.starts}"), state.last_ended("restored"), state.last_begun("activated"))
    if not runs or runs[-1].status == "withdrawn" or runs[-1].opened_seq < max(doubts):
        return None
    return runs[-1]
