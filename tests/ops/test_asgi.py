"""The dispatcher in front of Django: what reaches it, and what must not."""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import pytest
from a2wsgi import WSGIMiddleware

from contactops import asgi

Messages = list[dict[str, Any]]


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers with what Django would see."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    seen = sorted(name for name in environ if name.startswith("HTTP_"))
    return [f"{environ['PATH_INFO']} {body.decode()} {seen}".encode()]


@pytest.fixture(autouse=True)
def echoing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "_pages", WSGIMiddleware(cast(Any, echo), workers=1))


def ask(*incoming: dict[str, Any], **scope: Any) -> Messages:
    waiting, sent = list(incoming), []

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    http = {"type": "http", "method": "POST", "path": "/x", "query_string": b"", "http_version": "1.1", "headers": []}
    asyncio.run(asgi.application(http | scope, receive, send))  # type: ignore[arg-type]
    return sent


def body_of(messages: Messages) -> str:
    return b"".join(message.get("body", b"") for message in messages).decode()


def test_django_gets_the_whole_request() -> None:
    parts: Messages = [
        {"type": "http.request", "body": b"one ", "more_body": True},
        {"type": "http.request", "body": b"two"},
    ]
    assert body_of(ask(*parts)) == "/x one two []"


def test_half_a_request_is_an_error_not_a_short_form() -> None:
    with pytest.raises(asgi.ClientGoneError):
        ask({"type": "http.request", "body": b"summary=ha", "more_body": True}, {"type": "http.disconnect"})


def test_a_body_of_unknown_length_is_refused_and_not_taken_for_none() -> None:
    """Django would read none of it, and do what was asked as if nothing had been said."""
    headers = [(b"transfer-encoding", b"chunked")]
    sent = ask({"type": "http.request", "body": b'{"rev": 0}'}, headers=headers)
    assert sent[0]["status"] == 411
    assert "Content-Length" in body_of(sent)


def test_a_header_cannot_pose_as_the_proxys() -> None:
    headers = [(b"x_forwarded_proto", b"https"), (b"x-forwarded-for", b"::1")]
    assert body_of(ask({"type": "http.request"}, headers=headers)) == "/x  ['HTTP_X_FORWARDED_FOR']"


def test_raw_endpoints_do_not_reach_django(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        await send({"body": b"raw"})

    monkeypatch.setitem(asgi.RAW, "/live", endpoint)
    assert body_of(ask(path="/live")) == "raw"
    assert body_of(ask({"type": "http.request"}, path="/lives")) == "/lives  []"


def test_the_server_may_start_and_stop_it() -> None:
    sent = ask({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}, type="lifespan")
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
