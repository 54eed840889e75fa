"""Lock files: of one machine's processes one works on a key, and whoever is killed lets go of it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from promptcdn.replicas.leases import Nested
from promptcdn.stores.lock_files import LockFiles, Timings
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

HOLDS = """
import asyncio, sys
from pathlib import Path
from promptcdn.stores.lock_files import LockFiles

async def hold():
    async with LockFiles(Path(sys.argv[1])).held("a"):
        print("held", flush=True)
        await asyncio.sleep(3600)

asyncio.run(hold())
"""


@asynccontextmanager
async def two_processes(folder: Path, timings: Timings | None = None) -> AsyncIterator[tuple[LockFiles, LockFiles]]:
    """Two processes' locks; `flock` tells descriptors apart, not processes."""
    timings = timings or Timings()
    one, other = LockFiles(folder, timings), LockFiles(folder, timings)
    try:
        async with asyncio.timeout(60):
            yield one, other
    finally:
        await one.close()
        await other.close()


@contextmanager
def another_process(folder: Path) -> Iterator[int]:
    """The id of a process that holds a lock, and is killed behind."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        with holder.stdout:
            assert holder.stdout.readline() == b"held\n"
            yield holder.pid
    finally:
        holder.kill()
        holder.wait()


async def hold(locks: LockFiles, key: str = "a") -> None:
    async with locks.held(key):
        pass


async def test_one_process_waits_until_the_other_has_ended(tmp_path: Path) -> None:
    async with two_processes(tmp_path) as (one, other):
        async with one.held("a"):
            waiting = asyncio.create_task(hold(other))
            await eventually(lambda: bool(list(tmp_path.iterdir())))
            assert await other.taken("a")
            assert not waiting.done()
        await waiting
        assert not await other.taken("a")


async def test_other_keys_are_free(tmp_path: Path) -> None:
    async with two_processes(tmp_path) as (one, other), one.held("a"):
        await hold(other, "b")
        assert not await other.taken("b")


async def test_of_forty_who_come_at_once_one_at_a_time_is_in(tmp_path: Path) -> None:
    inside = 0

    async def alone(locks: LockFiles) -> None:
        nonlocal inside
        async with locks.held("a"):
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1

    async with two_processes(tmp_path) as both:
        await asyncio.gather(*(alone(locks) for locks in both for _ in range(20)))


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    async with two_processes(tmp_path) as (one, _):
        await hold(one)

    assert os.listdir(tmp_path) == []


async def test_who_is_cancelled_while_it_waits_holds_nothing(tmp_path: Path) -> None:
    async with two_processes(tmp_path) as (one, other):
        async with one.held("a"):
            waiting = [asyncio.create_task(hold(other)) for _ in range(20)]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        await hold(other)
        await hold(one)


async def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    with another_process(tmp_path) as holder:
        async with two_processes(tmp_path) as (one, _):
            waiting = asyncio.create_task(hold(one))
            assert await one.taken("a")
            os.kill(holder, signal.SIGKILL)
            await waiting


async def test_a_process_that_is_stopped_is_not_waited_for(tmp_path: Path) -> None:
    with another_process(tmp_path) as holder:
        async with two_processes(tmp_path, Timings(between_beats=0.2, silence=0.5)) as (one, _):
            os.kill(holder, signal.SIGSTOP)
            await hold(one)
            assert await one.taken("a")


async def test_after_a_sleep_of_the_machine_the_holder_is_waited_for(tmp_path: Path) -> None:
    """Its last sign of life is old, since neither process had any time: it has not shown that it goes on yet."""
    async with two_processes(tmp_path, Timings(between_beats=0.5)) as (one, other):
        async with one.held("a"):
            os.utime(tmp_path / "a", (0, 0))
            waiting = asyncio.create_task(hold(other))
            await eventually(lambda: (tmp_path / "a").stat().st_mtime > 0)
            assert not waiting.done()
            assert await other.taken("a")
        await waiting


async def test_what_a_killed_process_left_is_swept_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    async with two_processes(tmp_path):
        pass

    assert os.listdir(tmp_path) == []


async def test_a_folder_that_cannot_be_locked_holds_up_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And it is said once."""
    (tmp_path / "file").touch()

    async with two_processes(tmp_path / "file") as (one, other), one.held("a"):
        await hold(one, "b")
        assert not await one.taken("a")
        await hold(other)

    assert [record.getMessage().count("cannot be locked") for record in caplog.records] == [1, 1]


async def test_a_machine_takes_turns_within_those_of_all_machines(tmp_path: Path) -> None:
    """Both are the same files here, so that the inner lock waits for the outer one."""
    async with two_processes(tmp_path) as both:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), Nested(*both).held("a"):
                pass
