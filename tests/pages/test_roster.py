"""The pages of the roster, as a browser without scripts uses them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contactops.accounts.models import User
from plans import rostering, selectors
from plans.models import CalendarFeed, Group, Membership, Shift, SwapRequest
from tests.helpers import Clock
from tests.incidents.world import unchanged
from tests.pages.conftest import Browser, forms, hidden
from tests.pages.test_frame import INSIDE

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)  # the day on which the tests' clock stands, at 14:00
HOUR = timedelta(hours=1)
EVERYBODY = ("agent", "leader", "supervisor", "manager", "admin", "auditor", "tech", "director", "supervisor-xian")
KEEPERS = ("supervisor", "manager", "admin", "supervisor-xian")
FILE = "site,group,person,date,start,end\nleeds,G-DUTY,agent01,2026-03-03,08:00,20:00\n"


@pytest.fixture
def duty(clock: Clock, cast: Callable[[str], User]) -> Group:
    """The duty leaders of Leeds, agent01 and agent02 among them, without the demo's shifts."""
    Shift.objects.all().delete()
    group = Group.objects.get(key="G-DUTY", site__code="leeds")
    for username in ("agent01", "agent02"):
        Membership.objects.create(group=group, user=cast(username), order=5)
    return group


@pytest.fixture
def tonight(duty: Group, cast: Callable[[str], User]) -> Shift:
    return Shift.objects.create(
        group=duty, person=cast("agent01"), starts_at=MONDAY + 20 * HOUR, ends_at=MONDAY + 32 * HOUR
    )


def text(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", response.content.decode()))


def upload(browser: Client, data: bytes) -> Any:
    return browser.post("/roster/import/", {"file": SimpleUploadedFile("roster.csv", data, "text/csv")})


ADDED = {
    "site": "leeds",
    "group": "G-DUTY",
    "person": "agent01",
    "date": "2026-03-02",
    "start": "20:00",
    "end": "08:00",
}


class TestTheRoster:
    @pytest.mark.parametrize("username", EVERYBODY)
    def test_everybody_reads_it_and_only_keepers_are_offered_more(
        self, browser_as: Browser, tonight: Shift, username: str
    ) -> None:
        browser = browser_as(username)
        page = browser.get("/roster/?site=leeds").content.decode()
        assert not INSIDE.search(page)
        assert ('href="/roster/add/"' in page) == (username in KEEPERS)
        for path in ("/roster/add/", "/roster/import/"):
            assert browser.get(path).status_code == (200 if username in KEEPERS else 403)
        shift = browser.get(f"/roster/shifts/{tonight.pk}/").content.decode()
        assert (f"/roster/shifts/{tonight.pk}/remove/" in shift) == (username in ("supervisor", "manager", "admin"))
        assert browser.get("/roster/export.csv").status_code == 200

    def test_who_is_on_now_a_gap_and_the_week(self, browser_as: Browser, tonight: Shift) -> None:
        page = text(browser_as("supervisor").get("/roster/"))
        assert "Nobody until 2 Mar 20:00 the next contact is called at once" in page
        assert "2 Mar 14:00 – 2 Mar 20:00" in page
        assert "no shift is planned after that" in page
        assert "Agent 01 G-DUTY has no contact point beside the console" in page
        assert "from 20:00 Agent 01" in page
        assert "until 20:00 Nobody" in page
        assert "has no contact point" not in text(browser_as("agent").get("/roster/"))

    def test_of_one_site_or_all(self, browser_as: Browser, tonight: Shift) -> None:
        leeds = browser_as("supervisor")
        assert "Duty leaders, Leeds" in text(leeds.get("/roster/"))
        assert "Duty leaders, Leeds" not in text(leeds.get("/roster/?site=xian"))
        assert "值班长" in text(browser_as("supervisor-xian").get("/roster/?site="))
        for odd in ("site=nowhere", "week=x", "week=0001-01-01", "week=9999-12-31", "week=2026-02-30", "site=%F0"):
            assert leeds.get(f"/roster/?{odd}").status_code == 200, odd

    def test_another_week(self, browser_as: Browser, tonight: Shift) -> None:
        browser = browser_as("supervisor")
        assert "from 20:00 Agent 01" not in text(browser.get("/roster/?week=2026-03-09"))
        assert "from 20:00 Agent 01" in text(browser.get("/roster/?week=2026-02-25"))

    def test_nothing_planned(self, browser_as: Browser, duty: Group) -> None:
        page = text(browser_as("supervisor").get("/roster/"))
        for words in ("No group keeps a roster at this time.", "No shifts in this week.", "You have no shift"):
            assert words in page

    def test_the_rail_leads_there(self, browser_as: Browser, duty: Group) -> None:
        assert '<a href="/roster/"' in browser_as("agent").get("/inbox/").content.decode()


class TestKeeping:
    def test_add_change_replace_remove(self, browser_as: Browser, duty: Group) -> None:
        browser = browser_as("supervisor")
        assert {"/roster/add/"} <= forms(browser.get("/roster/add/").content.decode())
        where = browser.post("/roster/add/", ADDED)["Location"]
        shift = Shift.objects.get()
        assert where == f"/roster/shifts/{shift.pk}/"
        assert (shift.starts_at, shift.ends_at) == (MONDAY + 20 * HOUR, MONDAY + 32 * HOUR)
        assert browser.post("/roster/add/", ADDED)["Location"] == where  # sent twice
        assert Shift.objects.count() == 1
        browser.post(f"{where}change/", {"start": "2026-03-02T21:00", "end": "2026-03-03T08:00"})
        shift.refresh_from_db()
        assert shift.starts_at == MONDAY + 21 * HOUR
        browser.post(f"{where}replace/", {"person": "agent02"})
        assert "Agent 02" in text(browser.get(where))
        assert [user.username for user in selectors.on_duty([duty], MONDAY + 22 * HOUR)[duty.pk]] == ["agent02"]
        assert browser.post(f"{where}remove/")["Location"] == "/roster/"
        assert not Shift.objects.filter(pk=shift.pk).exists()
        assert browser.get(where).status_code == 404

    def test_an_override_and_a_shift_of_several_days(self, browser_as: Browser, duty: Group) -> None:
        browser_as("supervisor").post("/roster/add/", {**ADDED, "until": "2026-03-09", "override": "true"})
        shift = Shift.objects.get()
        assert (shift.is_override, shift.ends_at) == (True, MONDAY + 7 * 24 * HOUR + 8 * HOUR)

    def test_times_are_the_sites(self, browser_as: Browser, duty: Group) -> None:
        browser_as("supervisor-xian").post("/roster/add/", {**ADDED, "site": "xian", "person": "leader-xian"})
        assert Shift.objects.get().starts_at == MONDAY + 12 * HOUR

    @pytest.mark.parametrize(
        ("more", "words"),
        [
            ({"date": "2026-03-29", "start": "01:30"}, "01:30 does not exist in the night of 2026-03-29"),
            ({"person": "tech"}, "Tom Reid is not in G-DUTY."),
            ({"date": ""}, "This field may not be blank."),
            ({"start": "soon"}, "“soon” is not a time"),
            ({"until": "2026-03-01"}, "A shift ends after it begins."),
            ({"site": "xian", "person": "leader-xian"}, "You do not keep the roster of Xi’an."),
            ({"start": "21:00"}, "Agent 01 is on a shift of this group then"),
        ],
    )
    def test_what_is_refused_comes_back_with_what_was_typed(
        self, browser_as: Browser, tonight: Shift, more: dict[str, str], words: str
    ) -> None:
        browser = browser_as("supervisor")
        with unchanged():
            response = browser.post("/roster/add/", {**ADDED, **more})
        assert response.status_code in (400, 403, 409)
        page = response.content.decode()
        assert words in page
        assert 'class="panel problems"' in page
        for value in (value for name, value in more.items() if name != "site"):  # another's site is not offered
            assert f'value="{value}"' in page

    def test_a_shift_is_not_changed_by_others(self, browser_as: Browser, tonight: Shift) -> None:
        where = f"/roster/shifts/{tonight.pk}/"
        for username in ("agent01", "leader", "supervisor-xian", "auditor"):
            browser = browser_as(username)
            with unchanged():
                assert browser.post(f"{where}remove/").status_code == 403
                assert browser.post(f"{where}replace/", {"person": "agent02"}).status_code == 403
                assert browser.post("/roster/add/", ADDED).status_code == 403
                assert upload(browser, FILE.encode()).status_code == 403

    def test_an_hour_that_comes_twice_is_kept(self, browser_as: Browser, tonight: Shift) -> None:
        """01:30 on 25 October is shown as 01:30 whichever of the two it is; left as it stands, it stays."""
        second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        Shift.objects.filter(pk=tonight.pk).update(starts_at=second, ends_at=second + 8 * HOUR)
        given = {"start": "2026-10-25T01:30", "end": "2026-10-25T11:30"}
        browser_as("supervisor").post(f"/roster/shifts/{tonight.pk}/change/", given)
        tonight.refresh_from_db()
        assert (tonight.starts_at, tonight.ends_at) == (second, second + 10 * HOUR)

    def test_what_is_over_is_only_shown(self, browser_as: Browser, tonight: Shift, clock: Clock) -> None:
        clock.to(MONDAY + 40 * HOUR)
        where = f"/roster/shifts/{tonight.pk}/"
        browser = browser_as("supervisor")
        page = browser.get(where).content.decode()
        assert "This shift is over; what was stays." in page
        assert not [form for form in forms(page) if form.startswith(where)]
        with unchanged():
            assert browser.post(f"{where}remove/").status_code == 409

    def test_reading_an_address_of_a_form_leads_to_its_page(self, browser_as: Browser, tonight: Shift) -> None:
        browser = browser_as("supervisor")
        for verb in ("change", "replace", "remove", "swap"):
            assert browser.get(f"/roster/shifts/{tonight.pk}/{verb}/")["Location"] == f"/roster/shifts/{tonight.pk}/"
        assert browser.get("/roster/swaps/1/accept/")["Location"] == "/roster/"
        for nowhere in (f"/roster/shifts/{tonight.pk}/dance/", "/roster/swaps/1/dance/", f"/roster/shifts/{10**30}/"):
            assert browser.get(nowhere).status_code == 404
        assert browser.post(f"/roster/shifts/{10**30}/remove/").status_code == 404


class TestSwaps:
    def test_asked_and_accepted(self, browser_as: Browser, tonight: Shift, duty: Group) -> None:
        asks, takes = browser_as("agent01"), browser_as("agent02")
        page = asks.get(f"/roster/shifts/{tonight.pk}/").content.decode()
        assert f"/roster/shifts/{tonight.pk}/swap/" in forms(page)
        asks.post(f"/roster/shifts/{tonight.pk}/swap/", {"person": "agent02", "reason": "A wedding"})
        swap = SwapRequest.objects.get()
        assert "has been asked and has not answered" in text(asks.get("/roster/"))
        page = takes.get("/roster/").content.decode()
        assert {f"/roster/swaps/{swap.pk}/{verb}/" for verb in ("accept", "decline")} <= forms(page)
        assert "A wedding" in page
        assert takes.post(f"/roster/swaps/{swap.pk}/accept/")["Location"] == "/roster/"
        assert "Agent 02 has taken your shift:" in text(asks.get("/roster/"))
        assert "You have taken a shift of Agent 01:" in text(takes.get("/roster/"))
        seen = text(browser_as("supervisor").get("/roster/"))
        assert "Agent 01 → Agent 02 Accepted A wedding" in seen
        assert "Swaps" not in text(browser_as("leader").get("/roster/"))
        assert [user.username for user in selectors.on_duty([duty], MONDAY + 21 * HOUR)[duty.pk]] == ["agent02"]

    def test_declined(self, browser_as: Browser, tonight: Shift) -> None:
        asks, takes = browser_as("agent01"), browser_as("agent02")
        asks.post(f"/roster/shifts/{tonight.pk}/swap/", {"person": "agent02"})
        swap = SwapRequest.objects.get()
        takes.post(f"/roster/swaps/{swap.pk}/decline/")
        assert "Agent 02 cannot take your shift, it stays yours:" in text(asks.get("/roster/"))
        response = takes.post(f"/roster/swaps/{swap.pk}/accept/")
        assert (response.status_code, "has been answered" in response.content.decode()) == (409, True)

    def test_nobody_asks_for_what_is_not_theirs(self, browser_as: Browser, tonight: Shift) -> None:
        for username in ("agent02", "supervisor", "auditor"):
            browser = browser_as(username)
            page = browser.get(f"/roster/shifts/{tonight.pk}/").content.decode()
            assert f"/roster/shifts/{tonight.pk}/swap/" not in forms(page)
            with unchanged():
                given = {"person": "leader"}
                assert browser.post(f"/roster/shifts/{tonight.pk}/swap/", given).status_code == 403

    def test_a_reason_that_is_too_long_comes_back(self, browser_as: Browser, tonight: Shift) -> None:
        given = {"person": "agent02", "reason": "x" * 201}
        response = browser_as("agent01").post(f"/roster/shifts/{tonight.pk}/swap/", given)
        assert (response.status_code, "x" * 201 in response.content.decode()) == (400, True)


class TestFiles:
    def test_looked_at_first_and_then_taken_over(self, browser_as: Browser, duty: Group) -> None:
        browser = browser_as("supervisor")
        with unchanged():
            page = upload(browser, FILE.encode("gbk")).content.decode()
        assert "1 shift would be new" in page
        assert "Agent 01" in page
        assert browser.post("/roster/import/", {"confirm": "true", "csv": hidden(page, "csv")}).status_code == 302
        assert Shift.objects.get().source == "import"
        with unchanged():
            again = upload(browser, FILE.encode()).content.decode()
        assert "Nothing would be new" in again
        assert "1 line says what stands already." in again
        assert 'name="confirm"' not in again

    def test_every_fault_is_named(self, browser_as: Browser, duty: Group) -> None:
        bad = FILE + "leeds,G-DUTY,<b>,2026-03-03,08:00,20:00\nleeds,G-DUTY,agent02,2026-03-33,08:00,20:00\n"
        browser = browser_as("supervisor")
        with unchanged():
            response = upload(browser, bad.encode())
        page = response.content.decode()
        assert response.status_code == 400
        assert "Nothing was imported: 2 faults" in page
        assert "Line 3: There is nobody called “&lt;b&gt;”." in page
        assert "Line 4: “2026-03-33” is not a day" in page

    def test_no_file_and_no_text(self, browser_as: Browser, duty: Group) -> None:
        browser = browser_as("supervisor")
        with unchanged():
            assert "Choose a file." in browser.post("/roster/import/").content.decode()
            assert browser.post("/roster/import/", {"confirm": "true"}).status_code == 400
            assert upload(browser, b"\xff\xfe\xff").status_code == 400
            assert upload(browser, b"\x89PNG\r\n\x1a\n\x00").status_code == 400

    def test_in_chinese(self, browser_as: Browser, duty: Group) -> None:
        browser = browser_as("supervisor-xian")
        template = browser.get("/roster/template.csv")
        assert template.content.decode("utf-8-sig").startswith("职场,小组,人员,日期,开始,结束,替班\r\n")
        assert "attachment" in template["Content-Disposition"]

    def test_what_goes_out_comes_back(self, browser_as: Browser, tonight: Shift) -> None:
        browser = browser_as("supervisor")
        data = browser.get("/roster/export.csv").content
        assert b"leeds,G-DUTY,agent01,2026-03-02,20:00,08:00,no\r\n" in data
        with unchanged():
            assert "1 line says what stands already." in upload(browser, data).content.decode()


class TestCalendar:
    def test_is_read_without_signing_in_until_the_address_is_renewed(
        self, browser_as: Browser, tonight: Shift, client: Client
    ) -> None:
        browser = browser_as("agent01")
        with unchanged():
            assert ".ics" not in browser.get("/roster/").content.decode()
        browser.post("/roster/calendar/")
        address = hidden_address(browser)
        with unchanged():
            response = client.get(address)
            assert client.head(address).status_code == 200
        assert response["Content-Type"] == "text/calendar; charset=utf-8"
        assert b"SUMMARY:Duty leaders\\, Leeds" in response.content
        for word in (b"Agent 01", b"agent01", b"@example"):
            assert word not in response.content
        with unchanged():
            assert client.post(address).status_code == 405
        browser.post("/roster/calendar/")
        assert hidden_address(browser) != address
        assert client.get(address).status_code == 404
        browser.post("/roster/calendar/", {"shut": "true"})
        assert not CalendarFeed.objects.exists()

    @pytest.mark.parametrize("token", ["x", "x.y", "x" * 3000, "断电", "a.b.c", "%00"])
    def test_a_token_that_is_none(self, client: Client, db: None, token: str) -> None:
        assert client.get(f"/roster/{token}.ics").status_code in (400, 404)

    def test_of_somebody_who_has_left(self, client: Client, db: None, cast: Callable[[str], User]) -> None:
        from plans.calendars import token

        address = f"/roster/{token(rostering.renew_feed(actor=cast('leader')))}.ics"
        assert client.get(address).status_code == 200
        User.objects.filter(username="leader").update(is_active=False)
        assert client.get(address).status_code == 404


def hidden_address(browser: Client) -> str:
    """The path of the address that the page shows."""
    found = re.search(r'value="http://testserver(/roster/[^"]+\.ics)"', browser.get("/roster/").content.decode())
    assert found
    return found[1]


class TestAdmin:
    def test_an_administrator_types_in_a_shift(
        self, browser_as: Browser, duty: Group, cast: Callable[[str], User]
    ) -> None:
        given = {
            "group": duty.pk,
            "site": "",
            "person": cast("agent01").pk,
            "starts_at_0": "2026-03-02",
            "starts_at_1": "20:00",
            "ends_at_0": "2026-03-03",
            "ends_at_1": "08:00",
        }
        admin = browser_as("admin")
        assert admin.post("/admin/plans/shift/add/", given)["Location"] == "/admin/plans/shift/"
        assert Shift.objects.get().entered_by == cast("admin")
        for wrong in ({"ends_at_0": "2026-03-01"}, {"starts_at_1": "21:00"}, {"site": cast("admin").site_id}):
            with unchanged():
                assert admin.post("/admin/plans/shift/add/", {**given, **wrong}).status_code == 200
        assert browser_as("auditor").get("/admin/plans/shift/").status_code == 200
        assert browser_as("auditor").post("/admin/plans/shift/add/", given).status_code == 403
