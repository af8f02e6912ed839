"""The database's clock, and times as the clocks on a site's walls show them."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from django.db import connection


def db_now() -> datetime:
    """The database's clock, the only one that decides. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_now()")
        now: datetime = cursor.fetchone()[0]
    return now


def instant(day: date, clock: time, zone: ZoneInfo) -> datetime | None:
    """When the wall shows this, in UTC; the first of two in the night in which clocks go back, None in the hour that is left
    out when they go forward."""
    wall = datetime.combine(day, clock)
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return found if found.astimezone(zone).replace(tzinfo=None) == wall else None
