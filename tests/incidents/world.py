"""What the tests of the verbs stand on: incidents made by the verbs themselves, and a look at everything that is stored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from contactops.accounts.models import User
from incidents.models import Event, Incident, Notification
from tests.helpers import Api, finish_steps, report_body, steps

# A session is written by every page; it says who looks, not what is so.
NOT_LOOKED_AT = ("django_session", "django_migrations")


def everything() -> dict[str, str]:
    """A checksum of every table."""
    tables = [table for table in connection.introspection.table_names() if table not in NOT_LOOKED_AT]
    # When somebody last signed in says who looks, too.
    row = "(to_jsonb(t) - 'last_login')::text"
    one = f"SELECT '{{0}}', count(*) || ' ' || coalesce(md5(string_agg({row}, '|' ORDER BY {row})), '') FROM {{0}} t"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(one.format(table) for table in tables))
        return dict(cursor.fetchall())


def tables_that_hold(words: str) -> list[str]:
    """The tables in which a text stands anywhere."""
    one = "SELECT '{0}' WHERE EXISTS (SELECT 1 FROM {0} t WHERE strpos(t::text, %(words)s) > 0)"
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names()
        cursor.execute(" UNION ALL ".join(one.format(table) for table in tables), {"words": words})
        return sorted(table for (table,) in cursor.fetchall())


@contextmanager
def unchanged() -> Iterator[None]:
    """Nothing that is stored is different afterwards."""
    before = everything()
    yield
    after = everything()
    assert {table for table in before if before[table] != after[table]} == set()


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens in here is taken back, so that the next try meets the same incident."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class Case:
    """One incident in Leeds, and everybody's way to it."""

    def __init__(self, api: Callable[[str], Api], ref: str, report_id: str = "") -> None:
        self.api, self.ref, self.report_id = api, ref, report_id
        self.other = ""  # a second incident, where a test needs one
        self.warning = 0  # and an open warning

    def do(self, username: str, verb: str, expect: int = 200, **body: Any) -> Any:
        return self.api(username).do(self.ref, verb, expect, **body)

    def see(self, what: str = "", username: str = "manager") -> Any:
        return self.api(username).see(self.ref, what)

    @property
    def row(self) -> Any:
        """As it is stored now."""
        return Incident.objects.select_related("commander", "type", "merged_into").get(ref=self.ref)

    def events(self, kind: str = "") -> list[Event]:
        rows = Event.objects.filter(incident__ref=self.ref).select_related("actor", "note").order_by("seq")
        return list(rows.filter(kind=kind) if kind else rows)

    def last(self, kind: str) -> Any:
        return self.events(kind)[-1]

    def step(self, key: str) -> Any:
        return steps(self.see())[key]

    def promise(self, rule: str) -> Any:
        """The newest row of the ledger for a rule."""
        return max((row for row in self.see("promises/") if row["rule"] == rule), key=lambda row: row["id"])

    def letter_to(self, username: str) -> Notification:
        """Their newest message in the console."""
        rows = Notification.objects.filter(incident__ref=self.ref, channel="console")
        return rows.filter(recipient__username=username).latest("pk")

    def done(self, username: str = "manager") -> None:
        """Everything that stands in the way of the end is done."""
        self.do("supervisor", "conditions", name="power-off", holds=False)
        self.do("supervisor", "conditions", name="restored", holds=True)
        finish_steps(self.api(username), self.ref)


Make = Callable[..., Case]


def maker(api: Callable[[str], Api]) -> Make:
    """Makes an incident as the people of the demo organisation would: reported by an agent, taken up by the duty leader."""

    def make(state: str = "reported", level: int = 3, plan: str = "power-cut", **report: Any) -> Case:
        body = report_body(report.pop("incident_type", plan), **{"seat": "L23", **report})
        reporter = "manager" if report.get("kind") == "drill" else "agent03"
        answer = api(reporter).post("reports/", {**body, "site": "leeds"}, 201)
        case = Case(api, answer["incident"], answer["id"])
        if state == "reported":
            return case
        case.do("leader", "acknowledge")
        if state == "false alarm":
            case.do("supervisor", "close", outcome="false-alarm", cause="A test of the lamps")
        if state in ("responding", "supported", "ready", "stood down", "resolved"):
            case.do("manager" if level < 3 else "supervisor", "activate", plan=plan, level=level)
        if state == "supported":
            case.do("supervisor", "support", tier=1, open=True, people=["agent05", "agent07", "leader", "tech"])
        if state in ("ready", "stood down", "resolved"):
            case.done()
        if state == "stood down":
            case.do("manager", "stand-down", reason="Over")
        if state == "resolved":
            case.do("manager", "close", outcome="resolved", cause="A breaker tripped")
        return case

    return make


def visible(user: User) -> set[str]:
    return set(Incident.objects.visible_to(user).values_list("ref", flat=True))
