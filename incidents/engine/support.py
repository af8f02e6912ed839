"""Who helps in a tier of support: asked, confirmed or declined, joined, released; and how long each has given.

The marks of a person stay, across the ends of a tier and of the incident. What a person stands at counts from the tier's
last opening only: whoever was asked for an earlier time has not been asked for this one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from incidents.engine.events import Event
from incidents.engine.lifecycle import N_, SUPPORT_MOVES, Refusal
from incidents.engine.state import IncidentState, Mark

TIERS = (1, 2)
JOINED, RELEASED = "joined", "released"
Marks = Sequence[Mark]


def marks_of(state: IncidentState, tier: int) -> Mapping[str, tuple[Mark, ...]]:
    """Everybody who was ever asked, in the order in which they were."""
    return state.support.get(str(tier), {})


def standing(state: IncidentState, tier: int, person: str) -> str:
    """What was last said of them since the tier opened; nothing when they have not been asked since."""
    opened, marks = state.fact(f"tier:{tier}"), marks_of(state, tier).get(person, ())
    return marks[-1].status if opened and marks and marks[-1].seq > opened.seq else ""


def last_instant(state: IncidentState, tier: int, people: Iterable[str] | None = None) -> int:
    """The latest instant that is known of these people, or of everybody, and of the tier's opening."""
    opened, known = state.fact(f"tier:{tier}"), marks_of(state, tier)
    instants = [known[person][-1].at for person in (known if people is None else people) if person in known]
    return max((opened.since if opened else 0, *instants))


def stretches(marks: Marks) -> list[tuple[int, int | None]]:
    """From when until when somebody helped; the last one may still go on."""
    found: list[tuple[int, int | None]] = []
    for mark in marks:
        if mark.status == JOINED:
            found.append((mark.at, None))
        elif mark.status == RELEASED:
            found[-1] = (found[-1][0], mark.at)
    return found


def given(marks: Marks, now: int) -> int:
    """For how many ms somebody has helped by now."""
    return sum((now if until is None else until) - since for since, until in stretches(marks))


def told(state: IncidentState, event: Event) -> IncidentState:
    """One more mark for each person of the event."""
    tier, status = event.facts["tier"], event.facts["status"]
    for person in event.facts["people"]:
        _check(state, event, tier, status, person)
    known = marks_of(state, tier)
    mark = Mark(status, event.at, event.seq)
    return _put(state, tier, {person: (*known.get(person, ()), mark) for person in event.facts["people"]})


def _check(state: IncidentState, event: Event, tier: int, status: str, person: str) -> None:
    opened, before = state.fact(f"tier:{tier}"), standing(state, tier, person)
    if not opened:
        raise Refusal(N_("This support is not open."), code="not_open")
    if not before and status != "asked":
        raise Refusal(N_("%(person)s has not been asked."), code="invalid", field="people", person=person)
    if before not in SUPPORT_MOVES[status]:
        raise Refusal(N_("%(person)s: already %(standing)s. That is not possible."), person=person, standing=before)
    if event.at < opened.since:
        raise Refusal(N_("This support was not open yet at that time."), code="invalid", field="at")
    if event.at < last_instant(state, tier, [person]):
        raise Refusal(N_("%(person)s: something later is on record."), code="invalid", field="at", person=person)


def release(state: IncidentState, tier: int, event: Event, seq: int) -> IncidentState:
    """Whoever is still in it is released by its end; nobody has to be named. `seq` 0: it ended with the incident."""
    still = {who: marks for who, marks in marks_of(state, tier).items() if marks and marks[-1].status == JOINED}
    ended = {who: (*marks, Mark(RELEASED, max(event.at, marks[-1].at), seq)) for who, marks in still.items()}
    return _put(state, tier, ended) if ended else state


def release_all(state: IncidentState, event: Event) -> IncidentState:
    """The incident is over, and with it every tier."""
    for tier in TIERS:
        state = release(state, tier, event, 0)
    return state


def _put(state: IncidentState, tier: int, changed: Mapping[str, tuple[Mark, ...]]) -> IncidentState:
    return replace(state, support={**state.support, str(tier): {**marks_of(state, tier), **changed}})


def corrected(state: IncidentState, target: int, to: int) -> IncidentState:
    """What was said by this entry was so at another time."""
    for tier in TIERS:
        moved = {
            who: tuple(mark._replace(at=to) if mark.seq == target else mark for mark in marks)
            for who, marks in marks_of(state, tier).items()
            if any(mark.seq == target for mark in marks)
        }
        state = _put(state, tier, moved) if moved else state
    return state


def room_to_move(state: IncidentState, target: int) -> tuple[list[int], list[int]]:
    """Between which instants what this entry said can have been so: after what came before it, before what came after."""
    earliest, latest = list[int](), list[int]()
    for tier in TIERS:
        opened = state.fact(f"tier:{tier}")
        for marks in marks_of(state, tier).values():
            for number, mark in enumerate(marks):
                if mark.seq == target:
                    earliest += [before.at for before in marks[number - 1 : number]]
                    latest += [after.at for after in marks[number + 1 : number + 2]]
                    if opened:
                        (earliest if mark.seq > opened.seq else latest).append(opened.since)
                elif opened and opened.seq == target:
                    (latest if mark.seq > target else earliest).append(mark.at)
    return earliest, latest


def is_marked(state: IncidentState, target: int) -> bool:
    """Whether somebody's part in the support was said by this entry."""
    return any(mark.seq == target for tier in TIERS for marks in marks_of(state, tier).values() for mark in marks)
