"""One's own contact points: added, put in order, proved with a code."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from contactops.accounts.models import ContactPoint, Gateway, SignInTries, User
from incidents import contacts
from incidents.notify import sms as sms_words
from tests.helpers import Api, Clock
from tests.pages.conftest import Browser
from tests.record.mailserver import MailServer
from tests.record.sink import Sink

Apis = Callable[[str], Api]
PAGE = "/contacts/"


@pytest.fixture
def me(browser_as: Browser) -> Client:
    return browser_as("supervisor")


@pytest.fixture
def point(cast: Callable[[str], User]) -> ContactPoint:
    """The e-mail address that everybody of the demo has."""
    return ContactPoint.objects.get(user=cast("supervisor"))


def sms(sink: Sink, **more: Any) -> Gateway:
    return Gateway.objects.create(
        **{"channel": "sms", "name": "Sink", "url": f"json://{sink.host}/?rto=1&:to={{address}}", **more}
    )


def shown(browser: Client) -> str:
    response = browser.get(PAGE)
    assert response.status_code == 200
    return unescape(response.content.decode())


def done(browser: Client, where: str, **body: str) -> str:
    response = browser.post(f"{PAGE}{where}", body)
    assert response.status_code == 302, unescape(response.content.decode())[:3000]
    assert response["Location"].startswith(PAGE)
    return shown(browser)


def refused(browser: Client, where: str, status: int = 400, **body: str) -> str:
    response = browser.post(f"{PAGE}{where}", body)
    assert response.status_code == status
    page = unescape(response.content.decode())
    assert 'role="alert"' in page
    return page


def addresses(username: str = "supervisor") -> list[str]:
    rows = ContactPoint.objects.filter(user__username=username).order_by("order")
    assert sorted(rows.values_list("order", flat=True)) == list(range(1, len(rows) + 1))
    return list(rows.values_list("address", flat=True))


class TestTheList:
    def test_is_in_the_menu_of_everybody(self, browser_as: Browser) -> None:
        for username in ("agent07", "leader", "manager", "tech", "admin", "auditor", "supervisor-xian"):
            page = browser_as(username).get(PAGE)
            assert page.status_code == 200, username
            assert f'href="{PAGE}"' in page.content.decode()

    def test_one_is_added_at_the_end(self, me: Client, sink: Sink) -> None:
        sms(sink)
        done(me, "add/", channel="email", address="second@example.org")
        page = done(me, "add/", channel="sms", address="+44 (7700) 900 123")
        assert addresses() == ["supervisor@example.org", "second@example.org", "+447700900123"]
        assert "+447700900123" in page
        assert page.count("not verified") == 3

    @pytest.mark.parametrize(
        ("body", "words", "field"),
        [
            ({"channel": "email", "address": "nobody"}, "valid email", "address"),
            ({"channel": "email", "address": "a@b.example, c@d.example"}, "one address", "address"),
            ({"channel": "email", "address": ""}, "may not be blank", "address"),
            ({"channel": "email", "address": "x" * 201}, "no more than 200", "address"),
            ({"channel": "sms", "address": "07700"}, "country code", "address"),
            ({"channel": "sms", "address": "+447700900123;1"}, "country code", "address"),
            ({"channel": "slack", "address": "@me"}, "Ask an administrator", "channel"),
            ({"channel": "console", "address": "x"}, "not a valid choice", "channel"),
            ({"channel": "pigeon", "address": "x"}, "not a valid choice", "channel"),
        ],
    )
    def test_wrong_input(self, me: Client, sink: Sink, body: dict[str, str], words: str, field: str) -> None:
        sms(sink)
        page = refused(me, "add/", 400, **body)
        assert words in page
        assert f'id="contacts-add-{field}-error"' in page
        assert addresses() == ["supervisor@example.org"]

    def test_twice_is_once(self, me: Client) -> None:
        page = refused(me, "add/", 409, channel="email", address="supervisor@example.org")
        assert "on your list already" in page
        assert addresses() == ["supervisor@example.org"]

    def test_there_is_an_end_to_it(self, me: Client) -> None:
        for n in range(2, contacts.MOST + 1):
            done(me, "add/", channel="email", address=f"p{n}@example.org")
        refused(me, "add/", 409, channel="email", address="one-more@example.org")
        assert len(addresses()) == contacts.MOST

    def test_order(self, me: Client, point: ContactPoint) -> None:
        for name in "bc":
            done(me, "add/", channel="email", address=f"{name}@example.org")
        first, second, third = addresses()
        last = ContactPoint.objects.get(address=third)
        done(me, f"{last.pk}/earlier/")
        assert addresses() == [first, third, second]
        for _again in range(3):
            done(me, f"{last.pk}/earlier/")
        assert addresses() == [third, first, second]
        for _again in range(4):
            done(me, f"{last.pk}/later/")
        assert addresses() == [first, second, third]

    def test_removing_one(self, me: Client, point: ContactPoint) -> None:
        done(me, "add/", channel="email", address="b@example.org")
        assert "Removed: supervisor@example.org" in done(me, f"{point.pk}/remove/")
        assert addresses() == ["b@example.org"]
        assert me.post(f"{PAGE}{point.pk}/remove/").status_code == 404
        done(me, f"{ContactPoint.objects.get(address='b@example.org').pk}/remove/")
        assert "None yet" in shown(me)

    def test_one_without_a_gateway_says_so(self, me: Client, cast: Any) -> None:
        ContactPoint.objects.create(user=cast("supervisor"), channel="sms", address="+447700900123", order=2)
        page = shown(me)
        assert "no gateway is set up for this channel" in page
        assert page.count("Send me a test") == 1

    @pytest.mark.parametrize("verb", ["change", "remove", "earlier", "later", "test", "confirm"])
    def test_nobody_elses(self, browser_as: Browser, point: ContactPoint, server: MailServer, verb: str) -> None:
        for username in ("agent07", "admin", "auditor"):
            body = {"address": "mine@example.org", "code": "123456"}
            assert browser_as(username).post(f"{PAGE}{point.pk}/{verb}/", body).status_code == 404, username
        assert addresses() == ["supervisor@example.org"]
        assert server.messages == []

    def test_opened_without_being_sent_nothing_happens(self, me: Client, point: ContactPoint) -> None:
        for address in ("add/", f"{point.pk}/remove/"):
            assert me.get(f"{PAGE}{address}")["Location"] == PAGE
        assert me.post(f"{PAGE}{point.pk}/dance/").status_code == 404
        for odd in ("x", "9" * 30, "-1", "١"):
            assert me.get(f"{PAGE}?code={odd}").status_code == 200
        assert addresses() == ["supervisor@example.org"]


class TestTheCode:
    def code(self, server: MailServer) -> str:
        payload = server.messages[-1].get_payload(decode=True)
        assert isinstance(payload, bytes)
        found = re.search(r"\b(\d{6})\b", payload.decode())
        assert found
        return found[1]

    def test_proves_the_address(self, me: Client, point: ContactPoint, server: MailServer, clock: Clock) -> None:
        page = done(me, f"{point.pk}/test/")
        assert "A code is on its way to supervisor@example.org." in page
        code = self.code(server)
        page = done(me, f"{point.pk}/confirm/", code=f" {code[:3]} {code[3:]} ")
        assert "Verified: supervisor@example.org" in page
        point.refresh_from_db()
        assert point.verified_at == clock.now
        assert "· verified" in page

    def test_in_the_readers_language(self, browser_as: Browser, cast: Any, server: MailServer) -> None:
        mine = ContactPoint.objects.get(user=cast("supervisor-xian"))
        browser_as("supervisor-xian").post(f"{PAGE}{mine.pk}/test/")
        payload = server.messages[-1].get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert "Your code is" not in payload.decode()
        assert self.code(server)

    def test_over_sms(self, me: Client, cast: Any, sink: Sink) -> None:
        sms(sink)
        done(me, "add/", channel="sms", address="+447700900123")
        mine = ContactPoint.objects.get(channel="sms")
        done(me, f"{mine.pk}/test/")
        [body] = sink.bodies()
        assert body["to"] == "+447700900123"
        assert re.fullmatch(r"ContactOps code: Your code is \d{6}\. .+", body["message"])
        assert 0 < sms_words.gsm_size(body["message"]) < 160

    def test_not_another_one(self, me: Client, point: ContactPoint, server: MailServer, clock: Clock) -> None:
        done(me, f"{point.pk}/test/")
        right = self.code(server)
        for wrong in (f"{(int(right) + 1) % 10**6:06d}", "abc", "1" * 20, "٠" * 6):
            assert "This is not the code" in refused(me, f"{point.pk}/confirm/", code=wrong)
        assert refused(me, f"{point.pk}/confirm/", code="")
        point.refresh_from_db()
        assert point.verified_at is None

    def test_it_expires(self, me: Client, point: ContactPoint, server: MailServer, clock: Clock) -> None:
        done(me, f"{point.pk}/test/")
        code = self.code(server)
        clock.forward(contacts.CODE_HOLDS)
        done(me, f"{point.pk}/confirm/", code=code)
        clock.forward(contacts.CODE_HOLDS)
        refused(me, f"{point.pk}/confirm/", code=code)

    def test_it_is_good_for_this_address_only(
        self, me: Client, point: ContactPoint, server: MailServer, clock: Clock
    ) -> None:
        done(me, "add/", channel="email", address="b@example.org")
        done(me, f"{point.pk}/test/")
        code = self.code(server)
        other = ContactPoint.objects.get(address="b@example.org")
        refused(me, f"{other.pk}/confirm/", code=code)
        done(me, f"{point.pk}/change/", address="c@example.org")
        refused(me, f"{point.pk}/confirm/", code=code)

    def test_another_address_has_to_be_proved_anew(self, me: Client, point: ContactPoint, clock: Clock) -> None:
        ContactPoint.objects.filter(pk=point.pk).update(verified_at=clock.now)
        done(me, f"{point.pk}/change/", address="supervisor@example.org")
        point.refresh_from_db()
        assert point.verified_at == clock.now  # the same one
        done(me, f"{point.pk}/change/", address="other@example.org")
        point.refresh_from_db()
        assert point.address == "other@example.org"
        assert point.verified_at is None
        refused(me, f"{point.pk}/change/", address="nobody")

    def test_guesses_are_counted(self, me: Client, point: ContactPoint, server: MailServer, clock: Clock) -> None:
        done(me, f"{point.pk}/test/")
        code = self.code(server)
        for _guess in range(contacts.TRIES_A_MINUTE):
            refused(me, f"{point.pk}/confirm/", code="000000" if code != "000000" else "000001")
        assert me.post(f"{PAGE}{point.pk}/confirm/", {"code": code}).status_code == 429
        point.refresh_from_db()
        assert point.verified_at is None
        SignInTries.objects.all().delete()  # a minute later
        done(me, f"{point.pk}/confirm/", code=code)

    def test_so_are_codes(self, me: Client, point: ContactPoint, server: MailServer) -> None:
        for _again in range(contacts.CODES_A_MINUTE):
            done(me, f"{point.pk}/test/")
        assert me.post(f"{PAGE}{point.pk}/test/").status_code == 429
        assert len(server.messages) == contacts.CODES_A_MINUTE

    def test_what_cannot_be_sent_is_said(self, me: Client, point: ContactPoint, server: MailServer) -> None:
        server.on_recipient = "550 5.1.1 No such box"
        assert "Refused: the mail server said: 550 5.1.1 No such box." in done(me, f"{point.pk}/test/")


class TestTheApi:
    def test_lists_and_adds_ones_own(self, api: Apis, sink: Sink) -> None:
        sms(sink)
        mine = api("supervisor")
        made = mine.post("contacts/", {"channel": "sms", "address": "+44 7700 900123"}, 201)
        assert set(made) == {"id", "channel", "address", "order", "verified_at", "ready"}
        assert (made["address"], made["order"], made["verified_at"]) == ("+447700900123", 2, None)
        answer = mine.get("contacts/")
        assert set(answer) == {"results", "next"}
        assert answer["results"][1] == made
        assert [one["address"] for one in api("leader").get("contacts/")["results"]] == ["leader@example.org"]

    def test_refuses_as_the_page_does(self, api: Apis) -> None:
        mine = api("supervisor")
        assert set(mine.post("contacts/", {}, 400)) == {"channel", "address"}
        assert "address" in mine.post("contacts/", {"channel": "email", "address": "nobody"}, 400)
        assert "channel" in mine.post("contacts/", {"channel": "sms", "address": "+447700900123"}, 400)
        given = {"channel": "email", "address": "supervisor@example.org"}
        assert mine.post("contacts/", given, 409)["code"] == "listed"

    def test_once_per_key(self, api: Apis) -> None:
        given = {"channel": "email", "address": "b@example.org"}
        mine = api("supervisor")
        first = mine.post("contacts/", given, 201, key="one")
        assert mine.post("contacts/", given, 201, key="one") == first
        assert addresses() == ["supervisor@example.org", "b@example.org"]


def test_the_administration_takes_a_changed_address_for_unproved(browser_as: Browser, point: ContactPoint) -> None:
    """Whoever changes it, and with whatever."""
    ContactPoint.objects.filter(pk=point.pk).update(verified_at="2026-01-01T00:00:00Z")
    ContactPoint.objects.filter(pk=point.pk).update(order=7)
    point.refresh_from_db()
    assert point.verified_at is not None
    point.address = "other@example.org"
    point.save()
    point.refresh_from_db()
    assert point.verified_at is None
