"""Memory: the pictures most recently asked for, weighed in bytes."""

from collections.abc import Callable

import cachetools

from promptcdn.readers.rendition import Rendition

# What an entry costs beyond its body: the value, its digest, its place in the LRU.
OVERHEAD = 1400


class Memory:
    """An LRU of renditions by content key and variant. Not for several threads: the event loop owns it."""

    def __init__(self, size: int) -> None:
        """`size` in bytes, overhead counted; 0 remembers nothing."""
        self._renditions: _Weighed = _Weighed(size, _weight)
        # How often something was dropped because it is no longer true, and not to make room.
        self.drops = 0

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
        """Forgets a picture in every variant. Callers also pass the as-asked key of a URL that was bound to one."""
        self.drops += 1
        for variant in tuple(self._renditions.variants.get(content_key, ())):
            del self._renditions[content_key, variant]

    def held(self, content_key: str) -> dict[str, Rendition]:
        """What is held of one picture, by variant."""
        variants = tuple(self._renditions.variants.get(content_key, ()))
        return {variant: self._renditions[content_key, variant] for variant in variants}

    @property
    def bytes(self) -> int:
        """What is held now, overhead counted."""
        return int(self._renditions.currsize)

    @property
    def evictions(self) -> int:
        """How many pictures had to make room so far."""
        return self._renditions.evictions


class _Weighed(cachetools.LRUCache[tuple[str, str], Rendition]):
    """Counts what it drops to make room, and knows the variants of each picture."""

    evictions = 0

    def __init__(self, maxsize: int, getsizeof: Callable[[Rendition], float]) -> None:
        super().__init__(maxsize, getsizeof)
        self.variants: dict[str, set[str]] = {}

    def __setitem__(self, key: tuple[str, str], rendition: Rendition) -> None:
        super().__setitem__(key, rendition)
        self.variants.setdefault(key[0], set()).add(key[1])

    def __delitem__(self, key: tuple[str, str]) -> None:
        super().__delitem__(key)
        self.variants[key[0]].discard(key[1])
        if not self.variants[key[0]]:
            del self.variants[key[0]]

    def popitem(self) -> tuple[tuple[str, str], Rendition]:
        self.evictions += 1
        return super().popitem()


def _weight(rendition: Rendition) -> int:
    return len(rendition.body) + OVERHEAD
