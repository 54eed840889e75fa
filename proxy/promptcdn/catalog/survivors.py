"""What is left of a picture whose master was lost, and the stand-in that is made of it.

A rendition shows the same picture as the master it was made of, so it comes before a new payment, after which the URL
would show another picture. What a purge deleted on purpose is not brought back by a rendition that outlived the purge.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from promptcdn import pictures
from promptcdn.catalog.memory import Memory
from promptcdn.catalog.purges import PurgeNote
from promptcdn.generators.registry import source_type
from promptcdn.pictures.sizing import Variant, best_stand_in
from promptcdn.stores import Header, Lineage, Name, Record, Store

_WHOLE_PNG = Variant("png")


class Survivors:
    """Looks for renditions of a lost master in the store and in memory. `in_thread` runs what decodes and encodes."""

    def __init__(
        self, store: Store, memory: Memory, in_thread: Callable[[Callable[[], bytes]], Awaitable[bytes]]
    ) -> None:
        self._store = store
        self._memory = memory
        self._in_thread = in_thread

    async def any(self, content_key: str) -> bool:
        """Whether anything is left of the picture. Raises `StoreUnavailable`."""
        return bool(await self._stored(content_key))

    async def stand_in(self, content_key: str, resolved: Mapping[str, Any] | None) -> Record | None:
        """A master made of the rendition that is nearest to the lost one; `None` where nothing is left of the picture.

        `resolved` is the request that the picture was made for, where the caller knows it: what only memory holds does
        not say. Raises `StoreUnavailable`.
        """
        stored = await self._stored(content_key)
        known = resolved or next((header.resolved for header in stored.values()), None)
        held = self._held(content_key, known) if known else {}
        best = best_stand_in([*stored, *held])
        if best is None:
            return None
        source = held.get(best) or await self._store.get(_name(content_key, best))
        if source is None:
            # It was corrupt, and is set aside by now: the next best is looked for.
            return await self.stand_in(content_key, resolved)
        return await self._as_master(source, best)

    async def _as_master(self, source: Record, made: Variant) -> Record:
        if made == _WHOLE_PNG:
            # The master itself, or what stood in for it before.
            after = source.lineage.after
            is_first = source.sha256 == source.picture
            lineage = Lineage(after=after) if is_first else Lineage(source.picture, made.label, after)
            return replace(source, lineage=lineage)
        said = source.resolved
        size, mark = (said["width"], said["height"]), source_type(said["generator"])
        png = await self._in_thread(lambda: pictures.restored(source.body, size, mark))
        lineage = Lineage(source.picture, made.label, source.lineage.after)
        return Record(png, "image/png", source.made_at, said, lineage)

    def _held(self, content_key: str, resolved: Mapping[str, Any]) -> dict[Variant, Record]:
        """What memory has of the picture, as far as the master is known that it was made of."""
        return {
            made: Record(held.body, held.media_type, held.made_at, resolved, Lineage(held.picture, after=held.after))
            for label, held in self._memory.held(content_key).items()
            if held.picture and (made := Variant.parse(label))
        }

    async def _stored(self, content_key: str) -> dict[Variant, Header]:
        """The stored renditions that no purge was meant for."""
        found: dict[Variant, Header] = {}
        for name in await self._store.names("renditions", content_key):
            made = Variant.parse(name.leaf.partition(".")[2])
            header = await self._store.look(name)
            if made is not None and header is not None:
                found[made] = header
        if not found:
            return found
        purged = await self._purged(content_key)
        return {made: header for made, header in found.items() if not purged(header)}

    async def _purged(self, content_key: str) -> Callable[[Header], bool]:
        """Whether a rendition was to be deleted by one of the purges that the store has notes of.

        What is made anew may have the same bytes as what was purged, and names the purge that it came after.
        """
        notes: list[tuple[int, int, frozenset[str] | None]] = []
        for name, parsed in PurgeNote.each(await self._store.names("purges", content_key)).items():
            if (note := await self._store.get(name)) is not None:
                pictures_ = json.loads(note.body).get("pictures")
                # An older version's note does not say which picture it was about: it was about all before it.
                notes.append((note.made_at, parsed.moment, None if pictures_ is None else frozenset(pictures_)))
        return lambda header: any(
            header.made_at <= at if pictures_ is None else header.picture in pictures_ and header.lineage.after < moment
            for at, moment, pictures_ in notes
        )


def _name(content_key: str, made: Variant) -> Name:
    return Name("renditions", f"{content_key}.{made.label}")
