"""Lock files: of one machine's processes one works on a key, and whoever is killed lets go of it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from proxy.leases import Nested
from proxy.lock_files import LockFiles
from tests.waiting import eventually

HOLDS = """
import asyncio, sys
from pathlib import Path
from proxy.lock_files import LockFiles

async def hold():
    async with LockFiles(Path(sys.argv[1])).held("a"):
        print("held", flush=True)
        await asyncio.sleep(3600)

asyncio.run(hold())
"""


def machine(folder: Path, work: Callable[[LockFiles, LockFiles], Awaitable[None]]) -> None:
    """Two processes' locks; `flock` tells descriptors apart, not processes."""

    async def lived() -> None:
        one, other = LockFiles(folder), LockFiles(folder)
        try:
            async with asyncio.timeout(60):
                await work(one, other)
        finally:
            await one.close()
            await other.close()

    asyncio.run(lived())


async def hold(locks: LockFiles, key: str = "a") -> None:
    async with locks.held(key):
        pass


def test_one_process_waits_until_the_other_has_ended(tmp_path: Path) -> None:
    async def work(one: LockFiles, other: LockFiles) -> None:
        async with one.held("a"):
            waiting = asyncio.create_task(hold(other))
            await eventually(lambda: bool(list(tmp_path.iterdir())))
            assert await other.taken("a")
            assert not waiting.done()
        await waiting
        assert not await other.taken("a")

    machine(tmp_path, work)


def test_other_keys_are_free(tmp_path: Path) -> None:
    async def work(one: LockFiles, other: LockFiles) -> None:
        async with one.held("a"):
            await hold(other, "b")
            assert not await other.taken("b")

    machine(tmp_path, work)


def test_of_forty_who_come_at_once_one_at_a_time_is_in(tmp_path: Path) -> None:
    async def work(one: LockFiles, other: LockFiles) -> None:
        inside = 0

        async def alone(locks: LockFiles) -> None:
            nonlocal inside
            async with locks.held("a"):
                inside += 1
                assert inside == 1
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(alone(locks) for locks in (one, other) for _ in range(20)))

    machine(tmp_path, work)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    machine(tmp_path, lambda one, _: hold(one))

    assert list(tmp_path.iterdir()) == []


def test_who_is_cancelled_while_it_waits_holds_nothing(tmp_path: Path) -> None:
    async def work(one: LockFiles, other: LockFiles) -> None:
        async with one.held("a"):
            waiting = [asyncio.create_task(hold(other)) for _ in range(20)]
            await asyncio.sleep(0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        await hold(other)
        await hold(one)

    machine(tmp_path, work)


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"

    async def work(one: LockFiles, _: LockFiles) -> None:
        waiting = asyncio.create_task(hold(one))
        assert await one.taken("a")
        os.kill(holder.pid, signal.SIGKILL)
        await waiting

    try:
        machine(tmp_path, work)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_process_that_is_stopped_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.lock_files._SILENCE", 0.5)
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"

    async def work(one: LockFiles, _: LockFiles) -> None:
        os.kill(holder.pid, signal.SIGSTOP)
        await hold(one)
        assert await one.taken("a")

    try:
        machine(tmp_path, work)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_what_a_killed_process_left_is_swept_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a").touch()

    async def work(one: LockFiles, other: LockFiles) -> None:
        del one, other

    machine(tmp_path, work)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_locked_is_said_once_and_holds_up_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()

    async def work(one: LockFiles, other: LockFiles) -> None:
        async with one.held("a"):
            await hold(one, "b")
            assert not await one.taken("a")
            await hold(other)

    machine(tmp_path / "file", work)

    assert [record.getMessage().count("cannot be locked") for record in caplog.records] == [1, 1]


def test_a_machine_takes_turns_within_those_of_all_machines(tmp_path: Path) -> None:
    async def work(one: LockFiles, other: LockFiles) -> None:
        nested = Nested(one, other)
        async with nested.held("a"):
            pass

    with pytest.raises(TimeoutError):
        # Both are the same files here, so that the inner lock waits for the outer one.
        machine_within(tmp_path, work)


def machine_within(folder: Path, work: Callable[[LockFiles, LockFiles], Awaitable[None]]) -> None:
    async def briefly(one: LockFiles, other: LockFiles) -> None:
        async with asyncio.timeout(0.5):
            await work(one, other)

    machine(folder, briefly)
