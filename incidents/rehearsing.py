"""A plan played on a fake clock from a script in the API's words. Nothing is written, nobody is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from incidents import scripts, services
from incidents.engine.events import KINDS, Event
from incidents.engine.lifecycle import Refusal
from incidents.engine.plan import RuleSet
from incidents.engine.rehearsal import Trace, rehearse
from incidents.engine.turn import Noticed
from incidents.rulebook import Rulebook
from plans import selectors as plans


@dataclass(frozen=True)
class Happening:
    """One line: when (ms after the start), what kind, who, what."""

    offset: int
    kind: str
    who: str
    what: str


def play(slug: str, script: list[Any], until: int) -> list[Happening]:
    """Everything that happens by `until` (ms). Invalid, naming the line of the script, when it cannot be played."""
    revision, house = plans.published(slug), plans.house_revision()
    pairs = [(one.plan.slug, one.number) for one in (revision, house) if one]
    rules = Rulebook(pairs).rules
    acts = [scripts.act(number, line, revision, house) for number, line in enumerate(script, start=1)]
    try:
        trace = rehearse(rules, acts, until)
    except Refusal as refusal:
        raise services.refused(refusal) from refusal
    return sorted(_happenings(trace, rules), key=lambda happening: happening.offset)


def _happenings(trace: Trace, rules: RuleSet) -> Iterator[Happening]:
    for event in trace.events:
        yield Happening(event.at, event.kind, event.actor, _what(event))
    for noticed in trace.notices:
        yield Happening(noticed.event.at, "notice", ":".join(noticed.notice.to).rstrip(":"), _why(noticed))


def _what(event: Event) -> str:
    """The facts that matter, in the order in which the kind lists them."""
    if event.kind == "fired":
        late = event.facts["late_ms"]
        return str(event.facts["key"]) + (f" ({timedelta(milliseconds=late)} late)" if late else "")
    names = ("key", "kind", "group") if event.kind == "step_opened" else KINDS[event.kind].facts
    shown = [event.facts[name] for name in names if name in event.facts]
    words = [str(value) for value in shown if isinstance(value, str | int) and value != ""]
    choice = event.facts.get("decision")
    return " ".join([*words, *([choice] if choice else [])])


def _why(noticed: Noticed) -> str:
    facts = {
        name: value for name, value in noticed.notice.facts.items() if name in ("step", "rule", "audience", "ladder")
    }
    return " ".join([noticed.notice.kind, *map(str, facts.values())])


def offset(ms: int) -> str:
    """+0:05:00"""
    hours, rest = divmod(ms // 1000, 3600)
    return f"+{hours}:{rest // 60:02d}:{rest % 60:02d}"
