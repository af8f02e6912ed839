"""A person's own contact points: what they may do with them, and the code that shows an address to be theirs."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from contactops.accounts import addresses, throttle
from contactops.accounts.models import Channel, ContactPoint, Gateway, User
from contactops.errors import Conflict, Invalid, NotFound, TooMany
from incidents.channels import is_ready
from incidents.notify import gateways, trial
from incidents.notify.gateways import Failure
from incidents.times import EPOCH, db_now

MOST = 20  # contact points of one person
CODE_HOLDS = timedelta(minutes=10)  # at least; at most twice as long
CODE_DIGITS = 6
CODES_A_MINUTE = 3
TRIES_A_MINUTE = 10
EARLIER, LATER = -1, 1


@dataclass(frozen=True)
class Point:
    """One of somebody's contact points. `ready`: there is something to send through."""

    row: ContactPoint
    ready: bool


def points(user: User) -> list[Point]:
    """In the order in which they are tried. One query."""
    ready = ExpressionWrapper(is_ready(), BooleanField())
    return [Point(row, row.is_ready) for row in user.contact_points.order_by("order", "pk").annotate(is_ready=ready)]


def offered(user: User) -> list[tuple[str, str]]:
    """The channels over which this person can be reached now. One query."""
    enabled = Gateway.objects.filter(enabled=True).filter(Q(site=None) | Q(site=user.site_id))
    ready = {Channel.EMAIL.value, *enabled.values_list("channel", flat=True)}
    return [(channel.value, str(channel.label)) for channel in Channel if channel in ready]


def point_for(user: User, pk: int) -> ContactPoint:
    point = user.contact_points.filter(pk=pk).select_related("user").first()
    if point is None:
        raise NotFound(_("There is no such contact point."))
    return point


def add(*, actor: User, channel: str, address: str) -> ContactPoint:
    """As the last one that is tried."""
    if channel not in dict(offered(actor)):
        raise Invalid(_("No gateway is set up for this channel. Ask an administrator."), field="channel")
    with transaction.atomic():
        rows = _locked(actor)
        if len(rows) >= MOST:
            raise Conflict(_("You have as many contact points as one person can have."), code="full")
        point = ContactPoint(user=actor, channel=channel, address=_clean(channel, address), order=len(rows) + 1)
        _number(rows)
        return _saved(point)


def change(*, actor: User, point: ContactPoint, address: str) -> ContactPoint:
    """Another address has to be shown to be theirs anew; the database sees to that."""
    point.address = _clean(point.channel, address)
    _saved(point)
    point.refresh_from_db()
    return point


def remove(*, actor: User, point: ContactPoint) -> None:
    with transaction.atomic():
        rows = _locked(actor)
        ContactPoint.objects.filter(pk=point.pk).delete()
        _number([row for row in rows if row.pk != point.pk])


def move(*, actor: User, point: ContactPoint, by: int) -> None:
    """One place earlier or later. At the end of the list nothing happens."""
    with transaction.atomic():
        rows = _locked(actor)
        here = next((n for n, row in enumerate(rows) if row.pk == point.pk), None)
        if here is None:
            raise NotFound(_("There is no such contact point."))
        there = here + by
        if 0 <= there < len(rows):
            rows[here], rows[there] = rows[there], rows[here]
        _number(rows)


def send_code(*, actor: User, point: ContactPoint) -> Failure | None:
    """To the address itself, so that only who reads it there knows the code. What became of it."""
    if not throttle.takes(throttle.key_of("contact-code", str(actor.pk)), CODES_A_MINUTE):
        raise TooMany(_("Too many codes within a minute. Wait a minute, then ask again."))
    [(_letter, error)] = gateways.send([trial.code_letter(point, _code(point, _window(db_now())))])
    return error


def confirm(*, actor: User, point: ContactPoint, code: str) -> ContactPoint:
    """The code that was sent there, typed in here: the address is theirs."""
    key = throttle.key_of("contact-confirm", str(actor.pk))
    if not throttle.takes(key, TRIES_A_MINUTE):
        raise TooMany(_("Too many tries within a minute. Wait a minute, then try again."))
    now = db_now()
    typed, current = "".join(code.split()), _window(now)
    if not any(constant_time_compare(typed, _code(point, window)) for window in (current, current - 1)):
        raise Invalid(_("This is not the code, or it is too old. Ask for a new one."), field="code")
    same = ContactPoint.objects.filter(pk=point.pk, channel=point.channel, address=point.address)
    if not same.update(verified_at=now):
        raise Conflict(_("The address has changed meanwhile. Ask for a new code."), code="changed")
    throttle.forget(key)
    point.refresh_from_db()
    return point


def _code(point: ContactPoint, window: int) -> str:
    """Six digits that only the console can work out, good for this address and these minutes: nothing is stored."""
    about = f"{point.pk} {point.user_id} {point.channel} {point.address} {window}"
    number = int(salted_hmac("contactops.contacts", about, algorithm="sha256").hexdigest(), 16)
    return f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


def _window(now: datetime) -> int:
    return (now - EPOCH) // CODE_HOLDS


def _locked(user: User) -> list[ContactPoint]:
    """Their contact points in order; whoever else changes the order waits."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    return list(user.contact_points.order_by("order", "pk"))


def _number(rows: list[ContactPoint]) -> None:
    for order, row in enumerate(rows, start=1):
        row.order = order
    ContactPoint.objects.bulk_update(rows, ["order"])


def _clean(channel: str, address: str) -> str:
    try:
        return addresses.clean(channel, address)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="address") from None


def _saved(point: ContactPoint) -> ContactPoint:
    try:
        with transaction.atomic():
            point.save()
    except IntegrityError as error:
        if "contact_point_is_listed_once" not in str(error):
            raise
        raise Conflict(_("This contact point is on your list already."), code="listed") from None
    return point
