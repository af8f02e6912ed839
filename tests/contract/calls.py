"""Every changing call once, with an incident that is in a state to answer it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rest_framework.serializers import Serializer

from contactops.accounts.models import User
from incidents import inputs
from incidents.models import Warning, WarningRule
from incidents.times import db_now
from incidents.verbs import PROMISE_VERBS, VERBS
from plans import inputs as roster
from plans.models import Group, Membership, Shift, SwapRequest
from tests.helpers import Api, report_body
from tests.incidents.world import Case, Make


@dataclass(frozen=True)
class Change:
    """One call: where, what, by whom, in which state. `{name}` in the path and `<name>` in the body come from the stage."""

    path: str
    body: Mapping[str, Any] = field(default_factory=dict)
    by: str = "supervisor"
    state: str = "reported"
    takes: type[Serializer[Any]] = inputs.Nothing
    answers: str = "incident"
    status: int = 200


@dataclass(frozen=True)
class Stage:
    """A change, ready to be tried."""

    change: Change
    case: Case
    api: Callable[[str], Api]

    @property
    def names(self) -> dict[str, str]:
        """What the change refers to, looked up only where it does."""
        path, found = self.change.path, {"ref": self.case.ref}
        if "{promise}" in path:
            number = self.case.promise("update-leaders")["id"]
            found["promise"] = str(number)
        if "{feed}" in path:
            found["feed"] = "monitoring"
        if "{warning}" in path:
            found["warning"] = str(self.case.warning)
        if "{letter}" in path:
            found["letter"] = str(self.case.letter_to(self.change.by).pk)
        if "{shift}" in path:
            found["shift"] = str(_last_shift(self.change.by))
        if "{swap}" in path:
            newest = SwapRequest.objects.order_by("pk").last()
            found["swap"] = str(newest.pk if newest else 0)
        return found

    @property
    def path(self) -> str:
        return self.change.path.format(**self.names)

    @property
    def body(self) -> dict[str, Any]:
        return {name: self.case.other if value == "<other>" else value for name, value in self.change.body.items()}

    def send(self, body: Any = None, by: str = "", **extra: Any) -> Any:
        """The raw answer. A body of bytes goes as it is."""
        client = self.api(by or self.change.by).client
        given = self.body if body is None else body
        if isinstance(given, bytes):
            return client.generic("POST", f"/api/v1/{self.path}", given, **{"content_type": JSON, **extra})
        return client.post(f"/api/v1/{self.path}", given, format="json", **extra)


def _last_shift(username: str) -> int:
    """The last one of their own; of the duty leader for those who keep the roster."""
    own = Shift.objects.filter(person__username={"supervisor": "leader"}.get(username, username))
    return own.filter(is_override=False).latest("starts_at").pk


JSON = "application/json"


def verb(name: str, by: str = "supervisor", state: str = "reported", /, **body: Any) -> Change:
    return Change(f"incidents/{{ref}}/{name}/", body, by, state, VERBS[name].takes)


def step(name: str, key: str, by: str = "leader", /, **body: Any) -> Change:
    return Change(f"incidents/{{ref}}/steps/{key}/{name}/", body, by, "responding", inputs.StepVerb)


def promise(name: str, by: str = "manager", state: str = "responding", /, **body: Any) -> Change:
    takes = PROMISE_VERBS[name].takes
    return Change(f"incidents/{{ref}}/promises/{{promise}}/{name}/", body, by, state, takes)


SHIFT = {"group": "G-DUTY", "site": "leeds", "person": "leader"}
TIMES = {"starts_at": "2031-03-02T20:00:00Z", "ends_at": "2031-03-03T08:00:00Z"}
FILE = "site,group,person,date,start,end\nleeds,G-DUTY,leader,2031-03-02,20:00,08:00\n"


def shift(
    name: str, takes: type[Serializer[Any]], by: str = "supervisor", answers: str = "shift", **body: Any
) -> Change:
    return Change(f"roster/shifts/{{shift}}/{name}/", body, by, "reported", takes, answers)


REPORT = report_body("power-cut", client_key="6f0c4a4e-6f0e-4c3e-9d0e-1f2a3b4c5d6e")
FIGURE = {"feed": "telephony", "metric": "calls-waiting", "value": 9, "at": "2026-01-01T12:00:00Z"}
ALERT = {
    "status": "firing",
    "labels": {"alertname": "DiskFull"},
    "startsAt": "2026-01-01T12:00:00Z",
    "fingerprint": "f",
}
ALERTS = {"version": "4", "status": "firing", "alerts": [ALERT]}
TASK = "power-cut.powered-seats"
CHANGES: Mapping[str, Change] = {
    "report": Change("reports/", REPORT, "agent04", takes=inputs.Report, answers="received", status=201),
    "join": Change("reports/", {**REPORT, "join": "<other>"}, "agent04", "reported", inputs.Report, "received", 201),
    "drill": Change("reports/", {**REPORT, "kind": "drill"}, "manager", "reported", inputs.Report, "received", 201),
    "acknowledge": verb("acknowledge", "leader"),
    "assess": verb("assess", "leader", verdict="real"),
    "activate": verb("activate", plan="power-cut", level=3),
    "level": verb("level", "supervisor", "responding", level=2, reason="It spreads"),
    "level/confirm": verb("level/confirm", "director", "unconfirmed"),
    "conditions": verb("conditions", name="power-off", holds=False),
    "steps": verb("steps", title="Water", group="G-LOG", due_in="PT10M"),
    "start": step("start", TASK),
    "complete": step("complete", TASK, note="Twelve"),
    "complete a call": step(
        "complete", "power-cut.phone-maintenance", "supervisor", call={"person": "M. Watt", "answered": True}
    ),
    "skip": step("skip", TASK, reason="All dark"),
    "assign": step("assign", TASK, person="supervisor"),
    "block": step("block", TASK, reason="No key"),
    "support": verb("support", "supervisor", "responding", tier=1, open=True, people=["leader"]),
    "support/people": verb(
        *("support/people", "supervisor", "supported"), tier=1, people=["agent07"], status="joined", note="Speaks Welsh"
    ),
    "support/people: a group": verb(
        *("support/people", "supervisor", "supported"), tier=1, group="G-LOG", people=["agent04"], status="asked"
    ),
    "support/people: oneself": Change(
        "incidents/{ref}/support/people/",
        {"tier": 1, "people": ["agent07"], "status": "confirmed"},
        *("agent07", "supported", inputs.SupportPeople, "own part"),
    ),
    "extend": promise("extend", "supervisor", by="PT5M", reason="Wait"),
    "stop": promise("stop", reason="Told in person"),
    "pause": promise("pause", reason="Wait"),
    "updates": verb("updates", "supervisor", "responding", audience="agents", text="Dark"),
    "cadence": verb("cadence", "supervisor", "responding", audience="leaders", every="PT10M", reason="They wait"),
    "call-out": verb("call-out", "supervisor", "responding", ladder="power-cut.topic-building", note="The meter"),
    "hand-over": verb("hand-over", "supervisor", "calling", ladder="power-cut.topic-building", person="leader"),
    "notes": verb("notes", "leader", text="Seen"),
    "correction": verb("notes", text="Later", corrects=1),
    "command": verb("command", commander="supervisor", deputy="leader"),
    "stand-down": verb("stand-down", "supervisor", "ready", reason="Over"),
    "close": verb("close", "supervisor", "assessing", outcome="false-alarm", cause="A test", summary="Nothing"),
    "reopen": verb("reopen", "manager", "false alarm", reason="Again"),
    "cancel": verb("cancel", "manager", reason="A mistake"),
    "merge": verb("merge", into="<other>"),
    "waive": verb("waive", "manager", "responding", gate="power-cut.patrol", reason="Done"),
    "redact": verb("redact", "manager", seq=1, reason="A name"),
    "signals": Change("signals/", FIGURE, takes=inputs.Signals, answers="taken", status=201),
    "signals/several": Change(
        "signals/",
        {"signals": [FIGURE, {**FIGURE, "metric": "m"}]},
        "manager",
        "reported",
        inputs.Signals,
        "taken",
        201,
    ),
    "signals/alertmanager": Change(
        "signals/alertmanager/{feed}/", ALERTS, "supervisor", "reported", inputs.Alertmanager, "taken", 201
    ),
    "warnings/watch": Change("warnings/{warning}/watch/", {}, answers="warning"),
    "warnings/dismiss": Change(
        "warnings/{warning}/dismiss/", {"reason": "A test"}, takes=inputs.Reason, answers="warning"
    ),
    "notifications/acknowledge": Change(
        "notifications/{letter}/acknowledge/", {}, "leader", takes=inputs.Nothing, answers="notification"
    ),
    "notifications/decline": Change(
        "notifications/{letter}/decline/", {"reason": "Away"}, "leader", takes=inputs.Reason, answers="notification"
    ),
    "roster/add": Change("roster/shifts/", {**SHIFT, **TIMES}, takes=roster.AddShift, answers="shift", status=201),
    "roster/change": shift("change", roster.ChangeShift, **TIMES),
    "roster/remove": shift("remove", roster.NoBody),
    "roster/replace": shift("replace", roster.ReplaceShift, "supervisor", person="supervisor"),
    "roster/swap": shift("swap", roster.AskSwap, "people-care", "swap", person="press", reason="A wedding"),
    "roster/accept": Change("roster/swaps/{swap}/accept/", {}, "press", takes=roster.NoBody, answers="swap"),
    "roster/import": Change("roster/import/", {"csv": FILE}, takes=roster.Import, answers="imported"),
}


def stage(name: str, make: Make, api: Callable[[str], Api]) -> Stage:
    change = CHANGES[name]
    if name == "roster/replace":
        group = Group.objects.get(key="G-DUTY", site__code="leeds")
        Membership.objects.create(group=group, user=User.objects.get(username="supervisor"), order=9)
    if "{swap}" in change.path:
        body = {"person": change.by}
        api("people-care").post(f"roster/shifts/{_last_shift('people-care')}/swap/", body)
    if change.state == "unconfirmed":
        case = make("assessing")
        case.do("supervisor", "activate", plan="power-cut", level=2)
    elif change.state == "calling":
        case = make("responding")
        case.do("supervisor", "call-out", ladder="power-cut.topic-building")
    else:
        case = make(change.state, level=4 if change.state == "ready" else 3)
    if "<other>" in change.body.values():
        case.other = api("agent05").report("power-cut", summary="The other one")
    if "{warning}" in change.path:
        case.warning = open_warning().pk
    return Stage(change, case, api)


def open_warning() -> Warning:
    """One at Leeds."""
    rule, now = WarningRule.objects.get(metric="complaints-last-hour"), db_now()
    said = {"metric": rule.metric, "direction": "above", "limit": 5, "held_for": timedelta(), "value": 7}
    return Warning.objects.create(rule=rule, since=now, opened_at=now, changed_at=now, **said)
