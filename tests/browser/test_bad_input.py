"""What happens to somebody's words when the world has moved on: a clear answer in place, and the words are still there."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.people import Room, choose, report, settled, sign_in, unfold
from tests.ops.console import Console
from tests.stories.real import RealStack

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("browser-bad")]

PageOf = Callable[..., Page]
WORDS = "Rows 5 to 8 are dark,\nthe UPS holds."


@pytest.fixture
def case(stack: RealStack) -> str:
    ref: str = stack.api("agent01").report("power-cut", summary="Half the floor is dark")
    return ref


def note_form(room: Room) -> Locator:
    form = room.page.locator(f'form[action="/incidents/{room.ref}/notes/"]')
    unfold(form)
    return form


def write_note(room: Room, text: str = WORDS) -> Locator:
    form = note_form(room)
    form.locator("[name=text]").fill(text)
    form.locator("button").last.click()
    return form


def notes_of(stack: RealStack, ref: str) -> list[str]:
    return [line["text"] for line in stack.api("supervisor").see(ref, "timeline/") if line["kind"] == "note"]


class TestLeftOpenOvernight:
    """The session has ended while a page stood open."""

    def test_words_stay_and_are_sent_after_signing_in_elsewhere(
        self, page_of: PageOf, stack: RealStack, case: str
    ) -> None:
        room = Room(page_of("supervisor"), case)
        stack.query("DELETE FROM django_session")
        form = write_note(room)
        expect(room.page.locator('[data-note="signed-out"]')).to_be_visible()
        expect(form.locator("[name=text]")).to_have_value(WORDS)

        with room.page.context.expect_page() as opened:
            room.page.locator('[data-note="signed-out"] a').click()
        sign_in(opened.value, "supervisor")
        form.locator("button").last.click()
        settled(room.page)
        expect(room.page.locator("#timeline .line", has_text="the UPS holds")).to_have_count(1)
        expect(form.locator("[name=text]")).to_have_value("")

    def test_the_banner_says_it_before_anything_is_sent(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        room = Room(page_of("supervisor"), case)
        note_form(room).locator("[name=text]").fill(WORDS)
        stack.query("DELETE FROM django_session")
        stack.cut_streams()
        expect(room.page.locator('#banner[data-alarm="signed-out"]')).to_be_visible(timeout=30_000)
        expect(note_form(room).locator("[name=text]")).to_have_value(WORDS)

    def test_without_scripts_the_answer_shows_the_words(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        room = Room(page_of("supervisor", java_script_enabled=False), case)
        stack.query("DELETE FROM django_session")
        room.page.locator("#timeline [name=text]").fill(WORDS)
        room.page.locator("#timeline form button").last.click()
        expect(room.page.locator("blockquote")).to_contain_text("the UPS holds")
        room.page.locator("a.button.main").click()
        sign_in(room.page, "supervisor")
        expect(room.page).to_have_url(re.compile(f"/incidents/{case}/$"))

    def test_a_report_is_not_lost(self, page_of: PageOf, stack: RealStack) -> None:
        agent = page_of("agent02")
        agent.goto("/report/")
        choose(agent, "incident_type", "power-cut")
        choose(agent, "scope", "team")
        agent.fill("[name=summary]", "My row has no power")
        stack.query("DELETE FROM django_session")
        agent.locator("form#report button.main").click()
        expect(agent.locator('[data-note="signed-out"]')).to_be_visible()
        expect(agent.locator("[name=summary]")).to_have_value("My row has no power")
        with agent.context.expect_page() as opened:
            agent.locator('[data-note="signed-out"] a').click()
        sign_in(opened.value, "agent02")
        agent.locator("form#report button.main").click()
        agent.wait_for_url(re.compile(r"/report/[0-9a-f-]{36}/"))


def test_me_too_asks_for_nothing_more(page_of: PageOf, stack: RealStack, case: str) -> None:
    agent = page_of("agent07")
    agent.goto("/report/")
    agent.locator(f'button[name="join"][value="{case}"]').click()
    agent.wait_for_url(re.compile(r"/report/[0-9a-f-]{36}/"))
    expect(agent.locator("main h1")).to_contain_text(case)


def test_a_double_click_does_not_reach_the_next_step(page_of: PageOf, stack: RealStack, case: str) -> None:
    stack.api("supervisor").do(case, "activate", plan="power-cut", level=3)
    call = {"person": "Tom", "answered": True}
    stack.api("supervisor").do(case, "steps/power-cut.phone-maintenance/complete", call=call)
    room = Room(page_of("supervisor"), case)
    done = room.page.locator("#next form button")
    box = done.bounding_box()
    assert box
    for _ in range(4):
        room.page.mouse.click(box["x"] + 10, box["y"] + 10)
        room.page.wait_for_timeout(150)
    settled(room.page)
    finished = [step for step in stack.api("supervisor").see(case)["steps"] if step["status"] == "done"]
    assert len(finished) <= 3  # triage by the activation, the call, and one by all the clicks
    expect(room.page.locator(".messages li").first).to_contain_text("Done: ")


def test_leaving_with_something_unsent_asks_first(page_of: PageOf, case: str) -> None:
    asked: list[str] = []
    room = Room(page_of("supervisor"), case)
    room.page.on("dialog", lambda dialog: asked.append(dialog.type))
    room.page.locator(".rail a").first.click()
    assert not asked
    room = Room(room.page, case)
    form = note_form(room)
    form.locator("[name=text]").click()
    room.page.keyboard.type("Half a")
    room.page.locator(".rail a").first.click()
    room.page.wait_for_url(re.compile("/board/"))
    assert asked == ["beforeunload"]


class TestMovedOn:
    """Somebody else was faster."""

    def test_closed_meanwhile(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        room = Room(page_of("supervisor"), case)
        room.page.route("**/live", lambda route: route.abort())  # nothing tells this page
        room.page.reload()
        form = room.page.locator(f'form[action="/incidents/{case}/assess/"]')
        unfold(form)
        choose(form, "verdict", "real")
        form.locator("[name=note]").fill(WORDS)
        stack.api("supervisor").do(case, "assess", verdict="false")
        stack.api("supervisor").do(case, "close", outcome="false-alarm", cause="A test of the UPS")
        form.locator("button.main, button").last.click()
        settled(room.page)
        problems = room.page.locator(".problems")
        expect(problems).to_contain_text("closed")
        expect(problems.locator("blockquote")).to_contain_text("the UPS holds")  # the form has gone with the phase

    def test_merged_meanwhile(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        """The page's incident is now another: what was typed stays until its writer follows."""
        other = stack.api("agent03").report("power-cut", summary="All of floor 2")
        room = Room(page_of("supervisor"), case)
        form = note_form(room)
        form.locator("[name=text]").fill(WORDS)
        stack.api("supervisor").do(case, "merge", into=other, reason="The same cut")
        expect(room.page.locator('[data-note="moved"]')).to_be_visible()
        expect(form.locator("[name=text]")).to_have_value(WORDS)
        form.locator("button").last.click()
        settled(room.page)
        expect(room.page.locator("main")).to_contain_text("the UPS holds")

    def test_merged_while_nobody_typed_leads_on(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        other = stack.api("agent03").report("power-cut", summary="All of floor 3")
        room = Room(page_of("supervisor"), case)
        expect(room.page.locator("#live-badge")).to_have_attribute("data-state", "live")
        stack.api("supervisor").do(case, "merge", into=other, reason="The same cut")
        expect(room.page).to_have_url(re.compile(other))

    def test_done_by_somebody_else(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        """Two supervisors take the same step: the second is told, and no second entry is made."""
        supervisor = stack.api("supervisor")
        supervisor.do(case, "activate", plan="power-cut", level=3)
        room = Room(page_of("leader"), case)
        room.page.route("**/live", lambda route: route.abort())
        room.page.reload()
        step = room.step("power-cut.powered-seats")
        expect(step.locator(".step-done button")).to_be_visible()
        supervisor.do(case, "steps/power-cut.powered-seats/complete", note="L01 to L16")
        step.locator(".step-done button").click()
        settled(room.page)
        expect(step.locator(".step-done")).to_have_count(0)
        lines = [line for line in supervisor.see(case, "timeline/") if line["kind"] == "step_completed"]
        assert len(lines) == 1


class TestLostPermission:
    def test_in_a_room(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        room = Room(page_of("supervisor"), case)
        form = note_form(room)
        form.locator("[name=text]").fill(WORDS)
        stack.query("UPDATE accounts_user SET role = 'auditor' WHERE username = 'supervisor'")
        try:
            form.locator("button").last.click()
            expect(room.page.locator('[data-note="refused"]')).to_be_visible()
            expect(form.locator("[name=text]")).to_have_value(WORDS)
        finally:
            stack.query("UPDATE accounts_user SET role = 'supervisor' WHERE username = 'supervisor'")
        assert not notes_of(stack, case)

    def test_and_an_open_page_says_that_it_is_not_kept_current(
        self, page_of: PageOf, stack: RealStack, case: str
    ) -> None:
        room = Room(page_of("supervisor"), case)
        expect(room.page.locator("#live-badge")).to_have_attribute("data-state", "live")
        stack.query("UPDATE incidents_incident SET restricted = true WHERE ref = %s", case)
        stack.api("agent02").report("power-cut", summary="Something else")
        stack.cut_streams()  # when it is back, the page asks for what it may have missed
        expect(room.page.locator('[data-note="closed-to-you"]')).to_be_visible()
        expect(room.page.locator("main h1")).to_be_visible()


class TestTooMuch:
    def test_a_million_characters(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        """Pasted into a note that takes ten thousand: refused beside the field, and all of it is still there."""
        room = Room(page_of("supervisor"), case)
        form = note_form(room)
        words = form.locator("[name=text]")
        words.evaluate("field => { field.removeAttribute('maxlength'); field.value = 'x'.repeat(1_000_000) }")
        form.locator("button").last.click()
        settled(room.page)
        expect(room.page.locator(".problems")).to_be_visible()
        assert words.evaluate("field => field.value.length") == 1_000_000
        assert not notes_of(stack, case)

    def test_more_than_is_taken_at_all(self, page_of: PageOf, stack: RealStack, case: str) -> None:
        room = Room(page_of("supervisor"), case)
        form = note_form(room)
        words = form.locator("[name=text]")
        words.evaluate("field => { field.removeAttribute('maxlength'); field.value = 'x'.repeat(11_000_000) }")
        form.evaluate("form => form.requestSubmit()")
        expect(room.page.locator('[data-note="refused"]')).to_be_visible(timeout=60_000)
        assert words.evaluate("field => field.value.length") == 11_000_000

    def test_a_title_of_200_characters_without_a_space(self, page_of: PageOf, stack: RealStack) -> None:
        case = stack.api("agent06").report("power-cut", summary="A" * 200)
        room = Room(page_of("supervisor", viewport={"width": 360, "height": 740}), case)
        expect(room.page.locator("main h1")).to_contain_text("A" * 200)
        for address in (f"/incidents/{case}/", "/board/", f"/incidents/{case}/summary/", "/incidents/"):
            room.page.goto(address)
            assert room.page.evaluate("document.documentElement.scrollWidth") <= 360


class TestWrong:
    def test_what_is_wrong_stands_there_until_it_is_sent_again(
        self, page_of: PageOf, stack: RealStack, case: str
    ) -> None:
        room = Room(page_of("supervisor"), case)
        form = write_note(room, "x" * 10_001)
        settled(room.page)
        expect(form.locator(".error")).to_be_visible()
        stack.api("leader").do(case, "notes", text="Something else")
        expect(room.page.locator("#timeline")).to_contain_text("Something else")
        expect(form.locator(".error")).to_be_visible()
        expect(form.locator("[name=text]")).to_have_value("x" * 10_001)
        form.locator("[name=text]").fill("Shorter")
        form.locator("button").last.click()
        settled(room.page)
        expect(form.locator(".error")).to_have_count(0)
        assert "Note: Shorter" in notes_of(stack, case)

    def test_a_key_that_was_used_can_be_left_behind(self, page_of: PageOf) -> None:
        """The form comes back with another key: sent again it is another report."""
        agent = page_of("agent03")
        report(agent, "power-cut", "The first")
        agent.goto("/report/")
        choose(agent, "incident_type", "power-cut")
        choose(agent, "scope", "me")
        agent.fill("[name=summary]", "Another")
        used = agent.locator("[name=client_key]")
        key = used.input_value()
        token = agent.locator("form#report [name=csrfmiddlewaretoken]").input_value()
        other = {"client_key": key, "incident_type": "power-cut", "scope": "team", "summary": "Sent from another tab"}
        agent.request.post("/report/", form={**other, "csrfmiddlewaretoken": token}, headers={"Referer": agent.url})
        agent.locator("form#report button.main").click()
        settled(agent)
        expect(agent.locator(".problems")).to_be_visible()
        assert used.input_value() != key
        agent.locator("form#report button.main").click()
        agent.wait_for_url(re.compile(r"/report/[0-9a-f-]{36}/"))

    def test_a_mistyped_report_loses_nothing(self, page_of: PageOf) -> None:
        agent = page_of("agent01")
        agent.goto("/report/")
        agent.fill("[name=summary]", "x" * 150)
        choose(agent, "scope", "me")
        agent.locator("form#report").evaluate("form => { form.noValidate = true }")
        agent.locator("form#report button.main").click()
        expect(agent.locator(".problems")).to_be_focused()
        expect(agent.locator(".error").first).to_be_visible()
        expect(agent.locator("[name=summary]")).to_have_value("x" * 150)
        expect(agent.locator('[name=scope][value="me"]')).to_be_checked()

    def test_a_clock_that_is_hours_off(self, page_of: PageOf, stack: RealStack) -> None:
        """The time of a report is the centre's, whatever this computer thinks: nothing is stamped by the browser."""
        agent = page_of("agent04")
        agent.add_init_script("const now = Date.now.bind(Date); Date.now = () => now() - 7 * 3600 * 1000")
        ref = report(agent, "power-cut", "Dark again")
        clocks = stack.api("supervisor").see(ref)["clocks"]
        assert datetime.now(UTC) - datetime.fromisoformat(clocks["reported"]) < timedelta(minutes=1)
        supervisor = page_of("supervisor")
        supervisor.add_init_script("const now = Date.now.bind(Date); Date.now = () => now() + 9 * 3600 * 1000")
        supervisor.goto("/board/")
        expect(supervisor.locator("#live-badge")).to_have_attribute("data-state", "live")
        row = supervisor.locator(".case", has_text="Dark again")
        expect(row.locator("time.left").first).to_have_text(re.compile(r"^[0-5]:\d\d left$"))


class TestNoAnswer:
    """The server is gone while somebody sends."""

    def test_words_stay_and_the_second_try_is_taken_once(
        self, page_of: PageOf, running: Console, stack: RealStack, case: str
    ) -> None:
        room = Room(page_of("supervisor"), case)
        agent = page_of("agent05")
        agent.goto("/report/")
        choose(agent, "incident_type", "power-cut")
        choose(agent, "scope", "team")
        agent.fill("[name=summary]", "Sent into nothing")
        running.kill()
        form = write_note(room)
        agent.locator("form#report button.main").click()
        expect(room.page.locator('[data-note="unsent"]')).to_be_visible()
        expect(form.locator("[name=text]")).to_have_value(WORDS)
        expect(agent.locator('[data-note="unsent"]')).to_be_visible()
        expect(room.page.locator("#live-badge")).to_have_attribute("data-state", "offline", timeout=30_000)

        stack.start()
        form.locator("button").last.click()
        settled(room.page)
        expect(room.page.locator("#timeline .line", has_text="the UPS holds")).to_have_count(1)
        agent.locator("form#report button.main").click()
        agent.wait_for_url(re.compile(r"/report/[0-9a-f-]{36}/"))
        found = stack.api("supervisor").get("incidents/", q="Sent into nothing")["results"]
        assert len(found) == 1
