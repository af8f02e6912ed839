"""The fake gateways do what the faults ask of them, and what a trial calls wrong is found."""

import smtplib
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any

import pytest

from tests.faults.gateways import MailGateway, WebGateway
from tests.faults.table import Fault, kill_web
from tests.faults.trial import After

TIMEOUT_S = 0.5


@pytest.fixture
def mail() -> Iterator[MailGateway]:
    it = MailGateway(late_s=1.0)
    yield it
    it.stop()


@pytest.fixture
def web() -> Iterator[WebGateway]:
    it = WebGateway(late_s=1.0)
    yield it
    it.stop()


def send(mail: MailGateway, key: str = "T-1.1.5.email") -> None:
    message = EmailMessage()
    message["Message-ID"], message["Subject"] = f"<{key}@localhost>", "DRILL / 演练: T-1"
    message["From"], message["To"] = "a@example.org", "b@example.org"
    with smtplib.SMTP("127.0.0.1", mail.port, timeout=TIMEOUT_S) as server:
        server.send_message(message)


def post(web: WebGateway, key: str = "T-1.1.5.sms") -> int:
    headers = {"Idempotency-Key": key}
    request = urllib.request.Request(f"{web.url}/b", b"DRILL", headers, method="POST")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
        return int(reply.status)


def test_a_mail_is_kept_under_its_key(mail: MailGateway) -> None:
    send(mail)
    [one] = mail.inbox.received()
    assert (one.key, one.to, one.head) == ("T-1.1.5.email", "b@example.org", "DRILL / 演练: T-1")


def test_a_call_is_kept_under_its_key(web: WebGateway) -> None:
    assert post(web) == 200
    [one] = web.inbox.received()
    assert (one.key, one.to, one.head) == ("T-1.1.5.sms", "/b", "DRILL")


@pytest.mark.parametrize(
    ("mood", "error", "kept"),
    [
        ("hangs", TimeoutError, 0),
        ("says 500", smtplib.SMTPSenderRefused, 0),
        ("says 451", smtplib.SMTPDataError, 0),
        ("late", TimeoutError, 1),
    ],
)
def test_the_moods_of_a_mail_server(mail: MailGateway, mood: Any, error: type[Exception], kept: int) -> None:
    mail.mood = mood
    with pytest.raises((error, smtplib.SMTPServerDisconnected)) as raised:
        send(mail)
    assert isinstance(raised.value, error) or "timed out" in str(raised.value)
    mail.mood = "well"
    send(mail)
    assert mail.inbox.counts() == Counter({"T-1.1.5.email": kept + 1})


@pytest.mark.parametrize(
    ("mood", "error", "kept"),
    [
        ("hangs", TimeoutError, 0),
        ("says 500", urllib.error.HTTPError, 0),
        ("says 451", urllib.error.HTTPError, 0),
        ("late", TimeoutError, 1),
    ],
)
def test_the_moods_of_a_web_gateway(web: WebGateway, mood: Any, error: type[Exception], kept: int) -> None:
    web.mood = mood
    with pytest.raises(error):
        post(web)
    assert web.inbox.counts() == Counter({"T-1.1.5.sms": kept} if kept else {})


def test_a_stopped_gateway_refuses_and_takes_again_at_the_same_port(mail: MailGateway, web: WebGateway) -> None:
    mail.stop()
    web.stop()
    with pytest.raises(ConnectionRefusedError):
        send(mail)
    with pytest.raises(urllib.error.URLError):
        post(web)
    mail.start()
    web.start()
    send(mail)
    assert post(web) == 200


# -- What a trial finds ------------------------------------------------------------------------------------------------


def incident(**more: Any) -> dict[str, Any]:
    """One promise that fired at 110, due at 100, and the letter about it, as `inside.examine` tells it."""
    letter = {"key": "T-1.4.5.email", "to": "sup@example.org", "state": "handed", "seqs": [4], "tries": ["handed"]}
    events = [[1, "reported", "", 99.0], [4, "fired", "k#1", 110.0]]
    timers = [["k#1", "fired", 100.0, 110.0]]
    return {"ref": "T-1", "kind": "real", "wrong": [], "events": events, "timers": timers, "letters": [letter], **more}


def seen(found: dict[str, Any], *arrived: tuple[str, str, str], twice: int = 0) -> Any:
    """The result of a trial that left this incident, and these messages at the gateway."""

    class Inside:
        def ask(self, verb: str, *_: Any) -> Any:
            return [found] if verb == "examine" else []

    class Inbox:
        def __init__(self, rows: Any) -> None:
            self.rows = [SimpleNamespace(key=key, to=to, head=head) for key, to, head in rows]

        def received(self) -> Any:
            return self.rows

    stage: Any = SimpleNamespace(
        inside=Inside(), mail=SimpleNamespace(inbox=Inbox(arrived)), web=SimpleNamespace(inbox=Inbox(()))
    )
    reporters: Any = SimpleNamespace(accepted={}, wanted=0)
    promised = [{"ref": "T-1", "due": 100.0, "hear": ["sup@example.org"]}]
    return After(stage, promised, reporters, 105.0, Fault(kill_web, twice=twice)).result("kill web", 0)


GOOD = ("T-1.4.5.email", "sup@example.org", "T-1 · Power cut")


def test_a_trial_in_which_all_is_well() -> None:
    result = seen(incident(), GOOD)
    assert (result.wrong, result.lost, result.twice) == ([], 0, 0)
    assert result.first == result.last == 5.0  # from the recovery, because it was overdue then


LETTER = incident()["letters"][0]
BAD: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]], str]] = {
    "never arrived": (incident(), [], "but no gateway has it"),
    "not handed": (incident(letters=[{**LETTER, "state": "expired"}]), [GOOD], "expired after"),
    "never fired": (incident(timers=[["k#1", "pending", 100.0, None]]), [GOOD], "promise never fired"),
    "fired twice": (incident(events=[[4, "fired", "k#1", 1.0], [5, "fired", "k#1", 1.0]]), [GOOD], "fired 2 times"),
    "nobody written to": (incident(letters=[]), [], "was never written to"),
    "about something else": (incident(letters=[{**LETTER, "seqs": [1]}]), [GOOD], "about 4"),
    "somebody else": (incident(letters=[{**LETTER, "to": "x@example.org"}]), [GOOD], "was never written to"),
    "unknown key": (incident(), [GOOD, ("T-1.9.9.email", "sup@example.org", "T-1")], "unexpected"),
    "wrong address": (incident(), [GOOD, ("T-1.4.5.email", "x@example.org", "T-1")], "unexpected"),
    "called a drill": (incident(), [(*GOOD[:2], "DRILL / 演练: T-1")], "a drill is not called so"),
    "a drill unnamed": (incident(kind="drill"), [GOOD], "a drill is not called so"),
    "twice": (incident(), [GOOD, GOOD], "twice although at most 0"),
    "broken history": (incident(wrong=["event 2: the hash does not match"]), [GOOD], "the hash does not match"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_found(name: str) -> None:
    found, arrived, words = BAD[name]
    assert any(words in one for one in seen(found, *arrived).wrong)


@pytest.mark.parametrize("name", ["never arrived", "never fired", "nobody written to"])
def test_what_is_lost_is_counted(name: str) -> None:
    found, arrived, _words = BAD[name]
    assert seen(found, *arrived).lost >= 1


def test_what_came_twice_must_be_written_down() -> None:
    [words] = seen(incident(), GOOD, GOOD, twice=1).wrong
    assert "arrived 2 times" in words
    unsure = incident(letters=[{**LETTER, "tries": ["unknown", "handed"]}])
    assert seen(unsure, GOOD, GOOD, twice=1).wrong == []
