"""The Idempotency-Key header: the same call sent twice changes things once and is answered the same.

For the calls of every app. The answers are kept in a table of incidents, which is looked up by its name, because plans do not
know incidents.
"""

import json
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from contactops.api import caller, fingerprint
from contactops.errors import Conflict, Invalid

LONGEST = 200


def _replies() -> Any:
    return apps.get_model("incidents", "StoredReply").objects


def once(request: Request, act: Callable[[], Response]) -> Response:
    """Do it, or answer what it was answered before. The key is stored in the transaction of the change itself: when the
    change is refused, the key is free again."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return act()
    if len(key) > LONGEST:
        raise Invalid(_("The Idempotency-Key is too long."), field="Idempotency-Key")
    if not key.isprintable():
        raise Invalid(_("The Idempotency-Key contains a character that cannot be stored."), field="Idempotency-Key")
    asked = fingerprint(request)
    if known := _known(request, key, asked):
        return known
    try:
        with transaction.atomic():
            reply = _replies().create(user=caller(request), key=key, fingerprint=asked)
            response = act()
            reply.status, reply.body = response.status_code, _plain(response)
            reply.save(update_fields=["status", "body"])
            return response
    except IntegrityError as error:
        if "idempotency_key_is_used_once_per_user" not in str(error):
            raise
    known = _known(request, key, asked)  # the same call arrived twice in the same instant; the other one was first
    assert known
    return known


def _known(request: Request, key: str, asked: str) -> Response | None:
    reply = _replies().filter(user=caller(request), key=key).first()
    if reply is None:
        return None
    if reply.fingerprint != asked:
        raise Conflict(_("This Idempotency-Key was used for another call."), code="key_reused")
    return Response(reply.body, status=reply.status)


def _plain(response: Response) -> object:
    """The answer as JSON values, as it goes over the wire."""
    return json.loads(JSONRenderer().render(response.data))
