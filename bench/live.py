"""Live pages: how soon a thousand streams hear, how soon they are back, and how soon a page shows what happened."""

import asyncio
import gzip
import json
import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg2
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Page, ViewportSize, sync_playwright

from bench.registry import Figure, benchmark, percentile, seconds
from bench.running import directory
from contactops.accounts.models import User
from tests.browser.conftest import chromium
from tests.browser.people import sign_in as sign_in_to
from tests.browser.test_sizes import first_load
from tests.ops.console import Console, console, eventually, python
from tests.ops.streams import Stream, streams
from tests.record import made
from tests.stories.real import RealStack

STREAMS = 1_000
HINTS = 20
REPORTS = 20
NOTIFY = "SELECT pg_notify('contactops_hints', %s)"


@benchmark
def streaming() -> Iterator[Figure]:
    """A thousand open pages on one web process."""
    with directory() as path, console(path / "data") as running:
        running.start()
        cookies = everybody(running)
        ours = asyncio.run(_ours(running, cookies))
        ending = asyncio.run(_end_with_streams(running, cookies))
    bare = asyncio.run(_bare())
    share = 100 * len(ours.delays) / (STREAMS * HINTS)
    yield Figure(f"{STREAMS} streams: hints delivered", share, "%", 100, more_is_better=True)
    yield Figure(
        f"{STREAMS} streams: commit to stream, p95",
        percentile(ours.delays, 95) * 1000,
        "ms",
        250,
        limit=percentile(bare.delays, 95) * 1000,
        limit_is="a bare loop that writes to as many sockets",
    )
    yield Figure(
        f"{STREAMS} reconnects at once",
        ours.back,
        "s",
        5,
        limit=bare.back,
        limit_is="the same from the bare loop",
    )
    yield Figure(f"shutdown with {STREAMS} streams open", ending, "s", 10)


SESSIONS = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from contactops.accounts.models import User
people, keys = list(User.objects.all()), []
for number in range({count}):
    person, session = people[number % len(people)], SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(person.pk), person.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "contactops.accounts.backends.PersonBackend"
    session.save()
    keys.append(session.session_key)
print(json.dumps(keys))
"""


def everybody(running: Console) -> list[str]:
    """The cookies of as many sessions as there are streams: each of them is looked up."""
    told = python("manage.py", "shell", "-v0", "-c", SESSIONS.format(count=STREAMS), directory=running.directory)
    return [f"sessionid={key}" for key in json.loads(told.stdout)]


class _Measured:
    def __init__(self) -> None:
        self.delays: list[float] = []
        self.back = 0.0


async def _ours(running: Console, cookies: list[str]) -> _Measured:
    url = (running.directory / "database-url").read_text().strip()
    connection = psycopg2.connect(url)
    connection.autocommit = True

    def say(text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(NOTIFY, [text])

    try:
        return await _measure(running.port, cookies, say)
    finally:
        connection.close()


async def _measure(port: int, cookies: list[str], say: Callable[[str], None]) -> _Measured:
    """Hints that are said, and when each stream heard them; then all streams opened anew at once."""
    found = _Measured()
    async with streams(port, *cookies, count=STREAMS) as opened:
        await _all(opened, "hello")
        for number in range(HINTS):
            said_at = time.perf_counter()
            await asyncio.to_thread(say, json.dumps({"topic": "incident", "ref": f"BENCH-{number}", "rev": 1}))
            heard = await _all(opened, "hint", ref=f"BENCH-{number}")
            found.delays += [at - said_at for at in heard]
            await asyncio.sleep(0.1)
    began = time.perf_counter()
    async with streams(port, *cookies, count=STREAMS) as opened:
        await _all(opened, "hello")
        found.back = time.perf_counter() - began
    return found


async def _all(opened: list[Stream], kind: str, **facts: Any) -> list[float]:
    """When each heard it; those that did not within ten seconds are left out."""
    heard = await asyncio.gather(*(one.hears(kind, **facts) for one in opened), return_exceptions=True)
    return [at for at in heard if isinstance(at, float)]


async def _end_with_streams(running: Console, cookies: list[str]) -> float:
    async with streams(running.port, *cookies, count=STREAMS) as opened:
        await _all(opened, "hello")
        return await asyncio.to_thread(running.end)


async def _bare() -> _Measured:
    """What this client and machine do with a server that does nothing else."""
    with _bare_server() as (port, say):
        return await _measure(port, [""], say)


@contextmanager
def _bare_server() -> Iterator[tuple[int, Callable[[str], None]]]:
    listening = socket.create_server(("127.0.0.1", 0), backlog=STREAMS)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listening, theirs), daemon=True)
    process.start()
    try:
        yield listening.getsockname()[1], ours.send
    finally:
        process.kill()
        process.join()
        listening.close()


def _serve(listening: socket.socket, told: "multiprocessing.connection.Connection") -> None:
    writers: list[asyncio.StreamWriter] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nevent: hello\ndata: {}\n\n")
        writers.append(writer)

    def speak() -> None:
        chunk = f"event: hint\ndata: {told.recv()}\n\n".encode()
        for writer in writers:
            if not writer.is_closing():
                writer.write(chunk)

    async def serve() -> None:
        server = await asyncio.start_server(greet, sock=listening)
        asyncio.get_running_loop().add_reader(told.fileno(), speak)
        await server.serve_forever()

    asyncio.run(serve())


WATCH = """() => {
  window.seen = {};
  new MutationObserver(() => {
    for (const one of document.querySelectorAll(".case-title")) window.seen[one.textContent.trim()] ??= Date.now();
  }).observe(document.getElementById("console"), { subtree: true, childList: true, characterData: true });
}"""
SEEN = "words => window.seen[words]"
AGAIN = """async () => {
  const began = performance.now();
  new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  return performance.now() - began;
}"""


@benchmark
def on_screen() -> Iterator[Figure]:
    """From the sending of a report to the row on another supervisor's open board, in Chromium."""
    path = chromium()
    if not path:
        print("on_screen: no Chromium found, not measured")
        return
    with directory() as data, console(data / "data") as running, sync_playwright() as playwright:
        running.start()
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        stack = RealStack(running)
        page = browser.new_page(
            base_url=f"http://127.0.0.1:{running.port}", viewport=ViewportSize(width=1440, height=900)
        )
        page.goto("/accounts/login/")
        sign_in_to(page, "supervisor")
        page.locator('#live-badge[data-state="live"]').wait_for()
        yield from _reports(page, stack)
        yield from _weights(page, running)
        browser.close()


def _reports(page: Page, stack: RealStack) -> Iterator[Figure]:
    agent = stack.api("agent01")
    page.evaluate(WATCH)
    delays = []
    for number in range(REPORTS):
        words, began = f"Probe {number:02}", time.time() * 1000  # as Date.now() of the browser on this machine
        agent.report("power-cut", summary=words)
        assert eventually(partial(page.evaluate, SEEN, words), 10), words
        delays.append(page.evaluate(SEEN, words) - began)
        page.wait_for_timeout(600)  # so that the next does not wait for the rest between two refreshes
    again = percentile([page.evaluate(AGAIN) for _ in range(REPORTS)], 95)
    yield Figure(
        "report sent to row on open board, p95",
        percentile(delays, 95),
        "ms",
        1000,
        limit=again,
        limit_is="fetching and parsing that board",
    )


def _weights(page: Page, running: Console) -> Iterator[Figure]:
    """The agent's page as a browser that has nothing yet loads it."""
    assert page.context.browser
    fresh = page.context.browser.new_page(base_url=f"http://127.0.0.1:{running.port}")
    fresh.goto("/accounts/login/")
    sign_in_to(fresh, "agent02")
    weight, requests = first_load(fresh, "/report/")
    yield Figure("agent's page: first load", weight / 1000, "KB", 75)
    yield Figure("agent's page: requests", requests, "", 8)


@benchmark
def full_board() -> Iterator[Figure]:
    """A board with 500 live incidents, of which it shows the first fifty."""
    made.forget_incidents()
    made.activated(500, User.objects.get(username="agent01"))
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(User.objects.get(username="supervisor"))
    browser.get("/board/")
    with CaptureQueriesContext(database) as queries:
        answer = browser.get("/board/")
    asked = len(queries)
    assert answer.status_code == 200
    took = seconds(lambda: browser.get("/board/"))
    yield Figure("board with 500 live: queries", asked, "", 12)
    yield Figure("board with 500 live: compressed", len(gzip.compress(answer.content, 6)) / 1000, "KB", 100)
    yield Figure("board with 500 live: made in", took * 1000, "ms", 300)
    made.forget_incidents()
