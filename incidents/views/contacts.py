"""Everybody's own contact points: a page beside language and time zone."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from rest_framework.serializers import Serializer

from contactops.accounts.models import ContactPoint
from contactops.errors import Conflict, Invalid, NotFound
from contactops.http import Request
from incidents import channels, inputs
from incidents import contacts as verbs
from incidents.notify.gateways import Failure
from incidents.views.forms import Sent, check, refused

Given = dict[str, Any]


@require_safe
def contacts(request: Request) -> HttpResponse:
    return _show(request)


def _show(request: Request, sent: Sent | None = None) -> HttpResponse:
    """`asked`: the contact point to which a code has just been sent."""
    context = {
        "points": verbs.points(request.user),
        "offered": verbs.offered(request.user),
        "asked": _number(request.GET.get("code", "")),
        "sent": sent,
        "sent_is_offered": True,
    }
    return render(request, "contacts.html", context, status=sent.status if sent else 200)


def _number(written: str) -> int:
    return int(written) if written.isascii() and written.isdigit() and len(written) < 19 else 0


@require_http_methods(["GET", "POST"])
def add(request: Request) -> HttpResponse:
    if request.method != "POST":
        return redirect("contacts")

    def do(given: Given) -> HttpResponse:
        verbs.add(actor=request.user, **given)
        return _said(request, _("Added. Send yourself a test, so that it is sure to reach you."))

    return _answer(request, "contacts/add", inputs.AddContact(data=request.POST), do)


@require_http_methods(["GET", "POST"])
def act(request: Request, pk: int, verb: str) -> HttpResponse:
    """change, remove, earlier, later, test or confirm one of one's own."""
    if verb not in ACTS:
        raise NotFound(_("There is no such verb."))
    if request.method != "POST":
        return redirect("contacts")
    point = verbs.point_for(request.user, pk)
    takes, done = ACTS[verb]

    def do(given: Given) -> HttpResponse:
        return done(request, point, given)

    return _answer(request, f"contacts/{pk}/{verb}", takes(data=request.POST), do)


def _answer(
    request: Request, form: str, serializer: Serializer[Any], do: Callable[[Given], HttpResponse]
) -> HttpResponse:
    given = check(form, serializer, request.POST)
    if isinstance(given, Sent):
        return _show(request, given)
    try:
        return do(given)
    except (Invalid, Conflict) as error:
        return _show(request, refused(form, error, request.POST))


def _change(request: Request, point: ContactPoint, given: Given) -> HttpResponse:
    verbs.change(actor=request.user, point=point, **given)
    return _said(request, _("Saved."))


def _remove(request: Request, point: ContactPoint, given: Given) -> HttpResponse:
    verbs.remove(actor=request.user, point=point)
    return _said(request, _("Removed: %(address)s") % {"address": point.address})


def _earlier(request: Request, point: ContactPoint, given: Given) -> HttpResponse:
    verbs.move(actor=request.user, point=point, by=verbs.EARLIER)
    return redirect("contacts")


def _later(request: Request, point: ContactPoint, given: Given) -> HttpResponse:
    verbs.move(actor=request.user, point=point, by=verbs.LATER)
    return redirect("contacts")


def _test(request: Request, point: ContactPoint, given: Given) -> HttpResponse:
    error = verbs.send_code(actor=request.user, point=point)
    if isinstance(error, Failure):
        messages.error(request, channels.outcome_in_words(error.outcome, error.why, error.said))
        return redirect("contacts")
    messages.success(request, _("A code is on its way to %(address)s.") % {"address": point.address})
    return redirect(f"{reverse('contacts')}?code={point.pk}#contact-{point.pk}")


def _confirm(request: Request, point: ContactPoint, given: Given) -> HttpResponse:
    verbs.confirm(actor=request.user, point=point, **given)
    return _said(request, _("Verified: %(address)s reaches you.") % {"address": point.address})


def _said(request: Request, words: str) -> HttpResponse:
    messages.success(request, words)
    return redirect("contacts")


ACTS: Mapping[str, tuple[type[Serializer[Any]], Callable[[Request, ContactPoint, Given], HttpResponse]]] = {
    "change": (inputs.Address, _change),
    "remove": (inputs.Nothing, _remove),
    "earlier": (inputs.Nothing, _earlier),
    "later": (inputs.Nothing, _later),
    "test": (inputs.Nothing, _test),
    "confirm": (inputs.Code, _confirm),
}
