"""Pictures for chats: the same `cdn` as of every URL, waited for as long as a chat takes answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from promptcdn import problems
from promptcdn.faces.chats import orders, words
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Asker
from promptcdn.readers.clients import Client
from promptcdn.url import signing
from promptcdn.url.parse import canonical_url, permalink
from promptcdn.url.request import Asked, Delivery, Request, Resolved
from promptcdn.url.snippets import snippets
from promptcdn.wiring import Service

PNG = Delivery(format="png")
# Characters of a prompt that describe a picture where all of them would be too many.
_SHORT = 200


@dataclass(frozen=True)
class Picture:
    """A picture that is stored, or about to be: its file, and what it was ordered by."""

    content_key: str
    body: bytes
    media_type: str
    prompt: str
    seed: int


@dataclass(frozen=True)
class Refusal:
    """Why there is no picture, as people are told."""

    sentence: str


class Maker:
    """Makes pictures of orders, and finds those that buttons are about."""

    def __init__(self, service: Service, public_url: str) -> None:
        """`public_url` begins the addresses of pictures."""
        self._service = service
        self._public_url = public_url
        self._drained = asyncio.Event()

    def drained(self) -> None:
        """The service ends, and the pictures that were under way are stored or given up."""
        self._drained.set()

    async def made(self, request: Request, client: Client, patience: float, *, making: bool = True) -> Picture:
        """The picture of a request. Raises `Problem`, also where none may be made and it is not stored.

        When the service is stopped, the picture under way is waited for and found as it was stored.
        """
        asker = Asker(self._service.clock.monotonic() + patience, client, making=making)
        delivered = replace(request, delivery=replace(request.delivery, format=PNG.format))
        try:
            return await self._found(delivered, asker)
        except Problem as problem:
            if problem.kind is not problems.DRAINING:
                raise
            await self._drained.wait()
            return await self._found(delivered, replace(asker, making=False))

    async def outcomes(self, requests: Sequence[Request], client: Client, patience: float) -> list[Picture | Refusal]:
        """What becomes of each of these orders from a chat, made at the same time."""
        return list(await asyncio.gather(*(self._outcome(self._vouched(one), client, patience) for one in requests)))

    async def order(self, content_key: str) -> Resolved:
        """What a stored picture was made by. Raises `Problem` where it is not stored, or was taken down."""
        if await self._service.removals.removed(content_key):
            raise problems.removed()
        header = await self._service.renditions.header(content_key)
        try:
            if header is not None:
                return Resolved.from_parameters(header.resolved)
        except TypeError:
            pass  # a newer version of the service made it
        raise Problem(problems.NOT_FOUND, "this picture is not stored here any more")

    async def stored(self, content_key: str, delivery: Delivery = PNG) -> Picture:
        """A stored picture with its order. Raises `Problem` as `order` does."""
        order = await self.order(content_key)
        reply = await self._service.cdn.permalink(content_key, delivery)
        assert isinstance(reply, Answer), "nothing was said of what the asker has"
        return _picture(reply, order.prompt, order.seed)

    async def markdown(self, content_key: str, most: int) -> str:
        """The Markdown of a stored picture, in `most` characters: by a URL that says what it shows, else by its
        permalink. Raises `Problem` as `order` does."""
        order = await self.order(content_key)
        url = await self._url_of(content_key, order)
        found = snippets(self._public_url + url, order.prompt)["markdown"] if url else ""
        if found and len(found) <= most:
            return found
        return snippets(self._public_url + permalink(content_key), words.cut(order.prompt, _SHORT))["markdown"]

    def address(self, content_key: str, delivery: Delivery = PNG) -> str:
        """The address of a stored picture, which is short whatever its prompt is."""
        return self._public_url + permalink(content_key, delivery)

    def first_seed(self, request: Request, occasion: str) -> Request:
        """The request with the seed that it names, or with that of its present period, or else with a drawn one."""
        if request.asked.seed is None:
            return request.view(orders.drawn(occasion))
        return self._service.cdn.first(request)

    async def _found(self, request: Request, asker: Asker) -> Picture:
        reply = await self._service.cdn.answer(request, asker)
        if not isinstance(reply, Answer):
            kind = problems.DRAINING if self._drained.is_set() else problems.NOT_FOUND
            raise Problem(kind, "this picture was not made")
        resolved = await self._service.renditions.header(reply.content_key)
        seed: Any = (resolved.resolved if resolved else {}).get("seed", request.drawn)
        return _picture(reply, request.asked.prompt, int(seed or 0))

    async def _outcome(self, request: Request, client: Client, patience: float) -> Picture | Refusal:
        began = self._service.clock.monotonic()
        try:
            return await self.made(request, client, patience)
        except Problem as problem:
            late = problem.kind in (problems.TOO_SLOW, problems.WAITING_FOR_WORKER)
            if late and self._service.clock.monotonic() >= began + patience:
                return Refusal(words.late(round(patience / 60), request.drawn))
            return Refusal(words.said(problem))

    def _vouched(self, request: Request) -> Request:
        """The request, signed where only signed URLs may cause new pictures: the operator let this chat in."""
        settings = self._service.settings
        if settings.misses != "signed" or request.control.sig is not None:
            return request
        return replace(request, control=signing.signed(request.signed_for, settings.signing_keys))

    async def _url_of(self, content_key: str, order: Resolved) -> str | None:
        """The shortest URL that is bound to this picture, or would be today."""
        candidates: tuple[Asked, ...] = (
            orders.shortest(order, self._service.settings.defaults),
            orders.again(order, order.seed).asked,
        )
        for asked in candidates:
            try:
                look = await self._service.cdn.look(Request(asked))
            except Problem:
                continue
            if look.content_key == content_key:
                return canonical_url(asked)
        return None


def _picture(answer: Answer, prompt: str, seed: int) -> Picture:
    rendition = answer.rendition
    return Picture(answer.content_key, rendition.body, rendition.media_type, prompt, seed)
