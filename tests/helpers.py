"""What many tests say: call the API, move the clock, look at an incident."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

PLAIN_CLOCK = (
    "CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$SELECT {}$$"
)


class Clock:
    """app_now() replaced by an instant; the replacement is undone at the end, and with the test's transaction."""

    def __init__(self, connection: Any, start: datetime) -> None:
        self.connection, self.now = connection, start

    def __enter__(self) -> "Clock":
        self._set(f"'{self.now.isoformat()}'::timestamptz")
        return self

    def __exit__(self, *_: object) -> None:
        self._set("clock_timestamp()")

    def to(self, moment: datetime, fire: bool = True) -> None:
        """Move on, firing what comes due on the way when it is due, as a clock that is never late."""
        if fire:
            from incidents import watching  # here, because most of this module needs no Django
            from incidents.clock import due_incidents
            from incidents.models import Timer, WarningRule
            from incidents.record import settle

            while True:
                timers = Timer.objects.filter(state="pending", due_at__lte=moment).order_by("due_at")
                limits = WarningRule.objects.filter(look_at__lte=moment).order_by("look_at")
                first = [*timers.values_list("due_at", flat=True)[:1], *limits.values_list("look_at", flat=True)[:1]]
                due = min((at for at in first if at), default=None)
                if due is None:
                    break
                self.now = max(self.now, due)
                self._set(f"'{self.now.isoformat()}'::timestamptz")
                watching.look()
                settle(due_incidents(500, set()))
        self.now = moment
        self._set(f"'{moment.isoformat()}'::timestamptz")

    def forward(self, by: timedelta, fire: bool = True) -> None:
        self.to(self.now + by, fire)

    def at(self, time: str) -> datetime:
        """An instant of the same day, as in 14:05 or 14:05:30."""
        hour, minute, *second = (int(part) for part in time.split(":"))
        return self.now.replace(hour=hour, minute=minute, second=second[0] if second else 0, microsecond=0)

    def _set(self, expression: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(PLAIN_CLOCK.format(expression))


class Api:
    """The API as somebody; every call says which status it expects."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def get(self, path: str, expect: int = 200, **query: Any) -> Any:
        response = self.client.get(f"/api/v1/{path}", query)
        assert response.status_code == expect, (response.status_code, response.content[:2000])
        return response.json()

    def post(self, path: str, body: Any = None, expect: int = 200, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        response = self.client.post(f"/api/v1/{path}", body or {}, format="json", headers=headers)
        assert response.status_code == expect, (response.status_code, response.content[:2000])
        return response.json()

    def report(self, incident_type: str = "power-cut", expect: int = 201, **body: Any) -> str:
        """The reference of the incident of a new report."""
        answer = self.post("reports/", report_body(incident_type, **body), expect)
        return str(answer.get("incident", ""))

    def do(self, ref: str, verb: str, expect: int = 200, **body: Any) -> Any:
        return self.post(f"incidents/{ref}/{verb}/", body, expect)

    def see(self, ref: str, what: str = "", expect: int = 200) -> Any:
        answer = self.get(f"incidents/{ref}/{what}", expect)
        return answer["results"] if what and "results" in answer else answer


def report_body(incident_type: str = "power-cut", **body: Any) -> dict[str, Any]:
    given = {
        "client_key": str(uuid.uuid4()),
        "incident_type": incident_type,
        "summary": "Half the floor is dark",
        "scope": "floor",
    }
    return {**given, **body}


def steps(incident: Any, status: str = "") -> dict[str, Any]:
    """Steps by key, of one status if given."""
    return {step["key"]: step for step in incident["steps"] if not status or step["status"] == status}


OPEN = ("open", "in_progress", "blocked")


def finish_steps(api: Api, ref: str, only: Callable[[Any], bool] = lambda step: True) -> None:
    """Complete every open step that can be, as a diligent supervisor would, until nothing more opens."""
    tried: set[str] = set()
    while True:
        still = [s for s in api.see(ref)["steps"] if s["status"] in OPEN and s["key"] not in tried and only(s)]
        still = [step for step in still if "complete" in step["allowed"]]
        if not still:
            return
        step = still[0]
        tried.add(step["key"])
        body: dict[str, Any] = {}
        if step["kind"] == "call":
            body["call"] = {"person": "Somebody", "answered": True}
        if step["kind"] == "decision":
            body["decision"] = step["options"][-1]["key"]
        api.client.post(f"/api/v1/incidents/{ref}/steps/{step['key']}/complete/", body, format="json")
