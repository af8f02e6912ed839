"""What an agent needs: send a report, see what became of it, know what to do and say meanwhile."""

import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from contactops.accounts.models import User
from contactops.errors import Conflict, DomainError, Invalid
from contactops.http import Request
from incidents import access, helpers, inputs, reporting, selectors, services, warned, wording
from incidents.access import Right
from incidents.models import Incident, Warning
from incidents.models.incident import SCOPES
from incidents.views import doors
from incidents.views.forms import Sent, check, refused
from plans import selectors as plans
from plans.models import Family
from plans.texts import say

FORM = "report"
HELP = "help"

Families = list[tuple[str, list[tuple[str, str]]]]


@require_http_methods(["GET", "HEAD", "POST"])
def report(request: Request) -> HttpResponse:
    """The form posts to itself. The key made when it was opened makes a double click one report."""
    doors.require(request.user, "report")
    if request.method != "POST":
        return _form(request, warning=_warning(request))
    given = check(FORM, inputs.Report(data=request.POST), request.POST)
    if isinstance(given, Sent):
        return _form(request, given)
    try:
        stored, _new = reporting.report(actor=request.user, **given)
    except DomainError as error:
        sent = _sent_before if error.code == "key_reused" else partial(refused, FORM)
        return _form(request, sent(error, request.POST))
    request.session["seat"] = stored.seat.code if stored.seat else ""
    if given.get("warning") and Incident.objects.visible_to(request.user).filter(pk=stored.incident_id).exists():
        return redirect("room", ref=stored.incident.ref)  # whoever answers a warning goes on to the plan
    return redirect("receipt", pk=stored.pk)


def _warning(request: Request) -> Warning | None:
    """The warning that the address names, for those who decide on it."""
    asked = request.GET.get("warning", "")
    if not asked or not access.decides_on_warnings(request.user):
        return None
    return warned.warning_for(request.user, int(asked)) if asked.isascii() and asked.isdigit() else None


def _sent_before(error: DomainError, posted: QueryDict) -> Sent:
    """The browser went back and sent other words under the old key. A new key makes it a report of its own."""
    sent = refused(FORM, error, posted)
    text = _("You have sent this form already, with other words. Send it again only if this is another report.")
    values = {**sent.values, "client_key": str(uuid.uuid4())}
    return Sent(FORM, values, {"non_field_errors": [text]}, sent.status)


def _prefilled(warning: Warning) -> dict[str, Any]:
    """As the fields hold it: the time as the clock on the reader's wall has it."""
    said = warned.prefilled(warning)
    began: datetime = said["occurred_at"]
    return {**said, "occurred_at": f"{timezone.localtime(began):%Y-%m-%dT%H:%M}", "title": say(warning.rule.title)}


def _form(request: Request, sent: Sent | None = None, warning: Warning | None = None) -> HttpResponse:
    user = request.user
    values = sent.values if sent else {}
    known = _prefilled(warning) if warning else {}
    families = _types_by_family()
    context: dict[str, Any] = {
        "sent": sent,
        "sent_is_offered": True,
        "client_key": values.get("client_key") or uuid.uuid4(),
        "seat": request.session.get("seat", ""),
        "families": families,
        "scopes": [(scope, wording.name(scope)) for scope in SCOPES],
        "sites": [(site.code, str(site)) for site in selectors.sites_to_report_for(user)],
        "yes_no": [("true", _("Yes")), ("false", _("No"))],
        "kinds": [("real", wording.name("real")), ("drill", wording.name("drill"))],
        "notices": selectors.notices_for_site(user),
        "asks": helpers.asked_of(user),
        "known": known,
        "candidates": _candidates(user, values.get("incident_type") or known.get("incident_type", ""), families),
        "own": selectors.own_reports(user),
        "leads": Right.LEAD in access.rights(user),
    }
    return render(request, "incidents/report.html", context, status=sent.status if sent else 200)


def _candidates(user: User, chosen: str, families: Families) -> list[dict[str, Any]]:
    """Live incidents at the same place, those of the type chosen first."""
    known = [slug for _family, types in families for slug, _name in types]
    if not known:
        return []
    return reporting.candidates(actor=user, incident_type=chosen if chosen in known else known[0])


def _types_by_family() -> Families:
    """The types to choose from, under their families; the one for everything else comes last."""
    found: dict[str, list[tuple[str, str]]] = {}
    for kind in plans.incident_types():
        found.setdefault(kind.family, []).append((kind.slug, say(kind.name)))
    order = [*(family for family in Family if family != Family.GENERAL), Family.GENERAL]
    return [(str(family.label), found[family]) for family in order if family in found]


@require_safe
def receipt(request: Request, pk: uuid.UUID) -> HttpResponse:
    """What became of one's own report."""
    found = reporting.receipt(request.user, pk)
    context = {
        "report": found,
        "incident": found.incident,
        "next_update_at": reporting.next_update_at(found.incident),
        "notices": selectors.notices_for_site(request.user),
        "asks": helpers.asked_of(request.user),
    }
    return render(request, "incidents/receipt.html", context)


@require_http_methods(["GET", "POST"])
def help_out(request: Request, ref: str) -> HttpResponse:
    """What somebody who was asked to help says of themselves, of nobody else. They need not see the incident."""
    doors.require(request.user, "report")
    if request.method != "POST":
        return redirect("report")
    incident = access.incident_to_help_in(request.user, ref)
    posted = request.POST.copy()
    posted["people"], posted["group"] = request.user.username, ""
    given = check(HELP, inputs.SupportPeople(data=posted), posted)
    if isinstance(given, Sent):
        return _form(request, given)
    try:
        services.set_support_people(incident=incident, actor=request.user, **given)
    except (Invalid, Conflict) as error:
        return _form(request, refused(HELP, error, posted))
    messages.success(request, _SAID[given["status"]]())
    return redirect(f"{reverse('report')}#{HELP}")


_SAID: dict[str, Callable[[], str]] = {
    "confirmed": lambda: _("Thank you. Say so here when you have switched."),
    "declined": lambda: _("Written down: you cannot."),
    "joined": lambda: _("Written down: you take inbound calls."),
    "released": lambda: _("Written down: you are back. Thank you."),
}
