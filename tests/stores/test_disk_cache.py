"""A disk before a bucket: what it saves, what it must not show, and what becomes of it when things break."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from promptcdn.catalog import removals
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, Header, Name, Record
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.disk_cache import DiskCache, Timings, finding
from promptcdn.stores.disk_cache import files as cache_files
from promptcdn.stores.disk_cache.files import Files, Limits
from tests.support.fakes import KEY, record
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

OTHER = "fedcba9876543210" * 4
MASTER, RENDITION = Name("masters", KEY), Name("renditions", f"{KEY}.webp")
BINDING, OWN_BINDING = Name("bindings", KEY), Name("sketch-bindings", KEY)
ALL = (MASTER, RENDITION, BINDING, OWN_BINDING)
TOMBSTONE, NOTE = Name("tombstones", KEY), Name("purges", f"{KEY}.1.{'ab' * 32}")
SIZE, SMALL = 10_000_000, Limits(leave_free=0)
STORE_ID = "0" * 32


class Bucket(DiskStore):
    """A store that says what it was asked for, may be down, and may keep its readers waiting."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: list[tuple[str, Name]] = []
        self.down = False
        # Called once a list was read, and before anybody has it.
        self.listing: Callable[[], object] = lambda: None
        self.open = asyncio.Event()
        self.open.set()

    async def get(self, name: Name) -> Record | None:
        self._ask("get", name)
        found = await super().get(name)
        await self.open.wait()
        return found

    async def look(self, name: Name) -> Header | None:
        self._ask("look", name)
        return await super().look(name)

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        if self.down:
            raise StoreUnavailable("the bucket is down")
        found = list(super().listed(folder, leaf))
        self.listing()
        yield from found

    def _ask(self, call: str, name: Name) -> None:
        self.asked.append((call, name))
        if self.down:
            raise StoreUnavailable("the bucket is down")


class Replica:
    """A disk cache before the bucket in `folder`, with a disk of its own."""

    def __init__(
        self,
        folder: Path,
        disk: str = "disk",
        size: int = SIZE,
        limits: Limits = SMALL,
        timings: Timings | None = None,
        file_timings: cache_files.Timings | None = None,
    ) -> None:
        self.now = time.time()
        self.store_id: str | None = STORE_ID
        self.disk = folder / disk
        self.bucket = Bucket(folder / "bucket")
        self.files = Files(self.disk, size, limits, file_timings or cache_files.Timings())
        self.cache = DiskCache(self.bucket, lambda: self.store_id, self.files, lambda: self.now, timings or Timings())

    def hear(self) -> None:
        """Reads the lists of removals, as the service does every two seconds."""
        for folder in ("tombstones", "purges"):
            list(self.cache.listed(folder))

    async def heard(self) -> None:
        """The same, until what came of it is done."""
        await asyncio.to_thread(self.hear)
        await self.settled()

    async def settled(self) -> None:
        """Waits until what is to be written, or taken away, is."""
        await asyncio.get_running_loop().run_in_executor(self.cache._writer, lambda: None)

    async def read(self, *names: Name) -> list[Record | None]:
        """Reads these objects, and waits until the disk has them. Forgets what the bucket was asked for before."""
        self.bucket.asked.clear()
        found = [await self.cache.get(name) for name in names]
        await self.settled()
        return found

    @property
    def held(self) -> list[str]:
        """The names of the files on the disk."""
        return sorted(path.name for path in (self.disk / "objects").rglob("*~*"))


@asynccontextmanager
async def replica(folder: Path, *stored: Name, heard: bool = True, **options: object) -> AsyncIterator[Replica]:
    """One with `stored` in its bucket, which has read the lists of removals; closed behind the block."""
    made = Replica(folder, **options)  # type: ignore[arg-type]
    for name in stored:
        await made.bucket.put(name, record())
    if heard:
        await made.heard()
    try:
        yield made
    finally:
        await made.cache.close()


async def test_what_was_read_is_read_from_the_disk(tmp_path: Path) -> None:
    async with replica(tmp_path, *ALL) as one:
        first = await one.read(*ALL)
        assert first == [record()] * len(ALL)
        assert await one.read(*ALL) == first
        assert one.bucket.asked == []
        assert one.cache.reads == {"hit": len(ALL), "miss": len(ALL), "corrupt": 0}


async def test_after_a_restart_the_bucket_is_asked_nothing(tmp_path: Path) -> None:
    async with replica(tmp_path, *ALL) as one:
        await one.read(*ALL)
        held, used = one.held, one.files.bytes
    async with replica(tmp_path) as again:
        assert await again.read(*ALL) == [record()] * len(ALL)
        assert again.bucket.asked == []
        assert (again.held, again.files.bytes, again.files.count) == (held, used, len(ALL))


async def test_a_master_that_was_looked_at_is_not_looked_at_again(tmp_path: Path) -> None:
    async with replica(tmp_path, MASTER) as one:
        header = await one.cache.look(MASTER)
        await one.settled()
        assert await one.cache.look(MASTER) == header == record().header
        assert one.bucket.asked == [("look", MASTER)]


async def test_what_was_put_is_read_from_the_disk(tmp_path: Path) -> None:
    async with replica(tmp_path) as one:
        for name in ALL:
            await one.cache.put(name, record())
        assert await one.cache.look(MASTER) == record().header
        assert await one.read(RENDITION, BINDING) == [record()] * 2
        assert one.bucket.asked == []


async def test_nothing_is_believed_before_the_removals_are_read(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION) as one:
        await one.read(RENDITION)
    async with replica(tmp_path, heard=False) as again:
        await again.read(RENDITION)
        assert again.bucket.asked == [("get", RENDITION)]
        list(again.cache.listed("tombstones"))
        await again.settled()
        await again.read(RENDITION)
        assert again.bucket.asked == [("get", RENDITION)]
        await again.heard()
        await again.read(RENDITION)
        assert again.bucket.asked == []


@pytest.mark.parametrize("removal", [TOMBSTONE, NOTE], ids=["takedown", "purge"])
async def test_a_removal_by_another_replica_wins(tmp_path: Path, removal: Name) -> None:
    """Whatever the disk has, and for as long as the list speaks of the key."""
    async with replica(tmp_path, *ALL, Name("renditions", f"{OTHER}.webp")) as one:
        await one.read(*ALL, Name("renditions", f"{OTHER}.webp"))
        await one.bucket.put(removal, record())
        await asyncio.to_thread(one.hear)
        await one.read(*ALL)
        assert [name for _, name in one.bucket.asked] == list(ALL)
        assert one.held == [f"{OTHER}.webp~renditions"]
        assert one.files.count == 1


@pytest.mark.parametrize("removal", [TOMBSTONE, NOTE], ids=["takedown", "purge"])
async def test_a_removal_while_the_service_was_stopped_wins(tmp_path: Path, removal: Name) -> None:
    async with replica(tmp_path, *ALL) as one:
        await one.read(*ALL)
    async with replica(tmp_path, removal) as again:
        await again.read(*ALL)
        assert [name for _, name in again.bucket.asked] == list(ALL)
        assert (again.held, again.files.count) == ([], 0)


async def test_what_is_removed_here_is_on_no_disk_before_it_is_removed(tmp_path: Path) -> None:
    async with replica(tmp_path, *ALL) as one:
        await one.read(*ALL)
        await one.cache.put(NOTE, record())
        await one.read(*ALL)
        assert (len(one.bucket.asked), one.held) == (len(ALL), [])


@pytest.mark.parametrize("away", [13 * 3600, -13 * 3600])
async def test_after_half_a_day_without_a_list_the_disk_is_emptied(tmp_path: Path, away: float) -> None:
    """Notes of purges may have come and gone; or the clock was set, and nobody knows."""
    async with replica(tmp_path, RENDITION) as one:
        await one.read(RENDITION)
    async with replica(tmp_path, heard=False) as again:
        again.now += away
        await again.heard()
        assert again.held == []
        await again.read(RENDITION)
        assert again.bucket.asked == [("get", RENDITION)]
        assert [path.name for path in again.disk.glob("old.*")] == []


async def test_a_list_that_cannot_be_read_for_long_empties_the_disk(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION) as one:
        await one.read(RENDITION)
        one.now += 13 * 3600
        await one.heard()
        assert one.held == []


def test_notes_of_purges_outlive_the_longest_silence() -> None:
    assert 2 * Timings().unheard <= removals.TIMINGS.keep_notes


async def test_a_list_that_broke_off_vouches_for_nothing(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION, heard=False) as one:
        one.bucket.down = True
        with pytest.raises(StoreUnavailable):
            one.hear()
        one.bucket.down = False
        await one.read(RENDITION)
        assert one.held == []


async def test_the_objects_of_another_store_are_not_shown(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION) as one:
        await one.read(RENDITION)
        one.store_id = "1" * 32
        await one.heard()
        assert one.held == []
        await one.read(RENDITION)
        assert one.bucket.asked == [("get", RENDITION)]


async def test_nothing_is_believed_of_a_store_that_is_not_known(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION, heard=False) as one:
        one.store_id = None
        await one.heard()
        await one.read(RENDITION)
        assert one.held == []


async def test_an_object_that_is_deleted_leaves_the_disk(tmp_path: Path) -> None:
    async with replica(tmp_path, MASTER, RENDITION) as one:
        await one.cache.look(MASTER)
        await one.read(MASTER, RENDITION)
        await one.cache.delete(MASTER)
        await one.settled()
        assert one.held == [f"{KEY}.webp~renditions"]
        assert (await one.cache.get(MASTER), await one.cache.look(MASTER)) == (None, None)


@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "purged"])
async def test_what_was_being_read_when_it_was_removed_is_not_kept(tmp_path: Path, deleted: bool) -> None:
    async with replica(tmp_path, RENDITION) as one:
        one.bucket.open.clear()
        reading = asyncio.create_task(one.cache.get(RENDITION))
        await eventually(lambda: bool(one.bucket.asked))
        await (one.cache.delete(RENDITION) if deleted else one.cache.put(NOTE, record()))
        one.bucket.open.set()
        await reading
        await one.settled()
        assert one.held == []


async def test_what_is_removed_while_the_disk_is_read_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with replica(tmp_path, BINDING) as one:
        await one.read(BINDING)
        await one.bucket.delete(BINDING)
        await one.bucket.put(NOTE, record())
        read = one.files.read

        def slow(name: str) -> bytes | None:
            data = read(name)
            one.hear()
            return data

        monkeypatch.setattr(one.files, "read", slow)
        assert await one.cache.get(BINDING) is None


@pytest.mark.parametrize("here", [True, False], ids=["here", "by another replica"])
@pytest.mark.parametrize("removal", [TOMBSTONE, NOTE], ids=["takedown", "purge"])
async def test_a_list_read_before_a_removal_does_not_undo_it(tmp_path: Path, removal: Name, here: bool) -> None:
    """1: a list is read. 2: a key is removed here, or stands in a list that was read later. 3: the first list ends."""
    loop = asyncio.get_running_loop()
    async with replica(tmp_path, *ALL) as one:

        def meanwhile() -> None:
            one.bucket.listing = lambda: None
            store = one.cache if here else one.bucket
            asyncio.run_coroutine_threadsafe(store.put(removal, record()), loop).result()
            if not here:
                one.hear()

        one.bucket.listing = meanwhile
        await asyncio.to_thread(lambda: list(one.cache.listed(removal.folder)))
        await one.read(*ALL)
        assert (len(one.bucket.asked), one.held) == (len(ALL), [])
        await one.bucket.delete(removal)
        await one.heard()
        await one.read(*ALL)
        assert len(one.held) == len(ALL)


async def test_a_master_gone_from_the_bucket_is_not_said_to_be_there(tmp_path: Path) -> None:
    """What was deleted by hand is found out where somebody wants its bytes."""
    async with replica(tmp_path, MASTER) as one:
        assert await one.cache.look(MASTER) is not None
        await one.settled()
        await one.bucket.delete(MASTER)
        assert await one.cache.get(MASTER) is None
        await one.settled()
        assert await one.cache.look(MASTER) is None


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_flipped, _torn, _emptied])
async def test_what_is_damaged_is_read_from_the_bucket_and_replaced(tmp_path: Path, damage: object) -> None:
    async with replica(tmp_path, *ALL) as one:
        await one.cache.look(MASTER)
        await one.read(*ALL)
        for path in (one.disk / "objects").rglob("*~*"):
            damage(path)  # type: ignore[operator]
        assert await one.cache.look(MASTER) == record().header
        assert await one.read(*ALL) == [record()] * len(ALL)
        assert (len(one.bucket.asked), one.cache.reads["corrupt"]) == (len(ALL), len(ALL) + 1)
        assert await one.read(*ALL) == [record()] * len(ALL)
        assert (one.bucket.asked, one.cache.corrupt) == ([], 0)
        assert one.files.count == len(one.held)


async def test_a_file_of_another_name_is_read_from_the_bucket(tmp_path: Path) -> None:
    """Each file whole, and under the name of another one: a disk may give that after a power cut."""
    names = (*pictures(4), BINDING, OWN_BINDING)
    async with replica(tmp_path) as one:
        for name in names:
            await one.bucket.put(name, record(name.leaf.encode()))
        before = await one.read(*names)
        files = sorted((one.disk / "objects").rglob("*~*"))
        held = [path.read_bytes() for path in files]
        for path, data in zip(files, (*held[1:], held[0]), strict=True):
            path.write_bytes(data)

        assert await one.read(*names) == before
        assert one.cache.reads["corrupt"] == len(one.bucket.asked) == len(names)
        assert await one.read(*names) == before
        assert one.bucket.asked == []


def pictures(count: int) -> list[Name]:
    """Of keys that are spread as hashes are."""
    return [Name("renditions", f"{number * 37 % 256:02x}{number:062x}.webp") for number in range(count)]


async def test_what_was_used_least_lately_makes_room(tmp_path: Path) -> None:
    """Eighty pictures of 100 kB, on a disk for fifty: those that are looked at stay."""
    names = pictures(80)
    timings = cache_files.Timings(note_use=0.0)
    async with replica(tmp_path, size=5_000_000, limits=Limits(1, 0), file_timings=timings) as one:
        for name in names:
            await one.bucket.put(name, record(os.urandom(98_000)))
        for name in names:
            await one.read(*names[:8], name)
            assert one.files.bytes <= 5_000_000
        await one.read(*names[:8])
        assert one.bucket.asked == []
        assert one.files.evictions >= 30
        assert len(one.held) == one.files.count >= 40


async def test_the_number_of_files_is_bounded_too(tmp_path: Path) -> None:
    names = pictures(40)
    async with replica(tmp_path, *names, size=1_000_000, limits=Limits(50_000, 0)) as one:
        await one.read(*names)
        assert len(one.held) == one.files.count <= 20


async def test_room_is_left_on_the_disk_for_others(tmp_path: Path) -> None:
    names = pictures(3)
    async with replica(tmp_path, *names) as one:
        await one.read(*names)
    async with replica(tmp_path, limits=Limits(leave_free=10**18)) as again:
        await eventually(lambda: again.held == [])
        await again.read(*names)
        assert again.held == []
        assert again.files.evictions == len(names)


async def test_a_full_disk_is_not_fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half-written stays, and once there is room it goes on."""
    names = pictures(2)
    async with replica(tmp_path, *names, file_timings=cache_files.Timings(after_failure=0.0)) as one:
        with monkeypatch.context() as full:
            full.setattr(os, "rename", _no_room)
            assert await one.read(names[0]) == [record()]
        assert (one.held, list(one.disk.glob("new.*"))) == ([], [])
        await one.read(*names)
        assert len(one.held) == len(names)


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


async def test_after_a_disk_was_full_its_files_are_counted_once(tmp_path: Path) -> None:
    """Each list of removals that could not be noted has the folder looked through anew."""
    async with replica(tmp_path, *ALL, timings=Timings(stamp=0.0)) as one:
        await one.read(*ALL)
        used = one.files.bytes, one.files.count
        (one.disk / "heard").unlink()
        (one.disk / "heard").mkdir()
        await one.heard()
        assert "its folder cannot be used" in one.cache.check.detail
        (one.disk / "heard").rmdir()
        (one.disk / "heard").write_text(f"{STORE_ID} {int(one.now)}\n")
        await one.heard()
        await one.read(*ALL)
        assert (one.bucket.asked, one.files.bytes, one.files.count) == ([], *used)


@pytest.mark.parametrize("holds_the_room", ["objects/*/*", "old.*/*"], ids=["objects", "what was cleared"])
async def test_a_disk_that_others_filled_gets_its_room_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds_the_room: str
) -> None:
    """Nothing can be written before that, not even that the lists were read."""
    async with replica(tmp_path, *ALL, timings=Timings(stamp=0.0)) as one:
        await one.read(*ALL)
        stamp = one.files.stamp

        def full(text: str | None = None) -> str:
            if text is not None and list(one.disk.glob(holds_the_room)):
                raise OSError(28, "No space left on device")
            return stamp(text)

        monkeypatch.setattr(one.files, "stamp", full)
        if holds_the_room == "old.*/*":
            one.store_id = "1" * 32
            await one.heard()
        else:
            monkeypatch.setattr(one.files, "_limits", Limits(leave_free=10**18))
        await one.heard()
        assert one.held == []
        assert one.cache.check.detail.startswith("is used")


async def test_where_nothing_can_be_taken_away_the_bucket_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a disk that became read-only. The thread that makes room goes on, or the service could not end."""
    names = pictures(3)
    async with replica(tmp_path, *names, size=41_000, limits=Limits(30_000, 0)) as one:
        await one.read(names[0])
        for shard in (one.disk / "objects").iterdir():
            for path in shard.iterdir():
                path.unlink()
                path.mkdir()
        assert await asyncio.wait_for(one.read(*names[1:]), 20) == [record()] * 2
        assert (one.files.evictions, one.files.count) == (0, 1)
        assert "takes nothing for now: no room can be made" in caplog.text


async def test_a_disk_that_became_read_only_is_still_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with replica(tmp_path, RENDITION, file_timings=cache_files.Timings(note_use=-1.0)) as one:
        await one.read(RENDITION)
        monkeypatch.setattr(os, "utime", _no_room)
        assert await one.read(RENDITION) == [record()]
        assert one.bucket.asked == []


async def test_files_deleted_by_hand_give_their_room_back(tmp_path: Path) -> None:
    names = pictures(6)
    async with replica(tmp_path, *names, size=1_000_000, limits=Limits(300_000, 0)) as one:
        await one.read(*names[:3])
        for path in (one.disk / "objects").rglob("*~*"):
            path.unlink()
        await one.read(*names[3:])
        assert one.held == sorted(f"{name.leaf}~renditions" for name in names[3:])
        assert one.files.count == 3


@pytest.mark.parametrize("deleted", [".", "objects"])
async def test_a_folder_that_is_deleted_begins_anew(tmp_path: Path, deleted: str) -> None:
    """Also where files were to be written into it meanwhile."""
    async with replica(tmp_path, *ALL) as one:
        await one.read(*ALL)
        shutil.rmtree(one.disk / deleted)
        assert await one.read(*ALL) == [record()] * len(ALL)
        await one.heard()
        await one.read(*ALL)
        assert len(one.held) == len(ALL)
        assert await one.read(*ALL) == [record()] * len(ALL)
        assert one.bucket.asked == []


async def test_a_new_folder_is_one_processs_where_one_is_deleted(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION) as one:
        shutil.rmtree(one.disk)
        async with replica(tmp_path, heard=False) as two:
            await two.heard()
            await one.heard()
            assert two.cache.check.detail.startswith("is used")
            assert "another process" in one.cache.check.detail
            await one.read(RENDITION)
            assert (one.held, one.bucket.asked) == ([], [("get", RENDITION)])


async def test_a_stop_does_not_wait_until_an_old_cache_is_deleted(tmp_path: Path) -> None:
    async with replica(tmp_path) as one:
        await one.settled()
        for number in range(20):
            (one.disk / "old.0" / f"{number:02x}").mkdir(parents=True)
        one.files.stop()
        one.files.sum_up(lambda _: False)
        assert len(list((one.disk / "old.0").iterdir())) > 0


async def test_a_folder_that_cannot_be_used_is_not_fatal(tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("no folder")
    async with replica(tmp_path, *ALL) as one:
        assert await one.read(*ALL) == [record()] * len(ALL)
        assert one.cache.check.good
        assert "its folder cannot be used" in one.cache.check.detail


async def test_a_disk_that_hangs_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with replica(tmp_path, RENDITION, timings=Timings(patience=0.01)) as one:
        await one.read(RENDITION)
        with monkeypatch.context() as hanging:
            read = one.files.read

            def late(name: str) -> bytes | None:
                time.sleep(0.2)
                return read(name)

            hanging.setattr(one.files, "read", late)
            assert await one.read(RENDITION, RENDITION) == [record()] * 2
        assert one.bucket.asked == [("get", RENDITION)] * 2
        assert one.cache.reads["miss"] == 2


async def test_a_second_process_waits_until_the_first_has_ended(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION) as one:
        await one.read(RENDITION)
        async with replica(tmp_path) as two:
            await two.read(RENDITION)
            assert two.bucket.asked == [("get", RENDITION)]
            assert "another process" in two.cache.check.detail
            one.files.close()
            await two.heard()
            await two.read(RENDITION)
            assert two.bucket.asked == []


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.stores.test_disk_cache import Replica, pictures
from tests.support.fakes import record

async def main():
    one = Replica(Path(sys.argv[1]))
    await one.heard()
    for name in pictures(200):
        await one.bucket.put(name, record(name.leaf.encode() * 1000))
        await one.cache.get(name)
        print(name.leaf, flush=True)

asyncio.run(main())
"""


def _write_and_be_killed(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(60):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)


async def test_after_a_kill_while_it_writes_what_is_shown_is_whole(tmp_path: Path) -> None:
    """A kill -9 leaves neither a lock nor a torn picture nor a file that nobody counts."""
    await asyncio.to_thread(_write_and_be_killed, tmp_path)
    (tmp_path / "disk" / "new.left").write_bytes(b"half")
    async with replica(tmp_path) as again:
        assert again.cache.check.detail.startswith("is used")
        held = again.held
        assert len(held) > 10
        names = [name for name in pictures(200) if f"{name.leaf}~renditions" in held]
        assert await again.read(*names) == [record(name.leaf.encode() * 1000) for name in names]
        assert (len(held), list(again.disk.glob("new.*"))) == (again.files.count, [])


async def test_doctor_says_what_it_holds_and_whether_there_is_room(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION, disk="disk-cache") as one:
        await one.read(RENDITION)
    found = finding(tmp_path, 10_000_000)
    assert (found.good, found.detail) == (True, "0 of 10 MB in 1 files")
    assert finding(tmp_path, 10**18).advice.startswith("make room, or set PROMPTCDN_DISK_CACHE to less")


async def test_nobody_else_of_the_machine_may_read_it(tmp_path: Path) -> None:
    async with replica(tmp_path, RENDITION) as one:
        await one.read(RENDITION)
        modes = {path.stat().st_mode & 0o077 for path in (one.disk, *one.disk.rglob("*"))}
    assert modes == {0}
