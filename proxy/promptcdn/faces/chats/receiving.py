"""Requests of a chat's servers: read within bounds, and taken only where they are signed, new, and not taken before."""

from collections.abc import Mapping
from typing import Protocol

import cachetools
from starlette.requests import Request as HttpRequest

from promptcdn import problems
from promptcdn.faces import requests

# In bytes. A click in Slack brings its whole message along, percent-encoded.
BODY_MAX = 512 * 1024

# A signature is good for five minutes before and after its time.
_REMEMBERED_SECONDS = 600
_REMEMBERED = 100_000


class Signatures(Protocol):
    """How a chat signs."""

    def signature(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The signature of a request, if it is right and not old."""
        ...


class Receiver:
    """Takes the requests of one chat. `chat` is its name, for people."""

    def __init__(self, chat: str, signatures: Signatures, patience: float) -> None:
        self._chat = chat
        self._signatures = signatures
        self._patience = patience
        self._taken: cachetools.TTLCache[str, None] = cachetools.TTLCache(_REMEMBERED, _REMEMBERED_SECONDS)

    async def body(self, http: HttpRequest) -> bytes:
        """The body of a request. Raises `Problem`: 401 for one that the chat did not sign just now, or that was taken
        before; 413 and 408 for one that is too large or too slow."""
        body = await requests.body(http, BODY_MAX, self._patience)
        signature = self._signatures.signature(http.headers, body)
        if signature is None:
            raise problems.unsigned(self._chat, "its signature is missing, wrong or older than five minutes")
        if signature in self._taken:
            raise problems.unsigned(self._chat, "the same request came before")
        self._taken[signature] = None
        return body
