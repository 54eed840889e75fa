"""Calls to a chat's own servers: at a host that no request can choose, bounded, without redirects."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promptcdn import __version__
from promptcdn.faces.chats.timings import Timings
from promptcdn.generators.http import Http, Reply, address, pauses
from promptcdn.problems import UpstreamFailed

log = logging.getLogger("promptcdn")

# Tries for one message. Slack takes five answers to one command: a post and its retries leave room for another post.
TRIES = 3
# With these a chat says that it did not take the message. 404 is Discord's, where the answer to a command has not
# arrived there yet.
_NOT_TAKEN = (404, 429, 503)
_ANSWER_MOST = 1_000_000
# The form that Discord asks for; Slack takes any.
_USER_AGENT = f"DiscordBot (promptcdn, {__version__})"


@dataclass(frozen=True)
class Upload:
    """A file that goes with a message."""

    name: str
    media_type: str
    body: bytes


class WebApi:
    """One host of a chat. `chat` is its name, for the log."""

    def __init__(self, chat: str, base: str, timings: Timings, headers: Mapping[str, str] | None = None) -> None:
        """`headers` go with every call. Raises `ValueError` where `base` is no address."""
        self.base = base
        self._chat = chat
        self._timings = timings
        self._http = Http(address(base, "the address of a chat"), {"User-Agent": _USER_AGENT, **(headers or {})})

    async def post(self, path: str, message: Any) -> Reply | None:
        """The answer to a message that is sent; `None`, and a line in the log, where the chat did not take it."""
        return await self._sent("POST", path, message, None)

    async def patch(self, path: str, message: Any, upload: Upload | None = None) -> Reply | None:
        """The same for a message that takes the place of the one that is there, with a file."""
        return await self._sent("PATCH", path, message, upload)

    async def close(self) -> None:
        await self._http.close()

    async def _sent(self, method: str, path: str, message: Any, upload: Upload | None) -> Reply | None:
        for number in range(1, TRIES + 1):
            try:
                reply = await self._call(method, path, message, upload)
            except UpstreamFailed as failure:
                why, pause = "it cannot be reached", None if failure.charged else self._timings.pause
            else:
                if reply.status < 300:
                    return reply
                why, pause = f"status {reply.status}", self._pause(reply)
            if pause is None or number == TRIES:
                break
            await asyncio.sleep(pause)
        log.warning("%s did not take a message: %s", self._chat, why)
        return None

    def _pause(self, reply: Reply) -> float | None:
        """How long to wait for the next try; `None` where another one does not help, or might be a second message."""
        if reply.status not in _NOT_TAKEN:
            return None
        named = pauses.named(reply.headers)
        pause = self._timings.pause if named is None else named
        return pause if pause <= self._timings.longest else None

    async def _call(self, method: str, path: str, message: Any, upload: Upload | None) -> Reply:
        bounds = {"seconds": self._timings.call, "most": _ANSWER_MOST}
        if method == "POST":
            return await self._http.post(path, json=message, **bounds)  # type: ignore[arg-type]
        if upload is None:
            return await self._http.patch(path, json=message, **bounds)  # type: ignore[arg-type]
        files = {"files[0]": (upload.name, upload.body, upload.media_type)}
        form = {"payload_json": json.dumps(message)}
        return await self._http.patch(path, files=files, data=form, **bounds)  # type: ignore[arg-type]
