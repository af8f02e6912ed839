"""How things stand, and when people hear again."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.helpers import Api, Clock
from tests.incidents.checks import Browsers, Deed, OfEveryVerb
from tests.incidents.world import Case, Make


class TestToAgents(OfEveryVerb):
    deed = Deed(
        "updates",
        {"audience": "agents", "text": "Area B is dark. Sit in area A."},
        start=lambda make: make("responding"),
        event="updated",
        words="Area B is dark. Sit in area A.",
        not_for=("leader", "tech", "admin", "auditor"),
        twice=200,
        again=1,
    )


class TestToCustomers(OfEveryVerb):
    deed = Deed(
        "updates",
        {"audience": "customers", "text": "Lines are slow today."},
        start=lambda make: make("responding"),
        by="manager",
        event="updated",
        words="Update to customers",
        not_for=("supervisor", "leader", "tech", "admin", "auditor"),
        twice=200,
        again=1,
    )


def test_agents_read_it_where_they_report(responding: Case, browser_as: Browsers) -> None:
    responding.do("supervisor", "updates", audience="agents", text="Sit in <area A> & wait.")
    page = browser_as("agent09").get("/report/").content.decode()
    assert "Sit in &lt;area A&gt; &amp; wait." in page


def test_to_all_is_to_everybody_and_needs_whoever_speaks_to_customers(responding: Case) -> None:
    responding.do("supervisor", "updates", 403, audience="all", text="Over")
    responding.do("manager", "updates", audience="all", text="Over")
    assert set(responding.last("updated").facts["audiences"]) == {"agents", "customers", "leaders"}


def test_the_next_one_is_promised(clock: Clock, make: Make) -> None:
    case = make("responding")
    at = clock.now + timedelta(minutes=20)
    case.do("supervisor", "updates", audience="agents", text="Dark", next_update_at=at.isoformat())
    receipt = case.api("agent03").get(f"reports/{case.report_id}/")
    assert datetime.fromisoformat(receipt["next_update_at"]) == at
    assert datetime.fromisoformat(case.promise("update-agents")["due_at"]) == at


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("audience", "nobody"),
        ("text", ""),
        ("text", " "),
        ("text", "x" * 10_001),
        ("next_update_at", "2020-01-01T00:00:00Z"),
        ("next_update_at", "9999-12-31T23:59:59Z"),
        ("next_update_at", "in ten minutes"),
    ],
)
def test_what_an_update_cannot_be(responding: Case, field: str, value: str) -> None:
    body = {"audience": "agents", "text": "Dark", field: value}
    assert field in responding.do("supervisor", "updates", 400, **body)


def test_what_is_over_has_no_updates(make: Make) -> None:
    assert make("false alarm").do("supervisor", "updates", 409, audience="agents", text="x")["code"] == "illegal"


def test_the_leading_group_can_see_what_it_is_told_of(responding: Case, api: Callable[[str], Api]) -> None:
    responding.do("supervisor", "updates", audience="leaders", text="Half the floor is dark")
    told = {row["recipient"] for row in responding.see("notifications/") if row["items"][0]["kind"] == "update"}
    assert "director" in told
    assert api("director").see(responding.ref)["ref"] == responding.ref
