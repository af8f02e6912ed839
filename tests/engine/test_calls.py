"""Call-outs by the people on duty, in the three ways of calling; and how often an audience hears."""

from typing import Any

import pytest

from incidents.engine.effects import Duty
from incidents.engine.lifecycle import Refusal
from incidents.engine.plan import Cadence, Ladder
from tests.engine.kit import MINUTE, Desk, at, compiled, desk, minute, plan, rule


class TestWhoIsCalled:
    """By the people on duty, where it is known who they are."""

    DUTY = Duty({"G-SUP": ("user:11", "user:12"), "G-TECH": ("user:21",), "G-LEAD": ("user:31", "user:32")})

    def called(self, **more: Any) -> Desk:
        ladder = Ladder("ring", ("floor", "duty", "tech"), 2 * MINUTE, "lead", **more)
        here = Desk(compiled(plan(rule("go", "activated", 0, "call ring"), ladders=(ladder,))))
        here.duty = self.DUTY
        return here.report().activate()

    def asked(self, here: Desk) -> list[tuple[list[str], float]]:
        return [(n.notice.facts["people"], minute(n.event.at)) for n in here.notices if n.notice.kind == "callout"]

    def test_one_person_of_each_contact_and_everybody_of_the_fallback(self) -> None:
        here = self.called().wait(10)
        assert self.asked(here) == [(["user:11"], 0), (["user:21"], 2), (["user:31", "user:32"], 4)]

    def test_nobody_on_duty_goes_on_at_once_and_says_so(self) -> None:
        here = self.called().wait(10)
        assert [event.facts["group"] for event in here.events if event.kind == "contact_absent"] == ["G-DUTY"]
        told = [n.notice.facts.get("absent") for n in here.notices if n.notice.kind == "callout"]
        assert told == [None, "G-DUTY", None]
        here.check()

    def test_nobody_anywhere_still_reaches_the_fallback(self) -> None:
        ladder = Ladder("ring", ("floor", "duty"), 2 * MINUTE, "tech", rounds=3)
        here = Desk(compiled(plan(rule("go", "activated", 0, "call ring"), ladders=(ladder,))))
        here.duty = Duty({})
        here.report().activate()
        assert self.asked(here) == [([], 0)]  # whoever writes the outbox finds somebody
        assert here.kinds().count("contact_absent") == 6
        here.wait(60)
        assert self.asked(here) == [([], 0)]

    def test_the_contacts_are_gone_through_so_many_times(self) -> None:
        here = self.called(rounds=2).wait(60)
        assert [who for who, _when in self.asked(here)] == [
            *(["user:11"], ["user:21"], ["user:11"], ["user:21"], ["user:31", "user:32"])
        ]

    def test_who_cannot_be_reached_is_not_waited_for(self) -> None:
        here = self.called()
        here.act(0.5, "unreachable", actor="system", ladder="p.ring", person="user:11", rung=1)
        assert self.asked(here)[-1] == (["user:21"], 0.5)
        here.act(0.6, "unreachable", actor="system", ladder="p.ring", person="user:11", rung=1)
        assert self.asked(here)[-1] == (["user:21"], 0.5)  # their turn has passed already
        here.check()


class TestPassingOn:
    """Each contact who answers passes it on to the next."""

    @pytest.fixture
    def here(self) -> Desk:
        chain = Ladder("chain", ("floor", "duty", "tech"), 2 * MINUTE, "lead", 15 * MINUTE, mode="relay")
        return desk(plan(rule("go", "activated", 0, "call chain"), ladders=(chain,)))

    def answer(self, here: Desk, when: float, actor: str) -> None:
        here.act(when, "answer", actor=actor, verb="acknowledge", ladder="p.chain", notification=1)

    def test_hop_by_hop_to_the_last_who_holds_it(self, here: Desk) -> None:
        for when, actor in ((1, "user:1"), (2, "user:2"), (3, "user:3")):
            self.answer(here, when, actor)
        assert here.told("callout") == [("G-SUP", 0), ("G-DUTY", 1), ("G-TECH", 2)]
        assert (here.state.holds("held:p.chain"), here.state.callouts["p.chain"].holder) == (True, "user:3")
        here.check()

    def test_a_hop_that_does_not_answer_leads_to_the_fallback(self, here: Desk) -> None:
        self.answer(here, 1, "user:1")
        here.wait(60)
        assert here.told("callout") == [("G-SUP", 0), ("G-DUTY", 1), ("G-LEAD", 3)]

    def test_a_lease_that_runs_out_calls_the_same_hop_again(self, here: Desk) -> None:
        for when, actor in ((1, "user:1"), (2, "user:2"), (3, "user:3")):
            self.answer(here, when, actor)
        assert here.wait(18).told("callout")[3:] == [("G-TECH", 18)]


class TestEverybodyAnswers:
    @pytest.fixture
    def here(self) -> Desk:
        each = Ladder("all", ("floor", "tech"), 2 * MINUTE, "lead", mode="each", rounds=2)
        here = Desk(compiled(plan(rule("go", "activated", 0, "call all"), ladders=(each,))))
        here.duty = TestWhoIsCalled.DUTY
        return here.report().activate()

    def answer(self, here: Desk, when: float, actor: str, verb: str = "acknowledge") -> None:
        here.act(when, "answer", actor=actor, verb=verb, ladder="p.all", notification=1)

    def asked(self, here: Desk) -> list[tuple[list[str], float]]:
        return [(n.notice.facts["people"], minute(n.event.at)) for n in here.notices if n.notice.kind == "callout"]

    def test_all_are_asked_at_once(self, here: Desk) -> None:
        assert self.asked(here) == [(["user:11", "user:12", "user:21"], 0)]

    def test_the_last_answer_ends_it(self, here: Desk) -> None:
        for when, actor in ((0.1, "user:12"), (0.2, "user:21"), (0.3, "user:11")):
            assert here.state.holds("callout:p.all")
            self.answer(here, when, actor)
        assert not here.state.holds("callout:p.all")
        assert here.wait(60).state.callouts["p.all"].answers == ("user:12", "user:21", "user:11")
        here.check()

    def test_an_answer_given_twice_counts_once(self, here: Desk) -> None:
        self.answer(here, 0.1, "user:12")
        self.answer(here, 0.2, "user:12")
        assert here.kinds()[-1] == "notice_acknowledged"
        assert here.state.holds("callout:p.all")

    def test_who_has_not_answered_is_asked_again_and_then_the_fallback_hears(self, here: Desk) -> None:
        self.answer(here, 1, "user:11")
        here.wait(60)
        assert self.asked(here)[1:] == [(["user:12", "user:21"], 2), (["user:31", "user:32"], 4)]
        here.check()

    def test_somebody_of_the_fallback_ends_it(self, here: Desk) -> None:
        here.wait(5)
        self.answer(here, 5, "user:31")
        assert not here.state.holds("callout:p.all")

    def test_a_no_does_not_shorten_the_window_of_the_others(self, here: Desk) -> None:
        self.answer(here, 1, "user:11", "decline")
        assert len(self.asked(here)) == 1

    def test_somebody_can_answer_in_their_place(self, here: Desk) -> None:
        here.act(1, "hand-over", actor="user:11", ladder="p.all", person="user:40")
        assert here.state.callouts["p.all"].waiting == ("user:40", "user:12", "user:21")
        here.check()


class TestHandingOver:
    @pytest.fixture
    def here(self) -> Desk:
        ladder = Ladder("ring", ("floor", "tech"), 2 * MINUTE, "lead", 15 * MINUTE)
        here = Desk(compiled(plan(rule("go", "activated", 0, "call ring"), ladders=(ladder,))))
        here.duty = TestWhoIsCalled.DUTY
        return here.report().activate()

    def over(self, here: Desk, when: float, actor: str = "user:11", person: str = "user:40", **body: Any) -> None:
        here.act(when, "hand-over", actor=actor, ladder="p.ring", person=person, **body)

    def test_calls_them_with_a_window_of_their_own(self, here: Desk) -> None:
        here.act(1, "answer", actor="user:11", verb="acknowledge", ladder="p.ring", notification=1)
        self.over(here, 5)
        assert here.told("callout")[1:] == [("user:40", 5)]
        assert (here.due("ladder-ring"), here.state.callouts["p.ring"].holder) == (7, "")
        assert here.wait(8).told("callout")[2:] == [("G-TECH", 7)]
        here.check()

    def test_whoever_is_called_can_too(self, here: Desk) -> None:
        self.over(here, 1)
        assert here.state.callouts["p.ring"].people == ("user:40",)

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"actor": "user:99"}, "not_yours"),
            ({"person": "user:11"}, "invalid"),
        ],
    )
    def test_refused(self, here: Desk, body: dict[str, Any], code: str) -> None:
        with pytest.raises(Refusal) as refused:
            self.over(here, 1, **body)
        assert refused.value.code == code

    def test_whoever_runs_the_response_takes_it_from_anybody(self, here: Desk) -> None:
        self.over(here, 1, actor="user:99", may_any=True)
        assert here.state.callouts["p.ring"].people == ("user:40",)

    def test_nothing_to_hand_over(self, here: Desk) -> None:
        with pytest.raises(Refusal):
            here.act(1, "hand-over", ladder="p.other", person="user:40")


class TestCalledByAPerson:
    @pytest.fixture
    def here(self) -> Desk:
        return desk(plan(ladders=(Ladder("topic-tickets", ("floor", "tech"), 2 * MINUTE, "lead"),)))

    def test_the_first_contact_now_and_the_next_after_the_window(self, here: Desk) -> None:
        here.act(3, "call-out", ladder="p.topic-tickets")
        assert here.wait(6).told("callout") == [("G-SUP", 3), ("G-TECH", 5)]

    def test_not_twice_at_once(self, here: Desk) -> None:
        here.act(3, "call-out", ladder="p.topic-tickets")
        with pytest.raises(Refusal) as refused:
            here.act(4, "call-out", ladder="p.topic-tickets")
        assert refused.value.code == "calling"

    @pytest.mark.parametrize("ladder", ["p.nobody", "q.topic-tickets", "nonsense", ""])
    def test_what_no_active_plan_calls(self, here: Desk, ladder: str) -> None:
        with pytest.raises(Refusal) as refused:
            here.act(3, "call-out", ladder=ladder)
        assert refused.value.code == "invalid"


class TestCadence:
    @pytest.fixture
    def here(self) -> Desk:
        every = {1: 15 * MINUTE, 2: 30 * MINUTE, 3: 120 * MINUTE}
        return desk(plan(cadences=(Cadence("agents", every, "floor", 5 * MINUTE, 3),)))

    def test_another_rhythm_counts_from_the_last_update(self, here: Desk) -> None:
        here.act(10, "updates", audience="agents")
        assert here.due("update-agents") == 130
        here.act(20, "cadence", audience="agents", every=20 * MINUTE)
        assert here.due("update-agents") == 30
        here.level(25, 1)
        assert here.due("update-agents") == 30  # people chose it, whatever the level
        here.check()

    def test_the_same_again_changes_nothing(self, here: Desk) -> None:
        here.act(1, "cadence", audience="agents", every=20 * MINUTE)
        assert here.act(2, "cadence", audience="agents", every=20 * MINUTE).events == ()

    def test_nobody_promised_them_anything(self, here: Desk) -> None:
        with pytest.raises(Refusal):
            here.act(1, "cadence", audience="customers", every=MINUTE)

    def test_every_update_says_when_the_next_one_comes(self, here: Desk) -> None:
        [said] = here.act(10, "updates", audience="agents").events
        assert said.facts["next_by"] == at(130)
        [said] = here.act(11, "updates", audience="agents", next_update_at=at(40)).events
        assert (said.facts["next_update_at"], "next_by" in said.facts) == (at(40), False)
        [said] = here.act(12, "updates", audience="customers").events
        assert "next_by" not in said.facts

    def test_nothing_new_is_an_update(self, here: Desk) -> None:
        here.act(10, "updates", audience="agents", nothing_new=True)
        assert here.due("update-agents") == 130
