"""Reads the body of a request, as JSON or as a form, within bounds: what is too much is passed over, not kept."""

import json
from collections.abc import AsyncGenerator

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request as HttpRequest

from promptcdn import problems
from promptcdn.faces import requests
from promptcdn.problems import Problem

# A prompt of 4000 characters takes 48 kB where each is escaped, and so does a negative one.
BODY_MAX = 256 * 1024
# What is sent beyond that is read and forgotten: pictures, mostly.
PASSED_OVER_MAX = 64 * 1024 * 1024
_FIELDS_MOST = 64
_NO_PICTURES = "a picture to start from is not sent: init or image is the content key of one that is stored here"


async def members(http: HttpRequest, seconds: float) -> dict[str, object]:
    """The members of the body, which has so many seconds to arrive. Raises `Problem` (400, 408, 413)."""
    body = await requests.body(http, BODY_MAX, seconds, passed_over=PASSED_OVER_MAX, advice=_NO_PICTURES)
    media_type = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        return await _form(http, body)
    try:
        # Numbers stay text: 7.0 is 7 by our grammar, and a number of thousands of digits takes long to convert.
        read = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise Problem(problems.BAD_REQUEST, "the body of the request is neither JSON nor a form") from None
    if not isinstance(read, dict):
        raise Problem(problems.BAD_REQUEST, "the body of the request must be a JSON object")
    return read


async def _form(http: HttpRequest, body: bytes) -> dict[str, object]:
    async def whole() -> AsyncGenerator[bytes]:
        yield body

    parser = MultiPartParser(
        http.headers, whole(), max_files=_FIELDS_MOST, max_fields=_FIELDS_MOST, max_part_size=BODY_MAX
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError, LookupError):
        raise Problem(problems.BAD_REQUEST, "the form in the body of the request cannot be read") from None
    try:
        return {name: value if isinstance(value, str) else await value.read() for name, value in form.multi_items()}
    finally:
        await form.close()
