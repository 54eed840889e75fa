"""What was paid for lies on the disk until it is settled: also torn, full, killed and shared by two."""

import asyncio
import logging
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from promptcdn import spool as room
from promptcdn.problems import SpoolFull
from promptcdn.spool import Spool, entries, folder
from promptcdn.stores import encoded
from tests.support.fakes import KEY, order, paid

SPAWN = multiprocessing.get_context("spawn")
ANSWER = paid()
ENTRY = ANSWER.order.content_key


def within(folder: Path, work: Callable[[Spool], Awaitable[None]]) -> None:
    async def lived() -> None:
        spool = Spool(folder)
        try:
            await work(spool)
        finally:
            await spool.close()

    asyncio.run(lived())


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
def test_what_was_put_is_got_whole_also_by_the_next_process(tmp_path: Path, answer: room.Paid) -> None:
    async def work(spool: Spool) -> None:
        assert await spool.put(answer) == answer
        other = Spool(tmp_path)
        assert await spool.get(ENTRY) == await other.get(ENTRY) == answer
        await other.close()

    within(tmp_path, work)


def test_an_entry_is_one_file_that_ends_in_the_picture_as_it_came(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        await spool.put(ANSWER)
        assert spooled(tmp_path) == [ENTRY]
        header, _, body = entry(tmp_path).read_bytes().partition(b"\n")
        assert body == ANSWER.made.picture
        assert b'"as_asked_key"' in header

    within(tmp_path, work)


def test_who_spools_second_is_given_what_was_first(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        other = Spool(tmp_path)
        await other.put(ANSWER)
        assert await spool.put(paid(b"another", as_asked_key="f" * 64)) == ANSWER
        await other.close()

    within(tmp_path, work)


def test_what_is_dropped_is_gone_and_a_second_drop_is_no_error(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        await spool.put(ANSWER)
        for _ in range(2):
            await spool.drop(ENTRY)
        assert await spool.get(ENTRY) is None
        assert spooled(tmp_path) == []

    within(tmp_path, work)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "of another version"])
def test_a_corrupt_entry_is_set_aside_counted_and_never_fatal(tmp_path: Path, damage: str) -> None:
    async def work(spool: Spool) -> None:
        await spool.put(ANSWER)
        path, record = entry(tmp_path), entries.written(ANSWER)
        data = path.read_bytes()
        strange = encoded(replace(record, resolved={**record.resolved, "resolved": {"unheard": 1}}))
        damaged = {"flipped": data[:-1] + b"X", "cut": data[:-9], "empty": b"", "of another version": strange}
        path.write_bytes(damaged[damage])
        await spool.refresh()
        assert (spool.depth, spooled(tmp_path), set_aside(tmp_path)) == (0, [], 1)
        assert "1 set aside" in spool.finding(0).detail
        assert await spool.put(ANSWER) == ANSWER

    within(tmp_path, work)


# Waiting


def test_an_entry_waits_once_the_store_did_not_take_it(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        await spool.put(ANSWER)
        assert (spool.holds(ENTRY), spool.ordered(KEY), spool.depth) == (False, None, 0)
        spool.wait(ANSWER, "the store is down")
        assert (spool.holds(ENTRY), spool.ordered(KEY), spool.depth) == (True, ANSWER.order, 1)
        await spool.drop(ENTRY)
        assert (spool.holds(ENTRY), spool.ordered(KEY), spool.depth) == (False, None, 0)

    within(tmp_path, work)


def test_a_refusal_that_waits_is_known_and_binds_no_url(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        spool.wait(paid(b"", filtered=True), "the store is down")
        assert spool.refuses(ENTRY)
        assert spool.ordered(KEY) is None

    within(tmp_path, work)


def test_what_was_tried_last_waits_at_the_end(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        answers = [paid(seed=seed) for seed in (1, 2, 3)]
        for answer in (*answers, answers[0]):
            spool.wait(answer, "the store is down")
        assert spool.waiting() == tuple(order(seed=seed).content_key for seed in (2, 3, 1))

    within(tmp_path, work)


def test_entries_that_begin_to_wait_and_the_last_that_goes_are_one_line_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(spool: Spool) -> None:
        answers = [paid(seed=seed) for seed in range(5)]
        for answer in answers:
            spool.wait(await spool.put(answer), "the store is down")
        for answer in answers:
            await spool.drop(answer.order.content_key)

    with caplog.at_level(logging.INFO):
        within(tmp_path, work)
    assert [record.message for record in caplog.records] == [
        "what is paid for waits in the spool: the store is down",
        "nothing waits in the spool any more",
    ]


# Two processes


def test_what_a_killed_process_left_waits_from_the_next_look_on(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        other = Spool(tmp_path)
        await other.put(ANSWER)
        await other.close()
        await spool.refresh()
        assert (spool.holds(ENTRY), spool.ordered(KEY)) == (True, ANSWER.order)

    within(tmp_path, work)


def test_what_another_process_has_just_made_is_left_to_it(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        other = Spool(tmp_path)
        await other.put(ANSWER)
        await spool.refresh(age=60)
        assert spool.depth == 0
        os.utime(entry(tmp_path), (time.time() - 61,) * 2)
        await spool.refresh(age=60)
        assert spool.depth == 1
        await other.close()

    within(tmp_path, work)


def test_what_another_process_settled_waits_no_longer(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        spool.wait(await spool.put(ANSWER), "the store is down")
        entry(tmp_path).unlink()
        await spool.refresh(age=60)
        assert spool.depth == 0

    within(tmp_path, work)


def test_however_many_ask_there_is_one_look_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    listed = folder.SpoolFolder.listed

    async def counted(self: folder.SpoolFolder) -> dict[str, float]:
        looks.append(1)
        return await listed(self)

    monkeypatch.setattr(folder.SpoolFolder, "listed", counted)
    monkeypatch.setattr(room, "LOOKS_APART", 60.0)

    async def work(spool: Spool) -> None:
        await asyncio.gather(*(spool.refresh() for _ in range(100)))

    within(tmp_path, work)
    assert len(looks) == 1


def spool_and_say(folder: Path, said: "multiprocessing.connection.Connection") -> None:
    async def work(spool: Spool) -> None:
        for seed in range(10_000):
            await spool.put(paid(os.urandom(200_000), seed=seed))
            said.send(seed)

    within(folder, work)


def test_after_a_kill_everything_that_was_spooled_is_there_and_whole(tmp_path: Path) -> None:
    for number in range(5):
        heard, said = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(target=spool_and_say, args=(tmp_path / str(number), said))
        process.start()
        said.close()
        for _ in range(1 + number):
            last = heard.recv()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()

        async def work(spool: Spool, last: int = last) -> None:
            await spool.refresh()
            assert spool.depth >= last + 1
            for seed in range(last + 1):
                answer = await spool.get(order(seed=seed).content_key)
                assert answer is not None
                assert len(answer.made.picture) == 200_000

        within(tmp_path / str(number), work)
        assert set_aside(tmp_path / str(number)) == 0


# A disk that does not take it


def test_where_the_disk_of_store_and_spool_is_full_nothing_is_paid_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart would lose what only memory holds, and pay for the same URL again."""

    async def work() -> None:
        spool = Spool(tmp_path, on_the_stores_disk=True)
        await spool.secure()
        with monkeypatch.context() as full:
            full.setattr(folder, "ROOM_LEFT", 10**18)
            for _ in range(2):
                with pytest.raises(SpoolFull, match="the disk is full"):
                    await spool.secure()
            assert not spool.finding(0).good
        await spool.secure()
        await spool.recover()
        assert spool.finding(0).good
        await spool.close()

    asyncio.run(work())


def test_on_a_full_disk_memory_holds_it_until_the_disk_has_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(spool: Spool) -> None:
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
            assert (spool.holds(ENTRY), spool.finding(0).good) == (True, False)
            assert "in memory only" in spool.finding(0).detail
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        await spool.drop(order(seed=8).content_key)
        await spool.recover()
        assert spool.finding(0).good
        assert spooled(tmp_path) == [ENTRY]

    with caplog.at_level(logging.INFO):
        within(tmp_path, work)
    assert (
        caplog.text.count("the spool takes nothing") == caplog.text.count("the spool takes what is paid for again") == 1
    )
    assert f"neither the store nor the spool takes {ENTRY}" in caplog.text


def test_a_folder_that_cannot_be_made_is_no_error_and_is_used_once_it_can(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        assert not spool.finding(0).good
        await spool.put(ANSWER)
        spool.wait(ANSWER, "the store is down")
        assert await spool.get(ENTRY) == ANSWER
        await spool.refresh()
        assert spool.depth == 1
        in_the_way.unlink()
        await spool.recover()
        assert spool.finding(0).good
        assert spooled(in_the_way / "spool") == [ENTRY]

    in_the_way = tmp_path / "file"
    in_the_way.touch()
    within(in_the_way / "spool", work)


@pytest.mark.parametrize("limit", ["MOST_BYTES", "MOST_ENTRIES"])
def test_a_spool_takes_no_more_than_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(room, limit, 3 if limit == "MOST_ENTRIES" else 3 * len(ANSWER.made.picture))

    async def work(spool: Spool) -> None:
        for seed in range(5):
            answer = await spool.put(paid(seed=seed))
            spool.wait(answer, "the store is down")
        assert len(spooled(tmp_path)) == 3
        assert "the spool is full; 5 waiting" in spool.finding(0).detail
        await spool.drop(order(seed=0).content_key)
        await spool.recover()
        assert len(spooled(tmp_path)) == 2

    within(tmp_path, work)


def test_what_is_in_memory_only_at_the_end_is_written_if_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(spool: Spool) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(folder, "ROOM_LEFT", 10**18)
            spool.wait(await spool.put(ANSWER), "the store is down")
            assert spooled(tmp_path) == []

    within(tmp_path, work)
    assert spooled(tmp_path) == [ENTRY]


def test_a_finding_says_how_long_the_oldest_waits(tmp_path: Path) -> None:
    async def work(spool: Spool) -> None:
        assert spool.finding(0).detail == "empty"
        spool.wait(ANSWER, "the store is down")
        assert spool.finding(ANSWER.made_at + 90).detail == "1 waiting for the store, the oldest for 90 s"

    within(tmp_path, work)
