"""Handing letters over: e-mails to the mail server, everything else to its gateway through Apprise.

What comes back is one of three things: it was handed over; this address or message is refused for good, so the person's
next channel is tried; or the other side cannot be reached now, so it is tried again later.
"""

import logging
import re
import smtplib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apprise
from apprise import NotifyFormat
from apprise.plugins.base import NotifyBase
from apprise.result import AppriseResultStatus
from django.core.mail import EmailMessage, get_connection
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from contactops.accounts import gateway_urls
from contactops.accounts.models import OURS, Channel, Gateway
from incidents.notify import robots

log = logging.getLogger(__name__)

SHORT = frozenset({Channel.SMS, Channel.VOICE})  # channels on which there is room for a headline
PERMANENT = range(500, 600)  # SMTP: trying again will not help
NOT_NOW = frozenset({408, 425, 429})  # HTTP: of 4xx, those that say nothing against the message
LONGEST_REPLY = 150

WHY: Mapping[str, Promise] = {
    "no-gateway": _("no gateway is set up for this channel"),
    "address": _("the gateway does not take this address"),
    "message": _("the message cannot be made: %(said)s"),
    "answered": _("the gateway answered %(said)s"),
    "said-no": _("the gateway took the call and said no (%(said)s)"),
    "server": _("the mail server said: %(said)s"),
    "timeout": _("it did not answer in time"),
    "connection": _("the connection failed"),
    "unknown": _("it failed without saying why"),
}


@dataclass(frozen=True)
class Letter:
    """One message to one address, in the recipient's language. `key`: the same for every try of it."""

    key: str
    channel: str
    address: str
    subject: str
    body: str
    short: str
    headers: Mapping[str, str] = field(default_factory=dict)
    site_id: int | None = None


class Failure(Exception):
    """Why a letter did not go: a word of WHY, and what the other side said. Never a part of a gateway's URL."""

    outcome = "failed"

    def __init__(self, why: str, said: str = "") -> None:
        super().__init__(why, said)
        self.why, self.said = why, said

    def words(self) -> str:
        """In the language in force."""
        return str(WHY.get(self.why, self.why)) % {"said": self.said}

    def __str__(self) -> str:
        """For the record, which people of either language read."""
        with translation.override("en"):
            return self.words()


class Refused(Failure):
    """This address or this message, for good."""

    outcome = "refused"


class NoGateway(Refused):
    """There is nothing to send it through."""


class Unreachable(Failure):
    """Not now; later perhaps."""

    outcome = "unreachable"


def send(letters: Sequence[Letter]) -> Iterator[tuple[Letter, Failure | None]]:
    """Each letter with what became of it, in order, as soon as it is known. One query; one connection to the mail server.

    A gateway that does not answer is asked once per call and not once per letter: the others wait behind it.
    """
    gateways = _enabled({letter.channel for letter in letters} - set(OURS))
    mail, silent = _Mail(), dict[int, Unreachable]()
    try:
        for letter in letters:
            error = _sent(letter, gateways, mail, silent)
            if error:
                log.warning("%s over %s: %s: %s", letter.key, letter.channel, error.outcome, error)
            yield letter, error
    finally:
        mail.close()


def send_through(gateway: Gateway, letter: Letter) -> Failure | None:
    """One letter through this gateway, enabled or not: a test. What became of it."""
    error = _through(gateway, letter)
    log.info("%s through gateway %s: %s", letter.key, gateway.pk, error or "handed over")
    return error


def _enabled(channels: set[str]) -> dict[tuple[str, int | None], Gateway]:
    if not channels:
        return {}
    return {(one.channel, one.site_id): one for one in Gateway.objects.filter(enabled=True, channel__in=channels)}


def _sent(
    letter: Letter,
    gateways: Mapping[tuple[str, int | None], Gateway],
    mail: "_Mail",
    silent: dict[int, Unreachable],
) -> Failure | None:
    if letter.channel == Channel.CONSOLE:
        return None  # it is there already
    if letter.channel == Channel.EMAIL:
        return mail.send(letter)
    gateway = gateways.get((letter.channel, letter.site_id)) or gateways.get((letter.channel, None))
    if gateway is None:
        return NoGateway("no-gateway")
    if gateway.pk in silent:
        return silent[gateway.pk]
    error = _through(gateway, letter)
    if isinstance(error, Unreachable) and error.why in ("timeout", "connection"):
        silent[gateway.pk] = error
    return error


class _Mail:
    """The mail server, connected to when the first e-mail is sent and again after a failure. One that could not be connected
    to is not asked again within the call."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.down: Unreachable | None = None

    def send(self, letter: Letter) -> Failure | None:
        if self.down:
            return self.down
        try:
            self._connect()
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            self.down = Unreachable("server", _reply(error))
            return self.down
        try:
            EmailMessage(
                letter.subject,
                letter.body,
                to=[letter.address],
                headers=dict(letter.headers),
                connection=self.connection,
            ).send()
        except (OSError, smtplib.SMTPException) as error:
            if not _goes_on(error):
                self.close()
            return _of_mail(error)
        except ValueError as error:  # an address or a header that no letter can have
            return Refused("message", type(error).__name__)
        except Exception as error:
            log.exception("letter %s cannot be made or sent; the others go on", letter.key)
            self.close()
            return Unreachable("message", type(error).__name__)
        return None

    def _connect(self) -> None:
        if self.connection is None:
            self.connection = get_connection()
            self.connection.open()

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            try:
                connection.close()
            except (OSError, smtplib.SMTPException) as error:
                log.info("the connection to the mail server ended badly: %s", type(error).__name__)


def _goes_on(error: Exception) -> bool:
    """Whether the connection can be used for the next letter: the server refused this one, and is still there."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code != 421 for code, _reason in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code != 421


def _of_mail(error: Exception) -> Failure:
    """Only a refusal of the recipient or of the message is for good. A server that refuses us (our name, our password, our
    sender) refuses everything until somebody mends it: that is no reason to give up one letter."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        refused = all(code in PERMANENT for code, _reason in error.recipients.values())
    else:
        refused = isinstance(error, smtplib.SMTPDataError) and error.smtp_code in PERMANENT
    return (Refused if refused else Unreachable)("server", _reply(error))


def _reply(error: Exception) -> str:
    """What the server said, in one line."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        replies = [f"{code} {_text(reason)}" for code, reason in error.recipients.values()]
        return "; ".join(replies)[:LONGEST_REPLY]
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"[:LONGEST_REPLY]
    return f"{type(error).__name__}: {error}"[:LONGEST_REPLY]


def _text(reply: bytes | str) -> str:
    said = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return " ".join(said.split())


def _through(gateway: Gateway, letter: Letter) -> Failure | None:
    """A fault in Apprise or in one of its hundred services is no fault of the other letters."""
    try:
        service = gateway_urls.service(gateway.url, letter.address, letter.key)
        if service is None:
            return Refused("address")
        is_short = letter.channel in SHORT
        title, body = ("", letter.short) if is_short else (letter.subject, letter.body or letter.subject)
        if answer := robots.ask(service, title, body):
            return _of_robot(answer)
        return _notified(service, title, body)
    except Exception as error:  # noqa: BLE001  logged without its text, in which a token may stand
        log.error("letter %s through gateway %s: %s", letter.key, gateway.pk, type(error).__name__)
        return Unreachable("unknown")


def _notified(service: NotifyBase, title: str, body: str) -> Failure | None:
    desk = apprise.Apprise(asset=gateway_urls.asset())
    desk.add(service)
    with desk.notify(
        body=body,
        title=title,
        body_format=NotifyFormat.TEXT,
        timeout=gateway_urls.HARD_S,
        log_level=logging.DEBUG,
    ) as result:
        if result:
            return None
        if result.status == AppriseResultStatus.TIMEOUT:
            return Unreachable("timeout")
        return _reason(entry.message for entry in result.logs())


_ANSWERED = re.compile(r"\berror=(\d{3})\b")
_CODE = re.compile(r"\b(?:err)?code=(-?\d{1,8})\b")


def _reason(said: Iterable[str]) -> Failure:
    """From what Apprise wrote while it tried: only the figures are taken over, since its sentences may hold a token."""
    text = "\n".join(said)
    answers = [int(code) for code in _ANSWERED.findall(text)]
    later = [code for code in answers if code in NOT_NOW or code >= 500]
    if later:
        return Unreachable("answered", f"HTTP {later[-1]}")
    if answers:
        return Refused("answered" if answers[-1] >= 300 else "said-no", f"HTTP {answers[-1]}")
    if "timed out" in text:
        return Unreachable("timeout")
    if "onnection" in text or "Socket Exception" in text:
        return Unreachable("connection")
    if found := _CODE.search(text):
        return Refused("said-no", found[1])
    return Unreachable("unknown")


def _of_robot(answer: robots.Answer) -> Failure | None:
    if answer.failed:
        return Unreachable(answer.failed)
    if answer.status in NOT_NOW or answer.status >= 500:
        return Unreachable("answered", f"HTTP {answer.status}")
    if answer.status >= 300:
        return Refused("answered", f"HTTP {answer.status}")
    if answer.code in robots.TOO_FAST:
        return Unreachable("said-no", str(answer.code))
    return Refused("said-no", str(answer.code)) if answer.code else None
