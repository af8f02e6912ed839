"""Here `db` is a database whose writes are committed, so that other connections see them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from contactops.accounts.models import User
from tests.record.made import forget_incidents


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Incidents are removed afterwards; people and plans must be left as found."""
    with django_db_blocker.unblock():
        forget_incidents()
        yield
        forget_incidents()
        connections.close_all()


@pytest.fixture
def agent(db: None) -> User:
    return User.objects.select_related("site").get(username="agent03")
