"""Hearing what PostgreSQL's NOTIFY says. A connection of its own: LISTEN does not pass a pooler."""

import select
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import psycopg2
from django.conf import settings
from django.db import connection

# A host that is gone without a word is noticed within seconds, not after the two hours of TCP's own default.
_NOTICED_SOON: dict[str, Any] = {
    "connect_timeout": 2,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,
}


class Ear:
    """Listens to one channel from the moment it exists. psycopg2.Error and OSError mean that it has become deaf."""

    def __init__(self, channel: str) -> None:
        self._connection = psycopg2.connect(**_direct(), **_NOTICED_SOON)
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(f"LISTEN {channel}")

    def wait(self, seconds: float) -> list[str]:
        """What was said, as soon as something was; nothing when the seconds are over."""
        if not self._connection.notifies:  # a question asked meanwhile may have brought some along
            readable, _, _ = select.select([self._connection], [], [], max(0.0, seconds))
            if not readable:
                return []
            self._connection.poll()
        said = [one.payload for one in self._connection.notifies]
        self._connection.notifies.clear()
        return said

    def now(self) -> datetime:
        """The console's time; asking for it proves that the connection still lives."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT app_now()")
            moment: datetime = cursor.fetchone()[0]
        return moment

    def close(self) -> None:
        with suppress(psycopg2.Error, OSError):
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _direct() -> dict[str, Any]:
    """Where to listen: the direct address where there is one, else the ordinary one."""
    if settings.DATABASE_DIRECT_URL:
        return {"dsn": settings.DATABASE_DIRECT_URL}
    params: dict[str, Any] = connection.get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port")
    return {key: value for key, value in params.items() if key in wanted and value}
