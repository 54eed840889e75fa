"""A process of its own on a shelf: its renditions, its memory and its spool, over a store that others may have too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.renditions import Renditions
from promptcdn.spool import Spool
from tests.support.fakes import FakeStore


@asynccontextmanager
async def opened(shelf: FakeStore | None, memory: int) -> AsyncIterator[tuple[Renditions, FakeStore]]:
    """A process on a shelf, or on one of its own. Its spool is below the present folder."""
    store, spool = shelf or FakeStore(), Spool(Path("spool"))
    renditions = Renditions(store, Memory(memory), spool)
    try:
        yield renditions, store
    finally:
        await renditions.close()
        await spool.close()
