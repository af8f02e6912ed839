"""What a manager looks at: everything at once, and one incident as a document."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from contactops.http import Request
from contactops.reading import one_instant
from incidents import access, boards, summaries, warned
from incidents.views import doors
from incidents.views.filters import Filters
from incidents.views.promises import looked_at


@require_safe
@one_instant()
def overview(request: Request) -> HttpResponse:
    doors.require(request.user, "overview")
    filters = Filters.of(request)
    found = boards.overview(request.user, filters.as_q(), request.look.now, looked_at(request))
    context = {
        "overview": found,
        "strip": warned.strip(request.user, filters.site, found.now) if request.look.warns else None,
        "filters": filters,
        "address": filters.address,
        "now": found.now,
    }
    return render(request, "incidents/overview.html", context)


@require_safe
@one_instant()
def summary(request: Request, ref: str) -> HttpResponse:
    """The figures, each with the two clock points it spans, and the whole history."""
    incident = access.incident_for(request.user, ref)
    context = {"incident": incident, "page": summaries.summary_page(incident, request.user)}
    return render(request, "incidents/summary.html", context)
