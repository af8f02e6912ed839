"""The administrator's page of channels: what messages go out through, tests, and who cannot be reached."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from rest_framework.serializers import Serializer

from contactops.accounts.models import THROUGH_A_GATEWAY, Gateway
from contactops.errors import Conflict, Invalid, NotFound
from contactops.http import Request
from incidents import access, inputs
from incidents import channels as verbs
from incidents.notify import mailbox
from incidents.notify.gateways import Failure
from incidents.times import db_now
from incidents.views import doors
from incidents.views.forms import Sent, check, refused
from plans.models import Site

SHOWN = 100  # people out of reach; a floor of agents is more than anybody reads

Do = Callable[[Request, Gateway, dict[str, Any]], str]


@require_safe
def channels(request: Request) -> HttpResponse:
    return _show(request)


def _show(request: Request, sent: Sent | None = None) -> HttpResponse:
    doors.require(request.user, "system")
    people = verbs.out_of_reach(request.user, SHOWN + 1)
    context = {
        "tab": "channels",
        "channels": verbs.overview(request.user),
        "may_change": access.runs_the_system(request.user),
        "kinds": [(channel.value, channel.label) for channel in THROUGH_A_GATEWAY],
        "sites": [(site.code, str(site)) for site in Site.objects.all()],
        "kept": mailbox.is_kept(),
        "in_groups": [one.person for one in people[:SHOWN] if one.in_a_group],
        "others": [one.person for one in people[:SHOWN] if not one.in_a_group],
        "are_more": len(people) > SHOWN,
        "now": db_now(),
        "sent": sent,
        "sent_is_offered": True,
    }
    return render(request, "incidents/system/channels.html", context, status=sent.status if sent else 200)


@require_http_methods(["GET", "POST"])
def add(request: Request) -> HttpResponse:
    def do(given: dict[str, Any]) -> str:
        made = verbs.add(actor=request.user, **given)
        return _("Gateway “%(name)s” added.") % {"name": made.name}

    return _answer(request, "channels/add", inputs.AddGateway(data=request.POST), do)


@require_http_methods(["GET", "POST"])
def test_mail(request: Request) -> HttpResponse:
    def do(given: dict[str, Any]) -> Failure | None:
        return verbs.test_mail(actor=request.user, **given)

    return _answer(request, "channels/email/test", inputs.Address(data=request.POST), do)


@require_http_methods(["GET", "POST"])
def act(request: Request, pk: int, verb: str) -> HttpResponse:
    """change, test, enable, disable or remove one gateway."""
    if verb not in ACTS:
        raise NotFound(_("There is no such verb."))
    if request.method != "POST":
        return redirect("channels")
    gateway = verbs.gateway_for(request.user, pk)
    takes, done = ACTS[verb]

    def do(given: dict[str, Any]) -> str | Failure | None:
        return done(request, gateway, given)

    return _answer(request, f"channels/{pk}/{verb}", takes(data=request.POST), do)


def _change(request: Request, gateway: Gateway, given: dict[str, Any]) -> str:
    verbs.change(actor=request.user, gateway=gateway, **given)
    return _("Gateway “%(name)s” saved.") % {"name": gateway.name}


def _enable(request: Request, gateway: Gateway, given: dict[str, Any]) -> str:
    verbs.switch(actor=request.user, gateway=gateway, enabled=True)
    return _("Gateway “%(name)s” is enabled.") % {"name": gateway.name}


def _disable(request: Request, gateway: Gateway, given: dict[str, Any]) -> str:
    verbs.switch(actor=request.user, gateway=gateway, enabled=False)
    return _("Gateway “%(name)s” is disabled: nothing goes out through it.") % {"name": gateway.name}


def _remove(request: Request, gateway: Gateway, given: dict[str, Any]) -> str:
    verbs.remove(actor=request.user, gateway=gateway)
    return _("Gateway “%(name)s” removed.") % {"name": gateway.name}


def _test(request: Request, gateway: Gateway, given: dict[str, Any]) -> Failure | None:
    return verbs.test(actor=request.user, gateway=gateway, **given)


ACTS: Mapping[str, tuple[type[Serializer[Any]], Callable[..., str | Failure | None]]] = {
    "change": (inputs.ChangeGateway, _change),
    "test": (inputs.Address, _test),
    "enable": (inputs.Nothing, _enable),
    "disable": (inputs.Nothing, _disable),
    "remove": (inputs.Nothing, _remove),
}


def _answer(
    request: Request, form: str, serializer: Serializer[Any], do: Callable[[dict[str, Any]], str | Failure | None]
) -> HttpResponse:
    """Do it and say what came of it; or show the page with the form that was refused."""
    if request.method != "POST":
        return redirect("channels")
    access.require_settings(request.user)
    given = check(form, serializer, request.POST)
    if isinstance(given, Sent):
        return _show(request, given)
    try:
        said = do(given)
    except (Invalid, Conflict) as error:
        return _show(request, refused(form, error, request.POST))
    if isinstance(said, Failure):
        messages.error(request, verbs.outcome_in_words(said.outcome, said.why, said.said))
    else:
        messages.success(request, said or verbs.outcome_in_words(verbs.HANDED))
    return redirect("channels")
