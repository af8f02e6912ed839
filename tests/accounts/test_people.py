"""People: the first one, roles, and what the database refuses."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.authtoken.models import Token

from contactops.accounts.models import ContactPoint, Role, User
from tests.helpers import Api


def test_the_first_person_of_a_new_console_is_its_administrator(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long enough secret")
    call_command("createsuperuser", username="first", email="first@example.org", interactive=False, verbosity=0)
    first = User.objects.get(username="first")
    assert (first.role, first.is_staff) == (Role.ADMINISTRATOR, True)
    client = Client()
    client.force_login(first)
    assert client.get("/admin/accounts/user/").status_code == 200


@pytest.mark.parametrize(
    ("constraint", "change"),
    [("user_role_is_known", {"role": "boss"}), ("user_language_is_known", {"language": "fr"})],
)
def test_the_database_knows_the_roles_and_languages(db: None, constraint: str, change: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        User.objects.filter(username="agent").update(**change)


def test_a_way_to_reach_somebody_is_listed_once(db: None) -> None:
    point = ContactPoint.objects.filter(user__username="supervisor").first()
    assert point
    with pytest.raises(IntegrityError, match="contact_point_is_listed_once"), transaction.atomic():
        ContactPoint.objects.create(user=point.user, channel=point.channel, address=point.address)
    with pytest.raises(IntegrityError, match="contact_point_channel_is_known"), transaction.atomic():
        ContactPoint.objects.create(user=point.user, channel="pigeon", address="loft")


def test_an_auditor_looks_into_the_admin_and_changes_nothing(db: None) -> None:
    client = Client()
    client.force_login(User.objects.get(username="auditor"))
    for model in ("accounts/user", "plans/site", "plans/group", "incidents/event"):
        assert client.get(f"/admin/{model}/").status_code == 200, model
        assert client.get(f"/admin/{model}/add/").status_code == 403, model
    agent = User.objects.get(username="agent")
    address = f"/admin/accounts/user/{agent.pk}/change/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"role": "manager"}).status_code == 403
    agent.refresh_from_db()
    assert agent.role == Role.AGENT


@pytest.mark.parametrize("username", ["agent", "leader", "supervisor", "manager", "tech", "director"])
def test_nobody_else_enters_the_admin(db: None, username: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username=username))
    assert client.get("/admin/", follow=True).status_code == 403


def test_its_door_is_the_one_where_wrong_tries_are_counted(db: None, client: Client, settings: Any) -> None:
    settings.SIGN_IN_TRIES_PER_MINUTE = 2
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"
    for _try in range(3):
        wrong = {"username": "admin", "password": "wrong", "next": "/admin/"}
        assert client.post("/admin/login/?next=/admin/", wrong).status_code == 302
        client.post("/accounts/login/", wrong)
    right = {"username": "admin", "password": "demo-admin"}
    assert client.post("/admin/login/", right).status_code == 302
    assert "_auth_user_id" not in client.session
    assert client.post("/accounts/login/", right).status_code == 429


def test_keys_of_the_api_are_nobody_elses_business(db: None) -> None:
    """Whoever reads a manager's key acts as the manager."""
    key = Token.objects.create(user=User.objects.get(username="manager")).key
    for username in ("admin", "auditor"):
        client = Client()
        client.force_login(User.objects.get(username=username))
        for model in admin.site._registry:
            address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
            answer = client.get(address)
            assert answer.status_code == 200, address
            assert key not in answer.content.decode(), address


BROKEN = {
    ("accounts/user", "time_zone"): ("Mars/Base", "not a time zone"),
    ("plans/site", "name"): ('{"en": "a\\u0000b"}', "cannot be stored"),
    ("plans/group", "duties"): ('{"en": "\\ud800"}', "broken character"),
    ("plans/incidenttype", "name"): ('{"en": "a\\u0000b"}', "cannot be stored"),
}


@pytest.mark.parametrize(("model", "field"), BROKEN)
def test_what_cannot_be_stored_is_refused_in_the_admin(db: None, model: str, field: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    row = apps.get_model(model.replace("/", ".")).objects.first()
    value, words = BROKEN[model, field]
    answer = client.post(f"/admin/{model}/{row.pk}/change/", {field: value})
    assert answer.status_code in (200, 400)
    assert words in answer.content.decode()


@pytest.mark.parametrize(
    "model",
    ["incidents/event", "incidents/timer", "incidents/notification", "plans/planrevision", "incidents/incident"],
)
def test_history_is_read_only_in_the_admin(api: Callable[[str], Api], model: str) -> None:
    api("agent").report()
    client = Client()
    client.force_login(User.objects.get(username="admin"))
    row = apps.get_model(model.replace("/", ".")).objects.first()
    assert row
    before = type(row).objects.filter(pk=row.pk).values().get()
    assert client.get(f"/admin/{model}/").status_code == 200
    assert client.get(f"/admin/{model}/{row.pk}/change/").status_code == 200
    for address in ("add/", f"{row.pk}/change/", f"{row.pk}/delete/"):
        assert client.post(f"/admin/{model}/{address}", {"post": "yes"}).status_code == 403, address
    client.post(f"/admin/{model}/", {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert type(row).objects.filter(pk=row.pk).values().get() == before
