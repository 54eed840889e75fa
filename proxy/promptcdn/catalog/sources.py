"""The pictures that a new one is made from: whether they are there, their size, and their files for the generator."""

from promptcdn import pictures
from promptcdn.catalog.removals import Removals
from promptcdn.catalog.renditions import Renditions
from promptcdn.generators import NO_SOURCES, Sources
from promptcdn.problems import SourceMissing, source_removed
from promptcdn.url.engines import Size
from promptcdn.url.request import Asked, Resolved


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
        init = await self._renditions.worked(resolved.init, lambda master: pictures.as_init(master, own))
        if init is None:
            raise SourceMissing("init", resolved.init)
        if resolved.mask is None:
            return Sources(init)
        mask = await self._renditions.worked(resolved.mask, lambda master: pictures.as_mask(master, size))
        if mask is None:
            raise SourceMissing("mask", resolved.mask)
        return Sources(init, mask)

    async def _size(self, parameter: str, content_key: str) -> Size:
        if await self._removals.removed(content_key):
            raise source_removed(parameter, content_key)
        header = await self._renditions.header(content_key)
        if header is None and await self._renditions.restore(content_key):
            header = await self._renditions.header(content_key)
        if header is None:
            raise SourceMissing(parameter, content_key)
        return header.resolved["width"], header.resolved["height"]
