"""Reads the body of a worker's request, within bounds."""

import json
from typing import Any

from starlette.requests import Request as HttpRequest

from promptcdn import problems
from promptcdn.event_loop import AnswerTimeout
from promptcdn.problems import Problem

# A document: what a worker can, or why it has no picture.
DOCUMENT_MAX = 64 * 1024


async def read(http: HttpRequest, most: int, seconds: float) -> bytes:
    """The body, of at most so many bytes, which has so many seconds to arrive. One that is too large is not read to its
    end. Raises `Problem` (408, 413)."""
    said = http.headers.get("content-length", "")
    if said.isdecimal() and len(said) < 20 and int(said) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async with AnswerTimeout(seconds):
            async for piece in http.stream():
                body += piece
                if len(body) > most:
                    raise _too_large(most)
    except TimeoutError:
        detail = f"the body of the request took longer than {seconds:g} s to arrive"
        raise Problem(problems.REQUEST_TIMEOUT, detail) from None
    return bytes(body)


async def members(http: HttpRequest, seconds: float) -> dict[str, Any]:
    """The members of a JSON object; none of an empty body. Raises `Problem` (400, 408, 413)."""
    body = await read(http, DOCUMENT_MAX, seconds)
    if not body:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Problem(problems.BAD_REQUEST, "the body of the request must be a JSON object")
    return document


def _too_large(most: int) -> Problem:
    return Problem(problems.BODY_TOO_LARGE, f"the body of this request may have at most {most} bytes")
