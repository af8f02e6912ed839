"""The link in a message that calls somebody out: one call-out, one person, for as long as the message lasts. Whoever has it
may press the button for that person; opening it does nothing."""

import base64

from django.conf import settings
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import base36_to_int, int_to_base36
from django.utils.translation import gettext as _

from contactops.errors import NotFound
from incidents.models import Notification

SIGNATURE = 12  # bytes: short enough for an SMS, and nobody guesses 96 bits


def of(notification: Notification) -> str:
    """The whole address."""
    return f"{settings.PUBLIC_URL}{reverse('link', args=[_token(notification.pk)])}"


def _token(pk: int) -> str:
    number = int_to_base36(pk)
    signature = salted_hmac("incidents.links", number, algorithm="sha256").digest()[:SIGNATURE]
    return f"{number}.{base64.urlsafe_b64encode(signature).decode()}"


def read(token: str) -> Notification:
    """The message for which the link was made, however old. NotFound for what we have not made ourselves."""
    try:
        pk = base36_to_int(token.partition(".")[0])
    except ValueError:
        pk = 0
    rows = Notification.objects.select_related("incident__type", "recipient__site")
    found = rows.filter(pk=pk).first() if constant_time_compare(token, _token(pk)) else None
    if found is None:
        raise NotFound(_("This link is not complete or not one of ours. Open the console instead."))
    return found
