"""Memory: the pictures most recently asked for, weighed in bytes."""

import cachetools

from proxy.caching import Rendition

# What an entry costs beyond its body: the value, its digest, its place in the LRU.
OVERHEAD = 1400


class Memory:
    """An LRU of renditions by content key and variant. Not for several threads: the event loop owns it."""

    def __init__(self, size: int) -> None:
        """`size` in bytes, overhead counted; 0 remembers nothing."""
        self._renditions: _Weighed = _Weighed(size, _weight)

    def get(self, content_key: str, variant: str) -> Rendition | None:
        try:
            return self._renditions[content_key, variant]
        except KeyError:
            return None

    def put(self, variant: str, rendition: Rendition) -> None:
        """Remembers `rendition`, unless it alone is larger than the whole memory."""
        if _weight(rendition) <= self._renditions.maxsize:
            self._renditions[rendition.content_key, variant] = rendition

    def drop(self, content_key: str) -> None:
        """Forgets a picture in every variant."""
        for key in [key for key in self._renditions if key[0] == content_key]:
            del self._renditions[key]

    def held(self, content_key: str) -> dict[str, Rendition]:
        """What is held of one picture, by variant. Looks at everything: for what is rare."""
        return {key[1]: rendition for key, rendition in self._renditions.items() if key[0] == content_key}

    @property
    def bytes(self) -> int:
        """What is held now, overhead counted."""
        return int(self._renditions.currsize)

    @property
    def evictions(self) -> int:
        """How many pictures had to make room so far."""
        return self._renditions.evictions


class _Weighed(cachetools.LRUCache[tuple[str, str], Rendition]):
    """Counts what it drops to make room."""

    evictions = 0

    def popitem(self) -> tuple[tuple[str, str], Rendition]:
        self.evictions += 1
        return super().popitem()


def _weight(rendition: Rendition) -> int:
    return len(rendition.body) + OVERHEAD
