"""The random stream: every choice of a picture comes from here, in order, and from nothing else."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")

_BLOCK = 4096


class Stream:
    """Integers drawn from SHAKE-256 of a name: equal names give equal streams on every machine and Python."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._block = 0
        self._bytes = b""
        self._at = 0

    def child(self, label: str) -> "Stream":
        """A stream of its own, so that one part of a picture may draw more without moving the others."""
        return Stream(f"{self._name}/{label}")

    def below(self, limit: int) -> int:
        """An integer from 0 up to `limit`, which stays out."""
        if self._at >= len(self._bytes):
            self._refill()
        self._at += 4
        return int.from_bytes(self._bytes[self._at - 4 : self._at], "big") % limit

    def between(self, least: int, most: int) -> int:
        """An integer from `least` to `most`, both included."""
        return least + self.below(most - least + 1) if most > least else least

    def pick(self, choices: Sequence[_T]) -> _T:
        """One of `choices`."""
        return choices[self.below(len(choices))]

    def chance(self, percent: int) -> bool:
        """True in `percent` of a hundred cases."""
        return self.below(100) < percent

    def _refill(self) -> None:
        self._bytes = hashlib.shake_256(f"{self._name}#{self._block}".encode()).digest(_BLOCK)
        self._block += 1
        self._at = 0
