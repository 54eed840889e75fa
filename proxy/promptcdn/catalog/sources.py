"""The pictures that a new one is made from: whether they are there, their size, and their files for the generator."""

from collections.abc import Callable

from promptcdn import pictures
from promptcdn.catalog.removals import Removals
from promptcdn.catalog.renditions import Renditions
from promptcdn.generators import NO_SOURCES, Sources
from promptcdn.problems import SourceMissing, source_removed
from promptcdn.url.engines import IMAGE_TO_IMAGE, Size
from promptcdn.url.request import Asked, Resolved

# A chain of pictures may be long, and /info is asked by anybody.
_ORIGINS_MAX = 20


class SourcePictures:
    """Stored pictures, as another one is made from them. They are named by content keys, so that no URL of a reader is
    ever fetched, and so that no picture can be made from itself."""

    def __init__(self, renditions: Renditions, removals: Removals) -> None:
        self._renditions = renditions
        self._removals = removals

    async def init_size(self, asked: Asked) -> Size | None:
        """The size of the picture `init`; `None` where there is none.

        Raises `SourceMissing`, and `Problem` (410) for a picture that was taken down, for `mask` too.
        """
        sizes = {name: await self._size(name, key) for name, key in asked.sources.items()}
        return sizes.get("init")

    async def read(self, resolved: Resolved) -> Sources:
        """The files for the generator, as `Sources` describes them. Raises as `init_size` does, by the store itself:
        what follows may cost money."""
        if resolved.init is None:
            return NO_SOURCES
        for name, key in resolved.sources.items():
            if await self._removals.surely_removed(key):
                raise source_removed(name, key)
            await self._size(name, key)  # a lost master may have something that stands in for it
        size = resolved.size
        own = None if resolved.upscale is not None else size
        init, mark = await self._worked("init", resolved.init, lambda master: pictures.as_init(master, own))
        if resolved.mask is None:
            return Sources(init, marks=(mark,))
        mask, masks = await self._worked("mask", resolved.mask, lambda master: pictures.as_mask(master, size))
        return Sources(init, mask, (mark, masks))

    async def origins(self, resolved: Resolved) -> frozenset[str]:
        """The generators of the pictures that it is made from, of those that these were made from, and so on: as far
        as they are stored, and `_ORIGINS_MAX` of them at most. Raises `StoreUnavailable`."""
        found: set[str] = set()
        looked: set[str] = set()
        ahead = list(resolved.sources.values())
        while ahead and len(looked) < _ORIGINS_MAX:
            key = ahead.pop()
            header = None if key in looked else await self._renditions.header(key)
            looked.add(key)
            if header is not None:
                found.add(str(header.resolved["generator"]))
                ahead += (header.resolved[name] for name in IMAGE_TO_IMAGE if name in header.resolved)
        return frozenset(found)

    async def _worked(
        self, parameter: str, content_key: str, work: Callable[[bytes], bytes]
    ) -> tuple[bytes, str | None]:
        """What `work` makes of a stored picture, and its mark. Raises `SourceMissing`."""
        worked = await self._renditions.worked(content_key, lambda master: (work(master), pictures.source_type(master)))
        if worked is None:
            raise SourceMissing(parameter, content_key)
        return worked

    async def _size(self, parameter: str, content_key: str) -> Size:
        if await self._removals.removed(content_key):
            raise source_removed(parameter, content_key)
        header = await self._renditions.header(content_key)
        if header is None and await self._renditions.restore(content_key):
            header = await self._renditions.header(content_key)
        if header is None:
            raise SourceMissing(parameter, content_key)
        return header.resolved["width"], header.resolved["height"]
