"""Tests of the writer and of what stands around it."""

import pytest

from contactops.accounts.models import User


@pytest.fixture
def agent(db: None) -> User:
    return User.objects.select_related("site").get(username="agent03")


@pytest.fixture
def supervisor(db: None) -> User:
    return User.objects.select_related("site").get(username="supervisor")
