import copy
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from contactops.accounts.models import Role, User
from plans import services
from plans.models import PlanRevision

SMALL: dict[str, Any] = {
    "slug": "small",
    "title": {"en": "Small", "zh-hans": "小预案"},
    "family": "technical",
    "kind": "response",
    "purpose": {"en": "A plan for tests.", "zh-hans": "测试用预案。"},
    "scope": {"en": "Tests.", "zh-hans": "测试。"},
    "owner": "floor",
    "review_every": "P1Y",
    "incident_types": ["small-thing"],
    "groups": [{"key": "floor", "maps_to": "G-SUP", "title": {"en": "Floor"}, "duties": {"en": "Everything."}}],
    "steps": [{"id": "look", "kind": "task", "title": {"en": "Look"}, "group": "floor"}],
}


@pytest.fixture
def small() -> dict[str, Any]:
    return copy.deepcopy(SMALL)


@pytest.fixture
def nothing_yet(db: None) -> None:
    """An organisation without people and plans: the demo's are out of the way until the test ends."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE plans_plan, plans_planrevision, plans_incidenttype, plans_group, plans_site CASCADE")


@pytest.fixture
def writer(nothing_yet: None) -> User:
    return User.objects.create(username="writer", role=Role.SUPERVISOR)


@pytest.fixture
def approver(nothing_yet: None) -> User:
    return User.objects.create(username="approver", role=Role.MANAGER)


@pytest.fixture
def publish(writer: User, approver: User) -> Callable[[dict[str, Any]], PlanRevision]:
    """Load a document and put it in force."""

    def run(document: dict[str, Any]) -> PlanRevision:
        draft = services.load(document, by=writer).revision
        return services.publish(draft, by=writer, approved_by=approver)

    return run
