"""Memory: the pictures most recently asked for, weighed in bytes."""

import cachetools

from proxy.caching import Rendition

# What an entry costs beyond its body: the value, its digest, its place in the LRU.
OVERHEAD = 1400


class Memory:
    """An LRU of renditions by content key and variant. Not for several threads: the event loop owns it."""

    def __init__(self, size: int) -> None:
        """`size` in bytes, overhead counted; 0 remembers nothing."""
        self._renditions: cachetools.LRUCache[tuple[str, str], Rendition] = cachetools.LRUCache(size, _weight)

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

    @property
    def bytes(self) -> int:
        """What is held now, overhead counted."""
        return int(self._renditions.currsize)


def _weight(rendition: Rendition) -> int:
    return len(rendition.body) + OVERHEAD
