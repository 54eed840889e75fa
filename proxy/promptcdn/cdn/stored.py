"""Stored pictures: who is shown one, and who has it already (304).

tombstone → memory → store → tombstone
"""

from promptcdn import problems
from promptcdn.catalog.read_ahead import Ahead
from promptcdn.catalog.removals import Removals
from promptcdn.catalog.renditions import Found, Renditions
from promptcdn.readers.answers import Answer, Reply, Unchanged
from promptcdn.readers.cache_policies import POLICIES, Outcome
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.readers.rendition import CacheStatus
from promptcdn.url.engines import Size
from promptcdn.url.request import Delivery


class StoredPictures:
    """Answers with what is stored, and with nothing of what the operator took down."""

    def __init__(self, renditions: Renditions, removals: Removals) -> None:
        self._renditions = renditions
        self._removals = removals

    async def find(
        self,
        content_key: str,
        delivery: Delivery,
        size: Size | None = None,
        condition: Condition = NOTHING,
        *,
        new: bool = False,
        ahead: Ahead | None = None,
    ) -> Answer | Unchanged | None:
        """The picture, or that the asker has it. `size`, `new` and `ahead` as in `Renditions.find`. Raises `Problem`.

        No rendition is made for an asker whose `condition` names the picture.
        """
        await self._require_not_removed(content_key)
        tag = condition.tag_of(content_key)
        found = await self._renditions.find(content_key, delivery, size, encode=tag is None, new=new, ahead=ahead)
        if found is None and tag is not None and await self._was_remade(content_key):
            tag, found = None, await self._renditions.find(content_key, delivery, size)
        if found is None or found.place != "memory":
            await self._require_not_removed(content_key)  # while it was read or encoded
        if found is not None:
            return _answer(found, CacheStatus(found.place, stored=found.rendition.stored))
        return None if tag is None else Unchanged(content_key, tag)

    def read_ahead(self, content_key: str, delivery: Delivery, size: Size, condition: Condition) -> Ahead | None:
        """Begins to read a picture that `find` is most likely asked for; `None` where memory has it."""
        encode = condition.tag_of(content_key) is None
        return self._renditions.read_ahead(content_key, delivery, size, encode=encode)

    async def find_made(
        self, content_key: str, delivery: Delivery, size: Size, patience: float, *, collapsed: bool
    ) -> Answer | None:
        """The picture that was made just now; its rendition is awaited for `patience` seconds. Raises `Problem`.

        `collapsed`: by a flight that another request began (RFC 9211 section 2.6).
        """
        await self._require_not_removed(content_key)  # while it was made
        found = await self._renditions.find(content_key, delivery, size, patience=patience, made=True)
        await self._require_not_removed(content_key)  # while it was encoded
        if found is None:
            return None
        return _answer(found, CacheStatus.missed(found.rendition, collapsed=collapsed))

    async def removed(self, content_key: str) -> bool:
        """Whether the operator took the picture down. Raises `Unavailable`."""
        return await self._removals.removed(content_key)

    async def _require_not_removed(self, content_key: str) -> None:
        if await self._removals.removed(content_key):
            raise problems.removed()

    async def _was_remade(self, content_key: str) -> bool:
        """Whether another picture was shown under this key before: then half of a tag does not say which one."""
        header = await self._renditions.header(content_key)
        return header is not None and header.lineage.remade


def conditional(reply: Reply, condition: Condition) -> Reply:
    """`Unchanged` in place of a picture that the asker has (RFC 9110 section 13.2)."""
    if not isinstance(reply, Answer) or not POLICIES[reply.outcome].validators:
        return reply
    if not condition.is_met_by(reply.rendition, was_there=reply.status.hit is not None):
        return reply
    tag = reply.rendition.etag
    return Unchanged(reply.content_key, tag, reply.outcome, reply.location, reply.until, reply.status)


def _answer(found: Found, status: CacheStatus) -> Answer:
    outcome = Outcome.SEEDED if found.rendition.stored else Outcome.UNSTORED
    return Answer(found.rendition, outcome, status, found.variant)
