"""The page behind the link in a message: one button. GET and HEAD change nothing, whoever or whatever opens it."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from contactops.accounts import throttle
from contactops.accounts.models import User
from contactops.errors import Conflict
from contactops.middleware import error_page
from incidents import links, services
from incidents.models import Event, Incident, Notification
from incidents.times import db_now


@csrf_exempt  # the token in the address is the key; who has it needs no cookie
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Reference and level and the button; after it was pressed, who has the call-out and since when."""
    if not throttle.takes(throttle.key_of(request.META.get("REMOTE_ADDR", ""), f"link {token}")):
        return error_page(request, 429, _("Too many tries. Wait a minute, then try again."))
    notification = links.read(token)
    with notification.recipient.reading():
        is_over = notification.expires_at <= db_now() or not notification.recipient.is_active
        context = {"one": notification, "incident": notification.incident, "is_over": is_over}
        if request.method == "POST" and not is_over:
            context["who"], context["since"] = _acknowledge(notification)
            context["is_mine"] = context["who"] == notification.recipient
        response = render(request, "incidents/link.html", context, status=410 if is_over else 200)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _acknowledge(notification: Notification) -> tuple[User | None, Any]:
    """Press the button for its person; twice is once. Returns who has the call-out and since when."""
    try:
        services.answer_notification(notification=notification, actor=notification.recipient, accept=True)
    except Conflict:
        notification.refresh_from_db()  # answered already, here or on screen
    incident = Incident.objects.get(pk=notification.incident_id)
    callout = incident.facts.callouts.get(notification.ladder)
    if callout is None or not callout.holder:
        return notification.recipient, notification.acknowledged_at
    answers = Event.objects.filter(incident=incident, kind="answered", facts__ladder=notification.ladder)
    last = answers.select_related("actor").order_by("-seq").first()
    return (last.actor, last.occurred_at) if last else (notification.recipient, notification.acknowledged_at)
