import asyncio
import gc
import time

import pytest

from nemoflow.harvest.lull import QUIET_S, Lull


async def answers(lull: Lull, for_s: float, still: list[bool]) -> None:
    until = time.monotonic() + for_s
    while time.monotonic() < until:
        lull.broken()
        await asyncio.sleep(QUIET_S / 10)
    still.clear()


def test_a_lull_begins_once_answers_stop_coming():
    async def look() -> list[bool]:
        lull, still = Lull(), [True]
        coming = asyncio.create_task(answers(lull, 0.1, still))
        await asyncio.sleep(0)
        await lull.wait(60)
        seen = list(still)
        await coming
        return seen

    assert asyncio.run(look()) == []


def test_answers_that_never_stop_are_waited_out_no_longer_than_told():
    async def look() -> float:
        lull = Lull()
        coming = asyncio.create_task(answers(lull, 60, [True]))
        await asyncio.sleep(0)
        begun = time.monotonic()
        await lull.wait(0.05)
        coming.cancel()
        return time.monotonic() - begun

    assert 0.05 <= asyncio.run(look()) < 30


def test_who_is_pressed_does_not_wait():
    async def look() -> bool:
        lull = Lull()
        lull.broken()
        waiting = asyncio.create_task(lull.wait(60, lambda: True))
        await asyncio.sleep(0)
        return waiting.done()

    assert asyncio.run(look())


def test_a_busy_loop_is_no_lull_even_where_nothing_was_answered_yet():
    async def look() -> list[bool]:
        lull, ended = Lull(), []
        waiting = asyncio.create_task(lull.wait(60))
        for _ in range(5):
            await asyncio.sleep(0)
            time.sleep(3 * QUIET_S)  # the loop has more to do than to wake who waits
            ended.append(waiting.done())
        await waiting
        return ended

    assert not any(asyncio.run(look()))


def test_garbage_collection_is_as_before_afterwards_even_where_the_harvest_fails():
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with pytest.raises(RuntimeError), Lull().collecting():
        fail_where_collections_are_rarer_than(before[0])
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)


def fail_where_collections_are_rarer_than(threshold: int) -> None:
    assert gc.get_threshold()[0] > threshold
    raise RuntimeError


def test_garbage_goes_in_a_lull():
    class Knot:
        gone = 0

        def __del__(self) -> None:
            Knot.gone += 1

    lull = Lull()
    with lull.collecting():
        for _ in range(10):
            one = Knot()
            one.itself = one
        del one
        lull.collect()
        assert Knot.gone == 10
