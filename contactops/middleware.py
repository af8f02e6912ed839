"""Errors as pages, input that no database can hold, and what every page's frame shows."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils.translation import gettext as _

from contactops.errors import DomainError, Invalid
from contactops.health import alarm, look

THEMES = ("light", "dark")  # anything else is as the computer has it

Next = Callable[[HttpRequest], HttpResponse]

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
UNREADABLE = (BadRequest, MultiPartParserError, UnicodeError)


def error_page(request: HttpRequest, status: int, detail: str, still_open: list[str] | None = None) -> HttpResponse:
    """One page for every refusal: what happened, and a way back."""
    context = {"status": status, "detail": detail, "open": still_open or []}
    return render(request, "error.html", context, status=status)


def for_programs(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def refusal(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    """To a program as JSON, to a person as a page."""
    if for_programs(request):
        return JsonResponse({"code": "invalid", "detail": detail}, status=status)
    return error_page(request, status, detail)


class CleanInputMiddleware:
    """A NUL in an address, a form that cannot be read, or a body beyond the limit: the sender's mistake and not ours,
    and told in the sender's language."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _is_charset(request.encoding):
            request.encoding = "utf-8"  # so that the answer can be made
            return refusal(request, 400, _("The form could not be read. Reload the page and send it again."))
        if "\x00" in request.path or any("\x00" in v for vs in request.GET.lists() for v in (vs[0], *vs[1])):
            return refusal(request, 400, _("The address contains a character that cannot be stored (NUL)."))
        if request.method == "POST" and not for_programs(request):
            try:
                request.POST  # noqa: B018  read now, before anything takes it for granted
            except TOO_MUCH:
                return refusal(request, 413, _("This is too long."))
            except UNREADABLE:
                return refusal(request, 400, _("The form could not be read. Reload the page and send it again."))
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, TOO_MUCH):
            return refusal(request, 413, _("This is too long."))
        if isinstance(error, UnicodeEncodeError):  # half a character, which no page can show again
            return refusal(request, 400, _("The text contains a broken character."))
        return None


def _is_charset(name: str | None) -> bool:
    """Whether text can be read in it; Python also knows codecs, such as hex, that are none of text."""
    try:
        return name is None or isinstance(b"a".decode(name), str)
    except (LookupError, UnicodeError):
        return False


class DomainErrorMiddleware:
    """A refusal in a page becomes a page (409, 404, 403, 400), with what is open where something is."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 405 and not response.content and request.method != "HEAD":
            page = refusal(request, 405, _("This address is opened in another way."))
            page.headers["Allow"] = response.headers.get("Allow", "")
            return page
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, Invalid):
            detail = " ".join(message for messages in error.fields.values() for message in messages)
            return error_page(request, error.status, detail)
        if isinstance(error, DomainError):
            return error_page(request, error.status, error.detail, error.open)
        return None


class MarkMiddleware:
    """Looks at how things are before a page is made, so that its scripts can ask whether anything has changed since. One
    query, for pages that somebody who is signed in reads."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        is_page = (
            request.method in ("GET", "HEAD") and getattr(view, "login_required", True) and not for_programs(request)
        )
        if is_page and request.user.is_authenticated:
            request.look = look()  # type: ignore[attr-defined]


def frame(request: HttpRequest) -> dict[str, Any]:
    """For every page: why promises may be going unkept, if so (asked only where the template shows it), and the chosen
    appearance."""
    seen = getattr(request, "look", None)
    theme = request.COOKIES.get("theme", "")
    return {"alarm": seen.alarm if seen else cache(alarm), "theme": theme if theme in THEMES else ""}
