"""Bindings and verdicts over a store: what a URL was found to mean, and what the upstream refused to draw."""

import json
from dataclasses import dataclass

import cachetools

from promptcdn.generators.registry import bindings_folder
from promptcdn.observer import NO_OBSERVER, Observer, step
from promptcdn.problems import Unavailable, UnreadableObject
from promptcdn.spool import Spool
from promptcdn.stores import Folder, Name, Record, Store
from promptcdn.url import keys
from promptcdn.url.request import Resolved

REMEMBERED_BYTES = 32 * 1024 * 1024
_OVERHEAD = 1000


@dataclass(frozen=True)
class Bound:
    """A whole resolved request and the content key it had when it was bound: neither ever changes again."""

    resolved: Resolved
    content_key: str


def bound(resolved: Resolved) -> Bound:
    """`resolved` with the key that names its picture."""
    return Bound(resolved, keys.content_key(resolved))


class Bindings:
    """As-asked key → whole resolved request, written once; content key → the upstream's refusal.

    A generator may have a folder of its own for its bindings, which is read only while that generator is in use:
    sketches do. When a key is set, a demo's URLs become real pictures, and pictures that were paid for stay theirs when
    it is taken away again.
    """

    def __init__(
        self, store: Store, generator: str, spool: Spool | None = None, observer: Observer = NO_OBSERVER
    ) -> None:
        """What waits in `spool` is bound already as far as its URL can tell, and refused if it was refused."""
        self._store = store
        self._spool = spool
        self._observer = observer
        self._folders: tuple[Folder, ...] = tuple(dict.fromkeys(("bindings", bindings_folder(generator))))
        self._remembered: cachetools.LRUCache[str, Bound] = cachetools.LRUCache(REMEMBERED_BYTES, _weight)
        self._verdicts: cachetools.LRUCache[str, bool] = cachetools.LRUCache(100_000)

    @step("binding")
    async def of(self, as_asked_key: str) -> Bound | None:
        """What the URL is bound to. Raises `Unavailable`: what cannot be read must not be bound anew."""
        if (known := self._remembered.get(as_asked_key)) is not None:
            return known
        if (waiting := self._waiting(as_asked_key)) is not None:
            return waiting
        try:
            return await self._stored(as_asked_key)
        except Unavailable:
            if self._spool is not None:
                await self._spool.refresh()
            if (waiting := self._waiting(as_asked_key)) is None:
                raise
            return waiting

    @step("binding")
    async def bind(self, as_asked_key: str, wanted: Bound, made_at: int) -> Bound:
        """What the URL is bound to from now on: `wanted`, or what another was faster to write."""
        if (known := self._remembered.get(as_asked_key)) is not None:
            return known
        winner = await self._store.put(
            Name(bindings_folder(wanted.resolved.generator), as_asked_key), _written(wanted, made_at)
        )
        return self._remember(as_asked_key, _read(winner))

    async def filtered(self, content_key: str) -> bool:
        """Whether the upstream's filter refused this picture."""
        if content_key in self._verdicts or (self._spool is not None and self._spool.refuses(content_key)):
            return True
        if await self._store.look(Name("verdicts", content_key)) is None:
            return False
        self._verdicts[content_key] = True
        return True

    async def filter(self, refused: Bound, made_at: int) -> None:
        """Keeps the verdict: not paid for again, never shown."""
        self._verdicts[refused.content_key] = True
        await self._store.put(Name("verdicts", refused.content_key), _written(refused, made_at))

    async def _stored(self, as_asked_key: str) -> Bound | None:
        for folder in self._folders:
            record = await self._store.get(Name(folder, as_asked_key))
            if record is not None:
                return self._remember(as_asked_key, _read(record))
        return None

    def _waiting(self, as_asked_key: str) -> Bound | None:
        """Not remembered: it is not written, and another may be faster to write."""
        order = self._spool.ordered(as_asked_key) if self._spool is not None else None
        if order is None or bindings_folder(order.resolved.generator) not in self._folders:
            return None
        return Bound(order.resolved, order.content_key)

    def _remember(self, as_asked_key: str, known: Bound) -> Bound:
        self._remembered[as_asked_key] = known
        return known

    def forget(self, key: str) -> None:
        """Drops what memory has of a binding or a verdict: its object was deleted."""
        self._remembered.pop(key, None)
        self._verdicts.pop(key, None)

    @property
    def folders(self) -> tuple[Folder, ...]:
        """Where bindings are looked for."""
        return self._folders


def _written(wanted: Bound, made_at: int) -> Record:
    body = json.dumps({"content_key": wanted.content_key}).encode()
    return Record(body, "application/json", made_at, wanted.resolved.parameters())


def _read(record: Record) -> Bound:
    try:
        return Bound(Resolved.from_parameters(record.resolved), json.loads(record.body)["content_key"])
    except (TypeError, KeyError, ValueError) as error:
        detail = "the object that says which picture belongs to this URL was written by a newer version of promptcdn"
        raise UnreadableObject(f"{detail}: run that version") from error


def _weight(known: Bound) -> int:
    return _OVERHEAD + 4 * len(known.resolved.prompt) + 4 * len(known.resolved.negative_prompt or "")
