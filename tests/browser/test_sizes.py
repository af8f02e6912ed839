"""What an agent's first page weighs, as a browser that has nothing yet loads it. Make bench prints the figures."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.stories.real import RealStack

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-sizes")]

PageOf = Callable[..., Page]


def first_load(page: Page, address: str) -> tuple[int, int]:
    """Bytes on the wire and requests, the stream and the first question about its currency among them."""
    page.goto("about:blank")
    seen: dict[str, int] = {}
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def sent(event: dict[str, Any]) -> None:
        if event["request"]["url"].startswith("http"):  # the icon stands in the page itself
            seen[event["requestId"]] = 0

    def finished(event: dict[str, Any]) -> None:
        if event["requestId"] in seen:
            seen[event["requestId"]] = event["encodedDataLength"]

    network.on("Network.requestWillBeSent", sent)
    network.on("Network.loadingFinished", finished)
    page.goto(address)
    page.locator('#live-badge[data-state="live"]').wait_for()
    page.wait_for_timeout(500)
    return sum(seen.values()), len(seen)


def test_the_agents_page(page_of: PageOf, stack: RealStack) -> None:
    ref = stack.api("agent01").report("power-cut")
    stack.api("supervisor").do(ref, "activate", plan="power-cut", level=3)
    stack.api("supervisor").do(ref, "updates", audience="agents", text="Move to rows 1 to 4")
    weight, requests = first_load(page_of("agent02"), "/report/")
    assert 10_000 < weight <= 75_000
    assert 1 < requests <= 8
