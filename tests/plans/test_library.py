"""The plan library: canonical, bilingual, complete, and able to run from report to close."""

import json
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from incidents.engine import plan as engine
from incidents.engine.decide import Act
from incidents.engine.gates import blockers
from incidents.engine.rehearsal import Trace, rehearse
from plans import catalogue, library_files, snapshots, yaml_io
from plans.schema import plan_schema
from plans.snapshots import Json

DOCUMENTS = {path.stem: library_files.read(path) for path in library_files.files()}
RULES = engine.compile([snapshots.to_plan(document, 1) for document in DOCUMENTS.values()])
RESPONSES = [slug for slug, document in DOCUMENTS.items() if document["kind"] == "response"]
SECOND, MINUTE = 1_000, 60_000


def texts(value: Any, where: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    if isinstance(value, dict) and "en" in value:
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, f"{where}.{key}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from texts(item, f"{where}[{at}]")


def cited(value: Any) -> Iterator[str]:
    """Source ids that steps, rules and levels name."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from item if key == "sources" and all(isinstance(one, str) for one in item) else cited(item)
    elif isinstance(value, list):
        for item in value:
            yield from cited(item)


def test_every_incident_type_has_its_plan() -> None:
    assert {kind.slug for kind in catalogue.TYPES} | {"house"} == set(DOCUMENTS)


@pytest.mark.parametrize("path", library_files.files(), ids=lambda path: path.stem)
class TestFile:
    def test_is_canonical(self, path: Path) -> None:
        assert yaml_io.dump(library_files.read(path)) == path.read_text(encoding="utf-8")

    def test_is_named_after_its_slug(self, path: Path) -> None:
        assert library_files.read(path)["slug"] == path.stem

    def test_says_everything_in_both_languages(self, path: Path) -> None:
        for where, text in texts(library_files.read(path)):
            assert text.get("zh-hans"), where
            assert re.search(r"[\u4e00-\u9fff]", text["zh-hans"]), where
            assert not re.search(r"[\u4e00-\u9fff]", text["en"]), where

    def test_explains_or_names_every_source_it_cites(self, path: Path) -> None:
        document = library_files.read(path)
        known = {*document["bases"], *(source["id"] for source in document["sources"])}
        assert set(cited(document)) <= known


@pytest.mark.parametrize("slug", RESPONSES)
class TestResponsePlan:
    def test_is_complete(self, slug: str) -> None:
        document = DOCUMENTS[slug]
        assert len(document["groups"]) >= 3
        assert all(group["duties"] for group in document["groups"])
        assert len(document["steps"]) >= 8
        assert {level["level"] for level in document["levels"]} == {1, 2, 3, 4}
        assert {check["id"] for check in document["stand_down"]} == {"controlled", "normal", "no-effect"}
        assert {script["audience"] for script in document["scripts"]} == {"agents", "customers"}
        assert any(one["audience"] == "agents" and one["owner"] == "supervisor" for one in document["communications"])

    def test_has_measures_at_every_level(self, slug: str) -> None:
        measured = [step["levels"] for step in DOCUMENTS[slug]["steps"] if len(step.get("levels", [1, 2, 3, 4])) < 3]
        assert {level for levels in measured for level in levels} == {1, 2, 3, 4}

    def test_maps_to_groups_that_every_organisation_has(self, slug: str) -> None:
        known = {group.key for group in catalogue.GROUPS}
        assert {group["maps_to"] for group in DOCUMENTS[slug]["groups"]} <= known

    @pytest.mark.parametrize("level", [1, 2, 3, 4])
    def test_opens_a_handful_of_steps(self, slug: str, level: int) -> None:
        trace = play([*opening(slug, level)], 2 * MINUTE)
        mine = [run.key for run in trace.state.open_steps() if run.key.startswith(slug)]
        assert 4 <= len(mine) <= 8, mine

    @pytest.mark.parametrize("level", [1, 2, 3, 4])
    @pytest.mark.parametrize("after", [2 * MINUTE, 90 * MINUTE], ids=["at once", "after 90 minutes"])
    def test_can_be_worked_off_and_closed(self, slug: str, level: int, after: int) -> None:
        acts = opening(slug, level)
        now = work_off(acts, after)
        now = end(slug, acts, now)
        now = work_off(acts, now)
        state = play(acts, now).state
        assert blockers(RULES, state, "close") == []
        acts.append(Act("close", now, "manager", {"outcome": "resolved", "may_stand_down": True}))
        assert play(acts, now).state.status == "closed"


def opening(slug: str, level: int, *, at: int = 40 * SECOND) -> list[Act]:
    starts = DOCUMENTS[slug].get("starts")
    report = {"incident_type": slug, "house": ["house", 1], "conditions": [starts] if starts else []}
    activation = {"plan": slug, "revision": 1, "level": level, "confirmed": level > 2}
    return [Act("report", 0, "agent", report), Act("activate", at, "supervisor", activation)]


def play(acts: list[Act], until: int) -> Trace:
    return rehearse(RULES, acts, until)


def end(slug: str, acts: list[Act], now: int) -> int:
    """The starting condition ends; without one, service is restored."""
    starts = DOCUMENTS[slug].get("starts")
    body = {"name": starts, "holds": False} if starts else {"name": "restored", "holds": True}
    acts.append(Act("conditions", now + SECOND, "supervisor", body))
    return now + SECOND


def work_off(acts: list[Act], now: int) -> int:
    """Complete whatever can be completed until nothing is left that can."""
    for _round in range(10):
        state = play(acts, now).state
        todo = [run for run in state.open_steps() if not state.satisfies(run.hold[:1] or ("closed-never",))]
        if not todo:
            return now
        for run in todo:
            now += SECOND
            acts.append(Act("steps/verb", now, "manager", completion(run, now)))
    raise AssertionError(f"never done: {[run.key for run in todo]}")


def completion(run: Any, now: int) -> Json:
    call = {"call": {"person": "somebody", "answered": True, "at": now}} if run.kind == "call" else {}
    decision = {"decision": run.options[0]} if run.kind == "decision" else {}
    return {"verb": "complete", "key": run.key, **call, **decision}


def fired(trace: Trace, rule: str) -> list[int]:
    """When a rule fired, in ms after the report."""
    return [event.at for event in trace.events if event.kind == "fired" and event.facts["rule"] == rule]


def opened(trace: Trace, step: str) -> list[int]:
    return [event.at for event in trace.events if event.kind == "step_opened" and event.facts["id"] == step]


class TestHouse:
    def test_the_floor_hears_at_once_and_the_leading_group_after_ten_minutes_of_silence(self) -> None:
        acts = opening("power-cut", 3)[:1]
        trace = play(acts, 60 * MINUTE)
        told = [(noticed.notice.to[1], noticed.event.at) for noticed in trace.notices if noticed.notice.kind == "rule"]
        assert [one for one in told if one[1] < MINUTE] == [("G-DUTY", 0), ("G-SUP", 0)]
        assert ("G-SUP", 5 * MINUTE) in told
        assert [at for group, at in told if group == "G-LEAD"] == [10 * MINUTE, 20 * MINUTE, 30 * MINUTE]

    def test_silence_ends_with_the_acknowledgement(self) -> None:
        acts = [*opening("power-cut", 3)[:1], Act("acknowledge", 4 * MINUTE, "leader")]
        assert fired(play(acts, 60 * MINUTE), "silence") == []

    def test_triage_opens_with_the_report_and_goes_with_the_assessment(self) -> None:
        acts = [*opening("power-cut", 3)[:1], Act("assess", 3 * MINUTE, "leader", {"verdict": "real"})]
        before, after = play(acts, 2 * MINUTE).state, play(acts, 4 * MINUTE).state
        assert [run.id for run in before.open_steps()] == ["house.triage"]
        assert after.steps["house.triage"].status == "withdrawn"

    def test_levels_one_and_two_ask_for_confirmation(self) -> None:
        state = play(opening("power-cut", 2), 2 * MINUTE).state
        run = state.steps["house.confirm-level"]
        assert (run.group, run.reserved, run.mandatory) == ("G-LEAD", True, True)
        assert "house.confirm-level" not in play(opening("power-cut", 3), 2 * MINUTE).state.steps

    def test_lowering_leads_to_level_three(self) -> None:
        body = {"verb": "complete", "key": "house.confirm-level", "decision": "lower"}
        acts = [*opening("power-cut", 2), Act("steps/verb", 2 * MINUTE, "director", body)]
        assert play(acts, 3 * MINUTE).state.level == 3

    def test_leaders_keep_being_asked_for_when_nobody_says_anything(self) -> None:
        """At level 1 every five minutes for two hours more; the last word is never “nobody asked any more”."""
        trace = play(opening("power-cut", 1), 130 * MINUTE)
        asked = fired(trace, "update-leaders")
        assert (asked[1] - asked[0], len(asked)) == (5 * MINUTE, 23)

    def test_leaders_are_promised_updates_by_level(self) -> None:
        for level, minutes in ((1, 15), (2, 30), (3, 120)):
            trace = play(opening("power-cut", level), 130 * MINUTE)
            first = min(at for at in fired(trace, "update-leaders"))
            assert first == minutes * MINUTE + 40 * SECOND
        assert fired(play(opening("power-cut", 4), 600 * MINUTE), "update-leaders") == []


class TestPowerCut:
    """W1, W1b, W1c (N3)."""

    def test_five_minutes_off_asks_for_the_call(self) -> None:
        trace = play(opening("power-cut", 2), 60 * MINUTE)
        assert fired(trace, "power-5") == [5 * MINUTE]
        assert opened(trace, "power-cut.phone-superior") == [5 * MINUTE]
        assert trace.state.steps["power-cut.phone-superior"].kind == "call"
        assert trace.state.steps["power-cut.phone-superior"].group == "G-SUP"

    def test_power_back_in_time_asks_for_nothing(self) -> None:
        acts = opening("power-cut", 2)
        end("power-cut", acts, 270 * SECOND - SECOND)
        trace = play(acts, 60 * MINUTE)
        assert fired(trace, "power-5") == []
        assert "power-cut.patrol" not in trace.state.steps

    def test_off_again_counts_anew(self) -> None:
        acts = opening("power-cut", 2)
        end("power-cut", acts, 270 * SECOND - SECOND)
        acts.append(Act("conditions", 6 * MINUTE, "supervisor", {"name": "power-off", "holds": True}))
        assert fired(play(acts, 60 * MINUTE), "power-5") == [11 * MINUTE]

    def test_a_long_cut_needs_its_patrol(self) -> None:
        acts = opening("power-cut", 2)
        now = end("power-cut", acts, 35 * MINUTE)
        trace = play(acts, now)
        assert opened(trace, "power-cut.patrol") == [now]
        assert "power-cut.patrol" in blockers(RULES, trace.state, "close")

    def test_a_second_cut_is_worked_off_like_the_first(self) -> None:
        """What was patrolled, checked and called back after the first says nothing about the second."""
        acts = opening("power-cut", 2)
        now = work_off(acts, end("power-cut", acts, 30 * MINUTE))
        again = now + 10 * MINUTE
        acts.append(Act("conditions", again, "supervisor", {"name": "power-off", "holds": True}))
        end("power-cut", acts, again + 30 * MINUTE)
        trace = play(acts, again + 31 * MINUTE)
        mine = {run.key for run in trace.state.open_steps()}
        assert {f"power-cut.{name}.2" for name in ("patrol", "check-floor", "call-back", "phone-superior")} <= mine
        assert "power-cut.patrol" in blockers(RULES, trace.state, "close")

    def test_keep_calm_stays_open_while_the_power_is_off(self) -> None:
        run = play(opening("power-cut", 2), 2 * MINUTE).state.steps["power-cut.keep-calm"]
        assert run.hold == ("condition:power-off",)


class TestApplicationFault:
    """W3, W3b, W3c (N2)."""

    def test_sixty_minutes_after_the_fault_began_a_decision_is_due(self) -> None:
        trace = play(opening("application-fault", 2), 90 * MINUTE)
        assert opened(trace, "application-fault.other-action") == [60 * MINUTE]
        run = trace.state.steps["application-fault.other-action"]
        assert run.options == ("standby", "paper", "divert", "raise-level", "other")

    def test_activated_late_it_is_due_at_once_and_says_how_late(self) -> None:
        trace = play(opening("application-fault", 2, at=80 * MINUTE), 81 * MINUTE)
        [event] = [event for event in trace.events if event.kind == "fired" and event.facts["rule"] == "sixty"]
        assert event.facts["late_ms"] == 20 * MINUTE
        assert event.facts["system_late_ms"] == 0

    def test_mended_in_time_no_decision_but_paper_and_call_backs(self) -> None:
        acts = opening("application-fault", 2)
        manual = {"verb": "complete", "key": "application-fault.manual-mode"}
        acts.append(Act("steps/verb", 5 * MINUTE, "supervisor", manual))
        end("application-fault", acts, 55 * MINUTE)
        trace = play(acts, 90 * MINUTE)
        assert opened(trace, "application-fault.other-action") == []
        assert {"application-fault.backfill", "application-fault.call-backs"} <= set(
            blockers(RULES, trace.state, "close")
        )

    def test_service_on_the_standby_is_no_end_without_a_check(self) -> None:
        """W3 at 10:20: the standby works while the system itself is still down; when that is back, it is checked too."""
        acts = opening("application-fault", 2)
        acts.append(Act("conditions", 20 * MINUTE, "supervisor", {"name": "restored", "holds": True}))
        assert "application-fault.check-standby" in blockers(RULES, play(acts, 21 * MINUTE).state, "close")
        end("application-fault", acts, 40 * MINUTE)
        assert "application-fault.full-check" in blockers(RULES, play(acts, 41 * MINUTE).state, "close")

    def test_the_decision_may_raise_the_level(self) -> None:
        body = {"verb": "complete", "key": "application-fault.other-action", "decision": "raise-level"}
        acts = [
            *opening("application-fault", 2),
            Act("steps/verb", 63 * MINUTE, "director", {**body, "confirms": True}),
        ]
        state = play(acts, 64 * MINUTE).state
        assert (state.level, state.holds("level_confirmed")) == (1, True)

    def test_standby_chosen_opens_the_switch(self) -> None:
        body = {"verb": "complete", "key": "application-fault.other-action", "decision": "standby"}
        acts = [*opening("application-fault", 2), Act("steps/verb", 63 * MINUTE, "director", body)]
        assert opened(play(acts, 64 * MINUTE), "application-fault.switch-standby") == [63 * MINUTE]

    def test_open_sheets_stand_in_the_way_of_closing(self) -> None:
        acts = opening("application-fault", 2)
        acts.append(Act("list", 5 * MINUTE, "supervisor", {"change": "add", "list": "sheets", "items": 100}))
        assert "application-fault.sheets" in blockers(RULES, play(acts, 6 * MINUTE).state, "close")


class TestSeatEquipmentFault:
    """W4, W4b (N1)."""

    def moved(self, *more: Act) -> list[Act]:
        moves = Act("conditions", 60 * SECOND, "supervisor", {"name": "relogin", "holds": True})
        return [*opening("seat-equipment-fault", 4, at=30 * SECOND), moves, *more]

    def test_signing_in_again_has_five_minutes_from_the_move(self) -> None:
        state = play(self.moved(), 2 * MINUTE).state
        assert state.steps["seat-equipment-fault.sign-in"].opened_at == MINUTE
        assert fired(play(self.moved(), 60 * MINUTE), "due-sign-in") == [6 * MINUTE]

    @pytest.mark.parametrize(
        "ending",
        [
            Act("conditions", 200 * SECOND, "supervisor", {"name": "relogin", "holds": False}),
            Act("steps/verb", 200 * SECOND, "leader", {"verb": "complete", "key": "seat-equipment-fault.sign-in"}),
        ],
        ids=["said under how it stands", "the step is done"],
    )
    def test_signed_in_in_time_nobody_is_alarmed(self, ending: Act) -> None:
        assert fired(play(self.moved(ending), 60 * MINUTE), "relogin") == []

    def test_late_asks_the_supervisor(self) -> None:
        trace = play(self.moved(), 60 * MINUTE)
        assert fired(trace, "relogin") == [6 * MINUTE]
        run = trace.state.steps["seat-equipment-fault.late-sign-in"]
        assert (run.group, run.kind, run.opened_at) == ("G-SUP", "decision", 6 * MINUTE)
        assert trace.state.holds("mark:seat-equipment-fault.late-relogin")


class TestFireAlarm:
    """W7 both ways (N7-N12)."""

    SLUG = "fire-alarm"

    def found(self, what: str, at: int = 60 * SECOND) -> list[Act]:
        body = {"verb": "complete", "key": f"{self.SLUG}.feedback", "decision": what}
        return [*opening(self.SLUG, 2, at=SECOND), Act("steps/verb", at, "security", body)]

    def test_both_offices_are_asked_before_anything_else(self) -> None:
        state = play(opening(self.SLUG, 3, at=SECOND), 2 * SECOND).state
        asked = {run.id for run in state.open_steps() if run.kind == "call"}
        assert {f"{self.SLUG}.{name}" for name in ("send-patrol", "ask-administration", "ask-management")} == asked

    @pytest.mark.parametrize("what", ["error", "test"])
    def test_a_false_alarm_is_reset_and_recorded_before_it_is_closed(self, what: str) -> None:
        acts = self.found(what)
        assert blockers(RULES, play(acts, 2 * MINUTE).state, "close", "false-alarm") == [f"{self.SLUG}.reset"]
        reset = {"verb": "complete", "key": f"{self.SLUG}.alarm-reset"}
        acts.append(Act("steps/verb", 2 * MINUTE, "security", reset))
        state = play(acts, 3 * MINUTE).state
        assert blockers(RULES, state, "close", "false-alarm") == []
        assert f"{self.SLUG}.evacuate" not in state.steps

    def test_a_real_one_gets_everybody_out_and_calls_the_brigade_at_once(self) -> None:
        state = play(self.found("real"), 61 * SECOND).state
        at_once = (
            "evacuate",
            "call-brigade",
            "tell-duty-supervisor",
            "radio-call",
            "posts-there",
            "roll-call",
            "power",
        )
        assert {f"{self.SLUG}.{name}" for name in at_once} <= {run.key for run in state.open_steps()}
        assert state.steps[f"{self.SLUG}.radio-call"].times == 2

    def test_posts_have_one_minute_and_off_duty_staff_two(self) -> None:
        trace = play(self.found("real"), 10 * MINUTE)
        assert (fired(trace, "posts"), fired(trace, "off-duty")) == ([2 * MINUTE], [3 * MINUTE])
        assert opened(trace, f"{self.SLUG}.who-is-missing") == [2 * MINUTE]
        there = {"verb": "complete", "key": f"{self.SLUG}.posts-there"}
        in_time = [*self.found("real"), Act("steps/verb", 110 * SECOND, "security", there)]
        assert fired(play(in_time, 10 * MINUTE), "posts") == []

    def test_the_fire_grade_is_not_the_level(self) -> None:
        grade = {"verb": "complete", "key": f"{self.SLUG}.fire-grade", "decision": "grade-1"}
        state = play([*self.found("real"), Act("steps/verb", 2 * MINUTE, "security", grade)], 3 * MINUTE).state
        assert state.level == 2
        assert f"{self.SLUG}.evacuate-building" in state.steps

    def test_a_real_fire_is_not_closed_without_its_report(self) -> None:
        acts = self.found("real")
        end(self.SLUG, acts, 30 * MINUTE)
        for outcome in ("resolved", "false-alarm"):
            assert f"{self.SLUG}.real" in blockers(RULES, play(acts, 31 * MINUTE).state, "close", outcome)

    def test_limits_of_seconds_are_measured_and_promise_nothing(self) -> None:
        acts = self.found("real")
        call = {"person": "Patrol", "answered": True, "at": 2 * SECOND}
        told = {"verb": "complete", "key": f"{self.SLUG}.send-patrol", "call": call}
        trace = play([*acts, Act("steps/verb", 70 * SECOND, "security", told)], 2 * MINUTE)
        run = trace.state.steps[f"{self.SLUG}.send-patrol"]
        assert (run.target, run.took) == (2 * SECOND, 2 * SECOND)


class TestInboundSurge:
    """W2, W2b, W2c (N4-N6)."""

    SLUG = "inbound-surge"

    def supported(self, *more: Act) -> list[Act]:
        opens = Act("support", 3 * MINUTE, "supervisor", {"tier": 1, "open": True})
        return [*opening(self.SLUG, 3, at=2 * MINUTE), opens, *more]

    def says(self, at: int, name: str, holds: bool = True) -> Act:
        return Act("conditions", at, "supervisor", {"name": name, "holds": holds})

    def test_thirty_minutes_count_from_first_level_support(self) -> None:
        trace = play(self.supported(), 60 * MINUTE)
        assert fired(trace, "tier-2") == [33 * MINUTE]
        assert opened(trace, f"{self.SLUG}.tier-2") == [33 * MINUTE]
        assert trace.state.steps[f"{self.SLUG}.tier-2"].kind == "call"

    def test_controlled_before_that_second_level_is_never_asked_for(self) -> None:
        trace = play(self.supported(self.says(28 * MINUTE, "controlled")), 120 * MINUTE)
        assert fired(trace, "tier-2") == []

    def test_without_figures_a_person_decides(self) -> None:
        trace = play(self.supported(self.says(20 * MINUTE, "waiting-lost")), 60 * MINUTE)
        assert opened(trace, f"{self.SLUG}.tier-2") == []
        assert opened(trace, f"{self.SLUG}.ask-tier-2") == [33 * MINUTE]
        yes = {"verb": "complete", "key": f"{self.SLUG}.ask-tier-2", "decision": "needed"}
        acts = self.supported(self.says(20 * MINUTE, "waiting-lost"), Act("steps/verb", 34 * MINUTE, "supervisor", yes))
        assert opened(play(acts, 60 * MINUTE), f"{self.SLUG}.tier-2") == [34 * MINUTE]

    def test_a_low_queue_for_five_minutes_asks_whether_it_is_controlled(self) -> None:
        trace = play(self.supported(self.says(40 * MINUTE, "waiting-low")), 60 * MINUTE)
        assert opened(trace, f"{self.SLUG}.confirm-controlled") == [45 * MINUTE]

    def test_people_are_released_before_it_is_over(self) -> None:
        tier_2 = Act("support", 34 * MINUTE, "supervisor", {"tier": 2, "open": True})
        acts = self.supported(tier_2, self.says(50 * MINUTE, "controlled"))
        state = play(acts, 51 * MINUTE).state
        assert f"{self.SLUG}.release-tier-2" in {run.key for run in state.open_steps()}
        assert f"{self.SLUG}.released" in blockers(RULES, state, "close")

    def test_the_contacts_of_a_topic_are_called_in_order(self) -> None:
        body = {"verb": "complete", "key": f"{self.SLUG}.same-topic", "decision": "partner"}
        trace = play(self.supported(Act("steps/verb", 10 * MINUTE, "supervisor", body)), 20 * MINUTE)
        called = [(n.notice.to[1], n.event.at) for n in trace.notices if n.notice.kind == "callout"]
        assert called == [("G-TECH", 10 * MINUTE), ("G-LIA", 12 * MINUTE), ("G-DUTY", 14 * MINUTE)]


class TestOutboundSurge:
    """Borrowed only while inbound is safe (S4.1.8)."""

    SLUG = "outbound-surge"

    def done(self, at: int, step: str, **body: Any) -> Act:
        return Act("steps/verb", at, "supervisor", {"verb": "complete", "key": f"{self.SLUG}.{step}", **body})

    def low(self, at: int) -> Act:
        return Act("conditions", at, "supervisor", {"name": "inbound-low", "holds": True})

    def test_borrowing_is_not_offered_while_inbound_is_below_its_target(self) -> None:
        acts = [*opening(self.SLUG, 3), self.low(2 * MINUTE), self.done(3 * MINUTE, "check-inbound")]
        assert f"{self.SLUG}.borrow" not in play(acts, 10 * MINUTE).state.steps

    def test_the_question_goes_when_it_falls(self) -> None:
        acts = [*opening(self.SLUG, 3), self.done(3 * MINUTE, "check-inbound"), self.low(5 * MINUTE)]
        assert play(acts, 6 * MINUTE).state.steps[f"{self.SLUG}.borrow"].status == "withdrawn"

    def test_whoever_was_lent_is_recalled_at_once(self) -> None:
        acts = [
            *opening(self.SLUG, 3),
            self.done(3 * MINUTE, "check-inbound"),
            self.done(4 * MINUTE, "borrow", decision="borrow"),
            self.done(5 * MINUTE, "borrowed-list"),
            self.low(9 * MINUTE),
        ]
        trace = play(acts, 20 * MINUTE)
        assert opened(trace, f"{self.SLUG}.recall") == [9 * MINUTE]
        assert trace.state.steps[f"{self.SLUG}.recall"].kind == "call"


def test_a_network_fault_too_asks_for_a_decision_after_an_hour() -> None:
    trace = play(opening("network-fault", 2), 90 * MINUTE)
    assert opened(trace, "network-fault.other-action") == [60 * MINUTE]


def test_too_hot_to_work_is_decided_by_a_person_at_once() -> None:
    hot = Act("conditions", 20 * MINUTE, "leader", {"name": "too-hot", "holds": True})
    trace = play([*opening("air-conditioning-fault", 3), hot], 30 * MINUTE)
    assert opened(trace, "air-conditioning-fault.too-hot-decision") == [20 * MINUTE]
    assert opened(play(opening("air-conditioning-fault", 3), 90 * MINUTE), "air-conditioning-fault.hour-decision") == [
        60 * MINUTE
    ]


def test_an_alternative_is_offered_after_thirty_minutes() -> None:
    trace = play(opening("general-emergency", 3), 60 * MINUTE)
    assert opened(trace, "general-emergency.offer-alternative") == [30 * MINUTE + 40 * SECOND]


def test_the_published_schema_is_current() -> None:
    path = settings.BASE_DIR / "docs" / "plan.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == plan_schema()
    call_command("plan_schema", "--check")


def test_load_plans_can_check_without_a_database() -> None:
    out = StringIO()
    call_command("load_plans", "--check", stdout=out)
    assert out.getvalue() == f"{len(DOCUMENTS)} plans hold.\n"


def test_check_names_file_line_and_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("slug: no\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_bytes(b"slug: \xff\n")
    with pytest.raises(CommandError) as caught:
        call_command("load_plans", "--check", str(tmp_path))
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path / 'a.yaml'}:1: slug: a bare “no”")
    assert second == f"{tmp_path / 'b.yaml'}: this is not UTF-8 text (byte 6)"
    with pytest.raises(CommandError, match="No such file"):
        call_command("load_plans", "--check", str(tmp_path / "none.yaml"))
