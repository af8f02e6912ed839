"""The request as the pages get it: signed in, asked for by htmx or not, and how things were just before."""

from typing import TYPE_CHECKING

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from contactops.accounts.models import User

if TYPE_CHECKING:
    from contactops.health import Look


class Request(HttpRequest):
    """Login is required by default, so a page's request has a person."""

    user: User
    htmx: HtmxDetails
    look: "Look"


WORDS = ("text", "note", "reason", "summary", "details", "cause", "title")  # fields in which people write sentences


def written(request: HttpRequest) -> list[str]:
    """The sentences in a form that was sent, so that they can be shown to be copied where the form itself is gone."""
    return [text for name in WORDS if (text := request.POST.get(name, "").strip())]
