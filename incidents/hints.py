"""After commit: one hint for the live pages and one for the clocks and postmen. Losing them costs seconds."""

import json
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from django.db import connection, transaction

from contactops import crash
from incidents.engine.events import Event

HINTS = "contactops_hints"
CLOCK = "contactops_clock"
BOARD = {"topic": "board", "ref": "", "rev": 0}
MANY = 50  # more incidents than this in one batch: say only that the board changed

# What changes the banner of agents. Their pages ask again after these alone: a floor is many pages.
AGENTS_SEE = frozenset(
    {"activated", "deactivated", "level_set", "level_confirmed", "updated", "redacted"}
    | {"closed", "cancelled", "merged_into", "reopened"}
    | {"tier", "support"}
)


def kind(event: Event) -> str:
    """The kind of an event, as far as the floor must know: what somebody says of themselves is news to nobody else there."""
    return "answer" if event.kind == "support" and event.actor in event.facts["people"] else event.kind


class Moved(NamedTuple):
    """An incident that moved on, to which revision and by which kinds of event; none where only a message went out."""

    ref: str
    rev: int
    kinds: frozenset[str] = frozenset()


def after_commit(moved: Sequence[Moved]) -> None:
    """Tell the live pages which incidents moved on, and wake the clocks and the postmen."""
    transaction.on_commit(partial(_send, list(moved)), robust=True)


def _send(moved: list[Moved]) -> None:
    crash.here("after_commit")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_notify(%s, payload) FROM unnest(%s) payload UNION ALL SELECT pg_notify(%s, '')",
            [HINTS, _payloads(moved), CLOCK],
        )


def tell(moved: Sequence[Moved]) -> None:
    """Tell the live pages alone, at once."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, payload) FROM unnest(%s) payload", [HINTS, _payloads(moved)])


def board_changed() -> None:
    """After commit: something stands on the board that is no incident."""
    transaction.on_commit(_tell_board, robust=True)


def _tell_board() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [HINTS, json.dumps(BOARD)])


def _payloads(moved: Sequence[Moved]) -> list[str]:
    hints = [{"topic": "incident", "ref": one.ref, "rev": one.rev} for one in moved]
    if len(hints) > MANY:
        hints = [BOARD]
    if any(one.kinds & AGENTS_SEE for one in moved):
        hints.append({"topic": "notices", "ref": "", "rev": 0})
    return [json.dumps(hint) for hint in hints]
