"""What is recorded while a page or an answer is being read."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from contactops.accounts.models import User
from incidents import services
from incidents.models import Incident
from tests.record.made import incidents


@contextmanager
def meanwhile(table: str, act: Callable[[], object]) -> Iterator[list[str]]:
    """Somebody else, on another connection, does it just before the first query of this table."""
    done: list[str] = []

    def work() -> None:
        act()
        connection.close()

    def run(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not done and re.search(rf'FROM "{table}"', sql):
            done.append(sql)
            thread = threading.Thread(target=work)
            thread.start()
            thread.join(30)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(run):
        yield done


@pytest.mark.parametrize("address", ["/api/v1/incidents/{}/", "/incidents/{}/"])
def test_a_step_that_opens_meanwhile_is_seen_at_the_next_look(agent: User, client: Client, address: str) -> None:
    [incident] = incidents(1, agent)
    supervisor = User.objects.get(username="supervisor")
    client.force_login(supervisor)

    def activate() -> None:
        services.activate(incident=Incident.objects.get(pk=incident.pk), actor=supervisor, plan="power-cut", level=2)

    where = address.format(incident.ref)
    assert client.get(where).status_code == 200
    with meanwhile("incidents_steprun", activate) as done:
        first = client.get(where)
    assert done and first.status_code == 200
    assert b"power-cut.phone-superior" not in first.content
    assert b"power-cut.phone-superior" in client.get(where).content


READ_AT_ONCE = ("/board/", "/overview/", "/incidents/{}/", "/incidents/{}/summary/")
ANSWERS = ("", "timeline/", "promises/", "summary/")


@pytest.mark.parametrize("address", [*READ_AT_ONCE, *(f"/api/v1/incidents/{{}}/{what}" for what in ANSWERS)])
def test_what_is_read_at_one_instant_writes_nothing(agent: User, client: Client, address: str) -> None:
    [incident] = incidents(1, agent)
    client.force_login(User.objects.get(username="manager"))
    assert client.get(address.format(incident.ref)).status_code == 200
