"""Memory: the pictures most recently asked for, weighed in bytes."""

from collections.abc import Callable

import cachetools

from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.prepared import own_lines, tag
from promptcdn.readers.rendition import Rendition

# What an entry costs beyond its body: the value, its digest, its place in the LRU, and the lines of its heads.
OVERHEAD = 2000


class Entry:
    """A rendition, and the lines of its head by outcome, once an answer was prepared from it."""

    __slots__ = ("lines", "rendition")

    def __init__(self, rendition: Rendition) -> None:
        self.rendition = rendition
        self.lines: dict[Outcome, tuple[bytes, bytes]] | None = None

    def head(self, outcome: Outcome) -> tuple[bytes, bytes]:
        """The lines that this rendition alone has, and its tag."""
        if self.lines is None:
            self.lines = {}
        found = self.lines.get(outcome)
        if found is None:
            found = self.lines[outcome] = own_lines(self.rendition, outcome), tag(self.rendition, outcome)
        return found


class Memory:
    """An LRU of renditions by content key and variant. Not for several threads: the event loop owns it."""

    def __init__(self, size: int) -> None:
        """`size` in bytes, overhead counted; 0 remembers nothing."""
        self._entries: _Weighed = _Weighed(size, _weight)
        # How often something was dropped because it is no longer true, and not to make room.
        self.drops = 0

    def get(self, content_key: str, variant: str) -> Rendition | None:
        held = self.entry(content_key, variant)
        return None if held is None else held.rendition

    def entry(self, content_key: str, variant: str) -> "Entry | None":
        """The rendition, with what was prepared for sending it."""
        try:
            return self._entries[content_key, variant]
        except KeyError:
            return None

    def put(self, variant: str, rendition: Rendition) -> None:
        """Remembers `rendition`, unless it alone is larger than the whole memory."""
        entry = Entry(rendition)
        if _weight(entry) <= self._entries.maxsize:
            self._entries[rendition.content_key, variant] = entry

    def drop(self, content_key: str) -> None:
        """Forgets a picture in every variant. Callers also pass the as-asked key of a URL that was bound to one."""
        self.drops += 1
        for variant in tuple(self._entries.variants.get(content_key, ())):
            del self._entries[content_key, variant]

    def held(self, content_key: str) -> dict[str, Rendition]:
        """What is held of one picture, by variant."""
        variants = tuple(self._entries.variants.get(content_key, ()))
        return {variant: self._entries[content_key, variant].rendition for variant in variants}

    @property
    def bytes(self) -> int:
        """What is held now, overhead counted."""
        return int(self._entries.currsize)

    @property
    def evictions(self) -> int:
        """How many pictures had to make room so far."""
        return self._entries.evictions


class _Weighed(cachetools.LRUCache[tuple[str, str], Entry]):
    """Counts what it drops to make room, and knows the variants of each picture."""

    evictions = 0

    def __init__(self, maxsize: int, getsizeof: Callable[[Entry], float]) -> None:
        super().__init__(maxsize, getsizeof)
        self.variants: dict[str, set[str]] = {}

    def __setitem__(self, key: tuple[str, str], entry: Entry) -> None:
        super().__setitem__(key, entry)
        self.variants.setdefault(key[0], set()).add(key[1])

    def __delitem__(self, key: tuple[str, str]) -> None:
        super().__delitem__(key)
        self.variants[key[0]].discard(key[1])
        if not self.variants[key[0]]:
            del self.variants[key[0]]

    def popitem(self) -> tuple[tuple[str, str], Entry]:
        self.evictions += 1
        return super().popitem()


def _weight(entry: Entry) -> int:
    return len(entry.rendition.body) + OVERHEAD
