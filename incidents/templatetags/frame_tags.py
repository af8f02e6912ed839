"""What stands around every page."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.template.context import Context
from django.template.defaultfilters import date as format_date
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide

from contactops.accounts.models import User
from contactops.health import Look
from incidents import selectors
from incidents.views import doors
from incidents.views.sites import chosen_site, sites_of
from plans.models import Site

register = template.Library()


@register.simple_tag
def icon(name: str, size: int = 18) -> SafeString:
    """One of lucide's, hidden from screen readers: a word stands beside it."""
    return SafeString(lucide(name, size=size, aria_hidden="true", focusable="false", **{"class": "icon"}))


@dataclass(frozen=True)
class Place:
    """One entry of the rail."""

    name: str
    label: str
    url: str
    icon: str
    current: bool


@register.simple_tag(takes_context=True)
def places(context: Context) -> list[Place]:
    """Where this person may go. One query at most: the groups they are in."""
    user, request = _user(context), context.get("request")
    if user is None or request is None:
        return []
    return [_place(door, request) for door in doors.DOORS if door.opens_for(user)]


def _place(door: doors.Door, request: HttpRequest) -> Place:
    url = reverse(door.name)
    site = chosen_site(request) if door.by_site else ""
    address = f"{url}?{urlencode({'site': site})}" if site else url
    return Place(door.name.replace(":", "-"), str(door.label), address, door.icon, request.path.startswith(url))


@dataclass(frozen=True)
class SiteSwitch:
    """The sites between which a person may choose; none where there is nothing to choose."""

    offers: list[Site]
    code: str

    @property
    def name(self) -> str:
        return next((str(site) for site in self.offers if site.code == self.code), "")


@register.simple_tag(takes_context=True)
def site_switch(context: Context) -> SiteSwitch:
    """One query at most."""
    user, request = _user(context), context.get("request")
    if user is None or request is None or not doors.opens_any_by_site(user):
        return SiteSwitch([], "")
    offers = sites_of(request)
    return SiteSwitch(offers if len(offers) > 1 else [], chosen_site(request))


@register.simple_tag(takes_context=True)
def server_now(context: Context) -> str:
    """The time at which the page was made, from which its scripts count; ISO 8601."""
    return _now(context).isoformat(timespec="milliseconds")


@register.simple_tag(takes_context=True)
def clock_time(context: Context) -> str:
    """The same as people read it, in their own zone."""
    return str(format_date(timezone.localtime(_now(context)), "H:i:s"))


def _now(context: Context) -> datetime:
    """The database's time; where a page is made in spite of it, this computer's."""
    seen = _look(context)
    return seen.now if seen else timezone.now()


def _look(context: Context) -> Look | None:
    return getattr(context.get("request"), "look", None)


@register.simple_tag(takes_context=True)
def page_mark(context: Context) -> str:
    """How things were before the page was made, as `/pulse/` will say it while nothing has changed."""
    seen = _look(context)
    return seen.etag if seen else ""


@register.simple_tag
def zone_key() -> str:
    """The reader's time zone by its IANA name, as browsers know it."""
    return str(timezone.get_current_timezone_name())


@register.simple_tag(takes_context=True)
def waiting_count(context: Context) -> int:
    """How many messages wait for this person's answer. One query."""
    user = _user(context)
    return selectors.waiting_for(user) if user else 0


def _user(context: Context) -> User | None:
    user = context.get("user")
    return user if isinstance(user, User) else None
