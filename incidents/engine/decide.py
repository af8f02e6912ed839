"""What a person asks for, turned into events: `decide(rules, state, act, now)`. Refuses what is not legal; writes nothing.

One function per verb, found by name; the same for the live system, the rehearsal of a plan and the seeding of a demo.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from incidents.engine import support
from incidents.engine.apply import correctable
from incidents.engine.effects import Duty, calling
from incidents.engine.events import Event
from incidents.engine.gates import blockers
from incidents.engine.lifecycle import MAJOR, N_, SUPPORT_MOVES, VERDICTS, Refusal, move, step_move
from incidents.engine.plan import AD_HOC, AUDIENCES, CONDITIONS, LEVELS, POINTS, Plan, RuleSet, compile, key_of
from incidents.engine.promises import Promise, interval, promises, scaled
from incidents.engine.state import Adjustment, IncidentState, StepRun

SKEW_MS = 5_000  # a clock this little ahead of ours means “now”
FOREVER = 2**63

# In force when no house plan has been published yet: a report must never be refused for that.
BARE_HOUSE = Plan(slug="house", revision=0, groups={}, is_house=True)
BARE_RULES = compile([BARE_HOUSE])


@dataclass(frozen=True, slots=True)
class Act:
    """One thing somebody does. `at`: when it happened, ms UTC; `body`: as in the API, ids resolved, texts as notes."""

    verb: str
    at: int
    actor: str
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Case:
    rules: RuleSet
    state: IncidentState
    act: Act
    now: int
    duty: Duty

    @property
    def body(self) -> Mapping[str, Any]:
        return self.act.body

    def event(self, kind: str, /, **facts: Any) -> Event:
        """An event by the person; a note that came with the act goes with it."""
        if note := self.body.get("note"):
            facts["note"] = note
        return self.by(kind, **facts)

    def by(self, kind: str, /, **facts: Any) -> Event:
        """An event by the person, beside the one that carries the note."""
        return Event(kind, self.act.at, facts, self.act.actor)


def decide(rules: RuleSet, state: IncidentState, act: Act, now: int, duty: Duty) -> list[Event]:
    """The events of one act, none when it changes nothing. Refusal when it is not legal or not possible now."""
    if act.at > now:
        raise Refusal(N_("That time is in the future."), code="invalid", field="at")
    if act.verb != "steps/verb":
        move(act.verb, state.status)
    return _VERBS[act.verb](_Case(rules, state, act, now, duty))


def clamp(at: int, now: int) -> int:
    """A time a few seconds ahead of the database's clock is now; one further ahead is left to be refused."""
    return now if now < at <= now + SKEW_MS else at


def _report(case: _Case) -> list[Event]:
    body = case.body
    return [
        case.event(
            "reported",
            incident_kind=body.get("kind", "real"),
            type=body["incident_type"],
            speed=body.get("speed", 1),
            captured=body.get("captured_at", case.act.at),
            conditions=list(body.get("conditions", ())),
            house=list(body.get("house") or (BARE_HOUSE.slug, BARE_HOUSE.revision)),
            **({"report": body["report"]} if "report" in body else {}),
        )
    ]


def _join(case: _Case) -> list[Event]:
    if "ref" in case.body:
        return [case.event("merged_in", ref=case.body["ref"], started=case.body["started"])]
    return [case.event("joined", report=case.body["report"])]


def _acknowledge(case: _Case) -> list[Event]:
    return [case.event("acknowledged")]


def _assess(case: _Case) -> list[Event]:
    verdict = case.body["verdict"]
    if verdict not in VERDICTS:
        raise Refusal(N_("Choose one of the verdicts."), code="invalid", field="verdict")
    facts = {name: case.body[name] for name in ("type", "scope") if case.body.get(name)}
    events = [case.event("assessed", verdict=verdict, **facts)]
    for name in case.body.get("conditions", ()):
        if not case.state.holds(f"condition:{name}") and f"condition:{name}" not in case.state.ended:
            started = case.state.fact("started")
            assert started
            events.append(Event("condition", started.since, {"name": name, "holds": True, "grace": 0}))
    return events


def _activate(case: _Case) -> list[Event]:
    """A plan replaced by itself, as by its newer revision, goes on: what it fired does not fire again."""
    state, body = case.state, case.body
    live = [a for a in state.live_activations if a.n]
    same = next((a for a in live if a.plan == body["plan"]), None)
    if same and not body.get("replace"):
        raise Refusal(N_("This plan is active already."))
    _level_known(body["level"])
    ended = live if body.get("replace") else []
    events = [case.by("deactivated", n=a.n, **({"continued": True} if a is same else {})) for a in ended]
    facts = {name: body[name] for name in ("plan", "revision", "level", "confirmed")}
    if same:
        facts["continues"] = same.root
    events.append(case.event("activated", n=len(state.activations), **facts))
    if body.get("replace") and state.level is not None and body["level"] > state.level:
        events.append(case.by("level_set", level=body["level"], confirmed=body["confirmed"]))
    return events


def _level_known(level: int) -> None:
    if level not in LEVELS:
        raise Refusal(N_("The level is a number from 1 (worst) to 4."), code="invalid", field="level")


def _level(case: _Case) -> list[Event]:
    _level_known(case.body["level"])
    if case.body["level"] == case.state.level:
        raise Refusal(N_("The level is %(level)s already."), level=case.state.level)
    return [case.event("level_set", level=case.body["level"], confirmed=case.body["confirmed"])]


def _confirm(case: _Case) -> list[Event]:
    """Through the decision step that asks for it, where one is open, so that both end together."""
    state = case.state
    if state.holds("level_confirmed"):
        raise Refusal(N_("The level is confirmed already."))
    for run in state.open_steps():
        option = _confirming(case.rules, state, run)
        if option:
            return [case.event("step_completed", key=run.key, decision=option)]
    return [case.event("level_confirmed")]


def _confirming(rules: RuleSet, state: IncidentState, run: StepRun) -> str:
    """The option of a step that confirms the level, or nothing."""
    if run.source == "person":
        return ""
    activation = state.activation(run.activation)
    step = rules[activation.plan, activation.revision].steps[run.id.partition(".")[2]]
    keys = (option.key for option in step.options if any(action.do == "confirm_level" for action in option.do))
    return next(keys, "")


def known_conditions(rules: RuleSet, state: IncidentState) -> dict[str, int]:
    """The conditions that can be set in this incident, with their grace in ms: the common ones and those of its plans."""
    names = dict.fromkeys(CONDITIONS, 0)
    for activation in state.live_activations:
        names |= rules[activation.plan, activation.revision].plan.conditions
    return names


def _condition(case: _Case) -> list[Event]:
    name, holds, subject = case.body["name"], case.body["holds"], case.body.get("subject", "")
    known = known_conditions(case.rules, case.state)
    if name in POINTS:
        changed = case.state.holds(name) != holds
        return [case.event("point", name=name, holds=holds)] if changed else []
    if name not in known:
        raise Refusal(N_("There is no condition “%(name)s”."), code="invalid", field="name", name=name)
    if (subject in case.state.facts.get(f"condition:{name}", {})) == holds:
        return []
    facts = {"subject": subject} if subject else {}
    return [case.event("condition", name=name, holds=holds, grace=known[name], **facts)]


def _add_step(case: _Case) -> list[Event]:
    house = case.state.activations[0].plan
    number = 1 + sum(run.source == "person" for run in case.state.steps.values())
    name = key_of(house, f"{AD_HOC}{number}")
    return [
        case.event(
            "step_opened",
            key=name,
            id=name,
            activation=0,
            run=1,
            kind="task",
            group=case.body["group"],
            mandatory=True,
            source="person",
            **({"due_in": case.body["due_in"]} if case.body.get("due_in") else {}),
        )
    ]


def _step(case: _Case) -> list[Event]:
    run = case.state.steps.get(case.body["key"])
    if run is None:
        raise Refusal(N_("This step has not been opened."), code="not_open")
    move("steps/verb", case.state.status)
    verb = case.body["verb"]
    step_move(verb, run.status)
    return _STEP_VERBS[verb](case, run)


def _complete(case: _Case, run: StepRun) -> list[Event]:
    facts: dict[str, Any] = {"key": run.key}
    if run.kind == "call":
        call = case.body.get("call")
        if not call:
            raise Refusal(N_("A call needs its record: who, when, answered or not."), code="invalid", field="call")
        facts["call"] = call
        if not call["answered"]:
            return [case.event("call_tried", **facts)]
    if run.kind == "decision":
        if case.body.get("decision") not in run.options:
            raise Refusal(N_("Choose one of the options of this decision."), code="invalid", field="decision")
        facts["decision"] = case.body["decision"]
        if case.body.get("confirms"):  # a level set by this choice needs nobody else's word
            facts["confirms"] = True
    if is_held(case.state, run):
        holding = [atom for atom in run.hold if not atom.startswith("not ")]
        raise Refusal(N_("This step stays open while its condition holds."), code="held", open=holding)
    if run.ticks + 1 < run.times:
        return [case.event("step_ticked", **facts)]
    return [case.event("step_completed", **facts)]


def _skip(case: _Case, run: StepRun) -> list[Event]:
    if reason := not_to_be_skipped(case.state, run):
        raise Refusal(reason)
    return [case.event("step_skipped", key=run.key)]


def not_to_be_skipped(state: IncidentState, run: StepRun) -> str:
    """Why a step cannot be left out, or nothing. A limit that asks for a call or a decision is kept by the record of the
    call or the choice and by nothing else (N2, N3)."""
    if is_held(state, run):
        return N_("This step stays open while its condition holds.")
    if not run.mandatory:
        return ""
    if run.kind == "check":
        return N_("A required check cannot be skipped.")
    if run.source == "rule" and run.kind == "call":
        return N_("This call is a limit of the plan: only its record closes it.")
    if run.kind == "decision" and (run.source == "rule" or run.reserved):
        return N_("This decision has to be taken: choose one of its options.")
    return ""


def is_held(state: IncidentState, run: StepRun) -> bool:
    """Whether the facts that keep a step open hold."""
    return bool(run.hold) and state.satisfies(run.hold, run.subject)


def _simply(kind: str) -> Callable[[_Case, StepRun], list[Event]]:
    return lambda case, run: [case.event(kind, key=run.key)]


_STEP_VERBS: Mapping[str, Callable[[_Case, StepRun], list[Event]]] = {
    "start": _simply("step_started"),
    "complete": _complete,
    "skip": _skip,
    "assign": lambda case, run: [case.event("step_assigned", key=run.key, person=case.body["person"])],
    "block": _simply("step_blocked"),
    "unblock": _simply("step_unblocked"),
}


def _support(case: _Case) -> list[Event]:
    """Second-level support comes after the first (N5). The people named when it opens, or is open, are asked."""
    tier, opened = case.body["tier"], case.body["open"]
    if opened == case.state.holds(f"tier:{tier}"):
        return _ask(case, case.by) if opened else []
    if opened and tier == 2 and not case.state.holds("tier:1"):
        raise Refusal(N_("Open first-level support first."))
    if not opened and case.act.at < support.last_instant(case.state, tier):
        raise Refusal(N_("Something later is on record of its people."), code="invalid", field="at")
    people = {"people": list(case.body["people"])} if case.body.get("people") else {}
    return [case.event("tier", tier=tier, open=opened, **people), *(_ask(case, case.by) if opened else [])]


def _ask(case: _Case, event: Callable[..., Event]) -> list[Event]:
    """Those who are named and are not asked, expected or in it already."""
    tier, named = case.body["tier"], dict.fromkeys(case.body.get("people", ()))
    people = [who for who in named if support.standing(case.state, tier, who) in SUPPORT_MOVES["asked"]]
    return [event("support", tier=tier, people=people, status="asked")] if people else []


def _support_people(case: _Case) -> list[Event]:
    """What is so already is not said again."""
    tier, status = case.body["tier"], case.body["status"]
    if status not in SUPPORT_MOVES:
        raise Refusal(N_("This cannot be said of a person in support."), code="invalid", field="status")
    if status == "asked" and case.state.holds(f"tier:{tier}"):
        return _ask(case, case.event)
    named = dict.fromkeys(case.body["people"])
    people = [who for who in named if support.standing(case.state, tier, who) != status]
    return [case.event("support", tier=tier, people=people, status=status)] if people else []


def _pending(case: _Case) -> Promise:
    """The promise asked about. It may have been kept in this very turn."""
    promise = promises(case.rules, case.state).get(f"{case.body['base']}#{case.body['n']}")
    if promise is None:
        raise Refusal(N_("This promise is no longer pending."), code="not_pending")
    return promise


def _extend(case: _Case) -> list[Event]:
    body = case.body
    promise = _pending(case)
    by = body["by"] if "by" in body else body["until"] - promise.due
    if by <= 0:
        raise Refusal(N_("The new time must be later than the old one."), code="invalid", field="until")
    return [case.event("adjusted", base=body["base"], n=body["n"], change="extend", by=by)]


def _pause(case: _Case) -> list[Event]:
    _pending(case)
    return [case.event("adjusted", base=case.body["base"], n=case.body["n"], change="pause")]


def _resume(case: _Case) -> list[Event]:
    """The time it was paused does not count."""
    paused = case.state.adjust.get(case.body["base"], Adjustment()).paused_at
    if paused is None:
        raise Refusal(N_("This promise is not paused."), code="not_paused")
    by = max(0, case.act.at - paused)
    return [case.event("adjusted", base=case.body["base"], n=case.body["n"], change="resume", by=by)]


def _stop(case: _Case) -> list[Event]:
    _pending(case)
    return [case.event("adjusted", base=case.body["base"], n=case.body["n"], change="stop")]


def _call_out(case: _Case) -> list[Event]:
    """Somebody is called by a ladder or a topic card of an active plan (N6)."""
    slug, _, name = case.body["ladder"].partition(".")
    found = [a for a in case.state.live_activations if a.plan == slug]
    compiled = case.rules[found[0].plan, found[0].revision] if found else None
    if compiled is None or name not in {ladder.id for ladder in compiled.plan.ladders}:
        raise Refusal(N_("No active plan calls anybody under this name."), code="invalid", field="ladder")
    if case.state.holds(f"callout:{case.body['ladder']}"):
        raise Refusal(N_("They are being called already."), code="calling")
    event = calling(compiled, name, 1, case.act.at, case.duty, case.act.actor)
    return [replace(event, facts={**event.facts, **({"note": note} if (note := case.body.get("note")) else {})})]


def _hand_over(case: _Case) -> list[Event]:
    """Whoever holds a call-out, or is being called, gives it to somebody else; those who run the response may take it
    from anybody."""
    ladder, person = case.body["ladder"], case.body["person"]
    callout = case.state.callouts.get(ladder)
    if callout is None or not (case.state.holds(f"callout:{ladder}") or case.state.holds(f"held:{ladder}")):
        raise Refusal(N_("Nobody is being called for this."))
    if case.act.actor not in (callout.holder, *callout.people) and not case.body.get("may_any"):
        raise Refusal(N_("Somebody else has this call-out."), code="not_yours")
    if person == (callout.holder or case.act.actor):
        raise Refusal(N_("Choose somebody else."), code="invalid", field="person")
    return [case.event("handed_over", ladder=ladder, person=person)]


def _unreachable(case: _Case) -> list[Event]:
    """Every channel of whoever was asked has refused: there is no use in waiting for their window to end."""
    callout = case.state.callouts.get(case.body["ladder"])
    if not callout or not case.state.holds(f"callout:{case.body['ladder']}") or callout.rung != case.body["rung"]:
        return []
    return [case.event("unreachable", ladder=case.body["ladder"], person=case.body["person"])]


def _answer(case: _Case) -> list[Event]:
    """An answer counts whoever has been asked meanwhile; a “no” counts only from the contact whose turn it is."""
    body = case.body
    ladder = body.get("ladder", "")
    called = ladder in case.state.callouts and case.state.holds(f"callout:{ladder}")
    if body["verb"] == "decline":
        if called and body.get("rung", case.state.callouts[ladder].rung) == case.state.callouts[ladder].rung:
            return [case.event("contact_failed", ladder=ladder)]
        return [case.event("notice_declined", notification=body["notification"])]
    if called and case.act.actor not in case.state.callouts[ladder].answers:
        return [case.event("answered", ladder=ladder, person=case.act.actor)]
    return [case.event("notice_acknowledged", notification=body["notification"])]


def _update(case: _Case) -> list[Event]:
    """Every update says when the next one comes: as promised with it, else as the cadence has it. “Nothing new” counts."""
    audience = case.body["audience"]
    audiences = list(AUDIENCES) if audience == "all" else [audience]
    facts: dict[str, Any] = {"nothing_new": True} if case.body.get("nothing_new") else {}
    if case.body.get("next_update_at"):
        facts["next_update_at"] = case.body["next_update_at"]
    elif following := [at for one in audiences if (at := next_update(case.rules, case.state, one, case.act.at))]:
        facts["next_by"] = min(following)
    return [case.event("updated", audiences=audiences, **facts)]


def next_update(rules: RuleSet, state: IncidentState, audience: str, at: int) -> int | None:
    """When the one after an update given at that time is due by the cadences in force (ms); None where there is none."""
    if not state.holds("activated") or state.holds("stood_down"):
        return None
    found = [rule for a in state.live_activations for rule in rules[a.plan, a.revision].rules if rule.asks == audience]
    spans = [span for rule in found if (span := interval(state, rule))]
    return at + scaled(min(spans), state.speed) if spans else None


def _cadence(case: _Case) -> list[Event]:
    audience, every = case.body["audience"], case.body["every"]
    rules = [rule for a in case.state.live_activations for rule in case.rules[a.plan, a.revision].rules]
    if not any(rule.asks == audience for rule in rules):
        raise Refusal(N_("No active plan asks for updates to them."), code="invalid", field="audience")
    if case.state.cadences.get(audience) == every:
        return []
    return [case.event("cadence_set", audience=audience, every=every)]


def _note(case: _Case) -> list[Event]:
    """A note; with `corrects` and `at` it moves the instant of what that entry began."""
    target = case.body.get("corrects")
    if target is not None and not 1 <= target <= case.state.seq:
        raise Refusal(N_("There is no entry %(target)s."), code="invalid", field="corrects", target=target)
    if target is not None and case.body.get("to") is not None:
        _correctable(case, target, case.body["to"])
        return [case.event("corrected", target=target, to=case.body["to"])]
    return [case.event("note", **({"corrects": target} if target is not None else {}))]


def _correctable(case: _Case, target: int, to: int) -> None:
    """Only the instant of what still counts can be moved, and only to where it can have been."""
    earliest, latest = _room_to_move(case.state, target)
    if not latest:
        raise Refusal(N_("Entry %(target)s began nothing that lasts."), code="invalid", field="corrects", target=target)
    if to > case.now:
        raise Refusal(N_("That time is in the future."), code="invalid", field="at")
    if not earliest <= to <= min(latest):
        raise Refusal(N_("It cannot have been then: other entries say so."), code="invalid", field="at")


def _room_to_move(state: IncidentState, target: int) -> tuple[int, list[int]]:
    """Between which instants what this entry began or ended can have been; no upper ones when it is nothing that counts."""
    earliest, latest = 0, list[int]()
    started, reported = state.fact("started"), state.fact("reported")
    for name, held in state.facts.items():
        for subject, fact in held.items():
            if fact.seq == target and correctable(name):
                before = state.ended.get(name, {}).get(subject)
                earliest = max(earliest, before.ended if before and before.seq != fact.seq else 0)
                if started and started.seq != target:  # nothing that answers a fault is older than the fault
                    earliest = max(earliest, started.since)
                first = name == "started" and reported is not None and reported.seq == target
                latest.append(reported.since if first and reported else FOREVER)
    for name, known in state.ended.items():
        for subject, gone in known.items():
            if gone.ended_seq == target:
                again = state.facts.get(name, {}).get(subject)
                earliest = max(earliest, gone.since)
                latest.append(again.since if again and again.seq != gone.seq else FOREVER)
    not_before, not_after = support.room_to_move(state, target)
    latest += [FOREVER] if support.is_marked(state, target) else []
    return max((earliest, *not_before)), [*latest, *not_after]


def _command(case: _Case) -> list[Event]:
    deputy = {"deputy": case.body["deputy"]} if case.body.get("deputy") else {}
    return [case.event("commanded", commander=case.body["commander"], **deputy)]


def _list(case: _Case) -> list[Event]:
    kind = "list_added" if case.body["change"] == "add" else "list_settled"
    return [case.event(kind, list=case.body["list"], items=case.body["items"])]


def _stand_down(case: _Case) -> list[Event]:
    if case.state.holds("stood_down"):
        raise Refusal(N_("This incident has been stood down already."))
    refuse_open(blockers(case.rules, case.state, "stand-down"))
    return [case.event("stood_down")]


def refuse_open(still: list[str]) -> None:
    if still:
        raise Refusal(N_("Some things are still open."), code="open", open=still)


def _close(case: _Case) -> list[Event]:
    """Closing a response as resolved needs the stand-down; whoever may do both does both at once. Nor does a response at
    a level that the leading group confirmed turn out a false alarm without those who may stand it down."""
    state, outcome = case.state, case.body["outcome"]
    refuse_open(blockers(case.rules, state, "close", outcome))
    cause = {"cause": case.body["cause"]} if case.body.get("cause") else {}
    closed = [case.event("closed", outcome=outcome, **cause)]
    if not state.holds("activated") or state.holds("stood_down"):
        return closed
    confirmed = state.level in MAJOR and state.holds("level_confirmed")
    if (outcome == "resolved" or confirmed) and not case.body.get("may_stand_down"):
        refuse_open(["stand-down"])
    return [case.by("stood_down"), *closed] if outcome == "resolved" else closed


def _cancel(case: _Case) -> list[Event]:
    refuse_open(blockers(case.rules, case.state, "close", "cancelled"))
    return [case.event("cancelled")]


def _reopen(case: _Case) -> list[Event]:
    if case.state.outcome == "duplicate":
        raise Refusal(N_("It was merged into %(ref)s; go on there."), ref=case.state.merged_into)
    return [case.event("reopened")]


def _merge(case: _Case) -> list[Event]:
    still = [name for name, (_total, items) in case.state.lists.items() if items]
    refuse_open([*(f"list:{name}" for name in still), *blockers(case.rules, case.state, "close", "duplicate")])
    return [case.event("merged_into", ref=case.body["ref"])]


def _waive(case: _Case) -> list[Event]:
    """Only a gate that says so can be waived, by name and with a reason."""
    for activation in case.state.live_activations:
        plan = case.rules[activation.plan, activation.revision].plan
        if any(gate.waivable and key_of(plan.slug, gate.id) == case.body["gate"] for gate in plan.close):
            return [case.event("waived", gate=case.body["gate"])]
    raise Refusal(N_("This cannot be waived."), code="invalid", field="gate")


def _redact(case: _Case) -> list[Event]:
    return [case.event("redacted", target=case.body["target"])]


_VERBS: Mapping[str, Callable[[_Case], list[Event]]] = {
    "report": _report,
    "join": _join,
    "acknowledge": _acknowledge,
    "assess": _assess,
    "activate": _activate,
    "level": _level,
    "level/confirm": _confirm,
    "conditions": _condition,
    "steps": _add_step,
    "steps/verb": _step,
    "support": _support,
    "promises/extend": _extend,
    "promises/pause": _pause,
    "promises/resume": _resume,
    "promises/stop": _stop,
    "call-out": _call_out,
    "hand-over": _hand_over,
    "unreachable": _unreachable,
    "answer": _answer,
    "updates": _update,
    "cadence": _cadence,
    "notes": _note,
    "command": _command,
    "list": _list,
    "stand-down": _stand_down,
    "close": _close,
    "cancel": _cancel,
    "reopen": _reopen,
    "merge": _merge,
    "waive": _waive,
    "redact": _redact,
    "support/people": _support_people,
}
