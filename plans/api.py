"""Published plans as JSON, in the shape of their files."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from contactops.api import View
from plans import selectors

DOCUMENT = OpenApiResponse(
    OpenApiTypes.OBJECT,
    description="The plan in the shape of its file (docs/plan.schema.json), with `revision`, `status`, `effective_at`.",
)


class PlanRowSerializer(serializers.Serializer[selectors.PlanRow]):
    slug = serializers.SlugField()
    title = serializers.DictField(child=serializers.CharField())
    purpose = serializers.DictField(child=serializers.CharField())
    family = serializers.CharField()
    kind = serializers.CharField()
    revision = serializers.IntegerField()
    effective_at = serializers.DateTimeField()
    incident_types = serializers.ListField(child=serializers.SlugField())


class PlanPageSerializer(serializers.Serializer[None]):
    results = PlanRowSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class PlanListView(View):
    @extend_schema(operation_id="plans_list", responses=PlanPageSerializer)
    def get(self, request: Request) -> Response:
        """Every published plan; they fit one page."""
        rows = [PlanRowSerializer(row).data for row in selectors.plan_list()]
        return Response({"results": rows, "next": None})


class PlanView(View):
    @extend_schema(operation_id="plans_detail", responses=DOCUMENT)
    def get(self, request: Request, slug: str) -> Response:
        """The revision in force."""
        return Response(selectors.plan_document(slug))


class PlanRevisionView(View):
    @extend_schema(operation_id="plans_revision", responses=DOCUMENT)
    def get(self, request: Request, slug: str, number: int) -> Response:
        """A revision that is, or was, in force."""
        return Response(selectors.plan_document(slug, number))
