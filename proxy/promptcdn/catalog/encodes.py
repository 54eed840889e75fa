"""One encode: a variant of a master, stored where it is worth keeping, and tied to that very master."""

from typing import TYPE_CHECKING

from promptcdn import pictures
from promptcdn.catalog.forgetting import Forgotten
from promptcdn.catalog.masters import InThread
from promptcdn.generators.registry import source_type
from promptcdn.observer import Observer
from promptcdn.pictures.sizing import Variant
from promptcdn.problems import StoreUnavailable
from promptcdn.readers.rendition import Rendition
from promptcdn.spool import Spool
from promptcdn.stores import Lineage, Name, Record, Store
from promptcdn.url import formats

if TYPE_CHECKING:
    from promptcdn.pictures import Pixels

_TRIES = 2


class Encoder:
    """Encodes masters. `in_thread` runs what takes time; `forgotten` says which pictures were purged meanwhile."""

    def __init__(
        self,
        store: Store,
        spool: Spool,
        forgotten: Forgotten,
        in_thread: InThread,
        observer: Observer,
    ) -> None:
        self._store = store
        self._spool = spool
        self._forgotten = forgotten
        self._in_thread = in_thread
        self._observer = observer

    async def encoded(
        self, content_key: str, variant: Variant, master: Record, since: int, pixels: "Pixels | None" = None
    ) -> Rendition | None:
        """A variant of `master`; if it is kept, what another encoder stored before is what is served. `pixels` are the
        master's, where they are at hand.

        `None` where the picture was purged after `since`, when `master` was read: then nothing of it stays stored.
        """
        record = await self._in_thread(lambda: _made(variant, master, pixels))
        self._observer.encoded(record.media_type)
        if self._forgotten.since(since, content_key):
            return None
        if self._spool.holds(content_key):
            return as_sent(content_key, record, stored=False)
        if not variant.kept:
            return as_sent(content_key, record)
        try:
            winner = await self._stored(rendition_name(content_key, variant), record, master)
        except StoreUnavailable:
            return as_sent(content_key, record, stored=False)
        if self._forgotten.since(since, content_key):
            await self._store.delete(rendition_name(content_key, variant))
            return None
        return as_sent(content_key, winner)

    async def _stored(self, name: Name, record: Record, master: Record) -> Record:
        """What is stored from now on: `record`, or what another encoder made of the same master.

        1: a process that is slow reads a master. 2: that master is lost, and made anew. 3: the slow one stores what it
        made of the first: whoever meets that takes it away.
        """
        for _ in range(_TRIES):
            winner = await self._store.put(name, record)
            if winner.header.is_made_of(master.header):
                return winner
            await self._store.delete(name)
        return record


def _made(variant: Variant, master: Record, pixels: "Pixels | None") -> Record:
    """The variant as an object. It takes time."""
    body = pictures.encoded(master.body, variant, mark_of(master), pixels)
    lineage = Lineage(master.picture, after=master.lineage.after)
    media_type = formats.BY_NAME[variant.format].media_type
    return Record(body, media_type, master.made_at, master.resolved, lineage).hashed()


def mark_of(record: Record) -> str:
    """The mark of a stored picture, which what is made of its file carries on."""
    return pictures.source_type(record.body) or source_type(str(record.resolved["generator"]))


def as_sent(content_key: str, record: Record, *, stored: bool = True) -> Rendition:
    """A record as the rendition that is answered."""
    picture, after, digest = record.picture, record.lineage.after, bytes.fromhex(record.sha256)
    return Rendition(content_key, record.body, record.media_type, record.made_at, stored, picture, after, digest)


def rendition_name(content_key: str, variant: Variant) -> Name:
    """Where a variant is stored."""
    return Name("renditions", f"{content_key}.{variant.label}")
