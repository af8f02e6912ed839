"""What holds of every verb, asked of each: once per key, never on a stale revision, on the page as over the API, only by
those who may."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any, ClassVar

import pytest
from django.test import Client

from tests.helpers import Api
from tests.incidents.world import Case, Make, everything, unchanged

Browsers = Callable[[str], Client]


@dataclass(frozen=True)
class Deed:
    """One use of a verb. `path` and `body` may need the incident; `forms` is the body as the page sends it."""

    path: str | Callable[[Case], str]
    body: Mapping[str, Any] | Callable[[Case], Mapping[str, Any]] = field(default_factory=dict)
    forms: Mapping[str, Any] | None = None
    start: Callable[[Make], Case] = lambda make: make("reported")
    by: str = "supervisor"
    event: str = ""  # the kind of event it appends
    words: str = ""  # what the timeline says
    not_for: tuple[str, ...] = ("admin", "auditor")
    unseen_by: tuple[str, ...] = ("agent07", "supervisor-xian", "press")
    twice: int | str = 409  # the status of the second time, and for 409 the code
    again: int = 0  # how many more events of the kind the second time makes

    def where(self, case: Case) -> str:
        path = self.path if isinstance(self.path, str) else self.path(case)
        return f"incidents/{case.ref}/{path}/"

    def what(self, case: Case) -> dict[str, Any]:
        return dict(self.body if isinstance(self.body, Mapping) else self.body(case))

    def as_form(self, case: Case) -> dict[str, Any]:
        sent = self.forms if self.forms is not None else self.what(case)
        return {name: str(value).lower() if isinstance(value, bool) else value for name, value in sent.items()}


class OfEveryVerb:
    """Inherited by the tests of one deed."""

    deed: ClassVar[Deed]

    @pytest.fixture
    def case(self, make: Make) -> Case:
        return self.deed.start(make)

    def test_it_is_done_once_per_idempotency_key(self, case: Case, api: Callable[[str], Api]) -> None:
        where, what, me = self.deed.where(case), self.deed.what(case), api(self.deed.by)
        before = len(case.events(self.deed.event))
        first = me.post(where, what, key="one")
        after = everything()
        assert me.post(where, what, key="one") == first
        assert len(case.events(self.deed.event)) == before + 1
        assert me.post(where, {**what, "more": 1}, 409, key="one")["code"] == "key_reused"
        assert everything() == after

    def test_the_second_time(self, case: Case, api: Callable[[str], Api]) -> None:
        where, what, me = self.deed.where(case), self.deed.what(case), api(self.deed.by)
        me.post(where, what)
        before = len(case.events(self.deed.event))
        if isinstance(self.deed.twice, str):
            with unchanged():
                refused = me.post(where, what, 409)
            assert refused["code"] == self.deed.twice
            assert refused["detail"]
        else:
            me.post(where, what, self.deed.twice)
            assert len(case.events(self.deed.event)) == before + self.deed.again

    def test_a_stale_revision_is_refused_and_changes_nothing(self, case: Case, api: Callable[[str], Api]) -> None:
        where, what, me = self.deed.where(case), self.deed.what(case), api(self.deed.by)
        rev = case.row.rev
        with unchanged():
            refused = me.post(where, {**what, "rev": rev - 1}, 409)
        assert refused["code"] == "stale"
        me.post(where, {**what, "rev": rev})

    def test_who_may_not(self, case: Case, api: Callable[[str], Api]) -> None:
        where, what = self.deed.where(case), self.deed.what(case)
        with unchanged():
            for username in self.deed.not_for:
                assert api(username).post(where, what, 403)["code"] == "not_allowed", username
            for username in self.deed.unseen_by:
                assert api(username).post(where, what, 404)["code"] == "not_found", username

    def test_the_page_does_the_same_and_shows_it(self, case: Case, browser_as: Browsers) -> None:
        browser = browser_as(self.deed.by)
        before = len(case.events(self.deed.event))
        response = browser.post(f"/{self.deed.where(case)}", self.deed.as_form(case))
        assert response.status_code == 302, unescape(response.content.decode())[:3000]
        room = response["Location"].partition("#")[0]
        assert room.startswith("/incidents/")
        made = case.events(self.deed.event)
        assert len(made) == before + 1
        assert made[-1].actor and made[-1].actor.username == self.deed.by
        page = unescape(browser.get(f"{room}?all=1").content.decode())
        assert self.deed.words in page
        assert any(self.deed.words in line["text"] for line in case.see("timeline/"))
