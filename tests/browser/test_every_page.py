"""Every page, in both languages and both appearances: no fault that axe finds, nothing wider than the screen, no complaint
of the browser's console (see page_of)."""

import re
from collections.abc import Callable, Sequence

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser import places
from tests.browser.places import Cases
from tests.stories.real import RealStack

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("browser-pages")]

PageOf = Callable[..., Page]
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # the rest costs half of the time
}
NARROW, WIDE = ViewportSize(width=360, height=740), ViewportSize(width=1440, height=900)
LOOKS = [(language, theme) for language in ("en", "zh-hans") for theme in ("light", "dark")]

# A group of radios is one stop. Returns how many stops there are.
NUMBER_CONTROLS = """() => {
  const groups = new Set();
  const isFirst = (e) => {
    if (e.type !== "radio") return true;
    const key = `${e.form?.action} ${e.name}`;
    return !groups.has(key) && groups.add(key);
  };
  const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary");
  const stops = [...all].filter((e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled && isFirst(e));
  stops.forEach((e, number) => { e.dataset.number = number; });
  return stops.length;
}"""
# The number of where the focus is, and whether that can be seen; null after the last one.
FOCUSED = """() => {
  const e = document.activeElement;
  if (e === document.body) return null;
  const looks = [e, e.nextElementSibling].filter(Boolean).map((one) => getComputedStyle(one));
  const isSeen = looks.some((s) => (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none");
  const first = e.type === "radio" ? e.form.querySelector(`[name="${e.name}"][data-number]`) : e;
  return {number: Number(first.dataset.number ?? -1), isSeen, html: e.outerHTML.slice(0, 120)};
}"""


@pytest.fixture(scope="module")
def cases(stack: RealStack) -> Cases:
    return places.make_cases(stack)


def faults(page: Page, where: str, sizes: Sequence[ViewportSize] = (WIDE, NARROW)) -> list[str]:
    """What is wrong with the page as it is now, with everything unfolded. It must fit into all sizes; axe looks at some."""
    found = []
    places.everything_unfolded(page)
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        name = re.sub(r"\W+", "-", where).strip("-")
        places.shots(page, f"{name}-{size['width']}")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > size["width"]:
            found.append(f"{where}: {width} px wide on a screen of {size['width']}")
        if size not in sizes:
            continue
        height = page.evaluate("document.documentElement.scrollHeight")  # so that nothing lies under the fixed rail
        page.set_viewport_size(ViewportSize(width=size["width"], height=height))
        for one in Axe().run(page, options=RULES).response["violations"]:
            nodes = "; ".join(f"{node['target'][0]} {node['failureSummary'][:200]}" for node in one["nodes"][:3])
            found.append(f"{where} at {size['width']}: {one['id']}: {nodes}")
    return found


@pytest.mark.parametrize(("language", "theme"), LOOKS)
@pytest.mark.parametrize("username", places.PAGES)
def test_every_page(page_of: PageOf, cases: Cases, username: str, language: str, theme: str) -> None:
    page = page_of(username)
    places.as_reader(page, language, theme)
    sizes = (WIDE, NARROW) if (language, theme) == LOOKS[0] else (WIDE,)  # the others differ in words and colours
    found = []
    for address in places.addresses(username, cases):
        page.set_viewport_size(WIDE)
        page.goto(address)
        found += faults(page, f"{username} {address} {language} {theme}", sizes)
    assert not found


@pytest.mark.parametrize(("language", "theme"), LOOKS)
class TestInError:
    def test_a_wrong_report(self, page_of: PageOf, language: str, theme: str) -> None:
        page = page_of("agent02")
        places.as_reader(page, language, theme)
        places.wrong_report(page)
        assert not faults(page, f"wrong report {language} {theme}")

    def test_a_refused_close(self, page_of: PageOf, cases: Cases, language: str, theme: str) -> None:
        page = page_of("supervisor")
        places.as_reader(page, language, theme)
        places.refused_close(page, cases)
        assert not faults(page, f"refused close {language} {theme}")

    def test_notes_and_menus(self, page_of: PageOf, language: str, theme: str) -> None:
        """Everything that opens over a page or is put above it."""
        page = page_of("supervisor")
        places.as_reader(page, language, theme)
        page.evaluate(
            "const words = document.getElementById('words').content;"
            "for (const one of words.querySelectorAll('[data-note]'))"
            " document.getElementById('notes').append(one.cloneNode(true))"
        )
        for menu in page.locator("details.menu").all():
            menu.evaluate("menu => { menu.open = true }")
        assert not faults(page, f"notes {language} {theme}")


def test_signing_in(new_page: PageOf) -> None:
    page = new_page()
    page.goto("/accounts/login/")
    assert not faults(page, "login")
    page.fill("[name=username]", "agent01")
    page.fill("[name=password]", "wrong")
    page.press("[name=password]", "Enter")
    expect(page.locator(".error, .errorlist, [role=alert]").first).to_be_visible()
    assert not faults(page, "login refused")


class TestKeyboard:
    """Tab reaches every control, in the order of the page, and it shows where it is."""

    @pytest.mark.parametrize(
        ("username", "address"),
        [
            ("agent01", "/report/"),
            ("supervisor", "/board/"),
            ("supervisor", "/incidents/{responding}/"),
            ("manager", "/overview/"),
        ],
    )
    def test_reaches_everything(self, page_of: PageOf, cases: Cases, username: str, address: str) -> None:
        page = page_of(username)
        page.goto(address.format(**cases.__dict__))
        wanted = page.evaluate(NUMBER_CONTROLS)
        seen: list[int] = []
        unseen_focus: list[str] = []
        for _ in range(wanted + 40):
            page.keyboard.press("Tab")
            where = page.evaluate(FOCUSED)
            if where is None:
                break
            if where["number"] in seen:
                continue
            seen.append(where["number"])
            if not where["isSeen"]:
                unseen_focus.append(where["html"])
        assert not set(range(wanted)) - set(seen)
        assert not unseen_focus

    def test_skips_to_the_page(self, page_of: PageOf) -> None:
        page = page_of("supervisor")
        page.goto("/board/")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
