"""The e-mails of a console that has no mail server: files in DATA_DIR/mail, as Django's own backend writes them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path

from django.conf import settings

_BETWEEN = re.compile(rb"^-{79}\r?\n", re.MULTILINE)
_NAME = re.compile(r"[\w.-]+\.log-\d+")
INCIDENT = "X-ContactOps-Incident"  # the header that says what a letter is about
LARGEST = 10 * 1024 * 1024  # of one file; more is not read into memory


@dataclass(frozen=True)
class Mail:
    """One message. `key` names its file and its place in it, `ref` the incident that it is about."""

    key: str
    ref: str
    sent_at: datetime | None
    to: str
    subject: str
    body: str


def is_kept() -> bool:
    """Whether e-mails are kept as files; with a mail server they are not."""
    return not settings.EMAIL_URL


def newest(limit: int) -> list[Mail]:
    files = sorted(_folder().glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    return list(islice((mail for path in files for mail in reversed(list(_read(path)))), limit))


def find(key: str) -> Mail | None:
    if not _NAME.fullmatch(key):
        return None
    path = _folder() / key.rpartition("-")[0]
    return next((mail for mail in _read(path) if mail.key == key), None) if path.is_file() else None


def _folder() -> Path:
    return Path(settings.EMAIL_FILE_PATH)


def _read(path: Path) -> Iterator[Mail]:
    if path.stat().st_size > LARGEST:
        return
    for number, raw in enumerate(part for part in _BETWEEN.split(path.read_bytes()) if part.strip()):
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        yield _mail(f"{path.name}-{number}", message)


def _mail(key: str, message: EmailMessage) -> Mail:
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    date = message.get("Date")
    return Mail(
        key=key,
        ref=str(message.get(INCIDENT, "")),
        sent_at=parsedate_to_datetime(date).replace(tzinfo=UTC) if date else None,  # Django writes it as -0000
        to=str(message.get("To", "")),
        subject=str(message.get("Subject", "")),
        body=text.strip(),
    )
