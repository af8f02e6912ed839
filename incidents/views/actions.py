"""Every button of the room, made from the same table of verbs as the API: find through access, do, show.

A form that is refused comes back in its place on the room's page, with what was typed and what is wrong.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from rest_framework.serializers import Serializer

from contactops.errors import Conflict, Invalid, NotFound
from contactops.http import Request
from incidents import access, inputs, selectors, services, wording
from incidents.models import Incident
from incidents.verbs import PROMISE_VERBS, STEP_VERBS, VERBS
from incidents.views.forms import Sent, check, refused
from incidents.views.once import once
from incidents.views.room import refused_in_room

Act = Callable[[Incident, dict[str, Any]], Incident]

# Where on the page each verb's form stands, so that one comes back to where one was.
PLACES = {
    "acknowledge": "triage",
    "assess": "triage",
    "activate": "level",
    "level": "level",
    "level/confirm": "level",
    "conditions": "conditions",
    "steps": "steps",
    "support": "support",
    "updates": "updates",
    "cadence": "updates",
    "call-out": "calls",
    "hand-over": "calls",
    "notes": "timeline",
    "redact": "timeline",
    "command": "command",
    "waive": "end",
    "support/people": "helpers",
}


@require_http_methods(["GET", "POST"])
def verb(request: Request, ref: str, name: str) -> HttpResponse:
    """One verb of the incident."""
    known = VERBS[name]

    def act(incident: Incident, given: dict[str, Any]) -> Incident:
        return known.call(incident=incident, actor=request.user, **given)

    return _answer(request, ref, name, name, known.takes(data=request.POST), act, PLACES.get(name, ""))


@require_http_methods(["GET", "POST"])
def step_verb(request: Request, ref: str, key: str, verb: str) -> HttpResponse:
    """start, complete, skip, assign, block or unblock one step."""
    if verb not in STEP_VERBS:
        raise NotFound(_("There is no such verb."))
    serializer = inputs.StepVerb(data=request.POST, context={"step_verb": verb})

    def act(incident: Incident, given: dict[str, Any]) -> Incident:
        return services.do_step(incident=incident, actor=request.user, key=key, verb=verb, **given)

    form = f"steps/{key}/{STEP_FORMS.get(verb, verb)}"
    return _answer(request, ref, f"steps/{verb}", form, serializer, act, f"step-{key}")


# Two buttons may share a form.
STEP_FORMS = {"start": "complete", "unblock": "complete", "block": "skip"}


@require_http_methods(["GET", "POST"])
def promise_verb(request: Request, ref: str, pk: int, verb: str) -> HttpResponse:
    """Put off, pause, resume or stop one promise."""
    if verb not in PROMISE_VERBS:
        raise NotFound(_("There is no such verb."))
    known = PROMISE_VERBS[verb]

    def act(incident: Incident, given: dict[str, Any]) -> Incident:
        return known.call(incident=incident, actor=request.user, promise=pk, **given)

    form = f"promises/{pk}/{verb}"
    return _answer(request, ref, f"promises/{verb}", form, known.takes(data=request.POST), act, "promises")


def _answer(
    request: Request, ref: str, name: str, form: str, serializer: Serializer[Any], act: Act, place: str
) -> HttpResponse:
    """Do it and go back to the place in the room; or show the room with the form that was refused."""
    if request.method != "POST":
        return redirect("room", ref=ref)  # a reload after signing in: nothing is done by reading
    incident = access.incident_for(request.user, ref)
    given = check(form, serializer, request.POST)
    if isinstance(given, Sent):
        return refused_in_room(request, ref, given)

    def do() -> str:
        done = act(incident, given)
        messages.success(request, _said(name, given, done, form))
        return reverse("room", args=[done.ref])

    try:
        address = once(request, do)
    except (Invalid, Conflict) as error:
        return refused_in_room(request, ref, refused(form, error, request.POST))
    return redirect(f"{address}#{place}" if place else address)


def _said(name: str, given: dict[str, Any], incident: Incident, form: str) -> str:
    """What has just been done, in the words of the floor."""
    if name == "conditions":
        return _CONDITION[given["holds"]]() % {"name": wording.name(given["name"])}
    words = {"level": incident.level, "ref": incident.ref, "step": ""}
    if name.startswith("steps/"):
        words["step"] = selectors.step_title(incident, form.split("/")[1])
    if name == "steps/complete" and given.get("call", {}).get("answered") is False:
        name = "steps/unanswered"
    return SAID[name]() % words


_CONDITION: dict[bool, Callable[[], str]] = {
    True: lambda: _("Written down: %(name)s."),
    False: lambda: _("Written down as over: %(name)s."),
}
SAID: dict[str, Callable[[], str]] = {
    "acknowledge": lambda: _("You have taken it up."),
    "assess": lambda: _("Assessment written down."),
    "activate": lambda: _("The plan is running, level %(level)s."),
    "level": lambda: _("The level is now %(level)s."),
    "level/confirm": lambda: _("Level %(level)s is confirmed."),
    "steps": lambda: _("Step added."),
    "support": lambda: _("Support written down."),
    "support/people": lambda: _("Support written down."),
    "updates": lambda: _("Update posted."),
    "cadence": lambda: _("Written down. The next update counts from the last one."),
    "notes": lambda: _("Note added."),
    "command": lambda: _("Command handed over."),
    "call-out": lambda: _("They are being called."),
    "hand-over": lambda: _("Handed over: they are being called."),
    "stand-down": lambda: _("Stood down. The clocks of the response have stopped."),
    "close": lambda: _("%(ref)s is closed."),
    "reopen": lambda: _("%(ref)s is open again."),
    "cancel": lambda: _("%(ref)s is cancelled."),
    "merge": lambda: _("Merged. You are now in %(ref)s, to which everything belongs."),
    "waive": lambda: _("Waived, with your reason in the history."),
    "redact": lambda: _("The text is gone; the history says that you removed it."),
    "steps/start": lambda: _("Started: %(step)s"),
    "steps/complete": lambda: _("Done: %(step)s"),
    "steps/unanswered": lambda: _("Nobody answered, the step stays open: %(step)s"),
    "steps/skip": lambda: _("Skipped: %(step)s"),
    "steps/assign": lambda: _("Step handed over."),
    "steps/block": lambda: _("Marked as blocked."),
    "steps/unblock": lambda: _("It goes on."),
    "promises/extend": lambda: _("Put off, with your reason in the history."),
    "promises/pause": lambda: _("Paused, with your reason in the history."),
    "promises/resume": lambda: _("It goes on; the time it was paused does not count."),
    "promises/stop": lambda: _("Stopped, with your reason in the history."),
}
