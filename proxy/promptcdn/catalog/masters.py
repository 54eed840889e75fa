"""Masters: the pictures as they are kept, in the store or still in the spool."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

import cachetools

from promptcdn import pictures, problems
from promptcdn.catalog.forgetting import Forgotten
from promptcdn.generators import registry
from promptcdn.pictures import validation
from promptcdn.problems import StoreUnavailable, UpstreamFailed
from promptcdn.spool import Paid, Spool
from promptcdn.stores import Header, Lineage, Name, Record, Store
from promptcdn.url.request import Resolved

if TYPE_CHECKING:
    from promptcdn.pictures import Pixels, Seen

_HEADERS_CACHED = 20_000
_CACHED_BYTES = 64 * 1024 * 1024
_PIXELS_BYTES = 32 * 1024 * 1024
_WEIGHT: Callable[[Record], int] = lambda record: len(record.body)  # noqa: E731 - a value of the caches
_SIZE: "Callable[[Pixels], int]" = lambda pixels: pixels.size  # noqa: E731

_T = TypeVar("_T")


class InThread(Protocol):
    """Runs what takes the processor for a while, such as decoding and encoding, beside the event loop."""

    def __call__(self, work: Callable[[], _T]) -> Awaitable[_T]: ...


class Masters:
    """Masters by content key. `forgotten` says which pictures were purged while work on them went on."""

    def __init__(
        self, store: Store, spool: Spool, forgotten: Forgotten, in_thread: InThread, just_stored: float
    ) -> None:
        """For `just_stored` seconds a new master is held in memory."""
        self._store = store
        self._spool = spool
        self._forgotten = forgotten
        self._in_thread = in_thread
        # Of what waits in the spool, where it lies as it came from the upstream.
        self._waiting: cachetools.LRUCache[str, Record] = cachetools.LRUCache(_CACHED_BYTES, _WEIGHT)
        self._just_stored: cachetools.TTLCache[str, Record] = cachetools.TTLCache(
            _CACHED_BYTES, just_stored, getsizeof=_WEIGHT
        )
        # By the digest of a new master: its pixels, until the rendition is made that somebody waits for.
        self._pixels: cachetools.TTLCache[str, Pixels] = cachetools.TTLCache(
            _PIXELS_BYTES, just_stored, getsizeof=_SIZE
        )
        # Masters are large to read for their size or their digest.
        self._headers: cachetools.LRUCache[str, Header] = cachetools.LRUCache(_HEADERS_CACHED)

    async def has(self, content_key: str) -> bool:
        """Whether the master is there now, or waits in the spool. Raises `StoreUnavailable`."""
        return await self._present(content_key) is not None

    async def header(self, content_key: str) -> Header | None:
        """What the master says of itself, its bytes unread; cached. Raises `StoreUnavailable`."""
        if (cached := self._headers.get(content_key)) is not None:
            return cached
        since = self._forgotten.now
        found = await self._present(content_key)
        # What waits in the spool gets its place in the store later.
        if found is not None and not self._spool.holds(content_key) and not self._forgotten.since(since, content_key):
            self._headers[content_key] = found
        return found

    async def get(self, content_key: str) -> Record | None:
        """The master that waits in the spool, else the one in the store. Raises `StoreUnavailable`."""
        if self._spool.holds(content_key):
            if (master := self._waiting.get(content_key)) is not None:
                return master
            if (paid := await self._spool.get(content_key)) is not None:
                return await self._validated_before(paid)
        return await self._store.get(Name("masters", content_key))

    async def validated(self, paid: Paid) -> Record:
        """The master that a generator's answer comes to. Raises `UpstreamFailed` where it may not be kept."""
        master, pixels = await self._in_thread(lambda: _validated(paid))
        if pixels.size <= self._pixels.maxsize:
            self._pixels[master.sha256] = pixels
            # Nobody may want a rendition, and a cache forgets what is over only when it is used.
            asyncio.get_running_loop().call_later(self._pixels.ttl, self._pixels.expire)
        return master

    def take_pixels(self, master: Record) -> "Pixels | None":
        """The master's pixels, if it was validated here a moment ago; once, so that memory is free again."""
        pixels: Pixels | None = self._pixels.pop(master.sha256, None)
        return pixels

    async def keep(self, content_key: str, master: Record) -> None:
        """Stores a master for ever. Raises `StoreUnavailable`."""
        since = self._forgotten.now
        winner = await self._store.put(Name("masters", content_key), master)
        self._just_stored[content_key] = winner
        if not self._forgotten.since(since, content_key):
            self._headers[content_key] = winner.header
        if winner.sha256 != master.sha256:
            # Another machine was first, and if the binding is still missing this is what is shown until then.
            self._remember(content_key, winner)

    def just_stored(self, content_key: str) -> Record | None:
        """The master, if it was stored here a moment ago: whoever waits for a new picture reads it back at once."""
        record: Record | None = self._just_stored.get(content_key)
        return record

    def forget(self, content_key: str) -> None:
        """Drops what memory has of a master."""
        for cache in (self._headers, self._waiting, self._just_stored):
            cache.pop(content_key, None)

    def settled(self, content_key: str) -> bool:
        """Drops what memory has of a master that waited, and is in the store by now. Whether it had any."""
        return self._waiting.pop(content_key, None) is not None

    async def _present(self, content_key: str) -> Header | None:
        """The header of the master in the store; unknown is not absent, then the spool may have it."""
        try:
            return await self._look(content_key)
        except StoreUnavailable:
            if (stored := self.just_stored(content_key)) is not None:
                return stored.header
            await self._spool.refresh()
            if not self._spool.holds(content_key):
                raise
            return await self._look(content_key)

    async def _look(self, content_key: str) -> Header | None:
        if self._spool.holds(content_key):
            master = await self.get(content_key)
            return None if master is None else master.header
        return await self._store.look(Name("masters", content_key))

    async def _validated_before(self, paid: Paid) -> Record | None:
        if paid.made.filtered:
            return None
        try:
            master = await self.validated(paid)
        except UpstreamFailed:
            return None
        self._remember(paid.order.content_key, master)
        return master

    def _remember(self, content_key: str, master: Record) -> None:
        if len(master.body) <= self._waiting.maxsize:
            self._waiting[content_key] = master


def _validated(paid: Paid) -> "tuple[Record, Pixels]":
    """The master and its pixels. It takes time, since the picture is decoded and hashed."""
    answer, resolved = paid.made, paid.order.resolved
    picture, seen = _in_size(answer.picture, resolved)
    decoded = None if seen is None else seen.decoded
    defect = validation.defect(resolved, decoded, answer.seed_sent, answer.seed_echo)
    if seen is None or defect:
        raise UpstreamFailed(problems.UPSTREAM_GARBLED, str(defect), charged=True)
    clean = pictures.master(picture, paid.mark or registry.source_type(resolved.generator), seen.pixels)
    master = Record(clean, "image/png", paid.made_at, resolved.parameters(), Lineage(after=paid.after))
    return master.hashed(), seen.pixels


def _in_size(picture: bytes, resolved: Resolved) -> "tuple[bytes, Seen | None]":
    """The picture, and what decoding it shows. Where the upstream could be asked for a shape only, a picture of about
    that shape is brought to the size that was asked of us."""
    seen = pictures.seen(picture)
    if seen is None or seen.decoded.size == resolved.size or not registry.limits(resolved).by_shape:
        return picture, seen
    if not validation.near(resolved.size, seen.decoded):
        return picture, seen
    fitted = pictures.fitted(picture, resolved.size)
    return fitted, pictures.seen(fitted)
