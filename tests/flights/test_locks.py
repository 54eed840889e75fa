"""One lock for each key, for as long as somebody holds or awaits it."""

import asyncio
import gc

import pytest

from promptcdn.flights import KeyedLocks

pytestmark = pytest.mark.anyio


async def test_one_key_has_one_lock_while_somebody_holds_it() -> None:
    locks = KeyedLocks()
    async with locks.of("a"):
        assert locks.of("a").locked()
        assert not locks.of("b").locked()


async def test_who_waits_for_a_lock_gets_it_in_turn() -> None:
    locks, order = KeyedLocks(), list[int]()

    async def work(number: int) -> None:
        async with locks.of("a"):
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]


async def test_a_lock_that_nobody_holds_is_gone() -> None:
    locks = KeyedLocks()
    async with locks.of("a"):
        pass
    gc.collect()
    assert len(locks) == 0
