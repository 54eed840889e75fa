"""Which pictures were forgotten since work on them began, so that nothing of it outlives a purge."""

import cachetools

_KEYS = 100_000


class Forgotten:
    """Counts the pictures that are forgotten; `now` is their number, and the moment at which work begins."""

    def __init__(self) -> None:
        self.now = 0
        self._at: cachetools.LRUCache[str, int] = cachetools.LRUCache(_KEYS)

    def mark(self, key: str) -> None:
        """It is forgotten now."""
        self.now += 1
        self._at[key] = self.now

    def since(self, moment: int, key: str) -> bool:
        """Whether it was forgotten after `moment`."""
        return self._at.get(key, 0) > moment
