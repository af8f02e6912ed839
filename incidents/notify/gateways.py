"""The way out of the console: e-mail by Django, everything else by Apprise."""

import smtplib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.core.mail import EmailMessage, get_connection

PERMANENT = range(500, 600)  # SMTP: trying again will not help


class Refused(Exception):
    """For good: this address or this message will not be taken."""


class Unreachable(Exception):
    """For now: worth another try."""


@dataclass(frozen=True)
class Letter:
    key: str
    channel: str
    address: str
    subject: str
    body: str
    short: str
    headers: Mapping[str, str] = field(default_factory=dict)
    site_id: int | None = None


def send(letters: Sequence[Letter]) -> Iterator[tuple[Letter, Exception | None]]:
    """Each letter with what became of it: nothing wrong, or Refused or Unreachable. E-mails share one connection."""
    connection = get_connection()
    try:
        for letter in letters:
            try:
                message = EmailMessage(letter.subject, letter.body, to=[letter.address], headers=dict(letter.headers))
                connection.send_messages([message])
                yield letter, None
            except (OSError, smtplib.SMTPException, ValueError) as error:
                connection.close()
                kind = Refused if _is_refused(error) else Unreachable
                yield letter, kind(f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def _is_refused(error: Exception) -> bool:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code in PERMANENT for code, _reason in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code in PERMANENT
