"""How often a write looks at the store's id, and which look a write may rely on."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Name, Record
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.store_ids import StoreIds
from promptcdn.stores.verified import VerifiedStore
from tests.support.fakes import record
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.anyio

FIRST, SECOND = (Name("masters", pair * 32) for pair in ("ab", "cd"))


class Watched(DiskStore):
    """A store that, like a bucket, does not look at its id by itself. It counts the looks of its user, and holds up
    looks and writes where a test says so."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.looks = 0
        self.look_may_end = threading.Event()
        self.look_may_end.set()
        self.write_may_end = {FIRST: asyncio.Event(), SECOND: asyncio.Event()}
        self.written: list[Name] = []

    def identity(self) -> str | None:
        found = super().identity()
        self.looks += 1
        assert self.look_may_end.wait(PATIENCE_SECONDS)
        return found

    def expect(self, store_id: str) -> bool:  # noqa: ARG002 - that is for stores that do
        return False

    async def put(self, name: Name, record: Record) -> Record:
        winner = await super().put(name, record)
        self.written.append(name)
        await self.write_may_end[name].wait()
        return winner


@asynccontextmanager
async def started(store: DiskStore, data: Path) -> AsyncIterator[VerifiedStore]:
    known = VerifiedStore(store, StoreIds("", data, None))
    await known.start()
    try:
        yield known
    finally:
        await known.close()


async def test_a_write_right_after_a_look_looks_once_and_after_it(tmp_path: Path) -> None:
    store = Watched(tmp_path / "store")
    async with started(store, tmp_path) as known:
        before = store.looks
        writing = asyncio.create_task(known.put(FIRST, record()))
        await eventually(lambda: store.written == [FIRST])
        assert store.looks == before
        store.write_may_end[FIRST].set()
        assert await writing == record()
        assert store.looks == before + 1


async def test_a_look_begun_before_a_write_ended_does_not_vouch_for_it(tmp_path: Path) -> None:
    """A look that began before a write ended does not vouch for that write.

    The store is swapped between the look that the first write relies on and the end of the second write.
    """
    store = Watched(tmp_path / "store")
    async with started(store, tmp_path) as known:
        before = store.looks
        first, second = (asyncio.create_task(known.put(name, record())) for name in (FIRST, SECOND))
        await eventually(lambda: sorted(store.written, key=str) == sorted([FIRST, SECOND], key=str))
        store.look_may_end.clear()
        store.write_may_end[FIRST].set()
        await eventually(lambda: store.looks == before + 1)

        (tmp_path / "store").rename(tmp_path / "away")
        (tmp_path / "store" / "tmp").mkdir(parents=True)
        store.write_may_end[SECOND].set()
        store.look_may_end.set()

        assert await first == record()
        with pytest.raises(StoreUnavailable):
            await second
