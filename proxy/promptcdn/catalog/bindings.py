"""Bindings and verdicts over a store: what a URL was found to mean, and what the upstream refused to draw."""

import asyncio
import json

import cachetools

from promptcdn.catalog.forgetting import Forgotten
from promptcdn.generators.registry import bindings_folder, bindings_folders
from promptcdn.observer import NO_OBSERVER, Observer, step
from promptcdn.problems import Unavailable, UnreadableObject
from promptcdn.spool import Spool
from promptcdn.stores import Folder, Name, Record, Store
from promptcdn.url.order import Order
from promptcdn.url.request import Resolved

_CACHED_BYTES = 32 * 1024 * 1024
_OVERHEAD = 1000


class Bindings:
    """As-asked key → whole resolved request, written once; content key → the upstream's refusal.

    A generator may have a folder of its own for its bindings, which is read only for URLs that it would draw today:
    sketches do. When a key is set, a demo's URLs become real pictures, and pictures that were paid for stay theirs when
    it is taken away again.
    """

    def __init__(self, store: Store, spool: Spool | None = None, observer: Observer = NO_OBSERVER) -> None:
        """What waits in `spool` is bound already as far as its URL can tell, and refused if it was refused."""
        self._store = store
        self._spool = spool
        self._observer = observer
        self._cached: cachetools.LRUCache[str, Order] = cachetools.LRUCache(_CACHED_BYTES, _weight)
        self._forgotten = Forgotten()
        self._verdicts: cachetools.LRUCache[str, bool] = cachetools.LRUCache(100_000)

    @step("binding")
    async def of(self, as_asked_key: str, generator: str | None = None) -> Order | None:
        """What the URL is bound to; `generator` is the one that would draw it today.

        Raises `Unavailable`: what cannot be read must not be bound anew.
        """
        if (cached := self._cached.get(as_asked_key)) is not None:
            return cached
        folders = bindings_folders(() if generator is None else (generator,))
        if (waiting := self._waiting(as_asked_key, folders)) is not None:
            return waiting
        try:
            return await self._stored(as_asked_key, folders)
        except Unavailable:
            if self._spool is not None:
                await self._spool.refresh()
            if (waiting := self._waiting(as_asked_key, folders)) is None:
                raise
            return waiting

    def known(self, as_asked_key: str) -> bool:
        """Whether memory has what the URL is bound to."""
        return as_asked_key in self._cached

    @step("binding")
    async def bind(self, order: Order, made_at: int) -> Order:
        """What the URL of `order` is bound to from now on: `order`, or what another process was faster to write."""
        if (cached := self._cached.get(order.as_asked_key)) is not None:
            return cached
        name = Name(bindings_folder(order.resolved.generator), order.as_asked_key)
        return self._remember(_read(name, await self._store.put(name, _written(order, made_at))))

    async def filtered(self, content_key: str) -> bool:
        """Whether the upstream's filter refused this picture."""
        if content_key in self._verdicts or (self._spool is not None and self._spool.refuses(content_key)):
            return True
        if await self._store.look(Name("verdicts", content_key)) is None:
            return False
        self._verdicts[content_key] = True
        return True

    async def filter(self, refused: Order, made_at: int) -> None:
        """Keeps the verdict: the picture is not paid for again, and never shown."""
        self._verdicts[refused.content_key] = True
        await self._store.put(Name("verdicts", refused.content_key), _written(refused, made_at))

    async def _stored(self, as_asked_key: str, folders: tuple[Folder, ...]) -> Order | None:
        since = self._forgotten.now
        names = [Name(folder, as_asked_key) for folder in folders]
        # All at once: each is a round trip to a bucket. One that is not known counts where none before it is there.
        found = await asyncio.gather(*map(self._store.get, names), return_exceptions=True)
        for name, record in zip(names, found, strict=True):
            if isinstance(record, BaseException):
                raise record
            if record is not None:
                order = _read(name, record)
                # 1: the binding is read. 2: it is deleted, so that the URL is bound anew. 3: memory must not have it.
                return order if self._forgotten.since(since, as_asked_key) else self._remember(order)
        return None

    def _waiting(self, as_asked_key: str, folders: tuple[Folder, ...]) -> Order | None:
        """The order of what waits in the spool. It is not cached: another process may be faster to write a binding."""
        order = self._spool.ordered(as_asked_key) if self._spool is not None else None
        if order is None or bindings_folder(order.resolved.generator) not in folders:
            return None
        return order

    def _remember(self, order: Order) -> Order:
        self._cached[order.as_asked_key] = order
        return order

    def forget(self, key: str) -> None:
        """Drops what memory has of a binding or a verdict: its object was deleted."""
        self._forgotten.mark(key)
        self._cached.pop(key, None)
        self._verdicts.pop(key, None)


def _written(order: Order, made_at: int) -> Record:
    body = json.dumps({"content_key": order.content_key}).encode()
    return Record(body, "application/json", made_at, order.resolved.parameters())


def _read(name: Name, record: Record) -> Order:
    try:
        resolved, content_key = Resolved.from_parameters(record.resolved), json.loads(record.body)["content_key"]
    except (TypeError, KeyError, ValueError) as error:
        detail = "the object that says which picture belongs to this URL was written by a newer version of promptcdn"
        raise UnreadableObject(f"{detail}: run that version") from error
    return Order(name.leaf, resolved, content_key)


def _weight(order: Order) -> int:
    return _OVERHEAD + 4 * len(order.resolved.prompt) + 4 * len(order.resolved.negative_prompt or "")
