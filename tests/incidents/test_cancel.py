"""It should never have been there."""

from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case


class TestCancel(OfEveryVerb):
    deed = Deed(
        "cancel",
        {"reason": "Sent by mistake"},
        by="manager",
        event="cancelled",
        words="Cancelled",
        not_for=("supervisor", "leader", "admin", "auditor"),
        twice="illegal",
    )


def test_it_is_closed_and_nothing_is_promised_any_more(responding: Case) -> None:
    answer = responding.do("manager", "cancel", reason="Wrong site")
    assert (answer["status"], answer["outcome"]) == ("closed", "cancelled")
    assert not [row for row in responding.see("promises/") if row["state"] == "pending"]
    assert responding.letter_to("agent03").items[0]["kind"] == "closed"


def test_the_leading_group_may_too(unconfirmed: Case) -> None:
    assert unconfirmed.do("director", "cancel", reason="Wrong site")["outcome"] == "cancelled"
