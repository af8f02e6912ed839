"""What a browser without scripts does: open a page, fill in the form that is there, send it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.helpers import Api

Browser = Callable[[str], Client]


@pytest.fixture
def incident(api: Callable[[str], Api]) -> Callable[..., str]:
    """The reference of an incident at Leeds, responded to unless told otherwise."""

    def make(status: str = "responding", level: int = 3, **body: Any) -> str:
        ref = api("agent").report("power-cut", **body)
        supervisor = api("supervisor")
        if status != "reported":
            supervisor.do(ref, "acknowledge")
        if status == "responding":
            supervisor.do(ref, "activate", plan="power-cut", level=level)
        return ref

    return make


def hidden(page: str, name: str) -> str:
    """The value of a hidden field of the page."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, name
    return found[1]


def forms(page: str) -> set[str]:
    """Where the forms and buttons of a page lead."""
    return set(re.findall(r'(?:form)?action="([^"]+)"', page))
