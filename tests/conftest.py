"""The cast, the clock and the clients. The demo organisation and the plan library are loaded once per database."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from contactops.accounts.models import User
from tests.helpers import Api, Clock
from tests.ops.console import Console, console, python
from tests.record.mailserver import MailServer, mail_server
from tests.record.sink import Sink, http_sink
from tests.stories.real import RealStack


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """After the schema: people, places and plans, without any incident."""
    with django_db_blocker.unblock():
        call_command("seed_demo", "--without-past", stdout=StringIO())


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """A request leaves its reader's language in force in its thread: the next test must not find it there."""
    with translation.override("en"):
        yield


@pytest.fixture
def cast(db: None) -> Callable[[str], User]:
    """A person of the demo organisation by username."""
    return lambda username: User.objects.get(username=username)


@pytest.fixture
def api(db: None) -> Callable[[str], Api]:
    """An API client signed in as somebody."""

    def signed_in(username: str) -> Api:
        client = APIClient()
        client.force_authenticate(User.objects.get(username=username))
        return Api(client)

    return signed_in


@pytest.fixture
def browser_as(db: None) -> Callable[[str], Client]:
    """A session client, as the pages see it."""

    def signed_in(username: str) -> Client:
        client = Client()
        client.force_login(User.objects.get(username=username))
        return client

    return signed_in


@pytest.fixture
def clock(db: None) -> Iterator[Clock]:
    """The database's clock, standing still at 14:00 UTC on a Monday until a test moves it."""
    with Clock(connection, datetime(2026, 3, 2, 14, 0, tzinfo=UTC)) as clock:
        yield clock


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The whole console as processes of their own, as `make run` starts it."""
    with console(tmp_path_factory.mktemp("console") / "data") as running:
        running.start()
        yield running


@pytest.fixture(scope="module")
def stack(running: Console) -> RealStack:
    """The API of the running console, and its database's clock."""
    return RealStack(running)


@pytest.fixture
def minutes() -> Callable[[float], timedelta]:
    return lambda count: timedelta(minutes=count)


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    """A mail server, and the product told to send there."""
    with mail_server(settings) as it:
        yield it


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A web server that answers as a test wishes."""
    with http_sink() as it:
        yield it


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR as the first start leaves it, made once and copied."""
    directory = tmp_path_factory.mktemp("prepared") / "data"
    answer = python("manage.py", "prepare", "--demo", directory=directory, timeout=500)
    assert answer.returncode == 0, answer.stderr
    return directory


@pytest.fixture
def data(prepared: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "--archive", prepared, tmp_path / "data"], check=True)
    return tmp_path / "data"
