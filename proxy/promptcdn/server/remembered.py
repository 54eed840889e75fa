"""Remembered URLs: what each of them is answered with, within bounds of their own."""

import random
from operator import itemgetter

import cachetools

from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.prepared import Alias

# All remembered URLs together: anybody can spell one picture's URL in endless ways.
ALIASES_MAX = 16 * 1024 * 1024
# A longer URL is not remembered.
TARGET_MAX = 4096
# What an alias takes beyond its texts: its fields, and its place in the LRU.
_OVERHEAD = 800


class Views:
    """A URL without a seed: an alias for each of its pictures that was shown, and the one that was shown last."""

    __slots__ = ("aliases", "last")

    def __init__(self, aliases: dict[str, Alias], last: Alias) -> None:
        self.aliases = aliases
        self.last = last

    def draw(self, chance: random.Random) -> Alias:
        """One of them, and not the last one again."""
        others = [alias for alias in self.aliases.values() if alias is not self.last]
        if others:
            self.last = others[int(chance.random() * len(others))]
        return self.last


class RememberedUrls:
    """An LRU of aliases, weighed in bytes."""

    def __init__(self, variants: int, chance: random.Random) -> None:
        """`variants` is how many pictures a URL without a seed has."""
        self._variants = variants
        self._chance = chance
        self.clear()

    def __len__(self) -> int:
        return len(self._aliases)

    @property
    def size(self) -> int:
        """What all of them take, in bytes."""
        return int(self._aliases.currsize)

    def clear(self) -> None:
        """Forgets them all at once: dropping them one by one would hold up the loop for a tenth of a second."""
        self._aliases: cachetools.LRUCache[bytes, tuple[Alias | Views, int]]
        self._aliases = cachetools.LRUCache(ALIASES_MAX, getsizeof=itemgetter(1))

    def get(self, key: bytes) -> Alias | None:
        """What the URL is answered with; without a seed one of its pictures, once all of them were shown."""
        try:
            found, _ = self._aliases[key]
        except KeyError:
            return None
        if isinstance(found, Alias):
            return found
        return found.draw(self._chance) if len(found.aliases) >= self._variants else None

    def add(self, key: bytes, alias: Alias) -> None:
        """Remembers that the URL was answered with this alias."""
        if alias.outcome is Outcome.SEEDED:
            self._aliases[key] = alias, len(key) + _weight(alias)
            return
        known, _ = self._aliases.get(key, (None, 0))
        aliases = {**(known.aliases if isinstance(known, Views) else {}), alias.content_key: alias}
        self._aliases[key] = Views(aliases, alias), len(key) + sum(map(_weight, aliases.values()))


def _weight(alias: Alias) -> int:
    return _OVERHEAD + len(alias.lines) + len(alias.unchanged)
