"""What was taken down is heard of by every process on the store, and comes back only when its operator says so."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from promptcdn.catalog.removals import FREE, HEARD_SECONDS, NoSpool, Removals
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, Lineage, Name
from promptcdn.stores.disk import DiskStore
from tests.support.fakes import KEY, name, record
from tests.support.waiting import eventually

_T = TypeVar("_T")

OTHER = "f" * 64
NOW = 1_795_435_200
RENDITION = Name("renditions", f"{KEY}.512x512.webp")
VERDICT = name(folder="verdicts")


class Peer:
    """One process on a store: what it was told to forget, and its own view of what was taken down."""

    def __init__(self, store: DiskStore) -> None:
        self.forgotten: list[str] = []
        self.removals = Removals(store, self._forget)

    def _forget(self, key: str) -> None:
        self.forgotten.append(key)

    async def knows(self, key: str) -> None:
        """Waits until it has heard of a takedown."""
        await self._waited(lambda: self.removals.removed(key))

    async def forgets(self, *keys: str) -> None:
        """Waits until it has forgotten these, and no others."""

        async def forgot() -> bool:
            return self.forgotten == list(keys)

        await self._waited(forgot)

    async def _waited(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(20):
            while not await condition():  # noqa: ASYNC110 - of another process, which tells nobody
                await asyncio.sleep(0.02)


class Holding(NoSpool):
    """A spool in which one picture waits."""

    def holds(self, content_key: str) -> bool:
        return content_key == KEY


class Dropping(NoSpool):
    """A spool that says what it was told to give up."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    async def drop_ordered_before(self, content_key: str, moment: int) -> None:
        del moment
        self.dropped.append(content_key)


class Lame(DiskStore):
    """A store that stops listing."""

    lame = False

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        if self.lame:
            raise StoreUnavailable("the store is lame")
        return super().listed(folder, leaf)


class Slow(DiskStore):
    """A store whose lists can be held back once they are read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reading, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        read = list(super().listed(folder, leaf))
        if folder == "tombstones":
            self.reading.set()
            self.go_on.wait()
        return iter(read)


def within(folder: Path, work: Callable[[DiskStore, Peer, Peer], Awaitable[_T]]) -> _T:
    """What `work` gives with two processes on one store."""

    async def lived() -> _T:
        store = DiskStore(folder)
        one, other = Peer(store), Peer(store)
        await one.removals.start()
        await other.removals.start()
        try:
            return await work(store, one, other)
        finally:
            await one.removals.close()
            await other.removals.close()
            await store.close()

    return asyncio.run(lived())


async def fill(store: DiskStore) -> None:
    for object_ in (name(), RENDITION, VERDICT, name(OTHER), name(folder="bindings")):
        await store.put(object_, record())


def left(store: DiskStore) -> set[str]:
    return {object_.path.partition("/")[0] + " " + object_.leaf[:1] for object_, _ in store.listed()}


def test_a_takedown_deletes_the_picture_and_keeps_its_binding_and_all_others(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, other: Peer) -> None:
        del other
        await fill(store)
        deleted = await one.removals.take_down(KEY, "because", NOW)
        assert set(deleted) == {name(), RENDITION, VERDICT}
        assert await one.removals.removed(KEY)
        assert not await one.removals.removed(OTHER)
        assert left(store) == {"masters f", "bindings 0", "tombstones 0", "purges 0"}

    within(tmp_path, work)


def test_another_process_hears_of_a_takedown_and_forgets_the_picture(tmp_path: Path) -> None:
    async def work(_: DiskStore, one: Peer, other: Peer) -> None:
        await one.removals.take_down(KEY, "because", NOW)
        await other.knows(KEY)
        await eventually(lambda: set(other.forgotten) == {KEY})
        assert set(one.forgotten) == {KEY}

    within(tmp_path, work)


def test_before_paying_the_store_is_asked_for_a_takedown_that_nobody_has_heard_of_yet(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, _: Peer) -> None:
        await store.put(name(folder="tombstones"), record())
        assert not await one.removals.removed(KEY)
        assert await one.removals.surely_removed(KEY)
        assert not await one.removals.surely_removed(OTHER)

    within(tmp_path, work)


@pytest.mark.parametrize("put_back", [False, True])
def test_a_list_that_was_read_before_a_takedown_does_not_undo_it(tmp_path: Path, *, put_back: bool) -> None:
    async def lived() -> None:
        store = Slow(tmp_path)
        peer = Peer(store)
        await peer.removals.start()
        if put_back:
            await peer.removals.take_down(KEY, "because", NOW)
        store.go_on.clear()
        store.reading.clear()
        await asyncio.to_thread(store.reading.wait, 20)
        # The list is read, and not heard of yet.
        changing = peer.removals.put_back(KEY) if put_back else peer.removals.take_down(KEY, "because", NOW)
        change = asyncio.ensure_future(changing)
        while await peer.removals.removed(KEY) is put_back:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        store.reading.clear()
        store.go_on.set()
        await change
        await asyncio.to_thread(store.reading.wait, 20)
        assert await peer.removals.removed(KEY) is not put_back
        await peer.removals.close()
        await store.close()

    asyncio.run(lived())


def test_what_another_process_stores_after_the_takedown_is_deleted_where_it_is_heard_of(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, other: Peer) -> None:
        await one.removals.take_down(KEY, "because", NOW)
        await fill(store)
        await other.knows(KEY)
        while left(store) & {"masters 0", "renditions 0", "verdicts 0"}:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
        assert "masters f" in left(store)

    within(tmp_path, work)


def test_what_is_put_back_is_put_back_for_all(tmp_path: Path) -> None:
    async def work(_: DiskStore, one: Peer, other: Peer) -> None:
        await one.removals.take_down(KEY, "because", NOW)
        await other.knows(KEY)
        assert await one.removals.put_back(KEY)
        assert not await one.removals.removed(KEY)
        while await other.removals.removed(KEY):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
        assert not await one.removals.put_back(KEY)

    within(tmp_path, work)


def test_a_purge_leaves_no_tombstone_and_is_heard_of_each_time(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, other: Peer) -> None:
        await fill(store)
        assert set(await one.removals.purge(KEY, NOW)) == {name(), RENDITION, VERDICT}
        await other.forgets(KEY)
        assert await one.removals.purge(KEY, NOW + 1) == ()
        await other.forgets(KEY, KEY)
        assert not await other.removals.removed(KEY)

    within(tmp_path, work)


def test_unbinding_deletes_a_binding_and_nothing_else(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, other: Peer) -> None:
        await fill(store)
        assert await one.removals.unbind(KEY, ("bindings", "sketch-bindings"), NOW) == (name(folder="bindings"),)
        await other.forgets(KEY)
        assert left(store) == {"masters 0", "renditions 0", "verdicts 0", "masters f", "purges 0"}

    within(tmp_path, work)


def test_notes_that_everybody_has_heard_of_are_swept(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, _: Peer) -> None:
        await one.removals.purge(KEY, NOW)
        await one.removals.purge(OTHER, NOW + 2 * 24 * 3600)
        assert [object_.leaf[:64] for object_, _ in store.listed("purges")] == [OTHER]

    within(tmp_path, work)


def test_before_the_list_was_read_nothing_is_known(tmp_path: Path) -> None:
    async def work() -> None:
        store = Lame(tmp_path)
        store.lame = True
        removals = Peer(store).removals
        await removals.start()
        with pytest.raises(StoreUnavailable):
            await removals.removed(KEY)
        store.lame = False
        assert not await removals.removed(KEY)
        await removals.close()
        await store.close()

    asyncio.run(work())


def test_what_waits_for_the_store_was_taken_down_by_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        store = Lame(tmp_path)
        store.lame = True

        removals = Removals(store, lambda _: None, Holding())
        assert not await removals.removed(KEY)
        with pytest.raises(StoreUnavailable):
            await removals.removed(OTHER)
        await removals.close()
        await store.close()

    asyncio.run(work())


def test_what_was_known_holds_while_the_store_does_not_answer(tmp_path: Path) -> None:
    async def work() -> None:
        store = Lame(tmp_path)
        removals = Peer(store).removals
        await removals.take_down(KEY, "because", NOW)
        await removals.start()
        store.lame = True
        await removals._refresh()
        assert await removals.removed(KEY)
        assert not await removals.removed(OTHER)
        await removals.close()
        await store.close()

    asyncio.run(work())


OLD = replace(record(), lineage=Lineage("a" * 64))


def test_what_another_process_stores_of_a_purged_picture_is_deleted_and_its_successor_stays(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, other: Peer) -> None:
        await store.put(RENDITION, OLD)
        await one.removals.purge(KEY, NOW + 10)
        # A process that has not heard of the purge yet, and one that makes the picture anew, with the same bytes.
        await store.put(RENDITION, OLD)
        await store.put(name(), replace(OLD, lineage=Lineage("a" * 64, after=(NOW + 11) * 10**9)))
        await one.removals.swept()
        await other.forgets(KEY)
        assert left(store) == {"masters 0", "purges 0"}

    within(tmp_path, work)


def test_who_purged_deletes_what_came_late_also_where_nobody_else_does(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, other: Peer) -> None:
        await other.removals.close()
        await store.put(RENDITION, OLD)
        await one.removals.purge(KEY, NOW + 10)
        await store.put(RENDITION, OLD)
        await one.removals.swept()
        assert left(store) == {"purges 0"}

    within(tmp_path, work)


def test_what_another_process_made_meanwhile_is_not_deleted_as_lost(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, _: Peer) -> None:
        await store.put(name(), OLD)
        await one.removals.make_way(KEY, NOW + 10, lost=True)
        assert left(store) == {"masters 0", "purges 0"}

    within(tmp_path, work)


def test_a_process_does_not_take_its_own_note_for_anothers(tmp_path: Path) -> None:
    async def work(_: DiskStore, one: Peer, other: Peer) -> None:
        await one.removals.make_way(KEY, NOW, lost=True)
        made = len(one.forgotten)
        # A list that was read before the note was written is heard of after that.
        await one.removals._hear(frozenset(), {})
        await one.removals._refresh()
        await other.forgets(KEY)
        assert len(one.forgotten) == made

    within(tmp_path, work)


@pytest.mark.parametrize(("lost", "dropped"), [(False, [KEY]), (True, [])])
def test_what_waits_elsewhere_for_the_store_is_given_up_after_a_purge_and_not_where_a_picture_was_lost(
    tmp_path: Path, *, lost: bool, dropped: list[str]
) -> None:
    async def lived() -> None:
        store, spool = DiskStore(tmp_path), Dropping()
        one, other = Peer(store), Removals(store, lambda _: None, spool)
        await other.start()
        await (one.removals.make_way(KEY, NOW, lost=True) if lost else one.removals.purge(KEY, NOW))
        await other._refresh()
        await other.swept()
        assert spool.dropped == dropped
        await one.removals.close()
        await other.close()
        await store.close()

    asyncio.run(lived())


def test_where_a_picture_was_lost_all_forget_it_before_another_one_is_shown(tmp_path: Path) -> None:
    async def work(store: DiskStore, one: Peer, other: Peer) -> None:
        await store.put(RENDITION, OLD)
        way = await one.removals.make_way(KEY, NOW, lost=True)
        async with asyncio.timeout(way.seconds):
            await other.forgets(KEY)
        assert way.after
        assert left(store) == {"purges 0"}

    within(tmp_path, work)


def test_a_picture_that_never_was_waits_for_nothing(tmp_path: Path) -> None:
    async def work(_: DiskStore, one: Peer, other: Peer) -> None:
        assert await one.removals.make_way(KEY, NOW, lost=False) == FREE
        assert other.forgotten == []

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("later", "seconds", "notes"),
    [(0, HEARD_SECONDS, 1), (1, HEARD_SECONDS - 1, 1), (3600, HEARD_SECONDS, 2), (-60, HEARD_SECONDS, 1)],
)
def test_after_a_purge_one_waits_for_what_is_left_of_its_time(
    tmp_path: Path, later: int, seconds: float, notes: int
) -> None:
    """After an hour another picture may have been made, shown and lost."""

    async def work(store: DiskStore, one: Peer, _: Peer) -> None:
        await one.removals.purge(KEY, NOW)
        way = await one.removals.make_way(KEY, NOW + later, lost=True)
        assert way.after
        assert way.seconds == pytest.approx(seconds, abs=1)
        assert len(await store.names("purges", KEY)) == notes

    within(tmp_path, work)
