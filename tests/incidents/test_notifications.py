"""“I have it”, or “I cannot”."""

from collections.abc import Callable

import pytest

from incidents.models import Notification
from tests.helpers import Api
from tests.incidents.checks import Browsers
from tests.incidents.world import Case, Make, everything, unchanged


@pytest.fixture
def letter(reported: Case) -> Notification:
    """The duty leader is told of a new report."""
    return reported.letter_to("leader")


@pytest.mark.parametrize(
    ("verb", "body", "column", "kind"),
    [
        ("acknowledge", {}, "acknowledged_at", "notice_acknowledged"),
        ("decline", {"reason": "On the other floor"}, "declined_at", "notice_declined"),
    ],
)
class TestAnswer:
    def test_it_is_written_down(
        self, reported: Case, letter: Notification, verb: str, body: dict[str, str], column: str, kind: str
    ) -> None:
        answer = reported.api("leader").post(f"notifications/{letter.pk}/{verb}/", body)
        assert (answer["recipient"], answer["state"]) == ("leader", "read")
        assert answer[column] is not None
        assert reported.last(kind).facts["notification"] == letter.pk
        row = next(row for row in reported.see("notifications/") if row["id"] == letter.pk)
        assert row["acknowledged_at"] == answer["acknowledged_at"]

    def test_the_page_does_the_same(
        self,
        reported: Case,
        letter: Notification,
        browser_as: Browsers,
        verb: str,
        body: dict[str, str],
        column: str,
        kind: str,
    ) -> None:
        response = browser_as("leader").post(f"/inbox/{letter.pk}/{verb}/", body)
        assert (response.status_code, response["Location"]) == (302, "/inbox/")
        letter.refresh_from_db()
        assert getattr(letter, column) is not None
        assert reported.last(kind).actor.username == "leader"

    def test_it_is_done_once(
        self, reported: Case, letter: Notification, verb: str, body: dict[str, str], column: str, kind: str
    ) -> None:
        me, where = reported.api("leader"), f"notifications/{letter.pk}/{verb}/"
        first = me.post(where, body, key="one")
        after = everything()
        assert me.post(where, body, key="one") == first
        assert me.post(where, {**body, "more": 1}, 409, key="one")["code"] == "key_reused"
        assert me.post(where, body, 409)["code"] == "answered"
        assert everything() == after

    def test_a_stale_revision_is_refused(
        self, reported: Case, letter: Notification, verb: str, body: dict[str, str], column: str, kind: str
    ) -> None:
        me, where = reported.api("leader"), f"notifications/{letter.pk}/{verb}/"
        with unchanged():
            assert me.post(where, {**body, "rev": reported.row.rev - 1}, 409)["code"] == "stale"
        me.post(where, {**body, "rev": reported.row.rev})

    def test_nobody_answers_for_somebody_else(
        self, reported: Case, letter: Notification, verb: str, body: dict[str, str], column: str, kind: str
    ) -> None:
        with unchanged():
            for username in ("supervisor", "manager", "admin", "auditor", "agent07"):
                reported.api(username).post(f"notifications/{letter.pk}/{verb}/", body, 404)


def test_an_answer_stops_the_mail_that_still_waits(reported: Case, letter: Notification) -> None:
    mail = Notification.objects.get(incident__ref=reported.ref, recipient__username="leader", channel="email")
    assert mail.state == "queued"
    reported.api("leader").post(f"notifications/{letter.pk}/acknowledge/")
    mail.refresh_from_db()
    assert mail.state == "suppressed"


def test_what_came_too_late_can_still_be_answered(make: Make) -> None:
    case = make("false alarm")
    letter = case.letter_to("leader")
    before = case.row.rev
    case.api("leader").post(f"notifications/{letter.pk}/acknowledge/")
    assert case.row.rev == before  # a closed history is not written to


@pytest.mark.parametrize("number", [0, 10**15, 10**17, 10**30])
def test_one_that_is_not_there(api: Callable[[str], Api], number: int) -> None:
    api("leader").post(f"notifications/{number}/acknowledge/", {}, 404)


def test_there_are_two_answers_only(reported: Case, letter: Notification) -> None:
    reported.api("leader").post(f"notifications/{letter.pk}/ignore/", {}, 404)


def test_an_answer_is_the_answer_on_every_channel(reported: Case) -> None:
    """Declined on screen, the same message cannot be declined once more by its mail: the next but one would be called."""
    letter = reported.letter_to("leader")
    mail = letter.same_letter().get(channel="email")
    reported.api("leader").post(f"notifications/{letter.pk}/decline/", {"reason": "Away"})
    assert (
        reported.api("leader").post(f"notifications/{mail.pk}/decline/", {"reason": "Away"}, 409)["code"] == "answered"
    )


def test_whoever_cannot_says_why(reported: Case) -> None:
    letter = reported.letter_to("leader")
    with unchanged():
        assert "reason" in reported.api("leader").post(f"notifications/{letter.pk}/decline/", {}, 400)
