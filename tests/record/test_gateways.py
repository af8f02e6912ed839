"""Letters handed to real servers on loopback that take them, refuse them, hang or are not there."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.wecombot import NotifyWeComBot
from django.core.exceptions import ValidationError

from contactops.accounts import gateway_urls
from contactops.accounts.models import THROUGH_A_GATEWAY, Channel, Gateway
from incidents.notify import gateways
from incidents.notify.gateways import Failure, Letter, NoGateway, Refused, Unreachable, send
from plans.models import Site
from tests.record import sink as behaviour
from tests.record.mailserver import MailServer, mail_server
from tests.record.sink import Sink, closed_port, http_sink

SECRET = "s3cr3t-t0k3n"


def letter(n: int = 1, channel: str = "webhook", address: str = "", **more: Any) -> Letter:
    given = {"subject": f"INC-{n}", "body": f"Body {n} 停电", "short": f"Short {n}", **more}
    return Letter(key=f"T-1:{n}:7:{channel}", channel=channel, address=address or f"person{n}", **given)


def gateway(
    sink: Sink, channel: str = "webhook", path: str = f"/{SECRET}?rto=1&:who={{address}}", **more: Any
) -> Gateway:
    return Gateway.objects.create(channel=channel, name="Sink", url=f"json://{sink.host}{path}", **more)


def only(error: Failure | None) -> Failure:
    assert error is not None
    return error


def sent(*letters: Letter) -> list[Failure | None]:
    outcomes = list(send(letters))
    assert [one for one, _error in outcomes] == list(letters)
    return [error for _one, error in outcomes]


def test_a_webhook_is_told_everything_and_the_same_key_every_time(db: None, sink: Sink) -> None:
    gateway(sink)
    assert sent(letter(1), letter(2, address="王芳+1@x")) == [None, None]
    assert sent(letter(1)) == [None]
    (path, headers, body), (_path, _headers, second), (_again, again, _body) = sink.requests
    assert path.startswith(f"/{SECRET}")
    assert (body["title"], body["message"], body["who"]) == ("INC-1", "Body 1 停电", "person1")
    assert second["who"] == "王芳+1@x"
    assert headers["Idempotency-Key"] == again["Idempotency-Key"] == "T-1:1:7:webhook"


def test_short_channels_get_the_short_words(db: None, sink: Sink) -> None:
    for channel in ("sms", "voice", "slack"):
        gateway(sink, channel)
        assert sent(letter(1, channel, "+447700900123")) == [None]
    assert [body["message"] for body in sink.bodies()] == ["Short 1", "Short 1", "Body 1 停电"]
    assert [body["title"] for body in sink.bodies()] == ["", "", "INC-1"]


ANSWERS = [
    *((status, Refused) for status in (400, 401, 403, 404, 410, 422)),
    *((status, Unreachable) for status in (408, 425, 429, 500, 502, 503)),
]


@pytest.mark.parametrize(("status", "outcome"), ANSWERS)
def test_what_an_answer_means(db: None, sink: Sink, status: int, outcome: type[Failure]) -> None:
    gateway(sink)
    sink.answer = status
    [error] = sent(letter())
    assert type(error) is outcome
    assert str(error) == f"the gateway answered HTTP {status}"


BEHAVIOURS: dict[str, tuple[Callable[[Sink, Any], None], str]] = {
    "hangs": (behaviour.hang, "timeout"),
    "hangs up": (behaviour.hang_up, "connection"),
    "answers after the time-out": (behaviour.answer_late, "timeout"),
}


@pytest.mark.parametrize("what", BEHAVIOURS)
def test_what_no_answer_means(db: None, sink: Sink, what: str) -> None:
    gateway(sink)
    sink.behave, why = BEHAVIOURS[what]
    began = time.monotonic()
    [error] = sent(letter())
    assert type(error) is Unreachable
    assert only(error).why == why
    assert time.monotonic() - began < 8


def test_one_that_drips_for_ever_is_given_up(db: None, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_urls, "HARD_S", 1.0)
    gateway(sink)
    sink.behave = behaviour.drip
    [error] = sent(letter())
    assert (type(error), only(error).why) == (Unreachable, "timeout")


def test_a_redirect_is_not_followed(db: None, sink: Sink) -> None:
    """The POST would arrive as a GET somewhere, and be called delivered."""
    gateway(sink)
    sink.behave = behaviour.redirect
    [error] = sent(letter())
    assert type(error) is Refused
    assert [path.partition("?")[0] for path, _headers, _body in sink.requests] == [f"/{SECRET}"]


def test_nobody_listens(db: None, sink: Sink) -> None:
    Gateway.objects.create(channel="webhook", name="Gone", url=f"json://127.0.0.1:{closed_port()}/")
    [error] = sent(letter())
    assert (type(error), only(error).why) == (Unreachable, "connection")


def test_the_others_do_not_wait_for_one_that_does_not_answer(db: None, sink: Sink) -> None:
    gateway(sink)
    with http_sink() as other:
        gateway(other, "slack")
        sink.behave = behaviour.hang
        began = time.monotonic()
        outcomes = sent(letter(1), letter(2), letter(3, "slack"), letter(4), letter(5, "slack"))
        assert [type(error).__name__ for error in outcomes] == [
            *("Unreachable", "Unreachable", "NoneType", "Unreachable", "NoneType")
        ]
        assert time.monotonic() - began < 8
    assert len(sink.requests) == 1
    sink.behave = None
    assert sent(letter(1), letter(2)) == [None, None]  # the next call asks again


def test_a_refusal_does_not_hold_up_the_others(db: None, sink: Sink) -> None:
    gateway(sink)
    sink.answer = 400
    assert [type(error) for error in sent(letter(1), letter(2))] == [Refused, Refused]
    assert len(sink.requests) == 2


def test_each_outcome_is_known_as_soon_as_there_is_one(db: None, sink: Sink) -> None:
    gateway(sink)
    outcomes = send([letter(1), letter(2)])
    assert next(outcomes)[1] is None
    assert len(sink.requests) == 1
    assert [error for _letter, error in outcomes] == [None]
    assert len(sink.requests) == 2


def test_without_a_gateway_it_is_refused_and_logged(db: None, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    gateway(sink, enabled=False)
    with caplog.at_level(logging.WARNING):
        [error] = sent(letter())
    assert type(error) is NoGateway
    assert isinstance(error, Refused)
    assert "T-1:1:7:webhook over webhook: refused: no gateway is set up for this channel" in caplog.text
    assert sink.requests == []


def test_the_sites_own_gateway_goes_before_that_of_all(db: None, sink: Sink, django_assert_num_queries: Any) -> None:
    leeds, xian = Site.objects.get(code="leeds"), Site.objects.get(code="xian")
    gateway(sink, path="/all")
    gateway(sink, path="/leeds", site=leeds)
    with django_assert_num_queries(1):
        assert (
            sent(letter(site_id=leeds.pk), letter(site_id=xian.pk), letter(), letter(channel="console")) == [None] * 4
        )
    assert [path.partition("?")[0] for path, _headers, _body in sink.requests] == ["/leeds", "/all", "/all"]


class Written(logging.Handler):
    """Everything that reaches the console's handlers."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.getMessage()}")


@pytest.fixture
def written() -> Iterator[Written]:
    """With the log as talkative as it can be set."""
    root, handler = logging.getLogger(), Written()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("behave", [None, behaviour.hang_up, behaviour.hang])
def test_no_secret_in_logs_and_errors(
    db: None, sink: Sink, written: Written, capfd: pytest.CaptureFixture[str], behave: Any
) -> None:
    row = Gateway.objects.create(
        channel="webhook", name="Sink", url=f"json://user:{SECRET}@{sink.host}/{SECRET}?rto=1&+X-Key={SECRET}"
    )
    sink.answer, sink.behave = 500, behave
    [error] = sent(letter())
    gateways.send_through(row, letter())
    out, err = capfd.readouterr()
    assert error
    assert any("over webhook: unreachable" in line for line in written.lines)
    assert len(sink.requests) == 2
    for said in (str(error), repr(error), *written.lines, out, err, str(row)):
        assert SECRET not in said


def test_two_calls_at_once_do_not_mix_up_what_they_hear(db: None, sink: Sink) -> None:
    """One fails while the other one is being made: its complaint is not taken for the other's."""
    good, bad = f"json://{sink.host}/", "twilio://AC0:1@+447700900000/{address}"
    wrong: list[str] = []

    def make(url: str, is_good: bool) -> None:
        for _try in range(40):
            if (gateway_urls.service(url, "someone") is not None) != is_good:
                wrong.append(url)

    threads = [threading.Thread(target=make, args=args) for args in ((good, True), (bad, False), (good, True))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong


class TestRobots:
    """They answer 200 to what they refuse."""

    CASES: dict[str, tuple[str, type[Any], str, str]] = {
        "dingtalk": ("dingtalk://SEC0123@0123456789abcdef/{address}", NotifyDingTalk, "notify_url", "/robot?t={token}"),
        "wecom": ("wecombot://01234567-89ab", NotifyWeComBot, "notify_url", "/wecom?key={key}"),
    }

    @pytest.fixture(params=CASES)
    def channel(self, request: Any, db: None, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> str:
        url, plugin, name, path = self.CASES[request.param]
        monkeypatch.setattr(plugin, name, f"http://{sink.host}{path}")
        Gateway.objects.create(channel=request.param, name="Robot", url=f"{url}?rto=1")
        return str(request.param)

    @pytest.mark.parametrize(
        ("body", "outcome"),
        [
            (b'{"errcode": 0, "errmsg": "ok"}', None),
            (b'{"errcode": 310000, "errmsg": "sign not match"}', Refused),
            (b'{"errcode": 45009, "errmsg": "too fast"}', Unreachable),
            (b"<html>a proxy's page</html>", Refused),
            (b"[]", Refused),
            (b"", Refused),
        ],
    )
    def test_what_the_body_says_counts(
        self, channel: str, sink: Sink, body: bytes, outcome: type[Failure] | None
    ) -> None:
        sink.body = body
        [error] = sent(letter(1, channel, "+8613800138000"))
        assert (type(error) if error else None) is outcome
        [(path, _headers, content)] = sink.requests
        assert content["text"]["content"] == "INC-1\nBody 1 停电"
        if channel == "dingtalk":
            assert content["at"]["atMobiles"] == ["8613800138000"]
            assert "&sign=" in path and "%25" not in path  # encoded once

    @pytest.mark.parametrize(("status", "outcome"), [(400, Refused), (429, Unreachable), (500, Unreachable)])
    def test_so_does_the_status(self, channel: str, sink: Sink, status: int, outcome: type[Failure]) -> None:
        sink.answer = status
        assert [type(error) for error in sent(letter(1, channel, "+8613800138000"))] == [outcome]

    @pytest.mark.parametrize(("behave", "why"), [(behaviour.hang, "timeout"), (behaviour.hang_up, "connection")])
    def test_and_none(self, channel: str, sink: Sink, behave: Any, why: str) -> None:
        sink.behave = behave
        [error] = sent(letter(1, channel, "+8613800138000"))
        assert (type(error), only(error).why) == (Unreachable, why)


class TestMail:
    def mails(self, count: int) -> list[Letter]:
        return [
            letter(n, "email", f"p{n}@example.org", headers={"Message-ID": f"<{n}@example.org>"})
            for n in range(1, count + 1)
        ]

    def test_many_go_over_one_connection(self, server: MailServer) -> None:
        assert sent(*self.mails(12)) == [None] * 12
        assert [message["Message-ID"] for message in server.messages] == [f"<{n}@example.org>" for n in range(1, 13)]
        assert server.connections == 1

    def test_no_connection_without_an_e_mail(self, db: None, server: MailServer) -> None:
        assert sent(letter(channel="console")) == [None]
        assert server.connections == 0

    @pytest.mark.parametrize("place", ["on_recipient", "on_data"])
    @pytest.mark.parametrize(
        ("reply", "outcome"), [("550 5.1.1 No such box", Refused), ("451 4.7.1 Later", Unreachable)]
    )
    def test_one_that_is_refused_does_not_spoil_the_others(
        self, server: MailServer, place: str, reply: str, outcome: type[Failure]
    ) -> None:
        first, second, third = self.mails(3)
        setattr(server, place, reply)
        server.only_for = second.address
        outcomes = sent(first, second, third)
        assert [type(error) if error else None for error in outcomes] == [None, outcome, None]
        assert str(outcomes[1]) == f"the mail server said: {reply}"
        assert server.to() == [first.address, third.address]
        assert server.connections == 1

    def test_a_connection_that_breaks_is_made_again(self, server: MailServer) -> None:
        first, second, third = self.mails(3)
        server.on_recipient, server.only_for = "421 4.3.0 Going down", second.address
        outcomes = sent(first, second, third)
        assert [type(error) if error else None for error in outcomes] == [None, Unreachable, None]
        assert server.to() == [first.address, third.address]
        assert server.connections == 2

    def test_a_server_that_refuses_us_is_no_reason_to_give_a_letter_up(self, server: MailServer) -> None:
        server.on_sender = "550 5.7.1 Sender address rejected"
        assert [type(error) for error in sent(*self.mails(2))] == [Unreachable, Unreachable]

    def test_one_that_is_not_there_is_asked_once(self, settings: Any) -> None:
        with mail_server(settings):
            pass  # it was there once
        outcomes = sent(*self.mails(5))
        assert [type(error) for error in outcomes] == [Unreachable] * 5
        assert "ConnectionRefusedError" in str(outcomes[4])

    def test_what_can_be_no_letter_is_refused(self, server: MailServer) -> None:
        bad = letter(1, "email", "a@b.example\nBcc: all@example.org")
        worse = letter(2, "email", "p2@example.org", subject="Two\nlines")
        outcomes = sent(bad, worse, *self.mails(1))
        assert [type(error) if error else None for error in outcomes] == [Refused, Refused, None]
        assert server.to() == ["p1@example.org"]

    def test_without_a_server_they_are_kept_as_files(self, settings: Any, tmp_path: Any) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = str(tmp_path)
        assert sent(*self.mails(3)) == [None] * 3
        [path] = tmp_path.glob("*.log")
        assert path.read_text().count("Message-ID: ") == 3


# One URL of each kind of channel, as the operating manual has them.
EXAMPLES = {
    "sms": "twilio://AC0123456789abcdef0123456789abcdef:0123456789abcdef@+447700900000/{address}",
    "voice": "twilio://AC0123456789abcdef0123456789abcdef:0123456789abcdef@+447700900000/{address}?method=call",
    "dingtalk": "dingtalk://SEC0123456789abcdef@0123456789abcdef0123456789abcdef/{address}",
    "wecom": "wecombot://01234567-89ab-cdef-0123-456789abcdef",
    "feishu": "feishu://01234567-89ab-cdef-0123-456789abcdef",
    "slack": "slack://xoxb-123456789012-123456789012-abcdefghijklmnopqrstuvwx/@{address}",
    "teams": "workflows://prod-01.uksouth.logic.azure.com:443/0123456789abcdef0123456789abcdef/abcdefghijklmnopqrstuvwxyz01234",
    "telegram": "tgram://123456789:abcdefghijklmnopqrstuvwxyz012345678/{address}",
    "webhook": "jsons://hooks.example.org/incidents?+X-Key=abc&:to={address}",
}
OTHERS = [
    ("sms", "vonage://0123456789:abcdef0123456789@447700900000/{address}"),
    ("sms", "sns://AKIAIOSFODNN7EXAMPLE/wJalrXUtnFEMIbPxRfiCYEXAMPLEKEYabcdefgh/eu-west-1/{address}"),
    ("sms", "jsons://sms.example.org/send?:to={address}"),
    ("wecom", "wechat://CORPID:CORPSECRET@1000002/{address}"),
    ("slack", "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/abcdefghijklmnopqrstuvwx"),
]


class TestUrls:
    def test_every_channel_has_an_example(self) -> None:
        assert set(EXAMPLES) == set(THROUGH_A_GATEWAY) == set(Channel) - {"console", "email"}

    @pytest.mark.parametrize(("channel", "url"), [*EXAMPLES.items(), *OTHERS])
    def test_examples_are_understood(self, channel: str, url: str) -> None:
        gateway_urls.check(channel, url)
        Gateway(channel=channel, name="Example", url=url).clean()

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            ("", "not a URL that Apprise understands"),
            ("nonsense", "not a URL that Apprise understands"),
            ("nothing://x", "not a URL that Apprise understands"),
            ("tgram://{address}", "not a URL that Apprise understands"),
            ("twilio://AC0:1@+447700900000/{address}", "not a URL that Apprise understands"),
            ("json://x.example/{adress}", "Only {address}"),
            ("json://{address}/", "server’s name"),
            ("json://{address}@x.example/", "server’s name"),
            ("jsons://{address}.example.org/", "server’s name"),
            ("https://example.org/hook", "jsons:// instead of https://"),
            ("slack://xoxb-1-2-abc/@{address}?template=/etc/passwd", "own computer"),
            ("json://x.example/a\x00b", "cannot be stored"),
            *(
                (f"{local}://x", "own computer")
                for local in ("dbus", "gnome", "macosx", "windows", "syslog", "SYSLOG", "kde", "blink1", "file")
            ),
        ],
    )
    def test_what_is_no_gateway(self, url: str, words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            gateway_urls.check("webhook", url)
        with pytest.raises(ValidationError) as caught:
            Gateway(channel="webhook", name="Wrong", url=url).clean()
        assert set(caught.value.message_dict) == {"url"}

    @pytest.mark.parametrize("address", ["123456789", "someone", "+44", "bad phone"])
    def test_an_address_that_a_gateway_drops_goes_to_nobody_else(self, db: None, sink: Sink, address: str) -> None:
        """Without a target some would write to themselves."""
        assert gateway_urls.service(EXAMPLES["sms"], address) is None
        Gateway.objects.create(channel="sms", name="Twilio", url=EXAMPLES["sms"])
        [error] = sent(letter(1, "sms", address))
        assert (type(error), only(error).why) == (Refused, "address")

    @pytest.mark.parametrize("address", ["a/b", "a?b=c&d", "a#b", "x@evil.example", "../../etc", "{address}", "a;b"])
    def test_an_address_stays_in_its_place(self, db: None, sink: Sink, address: str) -> None:
        gateway(sink, path="/in/{address}/end?:who={address}")
        assert sent(letter(1, address=address)) == [None]
        [(path, headers, body)] = sink.requests
        assert body["who"] == address
        assert path.startswith("/in/")
        assert headers["Idempotency-Key"] == "T-1:1:7:webhook"

    def test_limits_hold_whatever_the_url_says(self) -> None:
        for url, limits in (
            ("json://x.example/", (5, 10)),
            ("json://x.example/?cto=60&rto=900", (5, 10)),
            ("json://x.example/?cto=2&rto=3", (2, 3)),
        ):
            made = gateway_urls.service(url, "x")
            assert made is not None
            assert made.request_timeout == limits, url

    @pytest.mark.parametrize("url", [*EXAMPLES.values(), *(url for _channel, url in OTHERS)])
    def test_masked(self, url: str) -> None:
        shown = gateway_urls.masked(url)
        scheme = url.partition("://")[0]
        assert shown.startswith(f"{scheme}://")
        assert shown in (f"{scheme}://••••", "jsons://hooks.example.org/••••", "jsons://sms.example.org/••••")

    def test_masked_without_user_and_password(self) -> None:
        assert gateway_urls.masked("json://me:secret@x.example:81/path?k=v") == "json://x.example/••••"
