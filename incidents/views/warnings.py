"""Warnings, the feeds they come from and the rules that make them: looked at, decided on, changed by form."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from rest_framework.serializers import Serializer

from contactops.accounts.models import User
from contactops.errors import Conflict, Invalid, NotFound
from contactops.http import Request
from incidents import access, inputs, thresholds, warned, wording
from incidents.engine.plan import LEVELS
from incidents.models import Feed, WarningRule
from incidents.models.incident import SEES_ALL
from incidents.models.signals import DIRECTIONS, FAMILIES
from incidents.times import db_now
from incidents.verbs import WARNING_CALLS, WARNING_VERBS
from incidents.views import doors
from incidents.views.filters import Choices
from incidents.views.forms import Sent, check, refused
from plans import selectors as plans
from plans.models import Group, Site
from plans.texts import say

PAGE = 50
BACK = ("board", "overview", "inbox")  # where a decision may be taken besides this page


@require_safe
def warnings(request: Request) -> HttpResponse:
    doors.require(request.user, "warnings")
    return _show(request)


def _show(request: Request, sent: Sent | None = None) -> HttpResponse:
    user, now = request.user, db_now()
    found = warned.page(user, now)
    context = {
        "page": found,
        "rate": found.rate,
        "past": Paginator(warned.past(user), PAGE).get_page(request.GET.get("page")),
        "can_decide": access.decides_on_warnings(user),
        "can_change": access.sets_thresholds(user),
        "sent": sent,
        "sent_is_offered": True,
        "now": now,
    }
    return render(request, "incidents/warnings.html", context, status=sent.status if sent else 200)


@require_http_methods(["GET", "POST"])
def decide(request: Request, pk: int, verb: str) -> HttpResponse:
    """“I am watching it”, or “it means nothing” with a reason."""
    if verb not in WARNING_VERBS:
        raise NotFound(_("There is no such verb."))
    if request.method != "POST":
        return redirect("warnings")
    warning = warned.warning_for(request.user, pk)
    form = f"warnings/{pk}"
    given = check(form, WARNING_VERBS[verb](data=request.POST), request.POST)
    if isinstance(given, Sent):
        return _show(request, given)
    given.pop("rev", None)
    try:
        WARNING_CALLS[verb](warning=warning, actor=request.user, **given)
    except Conflict as error:
        return _show(request, refused(form, error, request.POST))
    messages.success(request, _SAID[verb]())
    back = request.POST.get("from", "")
    return redirect(back if back in BACK else "warnings")


_SAID: dict[str, Callable[[], str]] = {
    "watch": lambda: _("Written down: you are watching it."),
    "dismiss": lambda: _("Dismissed, with your reason."),
}


@require_http_methods(["GET", "HEAD", "POST"])
def feed(request: Request, pk: int | None = None) -> HttpResponse:
    """One feed, or a new one."""
    row = thresholds.feed_for(request.user, pk) if pk else None
    title = say(row.name) if row else _("A new feed")

    def save(given: dict[str, Any]) -> None:
        thresholds.save_feed(actor=request.user, feed=row, **given)

    context = {"title": title, "known": _feed_values(row, request.user), **_places(request.user)}
    return _form(request, "feed", inputs.Feed, save, context)


@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: Request, pk: int | None = None) -> HttpResponse:
    """One rule, or a new one."""
    row = thresholds.rule_for(request.user, pk) if pk else None
    title = say(row.title) if row else _("A new rule")

    def save(given: dict[str, Any]) -> None:
        thresholds.save_rule(actor=request.user, rule=row, **given)

    context = {
        "title": title,
        "is_example": bool(row and row.is_example),
        "known": _rule_values(row, request.user),
        **_places(request.user),
        **_rule_choices(request.user),
    }
    return _form(request, "rule", inputs.WarningRule, save, context)


def _form(
    request: Request,
    name: str,
    takes: type[Serializer[Any]],
    save: Callable[[dict[str, Any]], None],
    context: dict[str, Any],
) -> HttpResponse:
    """Show the form; save what was sent, or show it again with what is wrong."""
    access.require_thresholds_at_all(request.user)
    sent: Sent | None = None
    if request.method == "POST":
        given = check(name, takes(data=request.POST), request.POST)
        if isinstance(given, Sent):
            sent = given
        else:
            try:
                save(given)
            except Invalid as error:
                sent = refused(name, error, request.POST)
            else:
                messages.success(request, _("Saved."))
                return redirect("warnings")
    context = {**context, "sent": sent, "sent_is_offered": True}
    return render(request, f"incidents/{name}.html", context, status=sent.status if sent else 200)


def _feed_values(row: Feed | None, user: User) -> dict[str, Any]:
    if row is None:
        return {"enabled": "true", "site": _own(user)}
    return {
        "slug": row.slug,
        "name": row.name["en"],
        "name_zh": row.name.get("zh-hans", ""),
        "site": row.site.code if row.site else "",
        "stale_after": int(row.stale_after.total_seconds() // 60) if row.stale_after else "",
        "enabled": _flag(row.enabled),
    }


def _rule_values(row: WarningRule | None, user: User) -> dict[str, Any]:
    if row is None:
        return {"enabled": "true", "site": _own(user), "cool_down": 15, "held_for": 5, "owner": "G-SUP"}
    return {
        "title": row.title["en"],
        "title_zh": row.title.get("zh-hans", ""),
        "family": row.family,
        "feed": row.feed.slug,
        "metric": row.metric,
        "direction": row.direction,
        "value": warned.number(row.value),
        "clear_value": warned.number(row.clear_value) if row.clear_value != row.value else "",
        "held_for": int(row.held_for.total_seconds() // 60),
        "cool_down": int(row.cool_down.total_seconds() // 60),
        "site": row.site.code if row.site else "",
        "owner": row.owner,
        "level": row.level or "",
        "incident_type": row.incident_type.slug if row.incident_type else "",
        "condition": row.condition,
        "lost_condition": row.lost_condition,
        "enabled": _flag(row.enabled),
    }


def _flag(value: bool) -> str:
    return "true" if value else ""


def _own(user: User) -> str:
    return user.site.code if user.site else ""


def _places(user: User) -> dict[str, Any]:
    """The sites for which this person sets limits; what counts for all is set by those who see them all."""
    every = user.role in SEES_ALL
    sites = list(Site.objects.all()) if every else user.own_sites
    return {"sites": [(site.code, str(site)) for site in sites], "site_empty": _("all sites") if every else ""}


def _rule_choices(user: User) -> dict[str, Any]:
    groups = {group.key: say(group.name) for group in Group.objects.order_by("key", "-site")}
    return {
        "families": _named(FAMILIES),
        "directions": _named(DIRECTIONS),
        "feeds": [(one.slug, say(one.name)) for one in Feed.objects.visible_to(user)],
        "types": [(kind.slug, say(kind.name)) for kind in plans.incident_types()],
        "levels": [(level, f"{level} {wording.level_name(level)}") for level in LEVELS],
        "groups": [(key, f"{key} {name}") for key, name in groups.items()],
        "conditions": _conditions(),
    }


def _named(words: tuple[str, ...]) -> Choices:
    return [(word, wording.name(word)) for word in words]


def _conditions() -> Choices:
    """Every condition that a published plan declares, with the plan it is of."""
    found: dict[str, str] = {}
    for revision in plans.response_revisions():
        document = revision.document
        for name, about in document.get("conditions", {}).items():
            found.setdefault(name, f"{say(about['title'])} ({name}, {say(document['title'])})")
    return sorted(found.items(), key=lambda one: one[1])
