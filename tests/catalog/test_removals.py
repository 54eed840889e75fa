"""What was taken down is known to every process on the store, and comes back only when its operator says so."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from promptcdn.catalog.removals import NONE_BEFORE, NoSpool, StoreRemovals, Timings
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, Lineage, Name
from promptcdn.stores.disk import DiskStore
from tests.support.fakes import KEY, NOON, ManualClock, name, record
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

OTHER = "f" * 64
URL = "e" * 64
DAY = 24 * 3600
RENDITION = Name("renditions", f"{KEY}.512x512.webp")
VERDICT = name(folder="verdicts")
OLD = replace(record(), lineage=Lineage("a" * 64))
# Lists at short intervals, and a second that a list may take.
FAST = Timings(refresh=0.05)


class Peer:
    """One process on a store: what it was told to forget, and its own view of what was taken down."""

    def __init__(self, store: DiskStore, spool: NoSpool | None = None, timings: Timings = FAST) -> None:
        self.forgotten: list[str] = []
        self.hands = ManualClock()
        self.removals = StoreRemovals(store, self.forgotten.append, spool, clock=self.hands.clock, timings=timings)

    async def shows(self, key: str) -> None:
        """Waits until the picture may be shown."""
        await self._until(key, removed=False)

    async def hides(self, key: str) -> None:
        """Waits until it knows of a takedown."""
        await self._until(key, removed=True)

    async def forgets(self, *keys: str) -> None:
        """Waits until it has forgotten these, and no others."""
        await eventually(lambda: self.forgotten == list(keys))

    async def _until(self, key: str, *, removed: bool) -> None:
        async with asyncio.timeout(20):
            while await self.removals.removed(key) is not removed:  # noqa: ASYNC110 - another process tells nobody
                await asyncio.sleep(0.01)


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


@asynccontextmanager
async def started(*peers: Peer) -> AsyncIterator[None]:
    for peer in peers:
        await peer.removals.start()
    try:
        yield
    finally:
        for peer in peers:
            await peer.removals.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Lame]:
    store = Lame(tmp_path)
    yield store
    await store.close()


@pytest.fixture
async def one(store: Lame) -> AsyncIterator[Peer]:
    async with started(peer := Peer(store)):
        yield peer


@pytest.fixture
async def other(store: Lame) -> AsyncIterator[Peer]:
    async with started(peer := Peer(store)):
        yield peer


async def fill(store: DiskStore) -> None:
    for object_ in (name(), RENDITION, VERDICT, name(OTHER), name(folder="bindings")):
        await store.put(object_, record())


def left(store: DiskStore) -> set[str]:
    return {object_.path.partition("/")[0] + " " + object_.leaf[:1] for object_, _ in store.listed()}


# Takedowns


async def test_a_takedown_deletes_all_of_a_picture_but_its_binding(store: Lame, one: Peer) -> None:
    """And nothing of another picture."""
    await fill(store)
    deleted = await one.removals.take_down(KEY, "because")
    assert set(deleted) == {name(), RENDITION, VERDICT}
    assert await one.removals.removed(KEY)
    assert not await one.removals.removed(OTHER)
    assert left(store) == {"masters f", "bindings 0", "tombstones 0", "purges 0"}


async def test_another_process_forgets_what_was_taken_down(one: Peer, other: Peer) -> None:
    await one.removals.take_down(KEY, "because")
    await other.hides(KEY)
    await eventually(lambda: set(other.forgotten) == {KEY})
    assert set(one.forgotten) == {KEY}


async def test_before_paying_the_store_itself_is_asked_for_a_takedown(store: Lame) -> None:
    """Nobody has read of it in a list yet."""
    peer = Peer(store, timings=Timings())
    async with started(peer):
        await store.put(name(folder="tombstones"), record())
        assert not await peer.removals.removed(KEY)
        assert await peer.removals.surely_removed(KEY)
        assert not await peer.removals.surely_removed(OTHER)


@pytest.mark.parametrize("put_back", [False, True], ids=["a takedown", "its undoing"])
async def test_a_list_that_was_read_before_a_change_does_not_undo_it(tmp_path: Path, *, put_back: bool) -> None:
    store = Slow(tmp_path)
    async with started(peer := Peer(store)):
        if put_back:
            await peer.removals.take_down(KEY, "because")
        store.go_on.clear()
        store.reading.clear()
        await asyncio.to_thread(store.reading.wait, 20)
        # The list is read, and not taken over yet.
        changing = peer.removals.put_back(KEY) if put_back else peer.removals.take_down(KEY, "because")
        change = asyncio.ensure_future(changing)
        await (peer.shows(KEY) if put_back else peer.hides(KEY))
        store.reading.clear()
        store.go_on.set()
        await change
        await asyncio.to_thread(store.reading.wait, 20)
        assert await peer.removals.removed(KEY) is not put_back
    await store.close()


async def test_what_is_stored_after_a_takedown_is_deleted(store: Lame, one: Peer, other: Peer) -> None:
    """By the process that stored it, once it knows of the takedown."""
    await one.removals.take_down(KEY, "because")
    await fill(store)
    await other.hides(KEY)
    await eventually(lambda: not left(store) & {"masters 0", "renditions 0", "verdicts 0"})
    assert "masters f" in left(store)


async def test_what_is_put_back_is_put_back_for_all(one: Peer, other: Peer) -> None:
    await one.removals.take_down(KEY, "because")
    await other.hides(KEY)
    assert await one.removals.put_back(KEY)
    assert not await one.removals.removed(KEY)
    await other.shows(KEY)
    assert not await one.removals.put_back(KEY)


# Purges


async def test_a_purge_leaves_no_tombstone_and_each_one_is_read_by_all(store: Lame, one: Peer, other: Peer) -> None:
    await fill(store)
    assert set(await one.removals.purge(KEY)) == {name(), RENDITION, VERDICT}
    await other.forgets(KEY)
    assert await one.removals.purge(KEY) == ()
    await other.forgets(KEY, KEY)
    assert not await other.removals.removed(KEY)


async def test_unbinding_deletes_a_binding_and_nothing_else(store: Lame, one: Peer, other: Peer) -> None:
    await fill(store)
    assert await one.removals.unbind(KEY, ("bindings", "sketch-bindings")) == (name(folder="bindings"),)
    await other.forgets(KEY)
    assert left(store) == {"masters 0", "renditions 0", "verdicts 0", "masters f", "purges 0"}


async def test_a_note_has_the_moment_of_the_clock(store: Lame, one: Peer) -> None:
    await one.removals.purge(KEY)
    (note,) = [object_ for object_, _ in store.listed("purges")]
    assert note.leaf == f"{KEY}.{int(NOON.timestamp()) * 10**9}"


async def test_notes_that_every_process_has_read_are_deleted(store: Lame, one: Peer) -> None:
    await one.removals.purge(KEY)
    one.hands.seconds = 2 * DAY
    await one.removals.purge(OTHER)
    assert [object_.leaf[:64] for object_, _ in store.listed("purges")] == [OTHER]


async def test_a_process_forgets_its_own_notes_when_the_store_does(one: Peer) -> None:
    """Else a service that purges for months keeps every note."""
    await one.removals.purge(KEY)
    await one.removals.refresh()
    one.hands.seconds = 2 * DAY
    await one.removals.purge(OTHER)
    await one.removals.refresh()
    assert await one.removals.prepare(KEY, URL, lost=False) == NONE_BEFORE
    assert await one.removals.prepare(OTHER, URL, lost=False) != NONE_BEFORE


async def test_what_is_stored_late_of_a_purged_picture_is_deleted(store: Lame, one: Peer, other: Peer) -> None:
    """And the picture that is made anew stays, also with the same bytes."""
    await store.put(RENDITION, OLD)
    await one.removals.purge(KEY)
    # A process that does not know of the purge yet, and one that makes the picture anew.
    await store.put(RENDITION, OLD)
    await store.put(name(), replace(OLD, lineage=Lineage("a" * 64, after=int(NOON.timestamp() + 1) * 10**9)))
    await one.removals.swept()
    await other.forgets(KEY)
    assert left(store) == {"masters 0", "purges 0"}


async def test_the_process_that_purged_deletes_what_is_stored_late(store: Lame, one: Peer) -> None:
    """Nobody else is there to do so."""
    await store.put(RENDITION, OLD)
    await one.removals.purge(KEY)
    await store.put(RENDITION, OLD)
    await one.removals.swept()
    assert left(store) == {"purges 0"}


@pytest.mark.parametrize(("lost", "dropped"), [(False, [KEY]), (True, [])], ids=["a purge", "a lost picture"])
async def test_only_a_purge_gives_up_what_waits_elsewhere(
    store: Lame, one: Peer, *, lost: bool, dropped: list[str]
) -> None:
    """The picture is paid for, and waits at another process for the store."""
    spool = Dropping()
    async with started(waiting := Peer(store, spool)):
        await (one.removals.prepare(KEY, URL, lost=True) if lost else one.removals.purge(KEY))
        await waiting.removals.refresh()
        await waiting.removals.swept()
    assert spool.dropped == dropped


# A store that does not answer


async def test_before_the_first_list_nothing_is_known(store: Lame) -> None:
    store.lame = True
    async with started(peer := Peer(store)):
        with pytest.raises(StoreUnavailable):
            await peer.removals.removed(KEY)
        store.lame = False
        assert not await peer.removals.removed(KEY)


async def test_what_waits_for_the_store_was_taken_down_by_nobody(store: Lame) -> None:
    store.lame = True
    async with started(peer := Peer(store, Holding())):
        assert not await peer.removals.removed(KEY)
        with pytest.raises(StoreUnavailable):
            await peer.removals.removed(OTHER)


async def test_what_was_known_holds_while_the_store_is_down(store: Lame, one: Peer) -> None:
    await one.removals.take_down(KEY, "because")
    store.lame = True
    await one.removals.refresh()
    assert await one.removals.removed(KEY)
    assert not await one.removals.removed(OTHER)


# A picture that is made in place of another one


async def test_a_master_that_was_made_meanwhile_is_not_deleted_as_lost(store: Lame, one: Peer) -> None:
    await store.put(name(), OLD)
    await one.removals.prepare(KEY, URL, lost=True)
    assert left(store) == {"masters 0", "purges 0"}


async def test_a_process_does_not_take_its_own_note_for_anothers(tmp_path: Path, other: Peer) -> None:
    slow = Slow(tmp_path)
    async with started(peer := Peer(slow)):
        slow.go_on.clear()
        slow.reading.clear()
        await asyncio.to_thread(slow.reading.wait, 20)
        # A list that was read before the note was written is taken over after that.
        preparing = asyncio.create_task(peer.removals.prepare(KEY, URL, lost=True))
        await other.forgets(KEY)
        slow.go_on.set()
        await preparing
        forgotten = len(peer.forgotten)
        await peer.removals.refresh()
        assert len(peer.forgotten) == forgotten
    await slow.close()


async def test_all_forget_a_lost_picture_before_another_one_is_shown(store: Lame, one: Peer, other: Peer) -> None:
    await store.put(RENDITION, OLD)
    before = await one.removals.prepare(KEY, URL, lost=True)
    async with asyncio.timeout(before.wait):
        await other.forgets(KEY)
    assert before.after
    assert left(store) == {"purges 0"}


async def test_a_url_bound_anew_waits_until_all_have_forgotten(store: Lame, one: Peer, other: Peer) -> None:
    """Its next picture may have another key: until then another process shows the one before."""
    await fill(store)
    await one.removals.unbind(URL, ("bindings",))
    await other.removals.refresh()

    for peer in (one, other):
        waits = (await peer.removals.prepare(OTHER, URL, lost=False)).wait
        assert waits == pytest.approx(FAST.propagation)
        assert await peer.removals.prepare(OTHER, KEY, lost=False) == NONE_BEFORE


async def test_a_picture_that_never_was_waits_for_nothing(one: Peer, other: Peer) -> None:
    assert await one.removals.prepare(KEY, URL, lost=False) == NONE_BEFORE
    assert other.forgotten == []


@pytest.mark.parametrize(
    ("later", "left_to_wait", "notes"),
    [
        (0, FAST.propagation, 1),
        (1, FAST.propagation - 1, 1),
        (3600, FAST.propagation, 2),
        (-60, FAST.propagation, 1),
    ],
    ids=["at once", "a second later", "an hour later", "by a clock that is behind"],
)
async def test_after_a_purge_one_waits_until_all_have_read_of_it(
    store: Lame, one: Peer, later: int, left_to_wait: float, notes: int
) -> None:
    """After an hour another picture may have been made, shown and lost."""
    await one.removals.purge(KEY)
    one.hands.seconds = later
    before = await one.removals.prepare(KEY, URL, lost=True)
    assert before.after
    assert before.wait == pytest.approx(left_to_wait)
    assert len(await store.names("purges", KEY)) == notes
