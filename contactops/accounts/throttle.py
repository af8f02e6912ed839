"""How often somebody has tried something that could be guessed (a password, a code), counted in the database: every web
process sees the same number."""

import hashlib

from django.conf import settings
from django.db import connection

from contactops.accounts.models import SignInTries

MINUTE = 60


def key_of(address: str, name: str) -> str:
    """By address and name, because a whole floor shares one address; hashed, because a name may be anything."""
    return hashlib.sha256(f"{address} {name.strip().lower()}".encode(errors="replace")).hexdigest()


def takes(key: str, limit: int | None = None) -> bool:
    """Count one more try of this minute, and say whether there may be one; without a limit that of signing in. One
    statement, so that nobody gets between."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_signintries AS t (key, minute, tries) VALUES (%s, date_trunc('minute', now()), 1)"
            " ON CONFLICT (key) DO UPDATE SET minute = excluded.minute,"
            " tries = CASE WHEN t.minute = excluded.minute THEN t.tries + 1 ELSE 1 END RETURNING tries",
            [key],
        )
        tries: int = cursor.fetchone()[0]
    return tries <= (int(settings.SIGN_IN_TRIES_PER_MINUTE) if limit is None else limit)


def forget(key: str) -> None:
    """They knew the password: their tries were no guesses."""
    SignInTries.objects.filter(key=key).delete()
