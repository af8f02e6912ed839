"""A whole drill, with every way of telling people that its plan knows: it reaches its participants and nobody else (W6)."""

from datetime import timedelta

import pytest

from incidents.models import Notification
from incidents.notify import delivery
from tests.helpers import Clock
from tests.incidents.world import Case, Make
from tests.record.mailserver import MailServer, subject_of

INSIDE = {"supervisor", "leader", "director", "agent05"}


@pytest.fixture
def drill(clock: Clock, make: Make) -> Case:
    """Level 1, everybody in the leading group is called, nobody does anything; an hour of its clocks passes."""
    case = make("reported", plan="general-emergency", kind="drill", speed=6, participants=sorted(INSIDE))
    case.do("supervisor", "activate", plan="general-emergency", level=1)
    case.do("supervisor", "call-out", ladder="general-emergency.topic-systems")
    case.do("manager", "updates", audience="all", text="This is an exercise")
    clock.forward(timedelta(minutes=10))
    return case


def test_nobody_outside_is_told_on_any_channel(drill: Case, server: MailServer) -> None:
    rows = Notification.objects.filter(incident__ref=drill.ref)
    assert {row.recipient.username for row in rows.select_related("recipient")} <= INSIDE
    assert rows.exclude(ladder="").exists()
    delivery.deliver_due()
    assert server.messages
    assert {address.partition("@")[0] for address in server.to()} <= INSIDE


def test_every_message_begins_with_the_word(
    drill: Case, server: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery.deliver_due()
    clock.forward(delivery.DIGEST_AFTER, fire=False)
    delivery.deliver_due()
    assert server.messages
    for message in server.messages:
        assert subject_of(message).startswith("DRILL / 演练: ")
        body = message.get_payload(decode=True)
        assert isinstance(body, bytes)
        assert body.decode().startswith("DRILL / 演练")


def test_its_clocks_run_faster(drill: Case) -> None:
    """Sixty minutes of the plan are ten on the wall."""
    assert drill.promise("thirty")["state"] == "fired"
