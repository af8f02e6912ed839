"""A step that no plan foresaw."""

from datetime import datetime, timedelta

import pytest

from tests.helpers import Clock, steps
from tests.incidents.checks import Deed, OfEveryVerb
from tests.incidents.world import Case


class TestAdHoc(OfEveryVerb):
    deed = Deed(
        "steps",
        {"title": "Water to row 5", "group": "G-LOG", "due_in": "PT10M"},
        event="step_opened",
        words="Step opened: Water to row 5",
        not_for=("leader", "admin", "auditor"),
        twice=200,
        again=1,
    )


def test_the_group_can_work_on_it(reported: Case, clock: Clock) -> None:
    answer = reported.do("supervisor", "steps", title="Water to row 5", group="G-LOG", due_in="PT10M")
    step = steps(answer)["house.adhoc-1"]
    assert (step["title"], step["group"], step["kind"], step["required"]) == ("Water to row 5", "G-LOG", "task", True)
    assert datetime.fromisoformat(step["due_at"]) == clock.now + timedelta(minutes=10)
    assert reported.letter_to("logistics").state == "delivered"
    assert steps(reported.do("logistics", "steps/house.adhoc-1/complete"))["house.adhoc-1"]["status"] == "done"


def test_its_deadline_is_a_promise_like_any_other(reported: Case, clock: Clock) -> None:
    reported.do("supervisor", "steps", title="Water to row 5", group="G-LOG", due_in="PT10M")
    clock.forward(timedelta(minutes=11))
    assert reported.step("house.adhoc-1")["overdue"]
    assert reported.promise("due-adhoc-1")["state"] == "fired"


def test_a_plans_own_name_for_a_group_will_do(responding: Case) -> None:
    answer = responding.do("supervisor", "steps", title="Look again", group="maintenance")
    assert steps(answer)["house.adhoc-1"]["group"] == "G-TECH"


def test_the_second_one_is_another_step(reported: Case) -> None:
    for _ in range(2):
        reported.do("supervisor", "steps", title="Water", group="G-LOG")
    assert {"house.adhoc-1", "house.adhoc-2"} <= set(steps(reported.see()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("group", "G-NONE"),
        ("title", ""),
        ("title", "x" * 201),
        ("due_in", "PT0S"),
        ("due_in", "-PT5M"),
        ("due_in", "P9999D"),
        ("due_in", "ten minutes"),
        ("due_in", "P" + "9" * 400 + "D"),
        ("due_in", 600),
    ],
)
def test_what_a_step_cannot_be(reported: Case, field: str, value: object) -> None:
    body = {"title": "Water", "group": "G-LOG", field: value}
    assert field in reported.do("supervisor", "steps", 400, **body)
