"""Instants: the engine counts integer milliseconds UTC, the database and the screens use aware datetimes."""

from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)


def ms(moment: datetime) -> int:
    """Whole milliseconds since 1970; what is finer is cut off."""
    return (moment - EPOCH) // MS


def moment(ms: int) -> datetime:
    return EPOCH + ms * MS


def optional(ms: int | None) -> datetime | None:
    return None if ms is None else moment(ms)


def db_now() -> datetime:
    """The database's clock, the only one that decides. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_now()")
        now: datetime = cursor.fetchone()[0]
    return now


def raise_if_lost(error: Exception) -> None:
    """A database that went away is nothing that one incident or one message could have done."""
    if isinstance(error, (DatabaseError, InterfaceError)) and not connection.is_usable():
        raise error
