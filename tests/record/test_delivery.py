"""What becomes of a message: sent to a real mail server that takes it, refuses it, hangs or is not there."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import QuerySet

from contactops.accounts.models import ContactPoint, User
from incidents import services
from incidents.models import DeliveryAttempt, Incident, Notification
from incidents.notify import delivery
from incidents.notify.delivery import deliver_due
from tests.helpers import Clock
from tests.record.made import incidents
from tests.record.mailserver import MailServer, mail_server, subject_of

MINUTE = timedelta(minutes=1)
TOLD = ["leader@example.org", "supervisor@example.org"]  # by every report from the first site


@pytest.fixture
def reported(clock: Clock, agent: User) -> Incident:
    return incidents(1, agent)[0]


def mails(incident: Incident) -> QuerySet[Notification]:
    return Notification.objects.filter(incident=incident, channel="email").order_by("address")


def states(incident: Incident) -> list[str]:
    return list(mails(incident).values_list("state", flat=True))


def tries(incident: Incident) -> list[tuple[int, str]]:
    rows = DeliveryAttempt.objects.filter(notification__incident=incident, notification__address=TOLD[0])
    return list(rows.order_by("number").values_list("number", "outcome"))


def test_handed_over_and_written_down(reported: Incident, server: MailServer, clock: Clock) -> None:
    assert deliver_due() == 2
    assert server.to() == TOLD
    assert states(reported) == ["handed", "handed"]
    assert tries(reported) == [(1, "handed")]
    row = mails(reported)[0]
    assert (row.attempts, row.lease, row.handed_at) == (1, None, clock.now)
    attempt = row.tries.get()
    assert attempt.started_at <= (attempt.finished_at or attempt.started_at)
    message = server.messages[0]
    assert str(message["Message-ID"]).startswith(f"<{reported.ref}.1.")
    assert message["Auto-Submitted"] == "auto-generated"
    assert reported.ref in str(message["Subject"])
    assert deliver_due() == 0
    assert len(server.messages) == 2


def test_refused_for_now_is_tried_again_later_each_time(reported: Incident, server: MailServer, clock: Clock) -> None:
    server.on_recipient = "451 4.7.1 Greylisted, come back later"
    waits = []
    for _ in range(4):
        assert deliver_due() == 0
        row = mails(reported)[0]
        assert row.state == "queued"
        waits.append((row.next_try_at - clock.now).total_seconds())
        assert deliver_due() == 0  # not before its time
        clock.to(row.next_try_at + 6 * MINUTE, fire=False)
    assert tries(reported) == [(n, "failed") for n in (1, 2, 3, 4)]
    assert len(set(waits)) == 4  # with jitter
    assert all(1 <= wait <= 10 * 2**n for n, wait in enumerate(waits))
    server.on_recipient = "250 OK"
    deliver_due()
    assert states(reported)[0] == "handed"
    assert tries(reported)[-1] == (5, "handed")
    assert "Greylisted" in DeliveryAttempt.objects.filter(outcome="failed")[0].detail


@pytest.mark.parametrize("place", ["on_recipient", "on_data"])
def test_refused_for_good_has_failed(reported: Incident, server: MailServer, clock: Clock, place: str) -> None:
    setattr(server, place, "550 5.1.1 No such mailbox")
    assert deliver_due() == 0
    assert states(reported) == ["failed", "failed"]
    assert tries(reported) == [(1, "refused")]
    clock.forward(60 * MINUTE, fire=False)
    assert deliver_due() == 0
    assert tries(reported) == [(1, "refused")]


def test_a_server_that_refuses_us_is_no_reason_to_give_a_message_up(
    reported: Incident, server: MailServer, clock: Clock
) -> None:
    server.on_sender = "550 5.7.1 Sender address rejected"
    deliver_due()
    assert states(reported) == ["queued", "queued"]
    server.on_sender = "250 OK"
    clock.forward(MINUTE)
    assert deliver_due() == 2


# Django leaves a connection on which it could not sign in to the collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_a_wrong_password_is_no_reason_either(reported: Incident, server: MailServer, settings: Any) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "contactops", "wrong"
    deliver_due()
    assert states(reported) == ["queued", "queued"]


def test_a_server_that_is_down_is_tried_again(reported: Incident, settings: Any, clock: Clock) -> None:
    with mail_server(settings):
        pass  # it was there once
    assert deliver_due() == 0
    assert states(reported) == ["queued", "queued"]
    assert tries(reported) == [(1, "failed")]
    with mail_server(settings) as server:
        clock.forward(MINUTE)
        deliver_due()
        assert server.to() == TOLD


def test_a_channel_that_waits_is_named_once_however_much_waits(agent: User, clock: Clock) -> None:
    incidents(3, agent)
    assert delivery.waiting_channels() == ["email"]


def test_more_letters_than_one_claim_takes(
    agent: User, clock: Clock, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "STORM", 1000)
    made = incidents(delivery.MOST, agent)
    assert deliver_due() == 2 * len(made)
    assert {state for incident in made for state in states(incident)} == {"handed"}
    assert len(server.messages) == 2 * len(made)


def test_what_nobody_needs_any_more_expires(reported: Incident, server: MailServer, clock: Clock) -> None:
    clock.forward(5 * 60 * MINUTE, fire=False)
    assert deliver_due() == 0
    assert states(reported) == ["expired", "expired"]
    assert server.messages == []


def test_expired_messages_do_not_hold_up_the_others(clock: Clock, agent: User, server: MailServer) -> None:
    old = incidents(delivery.SIZE, agent)
    clock.forward(5 * 60 * MINUTE, fire=False)
    [new] = incidents(1, agent)
    Notification.objects.filter(incident=new).update(first=False)
    assert deliver_due() == 2
    assert states(new) == ["handed", "handed"]
    assert {state for incident in old for state in states(incident)} == {"expired"}


@pytest.mark.parametrize("address", ["no address at all", "a@b@c.example", "\udcff@example.org", "x" * 190 + "@é"])
def test_an_address_that_cannot_be_one_does_not_hold_up_the_others(
    clock: Clock, agent: User, server: MailServer, address: str
) -> None:
    if address.isascii() or "\udcff" not in address:
        ContactPoint.objects.filter(user__username="leader").update(address=address)
    [incident] = incidents(1, agent)
    deliver_due()
    assert "supervisor@example.org" in server.to()
    assert mails(incident).exclude(address="supervisor@example.org").get().state in ("queued", "failed", "handed")
    assert not mails(incident).filter(state="leased").exists()


def test_a_poisoned_incident_does_not_hold_up_the_messages_of_others(
    clock: Clock, agent: User, server: MailServer
) -> None:
    bad, good = incidents(2, agent)
    Notification.objects.filter(incident=bad).update(ladder="power.duty", items=[{"kind": "callout", "seq": 1}])
    Incident.objects.filter(pk=bad.pk).update(state={"made": "up"})
    deliver_due()
    assert states(good) == ["handed", "handed"]
    assert states(bad) == ["queued", "queued"]
    assert deliver_due() == 0  # not again and again


def test_what_may_have_arrived_is_not_called_expired(reported: Incident, server: MailServer, clock: Clock) -> None:
    first, second = mails(reported)
    DeliveryAttempt.objects.create(notification=first, number=1, started_at=clock.now)
    lease = {"state": "leased", "lease": uuid.uuid4(), "leased_until": clock.now}
    Notification.objects.filter(pk=first.pk).update(**lease)
    clock.forward(5 * 60 * MINUTE, fire=False)
    deliver_due()
    assert [Notification.objects.get(pk=row.pk).state for row in (first, second)] == ["unknown", "expired"]
    assert server.messages == []


def test_the_first_notice_goes_ahead_of_reminders(clock: Clock, agent: User, server: MailServer) -> None:
    [older] = incidents(1, agent)
    clock.forward(6 * MINUTE)
    Notification.objects.filter(incident=older, first=True).delete()
    [newer] = incidents(1, agent)
    deliver_due()
    subjects = [str(message["Subject"]) for message in server.messages]
    assert len(subjects) == 4
    assert [newer.ref in subject for subject in subjects] == [True, True, False, False]


def test_somebody_who_left_meanwhile_gets_nothing(reported: Incident, server: MailServer) -> None:
    User.objects.filter(username="leader").update(is_active=False)
    deliver_due()
    assert server.to() == TOLD[1:]
    assert states(reported) == ["suppressed", "handed"]


@pytest.mark.parametrize(
    ("items", "answered", "sent"),
    [
        (["callout"], True, False),
        (["callout"], False, True),
    ],
)
def test_a_call_that_was_answered_calls_nobody(
    reported: Incident, server: MailServer, items: list[str], answered: bool, sent: bool
) -> None:
    held = "held" if answered else "callout"
    reported.state["facts"][f"{held}:power.duty"] = {"": [0, 1]}
    Incident.objects.filter(pk=reported.pk).update(state=reported.state)
    Notification.objects.filter(incident=reported).update(
        ladder="power.duty", items=[{"kind": kind, "step": "", "seq": 1} for kind in items]
    )
    deliver_due()
    assert bool(server.messages) == sent
    assert set(states(reported)) == {"handed" if sent else "suppressed"}


def test_one_tap_on_screen_stops_the_mail(reported: Incident, server: MailServer, cast: Callable[[str], User]) -> None:
    seen = Notification.objects.get(incident=reported, recipient__username="leader", channel="console")
    services.answer_notification(notification=seen, actor=cast("leader"), accept=True)
    deliver_due()
    assert server.to() == TOLD[1:]


def test_a_worker_that_died_leaves_a_try_whose_end_nobody_saw(
    reported: Incident, server: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    with monkeypatch.context() as broken:
        broken.setattr("incidents.notify.gateways.EmailMessage", _raising(Killed))
        with pytest.raises(Killed):
            deliver_due()
    assert states(reported) == ["leased", "leased"]
    assert deliver_due() == 0  # the lease still runs
    clock.forward(delivery.LEASE + timedelta(seconds=1))
    assert deliver_due() == 2
    for row in mails(reported):  # both were taken up together
        assert list(row.tries.values_list("number", "outcome")) == [(1, "unknown"), (2, "handed")]
    assert states(reported) == ["handed", "handed"]
    assert server.to() == TOLD


def _raising(error: type[BaseException]) -> Callable[..., None]:
    def send(*_: object, **__: object) -> None:
        raise error

    return send


def test_without_a_server_mail_goes_to_files(reported: Incident, settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    assert deliver_due() == 2
    texts = [path.read_text() for path in sorted((tmp_path / "mail").iterdir())]
    assert sorted(line for text in texts for line in text.splitlines() if line.startswith("To: ")) == [
        f"To: {address}" for address in TOLD
    ]


def test_the_files_of_the_product_are_in_its_data_directory() -> None:
    from contactops import settings

    assert str(settings.DATA_DIR / "mail") == settings.EMAIL_FILE_PATH
    assert settings.EMAIL_BACKEND.endswith("filebased.EmailBackend")


class TestTheNextChannel:
    @pytest.fixture
    def second(self, cast: Callable[[str], User]) -> ContactPoint:
        return ContactPoint.objects.create(user=cast("leader"), channel="email", address="home@example.org", order=2)

    def test_is_tried_at_once_when_the_first_refuses_for_good(
        self, second: ContactPoint, reported: Incident, server: MailServer
    ) -> None:
        server.refuses = {"leader@example.org"}
        assert deliver_due() == 2
        assert server.to() == ["home@example.org", "supervisor@example.org"]
        assert states(reported) == ["handed", "failed", "handed"]  # home, leader, supervisor

    def test_is_not_tried_while_the_first_may_still_work(
        self, second: ContactPoint, reported: Incident, server: MailServer
    ) -> None:
        server.on_recipient = "451 4.7.1 Greylisted, come back later"
        deliver_due()
        assert states(reported) == ["queued", "queued"]

    def test_when_none_is_left_the_message_stays_on_the_screen(self, reported: Incident, server: MailServer) -> None:
        server.refuses = {"leader@example.org"}
        deliver_due()
        assert states(reported) == ["failed", "handed"]
        assert Notification.objects.filter(incident=reported, channel="console", state="delivered").count() == 2


def called(case: Incident, cast: Callable[[str], User]) -> None:
    """Technical support is called."""
    services.activate(incident=case, actor=cast("supervisor"), plan="power-cut", level=3)
    services.call_out(incident=case, actor=cast("supervisor"), ladder="power-cut.topic-building")


def test_who_cannot_be_reached_is_not_waited_for(
    reported: Incident, server: MailServer, cast: Callable[[str], User]
) -> None:
    called(reported, cast)
    server.refuses = {"tech@example.org"}
    deliver_due()
    calls = Notification.objects.filter(incident=reported, channel="email").exclude(ladder="").order_by("pk")
    assert list(calls.values_list("recipient__username", "state")) == [("tech", "failed"), ("logistics", "handed")]
    assert reported.events.filter(kind="unreachable").count() == 1


class TestAStorm:
    """More than a few messages to one person within a minute go out together, a little later; nothing is left out."""

    @pytest.fixture
    def storm(self, clock: Clock, agent: User) -> list[Incident]:
        return incidents(delivery.STORM + 3, agent)

    def test_the_first_come_at_once_the_rest_together(
        self, storm: list[Incident], server: MailServer, clock: Clock
    ) -> None:
        assert deliver_due() == 2 * delivery.STORM
        waiting = Notification.objects.filter(channel="email", state="queued")
        assert waiting.count() == 6
        clock.forward(delivery.DIGEST_AFTER, fire=False)
        server.messages.clear()
        assert deliver_due() == 6
        assert server.to() == TOLD
        assert not waiting.exists()
        body = server.messages[0].as_bytes().decode()
        assert [row.ref in body for row in storm[-3:]] == [True] * 3
        assert "3 messages about 3 incidents" in str(server.messages[0]["Subject"])

    def test_every_message_of_it_has_its_try(self, storm: list[Incident], server: MailServer, clock: Clock) -> None:
        deliver_due()
        clock.forward(delivery.DIGEST_AFTER, fire=False)
        deliver_due()
        assert DeliveryAttempt.objects.filter(outcome="handed").count() == 2 * len(storm)

    def test_whoever_is_called_is_called_at_once(
        self, storm: list[Incident], server: MailServer, cast: Callable[[str], User]
    ) -> None:
        deliver_due()
        server.messages.clear()
        called(storm[0], cast)
        Notification.objects.filter(state="queued", ladder="").delete()
        ContactPoint.objects.filter(user=cast("tech")).update(address="leader@example.org")
        deliver_due()
        assert len(server.messages) == 1


def test_a_drill_reaches_nobody_outside_whoever_put_them_into_the_outbox(
    clock: Clock, agent: User, server: MailServer, cast: Callable[[str], User]
) -> None:
    [drill] = incidents(1, agent)
    Incident.objects.filter(pk=drill.pk).update(kind="drill")
    drill.participants.add(cast("leader"))
    deliver_due()
    assert server.to() == ["leader@example.org"]
    assert subject_of(server.messages[0]).startswith("DRILL / 演练: ")
    assert states(drill) == ["handed", "suppressed"]


def test_a_gateway_that_hangs_gets_one_letter_at_a_time_and_gives_the_rest_back(
    clock: Clock, agent: User, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = incidents(3, agent)
    monkeypatch.setattr(delivery, "PATIENCE_S", 0.0)
    looked, parcels = delivery._claim("email", uuid.uuid4(), 10)
    assert (len(looked), len(parcels)) == (6, 6)
    assert len(delivery._send(parcels)) == 1
    lease = Notification.objects.filter(state="leased")[0].lease
    assert lease
    delivery._give_back(parcels[1:], lease)
    assert Notification.objects.filter(incident__in=rows, state="queued").count() == 5
    assert DeliveryAttempt.objects.count() == 1
