"""A form that is sent twice by a double click does its work once."""

import hashlib
from collections.abc import Callable

from django.db import IntegrityError, transaction

from contactops.http import Request
from incidents.models import StoredReply


def once(request: Request, act: Callable[[], str]) -> str:
    """Do it and return where to go next; or, for the very same form with the same words, only where it went before.

    The page puts a key of its own into forms that would otherwise write a second line. It is kept in the transaction of
    the change itself: when the change is refused, the key is free again.
    """
    if not request.POST.get("once"):
        return act()
    sent = f"{request.path}\n{sorted((name, values) for name, values in request.POST.lists())}"
    key = f"page:{hashlib.sha256(sent.encode()).hexdigest()}"
    try:
        with transaction.atomic():
            reply = StoredReply.objects.create(user=request.user, key=key, status=302)
            reply.body = act()
            reply.save(update_fields=["body"])
            return str(reply.body)
    except IntegrityError as error:
        if "idempotency_key_is_used_once_per_user" not in str(error):
            raise
    return str(StoredReply.objects.get(user=request.user, key=key).body)
