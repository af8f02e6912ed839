"""The one ASGI application: raw endpoints by path, everything else Django's WSGI application in a thread pool.

Django's own ASGI handler answers a fraction of the requests per second; raw endpoints hold streams open cheaply.
"""

from collections.abc import Awaitable, Callable

from a2wsgi import WSGIMiddleware

from contactops import wsgi  # first: it sets Django up
from contactops.live import Message, Receive, Scope, Send, end_streams_on_signal, hub, live

Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]

THREADS = 12  # each may hold a database connection

# Endpoints that speak ASGI themselves.
RAW: dict[str, Endpoint] = {"/live": live}

_pages = WSGIMiddleware(wsgi.application, workers=THREADS)  # type: ignore[arg-type]


class ClientGoneError(OSError):
    """The client went away in the middle of its request. An OSError, so that Django takes it for an unreadable one."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif endpoint := RAW.get(scope["path"]):
        await endpoint(scope, receive, send)
    else:
        await _django(scope, receive, send)


async def _django(scope: Scope, receive: Receive, send: Send) -> None:
    async def receive_whole() -> Message:
        message = await receive()
        if message["type"] == "http.disconnect":  # else half a form would be taken for a whole one
            raise ClientGoneError("the client went away before its request was complete")
        return message

    if any(name == b"transfer-encoding" for name, _value in scope.get("headers", [])):
        await _refuse_unmeasured(send)  # Django reads a body only as far as its stated length: it would see none
        return

    # `X_Forwarded_Proto` would become the same WSGI variable as the proxy's `X-Forwarded-Proto`.
    headers = [(name, value) for name, value in scope.get("headers", []) if b"_" not in name]
    await _pages({**scope, "headers": headers}, receive_whole, send)  # type: ignore[arg-type]


async def _refuse_unmeasured(send: Send) -> None:
    body = b'{"code": "invalid", "detail": "Send a Content-Length; chunked requests are not read."}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 411, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    end_streams_on_signal()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    hub.end()
    _pages.executor.shutdown(wait=False, cancel_futures=True)
    await send({"type": "lifespan.shutdown.complete"})
