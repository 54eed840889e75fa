"""What was purged stays away: notes of purges, and a store that does not show what a note is about.

A purge deletes objects, and a process that does not know of the purge may write them again: from its memory, or from
what it was reading. A note names the picture, so whoever has read it takes what comes back for absent and deletes it.
What is made anew may have the same bytes as before; it names the purge that it came after, and is shown.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, Header, Lineage, Name, Record, Store

_LOST = "lost"
_TRIES = 3
_SHOWN: tuple[Folder, ...] = ("masters", "renditions")


@dataclass(frozen=True)
class PurgeNote:
    """A purge of `key` at `moment` (nanoseconds of the Unix clock), and of which picture: the SHA-256 (hex) of its
    first master, `None` where nothing of it was stored. `lost`: nobody wanted the picture to be deleted."""

    key: str
    moment: int
    picture: str | None = None
    lost: bool = False

    @property
    def name(self) -> Name:
        """Where the note is stored. All of it is in its name, so that a list of names says everything."""
        parts = (self.key, str(self.moment), _LOST if self.lost else "", self.picture or "")
        return Name("purges", ".".join(part for part in parts if part))

    @classmethod
    def parse(cls, name: Name) -> Self:
        """The inverse of `name`. Raises `ValueError` for what is no note."""
        key, moment, *rest = name.leaf.split(".")
        picture = next((part for part in rest if part != _LOST), None)
        return cls(key, int(moment), picture, _LOST in rest)

    @classmethod
    def each(cls, names: Iterable[Name]) -> dict[Name, Self]:
        """The notes among these names."""
        found = {}
        for name in names:
            with suppress(ValueError):
                found[name] = cls.parse(name)
        return found


class Purged:
    """The notes that this process has read."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, int]] = {}

    def update(self, notes: Iterable[PurgeNote]) -> None:
        """Takes over `notes`: they are all that there are now."""
        of: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for note in notes:
            if note.picture is not None:
                moments = of[note.key]
                moments[note.picture] = max(note.moment, moments.get(note.picture, 0))
        self._of = dict(of)

    def has(self, content_key: str, picture: str, lineage: Lineage) -> bool:
        """Whether an object of that picture was purged, and not made anew since."""
        return lineage.after < self._of.get(content_key, {}).get(picture, 0)


class UnpurgedStore:
    """A store in which what was purged is absent, also where somebody has written it again."""

    def __init__(self, store: Store, purged: Purged) -> None:
        self._store = store
        self._purged = purged

    async def get(self, name: Name) -> Record | None:
        record = await self._store.get(name)
        return None if record is None or self._is_purged(name, record.header) else record

    async def look(self, name: Name) -> Header | None:
        header = await self._store.look(name)
        return None if header is None or self._is_purged(name, header) else header

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        return await self._store.names(folder, leaf)

    async def delete(self, name: Name) -> None:
        await self._store.delete(name)

    async def put(self, name: Name, record: Record) -> Record:
        """As a store's. What was purged makes room for `record`, and is not stored itself."""
        for _ in range(_TRIES):
            winner = await self._store.put(name, record)
            if not self._is_purged(name, winner.header):
                return winner
            await self._store.delete(name)
            if self._is_purged(name, record.header):
                # 1: a rendition is read or encoded. 2: its picture is purged. 3: nothing of it may stay.
                return record
        raise StoreUnavailable("another process goes on storing what was purged")

    async def close(self) -> None:
        await self._store.close()

    def _is_purged(self, name: Name, header: Header) -> bool:
        key = name.leaf.partition(".")[0]
        return name.folder in _SHOWN and self._purged.has(key, header.picture, header.lineage)
