"""The statuses and the table of legal moves. Services, buttons, bulk actions, docs and tests all read this one table."""

from collections.abc import Mapping, Sequence

REPORTED, ASSESSING, RESPONDING, CLOSED = STATUSES = ("reported", "assessing", "responding", "closed")
LIVE = frozenset({REPORTED, ASSESSING, RESPONDING})
TRIAGE = (REPORTED, ASSESSING)  # what waits for a plan
OUTCOMES = ("resolved", "false-alarm", "duplicate", "cancelled")
KINDS = ("real", "drill", "test", "backfilled")
VERDICTS = ("real", "exaggerated", "false", "test")
MAJOR = (1, 2)  # levels that the leading group or a manager confirms

_STAY = {REPORTED: REPORTED, ASSESSING: ASSESSING, RESPONDING: RESPONDING}

# verb -> status in which it is legal -> status that follows
MOVES: Mapping[str, Mapping[str, str]] = {
    "report": {"": REPORTED},
    "join": _STAY,
    "acknowledge": {REPORTED: ASSESSING},
    "assess": {REPORTED: ASSESSING, ASSESSING: ASSESSING, RESPONDING: RESPONDING},
    "activate": {REPORTED: RESPONDING, ASSESSING: RESPONDING, RESPONDING: RESPONDING},
    "level": {RESPONDING: RESPONDING},
    "level/confirm": {RESPONDING: RESPONDING},
    "conditions": _STAY,
    "steps": _STAY,
    "steps/verb": _STAY,
    "support": {RESPONDING: RESPONDING},
    "promises/extend": _STAY,
    "promises/pause": _STAY,
    "promises/resume": _STAY,
    "promises/stop": _STAY,
    "call-out": _STAY,
    "answer": _STAY,
    "hand-over": _STAY,
    "unreachable": _STAY,
    "updates": _STAY,
    "cadence": _STAY,
    "command": _STAY,
    "notes": {**_STAY, CLOSED: CLOSED},
    "redact": {**_STAY, CLOSED: CLOSED},
    "list": {**_STAY, CLOSED: CLOSED},
    "correct": {**_STAY, CLOSED: CLOSED},
    "waive": _STAY,
    "stand-down": {RESPONDING: RESPONDING},
    "close": {ASSESSING: CLOSED, RESPONDING: CLOSED},
    "reopen": {CLOSED: RESPONDING},
    "cancel": {REPORTED: CLOSED, ASSESSING: CLOSED, RESPONDING: CLOSED},
    "merge": {REPORTED: CLOSED, ASSESSING: CLOSED, RESPONDING: CLOSED},
    "support/people": {RESPONDING: RESPONDING},
}

# step verb -> status in which it is legal -> status that follows
STEP_MOVES: Mapping[str, Mapping[str, str]] = {
    "start": {"open": "in_progress"},
    "complete": {"open": "done", "in_progress": "done", "blocked": "done"},
    "skip": {"open": "skipped", "in_progress": "skipped", "blocked": "skipped"},
    "assign": {"open": "open", "in_progress": "in_progress", "blocked": "blocked"},
    "block": {"open": "blocked", "in_progress": "blocked"},
    "unblock": {"blocked": "in_progress"},
}
STEP_OPEN = ("open", "in_progress", "blocked")
STEP_STATUSES = ("waiting", *STEP_OPEN, "done", "skipped", "withdrawn")

# what is said of a person in support -> what they may stand at before; nothing: not asked since the tier opened
SUPPORT_MOVES: Mapping[str, tuple[str, ...]] = {
    "asked": ("", "declined", "released"),
    "confirmed": ("asked", "declined"),
    "declined": ("asked", "confirmed"),
    "joined": ("asked", "confirmed", "declined", "released"),
    "released": ("joined",),
}


class Refusal(Exception):
    """A move that is not legal now. `message` is a msgid with %(name)s places, filled from `params`; `open` names what
    stands in the way; `invalid` marks input that would be wrong in any state."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "illegal",
        open: Sequence[str] = (),
        field: str = "",
        **params: object,
    ) -> None:
        super().__init__(message % params if params else message)
        self.message = message
        self.code = code
        self.open = tuple(open)
        self.field = field
        self.params = params


def N_(message: str) -> str:
    return message


def move(verb: str, status: str) -> str:
    """The status that follows, or Refusal."""
    try:
        return MOVES[verb][status]
    except KeyError:
        why = N_("This incident is not closed.") if verb == "reopen" else _WHY.get(status, _WHY["other"])
        raise Refusal(why, verb=verb) from None


_WHY = {
    CLOSED: N_("This incident is closed. Reopen it first."),
    ASSESSING: N_("This incident is being assessed; that has been done, or needs an active plan."),
    RESPONDING: N_("This incident is already being responded to."),
    "other": N_("This incident has not been assessed yet."),
}


def step_move(verb: str, status: str) -> str:
    try:
        return STEP_MOVES[verb][status]
    except KeyError:
        raise Refusal(N_("This step is %(status)s, so that is not possible."), status=status) from None


def legal(status: str) -> frozenset[str]:
    """The verbs that are legal in a status."""
    return frozenset(verb for verb, table in MOVES.items() if status in table)


def legal_for_step(status: str) -> tuple[str, ...]:
    return tuple(verb for verb, table in STEP_MOVES.items() if status in table)
