"""What one person has been told, and their answers."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from contactops.accounts.models import Role
from contactops.errors import Conflict, NotFound
from contactops.http import Request
from incidents import selectors, services, warned
from incidents.models import Incident, Notification
from incidents.notify import wording
from incidents.times import db_now
from incidents.verbs import ANSWERS
from incidents.views.forms import Sent, check, refused

PAGE = 20


@dataclass(frozen=True)
class Letter:
    """A message as it is shown. `has_room`: its reader may open the incident; `asks`: an answer is waited for."""

    one: Notification
    subject: str
    lines: list[str]
    has_room: bool
    asks: bool


@require_safe
def inbox(request: Request) -> HttpResponse:
    return _show(request)


def _show(request: Request, sent: Sent | None = None) -> HttpResponse:
    page = Paginator(selectors.inbox(request.user), PAGE).get_page(request.GET.get("page"))
    words = wording.Words(list(page))
    asking = selectors.waiting(request.user).filter(pk__in=[one.pk for one in page])
    seen = Incident.objects.visible_to(request.user).filter(pk__in={one.incident_id for one in page})
    asked, rooms = (set(rows.values_list("pk", flat=True)) for rows in (asking, seen))
    letters = [
        Letter(one, wording.subject(one), words.lines(one), one.incident_id in rooms, one.pk in asked) for one in page
    ]
    context: dict[str, Any] = {"page": page, "letters": letters, "now": db_now(), "sent": sent, "sent_is_offered": True}
    if request.user.role == Role.MEMBER:  # who has no board is told here
        context["strip"] = warned.strip(request.user, now=context["now"])
    return render(request, "incidents/inbox.html", context, status=sent.status if sent else 200)


@require_http_methods(["GET", "POST"])
def answer(request: Request, pk: int, verb: str) -> HttpResponse:
    """“I have it”, or “I cannot” with a reason."""
    if verb not in ANSWERS:
        raise NotFound(_("There is no such verb."))
    if request.method != "POST":
        return redirect("inbox")
    notification = selectors.inbox(request.user).filter(pk=pk).first()
    if notification is None:
        raise NotFound(_("There is no such notification."))
    form = f"inbox/{pk}"
    given = check(form, ANSWERS[verb](data=request.POST), request.POST)
    if isinstance(given, Sent):
        return _show(request, given)
    accept = verb == "acknowledge"
    try:
        services.answer_notification(notification=notification, actor=request.user, accept=accept, **given)
    except Conflict as error:
        return _show(request, refused(form, error, request.POST))
    messages.success(request, _("Thank you: you have it.") if accept else _("Written down: the next person is asked."))
    return redirect("inbox")
