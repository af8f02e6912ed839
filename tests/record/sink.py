"""A real HTTP server on loopback that answers as a test wishes, and keeps what it was sent."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Sink:
    """`answer`: a status; `body`: what it answers with; `behave`: what it does instead of answering."""

    port: int = 0
    answer: int = 200
    body: bytes = b"{}"
    behave: Callable[["Sink", BaseHTTPRequestHandler], None] | None = None
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def bodies(self) -> list[Any]:
        return [body for _path, _headers, body in self.requests]


def hang(sink: Sink, handler: BaseHTTPRequestHandler) -> None:
    sink.over.wait(30)


def hang_up(sink: Sink, handler: BaseHTTPRequestHandler) -> None:
    linger = struct.pack("ii", 1, 0)  # at once, with a reset
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def answer_late(sink: Sink, handler: BaseHTTPRequestHandler) -> None:
    sink.over.wait(2)
    with contextlib.suppress(OSError):
        handler.send_response(200)
        handler.end_headers()


def drip(sink: Sink, handler: BaseHTTPRequestHandler) -> None:
    """One byte more before each time-out, for ever."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not sink.over.wait(0.2):
            handler.wfile.write(b"a")
            handler.wfile.flush()


def redirect(sink: Sink, handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", f"http://{sink.host}/elsewhere")
    handler.end_headers()


@contextlib.contextmanager
def http_sink() -> Iterator[Sink]:
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                body = json.loads(raw)
            except ValueError:
                body = raw.decode()
            sink.requests.append((self.path, dict(self.headers), body))
            if sink.behave:
                sink.behave(sink, self)
                self.close_connection = True
                return
            self.send_response(sink.answer)
            self.send_header("Content-Length", str(len(sink.body)))
            self.end_headers()
            self.wfile.write(sink.body)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A connection that a test has broken."""

    server = Server(("127.0.0.1", 0), Handler)
    sink.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield sink
    finally:
        sink.over.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


def closed_port() -> int:
    """Where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
