"""What is true of one incident, derived from its events alone. Frozen; times are integer milliseconds UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple


class Fact(NamedTuple):
    """A named thing that holds since an instant, begun by the event with this seq."""

    since: int
    seq: int


class Ended(NamedTuple):
    """A fact that held and ended, at `ended`, by the event `ended_seq`. `resumed_seq`: the event by which the same episode
    went on after a gap within the grace."""

    since: int
    seq: int
    ended: int
    ended_seq: int
    resumed_seq: int = 0


class Fired(NamedTuple):
    """The last firing of one rule in one episode, and the instant from which its next due time counts."""

    n: int
    due: int


class Mark(NamedTuple):
    """What was said of one person in support: since when it is so, and by which event."""

    status: str
    at: int
    seq: int


@dataclass(frozen=True, slots=True)
class Activation:
    """One use of one plan revision. Number 0 is the house plan, in force from the report. `root`: the number of the first
    activation of an unbroken succession, as when a plan is replaced by its newer revision; keys carry it."""

    n: int
    plan: str
    revision: int
    level: int | None
    since: int
    root: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What people did to one episode of a rule: `shift` for all its stages, `extra` for the n it was made for."""

    shift: int = 0
    extra: int = 0
    n: int = 0
    stopped: bool = False
    paused_at: int | None = None


@dataclass(frozen=True, slots=True)
class Callout:
    """A ladder in use: how many contacts it has, which of them was asked last and who that was, who answered. `waiting`:
    whose answer is still wanted where everybody has to answer, `answers`: who gave it."""

    contacts: int
    rung: int
    holder: str = ""
    people: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRun:
    """A step that was opened in this incident. `id` is qualified by the plan's slug; `due_in` is the limit a person gave it
    (ms); `due` is set once it is overdue. `target` (ms, from `target_from`) is only measured: `took` says by what."""

    key: str
    id: str
    activation: int
    run: int
    subject: str
    kind: str
    group: str
    mandatory: bool
    source: str
    opened_at: int
    opened_seq: int
    options: tuple[str, ...] = ()
    hold: tuple[str, ...] = ()
    times: int = 1
    reserved: bool = False
    status: str = "open"
    ticks: int = 0
    started_at: int | None = None
    done_at: int | None = None
    decision: str = ""
    assignee: str = ""
    due_in: int | None = None
    due: int | None = None
    target: int | None = None
    target_from: int | None = None
    took: int | None = None

    @property
    def is_open(self) -> bool:
        return self.status in ("open", "in_progress", "blocked")

    @property
    def untouched(self) -> bool:
        return self.status == "open" and not self.ticks and not self.assignee


@dataclass(frozen=True, slots=True)
class IncidentState:
    status: str = ""
    kind: str = ""
    type: str = ""
    verdict: str = ""
    speed: int = 1
    level: int | None = None
    seq: int = 0
    as_of: int = 0
    outcome: str = ""
    cause: str = ""
    merged_into: str = ""
    activations: tuple[Activation, ...] = ()
    facts: Mapping[str, Mapping[str, Fact]] = field(default_factory=dict)
    ended: Mapping[str, Mapping[str, Ended]] = field(default_factory=dict)
    pauses: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    steps: Mapping[str, StepRun] = field(default_factory=dict)
    callouts: Mapping[str, Callout] = field(default_factory=dict)
    lists: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    fired: Mapping[str, Fired] = field(default_factory=dict)
    adjust: Mapping[str, Adjustment] = field(default_factory=dict)
    next_updates: Mapping[str, int] = field(default_factory=dict)
    cadences: Mapping[str, int] = field(
        default_factory=dict
    )  # audience -> ms, where people chose another than the plan
    points: Mapping[str, int] = field(default_factory=dict)
    waived: tuple[str, ...] = ()
    commander: str = ""
    deputy: str = ""
    support: Mapping[str, Mapping[str, tuple[Mark, ...]]] = field(default_factory=dict)

    def fact(self, name: str, subject: str = "") -> Fact | None:
        """The fact as it holds for the subject, or for the incident as a whole."""
        held = self.facts.get(name)
        if not held:
            return None
        return held.get(subject) or held.get("")

    def holds(self, name: str, subject: str = "") -> bool:
        """Without a subject: whether it holds for anybody."""
        return bool(self.facts.get(name)) if not subject else self.fact(name, subject) is not None

    def satisfies(self, atoms: tuple[str, ...], subject: str = "") -> bool:
        """Whether every atom (`fact` or `not fact`) is true now."""
        for atom in atoms:
            wanted = not atom.startswith("not ")
            if self.holds(atom if wanted else atom[4:], subject) is not wanted:
                return False
        return True

    def last_begun(self, name: str) -> int:
        """The seq of the event that last began this fact, or let it go on, for anybody; 0 when it never held."""
        begun = [fact.seq for fact in self.facts.get(name, {}).values()]
        return max((*begun, *(max(gone.seq, gone.resumed_seq) for gone in self._ended(name))), default=0)

    def last_ended(self, name: str) -> int:
        """The seq of the event that last ended this fact for anybody; 0 when it never ended."""
        return max((gone.ended_seq for gone in self._ended(name)), default=0)

    def _ended(self, name: str) -> list[Ended]:
        return list(self.ended.get(name, {}).values())

    @property
    def live_activations(self) -> tuple[Activation, ...]:
        return tuple(activation for activation in self.activations if activation.until is None)

    def activation(self, n: int) -> Activation:
        return self.activations[n]

    def root(self, run: "StepRun") -> int:
        """The succession of activations to which a run belongs."""
        return self.activations[run.activation].root

    def runs(self, step_id: str, subject: str = "") -> list[StepRun]:
        """Every run of one step, oldest first."""
        return [run for run in self.steps.values() if run.id == step_id and run.subject == subject]

    def open_steps(self) -> list[StepRun]:
        return [run for run in self.steps.values() if run.is_open]


_TUPLES: dict[str, Any] = {"facts": Fact, "ended": Ended, "fired": Fired}
_CLASSES: dict[str, Any] = {"steps": StepRun, "callouts": Callout, "adjust": Adjustment}


def dump(state: IncidentState) -> dict[str, Any]:
    """As JSON, for the projection; `load` gives an equal state."""
    data: dict[str, Any] = {f.name: getattr(state, f.name) for f in fields(state)}
    data["activations"] = [_columns(activation) for activation in state.activations]
    for name in _CLASSES:
        data[name] = {key: _columns(value) for key, value in data[name].items()}
    if not state.support:
        del data["support"]  # a state written before there was such a thing says the same
    return data


def _columns(value: Any) -> dict[str, Any]:
    """A value of ours by field; `asdict` would copy each field as well, though none ever changes."""
    return {name: getattr(value, name) for name in value.__slots__}


def load(data: Mapping[str, Any]) -> IncidentState:
    """The state that `dump` wrote, also after a trip through JSON."""
    given = dict(data)
    given["activations"] = tuple(Activation(**activation) for activation in given["activations"])
    given["waived"] = tuple(given["waived"])
    for name in ("facts", "ended"):
        make = _TUPLES[name]
        given[name] = {key: {who: make(*value) for who, value in held.items()} for key, held in given[name].items()}
    given["fired"] = {key: Fired(*value) for key, value in given["fired"].items()}
    given["pauses"] = {key: tuple((a, b) for a, b in value) for key, value in given["pauses"].items()}
    given["lists"] = {key: (value[0], value[1]) for key, value in given["lists"].items()}
    for name, cls in _CLASSES.items():
        given[name] = {key: cls(**_tuples(value)) for key, value in given[name].items()}
    given["support"] = {
        tier: {who: tuple(Mark(*mark) for mark in marks) for who, marks in people.items()}
        for tier, people in given.get("support", {}).items()
    }
    return IncidentState(**given)


def _tuples(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}


def subject_key(name: str, subject: str) -> str:
    """A fact with its subject, as one word."""
    return f"{name}[{subject}]" if subject else name


def begin(state: IncidentState, name: str, fact: Fact, subject: str = "") -> IncidentState:
    """The fact holds from now on; one that holds already is replaced."""
    held = {**state.facts.get(name, {}), subject: fact}
    return replace(state, facts={**state.facts, name: held})


def end(state: IncidentState, name: str, subject: str = "") -> IncidentState:
    """The fact no longer holds; ending one that does not hold changes nothing."""
    held = state.facts.get(name, {})
    if subject not in held:
        return state
    rest = {who: fact for who, fact in held.items() if who != subject}
    facts = {key: value for key, value in state.facts.items() if key != name}
    if rest:
        facts[name] = rest
    return replace(state, facts=facts)
