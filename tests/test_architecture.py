"""What holds of the whole tree: no business time in the broker, no page open to strangers, nothing undocumented."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

BASE = Path(__file__).resolve().parent.parent
PRODUCT = ("contactops", "plans", "incidents")
DELAYS = {"eta", "countdown", "default_retry_delay", "retry_backoff"}

# Reached without signing in, each for a reason.
PUBLIC = {
    "accounts/login/",  # where one signs in
    "accounts/logout/",  # harmless
    "accounts/language/",  # the sign-in page is read in one's own language too
    "a/<str:token>/",  # the link in a call: its token is the key
    "banner/",  # tells a page whose session ended to stop asking
    "pulse/",  # the same, to scripts
    "healthz",  # asked by machines
    "metrics",  # asked by machines
    "roster/<str:token>.ics",  # a calendar program cannot sign in: the address is the key
}
KNOWN_ID = "6f0c4a4e-6f0e-4c3e-9d0e-1f2a3b4c5d6e"
NUMBERS = dict.fromkeys(("int", "id", "number"), "1")
PARAMETERS = {"uuid": KNOWN_ID, **NUMBERS, **dict.fromkeys(("str", "slug", "path"), "x")}


def sources() -> Iterator[Path]:
    for package in PRODUCT:
        yield from (path for path in (BASE / package).rglob("*.py") if "migrations" not in path.parts)


def test_no_celery_delay_carries_business_time() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                named = {keyword.arg for keyword in node.keywords}
                assert not named & DELAYS, f"{path.relative_to(BASE)}:{node.lineno}: the promise ledger holds the time"


def test_only_record_writes_history() -> None:
    """Events, timers and step rows are created nowhere else."""
    writes = re.compile(
        r"\b(Event|Timer|StepRow|StepRun)\.objects\.(bulk_)?(create|update|get_or_create)"
        r"|\bbulk\.(insert|upsert|update)\((Event|Timer|StepRow|StepRun)\b"
    )
    found = [path.name for path in sources() if writes.search(path.read_text())]
    assert found == ["record.py"]


# Where the clock of the computer a process runs on is read all the same, and why nothing that is promised hangs on it.
HOST_CLOCK = {
    "contactops/pages.py": "the time on a page while the database does not answer",
    "incidents/templatetags/frame_tags.py": "the same",
    "incidents/templatetags/incident_tags.py": "whether a time is today’s and needs no date",
    "contactops/live.py": "whether a session has run out, as Django has it",
    "plans/models.py": "when a shift was entered and a calendar key made, for people to read",
    "incidents/models/replies.py": "when an answer to a repeated call was kept; it is thrown away after a week",
}


def test_the_host_s_clock_decides_nothing() -> None:
    """Business time is the database's: a computer whose clock is wrong fires nothing early or late."""
    reads = re.compile(r"\b(timezone\.now|datetime\.now|datetime\.today|utcnow|time\.time|date\.today|localdate)\(")
    reads_too = re.compile(r"localtime\(\)|\bauto_now|functions import .*\bNow\b|CURRENT_TIMESTAMP")
    texts = {str(path.relative_to(BASE)): path.read_text() for path in sources()}
    assert {name for name, text in texts.items() if reads.search(text) or reads_too.search(text)} == set(HOST_CLOCK)


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield route


def test_nothing_is_open_to_strangers(db: None) -> None:
    stranger = Client()
    seen = 0
    for route in addresses(get_resolver().url_patterns):
        if route in PUBLIC or route.startswith("admin/") or "^" in route:
            continue
        address = "/" + re.sub(r"<(\w+):\w+>", lambda found: PARAMETERS[found[1]], route)
        response = stranger.get(address)
        if route.startswith("api/") and route != "api/docs/":
            assert response.status_code == 401, address
            assert "html" not in response["Content-Type"], address
        else:
            assert response.status_code == 302, address
            assert response["Location"].startswith("/accounts/login/"), address
        seen += 1
    assert seen > 40


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_api_address_is_json_for_everybody(db: None, method: str) -> None:
    response = getattr(Client(), method)("/api/v1/nothing/here/")
    assert response.status_code in (401, 404)
    assert response["Content-Type"].startswith("application/json")


def test_every_variable_of_the_environment_is_documented() -> None:
    read = set(re.findall(r"env(?:\.\w+)?\(\s*\"([A-Z_]+)\"", (BASE / "contactops/settings.py").read_text()))
    known = (
        (BASE / "README.md").read_text()
        + (BASE / ".env.example").read_text()
        + (BASE / "docs/operating.md").read_text()
    )
    assert read
    assert not {name for name in read if name not in known}


def test_nothing_tells_of_the_machine_it_was_written_on() -> None:
    suspicious = re.compile(r"/(root|home|work)/|localhost:\d{4}/simple|pypi\.org|registry\.npmjs")
    for path in [
        *sources(),
        *BASE.glob("*.md"),
        *BASE.glob("docs/**/*.md"),
        BASE / "Makefile",
        BASE / "pyproject.toml",
    ]:
        assert not suspicious.search(path.read_text()), path
