"""What the administrator looks at: whether the console is well, what it sends, and what became of it. Auditors look too."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.paginator import Paginator
from django.db.models import Case, Count, Q, QuerySet, When
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from contactops import health
from contactops.accounts.models import Channel, Role
from contactops.errors import NotFound
from contactops.http import Request
from incidents import auditor
from incidents.models import AuditFinding, ClockBeat, Incident, Notification
from incidents.models.audit import KINDS
from incidents.models.outbox import STATES
from incidents.notify import mailbox
from incidents.notify import wording as letters
from incidents.views import doors

PAGE = 50
MAILS = 100
FINDINGS = 50
RECENT = timedelta(hours=1)  # a clock that has not looked for so long belongs to a worker that is gone
Choices = list[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """One thing that can be well or not, or is not set up (None): what it is, whether, and the figure that says so."""

    name: str
    well: bool | None
    says: str


@dataclass(frozen=True)
class Found:
    """One finding of the auditor in words. No incident where the reader may not know of it."""

    row: AuditFinding
    incident: Incident | None

    @property
    def words(self) -> str:
        return _(KINDS[self.row.kind])

    @property
    def due(self) -> datetime | None:
        """For when the promise stands, by its plan."""
        return parse_datetime(self.row.detail.get("due", ""))

    @property
    def was(self) -> datetime | None:
        """For when it stood in the ledger."""
        return parse_datetime(self.row.detail.get("was", ""))

    @property
    def since(self) -> datetime | None:
        """Since when the messages wait, or when the promise is said to have been kept."""
        return parse_datetime(self.row.detail.get("since", "") or self.row.detail.get("fired", ""))


@require_safe
def system(request: Request) -> HttpResponse:
    """Whether promises are being kept, and by whom."""
    doors.require(request.user, "system")
    _status, body = health.report(request.look)
    now = request.look.now
    stuck = {pk for beat in ClockBeat.objects.all() for pk in beat.resting}
    findings = _findings(request)
    context = {
        "tab": "health",
        "status": body["status"],
        "parts": _parts(body),
        "clocks": ClockBeat.objects.filter(looked_at__gt=now - RECENT).order_by("-looked_at"),
        "stuck": Incident.objects.visible_to(request.user).filter(pk__in=stuck) if body["stuck"] else [],
        "findings": findings,
        "newest": max((one.row.pk for one in findings), default=0),
        "unseen": request.look.unseen,
        "may_see": request.user.role == Role.ADMINISTRATOR,
        "states": _states(request),
        "now": now,
    }
    return render(request, "incidents/system/health.html", context)


def _findings(request: Request) -> list[Found]:
    """The last that the auditor found, what is open first. Two queries."""
    is_open = Q(seen_at=None) | Q(repaired_at=None)
    rows = AuditFinding.objects.annotate(is_open=Case(When(is_open, then=0), default=1)).order_by("is_open", "-pk")
    shown = list(rows.select_related("seen_by")[:FINDINGS])
    known = Incident.objects.visible_to(request.user).in_bulk({row.incident_id for row in shown})
    return [Found(row, known.get(row.incident_id)) for row in shown]


@require_POST
def see_findings(request: Request) -> HttpResponse:
    """The administrator has read what the auditor found, up to the newest that the page showed."""
    auditor.see(request.user, up_to=_number(request.POST.get("up_to", "")))
    return redirect(reverse("system") + "#findings")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _parts(body: dict[str, object]) -> list[Part]:
    clock = body["clock"]
    audit = body["audit"]
    assert isinstance(clock, dict)
    assert isinstance(audit, dict)
    last, due, outbox = clock["last_look_s"], body["oldest_due_s"], body["oldest_outbox_s"]
    return [
        Part(_("Database"), True, _("answers")),
        Part(_("Clock"), clock["alive"], _ago(last) if last is not None else _("has never looked")),
        Part(_("Time"), clock["plain"], _("the database’s own") if clock["plain"] else _("moved by a test")),
        Part(_("Promises"), _within(due, health.OVERDUE_S), _waits(due, _("none overdue"))),
        Part(_("Auditor"), _looks(audit["last_s"]), _round(audit["last_s"])),
        Part(_("Findings"), not audit["findings"], str(audit["findings"]) if audit["findings"] else _("none open")),
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


def _looks(seconds: float | None) -> bool:
    return seconds is not None and seconds <= health.AUDIT_S


def _round(seconds: float | None) -> str:
    if seconds is None:
        return _("has not been through the ledger yet")
    return _("was through the ledger %(s)s s ago") % {"s": round(seconds)}


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
