"""Pages about the console itself: where each role begins, whether it is well, what was not found."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseServerError, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseStopPolling
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contactops import health
from contactops.accounts.models import Role
from contactops.http import Request, written
from contactops.live import hub
from contactops.middleware import error_page, for_programs
from incidents.access import LEADING_GROUP

HOMES = {
    Role.AGENT: "report",
    Role.MEMBER: "report",
    Role.LEADER: "board",
    Role.SUPERVISOR: "board",
    Role.MANAGER: "overview",
    Role.ADMINISTRATOR: "system",
    Role.AUDITOR: "board",
}


@require_safe
def home(request: Request) -> HttpResponse:
    """Each role begins where its work is; the leading group where decisions wait."""
    if request.user.role == Role.MEMBER and LEADING_GROUP in request.user.group_keys.values():
        return redirect("overview")
    return redirect(HOMES[Role(request.user.role)])


@login_not_required
@never_cache
@require_safe
def banner(request: HttpRequest) -> HttpResponseBase:
    """The red banner. Pages without a stream ask for it every few seconds; no content while it is as they show it.
    Made without the person: the database that knows them may be what has failed."""
    alarm = health.alarm()
    if alarm != "database" and not request.user.is_authenticated:
        return HttpResponseStopPolling(render_to_string("_signed_out.html"))
    if request.GET.get("alarm") == alarm:
        return HttpResponse(status=204)
    context = {"alarm": alarm, "polls": "polls" in request.GET, "user": request.user}
    return HttpResponse(render_to_string("_banner.html", context))


@login_not_required
@never_cache
@require_safe
def pulse(request: HttpRequest) -> HttpResponseBase:
    """Asked by pages that have no stream: what a beat says, and 304 while nothing has changed anywhere. Without the
    person, as the banner is."""
    try:
        seen = health.look()
    except Error:
        return JsonResponse({"now": timezone.now().isoformat(timespec="milliseconds"), "alarm": "database"})
    if not request.user.is_authenticated:
        return JsonResponse({"code": "not_signed_in"}, status=401)
    response = JsonResponse({"now": seen.now.isoformat(timespec="milliseconds"), "alarm": seen.alarm})
    response.headers["ETag"] = seen.etag
    return get_conditional_response(request, etag=seen.etag, response=response) or response


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    status, body = health.report()
    response = JsonResponse(body, status=status)
    response._has_been_logged = True  # type: ignore[attr-defined]  # an answer, not a fault of this process
    return response


_COUNTS = """
SELECT (SELECT count(*) FROM incidents_incident WHERE status <> 'closed'),
       (SELECT count(*) FROM incidents_timer WHERE state = 'fired'),
       (SELECT count(*) FROM incidents_timer WHERE state = 'fired' AND system_late > interval '60 seconds'),
       (SELECT count(*) FROM incidents_auditfinding)
"""


class ConsoleCollector(Collector):
    """What the database knows, so that every web process answers the same. Two queries. An age is 0 while there is
    nothing to be old; a clock that never looked last looked infinitely long ago."""

    def collect(self) -> Iterator[Metric]:
        seen = health.look()
        with connection.cursor() as cursor:
            cursor.execute(_COUNTS)
            live, fired, late, found = cursor.fetchone()
        last = float("inf") if seen.last_look_s is None else seen.last_look_s
        audited = float("inf") if seen.last_audit_s is None else seen.last_audit_s
        yield GaugeMetricFamily("contactops_clock_last_look_seconds", "Since any clock looked at the ledger", last)
        yield GaugeMetricFamily("contactops_oldest_due_seconds", "Oldest unfired promise", seen.oldest_due_s or 0)
        yield GaugeMetricFamily("contactops_oldest_outbox_seconds", "Oldest unsent message", seen.oldest_outbox_s or 0)
        yield GaugeMetricFamily("contactops_stuck_incidents", "Incidents the clocks cannot settle", seen.stuck)
        yield GaugeMetricFamily("contactops_audit_last_seconds", "Since a round of the auditor ended", audited)
        yield CounterMetricFamily("contactops_audit_findings", "What the auditor has ever found", found)
        yield GaugeMetricFamily(
            "contactops_live_streams", "Open pages that hold a stream, of this process", len(hub.streams)
        )
        yield GaugeMetricFamily("contactops_live_incidents", "Incidents that are not closed", live)
        yield CounterMetricFamily("contactops_promises_fired", "Promises kept", fired)
        yield CounterMetricFamily("contactops_promises_late", "Promises the console kept over a minute late", late)


_registry = CollectorRegistry(auto_describe=False)
_registry.register(ConsoleCollector())


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text."""
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from before somebody signed in or out. What was typed is shown again, unless another site may have sent it."""
    is_ours = urlsplit(request.headers.get("Origin", "")).netloc == request.get_host()
    return render(request, "403_csrf.html", {"written": written(request) if is_ours else []}, status=403)


@login_not_required
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 404, _("There is no such page, or you may not see it."))


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without a database and without the person: either may be what failed."""
    if for_programs(request):
        return JsonResponse({"code": "fault", "detail": _("A fault of ours")}, status=500)
    return HttpResponseServerError(render_to_string("500.html"))
