"""The ledger on one page: what is promised, what was kept and how late, and why each promise exists."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from contactops.http import Request
from incidents import inputs, promised, wording
from incidents.engine import lifecycle
from incidents.promised import STATE_NAMES, Asked
from incidents.views import doors
from incidents.views.sites import chosen_site, sites_of
from plans import selectors as plans
from plans.texts import say

PAGE = 50
LOOKED = "late_looked_at"  # in the session: when this person last looked at what was late after downtime
Choices = list[tuple[str, str]]


def looked_at(request: HttpRequest) -> datetime | None:
    said = request.session.get(LOOKED)
    return parse_datetime(said) if isinstance(said, str) else None


@require_safe
def promises(request: Request) -> HttpResponse:
    doors.require(request.user, "promises")
    asked = _asked(request)
    rows = promised.ledger(request.user, asked)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    if asked.state == "after-downtime":
        request.session[LOOKED] = request.look.now.isoformat()
    context = {
        "page": page,
        "rows": promised.shown(list(page), request.look.now),
        "figures": promised.figures(request.user, asked),
        "asked": asked,
        "narrowed": any(
            (asked.state, asked.kind, asked.plan, asked.rule, asked.incident, asked.from_day, asked.to_day)
        ),
        "site_name": next((str(site) for site in sites_of(request) if site.code == asked.site), ""),
        "address": _address(asked),
        "without_state": _address(asked, state=""),
        "without_rule": _address(asked, rule=""),
        "states": [(name, _(words)) for name, words in STATE_NAMES.items()],
        "kinds": [(kind, wording.name(kind)) for kind in lifecycle.KINDS],
        "plans": _plans(),
        "now": request.look.now,
    }
    return render(request, "incidents/promises.html", context)


def _asked(request: Request) -> Asked:
    """What the address asks for; anything that cannot be meant is left out."""
    data = {name: str(value).strip() for name, value in request.GET.items()}
    data["site"] = chosen_site(request)
    if data["site"] not in {site.code for site in sites_of(request)}:
        data["site"] = ""
    form = inputs.LedgerFilter(data=data)
    if not form.is_valid():
        form = inputs.LedgerFilter(data={name: value for name, value in data.items() if name not in form.errors})
        form.is_valid(raise_exception=True)
    return Asked.of(form.validated_data)


def _address(asked: Asked, **other: str) -> str:
    """What stands behind the question mark, without the page. The site always, for the session's may change."""
    given: dict[str, Any] = {
        "state": asked.state,
        "kind": asked.kind,
        "plan": asked.plan,
        "rule": asked.rule,
        "incident": asked.incident,
        "from": asked.from_day or "",
        "to": asked.to_day or "",
        **other,
    }
    return urlencode({"site": asked.site, **{name: value for name, value in given.items() if value}})


def _plans() -> Choices:
    """The published plans, the house plan included. One query."""
    rows = [(row.slug, say(row.title)) for row in plans.plan_list()]
    return sorted(rows, key=lambda row: row[1])
