"""What the administrator looks at: whether the console is well, what it sends, and what became of it. Auditors look too."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from contactops import health
from contactops.accounts.models import Channel
from contactops.errors import NotFound
from contactops.http import Request
from incidents.models import ClockBeat, Incident, Notification
from incidents.models.outbox import STATES
from incidents.notify import mailbox
from incidents.notify import wording as letters
from incidents.views import doors

PAGE = 50
MAILS = 100
RECENT = timedelta(hours=1)  # a clock that has not looked for so long belongs to a worker that is gone
Choices = list[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """One thing that can be well or not, or is not set up (None): what it is, whether, and the figure that says so."""

    name: str
    well: bool | None
    says: str


@require_safe
def system(request: Request) -> HttpResponse:
    """Whether promises are being kept, and by whom."""
    doors.require(request.user, "system")
    _status, body = health.report(request.look)
    now = request.look.now
    stuck = {pk for beat in ClockBeat.objects.all() for pk in beat.resting}
    context = {
        "tab": "health",
        "status": body["status"],
        "parts": _parts(body),
        "clocks": ClockBeat.objects.filter(looked_at__gt=now - RECENT).order_by("-looked_at"),
        "stuck": Incident.objects.visible_to(request.user).filter(pk__in=stuck) if body["stuck"] else [],
        "states": _states(request),
        "now": now,
    }
    return render(request, "incidents/system/health.html", context)


def _parts(body: dict[str, object]) -> list[Part]:
    clock = body["clock"]
    assert isinstance(clock, dict)
    last, due, outbox = clock["last_look_s"], body["oldest_due_s"], body["oldest_outbox_s"]
    return [
        Part(_("Database"), True, _("answers")),
        Part(_("Clock"), clock["alive"], _ago(last) if last is not None else _("has never looked")),
        Part(_("Time"), clock["plain"], _("the database’s own") if clock["plain"] else _("moved by a test")),
        Part(_("Promises"), _within(due, health.OVERDUE_S), _waits(due, _("none overdue"))),
        Part(_("Messages"), _within(outbox, health.OUTBOX_S), _waits(outbox, _("none waiting"))),
        Part(_("E-mail"), None if mailbox.is_kept() else True, _mail_goes()),
        Part(_("Broker"), bool(body["broker"]), _("answers") if body["broker"] else _("does not answer")),
    ]


def _mail_goes() -> str:
    return _("no mail server is set: letters are written to files") if mailbox.is_kept() else _("to the mail server")


def _within(seconds: object, limit: float) -> bool:
    return not isinstance(seconds, float) or seconds <= limit


def _ago(seconds: float) -> str:
    return _("looked %(s)s s ago") % {"s": round(seconds, 1)}


def _waits(seconds: object, none: str) -> str:
    return _("the oldest for %(s)s s") % {"s": seconds} if seconds else none


def _states(request: Request) -> list[tuple[str, str, int]]:
    """How many messages are in each state, those that went wrong included."""
    counted = _rows(request).order_by().values("state").annotate(n=Count("pk"))
    numbers = {row["state"]: row["n"] for row in counted}
    return [(state, letters.state_name(state), numbers[state]) for state in STATES if state in numbers]


@require_safe
def outbox(request: Request) -> HttpResponse:
    """Every message, newest first, with its tries."""
    doors.require(request.user, "system")
    state, channel = request.GET.get("state", ""), request.GET.get("channel", "")
    rows = _rows(request)
    rows = rows.filter(state=state) if state in STATES else rows
    rows = rows.filter(channel=channel) if channel in Channel.values else rows
    page = Paginator(rows.select_related("incident__type", "recipient").prefetch_related("tries"), PAGE)
    shown = page.get_page(request.GET.get("page"))
    context = {
        "tab": "outbox",
        "page": shown,
        "letters": [(one, letters.subject(one)) for one in shown],
        "state": state,
        "channel": channel,
        "states": _states(request),
        "channels": Channel.choices,
        "address": f"state={state}&channel={channel}",
        "now": request.look.now,
    }
    return render(request, "incidents/system/outbox.html", context)


def _rows(request: Request) -> QuerySet[Notification]:
    seen = Incident.objects.visible_to(request.user)
    return Notification.objects.filter(incident__in=seen)


@require_safe
def mail(request: Request) -> HttpResponse:
    """The e-mails that would have gone out, where no mail server is set."""
    doors.require(request.user, "system")
    kept = mailbox.is_kept()
    mails = _visible(request, mailbox.newest(MAILS)) if kept else []
    return render(request, "incidents/system/mail.html", {"tab": "mail", "kept": kept, "mails": mails})


@require_safe
def one_mail(request: Request, key: str) -> HttpResponse:
    doors.require(request.user, "system")
    found = mailbox.find(key) if mailbox.is_kept() else None
    if found is None or not _visible(request, [found]):
        raise NotFound(_("There is no such e-mail."))
    return render(request, "incidents/system/one_mail.html", {"tab": "mail", "mail": found})


def _visible(request: Request, mails: list[mailbox.Mail]) -> list[mailbox.Mail]:
    """Without those about incidents that the reader may not know of."""
    seen = Incident.objects.visible_to(request.user).filter(ref__in={mail.ref for mail in mails})
    refs = set(seen.values_list("ref", flat=True))
    return [mail for mail in mails if mail.ref in refs]
