"""A folder as a store, on a real disk: raced, torn, filled up and killed."""

import asyncio
import contextlib
import errno
import multiprocessing
import os
import random
import resource
import shutil
import signal
import stat
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Lineage, Name, Record, StoreMissing, disk, encoded, identity
from promptcdn.stores.disk import THREADS, DiskStore
from tests.support.fakes import KEY, name, record, within
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

SPAWN = multiprocessing.get_context("spawn")
NAMES = [name(f"{number:064x}") for number in range(500)]


@asynccontextmanager
async def opened(folder: Path, timings: disk.Timings | None = None) -> AsyncIterator[DiskStore]:
    """A store on the folder, as a process has it; closed behind."""
    store = DiskStore(folder, timings=timings)
    try:
        yield store
    finally:
        await store.close()


def test_a_few_names_of_a_large_store_are_listed_at_once(tmp_path: Path) -> None:
    """A listing goes folder by folder, and is sorted all the same."""
    keys = [f"{number:02x}{'ab' * 31}" for number in range(256)]

    async def listed(store: DiskStore) -> None:
        for key in keys:
            await store.put(name(key, "bindings"), record())
        assert [found.leaf for found, _ in store.listed("bindings")] == keys
        assert [found.leaf for found, _ in store.listed("bindings", keys[7][:9])] == [keys[7]]
        first = store.listed("bindings")
        next(first)
        shutil.rmtree(tmp_path / "bindings" / "ff")
        assert len(list(first)) == 254

    within(tmp_path, listed)


def put(folder: Path, written: Record, where: Name | None = None) -> Record:
    return within(folder, lambda store: store.put(where or name(), written))


def get(folder: Path, where: Name | None = None) -> Record | None:
    return within(folder, lambda store: store.get(where or name()))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def corrupted(folder: Path) -> Path:
    """The file of an object whose last byte is another one."""
    path = folder / name().path
    path.parent.mkdir(parents=True)
    path.write_bytes(encoded(record())[:-1] + b"X")
    return path


# Reading and writing


def test_what_was_put_is_got_also_by_the_next_process(tmp_path: Path) -> None:
    assert put(tmp_path, record()) == record()
    assert get(tmp_path) == record()


def test_what_nobody_put_is_absent(tmp_path: Path) -> None:
    assert get(tmp_path) is None


def test_an_object_is_one_file_and_nothing_else_is_left(tmp_path: Path) -> None:
    put(tmp_path, record())

    assert files(tmp_path) == [name().path]
    assert (tmp_path / name().path).read_bytes() == encoded(record())


def test_the_loser_gets_the_winners_record(tmp_path: Path) -> None:
    put(tmp_path, record(b"first"))

    assert put(tmp_path, record(b"second")) == record(b"first")
    assert get(tmp_path) == record(b"first")
    assert files(tmp_path) == [name().path]


async def test_two_stores_on_one_folder_see_each_others_objects(tmp_path: Path) -> None:
    async with opened(tmp_path) as one:
        other = DiskStore(tmp_path)
        await one.put(NAMES[0], record(b"one's"))
        await other.put(NAMES[1], record(b"other's"))
        assert await other.get(NAMES[0]) == record(b"one's")
        assert await one.get(NAMES[1]) == record(b"other's")
        await other.close()


# The right store

_CALLS: dict[str, Callable[[DiskStore], Awaitable[object]]] = {
    "get": lambda store: store.get(NAMES[1]),
    "look": lambda store: store.look(NAMES[1]),
    "names": lambda store: store.names("masters", NAMES[1].leaf),
    "put": lambda store: store.put(NAMES[1], record()),
    "lost race": lambda store: store.put(name(), record(b"second")),
}


@pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS)
async def test_a_store_with_another_id_than_expected_says_nothing(
    tmp_path: Path, call: Callable[[DiskStore], Awaitable[object]]
) -> None:
    """It neither lacks an object nor has taken one, and the call that asked for it is the one that says so."""
    async with opened(tmp_path) as store:
        await store.put(name(), record())
        assert store.expect(store.identify())
        await call(store)
        (tmp_path / "identity").write_bytes(identity.written("2" * 32, 0))
        with pytest.raises(StoreMissing, match="another store"):
            await call(store)


# Races


async def raced(folder: Path) -> list[Record]:
    """What each of 40 threads was given that wrote one name at the same time."""
    stores = [DiskStore(folder) for _ in range(40 // THREADS)]
    puts = [store.put(name(), record(bytes([n]) * 50_000)) for n, store in enumerate(stores * THREADS)]
    given = list(await asyncio.gather(*puts))
    for store in stores:
        await store.close()
    return given


async def test_of_forty_racing_threads_one_wins_and_all_get_its_bytes(tmp_path: Path) -> None:
    given = await raced(tmp_path)

    assert len(given) == 40
    assert {one.sha256 for one in given} == {given[0].sha256}
    async with opened(tmp_path) as store:
        assert await store.get(name()) == given[0]
    assert files(tmp_path) == [name().path]


async def test_of_forty_threads_that_find_a_corrupt_object_one_wins(tmp_path: Path) -> None:
    corrupted(tmp_path)
    given = await raced(tmp_path)

    assert {one.sha256 for one in given} == {given[0].sha256}
    async with opened(tmp_path) as store:
        assert await store.get(name()) == given[0]
    assert len(files(tmp_path / "corrupt")) == 1


def write_all(folder: Path, number: int, together: Barrier) -> None:
    """One process of a race: puts bytes of its own under every name and notes what it was given."""

    async def work(store: DiskStore) -> None:
        together.wait(60)
        given = [await store.put(where, record(f"of {number} for {where.leaf}".encode())) for where in NAMES[:40]]
        (folder / f"given to {number}").write_bytes(b"\n".join(one.body for one in given))

    within(folder, work)


def test_four_racing_processes_are_all_given_the_same_bytes(tmp_path: Path) -> None:
    together = SPAWN.Barrier(4)
    writers = [SPAWN.Process(target=write_all, args=(tmp_path, number, together)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [writer.exitcode for writer in writers] == [0] * 4
    given = {(tmp_path / f"given to {number}").read_bytes() for number in range(4)}
    assert len(given) == 1
    assert len(files(tmp_path / "masters")) == 40
    assert files(tmp_path / "tmp") == []


# What is no whole object


def test_a_corrupt_object_is_set_aside_and_may_be_written_anew(tmp_path: Path) -> None:
    path = corrupted(tmp_path)
    damaged = path.read_bytes()

    assert get(tmp_path) is None
    assert not path.exists()
    (aside,) = (tmp_path / "corrupt").iterdir()
    assert aside.name.startswith(name().leaf)
    assert aside.read_bytes() == damaged
    assert put(tmp_path, record(b"new")) == record(b"new")
    assert get(tmp_path) == record(b"new")


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def test_one_bad_read_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, record())
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: flipped(read(path), -1))

    assert get(tmp_path) == record()
    assert files(tmp_path / "corrupt") == []


def test_two_reads_that_are_corrupt_in_two_ways_are_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, record())
    read = Path.read_bytes
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", lambda path: flipped(read(path), -1))
        patched.setattr(disk, "_read_anew", lambda path: flipped(read(path), -2))
        with pytest.raises(StoreUnavailable):
            get(tmp_path)

    assert get(tmp_path) == record()
    assert files(tmp_path / "corrupt") == []


def test_a_writer_that_meets_a_corrupt_object_takes_its_place(tmp_path: Path) -> None:
    corrupted(tmp_path)

    assert put(tmp_path, record(b"new")) == record(b"new")
    assert get(tmp_path) == record(b"new")


async def test_each_torn_length_of_a_file_is_set_aside(tmp_path: Path) -> None:
    path, whole = tmp_path / name().path, encoded(record())

    async with opened(tmp_path) as store:
        await store.put(name(), record())
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            assert await store.get(name()) is None
            assert not path.exists()


def test_a_late_reader_does_not_take_away_what_was_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = corrupted(tmp_path)
    read = Path.read_bytes

    def read_and_dawdle(self: Path) -> bytes:
        data = read(self)
        path.write_bytes(encoded(record(b"new")))
        return data

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", read_and_dawdle)
        assert get(tmp_path) == record(b"new")

    assert get(tmp_path) == record(b"new")
    assert files(tmp_path) == [name().path]


def test_readers_that_set_aside_together_take_no_successor_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one sets a corrupt object aside, and it is made anew, no other takes the new one away."""
    corrupted(tmp_path)
    rename = Path.rename
    others: list[threading.Thread] = []

    def read_and_write() -> None:
        get(tmp_path)
        put(tmp_path, record(b"new"))

    def rename_late(self: Path, target: Path) -> Path:
        if not others:
            others.append(threading.Thread(target=read_and_write))
            others[0].start()
            others[0].join(0.2)  # as long as it may run: the lock holds it up
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_late)
    get(tmp_path)
    others[0].join()

    assert get(tmp_path) == record(b"new")
    assert len(files(tmp_path / "corrupt")) == 1


def a_folder(place: Path) -> None:
    place.mkdir(parents=True)


def a_file_for_a_folder(place: Path) -> None:
    place.parent.parent.mkdir(parents=True)
    place.parent.write_text("in the way")


def a_link_to_itself(place: Path) -> None:
    place.parent.mkdir(parents=True)
    place.symlink_to(place)


@pytest.mark.parametrize("block", [a_folder, a_file_for_a_folder, a_link_to_itself])
def test_what_cannot_be_read_is_unknown_and_not_absent(tmp_path: Path, block: Callable[[Path], None]) -> None:
    block(tmp_path / name().path)

    with pytest.raises(StoreUnavailable):
        get(tmp_path)
    with pytest.raises(StoreUnavailable):
        put(tmp_path, record())
    assert files(tmp_path / "tmp") == []


def test_a_name_taken_by_nothing_readable_is_not_tried_for_ever(tmp_path: Path) -> None:
    place = tmp_path / name().path
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "nowhere")

    with pytest.raises(StoreUnavailable):
        put(tmp_path, record())


def test_a_corrupt_object_that_cannot_be_set_aside_is_unknown(tmp_path: Path) -> None:
    corrupted(tmp_path)
    (tmp_path / "corrupt").write_text("a file in the place of the folder")

    with pytest.raises(StoreUnavailable):
        get(tmp_path)


# Crashes


@contextlib.contextmanager
def watched(monkeypatch: pytest.MonkeyPatch, look: Callable[[str], None]) -> Iterator[None]:
    """Tells `look` of each sync and each link right before the operating system does it."""
    fsync, link = os.fsync, Path.hardlink_to

    def watched_fsync(descriptor: int) -> None:
        state = os.fstat(descriptor)
        look(f"sync file of {state.st_size}" if state.st_nlink == 1 else f"sync folder {state.st_ino}")
        fsync(descriptor)

    def watched_link(self: Path, target: Path) -> None:
        look("link")
        link(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", watched_fsync)
        patched.setattr(Path, "hardlink_to", watched_link)
        yield


async def test_the_file_is_synced_then_linked_then_its_folder_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    async with opened(tmp_path) as store:
        await store.put(name("01" * 32), record())
        with watched(monkeypatch, steps.append):
            await store.put(name("01" * 31 + "02"), record())

    folder = (tmp_path / name("01" * 32).path).parent
    assert steps == [f"sync file of {len(encoded(record()))}", "link", f"sync folder {folder.stat().st_ino}"]


async def test_new_folders_are_synced_into_their_parents_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the file is linked into them."""
    steps: list[str] = []

    async with opened(tmp_path) as store:
        with watched(monkeypatch, steps.append):
            await store.put(name(), record())

    place = (tmp_path / name().path).parent
    parents = {f"sync folder {folder.stat().st_ino}" for folder in (tmp_path, place.parent.parent, place.parent)}
    assert set(steps[1 : steps.index("link")]) == parents


async def test_before_each_step_a_reader_finds_nothing_or_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = DiskStore(tmp_path)
    found: list[tuple[str, bool]] = []
    loop = asyncio.get_running_loop()

    def look(step: str) -> None:
        """In the thread that writes: the loop is free to read."""
        there = asyncio.run_coroutine_threadsafe(reader.get(name()), loop).result()
        assert there in (None, record())
        found.append((step.split()[0], there is not None))

    async with opened(tmp_path) as store:
        with watched(monkeypatch, look):
            await store.put(name(), record())
    await reader.close()

    link = [step for step, _ in found].index("link")
    assert [there for _, there in found] == [False] * (link + 1) + [True] * (len(found) - link - 1)
    assert not (tmp_path / "corrupt").exists()


@pytest.mark.parametrize("number", range(6))
async def test_a_step_that_fails_leaves_nothing_or_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """And the answer is that it is not known which."""
    steps = iter(range(10))

    def fail(_: str) -> None:
        if next(steps) == number:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    async with opened(tmp_path) as store:
        with watched(monkeypatch, fail), pytest.raises(StoreUnavailable, match="Input/output error"):
            await store.put(name(), record())
        assert await store.get(name()) in (None, record())
        assert await store.put(name(), record()) == record()

    assert next(steps) > number
    assert files(tmp_path) == [name().path]


def cut_short(descriptor: int) -> None:
    """A full disk on which short writes pass without an error."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.ftruncate(descriptor, 5)


async def test_a_file_that_came_out_short_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though no call said that it failed."""
    async with opened(tmp_path) as store:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", cut_short)
            with pytest.raises(StoreUnavailable, match="short"):
                await store.put(name(), record())
        assert await store.get(name()) is None

    assert files(tmp_path) == []


def fill_up(folder: Path) -> None:
    """A process whose disk is full after 20 kB, and not full again when something small is written."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

    async def work(store: DiskStore) -> None:
        with pytest.raises(StoreUnavailable):
            await store.put(NAMES[0], record(os.urandom(200_000)))
        assert files(folder) == []
        assert await store.get(NAMES[0]) is None
        await store.put(NAMES[1], record())
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await store.put(NAMES[0], record(b"large" * 10_000))

    within(folder, work)


def test_a_full_disk_publishes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    """And it is used again when there is room."""
    process = SPAWN.Process(target=fill_up, args=(tmp_path,))
    process.start()
    process.join()

    assert process.exitcode == 0
    assert get(tmp_path, NAMES[0]) == record(b"large" * 10_000)
    assert files(tmp_path) == sorted([NAMES[0].path, NAMES[1].path])


def body_of(where: Name) -> bytes:
    return random.Random(where.leaf).randbytes(100_000)


def write_on(folder: Path, number: int) -> None:
    """A process that writes one name after the other, each tenth part of them first, until it is killed."""

    async def work(store: DiskStore) -> None:
        with (folder / f"done by {number}").open("w", buffering=1) as done:
            for where in NAMES[number * 50 :] + NAMES[: number * 50]:
                await store.put(where, record(body_of(where)))
                done.write(f"{where.leaf}\n")

    within(folder, work)


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


async def some_work(writer: SpawnProcess, done: Path, enough: int) -> None:
    """Until so many objects are written, or the writer has ended."""
    await eventually(lambda: not writer.is_alive() or len(lines(done)) >= enough)


async def test_after_kill_9_what_is_readable_is_whole(
    tmp_path: Path,
) -> None:
    """And what was promised is there, whatever the moment."""
    chance = random.Random(9)
    for two in range(0, 10, 2):
        writers = {number: SPAWN.Process(target=write_on, args=(tmp_path, number)) for number in (two, two + 1)}
        for writer in writers.values():
            writer.start()
        for number, writer in writers.items():
            await some_work(writer, tmp_path / f"done by {number}", chance.randrange(1, 8))
            await asyncio.sleep(chance.random() / 200)  # no condition: any moment will do
            writer.kill()
            writer.join()
            assert writer.exitcode == -signal.SIGKILL

    promised = {leaf for number in range(10) for leaf in lines(tmp_path / f"done by {number}") if len(leaf) == 64}

    async with opened(tmp_path) as store:
        there = {where.leaf: await store.get(where) for where in NAMES}
    found = {leaf: each.body for leaf, each in there.items() if each is not None}

    assert promised <= set(found)
    assert all(found[where.leaf] == body_of(where) for where in NAMES if where.leaf in found)
    assert not (tmp_path / "corrupt").exists()


def test_old_leftovers_are_swept_and_young_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    old, young = tmp_path / "tmp" / "old", tmp_path / "tmp" / "young"
    for left in (old, young):
        left.write_bytes(b"half a pict")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))

    DiskStore(tmp_path)

    assert files(tmp_path) == ["tmp/young"]


# Folders that are no use


@pytest.mark.parametrize("parts", ["", "tmp", "masters", "identity"])
def test_a_folder_is_a_store_if_any_part_of_one_is_in_it(tmp_path: Path, parts: str) -> None:
    """A copy may lack the folders that were empty."""
    (tmp_path / "lost+found").mkdir()
    for part in filter(None, [parts]):
        (tmp_path / part).mkdir()

    assert bool(disk.missing(tmp_path)) is not bool(parts)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=r"exists|Not a directory"):
            DiskStore(root)


def test_a_folder_without_hard_links_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(self), None, str(target))

    monkeypatch.setattr(Path, "hardlink_to", refuse)

    with pytest.raises(PermissionError):
        DiskStore(tmp_path)
    assert files(tmp_path) == []


async def test_a_look_gives_the_header_of_what_is_there(tmp_path: Path) -> None:
    """And nothing of what is not."""
    async with opened(tmp_path) as store:
        await store.put(name(), replace(record(), lineage=Lineage("ab" * 32, "webp", after=1)))
        seen, missing = await store.look(name()), await store.look(name(folder="verdicts"))

    assert seen is not None
    assert (seen.lineage.master, seen.lineage.stand_in, seen.picture) == ("ab" * 32, "webp", "ab" * 32)
    assert (seen.sha256, seen.resolved) == (record().sha256, record().resolved)
    assert missing is None


async def test_a_look_at_a_corrupt_header_sets_the_object_aside(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.put(name(), record())
        path = tmp_path / name().path
        path.write_bytes(path.read_bytes().replace(b"lighthouse", b"lightbouse"))
        assert await store.look(name()) is None

    assert len(list((tmp_path / "corrupt").iterdir())) == 1


async def test_names_of_one_picture_are_listed_without_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for leaf in (f"{KEY}.webp", f"{KEY}.320x320.webp", f"{'ab' * 32}.webp"):
            await store.put(Name("renditions", leaf), record())
        names = await store.names("renditions", KEY)

    assert [found.leaf for found in names] == [f"{KEY}.320x320.webp", f"{KEY}.webp"]


async def test_a_folder_that_takes_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was tried out leaves nothing behind."""

    async with opened(tmp_path, disk.Timings(between_tries=0)) as store:
        await store.require_writable()
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreUnavailable, match="cannot be written: No space left on device"):
            await store.require_writable()
    assert files(tmp_path) == []


def full(_: int) -> None:
    """As `os.fsync` on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("stored", [False, True], ids=["nothing was stored", "a picture was stored"])
async def test_frequent_looks_at_a_folder_write_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stored: bool
) -> None:
    """Who asks often whether a folder can be written causes few writes."""
    async with opened(tmp_path, disk.Timings(between_tries=1e9)) as store:
        if stored:
            await store.put(name(), record())
        synced: list[int] = []
        monkeypatch.setattr(os, "fsync", synced.append)
        for _ in range(20):
            await store.require_writable()

    assert len(synced) == (0 if stored else 1)


async def test_after_a_failed_write_the_next_look_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed write the folder is tried at the next look."""
    async with opened(tmp_path, disk.Timings(between_tries=1e9)) as store:
        await store.require_writable()
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(StoreUnavailable):
                await store.put(name(), record())
            with pytest.raises(StoreUnavailable, match="No space left"):
                await store.require_writable()
        with pytest.raises(StoreUnavailable, match="No space left"):  # told again, without another try
            await store.require_writable()
        await store.put(name(), record())
        await store.require_writable()
