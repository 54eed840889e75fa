"""One lock for each key, for as long as somebody holds or awaits it."""

import asyncio
from weakref import WeakValueDictionary


class KeyedLocks:
    """Locks by key. One that nobody holds or awaits is gone."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())
