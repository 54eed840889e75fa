"""A loop that is held up, while a store answers in its own time, takes the store for silent nowhere."""

import asyncio
import time
from pathlib import Path

import pytest

from promptcdn.catalog import removals
from promptcdn.catalog.removals import StoreRemovals
from promptcdn.making import Timings as Making
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Header, Name, Record
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.negative import NegativeCache, Timings
from promptcdn.stores.store_ids import StoreIds
from promptcdn.stores.verified import Timings as Verifying
from promptcdn.stores.verified import VerifiedStore
from tests.support.fakes import KEY, FakeStore, name, record
from tests.support.parts import BINDING, GOOD, MASTER, Parts
from tests.support.waiting import STALL_SECONDS, hold_up_the_loop

pytestmark = pytest.mark.anyio

# Longer than the store needs, and shorter than the stall.
PATIENCE = STALL_SECONDS / 2


class ThreadedStore(FakeStore):
    """A store that answers from a thread, as all real ones do, after a moment."""

    async def get(self, name: Name) -> Record | None:
        await asyncio.to_thread(time.sleep, PATIENCE / 10)
        return await super().get(name)

    async def put(self, name: Name, record: Record) -> Record:
        await asyncio.to_thread(time.sleep, PATIENCE / 10)
        return await super().put(name, record)


class Slow(DiskStore):
    """A folder whose identity takes a moment to be read."""

    def identity(self) -> str | None:
        time.sleep(PATIENCE / 10)
        return super().identity()


@pytest.fixture
def shelf() -> ThreadedStore:
    shelf = ThreadedStore()
    shelf.objects[name()] = record()
    return shelf


def hold_up_the_loop_soon() -> None:
    """As soon as what is begun now waits for its answer."""
    asyncio.get_running_loop().call_later(PATIENCE / 100, hold_up_the_loop)


async def test_a_look_up_finds_what_there_is(shelf: ThreadedStore) -> None:
    hold_up_the_loop_soon()
    assert await NegativeCache(shelf, Timings(patience=PATIENCE)).get(name()) == record()


async def test_a_store_that_is_silent_is_unknown_also_after_a_stall(shelf: ThreadedStore) -> None:
    shelf.open.clear()
    hold_up_the_loop_soon()
    with pytest.raises(StoreUnavailable):
        await NegativeCache(shelf, Timings(patience=PATIENCE)).get(name())


async def test_whether_a_picture_was_taken_down_is_known(tmp_path: Path) -> None:
    class Folder(DiskStore):
        async def look(self, name: Name) -> Header | None:
            await asyncio.to_thread(time.sleep, PATIENCE / 10)
            return await super().look(name)

    store = Folder(tmp_path)
    peer = StoreRemovals(store, lambda _: None, timings=removals.Timings(first_list=PATIENCE, look=PATIENCE))
    hold_up_the_loop_soon()
    await peer.start()
    hold_up_the_loop_soon()
    assert not await peer.surely_removed(KEY)
    await peer.close()
    await store.close()


async def test_the_start_sees_which_store_it_has(tmp_path: Path) -> None:
    store = VerifiedStore(Slow(tmp_path / "store"), StoreIds("", tmp_path, None), Verifying(first_look=PATIENCE))
    hold_up_the_loop_soon()
    await store.start()
    assert list(store.listed()) == []  # which raises while the store is not known
    await store.close()


async def test_a_new_picture_is_stored_and_waits_in_no_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shelf: ThreadedStore
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Parts([GOOD], shelf, timings=Making(store=PATIENCE)) as parts:
        hold_up_at_each_write(shelf)
        await parts.make()
        assert parts.spooled == []
    assert {MASTER, BINDING} <= set(shelf.objects)


def hold_up_at_each_write(shelf: FakeStore) -> None:
    """From now on the loop is held up as soon as the store was asked to write."""
    put = shelf.put

    async def held_up(name: Name, record: Record) -> Record:
        asyncio.get_running_loop().call_soon(hold_up_the_loop)
        return await put(name, record)

    shelf.put = held_up  # type: ignore[method-assign]
