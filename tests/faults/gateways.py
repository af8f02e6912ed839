"""Strict fake gateways on loopback: they keep every message under its key, and answer as a fault wishes.

The names of the moods are those of the fault table: `well`, `hangs`, `says 500`, `says 451`, `late` (takes the message and
answers when the sender has given up). A gateway that refuses connections is one that is stopped.
"""

import asyncio
import contextlib
import email
import email.policy
import http.server
import socketserver
import threading
import time
from collections import Counter
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Literal

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.ops.console import free_port

Mood = Literal["well", "hangs", "says 500", "says 451", "late"]
LONGEST_HANG_S = 30.0


@dataclass(frozen=True)
class Received:
    """One message that a gateway took: its key, whom it was for, what it said first, and when it came."""

    key: str
    to: str
    head: str
    at: float


class Inbox:
    """What was received, from any number of threads. `busy`: conversations that are not over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: list[Received] = []
        self.busy = 0

    def add(self, key: str, to: str, head: str) -> None:
        with self._lock:
            self._received.append(Received(key, to, head, time.time()))

    @contextlib.contextmanager
    def conversation(self) -> Any:
        with self._lock:
            self.busy += 1
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def received(self) -> list[Received]:
        with self._lock:
            return list(self._received)

    def counts(self) -> Counter[str]:
        return Counter(one.key for one in self.received())

    def forget(self) -> None:
        with self._lock:
            self._received.clear()


class MailGateway:
    """A mail server. The key of a message is its Message-ID without the host."""

    def __init__(self, late_s: float) -> None:
        self.inbox, self.port = Inbox(), free_port()
        self.mood: Mood = "well"
        self._late_s = late_s
        self._controller: Controller | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """From now on it refuses connections."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.mood == "hangs":
            await self._hang()
        if self.mood == "says 500":
            return "554 5.3.0 The gateway is out of order"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.mood == "says 451":
            return "451 4.3.0 The gateway is out of order"
        with self.inbox.conversation():
            self._take(envelope)
            if self.mood == "late":
                await asyncio.sleep(self._late_s)
        return "250 OK"

    async def _hang(self) -> None:
        deadline = time.monotonic() + LONGEST_HANG_S
        while self.mood == "hangs" and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    def _take(self, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        key = str(message["Message-ID"]).strip("<> ").partition("@")[0]
        for to in envelope.rcpt_tos:
            self.inbox.add(key, to, str(message["Subject"]).strip())


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who was kept waiting has hung up: that is the point of a late answer."""


class WebGateway:
    """A gateway spoken to over HTTP. The key of a message is its Idempotency-Key, spelt as in a mail; the address is the
    path."""

    def __init__(self, late_s: float) -> None:
        self.inbox, self.port = Inbox(), free_port()
        self.mood: Mood = "well"
        self._late_s = late_s
        self._server: _Server | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                gateway._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """The inbox is the log."""

        self._server = _Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        deadline = time.monotonic() + LONGEST_HANG_S
        while self.mood == "hangs" and time.monotonic() < deadline:
            time.sleep(0.05)
        if self.mood in ("says 500", "says 451"):
            return request.send_error(500 if self.mood == "says 500" else 429)
        with self.inbox.conversation():
            key = request.headers.get("Idempotency-Key", "").replace(":", ".")
            self.inbox.add(key, request.path, body.decode(errors="replace"))
            if self.mood == "late":
                time.sleep(self._late_s)
        request.send_response(200)
        request.send_header("Content-Length", "0")
        return request.end_headers()
