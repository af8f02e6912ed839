"""The roster over the API: who is on now, the shifts, and the same verbs as on the pages."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from contactops.api import IDEMPOTENCY_KEY, Pages, View, caller
from contactops.errors import NotFound
from contactops.idempotency import once
from plans import inputs, roster, rostering
from plans.models import Shift, Site, SwapRequest
from plans.texts import say
from plans.times import db_now


class ShiftSerializer(serializers.Serializer[Shift]):
    """`site`: where it counts, null for everywhere. `standing`: false for a shift that this very call has removed."""

    id = serializers.IntegerField()
    group = serializers.CharField(source="group.key")
    site = serializers.SerializerMethodField()
    person = serializers.CharField(source="person.username")
    person_name = serializers.CharField(source="person.__str__")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    override = serializers.BooleanField(source="is_override")
    source = serializers.CharField()  # type: ignore[assignment]
    replaces = serializers.IntegerField(source="replaces_id", allow_null=True)
    standing = serializers.SerializerMethodField()

    def get_site(self, shift: Shift) -> str | None:
        return shift.counts_at.code if shift.counts_at else None

    def get_standing(self, shift: Shift) -> bool:
        return not self.context.get("removed", False)


class SwapSerializer(serializers.Serializer[SwapRequest]):
    id = serializers.IntegerField()
    shift = serializers.IntegerField(source="shift_id")
    asked_by = serializers.CharField(source="asked_by.username")
    asked_of = serializers.CharField(source="asked_of.username")
    reason = serializers.CharField()
    state = serializers.CharField()
    asked_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)


class OnDuty(serializers.Serializer[Shift]):
    person = serializers.CharField(source="person.username")
    person_name = serializers.CharField(source="person.__str__")
    override = serializers.BooleanField(source="is_override")
    until = serializers.DateTimeField(source="ends_at")


class Now(serializers.Serializer[roster.Duty]):
    """`keeps_roster`: false for a group that is asked by the order of its members, who are then in `members`."""

    group = serializers.CharField(source="group.key")
    name = serializers.SerializerMethodField()
    site = serializers.CharField(source="group.site.code", default=None, allow_null=True)
    keeps_roster = serializers.BooleanField(source="keeps")
    on_duty = OnDuty(source="holding", many=True)
    members = serializers.SerializerMethodField()
    next_at = serializers.DateTimeField(source="next", allow_null=True)

    def get_name(self, duty: roster.Duty) -> str:
        return say(duty.group.name)

    def get_members(self, duty: roster.Duty) -> list[str]:
        return [user.username for user in duty.members]


class ImportedSerializer(serializers.Serializer[rostering.Imported]):
    """`added`: how many shifts are new (or would be, in a preview); `unchanged`: how many stood already."""

    added = serializers.SerializerMethodField()
    unchanged = serializers.IntegerField()

    def get_added(self, done: rostering.Imported) -> int:
        return len(done.added)


def _valid(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    given = serializer.validated_data
    return {name: value for name, value in given.items() if value is not None and value != ""}


class ByTime(Pages):
    ordering = ("starts_at", "pk")  # type: ignore[assignment]


FILTERS = [
    OpenApiParameter("site", str, description="A site's code: what counts there, and what counts everywhere."),
    OpenApiParameter("group", str, description="A group's key."),
    OpenApiParameter("from", str, description="Shifts that end after this; without it, after now."),
    OpenApiParameter("to", str, description="Shifts that begin before this."),
]


class RosterView(View, generics.ListAPIView):
    """Shifts in the order in which they begin."""

    serializer_class = ShiftSerializer
    pagination_class = ByTime
    filter_backends = ()
    queryset = Shift.objects.none()

    def get_queryset(self) -> QuerySet[Shift]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        given = _valid(inputs.Asked(data=self.request.query_params.dict()))
        start = given.pop("from", None) or db_now()
        return roster.listed(start=start, end=given.pop("to", None), **given)

    @extend_schema(parameters=FILTERS)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The roster from now on, or of the time that is asked for."""
        return super().get(request, *args, **kwargs)


class NowView(View):
    @extend_schema(
        operation_id="roster_now",
        parameters=FILTERS[:1],
        responses=inline_serializer(
            "NowPage",
            {
                "at": serializers.DateTimeField(),
                "results": Now(many=True),
                "next": serializers.URLField(allow_null=True),
            },
        ),
    )
    def get(self, request: Request) -> Response:
        """Who is on duty now, group by group; they fit one page."""
        code, at = request.query_params.get("site", ""), db_now()
        site = Site.objects.filter(code=code).first() if code else None
        if code and site is None:
            return Response({"at": at, "results": [], "next": None})
        rows = roster.now(roster.groups_at(site), at, site)
        return Response({"at": at, "results": [Now(row).data for row in rows], "next": None})


class ShiftsView(View):
    @extend_schema(
        operation_id="roster_add",
        request=inputs.AddShift,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: ShiftSerializer, 200: ShiftSerializer},
    )
    def post(self, request: Request) -> Response:
        """Put somebody on duty. The very same shift again is answered with the one that stands (200)."""
        given = _valid(inputs.AddShift(data=request.data))

        def act() -> Response:
            shift, new = rostering.add(actor=caller(request), **given)
            return Response(ShiftSerializer(shift).data, status=_made(new))

        return once(request, act)


def _made(new: bool) -> int:
    return status.HTTP_201_CREATED if new else status.HTTP_200_OK


@dataclass(frozen=True)
class Verb:
    """What a call takes, what it does, and as what that is shown."""

    takes: type[inputs.Input]
    call: Callable[..., Any]
    shown: type[Serializer[Any]]


def _replace(**given: Any) -> Shift:
    shift, _new = rostering.replace(**given)
    return shift


SHIFT_VERBS: Mapping[str, Verb] = {
    "change": Verb(inputs.ChangeShift, rostering.change, ShiftSerializer),
    "remove": Verb(inputs.NoBody, rostering.remove, ShiftSerializer),
    "replace": Verb(inputs.ReplaceShift, _replace, ShiftSerializer),
    "swap": Verb(inputs.AskSwap, rostering.ask_swap, SwapSerializer),
}


def shift_view(name: str) -> Any:
    """The view of one verb of a shift; made from the table."""
    verb = SHIFT_VERBS[name]

    class ShiftVerbView(View):
        @extend_schema(
            operation_id=f"roster_shift_{name}",
            request=verb.takes,
            responses=verb.shown,
            parameters=[IDEMPOTENCY_KEY],
            description=(verb.call.__doc__ or "Somebody else takes the shift, or a part of it.").strip(),
        )
        def post(self, request: Request, pk: int) -> Response:
            given = _valid(verb.takes(data=request.data))

            def act() -> Response:
                done = verb.call(actor=caller(request), shift=pk, **given)
                context = {"removed": name == "remove" and not Shift.objects.filter(pk=pk).exists()}
                return Response(verb.shown(done, context=context).data)

            return once(request, act)

    return ShiftVerbView.as_view()


class SwapView(View):
    @extend_schema(
        operation_id="roster_swap",
        request=inputs.NoBody,
        responses=SwapSerializer,
        parameters=[
            IDEMPOTENCY_KEY,
            OpenApiParameter("verb", str, OpenApiParameter.PATH, enum=list(rostering.SWAP_VERBS)),
        ],
    )
    def post(self, request: Request, pk: int, verb: str) -> Response:
        """accept or decline what you were asked; withdraw what you asked."""
        if verb not in rostering.SWAP_VERBS:
            raise NotFound(_("There is no such verb."))
        _valid(inputs.NoBody(data=request.data))

        def act() -> Response:
            done = rostering.SWAP_VERBS[verb](actor=caller(request), swap=pk)
            return Response(SwapSerializer(done).data)

        return once(request, act)


class ImportView(View):
    @extend_schema(
        operation_id="roster_import",
        request=inputs.Import,
        responses=ImportedSerializer,
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request) -> Response:
        """Every line of a CSV becomes a shift, or none does: 400 names each line that is wrong."""
        given = _valid(inputs.Import(data=request.data))

        def act() -> Response:
            done = rostering.import_shifts(
                actor=caller(request), data=given["csv"], preview=given.get("preview", False)
            )
            return Response(ImportedSerializer(done).data)

        return once(request, act)
