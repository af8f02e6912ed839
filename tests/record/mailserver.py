"""A real mail server on loopback that answers as a test wishes."""

import contextlib
import email
import socket
import threading
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

OK = "250 OK"


class MailServer:
    """Keeps what it is given. `on_recipient`, `on_data`, `on_sender`: what it answers, `only_for` one recipient if named;
    `refuses`: addresses that it does not know; `hold`: it waits before it does."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.on_sender = self.on_recipient = self.on_data = OK
        self.refuses: set[str] = set()
        self.only_for = ""
        self.connections = 0
        self.hold = threading.Event()
        self.hold.set()
        self.asked = threading.Event()

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    def is_meant(self, address: str) -> bool:
        return self.only_for in ("", address)

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.on_sender == OK:
            envelope.mail_from = address
        return self.on_sender

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refuses:
            return "550 5.1.1 No such mailbox"
        answer = self.on_recipient if self.is_meant(address) else OK
        if answer == OK:
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.asked.set()
        self.hold.wait(20)
        answer = self.on_data if self.is_meant(envelope.rcpt_tos[0]) else OK
        if answer == OK:
            assert isinstance(envelope.content, bytes)
            self.messages.append(email.message_from_bytes(envelope.content))
        return answer

    def to(self) -> list[str]:
        return sorted(str(message["To"]) for message in self.messages)


def subject_of(message: Message) -> str:
    """As a person reads it."""
    return str(make_header(decode_header(str(message["Subject"])))).strip()


@contextlib.contextmanager
def mail_server(settings: Any) -> Iterator[MailServer]:
    """Running, and the product told to send there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handler = MailServer()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 10
    controller.start()
    try:
        yield handler
    finally:
        handler.hold.set()
        controller.stop()
