"""The site whose incidents a person looks at. It stands in the address, so that what is copied shows the same; the session
remembers it for the links of the frame."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from contactops.http import Request
from incidents import selectors
from plans.models import Site


def chosen_site(request: HttpRequest) -> str:
    """Its code; empty for all that the person may see."""
    asked = request.GET.get("site")
    return asked if asked is not None else str(request.session.get("site", ""))


def sites_of(request: HttpRequest) -> list[Site]:
    """Those whose incidents the person sees by their role. Asked for once per request."""
    found: list[Site] | None = getattr(request, "sites", None)
    if found is None:
        assert request.user.is_authenticated
        found = selectors.sites_of_board(request.user)
        request.sites = found  # type: ignore[attr-defined]
    return found


@require_POST
def choose_site(request: Request) -> HttpResponse:
    """Back to the page one was on, showing that site."""
    code = request.POST.get("site", "")
    known = {site.code for site in sites_of(request)}
    request.session["site"] = code if code in known else ""
    return redirect(_showing(request.POST.get("next", ""), request))


def _showing(address: str, request: HttpRequest) -> str:
    """The address with the chosen site in it."""
    if not url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return "home"
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in ("site", "page")]
    chosen = [("site", request.session["site"])] if request.session["site"] else []
    return parts._replace(query=urlencode([*kept, *chosen])).geturl()
