"""Who knows of what: by role, by site, by being called. Restricted incidents and drills leave no trace elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from contactops.accounts.models import User
from incidents import boards, selectors
from incidents.models import Incident, Notification
from incidents.notify import wording
from tests.helpers import Api, report_body
from tests.incidents.checks import Browsers
from tests.incidents.world import Case, Make, visible

Apis = Callable[[str], Api]
Cast = Callable[[str], User]


@pytest.fixture
def elsewhere(api: Apis) -> Case:
    """An incident in Xi’an."""
    return Case(api, api("agent-xian").report("power-cut", seat="X02"))


@pytest.mark.parametrize(
    ("username", "here", "there"),
    [
        ("agent03", False, False),  # who reported it: the receipt is theirs, the incident is not
        ("agent07", False, False),
        ("leader", True, False),
        ("supervisor", True, False),
        ("supervisor-xian", False, True),
        ("leader-xian", False, True),
        ("manager", True, True),
        ("admin", True, True),
        ("auditor", True, True),
        ("tech", False, False),
        ("tech-xian", False, False),
        ("director", False, False),
    ],
)
def test_who_sees_a_new_incident(
    reported: Case, elsewhere: Case, cast: Cast, api: Apis, username: str, here: bool, there: bool
) -> None:
    wanted = {case.ref for case, seen in ((reported, here), (elsewhere, there)) if seen}
    assert visible(cast(username)) == wanted
    assert {row["ref"] for row in api(username).get("incidents/")["results"]} == wanted
    for case in (reported, elsewhere):
        for part in ("", "timeline/", "promises/", "notifications/", "summary/"):
            api(username).see(case.ref, part, 200 if case.ref in wanted else 404)


def test_a_called_group_sees_what_it_is_called_to(reported: Case, elsewhere: Case, api: Apis, cast: Cast) -> None:
    reported.do("supervisor", "steps", title="Look at the board", group="G-TECH")
    assert visible(cast("tech")) == {reported.ref}
    assert visible(cast("tech-xian")) == set()
    elsewhere.do("supervisor-xian", "steps", title="Look at the board", group="G-TECH")
    assert visible(cast("tech-xian")) == {elsewhere.ref}
    assert visible(cast("tech")) == {reported.ref, elsewhere.ref}  # in both groups


def test_whoever_is_also_responsible_for_another_site_sees_it(elsewhere: Case, cast: Cast) -> None:
    supervisor = cast("supervisor")
    assert elsewhere.row.site is not None
    supervisor.sites.add(elsewhere.row.site)
    assert elsewhere.ref in visible(cast("supervisor"))


@pytest.fixture
def restricted(make: Make, cast: Cast) -> Case:
    """Only the manager is named in it."""
    case = make("responding", summary="Theft at the front desk")
    case.do("supervisor", "steps", title="Come", group="G-LEAD")
    row = case.row
    row.restricted = True
    row.save(update_fields=["restricted"])
    row.named.add(cast("manager"))
    return case


OTHERS = ("agent03", "agent07", "leader", "supervisor", "director", "tech", "admin", "auditor")


@pytest.mark.parametrize("username", OTHERS)
def test_a_restricted_incident_leaves_no_trace(
    restricted: Case, api: Apis, cast: Cast, browser_as: Browsers, username: str
) -> None:
    me = api(username)
    assert visible(cast(username)) == set()
    assert me.get("incidents/", q="Theft")["results"] == []
    assert me.get("incidents/")["results"] == []
    for part in ("", "timeline/", "promises/", "notifications/", "summary/"):
        me.see(restricted.ref, part, 404)
    me.do(restricted.ref, "notes", 404, text="x")
    board = boards.board(cast(username))
    assert (board.triage, board.live_count, board.closed_today, board.last_closed) == ([], 0, 0, None)
    overview = boards.overview(cast(username))
    assert (overview.live, overview.mine, overview.others, overview.closed, bool(overview.downtime)) == (
        [],
        [],
        [],
        [],
        False,
    )
    if username != "auditor":
        found = me.post("reports/?candidates=1", {"incident_type": "power-cut"})["candidates"]
        assert found == []
        me.post("reports/", report_body(join=restricted.ref), 404)
    browser = browser_as(username)
    assert browser.get(f"/incidents/{restricted.ref}/").status_code == 404
    own = username == "agent03"  # their own report is theirs
    for address in ("/report/", "/board/", "/incidents/?q=Theft", "/overview/", "/inbox/"):
        page = browser.get(address).content.decode()
        assert own or restricted.ref not in page, address
        assert own or "Theft at" not in page, address


def test_who_is_named_sees_it(restricted: Case, api: Apis) -> None:
    assert [row["ref"] for row in api("manager").get("incidents/", q="Theft")["results"]] == [restricted.ref]
    assert restricted.see()["title"] == "Theft at the front desk"


def test_it_is_not_merged_into_by_those_who_may_not_know_of_it(restricted: Case, api: Apis) -> None:
    ref = api("agent05").report("power-cut")
    assert "into" in api("supervisor").do(ref, "merge", 400, into=restricted.ref)


def test_its_words_do_not_leave_the_console(restricted: Case) -> None:
    letter = Notification.objects.filter(incident=restricted.row, channel="email").first()
    assert letter
    subject, body = wording.mail(letter)
    assert "Theft" not in subject + body


class TestDrills:
    def start(self, api: Apis, username: str = "manager", expect: int = 201, **body: Any) -> str:
        given = {"participants": ["leader", "agent05"], "summary": "Exercise: dark floor", **body}
        return api(username).report("power-cut", expect, kind="drill", **given)

    def test_managers_and_the_leading_group_start_them(self, api: Apis) -> None:
        for username in ("manager", "director"):
            ref = self.start(api, username)
            assert Incident.objects.get(ref=ref).kind == "drill"

    @pytest.mark.parametrize("username", ["agent03", "leader", "supervisor", "tech", "admin", "auditor"])
    def test_nobody_else_does(self, api: Apis, username: str) -> None:
        self.start(api, username, 403)
        assert not Incident.objects.exists()

    def test_only_those_who_take_part_hear_of_it(self, api: Apis) -> None:
        ref = self.start(api)
        me = api("supervisor")
        me.do(ref, "acknowledge")
        me.do(ref, "activate", plan="power-cut", level=2)
        me.do(ref, "updates", audience="agents", text="Dark")
        told = set(Notification.objects.filter(incident__ref=ref).values_list("recipient__username", flat=True))
        assert told == {"leader", "agent05"}

    def test_every_word_of_it_says_that_it_is_one(self, api: Apis, mailoutbox: list[mail.EmailMessage]) -> None:
        ref = self.start(api)
        letters = Notification.objects.filter(incident__ref=ref)
        assert letters
        for letter in letters:
            assert wording.subject(letter).startswith("DRILL / 演练")
            assert wording.mail(letter)[1].startswith("DRILL / 演练")

    def test_it_is_not_proposed_to_who_reports_something_real(self, api: Apis) -> None:
        self.start(api)
        assert api("agent07").post("reports/?candidates=1", {"incident_type": "power-cut"})["candidates"] == []

    def test_agents_who_do_not_take_part_read_nothing_of_it(self, api: Apis, cast: Cast) -> None:
        ref = self.start(api)
        api("supervisor").do(ref, "activate", plan="power-cut", level=3)
        api("supervisor").do(ref, "updates", audience="agents", text="Dark, for the exercise")
        assert selectors.notices_for_site(cast("agent07")) == []
        assert [notice["incident"].ref for notice in selectors.notices_for_site(cast("agent05"))] == [ref]

    def test_the_list_tells_them_apart(self, api: Apis) -> None:
        ref, real = self.start(api), api("agent03").report("power-cut")
        me = api("supervisor")
        assert [row["ref"] for row in me.get("incidents/", kind="drill")["results"]] == [ref]
        assert [row["ref"] for row in me.get("incidents/", kind="real")["results"]] == [real]


def test_who_is_named_sees_it_whatever_their_role(restricted: Case, api: Apis, cast: Cast) -> None:
    restricted.row.named.add(cast("agent05"))
    assert api("agent05").see(restricted.ref)["ref"] == restricted.ref
