"""A person's language and time zone, on every request."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import render
from django.utils.translation import gettext as _

from contactops.accounts.models import User
from contactops.http import written
from contactops.middleware import error_page

Next = Callable[[HttpRequest], HttpResponse]


class PersonLocaleMiddleware(LocaleMiddleware):
    """Before sign-in the browser's language counts, as Django does it."""


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's own, with what a shared computer needs. Where nobody has to sign in it is not asked who it is: what knows may
    be what has failed. A form that was sent after the session ended is answered with what was typed, instead of a sign-in
    page in its place; one that another person has filled in is not taken for that of who has signed in since."""

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponseBase | None:
        if not getattr(view, "login_required", True):
            return None
        answer = super().process_view(request, view, args, kwargs)
        if answer is None and request.headers.get("X-Person", str(request.user.pk)) != str(request.user.pk):
            return error_page(
                request, 403, _("Somebody else has signed in in this browser since: %(who)s.") % {"who": request.user}
            )
        return answer

    def handle_no_permission(self, request: HttpRequest, view: Any) -> Any:
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view)
        return render(
            request, "signed_out.html", {"written": written(request), "back": _came_from(request)}, status=401
        )


def _came_from(request: HttpRequest) -> str:
    """The page of ours on which the form stood."""
    page = urlsplit(request.headers.get("Referer", ""))
    return page.path if page.netloc == request.get_host() else "/"


class PersonPreferencesMiddleware:
    """After sign-in the person's own language and time zone count; the zone falls back to that of their site."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = _person(request)
        if user is None:
            return self.get_response(request)
        with user.reading():
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", user.language)
        return response


def _person(request: HttpRequest) -> User | None:
    """Who it is, or nobody while the database does not answer: the banner and /healthz still have to."""
    try:
        return request.user if request.user.is_authenticated else None
    except Error:
        return None
