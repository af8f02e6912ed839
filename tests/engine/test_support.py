"""Who helps in a tier of support: what may follow what, at which times, and how long each has given."""

from typing import Any

import pytest

from incidents.engine import support
from incidents.engine.apply import apply
from incidents.engine.events import Event
from incidents.engine.lifecycle import SUPPORT_MOVES, Refusal
from incidents.engine.state import Mark
from tests.engine.kit import MINUTE, Desk, at, desk, plan

AMY, BEN, CLARE = "user:5", "user:6", "user:7"
MOVES: dict[str, set[str]] = {
    "": {"asked"},
    "asked": {"confirmed", "declined", "joined"},
    "confirmed": {"declined", "joined"},
    "declined": {"asked", "confirmed", "joined"},
    "joined": {"released"},
    "released": {"asked", "joined"},
}
# How somebody comes to stand where they stand.
WAYS: dict[str, tuple[str, ...]] = {
    "": (),
    "asked": ("asked",),
    "confirmed": ("asked", "confirmed"),
    "declined": ("asked", "declined"),
    "joined": ("asked", "joined"),
    "released": ("asked", "joined", "released"),
}


def opened(*people: str, when: float = 3) -> Desk:
    here = desk(plan())
    here.act(when, "support", tier=1, open=True, people=list(people))
    return here


def say(here: Desk, when: float, status: str, *people: str, typed: float | None = None, **more: Any) -> Desk:
    here.act(when, "support/people", typed, tier=1, people=list(people), status=status, **more)
    return here


def stands(here: Desk, person: str = AMY) -> str:
    return support.standing(here.state, 1, person)


def minutes(here: Desk, now: float, person: str = AMY) -> float:
    return support.given(support.marks_of(here.state, 1)[person], at(now)) / MINUTE


class TestWhatFollowsWhat:
    @pytest.mark.parametrize("before", MOVES)
    @pytest.mark.parametrize("status", SUPPORT_MOVES)
    def test_every_pair(self, before: str, status: str) -> None:
        here = opened()
        for minute, done in enumerate(WAYS[before], start=4):
            say(here, minute, done, AMY)
        seq = here.state.seq
        if status in MOVES[before]:
            assert stands(say(here, 20, status, AMY)) == status
        elif status == before or status == "asked":  # so already, or further on than that: nothing to say
            assert stands(say(here, 20, status, AMY)) == before
            assert here.state.seq == seq
        else:
            with pytest.raises(Refusal) as refused:
                say(here, 20, status, AMY)
            assert refused.value.code == ("illegal" if before else "invalid")
            assert here.state.seq == seq
        here.check()

    def test_history_obeys_the_same_table(self) -> None:
        here = say(opened(AMY), 4, "joined", AMY)
        facts = {"tier": 1, "people": [AMY], "status": "confirmed"}
        with pytest.raises(Refusal):
            apply(here.state, Event("support", at(5), facts, BEN, here.state.seq + 1, at(5)))

    def test_one_who_cannot_follow_holds_up_all_who_are_named_with_them(self) -> None:
        here = opened(AMY)
        with pytest.raises(Refusal, match=f"{BEN} has not been asked"):
            say(here, 4, "confirmed", AMY, BEN)
        assert stands(here) == "asked"

    def test_those_of_whom_it_is_so_already_are_left_out(self) -> None:
        here = say(opened(AMY, BEN), 4, "confirmed", AMY)
        say(here, 5, "confirmed", BEN, AMY, BEN)
        assert here.events[-1].facts["people"] == [BEN]

    def test_nothing_else_can_be_said(self) -> None:
        with pytest.raises(Refusal) as refused:
            say(opened(AMY), 4, "asleep", AMY)
        assert refused.value.field == "status"

    @pytest.mark.parametrize("status", SUPPORT_MOVES)
    def test_nobody_helps_in_what_is_not_open(self, status: str) -> None:
        here = opened(AMY)
        here.act(4, "support", tier=1, open=False)
        with pytest.raises(Refusal) as refused:
            say(here, 5, status, AMY)
        assert refused.value.code == "not_open"


class TestOpening:
    def test_asks_the_people_it_names(self) -> None:
        here = opened(AMY, BEN)
        assert here.kinds()[-2:] == ["tier", "support"]
        assert support.marks_of(here.state, 1)[BEN] == (Mark("asked", at(3), here.state.seq),)

    def test_names_people_for_what_is_open_already(self) -> None:
        here = say(opened(AMY), 4, "joined", AMY)
        here.act(5, "support", tier=1, open=True, people=[AMY, BEN])
        assert here.events[-1].facts == {"tier": 1, "people": [BEN], "status": "asked"}
        assert here.state.facts["tier:1"][""].since == at(3)

    def test_whoever_is_asked_hears_of_it_once(self) -> None:
        here = opened(AMY, BEN)
        say(here, 4, "asked", BEN, CLARE)
        say(here, 5, "confirmed", CLARE)
        assert here.told("support") == [(AMY, 3), (BEN, 3), (CLARE, 4)]

    def test_what_happened_before_there_was_such_an_entry_asks_nobody(self) -> None:
        """An old history names people beside the opening. Its state is what it was."""
        here = opened()
        facts = {"tier": 2, "open": True, "people": [AMY]}
        state = apply(here.state, Event("tier", at(4), facts, BEN, here.state.seq + 1, at(4)))
        assert state.support == {}


class TestTimes:
    def test_a_time_before_is_kept(self) -> None:
        here = say(opened(AMY), 6, "joined", AMY, typed=10)
        assert minutes(here, 16) == 10

    def test_not_before_it_was_open(self) -> None:
        here = opened()
        with pytest.raises(Refusal) as refused:
            say(here, 2, "asked", AMY, typed=5)
        assert refused.value.field == "at"

    def test_not_before_what_is_known_of_them(self) -> None:
        here = say(opened(AMY, BEN), 6, "joined", AMY)
        with pytest.raises(Refusal) as refused:
            say(here, 5, "released", AMY, typed=8)
        assert (refused.value.field, refused.value.params) == ("at", {"person": AMY})
        say(here, 5, "joined", BEN, typed=8)

    def test_not_in_the_future(self) -> None:
        here = opened(AMY)
        with pytest.raises(Refusal, match="future"):
            say(here, 9, "joined", AMY, typed=8)

    def test_it_does_not_end_before_the_last_that_is_known(self) -> None:
        here = say(opened(AMY), 10, "joined", AMY)
        with pytest.raises(Refusal) as refused:
            here.act(9, "support", 12, tier=1, open=False)
        assert refused.value.field == "at"
        assert here.state.holds("tier:1")


class TestMinutes:
    def test_run_until_the_release(self) -> None:
        here = say(opened(AMY), 5, "joined", AMY)
        assert minutes(here, 9) == 4
        say(here, 15, "released", AMY)
        assert minutes(here, 99) == 10

    def test_joining_again_is_a_stretch_of_its_own(self) -> None:
        here = say(say(say(opened(AMY), 5, "joined", AMY), 15, "released", AMY), 20, "joined", AMY)
        assert minutes(here, 23) == 13
        assert len(support.stretches(support.marks_of(here.state, 1)[AMY])) == 2

    def test_whoever_never_joined_gave_none(self) -> None:
        assert minutes(say(opened(AMY), 5, "confirmed", AMY), 60) == 0

    def test_the_end_releases_everybody_who_is_in_it(self) -> None:
        here = say(say(opened(AMY, BEN, CLARE), 5, "joined", AMY, BEN), 8, "released", BEN)
        here.act(25, "support", 30, tier=1, open=False)
        assert [minutes(here, 99, person) for person in (AMY, BEN, CLARE)] == [20, 3, 0]
        assert [mark.status for mark in support.marks_of(here.state, 1)[CLARE]] == ["asked"]
        here.check()

    @pytest.mark.parametrize(
        ("verb", "body"), [("cancel", {}), ("merge", {"ref": "INC-3"}), ("close", {"outcome": "false-alarm"})]
    )
    def test_so_does_the_end_of_the_incident(self, verb: str, body: dict[str, Any]) -> None:
        here = say(opened(AMY), 5, "joined", AMY)
        here.act(25, verb, **body)
        assert minutes(here, 999) == 20
        here.check()

    def test_opened_again_it_asks_anew_and_goes_on_counting(self) -> None:
        here = say(opened(AMY, BEN), 5, "joined", AMY)
        here.act(15, "support", tier=1, open=False)
        here.act(20, "support", tier=1, open=True, people=[BEN])
        assert (stands(here), stands(here, BEN)) == ("", "asked")
        with pytest.raises(Refusal, match="has not been asked"):
            say(here, 21, "joined", AMY)
        say(say(here, 21, "asked", AMY), 22, "joined", AMY)
        assert minutes(here, 25) == 13

    def test_reopening_loses_and_doubles_nothing(self) -> None:
        here = say(opened(AMY), 5, "joined", AMY)
        here.act(25, "cancel")
        here.act(30, "reopen")
        assert (minutes(here, 60), stands(here)) == (20, "")
        here.act(40, "support", tier=1, open=True, people=[AMY])
        say(here, 41, "joined", AMY)
        here.act(50, "cancel")
        assert minutes(here, 999) == 29
        here.check()

    def test_what_is_merged_into_it_brings_none(self) -> None:
        here = say(opened(AMY), 5, "joined", AMY)
        here.act(8, "join", ref="INC-2", started=at(-30))
        assert minutes(here, 10) == 5

    def test_the_two_tiers_are_counted_apart(self) -> None:
        here = say(opened(AMY), 5, "joined", AMY)
        here.act(10, "support", tier=2, open=True, people=[AMY, BEN])
        here.act(12, "support/people", tier=2, status="joined", people=[AMY])
        here.act(20, "support", tier=2, open=False)
        assert minutes(here, 25) == 20
        assert support.given(support.marks_of(here.state, 2)[AMY], at(25)) == 8 * MINUTE

    def test_a_thousand_people_are_one_entry(self) -> None:
        many = [f"user:{n}" for n in range(1_000)]
        here = say(opened(*many), 5, "joined", *many)
        here.act(15, "support", tier=1, open=False)
        assert (
            sum(support.given(marks, at(99)) for marks in support.marks_of(here.state, 1).values()) == 10_000 * MINUTE
        )
        assert here.kinds().count("support") == 2


class TestCorrection:
    def corrected(self, here: Desk, target: int, to: float) -> Desk:
        here.act(60, "notes", corrects=target, to=at(to))
        here.check()
        return here

    def test_moves_what_was_said(self) -> None:
        here = say(opened(AMY, BEN), 10, "joined", AMY, BEN)
        self.corrected(here, here.state.seq, 5)
        assert [minutes(here, 60, person) for person in (AMY, BEN)] == [55, 55]

    @pytest.mark.parametrize("to", [2, 21])
    def test_not_past_what_was_before_and_after(self, to: float) -> None:
        here = say(opened(AMY), 10, "joined", AMY)
        seq = here.state.seq
        say(here, 20, "released", AMY)
        with pytest.raises(Refusal) as refused:
            here.act(60, "notes", corrects=seq, to=at(to))
        assert refused.value.field == "at"

    def test_the_opening_stays_before_everything_in_it(self) -> None:
        here = opened(AMY, when=3)
        [tier] = [event for event in here.events if event.kind == "tier"]
        with pytest.raises(Refusal):
            here.act(60, "notes", corrects=tier.seq, to=at(4))
        assert self.corrected(here, tier.seq, 1).state.facts["tier:1"][""].since == at(1)

    def test_the_end_of_the_tier_moves_with_those_it_released(self) -> None:
        here = say(opened(AMY), 5, "joined", AMY)
        here.act(30, "support", tier=1, open=False)
        assert minutes(self.corrected(here, here.state.seq, 25), 99) == 20

    def test_an_entry_that_said_nothing_of_anybody_cannot_be_moved(self) -> None:
        here = opened(AMY)
        here.act(30, "cancel")
        with pytest.raises(Refusal, match="began nothing"):
            here.act(60, "notes", corrects=here.state.seq, to=at(20))
