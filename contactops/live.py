"""`/live`: server-sent events for open pages. A raw ASGI endpoint, so that a thousand of them cost next to nothing.

What is sent is a hint, never data: that an incident moved on (`event: hint`), and every few seconds that the stream lives,
what time it is and whether promises are being kept (`event: beat`). Pages ask for what they show by themselves, with their
reader's own permissions. A stream lasts only while hints can be heard, so that an open stream never lies.
"""

import asyncio
import json
import logging
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg2
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import close_old_connections
from django.http import parse_cookie
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from contactops import health
from contactops.accounts.models import User
from contactops.listening import Ear
from incidents.hints import HINTS

log = logging.getLogger(__name__)

BEAT_S = 4.0  # with the five seconds until a clock counts as silent, the banner stands within ten
MOST = 5000  # streams of one process; who comes later polls
BEHIND = 64  # chunks that a slow reader may owe before it is told to look at everything anew
LASTS_S = 300.0  # then the browser comes again, and whether it may is asked again
PATIENCE_S = 3.0  # for the first hearing after the process started, and for a database that says nothing

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HELLO = b"retry: 2000\nevent: hello\ndata: {}\n\n"  # the last beat would set clocks wrong by its age
RESYNC = b"event: resync\ndata: {}\n\n"
END = b""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """The endpoint. 401 without a session, 503 while nothing can be heard or the house is full: the browser then polls."""
    if scope["method"] != "GET":
        await _refuse(send, 405, "not_allowed")
        return
    try:
        known = await asyncio.wait_for(door.knows(_session_key(scope)), PATIENCE_S)
    except TimeoutError:
        known = None
    if known is False:
        await _refuse(send, 401, "not_signed_in")
    elif known is None or hub.is_full or not await hub.hears():
        await _refuse(send, 503, "not_live")
    else:
        await _stream(receive, send)


async def _stream(receive: Receive, send: Send) -> None:
    stream = Stream()
    hub.streams.add(stream)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": HELLO, "more_body": True})
        writing = asyncio.ensure_future(stream.write(send))
        leaving = asyncio.ensure_future(_gone(receive))
        _done, pending = await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if writing.done() and not writing.exception():
            await send({"type": "http.response.body", "body": b""})
    finally:
        hub.streams.discard(stream)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Stream:
    """What one browser has still to be sent."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(BEHIND)
        self.ends_at = time.monotonic() + LASTS_S * random.uniform(0.8, 1.2)  # noqa: S311  so that not all come at once

    def put(self, chunk: bytes) -> None:
        try:
            self._waiting.put_nowait(chunk)
        except asyncio.QueueFull:
            owed = {chunk}
            while not self._waiting.empty():
                owed.add(self._waiting.get_nowait())
            self._waiting.put_nowait(END if END in owed else RESYNC)

    async def write(self, send: Send) -> None:
        """Until the end is put. No timer of its own: the hub's beat is everybody's."""
        while True:
            chunks = [await self._waiting.get()]
            while not self._waiting.empty():
                chunks.append(self._waiting.get_nowait())
            body = b"".join(chunks)
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
            if END in chunks:
                return


class Hub:
    """One ear for all streams of this process. It listens in a thread and speaks in the event loop."""

    def __init__(self) -> None:
        self.streams: set[Stream] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._hearing = asyncio.Event()
        self._stopping = threading.Event()

    @property
    def is_full(self) -> bool:
        return len(self.streams) >= MOST

    async def hears(self) -> bool:
        """Whether hints are heard; the first to ask begins the listening and waits a moment for it."""
        if self._thread is None or not self._thread.is_alive():
            self._loop = asyncio.get_running_loop()
            self._stopping.clear()
            self._thread = threading.Thread(target=self._listen, name="live", daemon=True)
            self._thread.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hearing.wait(), PATIENCE_S)
        return self._hearing.is_set()

    def end(self) -> None:
        """Every stream ends now; called in the loop."""
        self._stopping.set()
        self._deaf()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                with Ear(HINTS) as ear:
                    self._pass_on(ear)
            except (psycopg2.Error, OSError) as error:
                log.warning("no hints for live pages (%s); trying again", error)
            except Exception:
                log.exception("the live pages' ear stumbled; trying again")
            self._tell(self._deaf)
            self._stopping.wait(random.uniform(0.2, 1.0))  # noqa: S311  jitter, not a secret

    def _pass_on(self, ear: Ear) -> None:
        beat_at = time.monotonic()
        while not self._stopping.is_set():
            if said := ear.wait(min(beat_at - time.monotonic(), 1.0)):
                self._tell(self._say, b"".join(f"event: hint\ndata: {one}\n\n".encode() for one in said))
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + BEAT_S
                self._tell(self._beat, _beat(ear))

    def _tell(self, what: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            if self._loop:
                self._loop.call_soon_threadsafe(what, *arguments)

    def _say(self, chunk: bytes) -> None:
        for stream in self.streams:
            stream.put(chunk)

    def _beat(self, chunk: bytes) -> None:
        self._hearing.set()
        self._say(chunk)
        for stream in self.streams:
            if stream.ends_at < time.monotonic():
                stream.put(END)

    def _deaf(self) -> None:
        self._hearing.clear()
        for stream in self.streams:
            stream.put(END)


def _beat(ear: Ear) -> bytes:
    """The comment is for proxies that end what is silent; the event is for the page, which cannot see comments."""
    close_old_connections()
    data = {"now": ear.now().isoformat(timespec="milliseconds"), "alarm": health.alarm()}
    return b": beat\nevent: beat\ndata: " + json.dumps(data).encode() + b"\n\n"


class Door:
    """Who comes is looked up together with all who wait: after a cut everybody comes back at once."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[bool | None]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live-door")  # with a database connection of its own

    async def knows(self, key: str) -> bool | None:
        """Whether it is the session of somebody who is signed in; None while the database does not answer."""
        loop = asyncio.get_running_loop()
        answer = self._waiting.setdefault(key, loop.create_future())
        if self._looking is None or self._looking.done():
            self._looking = loop.create_task(self._look(loop))
        return await asyncio.shield(answer)

    async def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, {}
            try:
                known = await loop.run_in_executor(self._thread, self._ask, set(waiting))
                answers: dict[str, bool | None] = {key: key in known for key in waiting}
            except Exception:  # whatever it is, those who wait must hear that there is no answer
                log.exception("who comes to the live pages cannot be looked up")
                answers = dict.fromkeys(waiting)
            for key, answer in waiting.items():
                answer.set_result(answers[key])

    @staticmethod
    def _ask(keys: set[str]) -> set[str]:
        close_old_connections()
        return signed_in(keys)


hub = Hub()
door = Door()


def _session_key(scope: Scope) -> str:
    """As Django reads it: a cookie that another program on this host has set, however odd, does not hide it. Empty for what
    cannot be a key: others are looked up in the same statement."""
    for name, value in scope["headers"]:
        if name == b"cookie" and (key := parse_cookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)):
            return key if key.isascii() and key.isalnum() else ""
    return ""


def signed_in(keys: Collection[str]) -> set[str]:
    """Those of them that are sessions of people who are signed in, as Django's own middleware would find. Two queries."""
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    claims = {row.session_key: row.get_decoded() for row in rows}
    people = {str(person.pk): person for person in User.objects.filter(pk__in=_ids(claims.values()))}
    return {key for key, claim in claims.items() if _proves(claim, people.get(claim.get(SESSION_KEY, "")))}


def _ids(claims: Iterable[Mapping[str, Any]]) -> list[int]:
    return [int(claim[SESSION_KEY]) for claim in claims if SESSION_KEY in claim]


def _proves(claim: Mapping[str, Any], person: User | None) -> bool:
    """Whether the session was opened with the password that the person has now, or with a key that is still accepted."""
    if person is None or not person.is_active or claim.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    hashes = (person.get_session_auth_hash(), *person.get_session_auth_fallback_hash())
    return any(constant_time_compare(claim.get(HASH_SESSION_KEY, ""), one) for one in hashes)


async def _refuse(send: Send, status: int, code: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if status == 503:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"code": code}).encode()})


def end_streams_on_signal() -> None:
    """An open board never ends by itself, and the server waits for it: end the streams with the signal that ends us.
    Called in the loop, once the server has set its own handlers; those still run."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if not callable(before):
            continue

        def ending(given: int, frame: Any, then: Callable[[int, Any], Any] = before) -> None:
            loop.call_soon_threadsafe(hub.end)
            then(given, frame)

        with suppress(ValueError):  # not in the main thread: whoever runs us there ends us in another way
            signal.signal(number, ending)
