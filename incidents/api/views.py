"""The API of incidents: find through access, call the verb, show. Errors become answers in contactops.api."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from contactops.api import IDEMPOTENCY_KEY, Pages, View, caller
from contactops.errors import NotFound
from contactops.idempotency import once
from contactops.reading import one_instant
from incidents import access, helpers, inputs, promised, reporting, selectors, services, summaries
from incidents.api import outputs
from incidents.engine import lifecycle
from incidents.engine.ledger import PENDING
from incidents.models import Incident
from incidents.promised import Asked
from incidents.times import db_now
from incidents.verbs import ANSWERS, PROMISE_VERBS, STEP_VERBS, VERBS, Verb, arguments


def _valid(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return arguments(serializer.validated_data)


@one_instant()
def _detail(incident: Incident, request: Request) -> Response:
    """The changed incident, read anew as this person may see it; of one that they only help in, their own part."""
    if not access.sees(caller(request), incident):
        mine = helpers.part_of(caller(request), incident, db_now())
        return Response(outputs.OwnPart({"ref": incident.ref, "support": mine}).data)
    fresh = access.incident_for(caller(request), incident.ref)
    return Response(outputs.Detail(selectors.room(fresh, caller(request))).data)


class ReportsView(View):
    @extend_schema(
        request=inputs.Report,
        parameters=[IDEMPOTENCY_KEY, OpenApiParameter("candidates", bool, description="Propose, store nothing.")],
        responses={
            201: outputs.Received,
            200: PolymorphicProxySerializer("ReceivedBefore", [outputs.Received, outputs.Candidates], None),
        },
    )
    def post(self, request: Request) -> Response:
        """Report something. The same client_key and body again is answered the same."""
        if serializers.BooleanField().run_validation(request.query_params.get("candidates") or "false"):
            return self._candidates(request)
        given = _valid(inputs.Report(data=request.data))
        return once(request, lambda: self._report(request, given))

    def _candidates(self, request: Request) -> Response:
        access.require_report(caller(request))
        given = _valid(inputs.Candidates(data=request.data))
        found = reporting.candidates(actor=caller(request), **given)
        return Response(outputs.Candidates({"candidates": found}).data)

    def _report(self, request: Request, given: dict[str, Any]) -> Response:
        report, new = reporting.report(actor=caller(request), **given)
        code = status.HTTP_201_CREATED if new else status.HTTP_200_OK
        return Response(outputs.Received(report).data, status=code)


class ReportView(View):
    @extend_schema(responses=outputs.Receipt)
    def get(self, request: Request, pk: str) -> Response:
        """Your own report, and what became of it."""
        report = reporting.receipt(caller(request), pk)
        context = {"next_update_at": reporting.next_update_at(report.incident)}
        return Response(outputs.Receipt(report, context=context).data)


class IncidentFilter(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=[(s, s) for s in lifecycle.STATUSES])
    level = django_filters.MultipleChoiceFilter(choices=[(n, n) for n in (1, 2, 3, 4)])
    kind = django_filters.MultipleChoiceFilter(choices=[(k, k) for k in lifecycle.KINDS])
    site = django_filters.CharFilter(field_name="site__code")
    q = django_filters.CharFilter(method="search", max_length=200)

    class Meta:
        model = Incident
        fields: tuple[str, ...] = ()

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        """A filter that is named and left empty, as in `?status=&level=`, is not asked for."""
        asked: Any = data.copy() if data is not None else {}
        for name in asked:
            asked.setlist(name, [value for value in asked.getlist(name) if value])
        super().__init__(asked, *args, **kwargs)

    def search(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        return selectors.search(rows, value)


class IncidentsView(View, generics.ListAPIView):
    """The incidents the caller may see, newest first."""

    serializer_class = outputs.IncidentRow
    pagination_class = Pages
    filterset_class = IncidentFilter
    queryset = Incident.objects.none()

    def get_queryset(self) -> QuerySet[Incident]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        rows = Incident.objects.visible_to(caller(self.request))
        return rows.select_related("type", "site", "commander")


class IncidentView(View):
    @extend_schema(responses=outputs.Detail)
    def get(self, request: Request, ref: str) -> Response:
        """One incident, with what the caller may do now."""
        return _detail(access.incident_for(caller(request), ref), request)


def verb_view(name: str) -> Any:
    """The view of one verb; made from the table, so that every verb is answered the same way."""
    verb = VERBS[name]

    class VerbView(View):
        @extend_schema(
            operation_id=f"incidents_{name.replace('/', '_').replace('-', '_')}",
            request=verb.takes,
            responses=_answers(verb),
            parameters=[IDEMPOTENCY_KEY],
            description=(verb.call.__doc__ or "").strip() or None,
        )
        def post(self, request: Request, ref: str) -> Response:
            incident = verb.door(caller(request), ref)
            given = _valid(verb.takes(data=request.data))

            def act() -> Response:
                return _detail(verb.call(incident=incident, actor=caller(request), **given), request)

            return once(request, act)

    return VerbView.as_view()


def _answers(verb: Verb) -> Any:
    """The incident; where somebody who may not see it can use the verb, their own part of it."""
    if verb.door is access.incident_for:
        return outputs.Detail
    return PolymorphicProxySerializer("IncidentOrOwnPart", [outputs.Detail, outputs.OwnPart], None)


class StepVerbView(View):
    @extend_schema(
        request=inputs.StepVerb,
        responses=outputs.Detail,
        parameters=[IDEMPOTENCY_KEY, OpenApiParameter("verb", str, OpenApiParameter.PATH, enum=list(STEP_VERBS))],
    )
    def post(self, request: Request, ref: str, key: str, verb: str) -> Response:
        """start, complete, skip, assign, block or unblock one step."""
        if verb not in STEP_VERBS:
            raise NotFound(_("There is no such verb."))
        incident = access.incident_for(caller(request), ref)
        given = _valid(inputs.StepVerb(data=request.data, context={"step_verb": verb}))

        def act() -> Response:
            done = services.do_step(incident=incident, actor=caller(request), key=key, verb=verb, **given)
            return _detail(done, request)

        return once(request, act)


class PromiseVerbView(View):
    @extend_schema(
        request=inputs.Extend,
        responses=outputs.Detail,
        parameters=[IDEMPOTENCY_KEY, OpenApiParameter("verb", str, OpenApiParameter.PATH, enum=list(PROMISE_VERBS))],
    )
    def post(self, request: Request, ref: str, pk: int, verb: str) -> Response:
        """extend {until|by, reason}, pause, resume or stop {reason} one promise."""
        if verb not in PROMISE_VERBS:
            raise NotFound(_("There is no such verb."))
        incident = access.incident_for(caller(request), ref)
        known = PROMISE_VERBS[verb]
        given = _valid(known.takes(data=request.data))

        def act() -> Response:
            return _detail(known.call(incident=incident, actor=caller(request), promise=pk, **given), request)

        return once(request, act)


class TimelineView(View):
    @extend_schema(responses=outputs.listed(outputs.TimelineRow))
    @one_instant()
    def get(self, request: Request, ref: str) -> Response:
        """The history in order, with the hash chain."""
        lines = selectors.timeline(access.incident_for(caller(request), ref))
        return Response({"results": outputs.TimelineRow(lines, many=True).data, "next": None})


class PromisesView(View):
    @extend_schema(responses=outputs.listed(outputs.Promise))
    @one_instant()
    def get(self, request: Request, ref: str) -> Response:
        """The ledger: what was promised, what fired, how late."""
        views = selectors.promises(access.incident_for(caller(request), ref))
        return Response({"results": outputs.Promise(views, many=True).data, "next": None})


class LedgerPages(Pages):
    """The next due first of what is pending, the newest first of the rest."""

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        pending = request.query_params.get("state") == PENDING
        return ("due_at", "pk") if pending else ("-due_at", "-pk")


class LedgerView(View):
    @extend_schema(parameters=[inputs.LedgerFilter], responses=outputs.listed(outputs.LedgerRow))
    def get(self, request: Request) -> Response:
        """The ledger of every incident the caller may see, and why each promise exists."""
        form = inputs.LedgerFilter(data=request.query_params)
        form.is_valid(raise_exception=True)
        rows = promised.ledger(caller(request), Asked.of(form.validated_data))
        pages = LedgerPages()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(outputs.LedgerRow(promised.shown(page, db_now()), many=True).data)


class NotificationsView(View):
    @extend_schema(responses=outputs.listed(outputs.NotificationRow))
    def get(self, request: Request, ref: str) -> Response:
        """Who was told what, and what became of it."""
        rows = selectors.notifications(access.incident_for(caller(request), ref))
        return Response({"results": outputs.NotificationRow(rows, many=True).data, "next": None})


class SummaryView(View):
    @extend_schema(responses=OpenApiTypes.OBJECT)
    @one_instant()
    def get(self, request: Request, ref: str) -> Response:
        """The figures, each with the two clock points it spans."""
        return Response(summaries.summary(access.incident_for(caller(request), ref)))


class AnswerView(View):
    @extend_schema(
        request=inputs.Reason,
        responses=outputs.NotificationRow,
        parameters=[IDEMPOTENCY_KEY, OpenApiParameter("verb", str, OpenApiParameter.PATH, enum=list(ANSWERS))],
    )
    def post(self, request: Request, pk: int, verb: str) -> Response:
        """Acknowledge a message sent to you, {}; or decline it, {reason}."""
        if verb not in ANSWERS:
            raise NotFound(_("There is no such verb."))
        notification = selectors.letters(caller(request)).filter(pk=pk).first()
        if notification is None:
            raise NotFound(_("There is no such notification."))
        given = _valid(ANSWERS[verb](data=request.data))

        def act() -> Response:
            accept = verb == "acknowledge"
            done = services.answer_notification(
                notification=notification, actor=caller(request), accept=accept, **given
            )
            return Response(outputs.NotificationRow(done).data)

        return once(request, act)


class UnknownView(View):
    """Everything else under /api/: JSON, never a page."""

    schema = None

    def handle(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise Http404

    get = post = put = patch = delete = handle
