"""Events, levels and notices in the reader's words. The engine holds the wording; here it is translated and filled in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from contactops.accounts.models import User
from incidents.engine.events import KINDS
from incidents.models import Event, Incident
from incidents.rulebook import Rulebook
from plans.texts import say

LEVEL_NAMES: Mapping[int, str] = {1: N_("major"), 2: N_("significant"), 3: N_("ordinary"), 4: N_("daily")}
NAMES: Mapping[str, str] = {
    "real": N_("real"),
    "exaggerated": N_("exaggerated"),
    "false": N_("false"),
    "test": N_("test"),
    "drill": N_("drill"),
    "backfilled": N_("entered afterwards"),
    "resolved": N_("resolved"),
    "false-alarm": N_("false alarm"),
    "duplicate": N_("duplicate"),
    "cancelled": N_("cancelled"),
    "reported": N_("reported"),
    "assessing": N_("assessing"),
    "responding": N_("responding"),
    "closed": N_("closed"),
    "waiting": N_("waiting"),
    "open": N_("open"),
    "in_progress": N_("in progress"),
    "blocked": N_("blocked"),
    "done": N_("done"),
    "skipped": N_("skipped"),
    "withdrawn": N_("no longer needed"),
    "agents": N_("agents"),
    "customers": N_("customers"),
    "leaders": N_("leaders"),
    "all": N_("everybody"),
    "power-off": N_("Power is off"),
    "system-down": N_("System is down"),
    "network-down": N_("Network is down"),
    "cooling-down": N_("Cooling is down"),
    "alarm-sounding": N_("Alarm is sounding"),
    "surge": N_("Calls surge"),
    "contained": N_("Contained"),
    "controlled": N_("Under control"),
    "restored": N_("Service restored"),
    "task": N_("task"),
    "call": N_("phone call"),
    "decision": N_("decision"),
    "notice": N_("notice"),
    "check": N_("check"),
    "me": N_("only me"),
    "team": N_("my team"),
    "floor": N_("the whole floor"),
    "site": N_("the whole site"),
    "extend": N_("put off"),
    "stop": N_("stopped"),
    "pause": N_("paused"),
    "resume": N_("goes on"),
    "pending": N_("pending"),
    "fired": N_("fired"),
    "superseded": N_("no longer needed"),
    "collapsed": N_("joined with a later one"),
    "stopped": N_("stopped"),
    "queued": N_("waiting to be sent"),
    "leased": N_("being sent"),
    "handed": N_("handed over"),
    "kept": N_("written to a file, not sent"),
    "delivered": N_("not seen yet"),
    "read": N_("read"),
    "failed": N_("failed"),
    "refused": N_("refused for good"),
    "expired": N_("expired"),
    "suppressed": N_("not sent: answered already"),
    "unknown": N_("given up; it may have arrived"),
    "yes": N_("yes"),
    "no": N_("no"),
    "started": N_("started"),
    "ended": N_("ended"),
    "traffic": N_("traffic"),
    "system": N_("system"),
    "complaint": N_("complaints"),
    "above": N_("more than"),
    "below": N_("fewer than"),
    "dismissed": N_("dismissed"),
    "cleared": N_("passed by itself"),
    "unconnected": N_("not connected"),
    "stale": N_("stale"),
    "live": N_("connected"),
    "off": N_("switched off"),
    "asked": N_("asked"),
    "confirmed": N_("confirmed"),
    "declined": N_("declined"),
    "joined": N_("joined"),
    "released": N_("released"),
}
PEOPLE_NAMED = 8  # in one sentence; of more it says how many


def name(word: str) -> str:
    """A value of one of our enumerations, as a person would say it; a word we do not know stays as it is."""
    return _(NAMES[word]) if word in NAMES else word


def level_name(level: int) -> str:
    return _(LEVEL_NAMES[level])


def duration_words(span: int) -> str:
    """A cadence in ms, as people choose it: in whole minutes."""
    hours, minutes = divmod(span // 60_000, 60)
    parts = [
        _("%(n)s h") % {"n": hours} if hours else "",
        _("%(n)s min") % {"n": minutes} if minutes or not hours else "",
    ]
    return " ".join(part for part in parts if part)


class Teller:
    """Tells the history of one incident. Made with everything it needs, so that telling makes no query."""

    def __init__(self, incident: Incident, book: Rulebook, people: Mapping[int, User]) -> None:
        self.incident, self.book, self.people = incident, book, people
        self.titles: dict[str, Any] = {}

    def knows_steps(self, steps: Iterable[Any]) -> "Teller":
        self.titles = {step.key: step.title for step in steps}
        return self

    def sentence(self, event: Event) -> str:
        """What happened, without the words people wrote."""
        said = _(KINDS[event.kind].wording) % self._names(event.kind, event.facts)
        return _("%(sentence)s: nothing new") % {"sentence": said} if event.facts.get("nothing_new") else said

    def person(self, who: str) -> str:
        number = who.removeprefix("user:")
        return str(self.people.get(int(number), number)) if number.isdigit() else who

    def everybody(self, people: Sequence[str]) -> str:
        """The people by name, as many as one reads."""
        named = ", ".join(self.person(who) for who in people[:PEOPLE_NAMED])
        more = len(people) - PEOPLE_NAMED
        return _("%(names)s and %(more)s more") % {"names": named, "more": more} if more > 0 else named

    def _names(self, kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts, and beside each a name for it where the wording may want one."""
        names: dict[str, Any] = {key: value for key, value in facts.items() if not isinstance(value, dict | list)}
        if kind == "reported":
            names["type_name"] = say(self.incident.type.name)
        if kind == "cadence_set":
            names["audience_name"] = name(facts["audience"])
            names["every_name"] = duration_words(facts["every"])
        if "verdict" in facts:
            names["verdict_name"] = name(facts["verdict"])
        if "outcome" in facts:
            names["outcome_name"] = name(facts["outcome"])
        if "key" in facts and kind != "fired":
            names["step_name"] = say(self.titles.get(facts["key"], facts["key"]))
        if kind in ("condition", "point"):
            names["condition_name"] = self.condition(facts["name"])
            names["holds_name"] = name("yes" if facts["holds"] else "no")
        if kind == "tier":
            names["holds_name"] = name("open" if facts["open"] else "ended")
        if kind == "support":
            names["status_name"] = name(facts["status"])
            names["people_names"] = self.everybody(facts["people"])
        if kind in ("activated", "deactivated"):
            names["plan_name"] = self._plan(facts)
        if kind == "fired":
            names["rule_name"] = self._rule(facts)
        if kind == "mark":
            names["name"] = facts["name"].partition(".")[2].replace("-", " ")
        if kind == "adjusted":
            names["change_name"] = name(facts["change"])
        if kind == "updated":
            names["audience_names"] = ", ".join(name(audience) for audience in facts["audiences"])
        if "ladder" in facts:
            names["ladder_name"] = self._ladder(facts["ladder"])
            names["group_name"] = self._group(facts["ladder"], facts.get("group", ""))
            names["who"] = ", ".join(map(self.person, facts.get("people", ()))) or names["group_name"]
        if person := facts.get("person") or facts.get("commander"):
            names["person_name"] = self.person(person)
        return names

    def condition(self, word: str) -> str:
        """A condition's words: the plan's own where it has them."""
        for snapshot in self.book.snapshots.values():
            own = snapshot.document.get("conditions", {}).get(word, {}).get("title")
            if own:
                return say(own)
        return name(word)

    def _plan(self, facts: Mapping[str, Any]) -> str:
        if "plan" in facts:
            pair = (facts["plan"], facts["revision"])
        else:
            activation = self.incident.facts.activation(facts["n"])
            pair = (activation.plan, activation.revision)
        snapshot = self.book.snapshots.get(pair)
        return say(snapshot.document["title"]) if snapshot else pair[0]

    def _ladder(self, full: str) -> str:
        plan, _dot, name = full.partition(".")
        pair = next((pair for pair in self.book.snapshots if pair[0] == plan), None)
        return self.book.ladder_title(pair, name) if pair else name

    def _group(self, full: str, key: str) -> str:
        """A group by the plan's own name for it."""
        plan = full.partition(".")[0]
        documents = [one.document for pair, one in self.book.snapshots.items() if pair[0] == plan]
        titles = [group["title"] for one in documents for group in one["groups"] if group["maps_to"] == key]
        return say(titles[0]) if titles else key

    def _rule(self, facts: Mapping[str, Any]) -> str:
        activation = self.incident.facts.activation(facts["activation"])
        return self.rule(activation.plan, activation.revision, facts["rule"])

    def rule(self, plan: str, revision: int, rule_id: str) -> str:
        """A rule's sentence; the deadline of a step that a person added is told by the step."""
        step = rule_id.removeprefix("due-")
        if step.startswith("adhoc-"):
            return _("Due: %(step)s") % {"step": say(self.titles.get(f"{plan}.{step}", step))}
        return self.book.rule_title((plan, revision), rule_id)
