"""The plan pages and the API: what is published, for everybody who is signed in."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from contactops.accounts.models import Role, User
from plans import durations, library_files, pages, selectors, services
from plans.models import PlanRevision
from plans.texts import say
from plans.wording import Wording

Document = dict[str, Any]
Publish = Callable[[Document], PlanRevision]

pytestmark = pytest.mark.usefixtures("nothing_yet")


@pytest.fixture
def reader(nothing_yet: None, client: Client) -> Client:
    client.force_login(User.objects.create(username="reader", role=Role.AGENT))
    return client


@pytest.fixture
def library(writer: User, approver: User) -> None:
    call_command("load_plans", "--publish", "--by", "writer", "--approved-by", "approver", verbosity=0)


class TestApi:
    def test_lists_what_is_published(self, reader: Client, small: Document, writer: User, publish: Publish) -> None:
        publish(small)
        services.load({**small, "slug": "draft-only"}, by=writer)
        answer = reader.get("/api/v1/plans/").json()
        assert answer["next"] is None
        assert [row["slug"] for row in answer["results"]] == ["small"]
        assert answer["results"][0]["revision"] == 1

    def test_a_plan_has_the_shape_of_its_file(self, reader: Client, library: None) -> None:
        answer = reader.get("/api/v1/plans/power-cut/").json()
        assert {key: answer.pop(key) for key in ("revision", "status")} == {"revision": 1, "status": "published"}
        assert answer.pop("effective_at")
        document = library_files.read(library_files.LIBRARY / "power-cut.yaml")
        assert answer == document
        assert list(answer) == list(document)

    def test_revisions_that_were_in_force_are_kept(self, reader: Client, small: Document, publish: Publish) -> None:
        publish(small)
        publish({**small, "scope": {"en": "Changed."}})
        assert reader.get("/api/v1/plans/small/").json()["scope"] == {"en": "Changed."}
        first = reader.get("/api/v1/plans/small/revisions/1/").json()
        assert (first["status"], first["scope"]["en"]) == ("retired", "Tests.")

    @pytest.mark.parametrize("path", ["nothing/", "small/revisions/2/", "small/revisions/99999999999999999999/"])
    def test_what_is_not_published_is_not_there(
        self, reader: Client, small: Document, writer: User, publish: Publish, path: str
    ) -> None:
        publish(small)
        services.load({**small, "scope": {"en": "Changed."}}, by=writer)
        assert reader.get(f"/api/v1/plans/{path}").status_code == 404

    def test_changes_nothing(self, reader: Client, library: None) -> None:
        for method in (reader.post, reader.put, reader.patch, reader.delete):
            assert method("/api/v1/plans/power-cut/").status_code == 405


class TestPages:
    @pytest.mark.parametrize("slug", [path.stem for path in library_files.files()])
    def test_every_library_plan_can_be_read(self, reader: Client, library: None, slug: str) -> None:
        answer = reader.get(f"/plans/{slug}/")
        assert answer.status_code == 200
        page = answer.content.decode()
        for step in selectors.plan_document(slug)["steps"]:
            assert f'id="step-{step["id"]}"' in page

    def test_the_list_links_to_them(self, reader: Client, library: None, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(7):
            page = reader.get("/plans/").content.decode()
        assert 'href="/plans/power-cut/"' in page
        assert "Power cut" in page

    def test_an_empty_list_says_so(self, reader: Client) -> None:
        assert "No plan has been published yet" in reader.get("/plans/").content.decode()

    def test_a_retired_revision_says_so(self, reader: Client, small: Document, publish: Publish) -> None:
        publish(small)
        publish({**small, "scope": {"en": "Changed."}})
        assert "Replaced by a newer revision" in reader.get("/plans/small/revisions/1/").content.decode()

    def test_what_is_not_published_is_not_there(self, reader: Client) -> None:
        assert reader.get("/plans/nothing/").status_code == 404

    @pytest.mark.parametrize("level", [1, 2, 3, 4])
    @pytest.mark.parametrize("by", ["group", "phase"])
    def test_one_level_shows_what_is_done_at_it(self, reader: Client, library: None, level: int, by: str) -> None:
        page = reader.get(f"/plans/power-cut/?level={level}&by={by}").content.decode()
        for step in selectors.plan_document("power-cut")["steps"]:
            is_there = f'id="step-{step["id"]}"' in page
            assert is_there == (level in step.get("levels", [1, 2, 3, 4])), step["id"]

    def test_by_phase_every_step_stands_once(self, reader: Client, library: None) -> None:
        page = reader.get("/plans/fire-alarm/?by=phase").content.decode()
        for step in selectors.plan_document("fire-alarm")["steps"]:
            assert page.count(f'id="step-{step["id"]}"') == 1

    @pytest.mark.parametrize("query", ["level=9", "level=x", "by=colour", "level=&by="])
    def test_an_unknown_arrangement_is_the_usual_one(self, reader: Client, library: None, query: str) -> None:
        usual = re.findall(r'id="step-[^"]+"', reader.get("/plans/power-cut/").content.decode())
        assert re.findall(r'id="step-[^"]+"', reader.get(f"/plans/power-cut/?{query}").content.decode()) == usual

    def test_the_history_names_who_wrote_and_who_approved(
        self, reader: Client, small: Document, publish: Publish
    ) -> None:
        publish(small)
        publish({**small, "scope": {"en": "Changed."}})
        page = reader.get("/plans/small/revisions/").content.decode()
        assert page.index("/plans/small/revisions/2/") < page.index("/plans/small/revisions/1/")
        assert page.count("in force") == 1
        assert "Written by writer, approved by approver" in page
        assert reader.get("/plans/nothing/revisions/").status_code == 404

    def test_words_are_escaped(self, reader: Client, small: Document, publish: Publish) -> None:
        small["steps"][0]["title"] = {"en": "<script>alert(1)</script>"}
        small["scripts"] = [
            {"id": "a", "audience": "agents", "title": {"en": "<b>"}, "text": {"en": "<script>alert(1)</script>"}}
        ]
        publish(small)
        assert "<script>alert" not in reader.get("/plans/small/").content.decode()

    def test_strangers_are_asked_who_they_are(self, client: Client) -> None:
        assert client.get("/plans/").status_code == 302


def test_clocks_in_words(library: None) -> None:
    with translation.override("en"):
        page = pages.plan_page(selectors.published("power-cut"))
        [sentence] = page.clocks[0].sentences
        house = pages.plan_page(selectors.published("house"))
    assert sentence.startswith("When “Power is off” has lasted 5 min: open the step “Telephone the superior")
    assert house.clocks[0].sentences == ["At once after the report: tell Duty leaders; tell Supervisors"]
    assert house.clocks[1].sentences == [
        "5 min after the report: tell Supervisors; tell Duty leaders",
        "10 min after the report: tell Leading group",
        "Again every 10 min, at most 2 times",
        "Only while: not acknowledged",
    ]


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        ("started", "begun"),
        ("level:2", "level 2"),
        ("tier:1", "support tier 1 is open"),
        ("condition:surge", "“a surge of calls” holds"),
        ("decision:choose:go", "“Choose” decided: Go"),
        ("list:sheets.open", "paper sheets still open"),
        ("list:posts.open", "posts still open"),
        ("update:agents", "the last update to agents"),
        ("plan:other", "plan other is active"),
        ("mark:late", "marked “late”"),
        ("check:fine", "“Fine” is done"),
        ("callout:l", "call-out l unanswered"),
        ("held:l", "call-out l answered"),
        ("not condition:surge", "“a surge of calls” does not hold"),
    ],
)
def test_every_kind_of_fact_has_words(small: Document, fact: str, words: str) -> None:
    options = [{"key": "go", "label": {"en": "Go"}}, {"key": "wait", "label": {"en": "Wait"}}]
    small["steps"] = [{"id": "choose", "kind": "decision", "title": {"en": "Choose"}, "options": options}]
    small["stand_down"] = [{"id": "fine", "title": {"en": "Fine"}}]
    with translation.override("en"):
        assert Wording(small).atom(fact) == words


def test_say_falls_back_to_english() -> None:
    text = {"en": "Power", "zh-hans": "供电"}
    with translation.override("zh-hans"):
        assert say(text) == "供电"
        assert say({"en": "Power"}) == "Power"
        assert say("same everywhere") == "same everywhere"
    with translation.override("en"):
        assert say(text) == "Power"
    with translation.override(None):
        assert say(text) == "Power"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("PT0S", 0),
        ("PT5M", 300_000),
        ("PT60M", 3_600_000),
        ("PT1H30M5S", 5_405_000),
        ("P3D", 259_200_000),
        ("P1W", 604_800_000),
    ],
)
def test_durations(text: str, ms: int) -> None:
    assert durations.milliseconds(text) == ms
    assert durations.spoken(text)


@pytest.mark.parametrize("text", ["", "P", "PT", "5M", "PT5", "P1M", "P1Y", "PT-5M", "PT1.5M", "pt5m", "PT5M "])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        durations.milliseconds(text)
