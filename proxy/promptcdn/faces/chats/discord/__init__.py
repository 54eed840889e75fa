"""Discord: the command `/imagine`, which shows four pictures as one, and the buttons below them.

interactions  what Discord sends
messages      what Discord is sent
verifying     whether a request comes from Discord
commands      the command, as Discord is told of it once

Each interaction is answered at once with "… is thinking"; pictures follow as files of that message. Nothing is
remembered of a message: its buttons carry the content keys of its pictures.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from promptcdn.faces.chats import orders, words
from promptcdn.faces.chats.background import BackgroundTasks
from promptcdn.faces.chats.discord import interactions, messages
from promptcdn.faces.chats.discord.interactions import Imagine, Origin, Ping, Press, Verb
from promptcdn.faces.chats.discord.messages import File, Message
from promptcdn.faces.chats.discord.verifying import DiscordSignatures
from promptcdn.faces.chats.making import Maker, Picture, Refusal
from promptcdn.faces.chats.members import Member, member
from promptcdn.faces.chats.receiving import Receiver
from promptcdn.faces.chats.timings import Timings
from promptcdn.faces.chats.web_api import Upload, WebApi
from promptcdn.problems import Problem
from promptcdn.readers import response_headers
from promptcdn.url import formats
from promptcdn.url.request import Delivery, Request, Resolved
from promptcdn.url.resolving import Defaults

# So many pictures does one command make.
PICTURES = 4

# In bytes: an upload has the message and its boundaries beside the file.
_BESIDE_THE_FILE = 20_000
_UNKNOWN = "This service does not know that command or button: is it of another version?"


class Discord:
    """The route of the app; messages are sent by `api`. `secret` hides who gives commands."""

    def __init__(
        self,
        application: str,
        signatures: DiscordSignatures,
        secret: str,
        maker: Maker,
        background: BackgroundTasks,
        api: WebApi,
        defaults: Defaults,
        timings: Timings,
    ) -> None:
        self._application = application
        self._secret = secret
        self._receiver = Receiver("Discord", signatures, timings.body)
        self._maker = maker
        self._background = background
        self._api = api
        self._defaults = defaults
        self._patience = timings.discord
        # One grid at a time: four pictures as pixels are large.
        self._drawing = asyncio.Lock()

    @property
    def routes(self) -> list[Route]:
        return [Route("/discord/interactions", self.receive, methods=["POST"])]

    async def close(self) -> None:
        await self._api.close()

    async def receive(self, http: HttpRequest) -> Response:
        """A command, a press on a button, or Discord's question whether the service is alive."""
        interaction = interactions.interaction(await self._receiver.body(http), self._application)
        try:
            answer = self._begun(interaction)
        except Problem as problem:
            answer = messages.private(words.said(problem))
        return JSONResponse(answer, headers=response_headers.document_headers())

    def _begun(self, interaction: interactions.Interaction) -> Message:
        """The answer at once; what was asked for goes on behind it. Raises `Problem`."""
        match interaction:
            case Ping():
                return messages.PONG
            case Imagine(origin, options):
                wanted = self._ordered(origin, options)
                self._begin(origin, lambda who: self._show_grid(origin, wanted, who))
                return messages.DEFERRED
            case Press(origin, verb, key) if verb is not None:
                self._begin(origin, lambda who: self._pressed(origin, verb, key, who))
                return messages.DEFERRED_PRIVATE if verb == "m" else messages.DEFERRED
            case _:
                return messages.private(_UNKNOWN)

    def _begin(self, origin: Origin, work: Callable[[Member], Awaitable[None]]) -> None:
        who = member("discord", self._secret, origin.user)
        self._background.begin(who, lambda: work(who))

    def _ordered(self, origin: Origin, options: Mapping[str, str]) -> list[Request]:
        """The four pictures of a command: with its seed and the three seeds behind that. Raises `Problem`."""
        given = [(name, value) for name, value in options.items() if name != "prompt"]
        request = orders.of_values(options.get("prompt", ""), given)
        first = self._maker.first_seed(request, f"discord {origin.occasion}")
        assert first.drawn is not None, "a first seed is a number"
        return [request.view(seed) for seed in orders.series(first.drawn, PICTURES)]

    async def _pressed(self, origin: Origin, verb: Verb, key: str, who: Member) -> None:
        try:
            match verb:
                case "u":
                    await self._show_one(origin, key)
                case "m":
                    await self._send(origin, messages.markdown(await self._maker.markdown(key, messages.MARKDOWN_MOST)))
                case _:
                    order = await self._maker.order(key)
                    await self._show_grid(origin, self._others(origin, verb, key, order), who)
        except Problem as problem:
            await self._send(origin, messages.plain(words.said(problem)))

    def _others(self, origin: Origin, verb: Verb, key: str, order: Resolved) -> list[Request]:
        """Four more pictures like one that is there: variations of it, or others by the same order."""
        seeds = orders.series(orders.drawn(f"discord {origin.occasion}"), PICTURES)
        if verb == "v":
            return [orders.varied(order, key, seed, self._defaults) for seed in seeds]
        return [orders.again(order, seed) for seed in seeds]

    async def _show_grid(self, origin: Origin, wanted: Sequence[Request], who: Member) -> None:
        """Makes pictures, and shows them as one or says why there are none."""
        outcomes = await self._maker.outcomes(wanted, who, self._patience)
        made = [each if isinstance(each, Picture) else None for each in outcomes]
        refused = [each.sentence for each in outcomes if isinstance(each, Refusal)]
        there = [each for each in made if each is not None]
        if not there:
            await self._send(origin, messages.plain(refused[0]))
            return
        prompt, keys = there[0].prompt, [each.content_key if each else None for each in made]
        seeds = [each.seed if each else request.drawn or 0 for each, request in zip(made, wanted, strict=True)]
        body = await self._drawn([each.body if each else None for each in made])
        sent = formats.DEFAULT  # as the grid is encoded
        file = File(f"pictures.{sent.extension}", sent.media_type, body, messages.description(prompt))
        note = words.missing(refused, len(wanted))
        await self._send(origin, messages.grid(prompt, seeds, keys, note, file), file)

    async def _show_one(self, origin: Origin, key: str) -> None:
        """A picture in full size: as it was made if the chat takes so large a file, else as it is sent to browsers."""
        most = origin.file_most - _BESIDE_THE_FILE
        for format_ in ("png", formats.DEFAULT.name):
            picture = await self._maker.stored(key, Delivery(format=format_))
            if len(picture.body) <= most:
                break
        name = f"picture-{picture.seed}.{formats.BY_MEDIA_TYPE[picture.media_type].extension}"
        file = File(name, picture.media_type, picture.body, messages.description(picture.prompt))
        shown = file if len(picture.body) <= most else None
        link = self._maker.address(key)
        await self._send(origin, messages.single(picture.prompt, picture.seed, key, link, shown), shown)

    async def _drawn(self, files: Sequence[bytes | None]) -> bytes:
        from promptcdn.pictures.grid import grid  # late: Pillow

        async with self._drawing:
            return await asyncio.to_thread(grid, files)

    async def _send(self, origin: Origin, message: Message, file: File | None = None) -> None:
        """Puts a message in the place of "… is thinking"."""
        path = f"/api/v10/webhooks/{self._application}/{origin.token}/messages/@original"
        await self._api.patch(path, message, Upload(file.name, file.media_type, file.body) if file else None)
