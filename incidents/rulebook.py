"""The plan revisions that incidents run on: their compiled rules and their words, by (slug, number) as events name them."""

from collections.abc import Iterable, Mapping
from typing import Any

from incidents.engine.decide import BARE_RULES
from incidents.engine.plan import RuleSet
from incidents.engine.state import IncidentState
from plans import snapshots
from plans.snapshots import Snapshot

Pair = tuple[str, int]


class Rulebook:
    """Some revisions, read together: at most two queries, one when they have all been seen before."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        wanted = set(pairs) - set(BARE_RULES)
        self.ids: Mapping[Pair, int] = snapshots.revision_ids(wanted) if wanted else {}
        loaded = snapshots.load(self.ids.values())
        self.snapshots: dict[Pair, Snapshot] = {pair: loaded[pk] for pair, pk in self.ids.items()}
        self.rules: RuleSet = {**BARE_RULES, **{pair: one.compiled for pair, one in self.snapshots.items()}}

    def step_words(self, pair: Pair, step_id: str) -> dict[str, Any]:
        """Title, detail and options of a plan's step, in both languages; `step_id` without the plan's slug."""
        if pair not in self.snapshots:
            return {"title": {"en": step_id}, "detail": {}, "options": []}
        document = self.snapshots[pair].document
        both = (*document.get("steps", ()), *document.get("stand_down", ()))
        step = next(step for step in both if step["id"] == step_id)
        options = [{"key": option["key"], "label": option["label"]} for option in step.get("options", ())]
        return {"title": step["title"], "detail": step.get("detail", {}), "options": options}

    def ladder_title(self, pair: Pair, ladder_id: str) -> str:
        """What a ladder calls about, in the reader's language."""
        return self.snapshots[pair].ladder_title(ladder_id) if pair in self.snapshots else ladder_id

    def rule_title(self, pair: Pair, rule_id: str) -> str:
        """A rule's sentence in the reader's language."""
        return self.snapshots[pair].rule_title(rule_id) if pair in self.snapshots else rule_id


def in_force(state: IncidentState) -> set[Pair]:
    """The revisions an incident has used, those that were replaced included."""
    return {(activation.plan, activation.revision) for activation in state.activations}
