"""What is left of a picture whose master was lost, and the stand-in that is made of it.

A rendition shows the same picture as the master it was made of, so it comes before a new payment, after which the URL
would show another picture. What a purge deleted on purpose is not brought back by a rendition that outlived the purge.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from promptcdn import pictures
from promptcdn.catalog.encodes import mark_of, rendition_name
from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.purges import Purged, PurgeNote
from promptcdn.pictures.sizing import Variant, best_stand_in
from promptcdn.stores import Header, Lineage, Record, Store

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
        resolved = resolved or next((header.resolved for header in stored.values()), None)
        held = self._held(content_key, resolved) if resolved else {}
        best = best_stand_in([*stored, *held])
        if best is None:
            return None
        source = held.get(best) or await self._store.get(rendition_name(content_key, best))
        if source is None:
            # It was corrupt, and is set aside by now: the next best is looked for.
            return await self.stand_in(content_key, resolved)
        return await self._as_master(source, best)

    async def _as_master(self, source: Record, variant: Variant) -> Record:
        if variant == _WHOLE_PNG:
            # The master itself, or what stood in for it before.
            after = source.lineage.after
            is_first = source.sha256 == source.picture
            lineage = Lineage(after=after) if is_first else Lineage(source.picture, variant.label, after)
            return replace(source, lineage=lineage)
        resolved = source.resolved
        size, mark = (resolved["width"], resolved["height"]), mark_of(source)
        png = await self._in_thread(lambda: pictures.restored(source.body, size, mark))
        lineage = Lineage(source.picture, variant.label, source.lineage.after)
        return Record(png, "image/png", source.made_at, resolved, lineage)

    def _held(self, content_key: str, resolved: Mapping[str, Any]) -> dict[Variant, Record]:
        """What memory has of the picture, as far as the master is known that it was made of."""
        return {
            variant: Record(held.body, held.media_type, held.made_at, resolved, Lineage(held.picture, after=held.after))
            for label, held in self._memory.held(content_key).items()
            if held.picture and (variant := Variant.parse(label))
        }

    async def _stored(self, content_key: str) -> dict[Variant, Header]:
        """The stored renditions that no purge was meant for."""
        found: dict[Variant, Header] = {}
        for name in await self._store.names("renditions", content_key):
            variant = Variant.parse(name.leaf.partition(".")[2])
            header = await self._store.look(name)
            if variant is not None and header is not None:
                found[variant] = header
        if not found:
            return found
        purged = await self._purged(content_key)
        return {variant: header for variant, header in found.items() if not purged(header)}

    async def _purged(self, content_key: str) -> Callable[[Header], bool]:
        """Whether a rendition was to be deleted by one of the purges that the store has notes of.

        What is made anew may have the same bytes as what was purged, and names the purge that it came after.
        """
        notes: list[PurgeNote] = []
        all_before = -1
        for name, note in PurgeNote.each(await self._store.names("purges", content_key)).items():
            if note.picture is not None:
                notes.append(note)
            elif (older := await self._store.get(name)) is not None:
                # Older versions name the pictures in the body, or were about all that was made before.
                named = json.loads(older.body).get("pictures")
                notes.extend(replace(note, picture=picture) for picture in named or ())
                all_before = max(all_before, older.made_at if named is None else -1)
        purged = Purged()
        purged.update(notes)
        return lambda header: header.made_at <= all_before or purged.has(content_key, header.picture, header.lineage)
