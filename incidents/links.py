"""The link in a message that calls somebody out: one call-out, one person, for as long as the message lasts. Whoever has it
may press the button for that person; opening it does nothing."""

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils.http import base36_to_int, int_to_base36
from django.utils.translation import gettext as _

from contactops.errors import NotFound
from incidents.models import Notification

_signer = Signer(salt="incidents.links")


def of(notification: Notification) -> str:
    """The whole address."""
    return f"{settings.PUBLIC_URL}{reverse('link', args=[_signer.sign(int_to_base36(notification.pk))])}"


def read(token: str) -> Notification:
    """The message for which the link was made, however old. NotFound for what we have not made ourselves."""
    try:
        pk = base36_to_int(_signer.unsign(token))
    except (BadSignature, ValueError):
        raise NotFound(_("This link is not complete or not one of ours. Open the console instead.")) from None
    found = Notification.objects.select_related("incident__type", "recipient__site").filter(pk=pk).first()
    if found is None:
        raise NotFound(_("This link is not complete or not one of ours. Open the console instead."))
    return found
