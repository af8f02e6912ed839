"""First- and second-level support open and close."""

from datetime import UTC, datetime, timedelta

from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case, unchanged


class TestOpens(OfEveryVerb):
    deed = Deed(
        "support",
        {"tier": 1, "open": True, "people": ["leader"]},
        start=lambda make: make("responding"),
        forms={"tier": "1", "open": "true", "people": "leader, tech"},
        event="tier",
        words="Support tier 1: open",
        not_for=("leader", "tech", "admin", "auditor"),
        twice=200,
    )


def test_who_gives_it_is_on_record(responding: Case) -> None:
    responding.do("supervisor", "support", tier=1, open=True, people=["leader", "tech"])
    assert len(responding.last("tier").facts["people"]) == 2


def test_the_second_level_comes_after_the_first(responding: Case) -> None:
    assert responding.do("supervisor", "support", 409, tier=2, open=True)["code"] == "illegal"
    responding.do("supervisor", "support", tier=1, open=True)
    responding.do("supervisor", "support", tier=2, open=True)
    assert [event.facts["tier"] for event in responding.events("tier")] == [1, 2]


def test_closing_what_is_not_open_changes_nothing(responding: Case) -> None:
    with unchanged():
        responding.do("supervisor", "support", tier=1, open=False)


def test_it_needs_a_plan(reported: Case) -> None:
    assert reported.do("supervisor", "support", 409, tier=1, open=True)["code"] == "illegal"


def test_what_support_cannot_be(responding: Case) -> None:
    ahead = (responding.row.reported_at + timedelta(hours=1)).isoformat()
    for field, value in (
        ("tier", 3),
        ("tier", None),
        ("open", "perhaps"),
        ("people", ["nobody"]),
        ("people", {"leader": 1}),
        ("at", ahead),
        ("at", datetime(2020, 1, 1, tzinfo=UTC).isoformat()),
    ):
        body = {"tier": 1, "open": True, field: value}
        assert field in responding.do("supervisor", "support", 400, **body), field
