"""Texts about the service that are made once: each is known by its tag, so that a client that has it gets no other."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from promptcdn.readers.conditions import Condition


@dataclass(frozen=True)
class Text:
    """What is sent, and its `ETag`."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, content: str) -> Self:
        """`content` as UTF-8."""
        body = content.encode()
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')

    def answer(self, http: HttpRequest, headers: Callable[[str], Mapping[str, str]]) -> Response:
        """The text with the `headers` of its tag, or 304 for who has it."""
        condition = Condition.parse(http.headers.getlist("if-none-match"))
        if condition.anything or condition.names(self.etag):
            return Response(status_code=304, headers=headers(self.etag))
        return Response(self.body, headers=headers(self.etag))
