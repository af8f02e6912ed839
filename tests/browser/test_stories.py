"""The worked examples in a browser, as the people who would do them, on a clock that the test moves."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Room, report
from tests.stories.real import RealStack

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-stories")]

PageOf = Callable[..., Page]


@pytest.fixture
def day(stack: RealStack) -> RealStack:
    """A day of its own for every story: time only goes forward."""
    stack.begin()
    return stack


def test_a_power_cut_of_more_than_five_minutes(day: RealStack, page_of: PageOf) -> None:
    """W1: reported, taken up, confirmed; the superior is phoned after five minutes; stood down, closed and read."""
    agent, supervisor, director = page_of("agent03"), page_of("supervisor"), page_of("director")
    day.to("14:00")
    ref = report(agent, "power-cut", "Everything in area B is dark", seat="L23")
    response = agent.goto(f"/incidents/{ref}/")
    assert response and response.status == 404  # theirs is the receipt

    day.to("14:00:40")
    supervisor.goto("/board/")
    supervisor.get_by_role("button", name=re.compile("Take it up.*area B is dark")).click()
    supervisor.wait_for_url(f"**/incidents/{ref}/**")
    room = Room(supervisor, ref)
    room.do("assess", verdict="real", scope="floor")
    room.do("activate", plan="power-cut", level=2, reason="Half the floor is dark")
    expect(supervisor.locator(".room-title")).to_contain_text("not yet confirmed")
    expect(room.step("power-cut.phone-superior")).to_contain_text("waiting")

    day.to("14:02")
    leading = Room(director, ref)
    director.get_by_role("button", name="Confirm level 2").click()
    expect(director.locator("#level")).to_contain_text("Confirmed by Diana Chen")
    room.call("power-cut.phone-maintenance", "Maintenance")
    room.do("updates", audience="agents", text="Move to rows 1 to 4")
    agent.goto("/report/")
    notice = agent.locator(".notice", has_text="Everything in area B is dark")
    expect(notice).to_contain_text("Move to rows 1 to 4")
    expect(notice.locator("summary", has_text="To the caller")).to_be_visible()  # and what to say

    day.to("14:05:05")
    expect(room.step("power-cut.phone-superior")).to_have_class(re.compile("can-do"))  # without a reload
    room.call("power-cut.phone-superior", "Diana Chen", answered=False)
    expect(room.step("power-cut.phone-superior")).to_have_class(re.compile("can-do"))  # nobody answered: it stays
    room.call("power-cut.phone-superior", "Diana Chen")
    room.step("power-cut.keep-calm").locator(".step-done button").click()
    expect(supervisor.locator(".problems")).to_be_visible()  # held while the power is off

    day.to("14:35")
    supervisor.goto(f"/incidents/{ref}/")
    room.condition("power-off", holds=False)
    room.condition("restored", holds=True)
    room.do("close", expect_status=409, outcome="resolved")
    expect(supervisor.locator(".problems")).to_contain_text("Patrol for trips")

    day.to("15:10")
    supervisor.goto(f"/incidents/{ref}/")
    room.work_down()
    leading = Room(director, ref)
    leading.do("stand-down", reason="Controlled, normal, no further effect")
    supervisor.goto(f"/incidents/{ref}/")
    room.do("close", outcome="resolved", cause="A breaker tripped")
    expect(supervisor.locator("main")).to_contain_text("resolved")

    manager = page_of("manager")
    manager.goto("/overview/")
    manager.locator("#closed").locator("xpath=ancestor::section").get_by_role(
        "link", name="Everything in area B"
    ).click()
    expect(manager.locator(".document")).to_contain_text("Service was restored at 14:35.")
    expect(manager.locator(".document .figures").first).to_contain_text("35 min")
    expect(manager.locator(".line-of-time svg")).to_be_visible()


class TestInboundSurge:
    """W2: half an hour after first-level support opened, the outbound staff are called, if it is not controlled."""

    def started(self, day: RealStack, supervisor: Page) -> Room:
        day.to("10:02")
        ref = report(supervisor, "inbound-surge", "Forty callers are waiting", scope="site")
        room = Room(supervisor, ref)
        room.do("acknowledge")
        room.do("activate", plan="inbound-surge", level=3)
        day.to("10:03")
        self.open_support(room, 1)
        return room

    def open_support(self, room: Room, tier: int) -> None:
        form = room.page.locator(f'#support form:has(input[name="tier"][value="{tier}"])')
        form.locator("button").click()
        expect(room.page.locator("#support li").nth(tier - 1)).to_contain_text("open since")

    def test_not_controlled_after_thirty_minutes(self, day: RealStack, page_of: PageOf) -> None:
        supervisor = page_of("supervisor")
        room = self.started(day, supervisor)
        day.to("10:32:50")
        supervisor.reload()
        expect(room.step("inbound-surge.tier-2")).not_to_have_class(re.compile("can-do"))
        day.to("10:33:05")
        expect(supervisor.locator("#next")).to_contain_text("Not controlled after 30 minutes")  # without a reload
        room.call("inbound-surge.tier-2", "Outbound lead")
        self.open_support(room, 2)
        day.to("10:50")
        supervisor.reload()
        room.condition("controlled", holds=True)
        expect(room.step("inbound-surge.release-tier-2")).to_have_class(re.compile("can-do"))

    def test_controlled_in_time(self, day: RealStack, page_of: PageOf) -> None:
        """W2b: second-level support is never offered."""
        supervisor = page_of("supervisor")
        room = self.started(day, supervisor)
        day.to("10:28")
        supervisor.reload()
        room.condition("controlled", holds=True)
        day.to("10:40")
        supervisor.reload()
        expect(room.step("inbound-surge.tier-2")).not_to_have_class(re.compile("can-do"))
        expect(supervisor.locator("#promises > .rows")).not_to_contain_text("30 minutes")

    def test_nobody_can_see_the_queue(self, day: RealStack, page_of: PageOf) -> None:
        """W2c: the figure is missing, so a person decides."""
        supervisor = page_of("supervisor")
        room = self.started(day, supervisor)
        room.condition("waiting-lost", holds=True)
        day.to("10:33:05")
        supervisor.reload()
        expect(room.step("inbound-surge.tier-2")).not_to_have_class(re.compile("can-do"))
        room.complete("inbound-surge.ask-tier-2", decision="needed")
        expect(room.step("inbound-surge.tier-2")).to_have_class(re.compile("can-do"))


def test_an_outage_of_an_hour(day: RealStack, page_of: PageOf) -> None:
    """W3: three report it, one incident; an hour after it began the leading group must choose; it raises the level."""
    day.to("09:00")
    first, second, supervisor = page_of("agent05"), page_of("agent06"), page_of("supervisor")
    ref = report(first, "application-fault", "Order system returns errors", scope="team")
    day.to("09:01")
    second.goto("/report/")
    second.locator('input[name="incident_type"][value="application-fault"]').check(force=True)
    second.locator('input[name="scope"][value="me"]').check(force=True)
    second.fill("[name=summary]", "The same error here")
    second.locator(f'button[name="join"][value="{ref}"]').click()
    expect(second.locator("main h1")).to_contain_text(ref)

    day.to("09:03")
    room = Room(supervisor, ref)
    expect(supervisor.locator(".strip")).to_contain_text("2 reports")
    room.do("acknowledge")
    room.do("activate", plan="application-fault", level=2)
    first.goto("/report/")
    expect(first.locator(".notice", has_text="Order system returns errors")).to_be_visible()

    director = page_of("director")
    day.to("10:00:05")
    director.goto("/overview/")
    director.locator(f'.decision a.button[href="/incidents/{ref}/#step-application-fault.other-action"]').click()
    director.wait_for_url(f"**/incidents/{ref}/**")
    leading = Room(director, ref)
    leading.complete("application-fault.other-action", decision="raise-level", note="Half the customers are waiting")
    expect(director.locator(".room-title")).to_contain_text("major")
    supervisor.reload()
    expect(room.step("application-fault.compensation-list")).to_be_visible()
    expect(supervisor.locator("#timeline")).to_contain_text("Level set to 1")


class TestSeatFault:
    """W4: five minutes to sign in at another seat, from the moment of the move."""

    def moved(self, day: RealStack, page_of: PageOf) -> Room:
        day.to("11:10")
        ref = report(page_of("agent12"), "seat-equipment-fault", "The screen is black", scope="me", seat="L12")
        room = Room(page_of("supervisor"), ref)
        room.do("acknowledge")
        room.do("activate", plan="seat-equipment-fault", level=4)
        day.to("11:11")
        room.done("seat-equipment-fault.free-seat")
        room.condition("relogin", holds=True)
        expect(room.step("seat-equipment-fault.sign-in")).to_contain_text(re.compile(r"[45]:\d\d left"))
        return room

    def test_signed_in_in_time(self, day: RealStack, page_of: PageOf) -> None:
        room = self.moved(day, page_of)
        day.to("11:14:20")
        room.page.reload()
        room.done("seat-equipment-fault.sign-in")
        day.to("11:20")
        room.page.reload()
        expect(room.step("seat-equipment-fault.late-sign-in")).not_to_have_class(re.compile("can-do"))

    def test_late(self, day: RealStack, page_of: PageOf) -> None:
        """W4b: the supervisor is asked what to do."""
        room = self.moved(day, page_of)
        day.to("11:16:05")
        late = room.step("seat-equipment-fault.late-sign-in")
        expect(late).to_have_class(re.compile("can-do"))  # without a reload
        expect(room.step("seat-equipment-fault.sign-in")).to_contain_text("late")
        room.complete("seat-equipment-fault.late-sign-in", decision="technical-help")
        expect(room.step("seat-equipment-fault.help-at-seat")).to_have_class(re.compile("can-do"))


class TestAlarm:
    """W7: first find out whether it is an error or a test."""

    def test_a_false_alarm(self, day: RealStack, page_of: PageOf) -> None:
        day.to("15:20")
        supervisor = page_of("supervisor")
        ref = report(page_of("agent20"), "fire-alarm", "The alarm sounds in the corridor", scope="site")
        room = Room(supervisor, ref)
        room.do("acknowledge")
        room.do("activate", plan="fire-alarm", level=4)
        room.call("fire-alarm.send-patrol", "Patrol")
        expect(room.step("fire-alarm.send-patrol")).to_contain_text("aim 2 s")  # measured, not promised
        room.call("fire-alarm.ask-administration", "Administration")
        room.call("fire-alarm.ask-management", "Building management")
        day.to("15:21")
        room.complete("fire-alarm.feedback", decision="error", note="Smoke from a toaster, no fire")
        expect(room.step("fire-alarm.evacuate")).not_to_have_class(re.compile("can-do"))
        room.condition("alarm-sounding", holds=False)
        room.work_down()
        room.do("close", outcome="false-alarm", cause="A toaster")
        expect(supervisor.locator(".outcome")).to_contain_text("false alarm")

    def test_a_real_one_in_chinese(self, day: RealStack, page_of: PageOf) -> None:
        """The variant that is a fire, at Xi’an, by people who read Chinese."""
        day.to("15:20")
        agent, supervisor = page_of("agent-xian"), page_of("supervisor-xian")
        expect(agent.locator("html")).to_have_attribute("lang", "zh-Hans")
        ref = report(agent, "fire-alarm", "走廊有烟，警报响起", scope="site")
        room = Room(supervisor, ref)
        room.do("acknowledge")
        expect(supervisor.locator(".path [aria-current]")).to_contain_text("研判")
        room.do("activate", plan="fire-alarm", level=2, reason="有烟")
        day.to("15:21")
        room.complete("fire-alarm.feedback", decision="real")
        for key in ("evacuate", "call-brigade", "tell-duty-supervisor", "roll-call"):
            expect(room.step(f"fire-alarm.{key}")).to_have_class(re.compile("can-do"))
        expect(supervisor.locator("#next")).to_contain_text("剩余")
        day.to("15:22:05")
        expect(room.step("fire-alarm.who-is-missing")).to_have_class(re.compile("can-do"))  # posts did not answer
        room.do("updates", audience="agents", text="请立即撤离，不要乘电梯")
        agent.goto("/report/")
        expect(agent.locator(".notice", has_text="走廊有烟")).to_contain_text("请立即撤离")
        room.condition("alarm-sounding", holds=False)
        room.condition("restored", holds=True)
        room.do("close", expect_status=409, outcome="resolved")
        expect(supervisor.locator(".problems")).to_contain_text("书面报告")
