"""Work for one asker, in the moments in which it begins or is refused."""

import asyncio
import logging

import pytest

from promptcdn import problems
from promptcdn.flights import DetachedTasks
from promptcdn.problems import Problem

pytestmark = pytest.mark.anyio

LONG = 30.0


class Work:
    """Work that waits, and may break when it is cancelled."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go = asyncio.Event()
        self.begun = self.ended = 0
        self._error = error

    async def done(self) -> str:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            if self._error is not None:
                raise self._error from None
            raise
        finally:
            self.ended += 1
        return "a picture"


async def leave_at_the_first_step(detached: DetachedTasks, work: Work) -> None:
    """An asker begins the work, and is cancelled while the first step of the work runs."""
    asker = asyncio.create_task(detached.run(work.done(), LONG))
    await asyncio.sleep(0)
    asker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker


async def test_work_whose_asker_leaves_at_its_first_step_is_counted() -> None:
    detached, work = DetachedTasks(), Work()
    await leave_at_the_first_step(detached, work)
    assert (work.begun, detached.count) == (1, 1)
    work.go.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (work.ended, detached.count) == (1, 0)


async def test_work_whose_asker_left_at_its_first_step_ends_with_all() -> None:
    detached, work = DetachedTasks(), Work()
    await leave_at_the_first_step(detached, work)
    await detached.close()
    assert (work.ended, detached.count) == (1, 0)


async def test_work_without_a_place_whose_asker_leaves_is_given_up() -> None:
    detached, other, work = DetachedTasks(1), Work(), Work()
    await leave_at_the_first_step(detached, other)
    await leave_at_the_first_step(detached, work)
    await detached.close()
    assert (other.ended, work.ended, detached.count) == (1, 1, 0)


async def test_what_breaks_while_it_is_refused_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    detached, work = DetachedTasks(0), Work(ValueError("broken"))
    with caplog.at_level(logging.ERROR), pytest.raises(Problem) as refusal:
        await detached.run(work.done(), LONG)
    assert refusal.value.kind is problems.OVERLOADED
    await detached.close()
    assert [record.getMessage() for record in caplog.records] == ["a request broke while it was given up"]
    assert work.ended == 1
