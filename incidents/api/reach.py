"""Ways to reach people: one's own contact points, and for those who run the system the channels."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from contactops.api import IDEMPOTENCY_KEY, View, caller
from contactops.idempotency import once
from incidents import channels, contacts, inputs
from incidents.api import outputs


class Contact(serializers.Serializer):
    """One way to reach the caller; the lower `order` is tried first. `ready`: something would go out over it now."""

    id = serializers.IntegerField(source="row.pk")
    channel = serializers.CharField(source="row.channel")
    address = serializers.CharField(source="row.address")
    order = serializers.IntegerField(source="row.order")
    verified_at = outputs.Moment(source="row.verified_at", allow_null=True)
    ready = serializers.BooleanField()


class GatewayRow(serializers.Serializer):
    """One gateway. `url` is masked."""

    id = serializers.IntegerField(source="gateway.pk")
    name = serializers.CharField(source="gateway.name")
    site = serializers.CharField(source="gateway.site.code", default=None, allow_null=True)
    enabled = serializers.BooleanField(source="gateway.enabled")
    url = serializers.CharField(source="masked")
    last_test_at = outputs.Moment(source="tested_at", allow_null=True)
    last_test = serializers.CharField(source="test", allow_blank=True)


class ChannelRow(serializers.Serializer):
    """One channel. `ready`: something sent over it would go out."""

    channel = serializers.CharField()
    name = serializers.CharField(source="label")
    ready = serializers.BooleanField()
    gateways = GatewayRow(many=True)


class ContactsView(View):
    @extend_schema(responses=outputs.listed(Contact))
    def get(self, request: Request) -> Response:
        """Your own contact points, in the order in which they are tried."""
        rows = contacts.points(caller(request))
        return Response({"results": Contact(rows, many=True).data, "next": None})

    @extend_schema(request=inputs.AddContact, responses={201: Contact}, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request) -> Response:
        """One more, as the last that is tried."""
        serializer = inputs.AddContact(data=request.data)
        serializer.is_valid(raise_exception=True)

        def act() -> Response:
            made = contacts.add(actor=caller(request), **serializer.validated_data)
            return Response(Contact(contacts.Point(made, ready=True)).data, status=status.HTTP_201_CREATED)

        return once(request, act)


class ChannelsView(View):
    @extend_schema(responses=outputs.listed(ChannelRow))
    def get(self, request: Request) -> Response:
        """Every channel and what it goes out through; for administrators and auditors."""
        rows = channels.overview(caller(request))
        return Response({"results": ChannelRow(rows, many=True).data, "next": None})
