"""The gateways through which messages leave the house: the verbs of those who run the system, and what they look at."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext as _

from contactops.accounts import addresses, gateway_urls
from contactops.accounts.models import THROUGH_A_GATEWAY, Channel, ContactPoint, Gateway, User
from contactops.errors import Conflict, Invalid, NotFound
from incidents import access
from incidents.notify import gateways, trial
from incidents.notify.gateways import Failure
from incidents.times import db_now
from plans.models import Membership, Site

HANDED = "handed"


@dataclass(frozen=True)
class GatewayView:
    """One gateway as it may be shown: its URL masked, its last test in words."""

    gateway: Gateway
    masked: str
    tested_at: datetime | None
    went_well: bool
    test: str


@dataclass(frozen=True)
class ChannelView:
    """One channel and what it goes out through. `ready`: something sent over it now would go out."""

    channel: str
    label: str
    gateways: list[GatewayView]
    ready: bool
    own: list[str]


def overview(user: User) -> list[ChannelView]:
    """Every channel, with the reader's own addresses in it. Two queries."""
    access.require_settings_read(user)
    found: dict[str, list[GatewayView]] = {}
    for gateway in Gateway.objects.select_related("site"):
        found.setdefault(gateway.channel, []).append(_view(gateway))
    mine: dict[str, list[str]] = {}
    for channel, address in user.contact_points.order_by("order", "pk").values_list("channel", "address"):
        mine.setdefault(channel, []).append(address)
    return [
        ChannelView(
            channel=channel.value,
            label=str(channel.label),
            gateways=found.get(channel, []),
            ready=channel not in THROUGH_A_GATEWAY or any(view.gateway.enabled for view in found.get(channel, [])),
            own=mine.get(channel, []),
        )
        for channel in Channel
    ]


def _view(gateway: Gateway) -> GatewayView:
    outcome, _bar, rest = gateway.last_test_result.partition("|")
    return GatewayView(
        gateway=gateway,
        masked=gateway_urls.masked(gateway.url),
        tested_at=gateway.last_test_at,
        went_well=outcome == HANDED,
        test=outcome_in_words(outcome, *rest.partition("|")[::2]) if outcome else "",
    )


def outcome_in_words(outcome: str, why: str = "", said: str = "") -> str:
    """What became of a test, in the language in force."""
    if outcome == HANDED:
        return _("Handed over.")
    reason = Failure(why, said).words()
    if outcome == gateways.Refused.outcome:
        return _("Refused: %(reason)s.") % {"reason": reason}
    return _("Cannot be reached: %(reason)s.") % {"reason": reason}


def gateway_for(user: User, pk: int) -> Gateway:
    access.require_settings(user)
    gateway = Gateway.objects.select_related("site").filter(pk=pk).first()
    if gateway is None:
        raise NotFound(_("There is no such gateway."))
    return gateway


def add(*, actor: User, channel: str, name: str, url: str, site: str = "", enabled: bool = False) -> Gateway:
    access.require_settings(actor)
    return _saved(Gateway(channel=channel, name=name, url=url, site=_site(site), enabled=enabled))


def change(*, actor: User, gateway: Gateway, name: str, url: str = "", site: str = "") -> Gateway:
    """Without a URL the one that is set stays. With another one, what the last test said no longer holds."""
    access.require_settings(actor)
    gateway.name, gateway.site = name, _site(site)
    if url and url != gateway.url:
        gateway.url, gateway.last_test_at, gateway.last_test_result = url, None, ""
    return _saved(gateway)


def switch(*, actor: User, gateway: Gateway, enabled: bool) -> Gateway:
    access.require_settings(actor)
    gateway.enabled = enabled
    return _saved(gateway)


def remove(*, actor: User, gateway: Gateway) -> None:
    access.require_settings(actor)
    gateway.delete()


def test(*, actor: User, gateway: Gateway, address: str) -> Failure | None:
    """Send a test at once, and keep what became of it."""
    access.require_settings(actor)
    letter = trial.test_letter(gateway.channel, _address(gateway.channel, address), gateway.site_id)
    error = gateways.send_through(gateway, letter)
    result = "|".join((error.outcome, error.why, error.said)) if error else HANDED
    same = Gateway.objects.filter(pk=gateway.pk, url=gateway.url)  # unless it was changed meanwhile
    same.update(last_test_at=db_now(), last_test_result=result[:200])
    return error


def test_mail(*, actor: User, address: str) -> Failure | None:
    """The same for e-mail, which has no gateway."""
    access.require_settings(actor)
    letter = trial.test_letter(Channel.EMAIL, _address(Channel.EMAIL, address), None)
    [(_letter, error)] = gateways.send([letter])
    return error


def _address(channel: str, written: str) -> str:
    try:
        return addresses.clean(channel, written)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="address") from None


def _site(code: str) -> Site | None:
    if not code:
        return None
    site = Site.objects.filter(code=code).first()
    if site is None:
        raise Invalid(_("There is no site “%(code)s”.") % {"code": code}, field="site")
    return site


def _saved(gateway: Gateway) -> Gateway:
    try:
        gateway.clean()
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="url") from None
    try:
        with transaction.atomic():
            gateway.save()
    except IntegrityError as error:
        if "one_gateway_of_a_channel_is_enabled_per_site" not in str(error):
            raise
        raise Conflict(
            _("Another gateway of this channel is enabled for the same site. Disable that one first."), code="enabled"
        ) from None
    return gateway


def is_ready() -> Q:
    """Whether a contact point's channel goes anywhere: e-mail always, the others with a gateway that is enabled for the
    person's home site or for all."""
    enabled = Gateway.objects.filter(enabled=True, channel=OuterRef("channel"))
    usable = enabled.filter(Q(site=None) | Q(site=OuterRef("user__site")))
    return Q(channel=Channel.EMAIL) | Q(Exists(usable))


@dataclass(frozen=True)
class Unreached:
    """Somebody whom nothing but the console reaches. `in_a_group`: a plan may call them."""

    person: User
    in_a_group: bool


def out_of_reach(user: User, limit: int) -> list[Unreached]:
    """The active ones, members of responsible groups first. One query."""
    access.require_settings_read(user)
    points = ContactPoint.objects.filter(is_ready(), user=OuterRef("pk"))
    people = User.objects.filter(~Exists(points), is_active=True).select_related("site")
    people = people.annotate(in_a_group=Exists(Membership.objects.filter(user=OuterRef("pk"))))
    rows = people.order_by("-in_a_group", F("site__code").asc(nulls_last=True), "username")[:limit]
    return [Unreached(row, row.in_a_group) for row in rows]
