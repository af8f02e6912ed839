"""A running console and a real browser. Without a Chromium the browser tests are skipped with the reason; in CI they fail."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.browser.people import sign_in
from tests.ops.console import Console

PLACES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROVOKED = re.compile(
    r"status of (400|401|403|404|409|413)|net::ERR_|htmx:sendError|htmx:afterRequest"
)  # refusals and outages that the tests provoke


def chromium() -> str:
    """CHROMIUM_PATH, then the usual places; empty when there is none."""
    named = os.environ.get("CHROMIUM_PATH", "")
    if named:
        return named if Path(named).exists() else ""
    return next((found for name in PLACES if (found := shutil.which(name))), "")


@pytest.fixture(scope="module")  # while it is open an event loop runs in this thread, which is nobody else's business
def browser() -> Iterator[Browser]:
    path = chromium()
    if not path:
        reason = "no Chromium found: set CHROMIUM_PATH or install one"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def complaint(said: ConsoleMessage) -> str:
    """What it says; nothing for a refusal or an outage that a test provokes. A missing file of ours is never provoked."""
    is_missing = said.text.startswith("Failed to load") and "/static/" in said.location["url"]
    return "" if PROVOKED.search(said.text) and not is_missing else said.text


@pytest.fixture
def new_page(browser: Browser, running: Console) -> Iterator[Callable[..., Page]]:
    """A page in a browser profile of its own. What the browser's console complains of fails the test: faults of our scripts,
    and whatever the content policy forbids."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def opened(**options: Any) -> Page:
        context = browser.new_context(base_url=f"http://127.0.0.1:{running.port}", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("dialog", lambda dialog: dialog.accept())  # leave, although something is typed
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(complaint(said)) if said.type in ("error", "warning") else None
        )
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not list(filter(None, complaints))


@pytest.fixture
def page_of(new_page: Callable[..., Page]) -> Callable[..., Page]:
    """A page on which somebody of the demo has signed in."""

    def signed_in(username: str, **options: Any) -> Page:
        page = new_page(**options)
        page.goto("/accounts/login/")
        sign_in(page, username)
        return page

    return signed_in
