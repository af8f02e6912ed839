"""Who was asked to help, confirmed or declined, joined and was released; and for how long."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from contactops.accounts.models import Role, User
from incidents import helpers, hints
from incidents.models import Incident, Notification
from incidents.notify.wording import Words, mail
from incidents.times import db_now
from plans.models import Group, Membership
from tests.helpers import Api, Clock
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, Make, unchanged

Apis = Callable[[str], Api]
Browsers = Callable[[str], Client]
PATH = "support/people"


@pytest.fixture
def supported(make: Make) -> Case:
    """First-level support is open; two agents, a leader and a technician are asked."""
    return make("supported")


def say(case: Case, status: str, *people: str, by: str = "supervisor", expect: int = 200, **more: Any) -> Any:
    return case.do(by, PATH, expect, **{"tier": 1, "status": status, "people": list(people), **more})


def tier(case: Case, n: int = 1) -> Any:
    return case.see()["support"][n - 1]


def part(case: Case, username: str, n: int = 1) -> Any:
    [found] = [one for one in tier(case, n)["people"] if one["person"] == username]
    return found


class TestSays(OfEveryVerb):
    deed = Deed(
        PATH,
        {"tier": 1, "people": ["agent05", "leader"], "status": "confirmed", "note": "Billing and refunds"},
        start=lambda make: make("supported"),
        forms={"tier": "1", "people": "agent05, leader", "status": "confirmed", "note": "Billing and refunds"},
        event="support",
        words="Support tier 1, confirmed: Ben Clarke, Agent 05",
        not_for=("leader", "auditor", "admin", "tech", "agent07"),
        unseen_by=("agent08", "supervisor-xian", "press"),
        twice=200,
    )


class TestAsking:
    def test_opening_asks_and_tells(self, supported: Case) -> None:
        assert [one["person"] for one in tier(supported)["people"]] == ["agent05", "agent07", "leader", "tech"]
        assert {one["status"] for one in tier(supported)["people"]} == {"asked"}
        letter = supported.letter_to("agent07")
        assert Words([letter]).lines(letter) == [
            f"You are asked to take inbound calls for {supported.ref} (first-level support)."
        ]

    def test_it_goes_out_by_mail_too_where_there_is_an_address(self, supported: Case) -> None:
        told = Notification.objects.filter(incident__ref=supported.ref, items__contains=[{"kind": "support"}])
        assert set(told.values_list("recipient__username", "channel")) == {
            ("agent05", "console"),
            ("agent07", "console"),
            *(("leader", channel) for channel in ("console", "email")),
            *(("tech", channel) for channel in ("console", "email")),
        }

    def test_in_its_readers_own_language(self, supported: Case, cast: Callable[[str], User]) -> None:
        """A mail's sentence is made when it is sent."""
        letter = Notification.objects.filter(recipient=cast("tech"), channel="email").latest("pk")
        assert f"take inbound calls for {supported.ref} (first-level support)." in mail(letter)[1]

    def test_the_second_level_says_so(self, supported: Case) -> None:
        supported.do("supervisor", "support", tier=2, open=True, people=["agent04"])
        assert Words([letter := supported.letter_to("agent04")]).lines(letter)[0].endswith("(second-level support).")

    def test_those_in_it_already_are_not_asked_again(self, supported: Case) -> None:
        say(supported, "joined", "agent05")
        say(supported, "asked", "agent04", "agent05", "agent07")
        assert len(supported.last("support").facts["people"]) == 1

    def test_people_named_for_what_is_open_are_asked(self, supported: Case) -> None:
        supported.do("supervisor", "support", tier=1, open=True, people=["agent05", "agent04"])
        assert tier(supported)["asked"] == 5
        assert len(supported.events("tier")) == 1

    def test_a_group_means_its_members(self, supported: Case, cast: Callable[[str], User]) -> None:
        group = Group.objects.create(key="G-OUT", site=cast("leader").site, name={"en": "Outbound"})
        Membership.objects.create(group=group, user=cast("agent11"), order=1)
        Membership.objects.create(group=group, user=cast("auditor"), order=2)
        User.objects.filter(username="agent12").update(is_active=False)
        Membership.objects.create(group=group, user=cast("agent12"), order=3)
        say(supported, "asked", group="G-OUT", tier=1)
        assert supported.last("support").facts["people"] == [f"user:{cast('agent11').pk}"]

    def test_the_agents_of_the_site(self, supported: Case) -> None:
        say(supported, "asked", group="agents")
        agents = User.objects.filter(role=Role.AGENT, site__code="leeds", is_active=True).count()
        assert tier(supported)["asked"] == agents + 2

    def test_everybody_who_stands_at_something(self, supported: Case) -> None:
        say(supported, "declined", "tech", note="On call elsewhere")
        say(supported, "confirmed", group="asked")
        assert (tier(supported)["confirmed"], part(supported, "tech")["status"]) == (3, "declined")
        say(supported, "joined", group="confirmed")
        say(supported, "released", group="joined")
        assert (tier(supported)["joined"], tier(supported)["released"]) == (3, 3)
        assert "group" in say(supported, "released", group="joined", expect=400)


class TestForOneself:
    """Whoever was asked answers for themselves, whatever their role, also where they may not see the incident."""

    @pytest.mark.parametrize("username", ["agent07", "leader", "tech"])
    def test_all_the_way(self, supported: Case, username: str) -> None:
        for status in ("declined", "confirmed", "joined", "released", "joined"):
            say(supported, status, username, by=username)
            assert part(supported, username)["status"] == status
            assert supported.last("support").actor.username == username

    def test_an_agent_is_told_of_their_own_part_alone(self, supported: Case) -> None:
        answer = say(supported, "joined", "agent07", by="agent07")
        assert set(answer) == {"ref", "support"}
        [mine] = answer["support"]
        assert (mine["tier"], mine["status"]) == (1, "joined")
        supported.api("agent07").get(f"incidents/{supported.ref}/", 404)

    def test_of_nobody_else(self, supported: Case) -> None:
        with unchanged():
            for people in (["agent05"], ["agent07", "agent05"], ["agent07", "agent07"], ["nobody"], []):
                for group in ("", "G-TECH", "asked"):
                    if people or group:
                        body = {"people": people, "group": group}
                        say(supported, "confirmed", by="agent07", expect=403, **body)

    def test_not_that_they_are_asked(self, supported: Case) -> None:
        with unchanged():
            say(supported, "asked", "agent07", by="agent07", expect=403)

    def test_not_for_another_tier(self, supported: Case) -> None:
        supported.do("supervisor", "support", tier=2, open=True, people=["agent05"])
        with unchanged():
            say(supported, "joined", "agent07", by="agent07", expect=403, tier=2)

    def test_not_when_it_is_over(self, supported: Case) -> None:
        supported.do("supervisor", "support", tier=1, open=False)
        with unchanged():
            assert say(supported, "joined", "agent07", by="agent07", expect=409)["code"] == "not_open"
        supported.do("supervisor", "support", tier=1, open=True)
        with unchanged():
            assert "people" in say(supported, "joined", "agent07", by="agent07", expect=400)

    def test_the_leader_is_offered_it(self, supported: Case) -> None:
        assert PATH in supported.see(username="leader")["allowed"]
        supported.do("supervisor", "support", tier=1, open=False)
        assert PATH not in supported.see(username="leader")["allowed"]


class TestMinutes:
    def test_in_all_stretches_together(self, clock: Clock, make: Make) -> None:
        case = make("supported")
        for minutes, status in ((5, "joined"), (10, "released"), (5, "joined"), (7, "released"), (30, "")):
            clock.forward(timedelta(minutes=minutes))
            if status:
                say(case, status, "agent07")
        assert part(case, "agent07")["minutes"] == 17
        assert tier(case)["person_minutes"] == 17

    def test_run_while_somebody_helps_and_end_with_the_tier(self, clock: Clock, make: Make) -> None:
        case = make("supported")
        clock.forward(timedelta(minutes=2))
        say(case, "joined", "agent05", "agent07")
        clock.forward(timedelta(minutes=10))
        assert tier(case)["person_minutes"] == 20
        case.do("supervisor", "support", tier=1, open=False)
        clock.forward(timedelta(minutes=10))
        now = tier(case)
        assert (now["open"], now["person_minutes"], now["released"]) == (False, 20, 2)
        call_command("verify_timeline", case.ref)
        call_command("replay", case.ref)

    def test_are_figures_of_the_summary(self, clock: Clock, make: Make) -> None:
        case = make("supported")
        say(case, "joined", "agent05", "leader")
        clock.forward(timedelta(minutes=10))
        figures = case.see("summary/")
        assert figures["support_1_people"] == {"value": 2, "unit": "count", "from": "reported", "to": "now"}
        assert figures["support_1_person_minutes"] == {
            **{"value": 20, "unit": "person-min"},
            **{"from": "reported", "to": "now"},
        }
        assert figures["support_2_people"]["value"] is None

    def test_are_kept_by_merging_and_not_taken_along(self, clock: Clock, make: Make, api: Apis) -> None:
        case = make("supported")
        say(case, "joined", "agent05")
        clock.forward(timedelta(minutes=10))
        into = api("agent06").report("power-cut")
        case.do("supervisor", "merge", into=into)
        clock.forward(timedelta(minutes=10))
        assert tier(case)["person_minutes"] == 10
        assert api("manager").see(into)["support"][0]["people"] == []


class TestWhatCannotBe:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("tier", 3),
            ("tier", None),
            ("status", "asleep"),
            ("status", ""),
            ("people", ["nobody"]),
            ("people", {"agent05": 1}),
            ("people", []),
            ("people", ["agent04"]),  # not asked
            ("group", "G-NOWHERE"),
            ("group", "G-HR"),  # nobody of it was asked
            ("at", "soon"),
            ("note", "x" * 10_001),
        ],
    )
    def test_field_by_field(self, supported: Case, field: str, value: Any) -> None:
        body = {"tier": 1, "status": "confirmed", "people": [] if field == "group" else ["agent05"], field: value}
        with unchanged():
            assert field in supported.do("supervisor", PATH, 400, **body)

    def test_before_it_was_open_and_in_the_future(self, supported: Case) -> None:
        now = db_now()
        with unchanged():
            for at in (now - timedelta(hours=1), now + timedelta(minutes=5)):
                assert "at" in say(supported, "joined", "agent05", expect=400, at=at.isoformat())

    def test_before_what_is_on_record_of_them(self, clock: Clock, make: Make) -> None:
        case = make("supported")
        clock.forward(timedelta(minutes=20))
        say(case, "joined", "agent05")
        early = (clock.now - timedelta(minutes=5)).isoformat()
        with unchanged():
            refused = say(case, "released", "agent05", expect=400, at=early)
            assert refused["at"] == ["Agent 05: something later is on record."]
            assert "at" in case.do("supervisor", "support", 400, tier=1, open=False, at=early)
        say(case, "joined", "agent07", at=early)
        assert part(case, "agent07")["minutes"] == 5

    def test_a_page_has_no_seconds(self, clock: Clock, make: Make) -> None:
        """What is typed as the minute in which somebody was asked happened after it."""
        clock.forward(timedelta(seconds=40))
        case = make("supported")
        clock.forward(timedelta(minutes=3))
        say(case, "joined", "agent05", at=clock.now.replace(minute=0, second=0).isoformat())
        assert part(case, "agent05")["joined_at"] == part(case, "agent05")["asked_at"]

    def test_whoever_cannot_follow_is_named(self, supported: Case) -> None:
        with unchanged():
            refused = say(supported, "released", "agent05", expect=409)
            assert refused["detail"] == "Agent 05: already asked. That is not possible."
            assert say(supported, "joined", "agent04", expect=400)["people"] == ["Agent 04 has not been asked."]

    def test_without_a_tier(self, responding: Case) -> None:
        with unchanged():
            assert say(responding, "asked", "agent05", expect=409)["code"] == "not_open"

    @pytest.mark.parametrize("username", ["auditor", "admin"])
    def test_those_without_a_part_in_incidents(self, supported: Case, username: str) -> None:
        with unchanged():
            assert "people" in say(supported, "asked", username, expect=400)
            assert "people" in supported.do("supervisor", "support", 400, tier=1, open=True, people=[username])

    def test_those_who_take_no_part_in_the_drill(self, make: Make, api: Apis) -> None:
        """They would not hear of it."""
        ref = api("manager").report("power-cut", site="leeds", kind="drill", participants=["agent05"])
        api("manager").do(ref, "activate", plan="power-cut", level=4)
        api("manager").do(ref, "support", tier=1, open=True, people=["agent05"])
        body = {"tier": 1, "status": "asked"}
        assert "people" in api("manager").do(ref, PATH, 400, **body, people=["agent07"])
        api("manager").do(ref, PATH, 400, **body, group="agents")
        assert [one.me.user.username for one in helpers.asked_of(User.objects.get(username="agent05"))] == ["agent05"]

    def test_those_whom_a_restricted_incident_does_not_name(self, supported: Case, cast: Callable[[str], User]) -> None:
        Incident.objects.filter(ref=supported.ref).update(restricted=True)
        supported.row.named.set([cast("supervisor"), cast("manager")])
        assert "people" in say(supported, "asked", "agent04", expect=400)
        assert helpers.asked_of(cast("agent05")) == []
        supported.row.named.add(cast("agent05"))
        assert len(helpers.asked_of(cast("agent05"))) == 1

    def test_whoever_has_left_can_be_released(self, supported: Case) -> None:
        say(supported, "joined", "agent05")
        User.objects.filter(username="agent05").update(is_active=False)
        assert "people" in say(supported, "asked", "agent05", expect=400)
        say(supported, "released", "agent05")
        assert part(supported, "agent05")["status"] == "released"


@pytest.fixture
def crowd(cast: Callable[[str], User]) -> Callable[[int], list[str]]:
    """So many agents of Leeds more."""

    def make(count: int) -> list[str]:
        site = cast("agent05").site
        people = [User(username=f"crowd{n:03}", name=f"Crowd {n:03}", site=site) for n in range(count)]
        User.objects.bulk_create(people)
        return [user.username for user in people]

    return make


def queries(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


class TestMany:
    def test_five_hundred_people_are_one_entry(self, supported: Case, crowd: Callable[[int], list[str]]) -> None:
        people = crowd(500)
        before = len(supported.events())
        for status in ("asked", "confirmed", "joined"):
            say(supported, status, *people)
        assert len(supported.events()) == before + 3
        assert tier(supported)["joined"] == 500
        told = Notification.objects.filter(incident__ref=supported.ref, recipient__username__startswith="crowd")
        assert told.count() == 500
        line = supported.see("timeline/")[-1]["text"]
        assert line.startswith("Support tier 1, joined: Crowd 000, ")
        assert line.endswith(" and 492 more")

    def test_two_thousand_and_one_are_too_many(self, supported: Case) -> None:
        assert "people" in say(supported, "asked", *(f"x{n}" for n in range(2_001)), expect=400)

    def test_thirty_ask_the_database_as_often_as_three(
        self, supported: Case, crowd: Callable[[int], list[str]], browser_as: Browsers, api: Apis
    ) -> None:
        people, me, agent = crowd(30), browser_as("supervisor"), browser_as("crowd000")
        reads: dict[str, Callable[[], object]] = {
            "room": lambda: me.get(f"/incidents/{supported.ref}/"),
            "api": lambda: api("supervisor").see(supported.ref),
            "timeline": lambda: api("supervisor").see(supported.ref, "timeline/"),
            "summary": lambda: me.get(f"/incidents/{supported.ref}/summary/"),
            "report": lambda: agent.get("/report/"),
        }

        def write(status: str, some: list[str]) -> int:
            return queries(lambda: say(supported, status, *some, note=f"{len(some)}"))

        def read() -> dict[str, int]:
            for name in reads:  # what is read once per process has been read
                reads[name]()
            return {name: queries(reads[name]) for name in reads}

        few = {status: write(status, people[:3]) for status in ("asked", "confirmed", "joined")}
        seen = read()
        many = {status: write(status, people[3:]) for status in ("asked", "confirmed", "joined")}
        assert (many, read()) == (few, seen)


class TestPages:
    def page(self, browser: Client, path: str) -> str:
        response = browser.get(path)
        assert response.status_code == 200
        return response.content.decode()

    def test_the_room_shows_each_and_counts(self, clock: Clock, make: Make, browser_as: Browsers) -> None:
        case = make("supported")
        clock.forward(timedelta(minutes=1))
        say(case, "joined", "agent05", "agent07", note="Speaks <Welsh>")
        say(case, "declined", "tech")
        clock.forward(timedelta(minutes=12))
        page = self.page(browser_as("supervisor"), f"/incidents/{case.ref}/")
        for shown in ("Agent 05", "Tom Reid", "Speaks &lt;Welsh&gt;", "person-minutes <strong>24</strong>"):
            assert shown in page
        for counted in ("asked <strong>4", "declined <strong>1", "joined <strong>2", "released <strong>0"):
            assert counted in page

    def test_the_buttons_do_it_for_one_and_for_all(self, supported: Case, browser_as: Browsers) -> None:
        """A button stands outside its form and names it: what it sends is its own name and the form's hidden fields."""
        browser, where = browser_as("supervisor"), f"/incidents/{supported.ref}/support/people/"
        page = self.page(browser, f"/incidents/{supported.ref}/")
        for status in ("confirmed", "declined", "joined", "released"):
            assert f'id="helpers-1-{status}"' in page
        assert 'form="helpers-1-declined" name="people" value="agent05"' in page
        assert 'form="helpers-1-confirmed" name="group" value="asked"' in page
        response = browser.post(where, {"tier": "1", "status": "declined", "people": "agent05"})
        assert response["Location"] == f"/incidents/{supported.ref}/#helpers"
        browser.post(where, {"tier": "1", "status": "confirmed", "group": "asked"})
        assert (tier(supported)["declined"], tier(supported)["confirmed"]) == (1, 3)
        assert 'form="helpers-1-joined" name="group" value="confirmed"' in self.page(
            browser, f"/incidents/{supported.ref}/"
        )

    def test_a_refused_form_stands_there_with_its_words(self, supported: Case, browser_as: Browsers) -> None:
        given = {
            "tier": "1",
            "status": "joined",
            "people": "agent05, agent99",
            "note": "Refunds",
            "group": "",
            "at": "",
        }
        response = browser_as("supervisor").post(f"/incidents/{supported.ref}/support/people/", given)
        page = response.content.decode()
        assert response.status_code == 400
        for kept in ('id="support-people-people-error"', 'value="agent05, agent99"', 'value="Refunds"', "agent99"):
            assert kept in page

    @pytest.mark.parametrize("username", ["auditor", "admin", "leader"])
    def test_whoever_may_not_sees_the_table_without_buttons(
        self, supported: Case, browser_as: Browsers, username: str
    ) -> None:
        page = self.page(browser_as(username), f"/incidents/{supported.ref}/")
        assert "Agent 05" in page
        assert "helpers-1-" not in page
        assert ("You are asked to help" in page) == (username == "leader")

    def test_the_leader_answers_in_the_room(self, supported: Case, browser_as: Browsers) -> None:
        where = f"/incidents/{supported.ref}/support/people/"
        answer = browser_as("leader").post(where, {"tier": "1", "people": "leader", "status": "confirmed"})
        assert answer.status_code == 302
        assert part(supported, "leader")["status"] == "confirmed"

    def test_an_agents_card_all_the_way(self, supported: Case, browser_as: Browsers) -> None:
        browser, where = browser_as("agent07"), f"/report/help/{supported.ref}/"
        for status, words in (
            ("", "You are asked to help: take inbound calls"),
            ("confirmed", "I have switched"),
            ("joined", "You help: you take inbound calls"),
            ("released", "You are released"),
        ):
            if status:
                answer = browser.post(where, {"tier": "1", "people": "agent05", "status": status})
                assert answer["Location"] == "/report/#help"
                assert part(supported, "agent07")["status"] == status
            page = self.page(browser, "/report/")
            assert words in page
            assert where in page
        assert part(supported, "agent05")["status"] == "asked"

    def test_a_card_that_is_out_of_date(self, supported: Case, browser_as: Browsers) -> None:
        supported.do("supervisor", "support", tier=1, open=False)
        browser = browser_as("agent07")
        answer = browser.post(f"/report/help/{supported.ref}/", {"tier": "1", "status": "joined"})
        assert answer.status_code == 409
        assert "This support is not open." in answer.content.decode()
        assert "You are asked to help" not in self.page(browser, "/report/")

    @pytest.mark.parametrize("status", ["asleep", "", "asked"])
    def test_a_card_that_says_something_else(self, supported: Case, browser_as: Browsers, status: str) -> None:
        browser = browser_as("agent07")
        with unchanged():
            answer = browser.post(f"/report/help/{supported.ref}/", {"tier": "1", "status": status})
        assert answer.status_code == (403 if status == "asked" else 400)

    @pytest.mark.parametrize("ref", ["INC-1999-0001", "", "a b"])
    def test_an_incident_that_is_none(self, supported: Case, browser_as: Browsers, ref: str) -> None:
        answer = browser_as("agent07").post(f"/report/help/{quote(ref)}/", {"tier": "1", "status": "joined"})
        assert answer.status_code == 404

    def test_whoever_was_not_asked_finds_nothing(self, supported: Case, browser_as: Browsers) -> None:
        browser = browser_as("agent08")
        with unchanged():
            answer = browser.post(f"/report/help/{supported.ref}/", {"tier": "1", "status": "joined"})
        assert answer.status_code == 404
        assert "You are asked to help" not in self.page(browser, "/report/")

    def test_opened_by_its_address_it_does_nothing(self, supported: Case, browser_as: Browsers) -> None:
        browser = browser_as("agent07")
        with unchanged():
            assert browser.get(f"/report/help/{supported.ref}/")["Location"] == "/report/"

    def test_the_summary_lists_who_and_how_long(self, clock: Clock, make: Make, browser_as: Browsers) -> None:
        case = make("supported")
        say(case, "joined", "agent05", note="Refunds")
        clock.forward(timedelta(minutes=42))
        case.do("supervisor", "support", tier=1, open=False)
        page = self.page(browser_as("manager"), f"/incidents/{case.ref}/summary/")
        assert "Who helped, and for how long" in page
        for shown in ("Agent 05", "Refunds", '<td class="number">42</td>', "person-minutes <strong>42</strong>"):
            assert shown in page

    def test_a_removed_note_is_gone_from_the_table(self, supported: Case, browser_as: Browsers) -> None:
        say(supported, "joined", "agent05", note="Has a sick child")
        supported.do("manager", "redact", seq=supported.last("support").seq, reason="Private")
        for path in ("", "summary/"):
            assert "sick child" not in self.page(browser_as("manager"), f"/incidents/{supported.ref}/{path}")

    def test_pages_of_the_floor_hear_of_it(self, supported: Case, cast: Callable[[str], User]) -> None:
        """What one says of oneself is news to those who run the response; what is said of one, to oneself."""
        events = [one.as_engine for one in supported.events("support")]
        say(supported, "confirmed", "agent07", by="agent07")
        own = supported.last("support").as_engine
        assert {hints.kind(event) for event in events} <= hints.AGENTS_SEE
        assert hints.kind(own) not in hints.AGENTS_SEE


def test_the_surge_of_the_worked_example(clock: Clock, make: Make, api: Apis) -> None:
    """W2: 26 agents are asked at 10:03, each confirms; at 10:34 eight of the outbound staff switch; at 11:10 these are
    released, then the agents. The effort is told in person-minutes."""
    clock.to(clock.at("14:02"))
    ref = api("supervisor").report("inbound-surge", summary="Forty callers are waiting", scope="site")
    case = Case(api, ref)
    case.do("supervisor", "acknowledge")
    case.do("supervisor", "activate", plan="inbound-surge", level=3)
    clock.to(clock.at("14:03"))
    unit, outbound = ([f"agent{n:02}" for n in numbers] for numbers in (range(1, 27), range(30, 38)))
    case.do("supervisor", "support", tier=1, open=True, people=unit)
    for username in unit:
        say(case, "confirmed", username, by=username)
    clock.to(clock.at("14:05"))
    for username in unit:
        say(case, "joined", username, by=username)
    clock.to(clock.at("14:33"))
    assert "inbound-surge.tier-2" in [step["key"] for step in case.see()["steps"] if step["status"] == "open"]
    clock.to(clock.at("14:36"))
    case.do("supervisor", "support", tier=2, open=True, people=outbound, at=clock.at("14:34").isoformat())
    at = clock.at("14:34").isoformat()
    say(case, "joined", tier=2, group="asked", at=at, note="Outbound: billing, cinema tickets")
    clock.to(clock.at("15:10"))
    say(case, "released", tier=2, group="joined")
    case.do("supervisor", "support", tier=2, open=False)
    clock.to(clock.at("15:15"))
    case.do("supervisor", "support", tier=1, open=False)
    first, second = case.see()["support"]
    counted = ("asked", "confirmed", "joined", "released", "person_minutes")
    assert [first[name] for name in counted] == [26, 26, 26, 26, 26 * 70]
    assert [second[name] for name in counted] == [8, 0, 8, 8, 8 * 36]
    assert {one["note"] for one in second["people"]} == {"Outbound: billing, cinema tickets"}
    call_command("verify_timeline", ref)
    call_command("replay", ref)


def test_an_incident_stored_before_all_this_still_holds(make: Make) -> None:
    """Its row says nothing of people in support, and its opening names some: it reads, replays and goes on."""
    case = make("responding")
    assert "support" not in case.row.state
    case.do("supervisor", "support", tier=1, open=True)
    assert "support" not in case.row.state
    call_command("verify_timeline", case.ref)
    call_command("replay", case.ref)
