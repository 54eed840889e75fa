"""Reads the body of a request, as JSON or as a form, within bounds: what is too much is passed over, not kept."""

import asyncio
import json
from collections.abc import AsyncGenerator

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request as HttpRequest

from promptcdn import problems
from promptcdn.problems import Problem

# A prompt of 4000 characters takes 48 kB where each is escaped, and so does a negative one.
BODY_MAX = 256 * 1024
# What is sent beyond that is read and forgotten: a client that is cut off while it sends never sees why.
PASSED_OVER_MAX = 64 * 1024 * 1024
_FIELDS_MOST = 64


async def members(http: HttpRequest, seconds: float) -> dict[str, object]:
    """The members of the body, which has so many seconds to arrive. Raises `Problem` (400, 408, 413)."""
    body = await _body(http, seconds)
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


async def _body(http: HttpRequest, seconds: float) -> bytes:
    kept, passed_over = bytearray(), 0
    try:
        async with asyncio.timeout(seconds):
            async for piece in http.stream():
                if len(kept) + len(piece) <= BODY_MAX and not passed_over:
                    kept += piece
                else:
                    passed_over += len(piece)
                if passed_over > PASSED_OVER_MAX:
                    break
    except TimeoutError:
        detail = f"the body of the request took longer than {seconds:g} s to arrive"
        raise Problem(problems.REQUEST_TIMEOUT, detail) from None
    if passed_over:
        told = "a picture to start from is not sent: init or image is the content key of one that is stored here"
        raise Problem(problems.BODY_TOO_LARGE, f"the body of a request may have at most {BODY_MAX} bytes; {told}")
    return bytes(kept)


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
