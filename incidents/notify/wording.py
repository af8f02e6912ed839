"""A notification in words, in the recipient's language: made when it is sent or shown, never stored."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from incidents import links
from incidents.models import Incident, Note, Notification, StepRun
from incidents.models.outbox import HANDED
from incidents.notify import mailbox, sms
from incidents.rulebook import Rulebook, in_force
from incidents.times import moment
from incidents.wording import Teller, level_name, name
from plans.texts import say

DRILL = "DRILL / 演练"
LATE_MS = 60_000


def state_name(state: str) -> str:
    """What became of a message; one that a console without a mail server has written to a file has reached nobody."""
    return name("kept" if state == HANDED and mailbox.is_kept() else state)


def subject(notification: Notification) -> str:
    """Headline first: drill or not, reference, level, what it is."""
    incident = notification.incident
    level = (
        _("level %(level)s (%(name)s)") % {"level": incident.level, "name": level_name(incident.level)}
        if incident.level
        else ""
    )
    head = " · ".join(part for part in (incident.ref, level, say(incident.type.name)) if part)
    return f"{DRILL}: {head}" if incident.kind == "drill" else head


class Words:
    """The words of some notifications, read together: three or four queries, however many there are."""

    def __init__(self, notifications: Collection[Notification]) -> None:
        incidents = {one.incident_id: one.incident for one in notifications}
        self.book = Rulebook(pair for incident in incidents.values() for pair in in_force(incident.facts))
        self.steps: dict[int, dict[str, StepRun]] = {pk: {} for pk in incidents}
        for step in StepRun.objects.filter(incident__in=incidents):
            self.steps[step.incident_id][step.key] = step
        named = {note["id"] for one in notifications for item in one.items if (note := item.get("note"))}
        self.notes = {str(note.pk): note for note in Note.objects.filter(pk__in=named)}

    def lines(self, notification: Notification) -> list[str]:
        """One sentence per thing to know, in the language in force."""
        steps = self.steps[notification.incident_id]
        teller = Teller(notification.incident, self.book, {}).knows_steps(steps.values())
        return list(dict.fromkeys(self._line(item, notification, teller, steps) for item in notification.items))

    def _line(self, item: dict[str, Any], notification: Notification, teller: Teller, steps: dict[str, StepRun]) -> str:
        kind, nobody = item["kind"], _nobody(item)
        step = steps.get(item.get("step", ""))
        if kind in _STEP and step:
            return _STEP[kind]() % {"step": say(step.title), "due": _by(step.due_at)} + nobody
        if kind == "rule":
            activation = notification.incident.facts.activation(item["activation"])
            return teller.rule(activation.plan, activation.revision, item["rule"]) + _late(item) + nobody
        if kind == "update":
            return " ".join(filter(None, (self._update(item), _next(item))))
        if kind == "update-due":
            return _("An update to %(audience)s is due.") % {"audience": name(item["audience"])} + nobody
        if kind == "callout":
            return _("You are being called. Please answer.") + nobody
        if kind == "closed":
            return _("The incident you reported is over: %(outcome)s. Thank you for reporting it.") % {
                "outcome": name(item["outcome"])
            }
        if kind == "support":
            return _support(item, notification)
        return _("The stand-down was withdrawn: it has begun again.")

    def _update(self, item: dict[str, Any]) -> str:
        if item.get("nothing_new"):
            return _("Nothing new since the last update.")
        return _("Update: %(text)s") % {"text": self._note_text(item)}

    def _note_text(self, item: dict[str, Any]) -> str:
        note = self.notes.get((item.get("note") or {}).get("id", ""))
        return note.text if note and not note.redacted_at else _("(redacted)")


_STEP = {
    "step": lambda: _("To do: %(step)s%(due)s"),
    "assigned": lambda: _("Given to you: %(step)s%(due)s"),
    "overdue": lambda: _("Overdue: %(step)s%(due)s"),
}


def _support(item: dict[str, Any], notification: Notification) -> str:
    words = {
        1: _("You are asked to take inbound calls for %(ref)s (first-level support)."),
        2: _("You are asked to take inbound calls for %(ref)s (second-level support)."),
    }
    return words[item["tier"]] % {"ref": notification.incident.ref}


def _nobody(item: dict[str, Any]) -> str:
    if "nobody_in" not in item:
        return ""
    return _(" (nobody is in group %(group)s, so you are told)") % {"group": item["nobody_in"]}


def _next(item: dict[str, Any]) -> str:
    """When they hear again."""
    at = item.get("next_update_at") or item.get("next_by")
    return _("Next update by %(time)s.") % {"time": clock_time(moment(at))} if at else ""


def _by(due: datetime | None) -> str:
    return _(", by %(time)s") % {"time": clock_time(due)} if due else ""


def clock_time(when: datetime) -> str:
    """Time of day in the zone in force, with the zone's name: two sites may read the same mail."""
    local = timezone.localtime(when)
    return f"{formats.date_format(local, 'H:i')} {local.tzname()}"


def _late(item: dict[str, Any]) -> str:
    """When the console itself was behind, the message says so."""
    behind = item.get("system_late_ms", 0)
    if behind <= LATE_MS:
        return ""
    return _(" (sent %(minutes)s min late: the console was down)") % {"minutes": behind // LATE_MS}


def mail(notification: Notification, words: Words | None = None) -> tuple[str, str]:
    """Subject and body of the e-mail, in the recipient's language and time zone. `words`: those of this message and
    others, where they were read together."""
    with notification.recipient.reading():
        incident = notification.incident
        reported = _("Reported %(time)s") % {"time": clock_time(moment(incident.facts.points["reported"]))}
        drill = [DRILL] if incident.kind == "drill" else []  # before anything else
        title = [] if incident.restricted else [incident.title]  # what leaves the console cannot be taken back
        said = (words or Words([notification])).lines(notification)
        called = [_tap(notification)] if notification.ladder else []
        body = "\n".join([*drill, *title, "", *said, *called, "", reported, _address(incident)])
        return subject(notification), body


def _tap(notification: Notification) -> str:
    return _("Open this and press the button if you have it: %(link)s") % {"link": links.of(notification)}


def digest(notifications: Sequence[Notification], words: Words) -> tuple[str, str]:
    """Subject and body of one letter that stands for many, the oldest first, incident by incident."""
    with notifications[0].recipient.reading():
        by_incident: dict[int, list[Notification]] = {}
        for one in notifications:
            by_incident.setdefault(one.incident_id, []).append(one)
        drill = notifications[0].incident.kind == "drill"  # nobody puts drills and real incidents together
        title = _("%(count)s messages about %(incidents)s incidents") % {
            "count": len(notifications),
            "incidents": len(by_incident),
        }
        parts = [_("So much came within a minute that it is put together here; nothing is left out."), ""]
        for those in by_incident.values():
            incident = those[0].incident
            said = [f"- {line}" for one in those for line in words.lines(one)]
            parts += [subject(those[0]), *dict.fromkeys(said), f"{settings.PUBLIC_URL}/incidents/{incident.ref}/", ""]
        return (f"{DRILL}: {title}" if drill else title), "\n".join(([DRILL] if drill else []) + parts)


def short(notification: Notification, words: Words | None = None) -> str:
    """One SMS, in the recipient's language and time zone: what happened and what is asked, then where to read on. Of a
    restricted incident the reference and the level only."""
    with notification.recipient.reading():
        incident = notification.incident
        level = _("level %(level)s") % {"level": incident.level} if incident.level else ""
        head = " ".join(part for part in (incident.ref, level) if part)
        head = f"{DRILL}: {head}" if incident.kind == "drill" else head
        if incident.restricted:
            return sms.fitted(head, [], "")
        said = (words or Words([notification])).lines(notification)
        where = links.of(notification) if notification.ladder else _address(incident)
        return sms.fitted(head, [say(incident.type.name), *said, incident.title], where)


def _address(incident: Incident) -> str:
    return f"{settings.PUBLIC_URL}/incidents/{incident.ref}/"
