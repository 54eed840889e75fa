"""A time-out for the answer of another party, in a loop that is held up."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from promptcdn.event_loop import AnswerTimeout
from tests.support import loop_clock
from tests.support.loop_clock import ClockLoop
from tests.support.waiting import PATIENCE_SECONDS, STALL_SECONDS, hold_up_the_loop

pytestmark = pytest.mark.anyio


class Asker:
    """Asks the other end of a socket."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self._ours = ours
        self.theirs = theirs
        self.asking = asyncio.Event()

    async def answer(self, seconds: float) -> bytes:
        """What the other end sends within so many seconds."""
        reader, writer = await asyncio.open_connection(sock=self._ours)
        try:
            async with AnswerTimeout(seconds):
                self.asking.set()
                return await reader.read(1)
        finally:
            writer.close()


@pytest.fixture
def asker() -> Iterator[Asker]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Asker(ours, theirs)


async def test_an_answer_that_came_during_a_stall_is_read(asker: Asker) -> None:
    asked = asyncio.create_task(asker.answer(STALL_SECONDS / 4))
    await asker.asking.wait()
    asker.theirs.send(b"a")
    hold_up_the_loop()
    assert await asked == b"a"


async def test_an_answer_that_comes_after_a_stall_is_awaited(asker: Asker) -> None:
    """The other party had no time to answer while this loop did not listen."""
    asked = asyncio.create_task(asker.answer(STALL_SECONDS / 2))
    await asker.asking.wait()
    hold_up_the_loop()
    asyncio.get_running_loop().call_later(STALL_SECONDS / 10, asker.theirs.send, b"a")
    assert await asked == b"a"


async def test_what_a_thread_found_during_a_stall_counts() -> None:
    found = threading.Event()
    loop, asking = asyncio.get_running_loop(), asyncio.Event()
    with ThreadPoolExecutor(1) as threads:

        async def asked() -> bool:
            async with AnswerTimeout(STALL_SECONDS / 4):
                asking.set()
                return await asyncio.shield(loop.run_in_executor(threads, found.wait, PATIENCE_SECONDS))

        task = asyncio.create_task(asked())
        await asking.wait()
        found.set()
        hold_up_the_loop()
        assert await task


async def test_an_answer_at_the_deadline_counts_through_other_tasks() -> None:
    """An answer at the deadline counts, however it is passed on.

    Here by three tasks, each of which wakes the next one.
    """
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def passed_on(times: int) -> str:
        return await asyncio.create_task(passed_on(times - 1)) if times else await answer

    async def asked() -> str:
        async with AnswerTimeout(0.1):
            return await passed_on(3)

    task = asyncio.create_task(asked())
    asyncio.get_running_loop().call_later(0.1, answer.set_result, "an answer")
    assert await task == "an answer"


async def test_stalls_again_and_again_are_no_silence() -> None:
    """As on a busy machine: each pass of the loop is late, and an answer needs many of them."""
    async with AnswerTimeout(STALL_SECONDS / 5):
        for _ in range(6):
            await asyncio.sleep(0)
            hold_up_the_loop()


def gives_up_after(seconds: float, block: float) -> float:
    """How long a silence lasts for a loop each of whose passes takes as long as `block`, by the loop's clock."""

    async def waited(loop: ClockLoop) -> float:
        async def stall() -> None:
            while True:
                await asyncio.sleep(0)
                loop.hold_up(block)

        loop.stop_the_clock()
        began, stalls = loop.time(), asyncio.create_task(stall()) if block else None
        with pytest.raises(TimeoutError):
            async with AnswerTimeout(seconds):
                await asyncio.Event().wait()
        if stalls:
            stalls.cancel()
        return loop.time() - began

    return loop_clock.run(waited)


@pytest.mark.parametrize("seconds", [0.05, 0.5, 10.0])
def test_who_is_silent_is_given_up(seconds: float) -> None:
    assert gives_up_after(seconds, block=0) == pytest.approx(seconds)


@pytest.mark.parametrize(("block", "most"), [(0.005, 0.55), (0.03, 0.75), (0.05, 0.95), (0.1, 1.5), (1.0, 15.0)])
def test_a_loop_that_stalls_gives_up_who_is_silent(block: float, most: float) -> None:
    """Six of the blocks are the last passes, in which what has arrived is read and the task ends."""
    assert 0.5 <= gives_up_after(0.5, block) <= most


async def test_a_cancel_is_no_timeout() -> None:
    async def asked() -> None:
        async with AnswerTimeout(PATIENCE_SECONDS):
            await asyncio.Event().wait()

    task = asyncio.create_task(asked())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_seconds_the_time_runs_once_it_was_begun() -> None:
    begun: list[bool] = []

    async def asked() -> None:
        async with AnswerTimeout(None) as patience:
            begun.append(patience.begun)
            patience.begin(0.01)
            begun.append(patience.begun)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asked()
    assert begun == [False, True]


async def test_a_block_that_ends_in_time_leaves_nothing_behind() -> None:
    """A time-out that went on would cancel whatever its task does next, or break in a callback."""
    loop, broken = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: broken.append(context))
    try:
        async with AnswerTimeout(0.01) as patience:
            pass
        assert patience._next is not None
        assert patience._next.cancelled()
        await asyncio.sleep(0.05)
    finally:
        loop.set_exception_handler(None)
    assert broken == []


def test_the_time_that_was_said_last_holds() -> None:
    async def waited(loop: ClockLoop) -> float:
        async def asked() -> None:
            async with AnswerTimeout(1) as patience:
                patience.begin(5)
                await asyncio.Event().wait()

        loop.stop_the_clock()
        began = loop.time()
        with pytest.raises(TimeoutError):
            await asked()
        return loop.time() - began

    assert loop_clock.run(waited) == pytest.approx(5)
