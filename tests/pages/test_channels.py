"""The page of channels: gateways are set up, tested against real servers, and never shown again."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from contactops.accounts.models import Channel, ContactPoint, Gateway, User
from plans.models import Membership, Site
from tests.helpers import Api
from tests.pages.conftest import Browser
from tests.record import sink as behaviour
from tests.record.mailserver import mail_server
from tests.record.sink import Sink, closed_port

Apis = Callable[[str], Api]
PAGE = "/system/channels/"
SECRET = "s3cr3t-t0k3n"


@pytest.fixture
def admin(browser_as: Browser) -> Client:
    return browser_as("admin")


def made(sink: Sink, channel: str = "sms", **more: Any) -> Gateway:
    url = f"json://{sink.host}/{SECRET}?rto=1&:to={{address}}"
    return Gateway.objects.create(**{"channel": channel, "name": "Sink", "url": url, **more})


def shown(browser: Client) -> str:
    response = browser.get(PAGE)
    assert response.status_code == 200
    return unescape(response.content.decode())


def done(browser: Client, where: str, **body: str) -> str:
    """What the page says after it."""
    response = browser.post(where, body)
    assert response.status_code == 302, unescape(response.content.decode())[:3000]
    assert response["Location"] == PAGE
    return shown(browser)


class TestSettingUp:
    def test_a_gateway_is_added_and_its_url_never_shown_again(self, admin: Client, sink: Sink) -> None:
        url = f"jsons://{sink.host}/{SECRET}?:to={{address}}"
        page = done(admin, f"{PAGE}add/", channel="sms", name="House SMS", url=url, site="leeds", enabled="true")
        assert "Gateway “House SMS” added." in page
        row = Gateway.objects.get()
        assert (row.channel, row.url, row.site, row.enabled) == ("sms", url, Site.objects.get(code="leeds"), True)
        assert "jsons://127.0.0.1/••••" in page
        assert SECRET not in page

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"url": "nonsense"}, "not a URL that Apprise understands"),
            ({"url": "dbus://"}, "own computer"),
            ({"url": "json://x.example/{who}"}, "Only {address}"),
            ({"url": ""}, "may not be blank"),
            ({"channel": "email"}, "is not a valid choice"),
            ({"channel": "pigeon"}, "is not a valid choice"),
            ({"name": ""}, "may not be blank"),
            ({"name": "x" * 61}, "no more than 60"),
            ({"site": "nowhere"}, "There is no site “nowhere”."),
            ({"url": "json://x.example/\x00"}, "Null characters are not allowed"),
        ],
    )
    def test_wrong_input_comes_back_at_its_field(self, admin: Client, body: dict[str, str], words: str) -> None:
        given = {"channel": "sms", "name": "House SMS", "url": "json://x.example/", "site": "", **body}
        response = admin.post(f"{PAGE}add/", given)
        page = unescape(response.content.decode())
        assert (response.status_code, 'role="alert"' in page) == (400, True)
        assert words in page
        assert f'id="channels-add-{next(iter(body))}-error"' in page
        assert not Gateway.objects.exists()

    def test_one_of_a_channel_is_enabled_per_site(self, admin: Client, sink: Sink) -> None:
        made(sink)
        body = {"channel": "sms", "name": "Second", "url": "json://x.example/", "enabled": "true"}
        response = admin.post(f"{PAGE}add/", body)
        assert response.status_code == 409
        assert "Disable that one first." in response.content.decode()
        done(admin, f"{PAGE}add/", **{**body, "site": "xian"})
        done(admin, f"{PAGE}add/", **{**body, "enabled": ""})
        second = Gateway.objects.get(enabled=False)
        response = admin.post(f"{PAGE}{second.pk}/enable/")
        assert (response.status_code, "Disable that one first." in response.content.decode()) == (409, True)
        assert Gateway.objects.filter(enabled=True).count() == 2

    def test_changing(self, admin: Client, sink: Sink) -> None:
        row = made(sink)
        done(admin, f"{PAGE}{row.pk}/test/", address="+447700900123")
        page = done(admin, f"{PAGE}{row.pk}/change/", name="Other name", url="", site="xian")
        assert "Other name" in page and "Last test" in page
        kept = Gateway.objects.get()
        assert (kept.url, kept.site and kept.site.code) == (row.url, "xian")
        page = done(admin, f"{PAGE}{row.pk}/change/", name="Other name", url="json://x.example/", site="")
        assert "Never tested." in page
        assert Gateway.objects.get().url == "json://x.example/"
        response = admin.post(f"{PAGE}{row.pk}/change/", {"name": "N", "url": "nonsense"})
        assert response.status_code == 400
        assert Gateway.objects.get().url == "json://x.example/"

    def test_disabling_enabling_and_removing_twice(self, admin: Client, sink: Sink) -> None:
        row = made(sink)
        for verb, enabled in (("disable", False), ("disable", False), ("enable", True), ("enable", True)):
            done(admin, f"{PAGE}{row.pk}/{verb}/")
            assert Gateway.objects.get().enabled is enabled
        assert "removed" in done(admin, f"{PAGE}{row.pk}/remove/")
        assert not Gateway.objects.exists()
        for verb in ("remove", "enable", "test", "change"):
            assert admin.post(f"{PAGE}{row.pk}/{verb}/", {"name": "x"}).status_code == 404
        assert admin.post(f"{PAGE}{row.pk}/dance/").status_code == 404

    def test_opened_without_being_sent_nothing_happens(self, admin: Client, sink: Sink) -> None:
        row = made(sink)
        for address in ("add/", "test-mail/", f"{row.pk}/remove/", f"{row.pk}/test/"):
            assert admin.get(f"{PAGE}{address}")["Location"] == PAGE
        assert Gateway.objects.get() == row


class TestTests:
    """Sent at once, and told in words."""

    def test_handed_over(self, admin: Client, sink: Sink) -> None:
        row = made(sink)
        page = done(admin, f"{PAGE}{row.pk}/test/", address="+44 7700 900-123")
        assert page.count("Handed over.") == 2  # said now, and kept
        [body] = sink.bodies()
        assert body["to"] == "+447700900123"
        assert body["message"].startswith("ContactOps test: This is a test")
        row.refresh_from_db()
        assert (row.last_test_result, row.last_test_at is not None) == ("handed", True)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (400, "Refused: the gateway answered HTTP 400."),
            (429, "Cannot be reached: the gateway answered HTTP 429."),
            (500, "Cannot be reached: the gateway answered HTTP 500."),
            (behaviour.hang, "Cannot be reached: it did not answer in time."),
            (behaviour.hang_up, "Cannot be reached: the connection failed."),
            (behaviour.answer_late, "Cannot be reached: it did not answer in time."),
        ],
    )
    def test_not(self, admin: Client, sink: Sink, answer: Any, words: str) -> None:
        row = made(sink, enabled=False)
        sink.answer, sink.behave = (answer, None) if isinstance(answer, int) else (200, answer)
        page = done(admin, f"{PAGE}{row.pk}/test/", address="+447700900123")
        assert page.count(words) == 2
        assert SECRET not in page

    def test_nobody_listens(self, admin: Client) -> None:
        row = Gateway.objects.create(channel="slack", name="Gone", url=f"json://127.0.0.1:{closed_port()}/")
        assert "Cannot be reached" in done(admin, f"{PAGE}{row.pk}/test/", address="@ops")

    def test_an_address_that_is_none(self, admin: Client, sink: Sink) -> None:
        row = made(sink)
        for address, words in (
            ("", "may not be blank"),
            ("ops", "country code"),
            ("+44 7700 900123, 1", "country code"),
        ):
            response = admin.post(f"{PAGE}{row.pk}/test/", {"address": address})
            assert (response.status_code, words in response.content.decode()) == (400, True), address
        assert sink.requests == []

    def test_ones_own_contact_point_is_proposed(self, admin: Client, sink: Sink, cast: Callable[[str], User]) -> None:
        made(sink)
        ContactPoint.objects.create(user=cast("admin"), channel="sms", address="+447700900999")
        page = shown(admin)
        assert 'value="+447700900999"' in page
        assert 'value="admin@example.org"' in page

    def test_e_mail(self, admin: Client, settings: Any) -> None:
        with mail_server(settings) as server:
            assert "Handed over." in done(admin, f"{PAGE}test-mail/", address="me@example.org")
            assert server.to() == ["me@example.org"]
            server.on_recipient = "550 5.1.1 No such box"
            page = done(admin, f"{PAGE}test-mail/", address="me@example.org")
            assert "Refused: the mail server said: 550 5.1.1 No such box." in page
        assert "Cannot be reached: the mail server said: " in done(admin, f"{PAGE}test-mail/", address="me@example.org")
        assert admin.post(f"{PAGE}test-mail/", {"address": "nobody"}).status_code == 400


class TestWhoIsOutOfReach:
    def names(self, page: str) -> str:
        return page.partition('id="unreached"')[2]

    def test_members_of_groups_first(self, admin: Client, cast: Callable[[str], User]) -> None:
        tech = cast("tech")
        assert Membership.objects.filter(user=tech).exists()
        assert str(tech) not in self.names(shown(admin))
        ContactPoint.objects.filter(user=tech).delete()
        grouped, _others, rest = self.names(shown(admin)).partition("<details")
        assert str(tech) in grouped
        assert str(cast("agent07")) in rest
        assert str(cast("agent07")) not in grouped

    def test_a_contact_point_counts_where_there_is_a_gateway(self, admin: Client, cast: Any, sink: Sink) -> None:
        agent = cast("agent07")
        ContactPoint.objects.create(user=agent, channel="sms", address="+447700900123")
        assert str(agent) in self.names(shown(admin))
        row = made(sink, site=Site.objects.get(code="xian"))
        assert str(agent) in self.names(shown(admin))
        Gateway.objects.filter(pk=row.pk).update(site=agent.site)
        assert str(agent) not in self.names(shown(admin))

    def test_nobody_inactive(self, admin: Client, cast: Any) -> None:
        User.objects.filter(username="agent07").update(is_active=False)
        assert str(cast("agent07")) not in self.names(shown(admin))

    def test_in_as_many_queries_however_many_there_are(
        self, admin: Client, sink: Sink, django_assert_max_num_queries: Any
    ) -> None:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as few:
            shown(admin)
        for n in range(4):
            made(sink, name=f"G{n}", enabled=False, site=Site.objects.all()[n % 2])
        ContactPoint.objects.all().delete()
        with CaptureQueriesContext(connection) as many:
            shown(admin)
        assert len(many) == len(few)


class TestWho:
    def test_auditors_look(self, browser_as: Browser, sink: Sink) -> None:
        row = made(sink)
        auditor = browser_as("auditor")
        page = shown(auditor)
        assert "Sink" in page
        assert SECRET not in page
        assert f"{PAGE}add/" not in page and "/test/" not in page
        for address in (
            "add/",
            "test-mail/",
            *(f"{row.pk}/{verb}/" for verb in ("change", "test", "disable", "remove")),
        ):
            body = {"channel": "sms", "name": "N", "url": "json://x.example/", "address": "+447700900123"}
            assert auditor.post(f"{PAGE}{address}", body).status_code == 403, address
        assert sink.requests == []

    @pytest.mark.parametrize("username", ["agent", "leader", "supervisor", "manager", "tech", "director"])
    def test_nobody_else_enters(self, browser_as: Browser, sink: Sink, username: str) -> None:
        row = made(sink)
        browser = browser_as(username)
        assert browser.get(PAGE).status_code == 403
        assert browser.post(f"{PAGE}{row.pk}/remove/").status_code == 403
        assert Gateway.objects.get() == row

    def test_its_url_stands_in_no_list_of_the_administration(self, admin: Client, sink: Sink) -> None:
        made(sink)
        for address in ("/admin/", "/admin/accounts/"):
            assert SECRET not in admin.get(address).content.decode()
        assert admin.get("/admin/accounts/gateway/").status_code == 404


def test_the_api_shows_channels_masked(api: Apis, sink: Sink) -> None:
    row = made(sink, site=Site.objects.get(code="leeds"))
    answer = api("admin").get("channels/")
    assert set(answer) == {"results", "next"}
    assert [one["channel"] for one in answer["results"]] == list(Channel.values)
    by_channel = {one["channel"]: one for one in answer["results"]}
    assert by_channel["sms"] == {
        "channel": "sms",
        "name": "SMS",
        "ready": True,
        "gateways": [
            {
                "id": row.pk,
                "name": "Sink",
                "site": "leeds",
                "enabled": True,
                "url": "json://127.0.0.1/••••",
                "last_test_at": None,
                "last_test": "",
            }
        ],
    }
    assert [one["channel"] for one in answer["results"] if one["ready"]] == ["console", "email", "sms"]
    assert SECRET not in str(answer)
    assert api("supervisor").get("channels/", 403)["code"] == "not_allowed"


class TestChinese:
    """The page and what went wrong, in the reader's language."""

    def test_refusals_and_outcomes(self, admin: Client, sink: Sink) -> None:
        User.objects.filter(username="admin").update(language="zh-hans")
        row = made(sink)
        response = admin.post(f"{PAGE}add/", {"channel": "sms", "name": "短信", "url": "nonsense"})
        page = unescape(response.content.decode())
        assert "not a URL" not in page
        assert "Apprise" in page
        sink.answer = 400
        page = done(admin, f"{PAGE}{row.pk}/test/", address="+8613800138000")
        assert "Refused" not in page
        assert "HTTP 400" in page
        assert "This is a test" not in str(sink.bodies())


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("gateway_channel_is_one_that_needs_it", {"channel": "email"}),
        ("gateway_channel_is_one_that_needs_it", {"channel": "pigeon"}),
        ("gateway_test_has_a_time_and_a_result", {"last_test_result": "handed"}),
        ("one_gateway_of_a_channel_is_enabled_per_site", {"channel": "slack"}),
    ],
)
def test_what_the_database_refuses(db: None, sink: Sink, constraint: str, change: dict[str, str]) -> None:
    made(sink, "slack")
    row = made(sink)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Gateway.objects.filter(pk=row.pk).update(**change)
