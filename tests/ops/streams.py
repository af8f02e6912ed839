"""A browser's side of /live, without a browser: sign in, open streams, note what comes and when."""

import asyncio
import contextlib
import http.cookiejar
import itertools
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from typing import Any, Self


def sign_in(port: int, username: str) -> str:
    """The cookies of somebody of the demo who has signed in, as a request sends them."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    address = f"http://127.0.0.1:{port}/accounts/login/"
    page = opener.open(address, timeout=30).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"username": username, "password": f"demo-{username}", "csrfmiddlewaretoken": token[1], "next": "/banner/"}
    opener.open(address, urllib.parse.urlencode(form).encode(), timeout=30).close()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


class Stream:
    """One open stream. `status`: of its answer, 0 before; `heard`: (when, kind, data), in order of arrival."""

    def __init__(self, port: int, cookies: str = "", method: str = "GET") -> None:
        self.status = 0
        self.heard: list[tuple[float, str, Any]] = []
        self.ended = False
        self._port, self._cookies, self._method = port, cookies, method
        self._news = asyncio.Event()

    async def open(self) -> Self:
        """Returns when the answer has begun; what follows is read in the background."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        head = f"{self._method} /live HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nCookie: {self._cookies}\r\n\r\n"
        self._writer.write(head.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        self.status = int(answer.split()[1])
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def hears(self, kind: str, seconds: float = 10, **facts: Any) -> float:
        """When an event of this kind with these facts came; waits for it."""
        async with asyncio.timeout(seconds):
            while True:
                for when, what, data in self.heard:
                    if what == kind and facts.items() <= data.items():
                        return when
                self._news.clear()
                await self._news.wait()

    async def ends(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await self._reading

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        kind = ""
        try:
            while (line := await self._reader.readline()) not in (b"", b"0\r\n"):  # the last chunk is the empty one
                if line.startswith(b"event: "):
                    kind = line[7:].decode().strip()
                elif line.startswith(b"data: "):
                    self.heard.append((time.perf_counter(), kind, json.loads(line[6:])))
                    self._news.set()
        except ConnectionError:
            pass
        self.ended = True


@contextlib.asynccontextmanager
async def streams(port: int, *cookies: str, count: int = 1, method: str = "GET") -> AsyncIterator[list[Stream]]:
    """So many, opened at once, by those whose cookies these are in turn."""
    opened = [Stream(port, whose, method) for whose, _ in zip(itertools.cycle(cookies), range(count), strict=False)]
    try:
        await asyncio.gather(*(stream.open() for stream in opened))
        yield opened
    finally:
        await asyncio.gather(*(stream.close() for stream in opened))
