"""One person's shifts as an iCalendar feed. The address is signed and holds a key; whoever has it needs no password, and it
says nothing but the group, the site and the times."""

from datetime import datetime, timedelta

from django.core import signing
from django.utils import translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from contactops.accounts.models import User
from plans import roster
from plans.models import CalendarFeed, Shift
from plans.shifts import Period
from plans.texts import say

BACK, AHEAD = timedelta(days=31), timedelta(days=366)
LONGEST = 200
_signer = signing.Signer(sep=".", salt="roster-feed")


def token(feed: CalendarFeed) -> str:
    return _signer.sign(feed.key)


def whose(token: str) -> User | None:
    """The active person whose address this is. One query, none for a token that we never signed."""
    if len(token) > LONGEST:
        return None
    try:
        key = _signer.unsign(token)
    except signing.BadSignature:
        return None
    feed = CalendarFeed.objects.filter(key=key, user__is_active=True).select_related("user__site").first()
    return feed.user if feed else None


def calendar(person: User, at: datetime) -> bytes:
    """From a month ago to a year ahead, in the person's language. Three queries."""
    with translation.override(person.language):
        found = Calendar()
        found.add("prodid", "-//ContactOps//Roster//EN")
        found.add("version", "2.0")
        found.add("method", "PUBLISH")
        found.add("x-wr-calname", _("My shifts"))
        found.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
        for mine in roster.mine(person, at - BACK, at + AHEAD):
            for number, part in enumerate(mine.parts):
                found.add_component(_event(mine.shift, part, number))
        return bytes(found.to_ical())


def _event(shift: Shift, part: Period, number: int) -> Event:
    """Instants in UTC: right in every zone and in the night in which an hour comes twice. A shift of which somebody took the
    middle is two events."""
    event = Event()
    event.add("uid", f"shift-{shift.pk}{f'-{number + 1}' if number else ''}@contactops")
    event.add("dtstamp", shift.entered_at)
    event.add("dtstart", part[0])
    event.add("dtend", part[1])
    event.add("summary", say(shift.group.name))
    if site := shift.counts_at:
        event.add("location", say(site.name))
    return event
