"""The pictures of the README and the guides, made anew: a console with its demo past, a power cut in the middle of its story,
and the pages as their readers see them. `make screenshots` writes them into docs/images."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import chromium
from tests.browser.people import report, sign_in
from tests.browser.places import as_reader
from tests.ops.console import BASE, Console, console, python
from tests.stories.real import RealStack

IMAGES = BASE / "docs" / "images"
DESK, PHONE = (1440, 900), (360, 740)


@dataclass(frozen=True)
class Picture:
    """One page as somebody sees it. `address` may name {live}, the incident of the story, and {closed}, one of the past."""

    name: str
    who: str
    address: str
    size: tuple[int, int] = DESK
    language: str = "en"
    theme: str = "light"
    whole: bool = False


PICTURES = (
    Picture("agent-report", "agent01", "/report/"),
    Picture("agent-report-phone", "agent01", "/report/", PHONE),
    Picture("agent-report-zh", "agent02", "/report/", PHONE, "zh-hans", "dark"),
    Picture("board", "supervisor", "/board/"),
    Picture("board-dark", "leader", "/board/", theme="dark"),
    Picture("board-phone", "supervisor", "/board/", PHONE),
    Picture("room", "supervisor", "/incidents/{live}/"),
    Picture("room-zh", "supervisor", "/incidents/{live}/", language="zh-hans", theme="dark"),
    Picture("room-phone", "leader", "/incidents/{live}/", PHONE),
    Picture("inbox", "supervisor", "/inbox/"),
    Picture("overview", "manager", "/overview/"),
    Picture("summary", "manager", "/incidents/{closed}/summary/"),
    Picture("plan", "manager", "/plans/power-cut/"),
    Picture("plans", "manager", "/plans/"),
    Picture("system", "admin", "/system/"),
    Picture("mail", "admin", "/system/mail/"),
)


def main() -> None:
    if not chromium():
        sys.exit("No Chromium found: set CHROMIUM_PATH or install one.")
    IMAGES.mkdir(exist_ok=True)
    with told() as (running, stack), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        live, closed = newest(stack, "responding"), newest(stack, "closed")
        receipt(browser, running)
        for picture in PICTURES:
            take(browser, running, picture, live=live, closed=closed)
        browser.close()


@contextmanager
def told() -> Iterator[tuple[Console, RealStack]]:
    """A console in which the story is as far as it looks best, and two other reports wait."""
    with (
        tempfile.TemporaryDirectory(prefix="contactops-pictures-") as folder,
        console(Path(folder) / "data") as running,
    ):
        running.start()
        stack = RealStack(running)
        told = python(
            "manage.py", "demo_incident", "power-cut", "--until=100", directory=running.directory, timeout=300
        )
        assert not told.returncode, told.stderr
        stack.api("agent09").report("application-fault", summary="The order form hangs after “Save”", scope="team")
        stack.api("manager").report(
            "fire-alarm", summary="Fire alarm on floor 1", kind="drill", site="leeds", participants=["supervisor"]
        )
        yield running, stack


def newest(stack: RealStack, status: str) -> str:
    return str(stack.api("manager").get("incidents/", status=status)["results"][0]["ref"])


def open_page(browser: Browser, running: Console, who: str, size: tuple[int, int]) -> Page:
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{running.port}",
        viewport={"width": size[0], "height": size[1]},
        color_scheme="light",
        device_scale_factor=1 if size == DESK else 2,
    )
    page = context.new_page()
    page.goto("/accounts/login/")
    sign_in(page, who)
    return page


def receipt(browser: Browser, running: Console) -> None:
    """What an agent holds in hand after reporting."""
    page = open_page(browser, running, "agent01", PHONE)
    report(page, "seat-equipment-fault", "My headset is dead, I cannot take calls", scope="me")
    save(page, Picture("agent-receipt", "agent01", ""))


def take(browser: Browser, running: Console, picture: Picture, **refs: str) -> None:
    page = open_page(browser, running, picture.who, picture.size)
    if (picture.language, picture.theme) != ("en", "light"):
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        as_reader(page, picture.language, picture.theme)
        page.set_viewport_size({"width": picture.size[0], "height": picture.size[1]})
    page.goto(picture.address.format(**refs))
    save(page, picture)
    if picture.language != "en":
        as_reader(page, "en", "")  # the next picture may be of the same person


def save(page: Page, picture: Picture) -> None:
    page.locator('#live-badge[data-state="live"]').wait_for()
    page.mouse.move(0, 0)
    page.screenshot(path=IMAGES / f"{picture.name}.png", full_page=picture.whole)
    print(f"{picture.name}: {picture.who} {picture.address}", flush=True)


if __name__ == "__main__":
    main()
