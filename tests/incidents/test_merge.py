"""Two incidents are the same one."""

from collections.abc import Callable

import pytest

from tests.helpers import Api, report_body
from tests.incidents.checks import Browsers, Deed, OfEveryVerb
from tests.incidents.world import Case, Make, unchanged


def target(case: Case) -> str:
    """An older incident at the same site."""
    return str(case.api("agent05").report("power-cut", summary="Area B is dark"))


class TestMerge(OfEveryVerb):
    deed = Deed(
        "merge",
        lambda case: {"into": case.other},
        start=lambda make: with_target(make("reported")),
        event="merged_into",
        words="Merged into",
        not_for=("leader", "admin", "auditor"),
        twice="illegal",
    )

    def test_the_page_does_the_same_and_shows_it(self, case: Case, browser_as: Browsers) -> None:
        browser = browser_as("supervisor")
        into = self.deed.what(case)["into"]
        response = browser.post(f"/incidents/{case.ref}/merge/", {"into": into})
        assert response.status_code == 302
        assert response["Location"].startswith(f"/incidents/{into}/")
        assert f"{case.ref} merged into this incident" in browser.get(f"/incidents/{into}/").content.decode()
        assert browser.get(f"/incidents/{case.ref}/")["Location"] == f"/incidents/{into}/"


def with_target(case: Case) -> Case:
    case.other = target(case)
    return case


def test_its_reports_go_along_and_it_closes_as_a_duplicate(make: Make, api: Callable[[str], Api]) -> None:
    case = make("reported")
    into = target(case)
    answer = case.do("supervisor", "merge", into=into)
    assert answer["ref"] == into
    assert answer["impact"]["reports"] == 2
    mine = case.see()
    assert (mine["status"], mine["outcome"], mine["merged_into"]) == ("closed", "duplicate", into)
    assert api("agent03").get(f"reports/{case.report_id}/")["incident"] == into


def test_the_fault_began_with_the_earlier_one(make: Make) -> None:
    case = make("reported")
    into = target(case)
    began = case.see()["clocks"]["occurred"]
    assert case.do("supervisor", "merge", into=into)["clocks"]["occurred"] == began


def test_a_drill_is_not_a_real_incident(reported: Case) -> None:
    drill = reported.api("manager").report("power-cut", kind="drill", participants=["leader"])
    assert reported.do("manager", "merge", 409, into=drill)["code"] == "kind"


def test_not_into_one_that_is_over(reported: Case, make: Make) -> None:
    closed = make("false alarm")
    assert reported.do("supervisor", "merge", 409, into=closed.ref)["code"] == "closed"


@pytest.mark.parametrize("into", ["", "INC-1999-0001", "itself", "elsewhere", "x" * 17])
def test_only_into_another_one_that_one_can_see(reported: Case, into: str) -> None:
    elsewhere = reported.api("agent-xian").report("power-cut")
    ref = {"itself": reported.ref, "elsewhere": elsewhere}.get(into, into)
    with unchanged():
        assert "into" in reported.do("supervisor", "merge", 400, into=ref)


def test_whoever_joins_it_afterwards_joins_where_it_goes_on(make: Make, api: Callable[[str], Api]) -> None:
    case = make("reported")
    into = target(case)
    case.do("supervisor", "merge", into=into)
    assert api("agent07").post("reports/", report_body(join=case.ref), 201)["incident"] == into


def test_people_of_the_site_it_came_from_see_where_it_goes_on(reported: Case, api: Callable[[str], Api]) -> None:
    elsewhere = api("agent-xian").report("power-cut", site="xian")
    api("supervisor").see(elsewhere, "", 404)
    reported.do("manager", "merge", into=elsewhere)
    assert api("supervisor").see(elsewhere)["ref"] == elsewhere
