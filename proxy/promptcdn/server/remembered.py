"""Remembered URLs: what each of them is answered with, within bounds of their own."""

import random
from collections.abc import MutableMapping
from operator import itemgetter
from typing import NamedTuple

import cachetools

from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.prepared import Alias

# All remembered URLs together: anybody can spell one picture's URL in endless ways.
ALIASES_MAX = 16 * 1024 * 1024
# A longer URL is not remembered.
TARGET_MAX = 4096
# What an alias takes beyond its texts: its fields, and its place in the LRU.
_OVERHEAD = 800


class Views(NamedTuple):
    """A URL without a seed: an alias for each of its pictures that was shown, by content key."""

    aliases: dict[str, Alias]


class RememberedUrls:
    """An LRU of aliases, weighed in bytes."""

    def __init__(self, variants: int, last_shown: MutableMapping[str, int], chance: random.Random) -> None:
        """`variants` is how many pictures a URL without a seed has; `last_shown` has the seed of the last view of each,
        by its as-asked key, whoever answered that view."""
        self._variants = variants
        self._last_shown = last_shown
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
        return self._drawn(found) if len(found.aliases) >= self._variants else None

    def add(self, key: bytes, alias: Alias) -> None:
        """Remembers that the URL was answered with this alias."""
        if alias.outcome is Outcome.SEEDED:
            self._aliases[key] = alias, len(key) + _weight(alias)
            return
        known, _ = self._aliases.get(key, (None, 0))
        aliases = {**(known.aliases if isinstance(known, Views) else {}), alias.content_key: alias}
        self._aliases[key] = Views(aliases), len(key) + sum(map(_weight, aliases.values()))

    def shown(self, alias: Alias) -> None:
        """What was drawn is shown: the next view is another one."""
        if alias.seed is not None and alias.pool:
            self._last_shown[alias.pool] = alias.seed

    def _drawn(self, views: Views) -> Alias:
        """One of the views, and not the last one again."""
        aliases = list(views.aliases.values())
        last = self._last_shown.get(aliases[0].pool)
        others = [alias for alias in aliases if alias.seed != last] or aliases
        return others[int(self._chance.random() * len(others))]


def _weight(alias: Alias) -> int:
    return _OVERHEAD + len(alias.lines) + len(alias.unchanged)
