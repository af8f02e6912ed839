"""The plan pages, for everybody who is signed in. They show what is published."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from plans import pages, selectors
from plans.models import PlanRevision

ARRANGED = ("group", "phase")


@require_safe
def plan_list(request: HttpRequest) -> HttpResponse:
    return render(request, "plans/list.html", {"families": selectors.plans_by_family()})


@require_safe
def plan_detail(request: HttpRequest, slug: str) -> HttpResponse:
    return _show(request, selectors.plan_revision(slug))


@require_safe
def plan_revision(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    return _show(request, selectors.plan_revision(slug, number))


@require_safe
def plan_history(request: HttpRequest, slug: str) -> HttpResponse:
    """Every revision that is or was in force: when, why, and who wrote and approved it."""
    revisions = selectors.plan_history(slug)
    return render(request, "plans/history.html", {"revisions": revisions, "plan": revisions[0].revision.document})


def _show(request: HttpRequest, revision: PlanRevision) -> HttpResponse:
    """The whole document, or one level of it, by responsible group or by phase."""
    asked = request.GET.get("level", "")
    level = int(asked) if asked in ("1", "2", "3", "4") else None
    by = request.GET.get("by", "")
    page = pages.plan_page(revision, level)
    context = {"page": page, "plan": page.document, "level": level, "by": by if by in ARRANGED else ARRANGED[0]}
    return render(request, "plans/detail.html", context)
