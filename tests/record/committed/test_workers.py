"""Several workers at one outbox."""

import threading

import pytest
from django.db import connection

from contactops.accounts.models import User
from incidents import selectors
from incidents.models import DeliveryAttempt, Notification
from incidents.notify import delivery
from incidents.notify.delivery import deliver_due
from tests.ops.console import eventually
from tests.record.made import incidents
from tests.record.mailserver import MailServer
from tests.record.test_delivery import TOLD, mails, states


def in_thread(results: list[int]) -> threading.Thread:
    def work() -> None:
        try:
            results.append(deliver_due())
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_two_workers_share_the_work(agent: User, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "STORM", 1000)
    rows = incidents(30, agent)
    results: list[int] = []
    for thread in [in_thread(results) for _ in range(3)]:
        thread.join(60)
    assert sum(results) == 60
    ids = [str(message["Message-ID"]) for message in server.messages]
    assert len(ids) == len(set(ids)) == 60
    assert set(Notification.objects.filter(incident__in=rows, channel="email").values_list("state", flat=True)) == {
        "handed"
    }


def test_a_lease_lost_while_sending_sends_again_under_the_same_name_and_says_so(
    agent: User, server: MailServer
) -> None:
    [incident] = incidents(1, agent)
    mails(incident).exclude(address=TOLD[0]).delete()
    server.hold.clear()
    results: list[int] = []
    slow = in_thread(results)
    assert server.asked.wait(10)
    Notification.objects.filter(incident=incident, state="leased").update(leased_until="2026-01-01T00:00Z")
    again = in_thread(results)
    assert eventually(lambda: DeliveryAttempt.objects.filter(number=2).exists(), 10)
    assert DeliveryAttempt.objects.get(number=1).outcome == "unknown"
    server.hold.set()
    slow.join(30)
    again.join(30)
    assert len(server.messages) == 2
    assert len({str(message["Message-ID"]) for message in server.messages}) == 1
    assert states(incident) == ["handed"]
    assert mails(incident).get().attempts == 2
    # That the first may have arrived as well stays written down, and is shown.
    assert list(mails(incident).get().tries.values_list("number", "outcome")) == [(1, "unknown"), (2, "handed")]
    assert selectors.notifications(incident).get(channel="email").unsure
