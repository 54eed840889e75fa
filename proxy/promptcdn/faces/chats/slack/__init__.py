"""Slack: the slash command `/picture`, the buttons below its pictures, and pictures for links to this service.

payloads    what Slack sends
messages    what Slack is sent
verifying   whether a request comes from Slack

Each request is answered at once; pictures follow by the command's `response_url`, as messages with their permalinks.
"""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Sequence

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from promptcdn import problems
from promptcdn.faces.chats import orders, words
from promptcdn.faces.chats.background import EACH, BackgroundTasks
from promptcdn.faces.chats.making import Maker, Picture, Refusal
from promptcdn.faces.chats.members import Member, member
from promptcdn.faces.chats.receiving import Receiver
from promptcdn.faces.chats.slack import messages, payloads
from promptcdn.faces.chats.slack.messages import Message, Shown
from promptcdn.faces.chats.slack.payloads import Challenge, Click, Shared
from promptcdn.faces.chats.slack.verifying import SlackSignatures
from promptcdn.faces.chats.timings import Timings
from promptcdn.faces.chats.web_api import WebApi
from promptcdn.problems import Problem
from promptcdn.readers import response_headers
from promptcdn.url.parse import is_of_picture, parse_url
from promptcdn.url.request import Request
from promptcdn.url.resolving import Defaults

log = logging.getLogger("promptcdn")

# So many variations does one click make, and so many links of one message are looked at.
VARIATIONS = 4
LINKS_MOST = 5

_PERMALINK = re.compile(r"/i/([0-9a-f]{64})")


class Slack:
    """The routes of the app. Messages go to `hooks` alone, unfurls to `api` where there is a bot's token."""

    def __init__(
        self,
        secret: str,
        maker: Maker,
        background: BackgroundTasks,
        hooks: WebApi,
        api: WebApi | None,
        defaults: Defaults,
        public_url: str,
        timings: Timings,
    ) -> None:
        self._secret = secret
        self._receiver = Receiver("Slack", SlackSignatures(secret), timings.body)
        self._maker = maker
        self._background = background
        self._hooks = hooks
        self._api = api
        self._defaults = defaults
        self._public_url = public_url
        self._timings = timings

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/slack/command", self.command, methods=["POST"]),
            Route("/slack/interactivity", self.interactivity, methods=["POST"]),
            Route("/slack/events", self.events, methods=["POST"]),
        ]

    async def close(self) -> None:
        await self._hooks.close()
        if self._api is not None:
            await self._api.close()

    async def command(self, http: HttpRequest) -> Response:
        """`/picture TEXT`: the picture is made behind this answer, which only the person sees who gave the command."""
        command = payloads.command(await self._receiver.body(http))
        path = self._hook(command.response_url)
        if command.text.strip() in ("", "help"):
            return _answer(messages.private(messages.HELP))
        try:
            request = self._maker.first_seed(orders.ordered(command.text), f"slack {command.occasion}")
            who = self._member(command.team, command.user)
            self._background.begin(who, lambda: self._show([request], who, path))
        except Problem as problem:
            return _answer(messages.private(words.said(problem)))
        return _answer(messages.private(f"“{request.asked.prompt}” is being made."))

    async def interactivity(self, http: HttpRequest) -> Response:
        """A click on a button."""
        click = payloads.click(await self._receiver.body(http))
        if click.action is None:
            return _nothing()
        path, who = self._hook(click.response_url), self._member(click.team, click.user)
        try:
            self._background.begin(who, lambda: self._noticed(click, who, path))
        except Problem as problem:
            self._tell(who, path, words.said(problem))
        return _nothing()

    async def events(self, http: HttpRequest) -> Response:
        """Links to this service that somebody posted, and Slack's question whether this address is ours."""
        match payloads.event(await self._receiver.body(http)):
            case Challenge(challenge):
                return _answer({"challenge": challenge})
            case Shared() as shared if self._api is not None:
                who = self._member(shared.team, shared.user)
                try:
                    self._background.begin(who, lambda: self._unfurl(shared, who))
                except Problem as problem:
                    log.info("links in Slack stay without pictures: %s", problem.kind.title)
        return _nothing()

    def _tell(self, who: Member, path: str, sentence: str) -> None:
        """Says why a click does nothing: what it is answered with Slack does not show. A flood of clicks hears less."""

        async def tell() -> None:
            await self._hooks.post(path, messages.private(sentence))

        with contextlib.suppress(Problem):
            self._background.begin(who, tell, each=2 * EACH)

    async def _noticed(self, click: Click, who: Member, path: str) -> None:
        """What a click asks for; where that takes longer, with a word that it is under way."""
        clicked = asyncio.ensure_future(self._clicked(click, who, path))
        try:
            await asyncio.wait({clicked}, timeout=self._timings.notice)
            if not clicked.done():
                await self._hooks.post(path, messages.private("The picture is being made."))
            await clicked
        finally:
            clicked.cancel()

    async def _clicked(self, click: Click, who: Member, path: str) -> None:
        key, seed = click.content_key, orders.drawn(f"slack {click.occasion}")
        try:
            if click.action == "markdown":
                await self._hooks.post(path, messages.markdown(await self._maker.markdown(key, messages.MARKDOWN_MOST)))
                return
            order = await self._maker.order(key)
        except Problem as problem:
            await self._hooks.post(path, messages.private(words.said(problem)))
            return
        if click.action == "another":
            wanted = [orders.again(order, seed)]
        else:
            wanted = [orders.varied(order, key, each, self._defaults) for each in orders.series(seed, VARIATIONS)]
        await self._show(wanted, who, path)

    async def _show(self, requests: Sequence[Request], who: Member, path: str) -> None:
        """Makes pictures, and posts them or why there are none."""
        outcomes = await self._maker.outcomes(requests, who, self._timings.slack)
        shown = [self._shown(each) for each in outcomes if isinstance(each, Picture)]
        refused = [each.sentence for each in outcomes if isinstance(each, Refusal)]
        if shown:
            await self._hooks.post(path, messages.pictures(shown, words.missing(refused, len(requests))))
        else:
            await self._hooks.post(path, messages.private(refused[0]))

    async def _unfurl(self, shared: Shared, who: Member) -> None:
        """Shows the pictures of links. One that is not made yet is made for a message that was posted, as for any
        previewer; while a message is being written, nothing is made."""
        found = [(url, await self._linked(url, who, making=shared.posted)) for url in shared.urls[:LINKS_MOST]]
        unfurls = messages.unfurls((url, picture) for url, picture in found if picture is not None)
        if not unfurls or self._api is None:
            return
        reply = await self._api.post("/api/chat.unfurl", {**shared.place, "unfurls": unfurls})
        if reply is not None and (error := _error(reply.body)):
            log.warning("Slack shows no picture for a link: %s", error)

    async def _linked(self, url: str, who: Member, *, making: bool) -> Shown | None:
        rest = url.removeprefix(self._public_url)
        if rest == url or not rest.startswith("/"):
            return None
        path, _, query = rest.partition("?")
        try:
            if found := _PERMALINK.match(path):
                return self._shown(await self._maker.stored(found[1]))
            if not is_of_picture(path.encode()):
                return None
            request = parse_url(path.encode(), query.encode())
            return self._shown(await self._maker.made(request, who, self._timings.slack, making=making))
        except Problem:
            return None

    def _shown(self, picture: Picture) -> Shown:
        return Shown(picture.content_key, self._maker.address(picture.content_key), picture.prompt, picture.seed)

    def _member(self, team: str, user: str) -> Member:
        return member("slack", self._secret, team, user)

    def _hook(self, response_url: str) -> str:
        """The path of an answer's address at Slack's host. Raises `Problem` (400) for any other host."""
        path = response_url.removeprefix(self._hooks.base)
        if path == response_url or not path.startswith("/"):
            raise Problem(problems.BAD_REQUEST, f"response_url: answers are sent to {self._hooks.base} alone")
        return path


def _answer(message: Message) -> Response:
    return JSONResponse(message, headers=response_headers.document_headers())


def _nothing() -> Response:
    return Response(headers=response_headers.document_headers())


def _error(body: bytes) -> str:
    """The code of the error that Slack's API answered with; it does so with status 200."""
    try:
        answer = json.loads(body)
    except ValueError:
        return "an answer that is not JSON"
    if isinstance(answer, dict) and answer.get("ok") is True:
        return ""
    code = str(answer.get("error", "")) if isinstance(answer, dict) else ""
    return code if re.fullmatch(r"[a-z_]{1,60}", code) else "an answer without a known error"
