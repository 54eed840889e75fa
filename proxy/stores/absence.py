"""A store that remembers for a moment what is not there, so that junk look-ups cost the real one nothing."""

import cachetools

from proxy.stores import Name, Record, Store

REMEMBERED_SECONDS = 2.0
REMEMBERED_NAMES = 50_000


class RememberedAbsence:
    """Any store, asked at most once in two seconds for a name that it lacks. Own writes are seen at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: cachetools.TTLCache[Name, None] = cachetools.TTLCache(REMEMBERED_NAMES, REMEMBERED_SECONDS)
        self._absent: cachetools.TTLCache[Name, None] = cachetools.TTLCache(REMEMBERED_NAMES, REMEMBERED_SECONDS)

    async def get(self, name: Name) -> Record | None:
        if name in self._absent:
            return None
        record = await self._store.get(name)
        # 1: this look finds nothing. 2: a put of the name ends. 3: this look returns, and knows nothing any more.
        if record is None and name not in self._written:
            self._absent[name] = None
        return record

    async def put(self, name: Name, record: Record) -> Record:
        try:
            return await self._store.put(name, record)
        finally:
            self._written[name] = None
            self._absent.pop(name, None)

    async def close(self) -> None:
        await self._store.close()
