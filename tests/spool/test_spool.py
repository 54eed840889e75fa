"""What was paid for lies on the disk until it is settled: also torn, full, killed and shared by two."""

import asyncio
import logging
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptcdn.problems import SpoolFull
from promptcdn.spool import Limits, Paid, Spool, entries
from promptcdn.stores import encoded
from tests.support.fakes import KEY, ManualClock, order, paid

pytestmark = pytest.mark.anyio

SPAWN = multiprocessing.get_context("spawn")
ANSWER = paid()
ENTRY = ANSWER.order.content_key


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[Spool]:
    spool = Spool(folder, **options)
    try:
        yield spool
    finally:
        await spool.close()


def entry(folder: Path, key: str = ENTRY) -> Path:
    return folder / "paid" / key


def spooled(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "paid").glob("*"))


def set_aside(folder: Path) -> int:
    return len(list((folder / "corrupt").glob("*")))


# Entries


@pytest.mark.parametrize(
    "answer",
    [ANSWER, paid(seed_echo=7), paid(b"", filtered=True), paid(b"\n\x00\n"), paid(os.urandom(100_000))],
    ids=["a picture", "with an echo", "a refusal", "line breaks", "noise"],
)
async def test_what_was_put_is_got_whole_also_by_the_next_process(tmp_path: Path, answer: Paid) -> None:
    async with opened(tmp_path) as spool:
        assert await spool.put(answer) == answer
        other = Spool(tmp_path)
        assert await spool.get(ENTRY) == await other.get(ENTRY) == answer
        await other.close()


async def test_an_entry_is_one_file_that_ends_in_the_picture(tmp_path: Path) -> None:
    """An entry is one file that ends in the picture as it came."""
    async with opened(tmp_path) as spool:
        await spool.put(ANSWER)
        assert spooled(tmp_path) == [ENTRY]
        header, _, body = entry(tmp_path).read_bytes().partition(b"\n")
        assert body == ANSWER.made.picture
        assert b'"as_asked_key"' in header


async def test_who_spools_second_is_given_what_was_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        other = Spool(tmp_path)
        await other.put(ANSWER)
        assert await spool.put(paid(b"another", as_asked_key="f" * 64)) == ANSWER
        await other.close()


async def test_what_is_dropped_is_gone_and_a_second_drop_is_no_error(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.put(ANSWER)
        for _ in range(2):
            await spool.drop(ENTRY)
        assert await spool.get(ENTRY) is None
        assert spooled(tmp_path) == []


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "of another version"])
async def test_a_corrupt_entry_is_set_aside_counted_and_never_fatal(tmp_path: Path, damage: str) -> None:
    async with opened(tmp_path) as spool:
        await spool.put(ANSWER)
        path, record = entry(tmp_path), entries.written(ANSWER)
        data = path.read_bytes()
        strange = encoded(replace(record, resolved={**record.resolved, "resolved": {"unheard": 1}}))
        damaged = {"flipped": data[:-1] + b"X", "cut": data[:-9], "empty": b"", "of another version": strange}
        path.write_bytes(damaged[damage])
        await spool.refresh()
        assert (spool.depth, spooled(tmp_path), set_aside(tmp_path)) == (0, [], 1)
        assert "1 set aside" in spool.check(0).detail
        assert await spool.put(ANSWER) == ANSWER


# Waiting


async def test_an_entry_waits_once_the_store_did_not_take_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.put(ANSWER)
        assert (spool.holds(ENTRY), spool.ordered(KEY), spool.depth) == (False, None, 0)
        spool.wait(ANSWER, "the store is down")
        assert (spool.holds(ENTRY), spool.ordered(KEY), spool.depth) == (True, ANSWER.order, 1)
        await spool.drop(ENTRY)
        assert (spool.holds(ENTRY), spool.ordered(KEY), spool.depth) == (False, None, 0)


async def test_a_refusal_that_waits_is_known_and_binds_no_url(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        spool.wait(paid(b"", filtered=True), "the store is down")
        assert spool.refuses(ENTRY)
        assert spool.ordered(KEY) is None


async def test_what_was_tried_last_waits_at_the_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        answers = [paid(seed=seed) for seed in (1, 2, 3)]
        for answer in (*answers, answers[0]):
            spool.wait(answer, "the store is down")
        assert spool.waiting() == tuple(order(seed=seed).content_key for seed in (2, 3, 1))


async def test_the_first_that_waits_and_the_last_that_goes_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Entries that begin to wait and the last that goes are one line each."""
    with caplog.at_level(logging.INFO):
        async with opened(tmp_path) as spool:
            answers = [paid(seed=seed) for seed in range(5)]
            for answer in answers:
                spool.wait(await spool.put(answer), "the store is down")
            for answer in answers:
                await spool.drop(answer.order.content_key)
    assert [record.message for record in caplog.records] == [
        "a paid picture waits in the spool: the store is down",
        "no paid picture waits in the spool any more",
    ]


# Two processes


async def test_what_a_killed_process_left_waits_from_the_next_look_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        other = Spool(tmp_path)
        await other.put(ANSWER)
        await other.close()
        await spool.refresh()
        assert (spool.holds(ENTRY), spool.ordered(KEY)) == (True, ANSWER.order)


async def test_what_another_process_has_just_made_is_left_to_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        other = Spool(tmp_path)
        await other.put(ANSWER)
        await spool.refresh(age=60)
        assert spool.depth == 0
        os.utime(entry(tmp_path), (time.time() - 61,) * 2)
        await spool.refresh(age=60)
        assert spool.depth == 1
        await other.close()


async def test_what_another_process_settled_waits_no_longer(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        spool.wait(await spool.put(ANSWER), "the store is down")
        entry(tmp_path).unlink()
        await spool.refresh(age=60)
        assert spool.depth == 0


async def test_however_many_ask_there_is_one_look_a_second(tmp_path: Path) -> None:
    hands = ManualClock()
    async with opened(tmp_path) as other, opened(tmp_path, clock=hands.clock) as spool:
        await spool.refresh()
        await other.put(ANSWER)
        await asyncio.gather(*(spool.refresh() for _ in range(100)))
        assert spool.depth == 0
        hands.seconds = 1
        await spool.refresh()
        assert spool.depth == 1


def spool_and_say(folder: Path, spooled: "multiprocessing.connection.Connection") -> None:
    async def work() -> None:
        async with opened(folder) as spool:
            for seed in range(10_000):
                await spool.put(paid(os.urandom(200_000), seed=seed))
                spooled.send(seed)

    asyncio.run(work())


async def test_after_a_kill_everything_spooled_is_there_and_whole(tmp_path: Path) -> None:
    """After a kill everything that was spooled is there and whole."""
    for number in range(5):
        ours, theirs = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(target=spool_and_say, args=(tmp_path / str(number), theirs))
        process.start()
        theirs.close()
        for _ in range(1 + number):
            last = ours.recv()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()

        async with opened(tmp_path / str(number)) as spool:
            await spool.refresh()
            assert spool.depth >= last + 1
            for seed in range(last + 1):
                answer = await spool.get(order(seed=seed).content_key)
                assert answer is not None
                assert len(answer.made.picture) == 200_000
        assert set_aside(tmp_path / str(number)) == 0


class Disk:
    """A disk that is full when the test says so."""

    full = False

    def free(self, folder: Path) -> int:
        del folder
        return 0 if self.full else 10**12


# A disk that does not take it


async def test_on_a_full_disk_of_both_nothing_is_paid_for(tmp_path: Path) -> None:
    """A restart would lose what only memory holds, and pay for the same URL again."""
    disk = Disk()
    async with opened(tmp_path, on_the_stores_disk=True, free=disk.free) as spool:
        await spool.secure()
        disk.full = True
        for _ in range(2):
            with pytest.raises(SpoolFull, match="the disk is full"):
                await spool.secure()
        assert not spool.check(0).good
        disk.full = False
        await spool.secure()
        await spool.recover()
        assert spool.check(0).good


async def test_what_memory_holds_is_written_where_nothing_new_has_room(tmp_path: Path) -> None:
    """At the end of a process: too little room for the largest picture may be enough for the one that is in memory."""
    free = 0
    async with opened(tmp_path, on_the_stores_disk=True, free=lambda _: free) as spool:
        await spool.put(ANSWER)
        spool.wait(ANSWER, "the store is down")
        free = Limits().free_disk + 1_000_000

    assert spooled(tmp_path) == [ENTRY]


async def test_on_a_full_disk_memory_holds_it_until_the_disk_has_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with opened(tmp_path) as spool:
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
            try:
                for answer in (ANSWER, paid(seed=8)):
                    assert await spool.put(answer) == await spool.get(answer.order.content_key) == answer
                await spool.secure()  # nothing is at risk while the store may take it
                spool.wait(ANSWER, "the store is down")
                with pytest.raises(SpoolFull, match="neither the store nor the spool takes"):
                    await spool.secure()
                await spool.recover()
                await spool.refresh()
                assert (spool.holds(ENTRY), spool.check(0).good) == (True, False)
                assert "in memory only" in spool.check(0).detail
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            await spool.drop(order(seed=8).content_key)
            await spool.recover()
            assert spool.check(0).good
            assert spooled(tmp_path) == [ENTRY]
    assert caplog.text.count("the spool cannot be written") == caplog.text.count("the spool can be written again") == 1
    assert f"the paid picture {ENTRY} is in memory only: neither the store nor the spool" in caplog.text


async def test_a_folder_that_cannot_be_made_is_used_once_it_can(tmp_path: Path) -> None:
    """A folder that cannot be made is no error and is used once it can."""
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    async with opened(in_the_way / "spool") as spool:
        assert not spool.check(0).good
        await spool.put(ANSWER)
        spool.wait(ANSWER, "the store is down")
        assert await spool.get(ENTRY) == ANSWER
        await spool.refresh()
        assert spool.depth == 1
        in_the_way.unlink()
        await spool.recover()
        assert spool.check(0).good
        assert spooled(in_the_way / "spool") == [ENTRY]


@pytest.mark.parametrize(
    "limits", [Limits(size=3 * len(ANSWER.made.picture)), Limits(entries=3)], ids=["bytes", "entries"]
)
async def test_a_spool_takes_no_more_than_its_limits(tmp_path: Path, limits: Limits) -> None:
    async with opened(tmp_path, limits=limits) as spool:
        for seed in range(5):
            answer = await spool.put(paid(seed=seed))
            spool.wait(answer, "the store is down")
        assert len(spooled(tmp_path)) == 3
        assert "the spool is full; 5 waiting" in spool.check(0).detail
        await spool.drop(order(seed=0).content_key)
        await spool.recover()
        assert len(spooled(tmp_path)) == 2


async def test_at_the_end_what_is_in_memory_only_is_written(tmp_path: Path) -> None:
    """What is in memory only at the end is written if it can be."""
    disk = Disk()
    async with opened(tmp_path, free=disk.free) as spool:
        disk.full = True
        spool.wait(await spool.put(ANSWER), "the store is down")
        assert spooled(tmp_path) == []
        disk.full = False
    assert spooled(tmp_path) == [ENTRY]


async def test_a_check_says_how_long_the_oldest_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        assert spool.check(0).detail == "empty"
        spool.wait(ANSWER, "the store is down")
        assert spool.check(ANSWER.made_at + 90).detail == "1 waiting for the store, the oldest for 90 s"
