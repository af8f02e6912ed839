"""Wrong, hostile and broken input: a clear refusal, nothing changed, never a fault of ours."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework import serializers

from contactops.accounts.models import User
from tests.contract.calls import CHANGES, Stage, stage
from tests.helpers import Api, report_body
from tests.incidents.world import Make, unchanged, undone

Apis = Callable[[str], Api]
REFUSALS = {400, 403, 404, 409, 413, 415}

# What no call takes, whatever it is about.
BROKEN: dict[str, tuple[bytes, dict[str, str], int]] = {
    "nothing that is JSON": (b"{text: hello", {}, 400),
    "a list": (b"[]", {}, 400),
    "a word": (b'"hello"', {}, 400),
    "a number": (b"1", {}, 400),
    "null": (b"null", {}, 400),
    "two objects": (b"{}{}", {}, 400),
    "NUL": (b'{"text": "a\\u0000b"}', {}, 400),
    "NUL in a name": (b'{"a\\u0000b": 1}', {}, 400),
    "half a surrogate pair": (b'{"text": "\\ud800"}', {}, 400),
    "half a pair in a name": (b'{"\\udfff": 1}', {}, 400),
    "bytes that are not UTF-8": (b'{"text": "\xff\xfe"}', {}, 400),
    "UTF-16": ('{"text": "a"}'.encode("utf-16"), {}, 400),
    "nested too deeply": (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", {}, 400),
    "not a number": (b'{"rev": NaN}', {}, 400),
    "infinity": (b'{"rev": Infinity}', {}, 400),
    "a number of five thousand digits": (b'{"rev": ' + b"9" * 5000 + b"}", {}, 400),
    "a form": (b"text=hello", {"content_type": "application/x-www-form-urlencoded"}, 415),
    "a file": (b"--x--", {"content_type": "multipart/form-data; boundary=x"}, 415),
    "plain text": (b"hello", {"content_type": "text/plain"}, 415),
    "XML": (b"<a/>", {"content_type": "application/xml"}, 415),
    "a charset that is none": (b"{}", {"content_type": "application/json; charset=rot13"}, 400),
}

# Each is put into every field. Some fields take some of them; none may fall over any.
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2.5, 10**30, 10**400, 1e308, " ", "\u200b", "-1", "1e999", "x" * 20_000),
    *("' OR 1=1 --", "<script>%s%(x)s{0}</script>", "\\u0000", "断电 👷🏽‍♀️"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z"),
    *("-PT5M", "PT0S", "P99999999999D", "P" + "9" * 500 + "D", "PT٣M"),
    *([], {}, [[]], [None], ["x"] * 600, {"person": {"answered": 1}}),
)


def refused(response: Any) -> dict[str, Any]:
    """Why: JSON, in words, for every refusal."""
    assert response.status_code in REFUSALS, (response.status_code, response.content[:500])
    assert response["Content-Type"] == "application/json"
    answer: dict[str, Any] = response.json()
    assert answer
    for name, told in answer.items():
        assert name in ("code", "detail") or told, name
    return answer


@pytest.fixture(params=CHANGES)
def ready(request: pytest.FixtureRequest, make: Make, api: Apis) -> Stage:
    return stage(request.param, make, api)


def test_what_is_refused_changes_nothing(ready: Stage) -> None:
    fields = ready.change.takes(data=ready.body).fields
    with unchanged():
        for what, (body, extra, status) in BROKEN.items():
            response = ready.send(body, **extra)
            assert response.status_code == status, what
            refused(response)
        for name, field in fields.items():
            if field.required:
                without = {key: value for key, value in ready.body.items() if key != name}
                assert name in refused(ready.send(without))
            if isinstance(field, serializers.CharField) and field.max_length:
                assert name in refused(ready.send({**ready.body, name: "x" * (field.max_length + 1)}))
        for key in ("x" * 201, "a\x00b", "a\nb", "\ud800"):
            assert "Idempotency-Key" in refused(ready.send(HTTP_IDEMPOTENCY_KEY=key))
        for username in ("auditor", "supervisor-xian"):
            may = ready.change.path == "reports/" and "join" not in ready.body and username == "supervisor-xian"
            assert may or ready.send(by=username).status_code in (403, 404)


def test_there_is_an_end_to_what_is_read(make: Make, api: Apis) -> None:
    body = json.dumps({"text": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)}).encode()
    for name in ("report", "notes"):
        ready = stage(name, make, api)
        with unchanged():
            response = ready.send(body)
            assert response.status_code == 413
            assert refused(response)["detail"] == "This is too long."


FORMS = {
    "a charset that a form cannot have": ("application/x-www-form-urlencoded; charset=utf-16", b"username=a", 400),
    "a charset that is none": ("multipart/form-data; boundary=x; charset=hex", b"--x--", 400),
    "no boundary": ("multipart/form-data", b"--x--", 400),
    "too many fields": ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(1500)), 413),
    "too long": ("application/x-www-form-urlencoded", b"details=" + b"x" * 11_000_000, 413),
}


@pytest.mark.parametrize("what", FORMS)
@pytest.mark.parametrize(("username", "path"), [("", "/accounts/login/"), ("agent-xian", "/report/")])
def test_a_form_that_cannot_be_read_is_refused_in_words(
    db: None, cast: Callable[[str], User], what: str, username: str, path: str
) -> None:
    content_type, body, status = FORMS[what]
    client = Client(enforce_csrf_checks=True)
    if username:
        client.force_login(cast(username))
    with unchanged():
        response = client.generic("POST", path, body, content_type=content_type)
    page = response.content.decode()
    assert (response.status_code, 'role="alert"' in page) == (status, True)
    assert f'<html lang="{"zh-Hans" if username else "en"}">' in page


@pytest.mark.parametrize("join", ["a\x00b", "x" * 17, "INC-1999-0001"])
def test_an_incident_to_join_that_is_none_comes_back_with_the_form(
    browser_as: Callable[[str], Client], join: str
) -> None:
    browser = browser_as("agent")
    with unchanged():
        given = {"client_key": str(uuid4()), "join": join, "details": "What I typed"}
        response = browser.post("/report/", given)
    assert response.status_code in (400, 404)
    assert "What I typed" in response.content.decode()


@pytest.mark.parametrize("method", ["get", "put"])
def test_an_address_opened_in_another_way_says_so(browser_as: Callable[[str], Client], method: str) -> None:
    browser = browser_as("supervisor")
    response = getattr(browser, method)("/accounts/logout/")
    assert (response.status_code, "POST" in response["Allow"]) == (405, True)
    assert "opened in another way" in response.content.decode()


ONE_OF_EACH = {*{change.takes: name for name, change in CHANGES.items()}.values(), "complete a call", "assign"}


@pytest.mark.parametrize("ready", sorted(ONE_OF_EACH), indirect=True)
def test_every_field_may_hold_anything(ready: Stage) -> None:
    """Whatever stands in a field, the call is done or refused; refused, it has changed nothing."""
    with unchanged():
        for odd in ODD:
            everywhere = {str(name): odd for name in ready.change.takes().fields}
            assert tried(ready, everywhere) < 500, odd
        for body in acceptable(ready):
            assert tried(ready, body) < 500, body


def acceptable(ready: Stage) -> Iterator[dict[str, Any]]:
    """Bodies with one odd field that look right at first sight, so that the verb itself must look."""
    for name in map(str, ready.change.takes().fields):
        for odd in ODD:
            body = {**ready.body, name: odd}
            if ready.change.takes(data=body, context={"step_verb": ready.change.path.split("/")[-2]}).is_valid():
                yield body


def tried(ready: Stage, body: dict[str, Any]) -> int:
    """The status. What was done is undone; what was refused is left as it is, to be looked at."""
    with transaction.atomic():
        response = ready.send(body)
        if response.status_code < 300:
            transaction.set_rollback(True)
        else:
            refused(response)
    return int(response.status_code)


@pytest.mark.parametrize("number", [str(10**15), str(10**30), "-1", "1.5", "x", "%00", "%ED%A0%80", "١"])
def test_ids_that_are_none(make: Make, api: Apis, number: str) -> None:
    case, me = make("responding"), api("manager")
    paths = [
        f"incidents/{number}/notes/",
        f"incidents/{case.ref}/steps/{number}/start/",
        f"incidents/{case.ref}/promises/{number}/stop/",
        f"notifications/{number}/acknowledge/",
    ]
    with unchanged():
        for path in paths:
            response = me.client.post(f"/api/v1/{path}", {"text": "x", "reason": "x"}, format="json")
            assert response.status_code in (400, 404), path
        assert me.client.get(f"/api/v1/reports/{number}/").status_code in (400, 404)
        assert me.client.get(f"/api/v1/plans/{number}/").status_code in (400, 404)
        assert me.client.get(f"/api/v1/plans/house/revisions/{number}/").status_code in (400, 404)


def test_times_without_an_offset_mean_different_instants_to_different_people(make: Make, api: Apis) -> None:
    case = make("responding")
    with unchanged():
        for time in ("2026-03-02T13:55:00", "2026-03-02 13:55"):
            answer = case.do("supervisor", "conditions", 400, name="restored", holds=True, at=time)
            assert "offset" in answer["at"][0]
            me = api("agent07")
            assert "occurred_at" in me.post("reports/", report_body(occurred_at=time), 400)


@pytest.mark.parametrize("key", [True, 1, 1.5, 2**127])
def test_a_number_is_no_key(api: Apis, key: Any) -> None:
    with unchanged():
        assert "client_key" in api("agent07").post("reports/", report_body(client_key=key), 400)


def test_broken_json_is_refused_in_the_readers_language(api: Apis) -> None:
    for body in (b"{", b"\xff", b'{"a": NaN}', b'{"a": "\\ud800"}'):
        response = api("supervisor-xian").client.generic(
            "POST", "/api/v1/reports/", body, content_type="application/json"
        )
        assert (response.status_code, response.json()["detail"].isascii()) == (400, False)


def test_refusals_are_in_the_readers_language(api: Apis) -> None:
    ref = api("agent-xian").report("power-cut")
    for path, body in (
        ("activate", {"plan": "power-cut", "level": 9}),
        ("steps", {"title": "", "group": "G-LOG"}),
        ("assess", {}),
    ):
        answer = api("supervisor-xian").do(ref, path, 400, **body)
        assert not any(text.isascii() for texts in answer.values() for text in texts), answer


NAMES = sorted({str(name) for change in CHANGES.values() for name in change.takes().fields} | {"ref", "x"})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.datetimes().map(str)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6) | VALUES


SHARED = {"reported": "join", "assessing": "close", "responding": "level", "unconfirmed": "level/confirm"}


@pytest.fixture
def stages(make: Make, api: Apis) -> list[Stage]:
    """One call of each sort, on incidents that they share."""
    cases = {state: stage(name, make, api).case for state, name in SHARED.items()}
    changes = (CHANGES[name] for name in sorted(ONE_OF_EACH))
    return [Stage(change, cases.get(change.state, cases["responding"]), api) for change in changes]


@hypothesis_settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(body=BODIES)
def test_no_body_whatever_is_a_fault_of_ours(stages: list[Stage], body: Any) -> None:
    raw = json.dumps(body).encode()
    for one in stages:
        with undone():
            response = one.send(raw)
            assert response.status_code < 500, (one.path, body)


def test_a_nul_in_an_address_is_answered_in_the_callers_format(browser_as: Callable[[str], Client]) -> None:
    supervisor = browser_as("supervisor")
    answer = supervisor.get("/api/v1/incidents/?q=%00")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert supervisor.get("/incidents/?q=%00").status_code == 400


def test_the_documentation_page_can_only_be_read(browser_as: Callable[[str], Client]) -> None:
    supervisor = browser_as("supervisor")
    assert supervisor.options("/api/docs/").status_code == 405
    assert supervisor.get("/api/docs/").status_code == 200
