"""`apply(state, event) -> state`: the only way anything about an incident becomes true. Needs no plan."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from incidents.engine import support
from incidents.engine.events import KINDS, SYSTEM, Event
from incidents.engine.lifecycle import N_, Refusal, move, step_move
from incidents.engine.plan import POINTS
from incidents.engine.state import (
    Activation,
    Adjustment,
    Callout,
    Ended,
    Fact,
    Fired,
    IncidentState,
    StepRun,
    begin,
    end,
    subject_key,
)

Handler = Callable[[IncidentState, Event], IncidentState]
Pauses = tuple[tuple[int, int], ...]
KEPT_PAUSES = 50  # intervals remembered per condition


def apply(state: IncidentState, event: Event) -> IncidentState:
    """The state after the event; Refusal when the event is not legal now. The event must carry the next seq."""
    kind = KINDS[event.kind]
    if event.seq != state.seq + 1:
        raise Refusal(N_("The history of this incident has a gap."), code="sequence")
    status = move(kind.verb, state.status) if kind.verb else state.status
    after = _HANDLERS.get(event.kind, _nothing)(state, event)
    return replace(_sign_of_life(after, event), status=status, seq=event.seq, as_of=max(state.as_of, event.recorded))


def replay(events: list[Event]) -> IncidentState:
    """The state rebuilt from the whole history."""
    state = IncidentState()
    for event in events:
        state = apply(state, event)
    return state


def _nothing(state: IncidentState, event: Event) -> IncidentState:
    return state


def _sign_of_life(state: IncidentState, event: Event) -> IncidentState:
    """Whatever the holder of a call-out does renews the lease: `since` moves, `seq` stays."""
    if event.actor == SYSTEM:
        return state
    for ladder, callout in state.callouts.items():
        held = state.fact(f"held:{ladder}")
        if held and callout.holder == event.actor:
            state = begin(state, f"held:{ladder}", Fact(max(held.since, event.at), held.seq))
    return state


def _here(event: Event) -> Fact:
    return Fact(event.at, event.seq)


def _first(state: IncidentState, name: str, event: Event) -> IncidentState:
    """The fact begins, unless it holds already; its first instant is kept for the figures."""
    points = {name: event.at, **state.points}
    if not state.holds(name):
        state = begin(state, name, _here(event))
    return replace(state, points=points)


def _reported(state: IncidentState, event: Event) -> IncidentState:
    facts = event.facts
    slug, number = facts["house"]
    house = Activation(0, slug, number, None, event.at, root=0)
    state = replace(
        state,
        kind=facts["incident_kind"],
        type=facts["type"],
        speed=facts["speed"],
        activations=(house,),
        points={"started": event.at, "reported": facts["captured"]},
    )
    state = begin(state, "started", _here(event))
    state = begin(state, "reported", Fact(facts["captured"], event.seq))
    for name in facts["conditions"]:
        state = begin(state, f"condition:{name}", _here(event))
    return state


def _acknowledged(state: IncidentState, event: Event) -> IncidentState:
    return _first(state, "acknowledged", event)


def _assessed(state: IncidentState, event: Event) -> IncidentState:
    state = _first(_first(state, "acknowledged", event), "assessed", event)
    return replace(state, verdict=event.facts["verdict"], type=event.facts.get("type") or state.type)


def _activated(state: IncidentState, event: Event) -> IncidentState:
    facts = event.facts
    if facts["n"] != len(state.activations):
        raise Refusal(N_("The history of this incident has a gap."), code="sequence")
    root = facts.get("continues", facts["n"])
    new = Activation(facts["n"], facts["plan"], facts["revision"], facts["level"], event.at, root)
    state = replace(state, activations=(*state.activations, new))
    state = _first(_first(state, "acknowledged", event), "activated", event)
    if "continues" not in facts:
        state = begin(state, f"plan:{facts['plan']}", _here(event))
    if state.level is None:
        return _level(state, event, first=True)
    if facts["level"] < state.level:
        return _level(state, event)
    return _confirmed(state, event) if facts["confirmed"] and facts["level"] == state.level else state


def _deactivated(state: IncidentState, event: Event) -> IncidentState:
    gone = state.activation(event.facts["n"])
    rest = tuple(replace(a, until=event.at) if a.n == gone.n else a for a in state.activations)
    state = replace(state, activations=rest)
    if event.facts.get("continued"):
        return state
    ladders = [name for name in state.callouts if name.startswith(f"{gone.plan}.")]
    return end(_hang_up(state, ladders), f"plan:{gone.plan}")


def _hang_up(state: IncidentState, ladders: Iterable[str]) -> IncidentState:
    """Nobody is called by these any more, and nobody holds them."""
    for ladder in ladders:
        state = end(end(state, f"callout:{ladder}"), f"held:{ladder}")
    return state


def _level(state: IncidentState, event: Event, *, first: bool = False) -> IncidentState:
    """The level in force; each change restarts its clocks. The first setting is no change."""
    level = event.facts["level"]
    for name in [name for name in state.facts if name.startswith("level:")]:
        state = end(state, name)
    state = begin(begin(replace(state, level=level), "level", _here(event)), f"level:{level}", _here(event))
    if not first:
        state = begin(state, "level_changed", _here(event))
    return _confirmed(state, event) if event.facts["confirmed"] else end(state, "level_confirmed")


def _level_set(state: IncidentState, event: Event) -> IncidentState:
    return _level(state, event)


def _confirmed(state: IncidentState, event: Event) -> IncidentState:
    return begin(state, "level_confirmed", _here(event))


def _condition(state: IncidentState, event: Event) -> IncidentState:
    name, subject = f"condition:{event.facts['name']}", event.facts.get("subject", "")
    held = state.facts.get(name, {}).get(subject)
    if event.facts["holds"]:
        return state if held else _begin_condition(state, event, name, subject)
    if not held:
        return state
    _not_before(held, event)
    key = subject_key(name, subject)
    pauses = _bounded((*state.pauses.get(key, ()), (held.since, event.at)))
    state = replace(state, pauses={**state.pauses, key: pauses})
    return _over(state, event, name, held, subject)


def _over(state: IncidentState, event: Event, name: str, held: Fact, subject: str = "") -> IncidentState:
    """The fact ends, and it is remembered that it held."""
    known = state.ended.get(name, {})
    before = known.get(subject)
    resumed = before.resumed_seq if before and before.seq == held.seq else 0
    gone = Ended(held.since, held.seq, event.at, event.seq, resumed)
    return end(replace(state, ended={**state.ended, name: {**known, subject: gone}}), name, subject)


def _bounded(pauses: Pauses) -> Pauses:
    """Not more than KEPT_PAUSES intervals. The oldest two become one of the same length, which ends where the later did:
    what is counted is how long they were together."""
    while len(pauses) > KEPT_PAUSES:
        (begun, ended), (later, until), *rest = pauses
        pauses = ((later - (ended - begun), until), *rest)
    return pauses


def _begin_condition(state: IncidentState, event: Event, name: str, subject: str) -> IncidentState:
    """A new episode, unless the gap was within the grace: then the old one goes on."""
    gone = state.ended.get(name, {}).get(subject)
    grace = event.facts["grace"]
    if gone and grace and 0 <= (event.at - gone.ended) * state.speed <= grace:
        key = subject_key(name, subject)
        pauses = {**state.pauses, key: state.pauses.get(key, ())[:-1]}
        back = {**state.ended[name], subject: gone._replace(resumed_seq=event.seq)}
        state = replace(state, pauses=pauses, ended={**state.ended, name: back})
        return begin(state, name, Fact(gone.since, gone.seq), subject)
    if gone and event.at < gone.ended:
        raise Refusal(N_("It cannot begin again before it ended."), code="invalid", field="at")
    return begin(state, name, _here(event), subject)


def _point(state: IncidentState, event: Event) -> IncidentState:
    name = event.facts["name"]
    if event.facts["holds"]:
        return _first(state, name, event)
    held = state.fact(name)
    if not held:
        return state
    _not_before(held, event)
    points = {point: at for point, at in state.points.items() if point != name}
    return _over(replace(state, points=points), event, name, held)


def _not_before(held: Fact, event: Event) -> None:
    if event.at < held.since:
        raise Refusal(N_("It cannot end before it began."), code="invalid", field="at")


def _tier(state: IncidentState, event: Event) -> IncidentState:
    name = f"tier:{event.facts['tier']}"
    held = state.fact(name)
    if event.facts["open"]:
        return state if held else begin(state, name, _here(event))
    if held:
        _not_before(held, event)
    return support.release(end(state, name), event.facts["tier"], event, event.seq)


def _step_opened(state: IncidentState, event: Event) -> IncidentState:
    facts = event.facts
    if facts["key"] in state.steps:
        raise Refusal(N_("This step is open already."))
    run = StepRun(
        key=facts["key"],
        id=facts["id"],
        activation=facts["activation"],
        run=facts["run"],
        subject=facts.get("subject", ""),
        kind=facts["kind"],
        group=facts["group"],
        mandatory=facts["mandatory"],
        source=facts["source"],
        options=tuple(facts.get("options", ())),
        hold=tuple(facts.get("hold", ())),
        times=facts.get("times", 1),
        reserved=facts.get("reserved", False),
        opened_at=event.at,
        opened_seq=event.seq,
        due_in=facts.get("due_in"),
        target=facts.get("target"),
        target_from=facts.get("target_from"),
    )
    state = end(end(state, f"step:{run.id}.done", run.subject), f"step:{run.id}.started", run.subject)
    state = begin(state, f"step:{run.id}.open", _here(event), run.subject)
    return _put(state, run)


def _put(state: IncidentState, run: StepRun) -> IncidentState:
    return replace(state, steps={**state.steps, run.key: run})


def _run(state: IncidentState, event: Event) -> StepRun:
    try:
        return state.steps[event.facts["key"]]
    except KeyError:
        raise Refusal(N_("This step has not been opened."), code="not_open") from None


def _changes(verb: str) -> Handler:
    """A handler for one verb of a step: its new status, and the facts that begin and end with it."""

    def handler(state: IncidentState, event: Event) -> IncidentState:
        run = _run(state, event)
        status = step_move(verb, run.status)
        changed: dict[str, Any] = {"status": status}
        if status == "in_progress" and run.started_at is None:
            changed["started_at"] = event.at
            state = begin(state, f"step:{run.id}.started", _here(event), run.subject)
        if verb == "assign":
            changed["assignee"] = event.facts["person"]
        if verb in ("complete", "skip"):
            changed |= {"done_at": event.at, "decision": event.facts.get("decision", "")}
            state = _close_step(state, run)
        if status == "done":
            changed["took"] = _took(run, event)
            state = begin(state, f"step:{run.id}.done", _here(event), run.subject)
        if changed.get("decision"):
            state = _decide(state, run, changed["decision"], event)
        return _put(state, replace(run, **changed))

    return handler


def _took(run: StepRun, event: Event) -> int | None:
    """How long a step with a target took: to the call where there was one, else until it was done."""
    if run.target_from is None:
        return None
    ended: int = event.facts.get("call", {}).get("at") or event.at
    return max(0, ended - run.target_from)


def _decide(state: IncidentState, run: StepRun, choice: str, event: Event) -> IncidentState:
    """The latest choice holds; the choice before it, of an earlier run, does not."""
    for option in run.options:
        state = end(state, f"decision:{run.id}:{option}", run.subject)
    return begin(state, f"decision:{run.id}:{choice}", _here(event), run.subject)


def _close_step(state: IncidentState, run: StepRun) -> IncidentState:
    return end(end(state, f"step:{run.id}.open", run.subject), f"step:{run.id}.started", run.subject)


def _step_ticked(state: IncidentState, event: Event) -> IncidentState:
    run = _run(state, event)
    step_move("complete", run.status)
    return _put(state, replace(run, ticks=run.ticks + 1))


def _step_withdrawn(state: IncidentState, event: Event) -> IncidentState:
    run = _run(state, event)
    return _put(_close_step(state, run), replace(run, status="withdrawn", done_at=event.at))


def _step_overdue(state: IncidentState, event: Event) -> IncidentState:
    run = _run(state, event)
    return _put(state, replace(run, due=run.due or event.facts["due"]))


def _updated(state: IncidentState, event: Event) -> IncidentState:
    """An older update never moves a clock back."""
    for audience in event.facts["audiences"]:
        held = state.fact(f"update:{audience}")
        if held and held.since > event.at:
            continue
        state = begin(state, f"update:{audience}", _here(event))
        next_updates = {key: value for key, value in state.next_updates.items() if key != audience}
        if event.facts.get("next_update_at"):
            next_updates[audience] = event.facts["next_update_at"]
        state = replace(state, next_updates=next_updates)
    return replace(state, points={"first_update": event.at, **state.points})


def _cadence_set(state: IncidentState, event: Event) -> IncidentState:
    return replace(state, cadences={**state.cadences, event.facts["audience"]: event.facts["every"]})


def _called_out(state: IncidentState, event: Event) -> IncidentState:
    facts = event.facts
    people = tuple(facts.get("people", ()))
    callout = Callout(facts["contacts"], facts["rung"], people=people, waiting=people if facts.get("each") else ())
    return _call(state, event, callout)


def _call(state: IncidentState, event: Event, callout: Callout) -> IncidentState:
    ladder = event.facts["ladder"]
    state = begin(end(state, f"held:{ladder}"), f"callout:{ladder}", _here(event))
    return replace(state, callouts={**state.callouts, ladder: callout})


def _contact_asked(state: IncidentState, event: Event) -> IncidentState:
    ladder = event.facts["ladder"]
    callout = replace(state.callouts[ladder], rung=event.facts["rung"], people=tuple(event.facts.get("people", ())))
    return replace(state, callouts={**state.callouts, ladder: callout})


def _handed_over(state: IncidentState, event: Event) -> IncidentState:
    """Somebody else is called in their place, with a window of their own; the next contact after them stays the next.
    Where everybody has to answer, they answer in that place, within the window of all."""
    ladder, person = event.facts["ladder"], event.facts["person"]
    callout = state.callouts[ladder]
    if event.actor in callout.waiting:
        waiting = tuple(dict.fromkeys(person if one == event.actor else one for one in callout.waiting))
        return replace(state, callouts={**state.callouts, ladder: replace(callout, waiting=waiting)})
    return _call(state, event, replace(callout, holder="", people=(person,), waiting=(), answers=()))


def _answered(state: IncidentState, event: Event) -> IncidentState:
    """An answer to a contact already passed still counts. Where everybody has to answer, the last one ends the call, and
    so does somebody who was asked in their place."""
    ladder, person = event.facts["ladder"], event.facts["person"]
    if ladder not in state.callouts:
        raise Refusal(N_("Nobody is being called for this."))
    before = state.callouts[ladder]
    waiting = tuple(one for one in before.waiting if one != person)
    callout = replace(before, holder=person, waiting=waiting, answers=(*before.answers, person))
    if not waiting or waiting == before.waiting:
        state = begin(end(state, f"callout:{ladder}"), f"held:{ladder}", _here(event))
    return replace(state, callouts={**state.callouts, ladder: callout})


def _list(state: IncidentState, event: Event) -> IncidentState:
    name, items = event.facts["list"], event.facts["items"]
    total, still = state.lists.get(name, (0, 0))
    if event.kind == "list_added":
        total, still = total + items, still + items
    elif items > still:
        raise Refusal(N_("More items are settled than are open."), code="invalid", field="items")
    else:
        still -= items
    state = replace(state, lists={**state.lists, name: (total, still)})
    fact = f"list:{name}.open"
    if still and not state.holds(fact):
        return begin(state, fact, _here(event))
    return state if still else end(state, fact)


def _mark(state: IncidentState, event: Event) -> IncidentState:
    return begin(state, f"mark:{event.facts['name']}", _here(event), event.facts.get("subject", ""))


def _fired(state: IncidentState, event: Event) -> IncidentState:
    """A rule fires each n of an episode once, in order: a second delivery dies here."""
    base, n = event.facts["base"], event.facts["n"]
    last = state.fired.get(base)
    if n != (last.n if last else 0) + 1:
        raise Refusal(N_("This promise has been kept already."), code="fired")
    fired = Fired(event.facts["to"], event.facts["next_from"])
    return replace(state, fired={**state.fired, base: fired})


def _adjusted(state: IncidentState, event: Event) -> IncidentState:
    base, n = event.facts["base"], event.facts["n"]
    old = state.adjust.get(base, Adjustment())
    change = event.facts["change"]
    if change == "stop":
        new = replace(old, stopped=True)
    elif change == "pause":
        new = replace(old, paused_at=event.at)
    else:  # put off by so much; resuming puts off by as long as it was paused
        by = event.facts["by"]
        extra = by + (old.extra if old.n == n else 0)
        new = replace(old, shift=old.shift + by, extra=extra, n=n, paused_at=None)
    return replace(state, adjust={**state.adjust, base: new})


def _corrected(state: IncidentState, event: Event) -> IncidentState:
    """Every fact that the target event began moves to the new instant; its seq, and so every key, stays. So does the end
    of a condition, with the time that did not count because of it."""
    target, to = event.facts["target"], event.facts["to"]
    facts = {
        name: {
            who: Fact(to, fact.seq) if fact.seq == target and correctable(name) else fact for who, fact in held.items()
        }
        for name, held in state.facts.items()
    }
    state = support.corrected(_end_corrected(state, target, to), target, to)
    begun = [name for name, at in state.points.items() if state.fact(name) == Fact(at, target)]
    reported = state.fact("reported")
    if reported and reported.seq == target:  # the report was made when it was made; only the fault's start moves
        facts["reported"] = {"": reported}
        begun = ["started"]
    points = {**state.points, **dict.fromkeys(begun, to)}
    return replace(state, facts=facts, points=points)


def _end_corrected(state: IncidentState, target: int, to: int) -> IncidentState:
    for name, known in state.ended.items():
        for subject, gone in known.items():
            if gone.ended_seq == target:
                key = subject_key(name, subject)
                pauses = tuple(
                    (a, to) if (a, b) == (gone.since, gone.ended) else (a, b) for a, b in state.pauses.get(key, ())
                )
                ended = {**state.ended, name: {**known, subject: gone._replace(ended=to)}}
                return replace(state, ended=ended, pauses={**state.pauses, **({key: pauses} if pauses else {})})
    return state


def correctable(name: str) -> bool:
    """Whether the instant of this fact is something a person said. Steps, calls and marks begin when they are opened,
    made and set."""
    return not name.startswith(("step:", "callout:", "held:", "decision:", "mark:", "list:"))


def _waived(state: IncidentState, event: Event) -> IncidentState:
    return replace(state, waived=(*state.waived, event.facts["gate"]))


def _commanded(state: IncidentState, event: Event) -> IncidentState:
    return replace(state, commander=event.facts["commander"], deputy=event.facts.get("deputy", ""))


def _merged_in(state: IncidentState, event: Event) -> IncidentState:
    """The fault began when the earlier of the two did; the clock keeps its key."""
    started = state.fact("started")
    if not started or event.facts["started"] >= started.since:
        return state
    state = begin(state, "started", Fact(event.facts["started"], started.seq))
    return replace(state, points={**state.points, "started": event.facts["started"]})


def _stood_down(state: IncidentState, event: Event) -> IncidentState:
    return _first(_hang_up(state, state.callouts), "stood_down", event)


def _stand_down_withdrawn(state: IncidentState, event: Event) -> IncidentState:
    points = {name: at for name, at in state.points.items() if name != "stood_down"}
    return end(replace(state, points=points), "stood_down")


def _closed(state: IncidentState, event: Event) -> IncidentState:
    """Call-outs, conditions and open steps end with the incident."""
    for run in state.open_steps():
        state = _put(_close_step(state, run), replace(run, status="withdrawn", done_at=event.at))
    state = support.release_all(state, event)
    ending = ("condition:", "callout:", "held:", "tier:")
    facts = {name: held for name, held in state.facts.items() if not name.startswith(ending)}
    return replace(
        state,
        facts=facts,
        callouts={},
        next_updates={},
        points={**state.points, "closed": event.at},
        outcome=event.facts.get("outcome") or _OUTCOME[event.kind],
        cause=event.facts.get("cause", ""),
        merged_into=event.facts.get("ref", ""),
    )


_OUTCOME = {"cancelled": "cancelled", "merged_into": "duplicate"}


def _reopened(state: IncidentState, event: Event) -> IncidentState:
    """`started`, `activated` and `level` count anew; choices and done steps stay; `fired` is kept, so no key repeats."""
    state = _first(state, "acknowledged", event)  # whoever reopens it has taken it up, if nobody had
    dropped = ("stood_down", "update:", "tier:", "list:", *POINTS)
    facts = {
        name: held for name, held in state.facts.items() if not name.startswith(dropped) or name.startswith("list:")
    }
    state = replace(state, facts=facts, ended={}, pauses={}, waived=(), outcome="", cause="")
    points = {name: at for name, at in state.points.items() if name not in ("closed", "stood_down", *POINTS)}
    state = replace(state, points=points)
    for name in ("started", "activated", "level", f"level:{state.level}"):
        if state.holds(name):
            state = begin(state, name, _here(event))
    for activation in state.live_activations:
        if activation.n:
            state = begin(state, f"plan:{activation.plan}", _here(event))
    return state


_HANDLERS: dict[str, Handler] = {
    "reported": _reported,
    "acknowledged": _acknowledged,
    "assessed": _assessed,
    "activated": _activated,
    "deactivated": _deactivated,
    "level_set": _level_set,
    "level_confirmed": _confirmed,
    "condition": _condition,
    "point": _point,
    "tier": _tier,
    "step_opened": _step_opened,
    "step_started": _changes("start"),
    "step_ticked": _step_ticked,
    "step_completed": _changes("complete"),
    "step_skipped": _changes("skip"),
    "step_assigned": _changes("assign"),
    "step_blocked": _changes("block"),
    "step_unblocked": _changes("unblock"),
    "step_withdrawn": _step_withdrawn,
    "step_overdue": _step_overdue,
    "updated": _updated,
    "cadence_set": _cadence_set,
    "called_out": _called_out,
    "contact_asked": _contact_asked,
    "answered": _answered,
    "handed_over": _handed_over,
    "list_added": _list,
    "list_settled": _list,
    "mark": _mark,
    "fired": _fired,
    "adjusted": _adjusted,
    "corrected": _corrected,
    "waived": _waived,
    "commanded": _commanded,
    "merged_in": _merged_in,
    "merged_into": _closed,
    "stood_down": _stood_down,
    "stand_down_withdrawn": _stand_down_withdrawn,
    "closed": _closed,
    "cancelled": _closed,
    "reopened": _reopened,
    "support": support.told,
}
