"""The pages of the roster. Everybody who is signed in may read them; the verbs see to who may write."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from rest_framework.serializers import Serializer

from contactops.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound
from contactops.http import Request
from plans import calendars, inputs, roster, roster_csv, rostering
from plans.models import CalendarFeed, Shift, Site
from plans.times import db_now

CSV = "text/csv; charset=utf-8"
SHOWN = 50  # lines of a preview
LABELS: Mapping[str, str | Promise] = {
    "site": gettext_lazy("Site"),
    "group": gettext_lazy("Group"),
    "person": gettext_lazy("Person"),
    "date": gettext_lazy("Day"),
    "start": gettext_lazy("From"),
    "end": gettext_lazy("To"),
    "reason": gettext_lazy("Why"),
    "file": gettext_lazy("File"),
}
AS_ON_THE_PAGE = {"starts_at": "start", "ends_at": "end", "csv": "file"}


@dataclass(frozen=True)
class Sent:
    """A form that was refused, in the shape in which the templates of fields and problems read it."""

    form: str
    values: Mapping[str, str]
    errors: Mapping[str, list[str]]
    status: int = 400

    @property
    def messages(self) -> list[tuple[str, str, str]]:
        named = [(name, text) for name, texts in self.errors.items() for text in texts]
        return [(f"{self.form}-{name}", str(LABELS.get(name, "")), text) for name, text in named]

    @property
    def written(self) -> list[str]:
        return [text for name, text in self.values.items() if name == "reason" and text.strip()]


def _typed(posted: QueryDict) -> dict[str, str]:
    return {name: str(value) for name, value in posted.items() if name not in ("csrfmiddlewaretoken", "csv")}


def _refused(form: str, error: DomainError, posted: QueryDict) -> Sent:
    fields = error.fields if isinstance(error, Invalid) else {"non_field_errors": [error.detail]}
    named = {AS_ON_THE_PAGE.get(name, name): texts for name, texts in fields.items()}
    return Sent(form, _typed(posted), named, error.status)


def _checked(form: str, serializer: Serializer[Any], posted: QueryDict) -> dict[str, Any] | Sent:
    if serializer.is_valid():
        return dict(serializer.validated_data)
    errors = {str(name): [str(text) for text in texts] for name, texts in serializer.errors.items()}
    return Sent(form, _typed(posted), errors)


# The roster


@require_safe
def page(request: Request) -> HttpResponse:
    return _show(request)


def _show(request: Request, sent: Sent | None = None) -> HttpResponse:
    at, person = db_now(), request.user
    sites = roster.sites()
    site = _chosen(request, sites)
    groups = roster.groups_at(site)
    start = _week_of(request.GET.get("week", ""), at)
    duties = roster.now(groups, at, site)
    own = roster.mine(person, at, at + roster.MINE)
    feed = CalendarFeed.objects.filter(user=person).first()
    context = {
        "sent": sent,
        "sent_is_offered": True,
        "now": at,
        "sites": [(one.code, str(one)) for one in sites],
        "site": site,
        "by_roster": [duty for duty in duties if duty.keeps],
        "by_order": [duty for duty in duties if not duty.keeps],
        "ready": roster.readiness(groups, at, site),
        "weeks": roster.week(groups, start, site),
        "start": start,
        "before": start - timedelta(days=roster.DAYS),
        "after": start + timedelta(days=roster.DAYS),
        "mine": own,
        "asked": roster.asked_of(person, at),
        "told": roster.told(person, at),
        "swaps": roster.swaps_kept(person, at),
        "keeps": rostering.keeps_any(person),
        "sees_doubts": rostering.keeps_any(person) or person.role == "auditor",
        "feed": request.build_absolute_uri(_feed_address(feed)) if feed else "",
    }
    return render(request, "plans/roster/page.html", context, status=sent.status if sent else 200)


def _chosen(request: Request, sites: list[Site]) -> Site | None:
    """The site that the address names; one's own where it names none; None for all."""
    own = request.user.site.code if request.user.site else ""
    asked = request.GET.get("site", own)
    return next((site for site in sites if site.code == asked), None)


def _week_of(text: str, at: datetime) -> date:
    """The day with which the week begins: today, unless the address says another."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return timezone.localtime(at).date()
    return day if day.year in roster_csv.YEARS[1:-1] else timezone.localtime(at).date()


def _feed_address(feed: CalendarFeed) -> str:
    return reverse("roster:feed", args=[calendars.token(feed)])


# Adding


@require_http_methods(["GET", "POST"])
def add(request: Request) -> HttpResponse:
    """One shift, as a line of a file has it."""
    _require_keeper(request)
    if request.method != "POST":
        return _show_add(request)
    given = _checked("add", inputs.Line(data=request.POST), request.POST)
    if isinstance(given, Sent):
        return _show_add(request, given)
    try:
        shift, new = rostering.add_line(actor=request.user, line=given)
    except (Invalid, Conflict, NotAllowed) as error:
        return _show_add(request, _refused("add", error, request.POST))
    messages.success(request, _("Entered.") if new else _("That shift stands already."))
    return redirect("roster:shift", shift.pk)


def _require_keeper(request: Request) -> None:
    if not rostering.keeps_any(request.user):
        raise NotAllowed(_("This page is not for your role."))


def _show_add(request: Request, sent: Sent | None = None) -> HttpResponse:
    person = request.user
    sites = [site for site in roster.sites() if rostering.keeps(person, site)]
    keys: dict[str, str] = {}
    for group in roster.groups_at(None):
        if group.site is None or group.site in sites:
            keys[group.key] = str(group)
    context = {
        "sent": sent,
        "sent_is_offered": True,
        "sites": [(site.code, str(site)) for site in sites],
        "everywhere": rostering.keeps(person, None),
        "own": person.site.code if person.site else "",
        "groups": sorted(keys.items()),
        "people": [(user.username, f"{user} ({keys_of})") for user, keys_of in roster.members_of_all()],
        "today": timezone.localtime(db_now()).date().isoformat(),
    }
    return render(request, "plans/roster/add.html", context, status=sent.status if sent else 200)


# One shift


@require_safe
def shift(request: Request, pk: int) -> HttpResponse:
    return _show_shift(request, pk)


def _show_shift(request: Request, pk: int, sent: Sent | None = None) -> HttpResponse:
    at, found = db_now(), roster.one_shift(pk)
    one = found.shift
    zone = roster_csv.zone_of(one.counts_at)
    begins, ends = one.starts_at.astimezone(zone), one.ends_at.astimezone(zone)
    is_over = one.ends_at <= at
    context = {
        "sent": sent,
        "sent_is_offered": True,
        "one": one,
        "found": found,
        "begins": begins,
        "ends": ends,
        "zone": zone.key,
        "values": {"start": _wall(begins), "end": _wall(ends)},
        "is_over": is_over,
        "has_begun": one.starts_at < at,
        "keeps": rostering.keeps(request.user, one.counts_at) and not is_over,
        "is_mine": one.person_id == request.user.pk and request.user.role != "auditor" and not is_over,
        "open_swap": next((swap for swap in found.swaps if swap.state == "asked"), None),
        "others": [(user.username, str(user)) for user in found.others],
    }
    return render(request, "plans/roster/shift.html", context, status=sent.status if sent else 200)


def _wall(moment: datetime) -> str:
    """As the field of a form holds it."""
    return f"{moment:%Y-%m-%dT%H:%M}"


@require_http_methods(["GET", "POST"])
def shift_verb(request: Request, pk: int, verb: str) -> HttpResponse:
    """Change, replace or remove a shift, or ask somebody to take it."""
    if verb not in SHIFT_VERBS:
        raise NotFound(_("There is no such verb."))
    if request.method != "POST":
        return redirect("roster:shift", pk)
    given = _checked(verb, SHIFT_VERBS[verb](data=request.POST), request.POST)
    if isinstance(given, Sent):
        return _show_shift(request, pk, given)
    try:
        where = _do_shift(request, pk, verb, given)
    except (Invalid, Conflict) as error:
        return _show_shift(request, pk, _refused(verb, error, request.POST))
    return redirect(where)


SHIFT_VERBS: Mapping[str, type[inputs.Input]] = {
    "change": inputs.Times,
    "replace": inputs.ReplaceShift,
    "remove": inputs.NoBody,
    "swap": inputs.AskSwap,
}


def _do_shift(request: Request, pk: int, verb: str, given: dict[str, Any]) -> str:
    """Does it, says so, and returns where to go on."""
    actor, here = request.user, reverse("roster:shift", args=[pk])
    if verb == "change":
        starts_at, ends_at = _new_times(roster.one_shift(pk).shift, given)
        rostering.change(actor=actor, shift=pk, starts_at=starts_at, ends_at=ends_at)
        messages.success(request, _("The times are changed."))
    elif verb == "replace":
        other, _new = rostering.replace(actor=actor, shift=pk, person=given["person"])
        messages.success(request, _("%(person)s is on duty in their place.") % {"person": other.person})
    elif verb == "swap":
        swap = rostering.ask_swap(actor=actor, shift=pk, **given)
        messages.success(request, _("%(person)s has been asked.") % {"person": swap.asked_of})
    else:
        rostering.remove(actor=actor, shift=pk)
        stands = Shift.objects.filter(pk=pk).exists()
        messages.success(request, _("The shift ends now.") if stands else _("Taken out of the roster."))
        return here if stands else reverse("roster:page")
    return here


def _new_times(one: Shift, given: Mapping[str, str]) -> tuple[datetime, datetime]:
    """What was typed; a time that was left as it stood stays to the second, and in the hour in which it was."""
    zone = roster_csv.zone_of(one.counts_at)
    line = roster_csv.Line(0, {**given, "date": given["start"][:10]})
    starts_at, ends_at = roster_csv.times(line, zone)
    if given["start"] == _wall(one.starts_at.astimezone(zone)):
        starts_at = one.starts_at
    return starts_at, one.ends_at if given["end"] == _wall(one.ends_at.astimezone(zone)) else ends_at


@require_http_methods(["GET", "POST"])
def swap_verb(request: Request, pk: int, verb: str) -> HttpResponse:
    """Answer a question about a swap, or take one's own back."""
    if verb not in rostering.SWAP_VERBS:
        raise NotFound(_("There is no such verb."))
    if request.method != "POST":
        return redirect("roster:page")
    try:
        rostering.SWAP_VERBS[verb](actor=request.user, swap=pk)
    except Conflict as error:
        return _show(request, _refused(f"swap-{pk}", error, request.POST))
    messages.success(request, SAID[verb] % {})
    return redirect("roster:page")


SAID = {
    "accept": gettext_lazy("The shift is yours now."),
    "decline": gettext_lazy("Declined: the shift stays as it is."),
    "withdraw": gettext_lazy("Taken back."),
}


# Files


@require_http_methods(["GET", "POST"])
def import_shifts(request: Request) -> HttpResponse:
    """Choose a file, see what would come of it, then take it over. Between the two steps the file travels with the page:
    nothing is kept here."""
    _require_keeper(request)
    if request.method != "POST":
        return _show_import(request)
    data = _sent_file(request)
    if data is None:
        errors = {"file": [_("Choose a file.")]}
        return _show_import(request, Sent("import", {}, errors))
    is_final = "confirm" in request.POST
    try:
        done = rostering.import_shifts(actor=request.user, data=data, preview=not is_final)
    except rostering.Refused as error:
        return _show_import(request, faults=error.fields["csv"])
    if not is_final:
        return _show_import(request, preview=done, text=_as_text(data))
    said = _("Imported. New shifts: %(new)s; already there: %(same)s.")
    messages.success(request, said % {"new": len(done.added), "same": done.unchanged})
    return redirect("roster:page")


def _sent_file(request: Request) -> str | bytes | None:
    if "confirm" in request.POST:
        return request.POST.get("csv", "")
    file = request.FILES.get("file")
    if file is None:
        return None
    return bytes(file.read(roster_csv.MOST_BYTES + 1))  # type: ignore[union-attr]  # the reader says that it is too much


def _as_text(data: str | bytes) -> str:
    return data if isinstance(data, str) else roster_csv.decoded(data)


def _show_import(
    request: Request,
    sent: Sent | None = None,
    faults: list[str] | None = None,
    preview: rostering.Imported | None = None,
    text: str = "",
) -> HttpResponse:
    context = {
        "sent": sent,
        "sent_is_offered": True,
        "problems": bool(faults),
        "faults": faults or [],
        "preview": preview,
        "shown": preview.added[:SHOWN] if preview else [],
        "more": max(0, len(preview.added) - SHOWN) if preview else 0,
        "text": text,
        "columns": [(name, label) for name, label in zip(roster_csv.COLUMNS, roster_csv.CHINESE, strict=True)],
    }
    return render(request, "plans/roster/import.html", context, status=400 if sent or faults else 200)


def _download(rows: list[list[str]], name: str) -> HttpResponse:
    response = HttpResponse(roster_csv.written(rows), content_type=CSV)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _headings() -> list[str]:
    return list(roster_csv.headings(chinese=get_language() == "zh-hans"))


@require_safe
def template(request: Request) -> HttpResponse:
    """The headings and two lines that show how it is meant."""
    return _download([_headings(), *map(list, roster_csv.EXAMPLE)], "roster-template.csv")


@require_safe
def export(request: Request) -> HttpResponse:
    """What stands from today on, as a file that can be read back."""
    at = db_now()
    sites = roster.sites()
    site = _chosen(request, sites)
    rows = roster.listed(site=site.code if site else "", start=at)
    return _download([_headings(), *(roster_csv.row(one) for one in rows)], "roster.csv")


# Calendars


@require_POST
def renew(request: Request) -> HttpResponse:
    """A new address for one's calendar, or none any more."""
    if "shut" in request.POST:
        rostering.shut_feed(actor=request.user)
        messages.success(request, _("The address is shut."))
    else:
        rostering.renew_feed(actor=request.user)
        messages.success(request, _("This is the address; one that was there before is shut."))
    return redirect(f"{reverse('roster:page')}#calendar")


@login_not_required
@never_cache
@require_safe
def feed(request: Request, token: str) -> HttpResponse:
    """For calendar programs, which cannot sign in: the address is the key."""
    person = calendars.whose(token)
    if person is None:
        raise Http404
    response = HttpResponse(calendars.calendar(person, db_now()), content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = 'inline; filename="shifts.ics"'
    response.headers["X-Robots-Tag"] = "noindex"
    return response
