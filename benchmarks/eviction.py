"""Which pictures memory should keep: a trace of views, played to an LRU, to other policies and to an admission filter.

Views follow Zipf's law over a million pictures, whose files have the sizes of real ones. Nothing is served: this is a
simulation of `catalog/memory_cache.py`, which weighs what it holds in the same way.

    python -m benchmarks.eviction [--views 10000000] [--pictures 1000000]
"""

import argparse
import itertools
import random
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Protocol

import cachetools

from promptcdn.catalog.memory_cache import OVERHEAD

SIZES = {"64 MiB": 64 << 20, "256 MiB": 256 << 20, "1 GiB": 1 << 30, "4 GiB": 4 << 30}
# How much the views prefer what is popular: image caches of large sites were measured between the two.
EXPONENTS = (0.8, 1.0)
# The sketch of an admission filter is aged when it has seen so many views for each entry that fits.
_SAMPLE = 10
_NEW_AFTER = 1000
_COUNT_MAX = 15


class Policy(Protocol):
    """A memory of bounded size."""

    def view(self, picture: int) -> bool:
        """Shows a picture, and says whether it was there."""
        ...


class Kept:
    """One of cachetools' policies: whatever is shown is kept."""

    def __init__(self, cache: cachetools.Cache[int, int]) -> None:
        self._cache = cache

    def view(self, picture: int) -> bool:
        try:
            self._cache[picture]
        except KeyError:
            self._cache[picture] = picture
            return False
        return True


class Admitted:
    """An LRU behind TinyLFU's filter (Einziger, Friedman and Manes, 2017): a picture is kept only where it was shown
    more often lately than those that would have to go. How often is counted in a count-min sketch of four rows."""

    def __init__(self, size: int, sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._held: OrderedDict[int, None] = OrderedDict()  # the least recently shown first
        self._free = size
        entries = size * len(sizes) // sum(sizes)
        self._mask = (1 << max(10, (4 * entries).bit_length())) - 1
        self._rows = [bytearray(self._mask + 1) for _ in range(4)]
        self._seen, self._sample = 0, _SAMPLE * entries

    def view(self, picture: int) -> bool:
        self._count(picture)
        if picture in self._held:
            self._held.move_to_end(picture)
            return True
        self._admit(picture)
        return False

    def _admit(self, picture: int) -> None:
        free, victims = self._free - self._sizes[picture], []
        for victim in self._held:
            if free >= 0:
                break
            victims.append(victim)
            free += self._sizes[victim]
        often = self._often(picture)
        if all(often > self._often(victim) for victim in victims):
            for victim in victims:
                del self._held[victim]
            self._held[picture], self._free = None, free

    def _places(self, picture: int) -> Iterator[tuple[bytearray, int]]:
        mixed = picture * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        for row in self._rows:
            yield row, mixed >> 20 & self._mask
            mixed = mixed * 0xC2B2AE3D27D4EB4F & 0xFFFFFFFFFFFFFFFF

    def _often(self, picture: int) -> int:
        return min(row[place] for row, place in self._places(picture))

    def _count(self, picture: int) -> None:
        for row, place in self._places(picture):
            if row[place] < _COUNT_MAX:
                row[place] += 1
        self._seen += 1
        if self._seen >= self._sample:
            self._rows = [bytearray(count >> 1 for count in row) for row in self._rows]
            self._seen //= 2


def trace(pictures: int, views: int, exponent: float, *, aging: bool) -> Sequence[int]:
    """Numbers of pictures in the order in which they are shown.

    Either the number is a picture's rank for ever; or, where pictures are `aging`, a new one comes first after each
    thousand views, and all others are one rank further down from then on.
    """
    chance = random.Random(7)  # noqa: S311 - the same trace each time
    weights = list(itertools.accumulate((rank + 1) ** -exponent for rank in range(pictures)))
    ranks = chance.choices(range(pictures), cum_weights=weights, k=views)
    if not aging:
        return array("l", ranks)
    return array("l", ((rank - view // _NEW_AFTER) % pictures for view, rank in enumerate(ranks)))


def file_sizes(pictures: int) -> Sequence[int]:
    """What pictures weigh in memory: WebP files of 1024x1024, half of them between 50 kB and 120 kB."""
    chance = random.Random(8)  # noqa: S311 - the same sizes each time
    return array("l", (int(chance.lognormvariate(11.25, 0.65)) + OVERHEAD for _ in range(pictures)))


def hit_ratio(policy: Policy, views: Sequence[int]) -> float:
    """Of the second half of the trace: in the first half memory fills up."""
    half = len(views) // 2
    for picture in views[:half]:
        policy.view(picture)
    return sum(map(policy.view, views[half:])) / (len(views) - half)


def policies(size: int, sizes: Sequence[int]) -> dict[str, Policy]:
    weigh = sizes.__getitem__
    return {
        "LRU": Kept(cachetools.LRUCache(size, weigh)),
        "LRU behind TinyLFU": Admitted(size, sizes),
        "LFU": Kept(cachetools.LFUCache(size, weigh)),
        "FIFO": Kept(cachetools.FIFOCache(size, weigh)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=int, default=10_000_000)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    chosen = parser.parse_args()
    sizes = file_sizes(chosen.pictures)
    for exponent, aging in itertools.product(EXPONENTS, (False, True)):
        views = trace(chosen.pictures, chosen.views, exponent, aging=aging)
        for name, size in SIZES.items():
            ratios = {policy: hit_ratio(made, views) for policy, made in policies(size, sizes).items()}
            print(
                exponent,
                "aging" if aging else "static",
                name,
                *(f"{policy} {ratio:.3f}" for policy, ratio in ratios.items()),
                flush=True,
            )


if __name__ == "__main__":
    main()
