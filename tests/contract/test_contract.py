"""The interfaces that stay stable: addresses, methods, bodies, answers to the key, errors, lists, commands, pages."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.test import Client
from jsonschema import Draft202012Validator
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from tests.contract.calls import CHANGES, stage
from tests.helpers import Api, Clock, report_body
from tests.incidents.checks import Browsers
from tests.incidents.world import Case, Make, unchanged
from tests.record.made import tampering

Apis = Callable[[str], Api]
BASE = Path(__file__).resolve().parents[2]


def words(text: str) -> set[str]:
    return set(text.split())


CLOCKS = words("occurred reported acknowledged activated contained restored stood_down closed")
# What was promised, and after the bar what we have added.
KEYS: Mapping[str, tuple[set[str], set[str]]] = {
    "incident": (
        words(
            "ref kind rev status outcome level level_confirmed title type site clocks conditions activations commander"
        )
        | words("steps impact allowed"),
        words("deputy merged_into support"),
    ),
    "own part": (words("ref support"), set()),
    "tier": (
        words("tier open since asked confirmed declined joined released person_minutes people"),
        set(),
    ),
    "helper": (
        words("person status asked_at confirmed_at declined_at joined_at released_at minutes note"),
        set(),
    ),
    "step": (
        words("key title group kind status required opened_at due_at done_at options allowed"),
        words("overdue assignee decision target_s took_s"),
    ),
    "receipt": (words("id incident joined next_update_at"), words("received_at incident_type status outcome")),
    "received": (words("id incident joined next_update_at"), words("received_at incident_type")),
    "timeline": (words("seq kind at recorded_at actor facts text prev_hash hash"), words("redacted")),
    "promise": (
        words("id key rule action due_at armed_at state fired_at late_s system_late_s"),
        words("title paused"),
    ),
    "notification": (
        words("id recipient channel state attempts acknowledged_at"),
        words("incident created_at handed_at read_at declined_at items"),
    ),
    "figure": (words("value unit from to"), set()),
    "activation": (words("n plan revision level from until"), set()),
    "condition": (words("holds since"), set()),
    "impact": (words("reports seats share"), set()),
    "row": (
        words("ref kind rev status level title type site"),
        words("outcome level_confirmed commander occurred_at reported_at closed_at"),
    ),
    "candidate": (words("ref title seats"), set()),
    "shift": (
        words("id group site person person_name starts_at ends_at override source replaces standing"),
        set(),
    ),
    "swap": (words("id shift asked_by asked_of reason state asked_at decided_at"), set()),
    "imported": (words("added unchanged"), set()),
    "list": (words("results next"), set()),
    "taken": (words("received stored known"), words("new_feeds")),
    "warning": (
        words("id title state site owner level feed metric direction limit held_for_s value since opened_at report"),
        words("family example over_at watched_by watched_at decided_by decided_at reason incident"),
    ),
}


def is_a(kind: str, answer: Mapping[str, Any]) -> None:
    promised, added = KEYS[kind]
    assert set(answer) == promised | added, kind


def times(answer: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every instant in an answer. Facts are as they were hashed: whole milliseconds."""
    if isinstance(answer, dict):
        for key, value in answer.items():
            inside = f"clocks.{key}" if name == "clocks" else key
            yield from () if key == "facts" else times(value, inside)
    elif isinstance(answer, list):
        for value in answer:
            yield from times(value, name)
    elif isinstance(answer, str) and (name.endswith("_at") or name.startswith("clocks.") or name in ("since", "at")):
        yield name, answer


def are_whole(answer: Any) -> int:
    found = list(times(answer))
    for name, text in found:
        assert datetime.fromisoformat(text).tzinfo is not None, name
    return len(found)


def is_incident(answer: Mapping[str, Any]) -> None:
    is_a("incident", answer)
    is_a("impact", answer["impact"])
    assert set(answer["clocks"]) == CLOCKS
    for kind, parts in (
        ("step", answer["steps"]),
        ("activation", answer["activations"]),
        ("condition", answer["conditions"].values()),
        ("tier", answer["support"]),
        ("helper", [one for tier in answer["support"] for one in tier["people"]]),
    ):
        for part in parts:
            is_a(kind, part)
    for one in answer["steps"]:
        assert one["status"] in words("waiting open in_progress blocked done skipped withdrawn")
        assert one["kind"] in words("task call decision notice check")
        for option in one["options"]:
            assert set(option) == {"key", "label"}
    assert answer["level_confirmed"] is None or set(answer["level_confirmed"]) == {"by", "at"}
    assert are_whole(answer) > 0


@pytest.fixture
def full(clock: Clock, make: Make) -> Case:
    """An incident with something in every list."""
    case = make("responding", level=2)
    case.do("supervisor", "command", commander="supervisor", deputy="leader")
    clock.forward(timedelta(minutes=6))
    return case


@pytest.mark.parametrize("name", CHANGES)
def test_every_changing_call_answers_the_changed_object(make: Make, api: Apis, name: str) -> None:
    ready = stage(name, make, api)
    response = ready.send()
    assert response.status_code == ready.change.status, response.content
    assert response["Content-Type"] == "application/json"
    answer = response.json()
    if ready.change.answers == "incident":
        is_incident(answer)
        assert answer["ref"] == (ready.case.other if name == "merge" else ready.case.ref)
    else:
        is_a(ready.change.answers, answer)


def test_candidates_store_nothing(full: Case) -> None:
    with unchanged():
        answer = full.api("agent07").post("reports/?candidates=1", report_body())
    assert set(answer) == {"candidates"}
    is_a("candidate", answer["candidates"][0])


def test_an_incident_and_everything_about_it(full: Case) -> None:
    me = full.api("supervisor")
    is_incident(full.see())
    for part, kind in (("timeline", "timeline"), ("promises", "promise"), ("notifications", "notification")):
        answer = me.get(f"incidents/{full.ref}/{part}/")
        is_a("list", answer)
        assert answer["results"]
        for row in answer["results"]:
            is_a(kind, row)
        assert are_whole(answer) > 0
    lines = full.see("timeline/")
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["prev_hash"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    assert lines[0]["prev_hash"] == hashlib.sha256(full.ref.encode()).hexdigest()
    assert {row["state"] for row in full.see("promises/")} >= {"pending", "fired", "superseded"}
    [fired] = [row for row in full.see("promises/") if row["rule"] == "power-5"]
    assert (fired["late_s"], fired["system_late_s"]) == (0, 0)


def test_the_figures_say_what_they_span(full: Case) -> None:
    for figure in full.see("summary/").values():
        is_a("figure", figure)
        assert figure["unit"] in ("s", "count", "person-min")
        assert {figure["from"], figure["to"]} <= CLOCKS | {"now"}
    assert full.see("summary/")["acknowledge"] == {"value": 0, "unit": "s", "from": "occurred", "to": "acknowledged"}


def test_a_receipt(full: Case) -> None:
    is_a("receipt", full.api("agent03").get(f"reports/{full.report_id}/"))


def test_plans_in_the_shape_of_their_files(api: Apis) -> None:
    me = api("agent03")
    answer = me.get("plans/")
    is_a("list", answer)
    assert {row["slug"] for row in answer["results"]} >= {
        "house",
        "power-cut",
        "application-fault",
        "general-emergency",
    }
    document = me.get("plans/power-cut/")
    assert me.get(f"plans/power-cut/revisions/{document['revision']}/") == document
    file = yaml.safe_load((BASE / "plans/library/power-cut.yaml").read_text())
    assert set(file) <= set(document)
    assert [step["id"] for step in document["steps"]] == [step["id"] for step in file["steps"]]
    me.get("plans/no-such-plan/", 404)
    me.get("plans/power-cut/revisions/99/", 404)


class TestTheList:
    @pytest.fixture
    def refs(self, make: Make, api: Apis) -> dict[str, str]:
        made = {
            "dark": make("reported", summary="Dark in row 100%").ref,
            "running": make("responding", summary="Row_5 is out").ref,
            "over": make("false alarm").ref,
            "drill": api("manager").report("power-cut", kind="drill"),
            "xian": api("agent-xian").report("power-cut"),
        }
        return made

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", "dark running over drill xian"),
            ("status=reported", "dark drill xian"),
            ("status=reported&status=closed", "dark over drill xian"),
            ("status=assessing", ""),
            ("level=3", "running"),
            ("level=3&level=4", "running"),
            ("level=1", ""),
            ("kind=drill", "drill"),
            ("kind=real&kind=drill", "dark running over drill xian"),
            ("site=xian", "xian"),
            ("site=nowhere", ""),
            ("q=100%25", "dark"),
            ("q=Row_5", "running"),
            ("q=row", "dark running"),
            ("q=DRL-", "drill"),
            ("q=%E6%96%AD%E7%94%B5", ""),
            ("status=reported&kind=real&site=leeds&q=dark", "dark"),
            ("status=&level=&kind=&site=&q=", "dark running over drill xian"),
            ("no_such_filter=1", "dark running over drill xian"),
        ],
    )
    def test_filters(self, refs: dict[str, str], api: Apis, query: str, found: str) -> None:
        answer = api("manager").get(f"incidents/?{query}")
        is_a("list", answer)
        assert {row["ref"] for row in answer["results"]} == {refs[name] for name in found.split()}
        for row in answer["results"]:
            is_a("row", row)

    @pytest.mark.parametrize("name", ["status", "level", "kind"])
    @pytest.mark.parametrize("value", ["nonsense", "reported,closed", "-1", "9" * 30, "%27", "%ED%A0%80"])
    def test_nonsense_is_a_field_error(self, api: Apis, name: str, value: str) -> None:
        assert name in api("manager").get(f"incidents/?{name}={value}", 400)

    @pytest.mark.parametrize("value", ["%00", "x" * 201])
    def test_what_cannot_be_searched_for(self, api: Apis, value: str) -> None:
        assert api("manager").client.get(f"/api/v1/incidents/?q={value}").status_code == 400

    def test_pages_follow_each_other(self, refs: dict[str, str], api: Apis) -> None:
        me, seen = api("manager"), []
        address = "/api/v1/incidents/?page_size=2"
        while address:
            answer = me.client.get(address).json()
            assert len(answer["results"]) <= 2
            seen += [row["ref"] for row in answer["results"]]
            address = answer["next"]
        assert sorted(seen) == sorted(refs.values())
        assert seen == [row["ref"] for row in me.get("incidents/")["results"]]  # newest first

    @pytest.mark.parametrize("query", ["page_size=0", "page_size=-1", "page_size=x", "page_size=9999999999"])
    def test_a_senseless_page_size_is_the_usual_one(self, refs: dict[str, str], api: Apis, query: str) -> None:
        assert len(api("manager").get(f"incidents/?{query}")["results"]) == len(refs)

    def test_a_cursor_that_is_none(self, api: Apis) -> None:
        for text in ("p=abc", "p=1.5", "p=%00", "o=x"):
            cursor = base64.b64encode(text.encode()).decode()
            assert api("manager").client.get("/api/v1/incidents/", {"cursor": cursor}).status_code in (400, 404), text
        assert api("manager").client.get("/api/v1/incidents/?cursor=zzz").status_code in (400, 404)


class TestErrors:
    def test_field_by_field(self, reported: Case) -> None:
        refused = reported.do("supervisor", "activate", 400, level=9)
        assert set(refused) == {"plan", "level"}
        assert all(isinstance(text, str) for texts in refused.values() for text in texts)

    def test_by_the_verb_too(self, reported: Case) -> None:
        refused = reported.do("supervisor", "activate", 400, plan="no-such-plan", level=3)
        assert refused["plan"] == ["There is no published plan “no-such-plan”."]

    @pytest.mark.parametrize("status", [403, 404, 409])
    def test_the_others_say_why(self, reported: Case, status: int) -> None:
        who = {403: "leader", 404: "agent07", 409: "supervisor"}[status]
        refused = reported.do(who, "stand-down", status, reason="Over")
        assert set(refused) == {"code", "detail"}

    def test_what_is_open_is_listed(self, responding: Case) -> None:
        refused = responding.do("manager", "close", 409, outcome="resolved")
        assert set(refused) == {"code", "detail", "open"}
        assert refused["code"] == "open"

    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
    @pytest.mark.parametrize("path", ["reports/", "incidents/", "incidents/INC-2026-0001/", "plans/", "no/such/call/"])
    def test_strangers_are_told_in_json_that_they_must_sign_in(self, db: None, method: str, path: str) -> None:
        response = getattr(Client(), method)(f"/api/v1/{path}")
        assert response.status_code == 401
        assert response["Content-Type"] == "application/json"
        assert "WWW-Authenticate" in response

    @pytest.mark.parametrize("path", ["", "nothing/", "incidents/INC-2026-0001/dance/", f"notifications/{10**30}/x/"])
    def test_an_unknown_address_is_not_found_in_json(self, api: Apis, path: str) -> None:
        assert "detail" in api("manager").get(path, 404)

    def test_a_token_is_as_good_as_a_session(self, reported: Case, browser_as: Browsers, db: None) -> None:
        printed = StringIO()
        call_command("create_token", "supervisor", stdout=printed)
        token = printed.getvalue().strip()
        assert token == Token.objects.get(user__username="supervisor").key
        client = APIClient(headers={"Authorization": f"Token {token}"})
        address = f"/api/v1/incidents/{reported.ref}/"
        assert client.get(address).json() == browser_as("supervisor").get(address).json() | {}
        assert APIClient(headers={"Authorization": "Token nonsense"}).get(address).status_code == 401

    def test_a_session_writes_with_its_csrf_token_only(self, reported: Case, cast: Any) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(cast("supervisor"))
        address = f"/api/v1/incidents/{reported.ref}/acknowledge/"
        with unchanged():
            assert client.post(address, {}, content_type="application/json").status_code == 403

    def test_in_the_callers_language(self, api: Apis) -> None:
        me = api("supervisor-xian")
        for answer in (me.post("reports/", {}, 400)["summary"], me.get("incidents/?status=x", 400)["status"]):
            assert re.search("[\u4e00-\u9fff]", answer[0]), answer


GETS = (
    *("", "timeline/", "promises/", "notifications/", "summary/"),
    *("acknowledge/", "steps/", "steps/power-cut.keep-calm/start/", "level/confirm/", "close/"),
)
ROSTER = ("roster/", "roster/?site=leeds&from=2026-03-02T00:00:00Z&page_size=3", "roster/?from=x", "roster/now/")
PAGES = (
    *("/roster/", "/roster/add/", "/roster/import/", "/roster/template.csv", "/roster/export.csv", "/roster/shifts/1/"),
    *("/roster/swaps/1/accept/", "/roster/shifts/1/remove/", *(f"/api/v1/{path}" for path in ROSTER)),
    *("/api/v1/roster/shifts/", "/api/v1/roster/import/", "/api/v1/roster/shifts/1/remove/"),
    *("/", "/report/", "/board/", "/overview/", "/inbox/", "/incidents/", "/incidents/?q=dark", "/plans/"),
    *("/plans/power-cut/", "/plans/power-cut/revisions/1/", "/healthz", "/metrics", "/banner/", "/accounts/login/"),
    *("/accounts/me/", "/admin/", "/api/schema/", "/api/docs/", "/incidents/{ref}/", "/incidents/{ref}/summary/"),
    *("/incidents/{ref}/acknowledge/", "/incidents/{ref}/steps/power-cut.keep-calm/start/", "/report/{report}/"),
    *("/api/v1/incidents/", "/api/v1/reports/", "/api/v1/reports/{report}/", "/api/v1/plans/"),
    *("/api/v1/plans/house/", "/api/v1/notifications/{letter}/acknowledge/", "/inbox/{letter}/acknowledge/"),
    *(f"/api/v1/incidents/{{ref}}/{part}" for part in GETS),
)


@pytest.mark.parametrize("username", ["agent03", "supervisor", "manager", "admin"])
def test_reading_changes_nothing(full: Case, clock: Clock, browser_as: Browsers, username: str) -> None:
    """Not even what is overdue: the clock does that."""
    names = {"ref": full.ref, "report": full.report_id, "letter": full.letter_to("supervisor").pk}
    browser = browser_as(username)
    clock.forward(timedelta(hours=2), fire=False)
    with unchanged():
        for page in PAGES:
            for method in ("get", "head", "options") if page.startswith("/api/v1/") else ("get", "head"):
                status = getattr(browser, method)(page.format(**names)).status_code
                assert status < 500 or page == "/healthz", (method, page)  # the clock stands still here


@pytest.mark.parametrize(
    ("username", "home"),
    [
        ("agent", "/report/"),
        ("leader", "/board/"),
        ("supervisor", "/board/"),
        ("manager", "/overview/"),
    ],
)
def test_everybody_comes_home_and_the_page_is_there(browser_as: Browsers, username: str, home: str) -> None:
    browser = browser_as(username)
    assert browser.get("/")["Location"] == home
    assert browser.get(home).status_code == 200


@pytest.mark.parametrize(
    ("username", "page"),
    [
        ("agent03", "/report/{report}/"),
        ("supervisor", "/incidents/{ref}/"),
        ("manager", "/incidents/{ref}/summary/"),
        ("auditor", "/incidents/{ref}/"),
        ("agent03", "/plans/"),
        ("agent03", "/plans/power-cut/"),
        ("admin", "/admin/"),
        ("supervisor", "/api/docs/"),
        ("supervisor", "/api/schema/"),
    ],
)
def test_pages(full: Case, browser_as: Browsers, username: str, page: str) -> None:
    response = browser_as(username).get(page.format(ref=full.ref, report=full.report_id))
    assert response.status_code == 200


def test_signing_in_has_its_fields(db: None) -> None:
    page = Client().get("/accounts/login/?next=/board/").content.decode()
    assert all(f'name="{name}"' in page for name in ("username", "password", "next"))
    response = Client().post("/accounts/login/", {"username": "leader", "password": "demo-leader", "next": "/board/"})
    assert response["Location"] == "/board/"


def test_health_and_metrics(db: None) -> None:
    answer = Client().get("/healthz")
    assert answer.status_code in (200, 503)
    assert set(answer.json()) == words("status database clock oldest_due_s oldest_outbox_s stuck audit broker")
    assert {"alive", "last_look_s"} <= set(answer.json()["clock"])
    metrics = Client().get("/metrics")
    assert metrics["Content-Type"].startswith("text/plain")
    assert b"contactops_oldest_due_seconds" in metrics.content


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Built without a single warning."""
    file = tmp_path_factory.mktemp("schema") / "schema.yaml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(file))
    return yaml.safe_load(file.read_text())


def as_it_says(schema: Any, method: str, path: str, response: Any) -> None:
    """The answer's status is listed for the call, and its body is of the shape that is given there."""
    patterns = {re.sub(r"{\w+}", r"[^/]+", known): operations for known, operations in schema["paths"].items()}
    full = "/api/v1/" + path.partition("?")[0]
    fitting = [operations for pattern, operations in patterns.items() if re.fullmatch(pattern, full)]
    responses = [one[method]["responses"] for one in fitting if method in one]
    assert responses, full
    said = [one[str(response.status_code)] for one in responses if str(response.status_code) in one]
    assert said, (method, full, response.status_code)
    shape = {"components": schema["components"], **said[0]["content"]["application/json"]["schema"]}
    errors = [
        f"{list(error.path)}: {error.message}" for error in Draft202012Validator(shape).iter_errors(response.json())
    ]
    assert errors == [], (method, full, response.status_code)


class TestSchema:
    def test_every_call_is_in_it(self, schema: Any) -> None:
        for change in CHANGES.values():
            path = re.sub(r"steps/[^/]+/\w+/", "steps/{}/{}/", change.path)
            path = re.sub(r"(promises|notifications|swaps|warnings)/({\w+})/\w+/", r"\1/{}/{}/", path)
            assert "post" in shape(schema)[re.sub("{\\w*}", "{}", f"/api/v1/{path}")], change.path
        for path in ("reports/{}/", "incidents/", "incidents/{}/", "incidents/{}/timeline/", "incidents/{}/promises/"):
            assert "get" in shape(schema)[f"/api/v1/{path}"]
        for path in ("incidents/{}/notifications/", "incidents/{}/summary/", "plans/", "plans/{}/"):
            assert "get" in shape(schema)[f"/api/v1/{path}"]
        for path in ("plans/{}/revisions/{}/", "roster/", "roster/now/"):
            assert "get" in shape(schema)[f"/api/v1/{path}"]

    @pytest.mark.parametrize("name", CHANGES)
    def test_every_change_is_answered_as_it_says(self, schema: Any, make: Make, api: Apis, name: str) -> None:
        ready = stage(name, make, api)
        as_it_says(schema, "post", ready.path, ready.send({}, by="auditor"))
        as_it_says(schema, "post", ready.path, ready.send())
        as_it_says(schema, "post", ready.path, ready.send())  # most of them are refused the second time

    def test_every_list_and_object_too(self, schema: Any, full: Case) -> None:
        full.do("supervisor", "notes", 400)
        closed = full.api("agent03").report(summary="Nothing after all")
        full.api("manager").do(closed, "cancel", reason="A mistake")
        paths = [f"incidents/{full.ref}/{part}" for part in ("", *words("timeline/ promises/ notifications/ summary/"))]
        for path in (
            *paths,
            f"incidents/{closed}/",
            "incidents/",
            "incidents/?status=x",
            "plans/",
            "plans/power-cut/",
            *ROSTER,
        ):
            as_it_says(schema, "get", path, full.api("supervisor").client.get(f"/api/v1/{path}"))
        receipt = f"reports/{full.report_id}/"
        as_it_says(schema, "get", receipt, full.api("agent03").client.get(f"/api/v1/{receipt}"))
        sent = full.api("agent07").client.post("/api/v1/reports/?candidates=1", report_body(), format="json")
        as_it_says(schema, "post", "reports/", sent)

    def test_every_changing_call_takes_a_key(self, schema: Any) -> None:
        for path, methods in schema["paths"].items():
            if "post" in methods:
                names = {parameter["name"] for parameter in methods["post"].get("parameters", ())}
                assert "Idempotency-Key" in names, path


def shape(schema: Any) -> dict[str, Any]:
    """Paths without the names of their parameters."""
    return {re.sub("{.*?}", "{}", path): methods for path, methods in schema["paths"].items()}


COMMANDS = words(
    "seed_demo create_token load_plans export_plan rehearse_plan verify_timeline replay plan_schema build_translations"
)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_commands_are_there_and_explain_themselves(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    assert len(command.help) > 10
    assert name in command.create_parser("manage.py", name).format_help()


def test_the_makefile_has_its_targets() -> None:
    targets = set(re.findall("^([a-z-]+):", (BASE / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "test-all", "check", "bench"} <= targets


def test_a_history_that_holds_and_one_that_does_not(full: Case) -> None:
    assert run("verify_timeline") == run("verify_timeline", full.ref)
    assert full.ref in run("replay", full.ref)
    with tampering("incidents_event") as cursor:
        cursor.execute("UPDATE incidents_event SET facts = facts || '{\"speed\": 2}' WHERE seq = 1")
    with pytest.raises(CommandError, match=f"{full.ref}: event 1 "):
        run("verify_timeline", full.ref)
    row = full.row
    row.state = {**row.state, "level": 4}
    row.save(update_fields=["state"])
    with pytest.raises(CommandError, match="level"):
        run("replay", full.ref)
    for name in ("verify_timeline", "replay"):
        with pytest.raises(CommandError):
            run(name, "INC-1999-0001")


def run(name: str, *arguments: str) -> str:
    printed = StringIO()
    call_command(name, *arguments, stdout=printed)
    return printed.getvalue()


def test_a_plan_goes_out_and_comes_back_the_same(db: None, tmp_path: Path) -> None:
    text = run("export_plan", "power-cut")
    file = tmp_path / "power-cut.yaml"
    file.write_text(text)
    with unchanged():
        run("load_plans", str(file))
    assert run("export_plan", "power-cut") == text


def test_a_plan_is_rehearsed_on_a_clock_of_its_own(db: None, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(
        yaml.safe_dump(
            [
                {"at": "PT0S", "do": "report", "incident_type": "power-cut", "summary": "Dark", "scope": "floor"},
                {"at": "PT1M", "do": "activate", "plan": "power-cut", "level": 3},
            ]
        )
    )
    with unchanged():
        lines = run("rehearse_plan", "power-cut", "--script", str(script), "--until", "PT10M").splitlines()
        as_json = run("rehearse_plan", "power-cut", "--script", str(script), "--until", "PT10M", "--json")
    assert any(re.fullmatch(r" *\+0:05:00 +fired .*power-5.*", line) for line in lines), lines
    assert len([json.loads(line) for line in as_json.splitlines()]) == len(lines)
