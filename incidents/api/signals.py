"""The API of figures from outside, and of the warnings that come of them."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from contactops.api import IDEMPOTENCY_KEY, Pages, View, caller
from contactops.errors import NotFound
from contactops.idempotency import once
from incidents import access, inputs, intake, warned
from incidents.api import outputs
from incidents.models import Warning
from incidents.models.signals import WARNING_STATES
from incidents.verbs import WARNING_CALLS, WARNING_VERBS, arguments


class SignalsView(View):
    @extend_schema(request=inputs.Signals, responses={201: outputs.Taken}, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request) -> Response:
        """Post one figure, or up to a thousand. The same figure again changes nothing."""
        access.require_figures(caller(request))
        serializer = inputs.Signals(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        figures = [intake.Figure(**arguments(one)) for one in given.get("signals", [given])]
        return once(request, lambda: _taken(intake.take(actor=caller(request), figures=figures)))


class AlertmanagerView(View):
    @extend_schema(request=inputs.Alertmanager, responses={201: outputs.Taken}, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request, feed: str) -> Response:
        """The webhook of Prometheus Alertmanager, version 4. The metric of an alert is `alert:` and its name."""
        access.require_figures(caller(request))
        serializer = inputs.Alertmanager(data=request.data)
        serializer.is_valid(raise_exception=True)
        alerts = serializer.validated_data["alerts"]
        return once(request, lambda: _taken(intake.take_alerts(actor=caller(request), feed=feed, alerts=alerts)))


def _taken(taken: intake.Taken) -> Response:
    return Response(outputs.Taken(taken).data, status=status.HTTP_201_CREATED)


class WarningFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=[(state, state) for state in WARNING_STATES])
    site = django_filters.CharFilter(field_name="rule__site__code")


class WarningsView(View, generics.ListAPIView):
    """The warnings the caller may see, newest first."""

    serializer_class = outputs.WarningRow
    pagination_class = Pages
    filterset_class = WarningFilter
    queryset = Warning.objects.none()

    def get_queryset(self) -> QuerySet[Warning]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return warned.rows(caller(self.request))


class WarningVerbView(View):
    @extend_schema(
        request=inputs.Reason,
        responses=outputs.WarningRow,
        parameters=[IDEMPOTENCY_KEY, OpenApiParameter("verb", str, OpenApiParameter.PATH, enum=list(WARNING_VERBS))],
    )
    def post(self, request: Request, pk: int, verb: str) -> Response:
        """watch {} or dismiss {reason} an open warning. To report it, send its `report` to reports/."""
        if verb not in WARNING_VERBS:
            raise NotFound(_("There is no such verb."))
        warning = warned.warning_for(caller(request), pk)
        serializer = WARNING_VERBS[verb](data=request.data)
        serializer.is_valid(raise_exception=True)
        given: dict[str, Any] = arguments(serializer.validated_data)
        given.pop("rev", None)

        def act() -> Response:
            done = WARNING_CALLS[verb](warning=warning, actor=caller(request), **given)
            return Response(outputs.WarningRow(done).data)

        return once(request, act)
