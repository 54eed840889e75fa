"""Bodies of requests: within bounds, in time, and never taken for a request."""

import asyncio
import json
import socket

import pytest
from starlette.requests import Request
from starlette.types import Message

from promptcdn.faces.openai_api.bodies import BODY_MAX, PASSED_OVER_MAX, members
from promptcdn.problems import Problem
from tests.faces.openai_api.conftest import TEAM, Api

pytestmark = pytest.mark.anyio

HEAD = f"POST /v1/images/generations HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TEAM}\r\n".encode()
BODY = b'{"prompt": "raw", "seed": 7, "response_format": "url"}'
FORM = "multipart/form-data; boundary=x"


async def read(*pieces: bytes, content_type: str = "application/json", seconds: float = 30) -> dict[str, object]:
    """What is read of a body that comes in these pieces. It ends with an empty one, and without one never."""
    left = list(pieces)

    async def receive() -> Message:
        if not left:
            await asyncio.get_running_loop().create_future()
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": piece != b""}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}
    return await members(Request(scope, receive), seconds)


async def refused(*pieces: bytes, content_type: str = "application/json", seconds: float = 30) -> Problem:
    with pytest.raises(Problem) as problem:
        await read(*pieces, content_type=content_type, seconds=seconds)
    return problem.value


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "text/plain", ""])
async def test_json_is_read_whatever_it_is_called(content_type: str) -> None:
    body = {"prompt": "灯台", "seed": "7", "steps": "20.5"}
    raw = b'{"prompt": "\xe7\x81\xaf\xe5\x8f\xb0", "seed": 7, "steps": 20.5}'

    assert await read(raw[:15], raw[15:], b"", content_type=content_type) == body


async def test_a_form_is_read_with_its_files() -> None:
    parts = [b'name="prompt"\r\n\r\na', b'name="image"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG']
    form = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--x--\r\n"

    assert await read(form, b"", content_type=FORM) == {"prompt": "a", "image": b"\x89PNG"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"prompt=a", "application/x-www-form-urlencoded"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"a":' * 40_000, "application/json"),
        (b"--x\r\n", "multipart/form-data"),
        (b"garbage", FORM),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--", FORM),
        (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\na\r\n" * 1000, FORM),
        (b"--x\r\n\xff: \xff\r\n\r\n", FORM),
    ],
)
async def test_what_cannot_be_read_is_refused(body: bytes, content_type: str) -> None:
    problem = await refused(body, b"", content_type=content_type)

    assert problem.kind.status == 400


async def test_a_body_that_does_not_arrive_in_time_is_refused() -> None:
    assert (await refused(b'{"prompt":', seconds=0.01)).kind.status == 408


async def test_too_much_is_passed_over_and_then_refused() -> None:
    piece = bytes(BODY_MAX // 2 + 1)

    assert (await refused(*10 * [piece], b"")).kind.status == 413
    assert (await refused(*(PASSED_OVER_MAX // len(piece) + 3) * [piece])).kind.status == 413, "nor read for ever"


async def test_a_body_of_the_limit_is_read() -> None:
    prompt = "x" * (BODY_MAX - len('{"prompt":""}'))

    assert await read(f'{{"prompt":"{prompt}"}}'.encode(), b"") == {"prompt": prompt}


def exchanged(api: Api, raw: bytes) -> bytes:
    """All that comes back until the service closes the connection."""
    host, port = api.service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(raw)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


@pytest.mark.parametrize(
    "framed",
    [
        b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
    ],
    ids=["length", "chunks"],
)
def test_what_follows_a_body_is_not_a_request(api: Api, framed: bytes) -> None:
    smuggled = b"GET /info?prompt=smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    head, _, body = exchanged(api, HEAD + framed + smuggled).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in head.lower()
    assert json.loads(body)["data"][0]["seed"] == 7


def test_a_client_that_waits_to_be_told_to_send_is_told(api: Api) -> None:
    raw = HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)

    assert exchanged(api, raw).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")


@pytest.mark.parametrize("depth", [100, *range(900, 1000, 2)])
def test_a_body_of_any_depth_is_read_or_refused(api: Api, depth: int) -> None:
    """One that is as deep as can be read is too deep to be written again."""
    deep = b"[" * depth + b"]" * depth
    body = b'{"prompt": "deep", "seed": 7, "response_format": "url", "user": %s}' % deep
    headers = {"authorization": f"Bearer {TEAM}", "content-type": "application/json"}

    assert api.service.client.post("/v1/images/generations", content=body, headers=headers).status_code in (200, 400)
