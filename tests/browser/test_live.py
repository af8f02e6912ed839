"""Open pages stay current, say so honestly, and take nothing away from whoever is working in them."""

import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Room, choose, report, settled, unfold
from tests.ops.console import Console, eventually
from tests.stories.real import RealStack

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("browser-live")]

PageOf = Callable[..., Page]
SEEN = 30_000  # within so many milliseconds a page must say that it is not current


@pytest.fixture
def responding(stack: RealStack) -> str:
    """A power cut to which the plan is running at level 3."""
    ref: str = stack.api("agent01").report("power-cut", summary="Row 3 is dark")
    stack.api("supervisor").do(ref, "activate", plan="power-cut", level=3)
    return ref


def state(page: Page) -> Any:
    return expect(page.locator("#live-badge"))


def is_live(page: Page) -> None:
    state(page).to_have_attribute("data-state", "live")


def streams(running: Console) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/metrics", timeout=5) as answer:
        found = re.search(r"^contactops_live_streams (\d+)", answer.read().decode(), re.MULTILINE)
    assert found
    return int(found[1])


def test_a_report_appears_on_an_open_board(page_of: PageOf, stack: RealStack) -> None:
    board = page_of("supervisor")
    is_live(board)
    stack.api("agent02").report("application-fault", summary="The order form hangs")
    expect(board.locator(".case", has_text="The order form hangs")).to_be_visible()
    expect(board.locator(".case", has_text="The order form hangs").locator(".left")).to_contain_text("left")


def test_a_room_follows_what_others_do(page_of: PageOf, stack: RealStack, responding: str) -> None:
    room = Room(page_of("supervisor"), responding)
    is_live(room.page)
    stack.api("supervisor").do(responding, "updates", audience="agents", text="Row 4 is dark too")
    expect(room.page.locator("#timeline")).to_contain_text("Row 4 is dark too")


def test_agents_hear_what_concerns_them(page_of: PageOf, stack: RealStack, responding: str) -> None:
    agent = page_of("agent03")
    is_live(agent)
    stack.api("supervisor").do(responding, "updates", audience="agents", text="Stay away from row 3")
    expect(agent.locator(".notice", has_text="Stay away from row 3")).to_be_visible(timeout=10_000)


class TestTheBadge:
    @pytest.fixture
    def without_streams(self, page_of: PageOf, stack: RealStack) -> Page:
        """A board whose stream has been cut off and does not come back."""
        page = page_of("supervisor")
        is_live(page)
        page.route("**/live", lambda route: route.abort())
        stack.cut_streams()
        return page

    def test_says_delayed_and_the_page_goes_on(self, without_streams: Page, stack: RealStack) -> None:
        page = without_streams
        state(page).to_have_attribute("data-state", "delayed", timeout=SEEN)
        expect(page.locator("#live-said")).to_contain_text("Delayed")
        stack.api("agent04").report("power-cut", summary="Found by asking")
        expect(page.locator(".case", has_text="Found by asking")).to_be_visible(timeout=15_000)
        page.unroute("**/live")
        state(page).to_have_attribute("data-state", "live", timeout=SEEN)

    def test_says_offline_and_comes_back(self, without_streams: Page, stack: RealStack) -> None:
        page = without_streams
        page.route("**/pulse/", lambda route: route.abort())
        state(page).to_have_attribute("data-state", "offline", timeout=SEEN)
        before = page.locator("#live-badge time").inner_text()
        stack.api("agent05").report("power-cut", summary="While it was offline")
        expect(page.locator("#live-badge time")).to_have_text(before)  # as of when it was last known to be so
        page.unroute_all()
        state(page).to_have_attribute("data-state", "live", timeout=SEEN)
        expect(page.locator(".case", has_text="While it was offline")).to_be_visible()

    def test_without_scripts_says_when_the_page_was_made(self, page_of: PageOf) -> None:
        page = page_of("supervisor", java_script_enabled=False)
        expect(page.locator("#live-badge")).to_contain_text(re.compile(r"As of \d\d:\d\d:\d\d"))


def test_all_tabs_of_a_browser_share_one_stream(page_of: PageOf, running: Console, stack: RealStack) -> None:
    first = page_of("supervisor")
    is_live(first)
    before = streams(running)
    tabs = [first.context.new_page() for _ in range(7)]  # one stream each would leave no connection for a page
    for tab in tabs:
        tab.goto("/board/")
        is_live(tab)
    assert streams(running) == before
    first.close()  # it held the stream
    stack.api("agent06").report("power-cut", summary="After the first tab was closed")
    for tab in tabs[:2]:
        expect(tab.locator(".case", has_text="After the first tab was closed")).to_be_visible(timeout=15_000)
    assert eventually(lambda: streams(running) == before, 10)


def test_the_clock_of_the_computer_does_not_matter(page_of: PageOf, stack: RealStack, responding: str) -> None:
    page = page_of("supervisor")
    page.add_init_script("const now = Date.now.bind(Date); Date.now = () => now() + 5 * 3600 * 1000")
    page.goto(f"/incidents/{responding}/")
    is_live(page)
    expect(page.locator("#next .left").first).to_contain_text(re.compile(r"^[01]:\d\d left$"))


class TestOneFailure:
    """A page or a question that is lost once must not leave a page stale under a badge that says Live."""

    def test_a_refresh_that_fails_is_tried_again(self, page_of: PageOf, stack: RealStack, responding: str) -> None:
        room = Room(page_of("supervisor"), responding)
        is_live(room.page)
        room.page.route(f"**/incidents/{responding}/", lambda route: route.abort())
        stack.api("supervisor").do(responding, "notes", text="Said while the page could not be fetched")
        state(room.page).to_have_attribute("data-state", "delayed")
        room.page.unroute_all()
        expect(room.page.locator("#timeline")).to_contain_text("Said while the page could not be fetched")
        is_live(room.page)

    def test_a_question_that_fails_is_asked_again(self, page_of: PageOf, stack: RealStack, responding: str) -> None:
        room = Room(page_of("supervisor"), responding)
        is_live(room.page)
        room.page.route("**/live", lambda route: route.abort())
        room.page.route("**/pulse/", lambda route: route.abort())
        stack.cut_streams()
        stack.api("supervisor").do(responding, "notes", text="Said while nothing was heard")
        room.page.unroute("**/live")
        room.page.wait_for_timeout(6_000)  # the stream is back, the question is lost
        room.page.unroute_all()
        expect(room.page.locator("#timeline")).to_contain_text("Said while nothing was heard", timeout=20_000)

    def test_a_late_refresh_does_not_undo_what_was_chosen_meanwhile(self, page_of: PageOf, stack: RealStack) -> None:
        ref = stack.api("agent01").report("power-cut", summary="To be filtered away")
        page = page_of("supervisor")
        is_live(page)
        late: list[Any] = []
        page.route(re.compile("/board/"), lambda route: route.continue_() if late else late.append(route))  # for long
        stack.api("agent02").report("power-cut", summary="A hint")
        page.wait_for_timeout(1_500)
        assert late
        page.locator("select[name=kind]").select_option("drill")
        expect(page.locator(f"#case-{ref}")).to_have_count(0)
        late[0].continue_()
        page.wait_for_timeout(2_500)
        expect(page.locator(f"#case-{ref}")).to_have_count(0)


def test_a_receipt_follows_its_report(page_of: PageOf, stack: RealStack) -> None:
    agent = page_of("agent05")
    ref = report(agent, "power-cut", "My row is dark")
    is_live(agent)
    stack.api("supervisor").do(ref, "acknowledge")
    expect(agent.locator("main")).to_contain_text("Somebody has taken it up", timeout=10_000)


def test_back_to_a_place_on_the_page_takes_nothing_away(page_of: PageOf, responding: str) -> None:
    room = Room(page_of("supervisor"), responding)
    room.done("power-cut.note-losses")
    room.page.locator("#next a").first.click()
    words = room.page.locator("#timeline [name=text]")
    words.fill("Half a sentence")
    room.page.go_back()
    expect(words).to_have_value("Half a sentence")
    is_live(room.page)


def test_back_to_another_page_brings_a_page_that_works(page_of: PageOf) -> None:
    agent = page_of("agent06")
    report(agent, "power-cut", "Seen twice")
    agent.go_back()
    expect(agent.locator("form#report")).to_be_visible()
    is_live(agent)
    expect(agent.locator("form#report")).to_have_attribute("hx-boost", "true")


def test_nothing_moves_under_the_pointer_until_it_leaves(page_of: PageOf, stack: RealStack) -> None:
    first = stack.api("agent01").report("power-cut", summary="Stays in its place")
    board = page_of("supervisor")
    is_live(board)
    row = board.locator(f"#case-{first}")
    row.hover()
    before = row.evaluate("row => row.getBoundingClientRect().top")
    others = stack.api("agent02").report("power-cut", summary="Comes while the pointer is there")
    expect(board.locator(f"#case-{others}")).to_be_visible()
    assert row.evaluate("row => row.getBoundingClientRect().top") == before
    board.mouse.move(5, 5)
    expect(board.locator("[data-held]")).to_have_count(0)


def test_a_site_chosen_in_another_tab_changes_nothing_here(page_of: PageOf, stack: RealStack) -> None:
    ref = stack.api("agent01").report("power-cut", summary="In Leeds")
    board = page_of("manager")
    board.goto("/board/")
    is_live(board)
    other = board.context.new_page()
    other.goto("/board/")
    other.locator(".site-menu summary").click()
    other.locator('.site-menu button[name="site"]:not([value="leeds"]):not([value=""])').first.click()
    expect(other.locator(f"#case-{ref}")).to_have_count(0)
    late = stack.api("agent02").report("power-cut", summary="In Leeds too")
    expect(board.locator(f"#case-{late}")).to_be_visible()
    expect(board.locator(f"#case-{ref}")).to_be_visible()


class TestWhoIsWorking:
    """What is typed, chosen, folded or focused stays, whatever becomes of the page around it."""

    def test_typed_words_stay_while_the_page_changes(self, page_of: PageOf, stack: RealStack, responding: str) -> None:
        room = Room(page_of("supervisor"), responding)
        is_live(room.page)
        words = room.page.locator("#updates [name=text]")
        words.fill("Half a sent")
        choose(room.page.locator("#updates"), "audience", "leaders")
        stack.api("supervisor").do(responding, "notes", text="Something else")
        expect(room.page.locator("#timeline")).to_contain_text("Something else")
        expect(words).to_have_value("Half a sent")
        expect(room.page.locator('#updates [name=audience][value="leaders"]')).to_be_checked()

    def test_what_has_gone_is_kept_and_marked(self, page_of: PageOf, stack: RealStack, responding: str) -> None:
        room = Room(page_of("supervisor"), responding)
        is_live(room.page)
        step = room.step("power-cut.powered-seats")
        note = step.locator("[name=note]")
        unfold(note)
        note.fill("L01 to L16")
        stack.api("leader").do(responding, "steps/power-cut.powered-seats/complete")
        expect(step.locator(".gone-note")).to_be_visible()
        expect(note).to_have_value("L01 to L16")

    def test_an_answer_leaves_other_forms_alone(self, page_of: PageOf, responding: str) -> None:
        room = Room(page_of("supervisor"), responding)
        room.page.locator("#updates [name=text]").fill("Not sent yet")
        room.done("power-cut.note-losses")
        expect(room.page.locator("#updates [name=text]")).to_have_value("Not sent yet")
        expect(room.page.locator(".messages")).to_contain_text("Done: ")

    def test_a_form_that_was_sent_is_empty_again(self, page_of: PageOf, responding: str) -> None:
        room = Room(page_of("supervisor"), responding)
        room.do("notes", text="Once is enough")
        expect(room.page.locator("#timeline [name=text]")).to_have_value("")
        expect(room.page.locator("#timeline .line", has_text="Once is enough")).to_have_count(1)

    def test_what_was_unfolded_stays_so(self, page_of: PageOf, stack: RealStack, responding: str) -> None:
        room = Room(page_of("supervisor"), responding)
        is_live(room.page)
        room.page.locator("#level summary").first.click()
        stack.api("supervisor").do(responding, "notes", text="Look again")
        expect(room.page.locator("#timeline")).to_contain_text("Look again")
        expect(room.page.locator("#level details").first).to_have_attribute("open", "")


def test_a_form_answers_to_what_its_writer_saw(page_of: PageOf, stack: RealStack, responding: str) -> None:
    """The level changes while somebody is choosing another: they are told, and not taken to have known."""
    room = Room(page_of("supervisor"), responding)
    is_live(room.page)
    form = room.page.locator(f'form[action="/incidents/{responding}/level/"]')
    unfold(form)
    choose(form, "level", "2")
    form.locator("[name=reason]").fill("It spreads")
    stack.api("manager").do(responding, "level", level=4, reason="Only a few seats")
    expect(room.page.locator("#timeline")).to_contain_text("Only a few seats")
    form.locator("button").click()
    settled(room.page)
    expect(room.page.locator(".problems")).to_be_visible()
    expect(form.locator("[name=reason]")).to_have_value("It spreads")
    assert stack.api("supervisor").see(responding)["level"] == 4

    form.locator("button").click()  # now they know
    settled(room.page)
    assert stack.api("supervisor").see(responding)["level"] == 2
