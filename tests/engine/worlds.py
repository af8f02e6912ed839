"""Any sequence of things that people do and time does, for the properties that must hold whatever happens.

A world draws moves (what, two numbers, how long after the one before) and reads them as acts about what is there just
now: the third open step, the second pending promise. What was done is kept as a script that can be played again, moved
in time or at a drill's speed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from incidents.engine.decide import Act
from incidents.engine.ledger import FIRED, PENDING
from incidents.engine.lifecycle import CLOSED, OUTCOMES, REPORTED, SUPPORT_MOVES, Refusal
from incidents.engine.plan import Cadence, Due, Gate, Ladder, Option, Plan, Rule, RuleSet, compile
from incidents.engine.state import dump
from incidents.engine.support import standing
from incidents.engine.turn import Turn
from tests.engine.kit import LIBRARY, MINUTE, RESPONSES, T0, Desk, do, plan, repeat, rule, stages, step

# Everything that the library's plans do not use yet, in one plan.
RICH: Plan = plan(
    rule("seat", "condition:relogin", 5, "mark late", "open relogin", requires=("not condition:alarm-sounding",)),
    Rule("staged", ("activated",), stages(5, 10, 12), requires=("not contained",), repeat=repeat(10, 2)),
    rule("paused", "activated", 30, "open extra", pause="condition:waiting", repeat=repeat({1: 5, 2: 10, 3: 20}, 3)),
    rule("ring", ("condition:surge", "tier:1"), 0, "call duty"),
    rule("worse", "condition:surge", 45, "set_level 1", "suggest second-site", levels=frozenset({2, 3})),
    rule("care", "contained", 90, "open extra", "notify lead", until="closed"),
    rule("missing", "list:sheets.open", 15, do("open extra", "not restored"), do("notify floor", "restored")),
    slug="rich",
    starts="surge",
    conditions={"relogin": 0, "waiting": 2 * MINUTE, "surge": 3 * MINUTE},
    ladders=(Ladder("duty", ("floor", "duty", "tech"), 2 * MINUTE, "lead", lease=15 * MINUTE),),
    steps=(
        step("look", due=Due(5 * MINUTE, repeat=repeat(5, 2)), hold=("condition:surge",)),
        step("ask", "call", when=("activated", "condition:surge"), due=Due(60 * MINUTE, clock=("started",))),
        step(
            "choose",
            "decision",
            levels=frozenset({1, 2}),
            options=(Option("yes", {}, (do("open extra"),)), Option("no", {})),
        ),
        step("twice", times=2, when=("decision:choose:no",), mandatory=False),
        step("relogin", opened_by="rule", due=Due(2 * MINUTE)),
        step("extra", opened_by="rule", due=Due({1: 5 * MINUTE, 2: 10 * MINUTE})),
    ),
    stand_down=(step("calm", "check"), step("counted", "check", mandatory=False)),
    cadences=(Cadence("customers", {1: 20 * MINUTE, 3: 40 * MINUTE}, "duty", 5 * MINUTE, 1),),
    close=(
        Gate("sheets", ("not list:sheets.open",)),
        Gate("said", ("update:customers",), outcomes=frozenset({"resolved", "false-alarm", "cancelled"})),
    ),
)
RULES: RuleSet = {**LIBRARY, **compile([RICH])}
PLANS = (*RESPONSES, "rich")
PEOPLE = ("user:1", "user:2", "user:3")
CONDITIONS = ("power-off", "system-down", "surge", "waiting", "relogin", "contained", "controlled", "restored")


@dataclass(frozen=True)
class Line:
    """One line of a script: wait until `now` with the clock up or down, then do."""

    act: Act
    now: int
    down: bool = False


class World(Desk):
    """A desk that keeps its script and checks after every turn what must hold after every turn."""

    def __init__(self, rules: RuleSet = RULES) -> None:
        super().__init__(rules, ("house", 1))
        self.script: list[Line] = []
        self.refused = 0
        self.now = T0

    def turn(self, acts: Iterable[Act], now: int) -> Turn:
        before, seq = dict(self.pending), self.state.seq
        taken = super().turn(acts, now)
        self.now = max(self.now, now)
        written = {row.key: row for row in taken.written}
        assert all(row.due > self.state.as_of or row.due > now for row in self.pending.values())
        assert all(written[key].state != PENDING for key in before if key not in self.pending)
        assert [event.seq for event in taken.events] == list(range(seq + 1, self.state.seq + 1))
        if self.state.status == CLOSED:
            assert self.pending == {}
        return taken

    def play(self, line: Line) -> Turn | None:
        """The turn of the act, or None when it was refused; a refusal changes nothing."""
        self.script.append(line)
        if self.state.seq and not line.down:
            while due := [row.due for row in self.pending.values() if row.due < line.now]:
                self.turn([], min(due))
        before, rows, events = (dump(self.state), dict(self.pending)), dict(self.rows), list(self.events)
        try:
            return self.turn([line.act], line.now)
        except Refusal:
            self.refused += 1
            assert ((dump(self.state), self.pending), self.rows, self.events) == (before, rows, events)
            self.turn([], line.now)
            return None


Move = tuple[str, int, int, int, bool]


def act_of(world: World, name: str, a: int, b: int, now: int) -> Act:
    """The move as an act about what is there now."""
    verb, body = ACTS[name](world, a, b)
    at = now - (0, 0, 1, 4, 12)[b % 5] * MINUTE if name in ("condition", "support", "help") else now
    return Act(verb, max(at, T0), PEOPLE[(a + b) % 3], body)


Asked = tuple[str, Mapping[str, Any]]


def _pick(items: Iterable[Any], number: int) -> Any:
    found = list(items)
    return found[number % len(found)] if found else None


def _condition(world: World, a: int, b: int) -> Asked:
    name = CONDITIONS[a % len(CONDITIONS)]
    subject = {"subject": ("A12", "A13")[b % 2]} if name == "relogin" else {}
    held = subject.get("subject", "") in world.state.facts.get(f"condition:{name}", {}) or world.state.holds(name)
    return "conditions", {"name": name, "holds": not held, **subject}


def _step(world: World, a: int, b: int) -> Asked:
    """Mostly what is open, sometimes what is not."""
    run = _pick(world.state.open_steps() if b % 4 else world.state.steps.values(), a)
    if run is None:
        return "steps/verb", {"key": "nowhere", "verb": "start"}
    verb = ("complete", "complete", "complete", "complete", "start", "assign", "block", "unblock", "skip")[b % 9]
    call = {"call": {"answered": a % 3 > 0}} if run.kind == "call" and b % 5 else {}
    decision = {"decision": _pick(run.options, b)} if run.options else {}
    return "steps/verb", {"key": run.key, "verb": verb, "person": PEOPLE[a % 3], **call, **decision}


def _promise(world: World, a: int, b: int) -> Asked:
    """Something about a pending promise; of those that are paused, one goes on."""
    paused = [base for base, adjusted in world.state.adjust.items() if adjusted.paused_at is not None]
    if paused and b % 3 == 0:
        base = _pick(paused, a)
        fired = world.state.fired.get(base)
        return "promises/resume", {"base": base, "n": (fired.n if fired else 0) + 1}
    row = _pick(world.pending.values(), a)
    about = {"base": row.base, "n": row.n} if row else {"base": "0.house.none@1", "n": 1}
    verb = ("promises/extend", "promises/pause", "promises/stop", "promises/extend")[b % 4]
    return verb, {**about, **({"by": (b % 7) * 3 * MINUTE} if verb == "promises/extend" else {})}


def _activate(world: World, a: int, b: int) -> Asked:
    level = b % 4 + 1
    given = {
        "plan": PLANS[a % len(PLANS)],
        "revision": 1,
        "level": level,
        "confirmed": level > 2,
        "replace": b % 3 == 0,
    }
    return "activate", given


def _correct(world: World, a: int, b: int) -> Asked:
    target = _pick(world.events, a * 3 + b)
    return "notes", {"corrects": target.seq, "to": max(target.at - (b - 3) * 7 * MINUTE, T0) if b % 4 else None}


def _update(world: World, a: int, b: int) -> Asked:
    promised = {"next_update_at": world.now + (b * 11 + 61) * MINUTE} if b % 3 == 0 else {}
    return "updates", {"audience": ("agents", "customers", "leaders", "all")[a % 4], **promised}


def _support(world: World, a: int, b: int) -> Asked:
    """Mostly the other way round; sometimes more people for what is open already."""
    tier = a % 2 + 1
    opened = world.state.holds(f"tier:{tier}")
    return "support", {"tier": tier, "open": opened if b % 3 == 0 else not opened, "people": PEOPLE[: a % 4]}


def _help(world: World, a: int, b: int) -> Asked:
    """Of one to three people, what mostly follows from what was said of the first, who may be one that helps already; where
    it is not open, it opens."""
    tier = 2 if a % 4 == 3 and world.state.holds("tier:2") else 1
    if b % 4 < 3 and not world.state.holds("tier:1"):
        return "support", {"tier": 1, "open": True, "people": PEOPLE}
    inside = [person for person in PEOPLE if standing(world.state, tier, person) == "joined"]
    first = _pick(inside or PEOPLE if a % 3 else PEOPLE, a)
    people = (first, *(person for person in PEOPLE[: b % 3] if person != first))
    before = standing(world.state, tier, first)
    fits = [status for status, known in reversed(list(SUPPORT_MOVES.items())) if before in known]
    return "support/people", {
        "tier": tier,
        "people": people if b % 4 == 3 else people[:1],
        "status": _pick(SUPPORT_MOVES if b % 5 == 4 else fits, a // 3),
    }


def _list(world: World, a: int, b: int) -> Asked:
    return "list", {"list": ("sheets", "callbacks")[a % 2], "change": ("add", "settle")[b % 2], "items": a % 3 + 1}


ACTS: Mapping[str, Callable[[World, int, int], Asked]] = {
    "acknowledge": lambda w, a, b: ("acknowledge", {}),
    "assess": lambda w, a, b: (
        "assess",
        {"verdict": ("real", "false", "nonsense")[a % 3], "conditions": ["surge"][: b % 2]},
    ),
    "activate": _activate,
    "level": lambda w, a, b: ("level", {"level": a % 5, "confirmed": a > 2 or b % 2 == 0}),
    "confirm": lambda w, a, b: ("level/confirm", {}),
    "condition": _condition,
    "step": _step,
    "add step": lambda w, a, b: ("steps", {"group": "G-TECH", **({"due_in": (a + 1) * 5 * MINUTE} if b % 2 else {})}),
    "support": _support,
    "help": _help,
    "promise": _promise,
    "answer": lambda w, a, b: (
        "answer",
        {"verb": ("decline", "acknowledge")[b % 2], "ladder": "rich.duty" if a % 4 else "", "notification": 1},
    ),
    "update": _update,
    "correct": _correct,
    "command": lambda w, a, b: ("command", {"commander": PEOPLE[a % 3]}),
    "list": _list,
    "waive": lambda w, a, b: ("waive", {"gate": ("rich.said", "rich.sheets", "power-cut.patrol", "nowhere.x")[a % 4]}),
    "merge in": lambda w, a, b: ("join", {"ref": "INC-2", "started": T0 - (a - 3) * 9 * MINUTE}),
    "join": lambda w, a, b: ("join", {"report": "2"}),
    "redact": lambda w, a, b: ("redact", {"target": 1}),
    "stand down": lambda w, a, b: ("stand-down", {}),
    "close": lambda w, a, b: ("close", {"outcome": OUTCOMES[a % 2], "may_stand_down": b % 2 == 0}),
    "cancel": lambda w, a, b: ("cancel", {}),
    "merge": lambda w, a, b: ("merge", {"ref": "INC-3"}),
    "reopen": lambda w, a, b: ("reopen", {}),
    "report": lambda w, a, b: ("report", {"incident_type": "x"}),
}
OFTEN = (
    "step",
    "step",
    "step",
    "condition",
    "condition",
    "condition",
    "level",
    "activate",
    "promise",
    "answer",
    "answer",
    "help",
    "help",
)
RARELY = frozenset({"cancel", "merge", "close"})
GAPS = (0, 0, 1, 2, 3, 5, 7, 16, 31, 61, 150)


def moves(*, outages: bool = True, least: int = 8, most: int = 30) -> st.SearchStrategy[list[Move]]:
    names = [*OFTEN, *(name for name in ACTS if name not in RARELY)] * 2 + [*sorted(RARELY), "work off", "work off"]
    number = st.integers(0, 8)
    down = st.sampled_from([False, False, False, True]) if outages else st.just(False)
    return st.lists(
        st.tuples(st.sampled_from(names), number, number, st.sampled_from(GAPS), down), min_size=least, max_size=most
    )


def openings() -> st.SearchStrategy[tuple[str, int, int]]:
    """Which plan, at which level, how many minutes after the report."""
    return st.tuples(st.sampled_from(PLANS), st.integers(1, 4), st.sampled_from([1, 9, 70]))


def begin(opening: tuple[str, int, int], *, kind: str = "real", speed: int = 1) -> World:
    """A world with an incident in it, reported and responded to."""
    slug, level, after = opening
    world = World()
    report = {"incident_type": slug, "house": ("house", 1), "conditions": [], "kind": kind, "speed": speed}
    world.play(Line(Act("report", T0, "user:1", report), T0))
    body = {"plan": slug, "revision": 1, "level": level, "confirmed": level > 2}
    world.play(Line(Act("activate", T0 + after * MINUTE, "user:2", body), T0 + after * MINUTE))
    return world


def live(
    opening: tuple[str, int, int],
    drawn: Iterable[Move],
    after_each: Callable[[World, Turn | None], None] = lambda w, t: None,
) -> World:
    """The world after all moves."""
    world = begin(opening)
    for name, a, b, gap, down in drawn:
        now = world.now + gap * MINUTE
        if world.state.status == CLOSED and b % 2:
            name = "reopen"  # else most worlds would end early
        if name == "work off":
            work_off(world)
        else:
            after_each(world, world.play(Line(act_of(world, name, a, b, now), now, down)))
    return world


def work_off(world: World) -> None:
    """Everything that can be done is done: what holds ends, what is open is completed; now it may be stood down."""
    held = [(name, who) for name, whom in world.state.facts.items() for who in whom if name.startswith("condition:")]
    for name, who in held:
        body = {"name": name.partition(":")[2], "holds": False, "subject": who}
        world.play(Line(Act("conditions", world.now, "user:1", body), world.now))
    world.play(Line(Act("conditions", world.now, "user:1", {"name": "restored", "holds": True}), world.now))
    for _round in range(8):
        for run in world.state.open_steps():
            choice = {"decision": run.options[0]} if run.options else {}
            body = {"key": run.key, "verb": "complete", "call": {"answered": True}, **choice}
            world.play(Line(Act("steps/verb", world.now, "user:2", body), world.now))


def again(script: Iterable[Line], change: Callable[[Line], Line] = lambda line: line) -> World:
    """The same script once more, each line changed."""
    world = World()
    for line in script:
        world.play(change(line))
    return world


def in_time(line: Line, move: Callable[[int], int], by: Callable[[int], int] = lambda ms: ms) -> Line:
    """The line with every instant that a person typed moved, and every duration that a person typed changed."""
    body = dict(line.act.body)
    for name in ("captured_at", "next_update_at", "to", "started"):
        if body.get(name) is not None:
            body[name] = move(body[name])
    if "by" in body:
        body["by"] = by(body["by"])
    return replace(line, act=replace(line.act, at=move(line.act.at), body=body), now=move(line.now))


def never_twice(world: World) -> None:
    """In each episode the n that fired or collapsed follow one another, none missing, none twice."""
    reached: dict[str, int] = {}
    for event in world.events:
        if event.kind == "fired":
            base, n, to = event.facts["base"], event.facts["n"], event.facts["to"]
            assert n == reached.get(base, 0) + 1
            assert to >= n
            reached[base] = to
    assert {row.key for row in world.rows.values() if row.state == FIRED} == {
        event.facts["key"] for event in world.events if event.kind == "fired"
    }


__all__ = [
    "REPORTED",
    "RULES",
    "Line",
    "Move",
    "World",
    "again",
    "begin",
    "in_time",
    "live",
    "moves",
    "never_twice",
    "openings",
]
