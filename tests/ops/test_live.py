"""The stream of hints, from the network: who gets it, what it says, and how it ends."""

import asyncio

import pytest

from contactops.live import BEAT_S
from tests.ops.console import Console
from tests.ops.streams import sign_in, streams
from tests.stories.real import RealStack

pytestmark = pytest.mark.xdist_group("live")


@pytest.fixture
def cookies(running: Console) -> str:
    return sign_in(running.port, "supervisor")


def test_strangers_get_none(running: Console) -> None:
    async def act() -> None:
        for cookies in ("", "sessionid=made-up", "sessionid", "\xff=\x80", 'sessionid="\\000"', "sessionid=a" * 90):
            async with streams(running.port, cookies) as [stream]:
                assert stream.status == 401

    asyncio.run(act())


def test_an_odd_cookie_of_another_program_hides_nothing(running: Console, cookies: str) -> None:
    async def act() -> None:
        async with streams(running.port, f'prefs={{"x": 1}}; broken; {cookies}') as [stream]:
            assert stream.status == 200

    asyncio.run(act())


def test_it_is_only_read(running: Console, cookies: str) -> None:
    async def act() -> None:
        async with streams(running.port, cookies, method="POST") as [stream]:
            assert stream.status == 405

    asyncio.run(act())


def test_it_says_what_time_it_is_and_how_things_are(running: Console, cookies: str) -> None:
    async def act() -> None:
        async with streams(running.port, cookies) as [stream]:
            assert stream.status == 200
            assert await stream.hears("hello") < await stream.hears("beat", alarm="")
            first = stream.heard[-1][2]["now"]
            stream.heard.clear()
            await stream.hears("beat", seconds=3 * BEAT_S)
            assert stream.heard[0][2]["now"] > first

    asyncio.run(act())


def test_it_hints_at_what_moved_on_and_says_no_more(running: Console, cookies: str, stack: RealStack) -> None:
    agent = stack.api("agent01")

    async def act() -> None:
        async with streams(running.port, cookies, count=3) as opened:
            for stream in opened:
                await stream.hears("beat")
            ref = await asyncio.to_thread(agent.report, "power-cut", summary="Secret words")
            for stream in opened:
                await stream.hears("hint", topic="incident", ref=ref)
                hints = [data for _when, kind, data in stream.heard if kind == "hint"]
                assert all(set(hint) == {"topic", "ref", "rev"} for hint in hints)

    asyncio.run(act())


def test_a_lost_ear_ends_the_streams_and_new_ones_hear_again(running: Console, cookies: str, stack: RealStack) -> None:
    """An open stream never lies: while nothing can be heard, there is none."""
    agent = stack.api("agent02")

    async def act() -> None:
        async with streams(running.port, cookies) as [stream]:
            await stream.hears("beat")
            await asyncio.to_thread(stack.cut_streams)
            await stream.ends(5)
        async with streams(running.port, cookies) as [again]:
            assert again.status == 200
            ref = await asyncio.to_thread(agent.report, "power-cut")
            await again.hears("hint", ref=ref)

    asyncio.run(act())


def test_a_session_that_has_ended_gets_none(running: Console, stack: RealStack) -> None:
    cookies = sign_in(running.port, "leader")

    async def act() -> None:
        async with streams(running.port, cookies) as [stream]:
            assert stream.status == 200
            await asyncio.to_thread(stack.query, "DELETE FROM django_session")
            await asyncio.to_thread(stack.cut_streams)
            await stream.ends(5)
        async with streams(running.port, cookies) as [again]:
            assert again.status == 401

    asyncio.run(act())


@pytest.mark.long
def test_open_streams_do_not_hold_up_the_end(running: Console, cookies: str) -> None:
    async def act() -> float:
        async with streams(running.port, cookies, count=50) as opened:
            await opened[-1].hears("beat")
            took = await asyncio.to_thread(running.end)
            for stream in opened:
                await stream.ends(1)
        return took

    assert asyncio.run(act()) < 60  # make bench measures it
    running.start()
