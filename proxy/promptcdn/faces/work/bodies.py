"""Reads the body of a worker's request, within bounds."""

import json
from typing import Any

from starlette.requests import Request as HttpRequest

from promptcdn import problems
from promptcdn.faces import requests
from promptcdn.generators.worker.jobs import PICTURE_MAX
from promptcdn.problems import Problem

# A document: what a worker can, or why it has no picture.
DOCUMENT_MAX = 64 * 1024
# Bytes of all bodies of workers together that are arriving at once: four of the largest pictures.
ARRIVING_MAX = 4 * PICTURE_MAX

# Apart from that of all other clients: what strangers send at the same time holds no worker up.
_ARRIVING = requests.Arriving(ARRIVING_MAX)


async def read(http: HttpRequest, most: int, seconds: float) -> bytes:
    """The body, of at most so many bytes, which has so many seconds to arrive. One that is too large is not read to its
    end. Raises `Problem` (400, 408, 413, 503)."""
    said = http.headers.get("content-length", "")
    if said.isdecimal() and len(said) < 20 and int(said) > most:
        raise requests.too_large(most)
    return await requests.body(http, most, seconds, arriving=_ARRIVING)


async def members(http: HttpRequest, seconds: float) -> dict[str, Any]:
    """The members of a JSON object; none of an empty body. Raises `Problem` (400, 408, 413, 503)."""
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
