"""Wrong tries to sign in are counted, whoever tries at the same time."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from contactops.accounts import throttle
from contactops.accounts.models import SignInTries


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Writes are seen by other connections."""
    with django_db_blocker.unblock():
        SignInTries.objects.all().delete()
        yield
        SignInTries.objects.all().delete()
        connections.close_all()


def test_no_more_than_allowed_however_many_try_at_once(committed: None, settings: Any) -> None:
    settings.SIGN_IN_TRIES_PER_MINUTE = 10
    key, taken = throttle.key_of("127.0.0.1", "manager"), []
    throttle.takes(key)  # the row is there: what follows is one minute, also at the turn of one

    def hammer() -> None:
        for _try in range(10):
            taken.append(throttle.takes(key))
        connection.close()

    threads = [threading.Thread(target=hammer) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == 50
    assert sum(taken) <= 2 * 10  # ten a minute, and the minute may have changed once


def test_who_knows_the_password_is_not_counted(db: None, settings: Any) -> None:
    settings.SIGN_IN_TRIES_PER_MINUTE = 1
    key = throttle.key_of("127.0.0.1", " Manager ")
    assert key == throttle.key_of("127.0.0.1", "manager") != throttle.key_of("127.0.0.2", "manager")
    assert throttle.takes(key)
    throttle.forget(key)
    assert throttle.takes(key)


def test_a_name_may_be_anything(db: None) -> None:
    assert all(throttle.takes(throttle.key_of("::1", name)) for name in ("", "\x00", "\ud800", "x" * 10_000))
