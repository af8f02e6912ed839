"""The link in a message that calls somebody: opening it changes nothing, the button acknowledges, once."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from contactops.accounts.models import User
from incidents import links
from incidents.models import Notification
from incidents.notify import wording
from tests.helpers import Clock
from tests.incidents.test_call_out import BUILDING, called
from tests.incidents.world import Case, Make

MINUTE = timedelta(minutes=1)


@pytest.fixture
def case(make: Make) -> Case:
    return called(make("responding", summary="Meter cupboard burns"))


@pytest.fixture
def letter(case: Case) -> Notification:
    return Notification.objects.get(incident__ref=case.ref, ladder=BUILDING, channel="email")


@pytest.fixture
def path(letter: Notification) -> str:
    return "/a/" + links.of(letter).rpartition("/a/")[2]


@pytest.fixture
def phone() -> Client:
    """Nobody is signed in, nothing is remembered."""
    return Client(enforce_csrf_checks=True)


def holder(case: Case) -> str:
    return str(case.row.facts.callouts[BUILDING].holder)


def test_the_mail_has_it(letter: Notification, path: str) -> None:
    assert path in wording.mail(letter)[1]


@pytest.mark.parametrize("method", ["get", "head"])
def test_opening_it_changes_nothing(case: Case, path: str, phone: Client, method: str) -> None:
    before = case.row.rev
    for _ in range(3):
        response = getattr(phone, method)(path)
        assert response.status_code == 200
    assert case.row.rev == before
    assert holder(case) == ""
    assert Notification.objects.filter(incident__ref=case.ref).exclude(acknowledged_at=None).count() == 0
    assert (response["Referrer-Policy"], response["X-Robots-Tag"]) == ("no-referrer", "noindex")
    assert "no-store" in response["Cache-Control"]


def test_it_shows_reference_and_level_and_no_more(case: Case, path: str, phone: Client) -> None:
    page = phone.get(path).content.decode()
    assert case.ref in page
    assert "ordinary" in page
    for secret in ("Meter cupboard", "Tom Reid", "L23"):
        assert secret not in page


def test_the_button_acknowledges(case: Case, letter: Notification, path: str, phone: Client) -> None:
    page = phone.post(path).content.decode()
    assert "Thank you: you have it." in page
    assert holder(case) == f"user:{letter.recipient_id}"
    assert case.last("answered").actor.username == "tech"
    letter.refresh_from_db()
    assert letter.acknowledged_at is not None


def test_pressed_again_it_says_who_and_when(clock: Clock, case: Case, path: str, phone: Client) -> None:
    phone.post(path)
    clock.forward(1 * MINUTE)
    before = case.row.rev
    page = phone.post(path).content.decode()
    assert case.row.rev == before
    assert "Tom Reid" in page
    assert case.last("answered").occurred_at.astimezone(ZoneInfo("Europe/London")).strftime("%H:%M") in page
    assert "UTC" not in page
    assert len(case.events("answered")) == 1


def test_it_says_who_else_has_it(clock: Clock, case: Case, path: str, phone: Client) -> None:
    clock.forward(2 * MINUTE)
    case.api("logistics").post(f"notifications/{case.letter_to('logistics').pk}/acknowledge/")
    page = phone.post(path).content.decode()
    assert "You need do nothing." in page
    assert holder(case) == f"user:{case.letter_to('logistics').recipient_id}"


def test_forged(path: str, phone: Client) -> None:
    for bad in (path[:-2], path[:3] + "zz" + path[5:], "/a/1:abc", "/a/%00", "/a/💥"):
        for method in (phone.get, phone.post):
            assert method(bad if bad.endswith("/") else bad + "/").status_code in (400, 404)


def test_run_out(clock: Clock, case: Case, letter: Notification, path: str, phone: Client) -> None:
    clock.forward(letter.expires_at - clock.now + timedelta(seconds=1), fire=False)
    before = case.row.rev
    for method in (phone.get, phone.post):
        response = method(path)
        assert response.status_code == 410
        assert "has run out" in response.content.decode()
    assert case.row.rev == before


def test_of_somebody_who_left(case: Case, path: str, phone: Client) -> None:
    User.objects.filter(username="tech").update(is_active=False)
    assert phone.post(path).status_code == 410
    assert holder(case) == ""


def test_it_is_not_tried_without_end(settings: Any, path: str, phone: Client) -> None:
    settings.SIGN_IN_TRIES_PER_MINUTE = 20
    statuses = [phone.get(path).status_code for _ in range(40)]
    assert (statuses[0], statuses[-1]) == (200, 429)


def test_a_drill_says_so(make: Make, phone: Client) -> None:
    drill = make("reported", incident_type="power-cut", kind="drill", participants=["tech", "supervisor"])
    drill.do("supervisor", "activate", plan="power-cut", level=3)
    called(drill)
    letter = Notification.objects.get(incident__ref=drill.ref, ladder=BUILDING, channel="email")
    assert "DRILL / 演练" in phone.get("/a/" + links.of(letter).rpartition("/a/")[2]).content.decode()
