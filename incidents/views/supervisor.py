"""The board and the list: where a supervisor finds what to do."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from contactops.http import Request
from contactops.reading import one_instant
from incidents import access, boards, selectors, warned
from incidents.access import Right
from incidents.models import Incident
from incidents.views import doors
from incidents.views.filters import Filters
from incidents.views.promises import looked_at

PAGE = 50


@require_safe
@one_instant()
def board(request: Request) -> HttpResponse:
    doors.require(request.user, "board")
    filters = Filters.of(request)
    found = boards.board(request.user, filters.as_q(), request.GET.get("page"), request.look.now, looked_at(request))
    context = {
        "board": found,
        "filters": filters,
        "address": filters.address,
        "strip": warned.strip(request.user, filters.site, found.now) if request.look.warns else None,
        "can_take_up": Right.HANDLE in access.rights(request.user),
        "now": found.now,
    }
    return render(request, "incidents/board.html", context)


@require_safe
def incidents(request: Request) -> HttpResponse:
    """Every incident this person may see, newest first."""
    filters = Filters.of(request)
    rows = Incident.objects.visible_to(request.user).filter(filters.as_q()).select_related("type", "site", "commander")
    found = selectors.search(rows, filters.q) if filters.q else rows
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "filters": filters, "address": filters.address}
    return render(request, "incidents/list.html", context)
