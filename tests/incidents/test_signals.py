"""Figures from outside: what is taken and what is refused, when a limit counts as crossed, what becomes of it in live
incidents, and what a monitor's webhook says."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contactops.accounts.models import User
from incidents import housekeeping, intake, watching
from incidents.clock import Clock as WorkersClock
from incidents.models import Event, Feed, Gauge, Signal, Steering, Warning, WarningRule
from incidents.times import db_now
from tests.helpers import Api, Clock, steps
from tests.incidents.world import Case, Make, unchanged, undone

Apis = Callable[[str], Api]
MINUTE = timedelta(minutes=1)


class Telephony:
    """The telephone system of Leeds, as its integration posts it."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self.api, self.clock = api, clock

    def says(
        self, value: float, *, at: datetime | None = None, expect: int = 201, metric: str = "calls-waiting"
    ) -> Any:
        when = {"at": at.isoformat()} if at else {}
        return self.api.post("signals/", {"feed": "telephony", "metric": metric, "value": value, **when}, expect)

    def goes_on(self, value: float, minutes: int) -> None:
        """The same figure each minute."""
        for _ in range(minutes):
            self.clock.forward(MINUTE)
            self.says(value)


@pytest.fixture
def telephony(api: Apis, clock: Clock) -> Telephony:
    return Telephony(api("supervisor"), clock)


@pytest.fixture
def surging(make: Make, api: Apis, telephony: Telephony) -> Case:
    """The plan for an inbound surge, active, while the queue is neither long nor short."""
    telephony.says(30)
    return make("responding", plan="inbound-surge")


def rule(condition: str = "") -> WarningRule:
    return WarningRule.objects.get(metric="calls-waiting", condition=condition)


def warned() -> list[Warning]:
    return list(Warning.objects.order_by("pk"))


def holds(case: Case, name: str) -> bool:
    return bool(case.see()["conditions"][name]["holds"])


def said_by_the_console(case: Case) -> list[tuple[str, bool]]:
    """The conditions that were set without a person."""
    rows = [event for event in case.events("condition") if event.source == "system"]
    named = [(event.facts["name"], event.facts["holds"]) for event in rows]
    return [one for one in named if one[0].startswith("waiting")]


class TestWhatIsTaken:
    def test_one_and_several(self, api: Apis, clock: Clock) -> None:
        me = api("supervisor")
        one = me.post("signals/", {"feed": "telephony", "metric": "calls-waiting", "value": 9}, 201)
        assert one == {"received": 1, "stored": 1, "known": 0, "new_feeds": []}
        several = [{"feed": "telephony", "metric": f"line-{n}", "value": n} for n in range(1000)]
        assert me.post("signals/", {"signals": several}, 201)["stored"] == 1000
        assert Signal.objects.count() == 1001
        assert Feed.objects.get(slug="telephony").last_seen_at == clock.now

    def test_in_the_words_of_the_contract(self, api: Apis) -> None:
        me = api("supervisor")
        me.post("signals/", {"source": "telephony", "name": "calls-waiting", "value": 9, "site": "leeds"}, 201)
        assert Gauge.objects.get(metric="calls-waiting").value == 9

    def test_the_same_figure_again_changes_nothing(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41, at=clock.now)
        with unchanged():
            answer = telephony.says(41, at=clock.now)
        assert answer == {"received": 1, "stored": 0, "known": 1, "new_feeds": []}

    def test_one_key_one_answer(self, api: Apis, clock: Clock) -> None:
        me, body = api("supervisor"), {"feed": "telephony", "metric": "calls-waiting", "value": 9}
        first = me.post("signals/", body, 201, key="k")
        with unchanged():
            assert me.post("signals/", body, 201, key="k") == first

    def test_figures_without_a_time_in_one_call_are_all_kept(self, api: Apis, clock: Clock) -> None:
        several = [{"feed": "telephony", "metric": "calls-waiting", "value": n} for n in range(20)]
        assert api("supervisor").post("signals/", {"signals": several}, 201)["stored"] == 20
        assert Gauge.objects.get(metric="calls-waiting").value == 19

    def test_what_comes_late_is_kept_and_is_not_the_newest(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(20, at=clock.now)
        telephony.says(35, at=clock.now - 10 * MINUTE)
        assert Signal.objects.count() == 2
        assert Gauge.objects.get(metric="calls-waiting").value == 20

    def test_a_source_that_nobody_has_described_is_heard(self, api: Apis, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            answer = api("supervisor").post("signals/", {"feed": "door", "metric": "in", "value": 3}, 201)
        assert answer["new_feeds"] == ["door"]
        feed = Feed.objects.get(slug="door")
        assert (feed.site.code if feed.site else "", feed.stale_after) == ("leeds", None)
        assert "feeds nobody has described: door" in caplog.text

    def test_ten_thousand_in_a_minute(self, api: Apis, clock: Clock) -> None:
        """Ten calls of a thousand: nothing lost, one insert each, and as many statements as for three figures."""
        me = api("supervisor")
        self._statements(me, 3, clock)  # the first of all is read back, in two statements more
        few = self._statements(me, 3, clock)
        many = [self._statements(me, 1000, clock) for _ in range(10)]
        assert set(many) == {few}
        assert Signal.objects.count() == 10_006
        assert len(warned()) == 1

    def _statements(self, me: Api, count: int, clock: Clock) -> int:
        clock.forward(MINUTE, fire=False)
        spread = [(clock.now - timedelta(milliseconds=10 * n)).isoformat() for n in range(count)]
        several = [{"feed": "telephony", "metric": "calls-waiting", "value": 50, "at": at} for at in spread]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert me.post("signals/", {"signals": several}, 201)["stored"] == count
        inserts = [one for one in captured if one["sql"].lstrip().startswith("INSERT INTO incidents_signal")]
        assert len(inserts) == 1
        return len([one for one in captured if "SAVEPOINT" not in one["sql"] and "_warning" not in one["sql"]])

    def test_three_and_thirty_metrics_and_rules(self, api: Apis, clock: Clock) -> None:
        me = api("supervisor")

        def statements(count: int) -> int:
            source = rule()
            for n in range(WarningRule.objects.count(), count):
                source.pk, source.metric = None, f"queue-{n}"
                source.save(force_insert=True)
            clock.forward(MINUTE, fire=False)
            metrics = list(WarningRule.objects.filter(condition="").values_list("metric", flat=True))
            several = [{"feed": "telephony", "metric": name, "value": 9} for name in metrics]
            with CaptureQueriesContext(connection) as captured:
                me.post("signals/", {"signals": several}, 201)
            return len(captured)

        statements(3)
        few = statements(3)
        statements(30)
        assert statements(30) == few


class TestWhatIsRefused:
    def test_a_figure_from_the_future(
        self, telephony: Telephony, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        with unchanged(), caplog.at_level(logging.WARNING):
            answer = telephony.says(41, at=clock.now + timedelta(seconds=6), expect=400)
        assert "from the future" in answer["at"][0]
        assert "1 of 1 figures from supervisor are from the future" in caplog.text
        telephony.says(41, at=clock.now + timedelta(seconds=4))  # a clock this little ahead means now

    def test_one_of_many_from_the_future_and_none_is_taken(self, api: Apis, clock: Clock) -> None:
        ats = [clock.now, clock.now + MINUTE, clock.now - MINUTE]
        several = [{"feed": "telephony", "metric": "m", "value": 1, "at": at.isoformat()} for at in ats]
        with unchanged():
            answer = api("supervisor").post("signals/", {"signals": several}, 400)
        assert "number 2" in answer["at"][0]

    @pytest.mark.parametrize("value", [None, "many", True, [], {}, "nan", "1e999"])
    def test_what_is_no_number(self, api: Apis, value: Any) -> None:
        with unchanged():
            assert "value" in api("supervisor").post(
                "signals/", {"feed": "telephony", "metric": "m", "value": value}, 400
            )

    def test_more_than_a_thousand(self, api: Apis) -> None:
        several = [{"feed": "telephony", "metric": f"m{n}", "value": 1} for n in range(1001)]
        with unchanged():
            assert "signals" in api("supervisor").post("signals/", {"signals": several}, 400)

    def test_a_feed_of_another_site(self, api: Apis) -> None:
        body = {"feed": "telephony", "metric": "m", "value": 1}
        with unchanged():
            api("supervisor-xian").post("signals/", body, 404)
            assert "site" in api("supervisor").post("signals/", {**body, "site": "xian"}, 400)
            assert "site" in api("supervisor").post("signals/", {**body, "feed": "new", "site": "nowhere"}, 400)
            api("supervisor").post("signals/", {**body, "feed": "new", "site": "xian"}, 404)
        api("manager").post("signals/", {**body, "feed": "new", "site": "xian"}, 201)

    def test_a_feed_that_is_switched_off(self, api: Apis) -> None:
        Feed.objects.filter(slug="telephony").update(enabled=False)
        with unchanged():
            answer = api("supervisor").post("signals/", {"feed": "telephony", "metric": "m", "value": 1}, 409)
        assert answer["code"] == "off"


class TestAWarning:
    def test_it_needs_no_further_figure(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41)
        begun = clock.now
        telephony.goes_on(44, 2)
        clock.forward(timedelta(minutes=2, seconds=59))
        assert not warned()
        clock.forward(timedelta(seconds=1))
        [warning] = warned()
        assert (warning.since, warning.opened_at, warning.value) == (begun, clock.now, 44)
        assert (warning.state, warning.limit, warning.held_for) == ("open", 40, 5 * MINUTE)

    def test_a_figure_in_between_breaks_it(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41)
        telephony.goes_on(44, 3)
        telephony.goes_on(40, 1)
        telephony.goes_on(44, 5)
        assert not warned()
        clock.forward(MINUTE)
        assert warned()[0].since == clock.now - 5 * MINUTE

    def test_a_figure_that_comes_late_breaks_it_too(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41)
        telephony.goes_on(44, 4)
        telephony.says(12, at=clock.now - timedelta(seconds=90))
        clock.forward(timedelta(minutes=2))
        assert not warned()

    def test_a_figure_that_comes_late_makes_it(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(44)
        telephony.says(41, at=clock.now - 2 * MINUTE)
        telephony.says(41, at=clock.now - 4 * MINUTE)
        telephony.says(41, at=clock.now - 6 * MINUTE)
        [warning] = warned()
        assert warning.since == clock.now - 6 * MINUTE

    def test_a_whole_surge_told_afterwards_is_not_lost(self, api: Apis, clock: Clock) -> None:
        telephony = Telephony(api("supervisor"), clock)
        telephony.says(10, at=clock.now - 30 * MINUTE)
        values = (*(45 for _ in range(8)), 20)
        ats = [clock.now - (20 - n) * MINUTE for n in range(len(values))]
        several = [
            {"feed": "telephony", "metric": "calls-waiting", "value": value, "at": at.isoformat()}
            for value, at in zip(values, ats, strict=True)
        ]
        api("supervisor").post("signals/", {"signals": several}, 201)
        [warning] = warned()
        assert (warning.state, warning.since, warning.over_at) == ("cleared", ats[0], ats[-1])

    def test_one_surge_is_one_warning(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41)
        telephony.goes_on(50, 6)
        telephony.goes_on(35, 3)  # not over before 30
        telephony.goes_on(44, 9)
        assert [warning.state for warning in warned()] == ["open"]
        telephony.goes_on(30, 1)
        [warning] = warned()
        assert (warning.state, warning.over_at) == ("cleared", clock.now)
        telephony.goes_on(50, 14)
        assert len(warned()) == 1  # it rests for a quarter of an hour
        telephony.goes_on(50, 1)
        assert [warning.state for warning in warned()] == ["cleared", "open"]

    def test_one_that_was_dismissed_does_not_come_back_with_the_next_figure(
        self, telephony: Telephony, api: Apis, clock: Clock
    ) -> None:
        telephony.says(41)
        telephony.goes_on(50, 6)
        [warning] = warned()
        answer = api("supervisor").post(f"warnings/{warning.pk}/dismiss/", {"reason": "A test of the lines"})
        assert (answer["state"], answer["decided_by"], answer["reason"]) == (
            "dismissed",
            "supervisor",
            "A test of the lines",
        )
        telephony.goes_on(50, 5)
        telephony.goes_on(5, 1)
        [warning] = warned()
        assert (warning.state, warning.over_at) == ("dismissed", clock.now)

    def test_a_silent_feed_neither_warns_nor_says_that_all_is_well(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41)
        clock.forward(10 * MINUTE)
        assert not warned()
        assert (rule().lost, rule().since) == (True, None)
        telephony.says(41)
        telephony.goes_on(41, 5)
        assert len(warned()) == 1
        clock.forward(10 * MINUTE)  # silent again: what was warned of is not over for that
        assert (warned()[0].state, rule().lost) == ("open", True)

    def test_two_clocks_open_one(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41)
        telephony.goes_on(41, 4)
        clock.forward(MINUTE, fire=False)
        stale = WarningRule.objects.select_related("feed").get(pk=rule().pk)
        watching.look()
        watching.judge([stale], {}, db_now())  # as a second worker would that had read the row before
        assert len(warned()) == 1

    def test_the_clock_of_the_workers_looks(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41)
        telephony.goes_on(41, 4)
        clock.forward(MINUTE, fire=False)
        WorkersClock("w")._watch()
        assert len(warned()) == 1

    def test_a_look_that_finds_nothing_is_one_query(self, surging: Case, telephony: Telephony, clock: Clock) -> None:
        telephony.goes_on(44, 2)
        with CaptureQueriesContext(connection) as captured:
            watching.look()
        assert len(captured) == 1

    def test_whatever_is_wrong_there_holds_up_no_promise(
        self, clock: Clock, make: Make, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        responding = make("responding")

        def broken() -> None:
            raise ValueError("a rule that nobody can read")

        monkeypatch.setattr(watching, "look", broken)
        clock.forward(timedelta(minutes=6), fire=False)
        workers = WorkersClock("w")
        workers._watch()
        while workers._fire_batch():
            pass
        assert responding.promise("power-5")["state"] == "fired"
        assert "the limits on figures could not be looked at" in caplog.text

    def test_others_limits_are_read_anew(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(25)
        telephony.goes_on(26, 6)
        row = rule()
        row.value = row.clear_value = 20
        watching.forget(row)
        row.save()
        watching.look()
        assert warned()[0].since == clock.now - 6 * MINUTE


class TestALiveIncident:
    def test_only_crossings_become_events(self, surging: Case, telephony: Telephony, clock: Clock) -> None:
        telephony.goes_on(22, 3)
        telephony.goes_on(9, 5)
        assert said_by_the_console(surging) == []
        begun = clock.now - 4 * MINUTE
        telephony.goes_on(9, 4)
        condition = surging.see()["conditions"]["waiting-low"]
        assert (condition["holds"], datetime.fromisoformat(condition["since"])) == (True, begun)
        telephony.goes_on(15, 1)
        assert not holds(surging, "waiting-low")
        assert said_by_the_console(surging) == [("waiting-low", True), ("waiting-low", False)]
        note = next(event.note for event in surging.events("condition") if event.facts["name"] == "waiting-low")
        assert note and note.text == "telephony: calls-waiting = 9 (< 15)"

    def test_below_the_target_for_five_minutes_asks_whether_it_is_controlled(
        self, surging: Case, telephony: Telephony, clock: Clock
    ) -> None:
        telephony.goes_on(9, 5)
        assert "inbound-surge.confirm-controlled" not in steps(surging.see(), "open")
        clock.forward(MINUTE)
        assert "inbound-surge.confirm-controlled" in steps(surging.see(), "open")
        assert surging.promise("target")["system_late_s"] == 0

    def test_silence_is_a_condition_of_its_own(self, surging: Case, telephony: Telephony, clock: Clock) -> None:
        telephony.goes_on(9, 6)
        assert holds(surging, "waiting-low")
        clock.forward(3 * MINUTE)
        assert (holds(surging, "waiting-low"), holds(surging, "waiting-lost")) == (False, True)
        telephony.says(9)
        assert (holds(surging, "waiting-low"), holds(surging, "waiting-lost")) == (True, False)

    def test_a_feed_never_heard_of_is_not_lost(self, make: Make, clock: Clock) -> None:
        case = make("responding", plan="inbound-surge")
        clock.forward(30 * MINUTE)
        assert not holds(case, "waiting-lost")

    def test_a_plan_activated_later_hears_how_it_stands(self, make: Make, telephony: Telephony, clock: Clock) -> None:
        telephony.says(20)
        clock.forward(10 * MINUTE)
        case = make("assessing", incident_type="inbound-surge")
        clock.forward(timedelta(seconds=1))
        watching.look()
        assert not case.events("condition")
        case.do("supervisor", "activate", plan="inbound-surge", level=3)
        watching.look()
        lost = case.see()["conditions"]["waiting-lost"]
        assert lost["holds"]
        assert datetime.fromisoformat(lost["since"]) == clock.now  # not from before the plan was active

    def test_a_person_is_not_contradicted_until_the_next_crossing(
        self, surging: Case, telephony: Telephony, clock: Clock
    ) -> None:
        surging.do("supervisor", "conditions", name="waiting-low", holds=True)
        telephony.goes_on(30, 3)
        assert holds(surging, "waiting-low")
        telephony.goes_on(9, 6)
        telephony.goes_on(30, 1)
        assert not holds(surging, "waiting-low")

    def test_a_person_was_faster(self, surging: Case, telephony: Telephony, clock: Clock) -> None:
        """Said and taken back by hand after the crossing began: the console says it again, from now."""
        telephony.goes_on(9, 3)
        surging.do("supervisor", "conditions", name="waiting-low", holds=True)
        surging.do("supervisor", "conditions", name="waiting-low", holds=False)
        telephony.goes_on(9, 4)
        assert holds(surging, "waiting-low")

    def test_others_are_left_alone(self, make: Make, api: Apis, telephony: Telephony, clock: Clock) -> None:
        """Another plan, another site, a drill: not theirs."""
        power = make("responding")
        xian = Case(api, api("agent-xian").report("inbound-surge"))
        xian.do("manager", "activate", plan="inbound-surge", level=3)
        drill = Case(
            api, api("manager").report("inbound-surge", kind="drill", site="leeds", participants=["supervisor"])
        )
        drill.do("manager", "activate", plan="inbound-surge", level=3)
        telephony.says(9)
        telephony.goes_on(9, 6)
        assert rule("waiting-low").holds
        for case in (power, xian, drill):
            assert said_by_the_console(case) == []

    def test_three_and_thirty_incidents(self, make: Make, telephony: Telephony, clock: Clock) -> None:
        counts = []
        for count in (1, 3, 30):  # the first reads what is read once per process
            with undone():
                for _ in range(count):
                    make("responding", plan="inbound-surge")
                telephony.says(30)
                clock.forward(4 * MINUTE, fire=False)
                with CaptureQueriesContext(connection) as captured:
                    watching.look()
                counts.append(len(captured))
                assert Steering.objects.filter(lost=True, rule=rule("waiting-low")).count() == count
        assert counts[1] == counts[2]

    def test_switched_off_it_says_nothing_more(self, surging: Case, telephony: Telephony, clock: Clock) -> None:
        telephony.goes_on(9, 6)
        row = rule("waiting-low")
        row.enabled = False
        watching.forget(row)
        row.save()
        watching.look()
        assert not holds(surging, "waiting-low")


def alert(name: str = "DiskFull", status: str = "firing", *, begun: datetime, ended: str = "", print: str = "a") -> Any:
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "page"},
        "annotations": {"summary": "The disk of the order system is full"},
        "startsAt": begun.isoformat(),
        "endsAt": ended or "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": print,
    }


def sent(*alerts: Any, **values: Any) -> dict[str, Any]:
    about = {"groupKey": "g", "truncatedAlerts": 0, "receiver": "contactops", "externalURL": "", "commonLabels": {}}
    return {"version": "4", "status": "firing", **about, "alerts": list(alerts), **values}


class TestAlertmanager:
    PATH = "signals/alertmanager/monitoring/"

    def newest(self, name: str = "DiskFull") -> tuple[float, datetime]:
        gauge = Gauge.objects.get(metric=f"alert:{name}")
        return gauge.value, gauge.at

    def test_on_and_over(self, api: Apis, clock: Clock) -> None:
        me, begun = api("admin"), clock.now - MINUTE
        assert me.post(self.PATH, sent(alert(begun=begun)), 201)["stored"] == 1
        assert self.newest() == (1, begun)
        clock.forward(MINUTE)
        ended = clock.now - timedelta(seconds=5)
        me.post(self.PATH, sent(alert(status="resolved", begun=begun, ended=ended.isoformat())), 201)
        assert self.newest() == (0, ended)

    def test_sent_again_it_changes_nothing(self, api: Apis, clock: Clock) -> None:
        me, body = api("admin"), sent(alert(begun=clock.now), alert("Other", begun=clock.now, print="b"))
        me.post(self.PATH, body, 201)
        with unchanged():
            assert me.post(self.PATH, body, 201) == {"received": 2, "stored": 0, "known": 2, "new_feeds": []}

    def test_one_that_is_over_says_nothing_while_another_of_its_name_is_on(self, api: Apis, clock: Clock) -> None:
        me, begun = api("admin"), clock.now
        me.post(self.PATH, sent(alert(begun=begun, print="a")), 201)
        me.post(self.PATH, sent(alert(begun=begun, print="b")), 201)  # in a group of its own
        clock.forward(MINUTE)
        over = alert(status="resolved", begun=begun, ended=clock.now.isoformat(), print="a")
        me.post(self.PATH, sent(over), 201)
        assert self.newest()[0] == 1
        me.post(self.PATH, sent({**over, "fingerprint": "b"}), 201)
        assert self.newest()[0] == 0

    def test_it_warns_as_any_figure_does(self, api: Apis, clock: Clock) -> None:
        source = rule()
        source.pk, source.family, source.metric = None, "system", "alert:DiskFull"
        source.feed = Feed.objects.get(slug="monitoring")
        source.value = source.clear_value = 0
        source.save(force_insert=True)
        me, begun = api("admin"), clock.now
        me.post(self.PATH, sent(alert(begun=begun)), 201)
        clock.forward(5 * MINUTE)
        [warning] = warned()
        assert (warning.metric, warning.since, warning.value) == ("alert:DiskFull", begun, 1)
        clock.forward(MINUTE)
        me.post(self.PATH, sent(alert(begun=begun)), 201)  # repeated: still on
        ended = clock.now - timedelta(seconds=20)  # it was over before that was sent
        me.post(self.PATH, sent(alert(status="resolved", begun=begun, ended=ended.isoformat())), 201)
        assert warned()[0].state == "cleared"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"version": "3", "alerts": [{}]},
            {"version": "4", "alerts": []},
            {"version": "4", "alerts": "none"},
            {"version": "4", "alerts": [{"status": "firing"}]},
            {"version": 4.5},
        ],
    )
    def test_another_shape(self, api: Apis, body: Any) -> None:
        with unchanged():
            assert api("admin").post(self.PATH, body, 400)

    def test_another_version_is_named(self, api: Apis, clock: Clock) -> None:
        answer = api("admin").post(self.PATH, sent(alert(begun=clock.now), version="5"), 400)
        assert answer == {"version": ["Only version 4 of the webhook is understood."]}

    @pytest.mark.parametrize("field", ["status", "labels", "startsAt", "fingerprint"])
    def test_something_is_missing(self, api: Apis, clock: Clock, field: str) -> None:
        broken = {name: value for name, value in alert(begun=clock.now).items() if name != field}
        with unchanged():
            assert "alerts" in api("admin").post(self.PATH, sent(broken), 400)

    def test_over_without_an_end(self, api: Apis, clock: Clock) -> None:
        with unchanged():
            api("admin").post(self.PATH, sent(alert(status="resolved", begun=clock.now)), 400)

    def test_from_the_future(self, api: Apis, clock: Clock) -> None:
        with unchanged():
            answer = api("admin").post(self.PATH, sent(alert(begun=clock.now + MINUTE)), 400)
        assert "from the future" in answer["at"][0]


class TestHousekeeping:
    def test_figures_go_and_what_they_say_stays(self, telephony: Telephony, clock: Clock) -> None:
        telephony.says(41)
        telephony.goes_on(41, 6)
        clock.forward(timedelta(days=3, hours=1))
        housekeeping.tidy()
        assert not Signal.objects.exists()
        assert Gauge.objects.get(metric="calls-waiting").value == 41
        assert warned()[0].value == 41


class TestTheReport:
    @pytest.fixture
    def warning(self, telephony: Telephony, clock: Clock) -> Warning:
        telephony.says(41)
        telephony.goes_on(47, 5)
        clock.forward(timedelta(seconds=30))
        [row] = warned()
        return row

    def told(self, api: Apis, username: str = "supervisor") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = api(username).get("warnings/")["results"]
        return rows

    def test_it_is_filled_in_and_they_know_of_each_other(self, api: Apis, warning: Warning) -> None:
        me = api("supervisor")
        [row] = self.told(api)
        ref = me.report(**row["report"])
        case = Case(api, ref)
        assert (case.row.type.slug, case.row.site.code, case.row.occurred_at) == (
            "inbound-surge",
            "leeds",
            warning.since,
        )
        assert case.row.title == "More than 40 calls waiting for 5 minutes: 47 since 14:00"
        warning.refresh_from_db()
        assert (warning.state, warning.incident, warning.decided_by) == (
            "reported",
            case.row,
            User.objects.get(username="supervisor"),
        )

    def test_the_same_report_again_is_the_same(self, api: Apis, warning: Warning) -> None:
        me, [row] = api("supervisor"), self.told(api)
        body = {**row["report"], "client_key": "6f0c4a4e-6f0e-4c3e-9d0e-1f2a3b4c5d6e"}
        first = me.post("reports/", body, 201)
        assert me.post("reports/", body, 200) == first

    def test_a_second_report_is_led_to_the_first(self, api: Apis, warning: Warning) -> None:
        [row] = self.told(api)
        ref = api("supervisor").report(**row["report"])
        with unchanged():
            answer = api("manager").post(
                "reports/", {**row["report"], "client_key": "6f0c4a4e-6f0e-4c3e-9d0e-1f2a3b4c5d6e"}, 409
            )
        assert ref in answer["detail"]

    def test_it_may_join_what_is_going_on(self, api: Apis, make: Make, warning: Warning) -> None:
        case = make("reported", plan="inbound-surge")
        [row] = self.told(api)
        api("supervisor").report(**row["report"], join=case.ref)
        warning.refresh_from_db()
        assert (warning.state, warning.incident) == ("reported", case.row)

    def test_one_that_passed_by_itself_can_still_be_reported(
        self, api: Apis, telephony: Telephony, warning: Warning
    ) -> None:
        telephony.goes_on(5, 1)
        [row] = self.told(api)
        assert row["state"] == "cleared"
        api("supervisor").report(**row["report"])
        assert self.told(api)[0]["state"] == "reported"

    def test_one_that_was_dismissed_is_not_reported(self, api: Apis, warning: Warning) -> None:
        api("supervisor").post(f"warnings/{warning.pk}/dismiss/", {"reason": "A test"})
        [row] = self.told(api)
        with unchanged():
            api("supervisor").post(
                "reports/", {**row["report"], "client_key": "6f0c4a4e-6f0e-4c3e-9d0e-1f2a3b4c5d6e"}, 409
            )

    def test_nobody_else_can_name_it(self, api: Apis, warning: Warning) -> None:
        [row] = self.told(api)
        body = {**row["report"], "site": "", "client_key": "6f0c4a4e-6f0e-4c3e-9d0e-1f2a3b4c5d6e"}
        with unchanged():
            api("agent").post("reports/", body, 403)
            api("supervisor-xian").post("reports/", body, 404)
            api("supervisor").post("reports/", {**body, "warning": 999_999}, 404)

    def test_who_is_told(self, api: Apis, warning: Warning) -> None:
        """The supervisors of the site, whoever sees all, and the group that owns the rule."""
        for username, sees in {
            "supervisor": True, "leader": True, "manager": True, "director": True, "auditor": True,
            "supervisor-xian": False, "agent": False, "tech": False,
        }.items():  # fmt: skip
            assert bool(self.told(api, username)) == sees, username
        WarningRule.objects.filter(pk=warning.rule_id).update(owner="G-TECH")
        assert self.told(api, "tech")
        assert not self.told(api, "tech-xian")

    def test_watched_it_stays_open(self, api: Apis, warning: Warning) -> None:
        answer = api("supervisor").post(f"warnings/{warning.pk}/watch/")
        assert (answer["state"], answer["watched_by"]) == ("open", "supervisor")

    def test_decided_once(self, api: Apis, warning: Warning) -> None:
        me = api("supervisor")
        assert "reason" in me.post(f"warnings/{warning.pk}/dismiss/", {}, 400)
        me.post(f"warnings/{warning.pk}/dismiss/", {"reason": "A test"})
        with unchanged():
            assert me.post(f"warnings/{warning.pk}/dismiss/", {"reason": "Again"}, 409)["code"] == "decided"
            assert me.post(f"warnings/{warning.pk}/watch/", {}, 409)["code"] == "decided"
            me.post(f"warnings/{warning.pk}/forget/", {}, 404)

    def test_no_sample_is_an_event(self, api: Apis, warning: Warning) -> None:
        assert Signal.objects.count() == 6
        assert not Event.objects.exists()


def test_a_thousand_figures_are_taken_in_order_of_their_key(cast: Callable[[str], User], clock: Clock) -> None:
    """Two senders with the same figures in another order do not lock each other out: see tests/faults."""
    figures = [intake.Figure("telephony", f"m{n % 7}", n, clock.now - MINUTE * n) for n in range(100)]
    assert intake.take(actor=cast("supervisor"), figures=figures[::-1]).stored == 100
    assert intake.take(actor=cast("supervisor"), figures=figures).known == 100
