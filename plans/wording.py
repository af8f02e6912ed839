"""A plan in sentences: facts, clocks and what they do, for people who read the plan rather than run it."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from plans.durations import spoken
from plans.snapshots import audience_name
from plans.texts import say

Json = Mapping[str, Any]

_PLAIN = {
    "started": N_("begun"),
    "reported": N_("reported"),
    "acknowledged": N_("acknowledged"),
    "assessed": N_("assessed"),
    "activated": N_("activated"),
    "stood_down": N_("stood down"),
    "contained": N_("contained"),
    "controlled": N_("under control"),
    "restored": N_("restored"),
    "level": N_("graded"),
    "level_changed": N_("graded anew"),
    "level_confirmed": N_("confirmed"),
}
_SINCE = {
    "started": N_("the beginning of the fault"),
    "reported": N_("the report"),
    "acknowledged": N_("the acknowledgement"),
    "assessed": N_("the assessment"),
    "activated": N_("activation of the plan"),
    "stood_down": N_("the stand-down"),
    "contained": N_("containment"),
    "controlled": N_("control was gained"),
    "restored": N_("service was restored"),
    "level": N_("the last setting of the level"),
    "level_changed": N_("the last change of level"),
    "level_confirmed": N_("confirmation of the level"),
}
_CONDITIONS = {
    "power-off": N_("power is off"),
    "system-down": N_("the system is down"),
    "network-down": N_("the network is down"),
    "cooling-down": N_("the cooling is down"),
    "alarm-sounding": N_("the alarm is sounding"),
    "surge": N_("a surge of calls"),
}
_LISTS = {"sheets": N_("paper sheets"), "callbacks": N_("call-backs")}
_PHASES = {"open": N_("“%(step)s” is open"), "started": N_("“%(step)s” is begun"), "done": N_("“%(step)s” is done")}


class Wording:
    """Words for one plan document, in the reader's language."""

    def __init__(self, document: Json) -> None:
        self.document = document

    @cached_property
    def steps(self) -> dict[str, str]:
        found = [*self.document.get("steps", []), *self.document.get("stand_down", [])]
        return {step["id"]: say(step["title"]) for step in found}

    @cached_property
    def groups(self) -> dict[str, str]:
        return {group["key"]: say(group["title"]) for group in self.document["groups"]}

    def atoms(self, atoms: list[str]) -> str:
        return _("; ").join(map(self.atom, atoms))

    def atom(self, atom: str) -> str:
        fact = atom.removeprefix("not ")
        if fact.startswith("condition:"):
            words = _("“%(condition)s” holds") if fact == atom else _("“%(condition)s” does not hold")
            return words % {"condition": self.fact(fact)}
        return self.fact(fact) if fact == atom else _("not %(fact)s") % {"fact": self.fact(fact)}

    def fact(self, fact: str) -> str:
        space, _colon, name = fact.partition(":")
        if not name:
            return _(_PLAIN[space])
        return self._FACTS[space](self, name)

    def _condition(self, name: str) -> str:
        declared = self.document.get("conditions", {}).get(name)
        return say(declared["title"]) if declared else _(_CONDITIONS[name])

    def _step(self, name: str) -> str:
        step, _dot, phase = name.partition(".")
        return _(_PHASES[phase]) % {"step": self.steps[step]}

    def _decision(self, name: str) -> str:
        step_id, _colon, choice = name.partition(":")
        step = next(step for step in self.document["steps"] if step["id"] == step_id)
        option = next(option for option in step["options"] if option["key"] == choice)
        return _("“%(step)s” decided: %(choice)s") % {"step": self.steps[step_id], "choice": say(option["label"])}

    def _list(self, name: str) -> str:
        listed = name.removesuffix(".open")
        return _("%(list)s still open") % {"list": _(_LISTS[listed]) if listed in _LISTS else listed}

    def _mark(self, name: str) -> str:
        """A mark means what the rule says that sets it."""
        for rule in self.document.get("rules", []):
            stages = rule.get("stages") or [rule]
            if any(action.get("mark") == name for stage in stages for action in stage["do"]):
                return _("“%(rule)s” has come about") % {"rule": say(rule["title"])}
        return _("marked “%(mark)s”") % {"mark": name}

    _FACTS: Mapping[str, Callable[["Wording", str], str]] = {
        "condition": _condition,
        "step": _step,
        "check": lambda self, name: self._step(f"{name}.done"),
        "decision": _decision,
        "list": _list,
        "level": lambda self, name: _("level %(level)s") % {"level": name},
        "tier": lambda self, name: _("support tier %(tier)s is open") % {"tier": name},
        "update": lambda self, name: _("the last update to %(audience)s") % {"audience": audience_name(name)},
        "plan": lambda self, name: _("plan %(plan)s is active") % {"plan": name},
        "mark": _mark,
        "callout": lambda self, name: _("call-out %(ladder)s unanswered") % {"ladder": name},
        "held": lambda self, name: _("call-out %(ladder)s answered") % {"ladder": name},
    }

    def span(self, span: str | Mapping[str, str]) -> str:
        """`PT5M` -> “5 min”; by level -> “level 1: 15 min, level 2: 30 min”."""
        if isinstance(span, str):
            return spoken(span)
        each = (
            _("level %(level)s: %(time)s") % {"level": level, "time": spoken(span[level])} for level in sorted(span)
        )
        return _(", ").join(each)

    def clock(self, clock: str | list[str]) -> str:
        facts = [clock] if isinstance(clock, str) else clock
        return _(" or, if later, ").join(_(_SINCE[fact]) if fact in _SINCE else self.fact(fact) for fact in facts)

    def rule(self, rule: Json) -> list[str]:
        """What a rule says, one sentence a line."""
        stages = rule.get("stages") or [{"after": rule["after"], "do": rule["do"]}]
        lines = [self._stage(rule["clock"], stage) for stage in stages]
        if "repeat" in rule:
            lines.append(self.repeat(rule["repeat"]))
        if requires := [atom for atom in rule.get("while", []) if atom != "activated"]:
            lines.append(_("Only while: %(facts)s") % {"facts": self.atoms(requires)})
        if "levels" in rule:
            lines.append(_("Only at level %(levels)s") % {"levels": _(", ").join(map(str, rule["levels"]))})
        if "pause" in rule:
            lines.append(_("The clock stands still while: %(fact)s") % {"fact": self.fact(rule["pause"])})
        return lines

    def firing(self, rule_id: str, n: int) -> str:
        """What the n-th firing of a rule is and when it comes, also of the rules that compiling made."""
        kind, _dash, name = rule_id.partition("-")
        made = self._MADE.get(kind)
        if made and (sentence := made(self, name, n)):
            return sentence
        rule = next((rule for rule in self.document.get("rules", []) if rule["id"] == rule_id), None)
        if rule is None:
            return rule_id
        stages = rule.get("stages") or [rule]
        if n <= len(stages):
            return self._stage(rule["clock"], stages[n - 1])
        return _("%(again)s: %(actions)s") % {
            "again": self.repeat(rule["repeat"]),
            "actions": self.actions(stages[-1]["do"]),
        }

    def _deadline(self, name: str, n: int) -> str:
        found = [*self.document.get("steps", []), *self.document.get("stand_down", [])]
        step = next((step for step in found if step["id"] == name and "due" in step), None)
        if step is None:
            return ""
        due = step["due"]
        facts = {"step": say(step["title"]), "time": self.due(due)}
        if not isinstance(due, str) and n > 1:
            return _("“%(step)s” is still open: a reminder every %(time)s") % {
                **facts,
                "time": self.span(due["repeat"]["every"]),
            }
        if isinstance(due, str) or "clock" not in due:
            return _("“%(step)s” is due %(time)s after it is opened") % facts
        return _("“%(step)s” is due %(time)s") % facts

    def _cadence(self, name: str, n: int) -> str:
        cadence = next((one for one in self.document.get("communications", []) if one["audience"] == name), None)
        if cadence is None:
            return ""
        if n == 1:
            facts = {"audience": audience_name(name), "time": self.span(cadence["every"])}
            return _("The next update to %(audience)s is due %(time)s after the last one or the activation") % facts
        facts = {"audience": audience_name(name), "time": self.span(cadence["remind"])}
        return _("Without an update to %(audience)s, a reminder every %(time)s") % facts

    def _ladder(self, name: str, n: int) -> str:
        ladder = self.document.get("ladders", {}).get(name)
        return (
            _("Who is called out has %(time)s to answer; then the next one is") % {"time": self.span(ladder["answer"])}
            if ladder
            else ""
        )

    def _lease(self, name: str, n: int) -> str:
        ladder = self.document.get("ladders", {}).get(name, {})
        return (
            _("Who answered a call-out and is not heard of for %(time)s is no longer counted on")
            % {"time": self.span(ladder["lease"])}
            if "lease" in ladder
            else ""
        )

    _MADE: Mapping[str, Callable[["Wording", str, int], str]] = {
        "due": _deadline,
        "update": _cadence,
        "ladder": _ladder,
        "lease": _lease,
    }

    def _stage(self, clock: str | list[str], stage: Json) -> str:
        facts = {
            "time": self.span(stage["after"]),
            "clock": self.clock(clock),
            "actions": self.actions(stage["do"]),
        }
        if stage["after"] == "PT0S":
            return _("At once after %(clock)s: %(actions)s") % facts
        if isinstance(clock, str) and clock.startswith("condition:"):
            return _("When “%(clock)s” has lasted %(time)s: %(actions)s") % facts
        return _("%(time)s after %(clock)s: %(actions)s") % facts

    def repeat(self, repeat: Json) -> str:
        facts = {"time": self.span(repeat["every"]), "times": repeat["times"]}
        return _("Again every %(time)s, at most %(times)s times") % facts

    def actions(self, actions: list[Json]) -> str:
        return _("; ").join(self.action(action) for action in actions)

    def action(self, action: Json) -> str:
        [(do, arg)] = ((key, value) for key, value in action.items() if key != "if")
        words = _(_ACTIONS[do]) % {"what": self._target(do, arg)}
        if action.get("if"):
            return _("%(action)s (if %(facts)s)") % {"action": words, "facts": self.atoms(action["if"])}
        return words

    def _target(self, do: str, arg: Any) -> str:
        if do == "open":
            return self.steps[arg]
        if do == "notify":
            return self.groups[arg]
        return audience_name(arg) if do == "ask_update" else str(arg)

    def due(self, due: str | Json) -> str:
        """When a step is due, in a phrase."""
        if isinstance(due, str):
            return self.span(due)
        if "clock" not in due:
            return self.span(due["after"])
        return _("%(time)s after %(clock)s") % {"time": self.span(due["after"]), "clock": self.clock(due["clock"])}


_ACTIONS = {
    "open": N_("open the step “%(what)s”"),
    "notify": N_("tell %(what)s"),
    "call": N_("call out %(what)s"),
    "mark": N_("mark “%(what)s”"),
    "suggest": N_("suggest “%(what)s”"),
    "set_level": N_("set level %(what)s"),
    "confirm_level": N_("confirm the level"),
    "ask_update": N_("ask for an update to %(what)s"),
}
