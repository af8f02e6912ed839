"""The table of moves: what may be done in which status, and what follows. Nothing else decides this."""

import ast
from pathlib import Path
from typing import Any

import pytest

from incidents.engine import decide as deciding
from incidents.engine import lifecycle
from incidents.engine.apply import apply
from incidents.engine.events import KINDS, Event
from incidents.engine.lifecycle import MOVES, STATUSES, STEP_MOVES, STEP_STATUSES, Refusal, legal, move, step_move
from incidents.engine.state import IncidentState

R, A, P, C = "reported", "assessing", "responding", "closed"

# The whole table once more, as a person reads it: verb, where it is legal, and what it leads to.
TABLE: dict[str, dict[str, str]] = {
    "report": {"": R},
    "join": {R: R, A: A, P: P},
    "acknowledge": {R: A},
    "assess": {R: A, A: A, P: P},
    "activate": {R: P, A: P, P: P},
    "level": {P: P},
    "level/confirm": {P: P},
    "conditions": {R: R, A: A, P: P},
    "steps": {R: R, A: A, P: P},
    "steps/verb": {R: R, A: A, P: P},
    "support": {P: P},
    "promises/extend": {R: R, A: A, P: P},
    "promises/pause": {R: R, A: A, P: P},
    "promises/resume": {R: R, A: A, P: P},
    "promises/stop": {R: R, A: A, P: P},
    "answer": {R: R, A: A, P: P},
    "call-out": {R: R, A: A, P: P},
    "hand-over": {R: R, A: A, P: P},
    "unreachable": {R: R, A: A, P: P},
    "updates": {R: R, A: A, P: P},
    "cadence": {R: R, A: A, P: P},
    "command": {R: R, A: A, P: P},
    "notes": {R: R, A: A, P: P, C: C},
    "redact": {R: R, A: A, P: P, C: C},
    "list": {R: R, A: A, P: P, C: C},
    "correct": {R: R, A: A, P: P, C: C},
    "waive": {R: R, A: A, P: P},
    "stand-down": {P: P},
    "close": {A: C, P: C},
    "reopen": {C: P},
    "cancel": {R: C, A: C, P: C},
    "merge": {R: C, A: C, P: C},
    "support/people": {P: P},
}
PAIRS = [(verb, status) for verb in TABLE for status in ("", *STATUSES)]


@pytest.mark.parametrize(("verb", "status"), PAIRS)
def test_a_verb_is_legal_where_the_table_says_and_nowhere_else(verb: str, status: str) -> None:
    if status in TABLE[verb]:
        assert move(verb, status) == TABLE[verb][status]
    else:
        with pytest.raises(Refusal) as refused:
            move(verb, status)
        assert refused.value.code == "illegal"
        assert str(refused.value)


def test_there_is_no_verb_beside_the_table() -> None:
    assert set(MOVES) == set(TABLE)
    assert set(deciding._VERBS) | {"correct"} == set(TABLE)  # a correction is asked for as a note
    assert {kind.verb for kind in KINDS.values()} - {""} <= set(TABLE)


@pytest.mark.parametrize("status", ["", *STATUSES])
def test_what_is_legal_in_a_status_is_read_from_the_same_table(status: str) -> None:
    assert legal(status) == {verb for verb in TABLE if status in TABLE[verb]}


def test_an_unknown_verb_is_refused_in_every_status() -> None:
    for status in ("", *STATUSES):
        with pytest.raises(Refusal):
            move("nonsense", status)


def test_closed_says_to_reopen_first() -> None:
    with pytest.raises(Refusal, match="Reopen it first"):
        move("close", C)


MINIMAL: dict[str, dict[str, Any]] = {
    "reported": {
        **{"incident_kind": "real", "type": "x", "speed": 1, "captured": 0},
        **{"conditions": [], "house": ["house", 0]},
    },
    "assessed": {"verdict": "real"},
    "activated": {"n": 0, "plan": "p", "revision": 1, "level": 3, "confirmed": True},
    "level_set": {"level": 2, "confirmed": True},
    "condition": {"name": "surge", "holds": True, "grace": 0},
    "point": {"name": "restored", "holds": True},
    "tier": {"tier": 1, "open": True},
    "updated": {"audiences": ["agents"]},
    "list_added": {"list": "sheets", "items": 1},
    "list_settled": {"list": "sheets", "items": 0},
    "corrected": {"target": 1, "to": 0},
    "waived": {"gate": "p.x"},
    "commanded": {"commander": "user:2"},
    "merged_in": {"ref": "INC-1", "started": 0},
    "merged_into": {"ref": "INC-1"},
    "closed": {"outcome": "resolved"},
    "contact_failed": {"ladder": "p.x"},
    "cadence_set": {"audience": "agents", "every": 1},
    "joined": {"report": "1"},
    "support": {"tier": 1, "people": [], "status": "asked"},
}
OTHERWISE = ("answered", "handed_over")  # tried with a call-out
BY_VERB = [kind for kind, one in KINDS.items() if one.verb not in ("", "steps/verb") and kind not in OTHERWISE]


@pytest.mark.parametrize("kind", BY_VERB)
@pytest.mark.parametrize("status", ["", *STATUSES])
def test_history_obeys_the_table_too(kind: str, status: str) -> None:
    """An event whose verb is not legal is refused by `apply`, whoever wrote it; a legal one leads where the table says."""
    state, event = IncidentState(status=status), Event(kind, 0, MINIMAL.get(kind, {}), "user:1", seq=1)
    if status in TABLE[KINDS[kind].verb]:
        assert apply(state, event).status == TABLE[KINDS[kind].verb][status]
    else:
        with pytest.raises(Refusal):
            apply(state, event)


STEPS = {
    "start": {"open": "in_progress"},
    "complete": {"open": "done", "in_progress": "done", "blocked": "done"},
    "skip": {"open": "skipped", "in_progress": "skipped", "blocked": "skipped"},
    "assign": {"open": "open", "in_progress": "in_progress", "blocked": "blocked"},
    "block": {"open": "blocked", "in_progress": "blocked"},
    "unblock": {"blocked": "in_progress"},
}


@pytest.mark.parametrize(("verb", "status"), [(verb, status) for verb in STEPS for status in STEP_STATUSES])
def test_a_step_moves_where_its_table_says_and_nowhere_else(verb: str, status: str) -> None:
    if status in STEPS[verb]:
        assert step_move(verb, status) == STEPS[verb][status]
        assert verb in lifecycle.legal_for_step(status)
    else:
        with pytest.raises(Refusal, match=status):
            step_move(verb, status)
        assert verb not in lifecycle.legal_for_step(status)


def test_there_is_no_step_verb_beside_the_table() -> None:
    assert set(STEP_MOVES) == set(STEPS) == set(deciding._STEP_VERBS)


ENGINE = Path(lifecycle.__file__).parent


@pytest.mark.parametrize("path", sorted(ENGINE.glob("*.py")), ids=lambda path: path.name)
def test_only_the_table_leads_to_a_status(path: Path) -> None:
    """No module but the table assigns an incident's status: `apply` takes what `move` gives."""
    given = [
        keyword.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "status"
    ]
    assert not [ast.unparse(value) for value in given if isinstance(value, ast.Constant) and value.value in STATUSES]


@pytest.mark.parametrize("path", sorted(ENGINE.glob("*.py")), ids=lambda path: path.name)
def test_the_core_is_a_leaf(path: Path) -> None:
    """No Django, no other app, no clock, no I/O."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    outside = {name for name in names if not name.startswith("incidents.engine")}
    assert outside <= {"ast", "collections.abc", "dataclasses", "hashlib", "json", "re", "typing"}
