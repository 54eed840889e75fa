"""Malformed and odd requests over raw sockets, all at the same time: each is refused or answered, none is a 5xx.

What two servers in a row may read in two ways is refused (RFC 9112 section 11.2); what has a body is answered and its
connection closed, since nothing behind a body is taken for a request.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from promptcdn.server.request_limits import HEAD_MAX, LINES_MAX
from promptcdn.server.timings import TIMINGS
from promptcdn.url.parse import URL_MAX
from tests.support.service import Promptcdn

GET = b"GET /healthz HTTP/1.1\r\n"
POST = b"POST /healthz HTTP/1.1\r\n"
HOST = b"Host: evil.example\r\n"
END = HOST + b"Connection: close\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /info?prompt=smuggled HTTP/1.1\r\n" + END
LONG = b"/info?prompt=x&v=".ljust(URL_MAX, b"a")
CLIENT_HELLO = bytes.fromhex("16030100a5010000a10303") + bytes(range(150))

# More than a head may take, and less than a connection that is left alone lives on.
GUARD_SECONDS = 4 * TIMINGS.head


class Odd(NamedTuple):
    """A request, the statuses of all answers to it (an empty tuple: closed without one), and how it is sent."""

    name: str
    raw: bytes
    statuses: tuple[int, ...]
    byte_by_byte: bool = False
    then_closed: bool = False


ODD = [
    # Host: nothing is made of it, and it is one.
    Odd("two Hosts", GET + b"Host: h\r\n" + END, (400,)),
    Odd("two equal Hosts", GET + HOST + END, (400,)),
    Odd("no Host", GET + b"Connection: close\r\n\r\n", (400,)),
    Odd("no Host in HTTP/1.0", b"GET /healthz HTTP/1.0\r\n\r\n", (200,)),
    Odd("two Hosts in HTTP/1.0", b"GET /healthz HTTP/1.0\r\nHost: h\r\n" + END, (400,)),
    Odd("an empty Host", GET + b"Host:\r\nConnection: close\r\n\r\n", (200,)),
    Odd("a Host with a path", GET + b"Host: a/b@c d\r\nConnection: close\r\n\r\n", (400,)),
    Odd("a Host with an open bracket", b"GET /nothing HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n", (400,)),
    Odd("a Host that is no IPv6", b"GET /nothing HTTP/1.1\r\nHost: [::::]\r\nConnection: close\r\n\r\n", (404,)),
    Odd("a Host with a line break", GET + b"Host: a\rb\r\nConnection: close\r\n\r\n", (400,)),
    Odd("a Host in latin-1", GET + b"Host: \xe9.example\r\nConnection: close\r\n\r\n", (400,)),
    Odd("a Host with an odd port", GET + b"Host: h:99999x\r\nConnection: close\r\n\r\n", (400,)),
    Odd("an IPv6 Host", GET + b"Host: [::1]:8080\r\nConnection: close\r\n\r\n", (200,)),
    # Where a request ends.
    Odd("length and chunks", POST + b"Content-Length: 5\r\n" + CHUNKED + END + b"0\r\n\r\n" + SMUGGLED, (400,)),
    Odd("chunks and length", POST + CHUNKED + b"Content-Length: 5\r\n" + END + b"0\r\n\r\n" + SMUGGLED, (400,)),
    Odd("two lengths", POST + b"Content-Length: 5\r\nContent-Length: 6\r\n" + END + b"hello", (400,)),
    Odd("two equal lengths", POST + b"Content-Length: 5\r\nContent-Length: 5\r\n" + END + b"hello", (400,)),
    Odd("a list of lengths", POST + b"Content-Length: 5, 5\r\n" + END + b"hello", (400,)),
    Odd("a negative length", POST + b"Content-Length: -1\r\n" + END, (400,)),
    Odd("a length with a plus", POST + b"Content-Length: +5\r\n" + END + b"hello", (400,)),
    Odd("a hexadecimal length", POST + b"Content-Length: 0x5\r\n" + END + b"hello", (400,)),
    Odd("an empty length", POST + b"Content-Length:\r\n" + END, (400,)),
    Odd("a length beyond 64 bits", POST + b"Content-Length: 99999999999999999999\r\n" + END, (400,)),
    Odd("gzip, chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n" + END + b"0\r\n\r\n", (400,)),
    Odd("chunked, chunked", POST + b"Transfer-Encoding: chunked, chunked\r\n" + END + b"0\r\n\r\n", (400,)),
    Odd("two Transfer-Encodings", POST + CHUNKED + CHUNKED + END + b"0\r\n\r\n", (400,)),
    Odd("identity", POST + b"Transfer-Encoding: identity\r\n" + END, (400,)),
    Odd("xchunked", POST + b"Transfer-Encoding: xchunked\r\n" + END + b"0\r\n\r\n", (400,)),
    Odd("chunked in quotes", POST + b'Transfer-Encoding: "chunked"\r\n' + END + b"0\r\n\r\n", (400,)),
    Odd("chunked after a tab", POST + b"Transfer-Encoding:\x0bchunked\r\n" + END + b"0\r\n\r\n", (400,)),
    Odd("CHUNKED", POST + b"Transfer-Encoding: CHUNKED\r\n" + END + b"0\r\n\r\n", (405,)),
    Odd("chunks in HTTP/1.0", b"POST /healthz HTTP/1.0\r\n" + CHUNKED + END + b"0\r\n\r\n", (400,)),
    Odd("chunks", POST + CHUNKED + END + b"5\r\nhello\r\n0\r\n\r\n", (405,)),
    Odd("trailers", GET + CHUNKED + HOST + b"\r\n0\r\nHost: other\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", (200,)),
    Odd("garbage for a chunk", POST + CHUNKED + HOST + b"\r\nzz\r\nhello\r\n0\r\n\r\n", (405,)),
    Odd("a chunk beyond 64 bits", POST + CHUNKED + HOST + b"\r\nfffffffffffffffff\r\nhello\r\n", (405,)),
    Odd("a negative chunk", POST + CHUNKED + HOST + b"\r\n-5\r\nhello\r\n0\r\n\r\n", (405,)),
    Odd("an endless chunk extension", POST + CHUNKED + HOST + b"\r\n5;" + b"a" * 100_000 + b"\r\nhello\r\n", (405,)),
    Odd("a request behind chunks", POST + CHUNKED + HOST + b"\r\n0\r\n\r\n" + SMUGGLED, (405,)),
    Odd("a request behind a body", GET + HOST + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED, (200,)),
    Odd("a request behind a posted body", POST + HOST + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED, (405,)),
    Odd("a request for a body", GET + HOST + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, (200,)),
    Odd("a request for a chunk", GET + CHUNKED + HOST + b"\r\n%x\r\n" % len(SMUGGLED) + SMUGGLED, (200,)),
    Odd("a body that never arrives", POST + HOST + b"Content-Length: 1000\r\n\r\n", (405,)),
    Odd("a body that never arrives, to GET", GET + HOST + b"Content-Length: 1000\r\n\r\nhello", (200,)),
    Odd("chunks that never end", POST + CHUNKED + HOST + b"\r\n5\r\nhel", (405,)),
    Odd("100-continue", POST + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", (405,)),
    Odd("another expectation", GET + b"Expect: the unexpected\r\n" + END, (200,)),
    # Lines and bytes.
    Odd("bare line feeds", b"GET /healthz HTTP/1.1\nHost: h\nConnection: close\n\n", (400,)),
    Odd("one bare line feed", GET + b"X: y\n" + END, (400,)),
    Odd("bare carriage returns", b"GET /healthz HTTP/1.1\rHost: h\rConnection: close\r\r", (408,)),
    Odd("a folded header", GET + b"X: a\r\n b\r\n" + END, (400,)),
    Odd("a folded Host", GET + b"Host:\r\n evil.example\r\nConnection: close\r\n\r\n", (400,)),
    Odd("a blank before the first header", GET + b" X: y\r\n" + END, (400,)),
    Odd("NUL in a header", GET + b"X: a\x00b\r\n" + END, (400,)),
    Odd("NUL in the target", b"GET /healthz\x00 HTTP/1.1\r\n" + END, (400,)),
    Odd("DEL in the target", b"GET /\x7f HTTP/1.1\r\n" + END, (400,)),
    Odd("a tab in the target", b"GET /?prompt=a\tb HTTP/1.1\r\n" + END, (400,)),
    Odd("a space in the target", b"GET /?prompt=a b HTTP/1.1\r\n" + END, (400,)),
    Odd("UTF-8 in the target", "GET /info?prompt=灯台 HTTP/1.1\r\n".encode() + END, (200,)),
    Odd("latin-1 in the target", b"GET /info?prompt=\xe9 HTTP/1.1\r\n" + END, (400,)),
    Odd("UTF-8 in a header", GET + "X: 灯台\r\n".encode() + END, (200,)),
    Odd("a space in a header's name", GET + b"X Y: z\r\n" + END, (400,)),
    Odd("a space after a header's name", POST + b"Content-Length : 5\r\n" + END + b"hello", (400,)),
    Odd("a header without a name", GET + b": y\r\n" + END, (400,)),
    Odd("a header without a colon", GET + b"X\r\n" + END, (400,)),
    Odd("a header's name in UTF-8", GET + "é: y\r\n".encode() + END, (400,)),
    Odd("leading line breaks", b"\r\n\r\n" + GET + END, (200,)),
    Odd("leading line breaks and UTF-8", b"\r\n" + "GET /info?prompt=灯台 HTTP/1.1\r\n".encode() + END, (200,)),
    Odd("garbage", b"this is no request\r\n\r\n", (400,)),
    Odd("NULs", bytes(1000) + b"\r\n\r\n", (400,)),
    Odd("nothing but a line", b"GET\r\n\r\n", (400,)),
    # Sizes.
    Odd("100 kB of headers", GET + b"X: " + b"a" * 100_000 + b"\r\n" + END, (431,)),
    Odd("as many headers as may be", GET + b"X:\r\n" * (LINES_MAX - 2) + END, (200,)),
    Odd("one header more", GET + b"X:\r\n" * (LINES_MAX - 1) + END, (431,)),
    Odd("10,000 headers", GET + b"X:\r\n" * 10_000 + END, (431,)),
    Odd("20,000 headers", GET + b"X:\r\n" * 20_000 + END, (431,)),
    Odd("a head of nearly the limit", GET + b"X: " + b"a" * (HEAD_MAX - 200) + b"\r\n" + END, (200,)),
    Odd("the longest URL", b"GET " + LONG + b" HTTP/1.1\r\n" + END, (200,)),
    Odd("a URL of a byte more", b"GET " + LONG + b"a HTTP/1.1\r\n" + END, (414,)),
    Odd("a long path", b"GET /prompt/" + b"a" * 20_000 + b" HTTP/1.1\r\n" + END, (414,)),
    Odd("a long method", b"A" * 20_000 + b" / HTTP/1.1\r\n" + END, (414,)),
    # Targets.
    Odd("our URL, absolute", b"GET http://evil.example/healthz HTTP/1.1\r\n" + END, (200,)),
    Odd("a foreign URL", b"GET http://other.example/healthz HTTP/1.1\r\n" + END, (200,)),
    Odd("a foreign URL without a path", b"GET http://other.example HTTP/1.1\r\n" + END, (400,)),
    Odd("a foreign port", b"GET http://other.example:99999999/ HTTP/1.1\r\n" + END, (400,)),
    Odd("two slashes", b"GET //evil.example/?prompt=x HTTP/1.1\r\n" + END, (404,)),
    Odd("no slash", b"GET healthz HTTP/1.1\r\n" + END, (400,)),
    Odd("a query without a path", b"GET ?prompt=x HTTP/1.1\r\n" + END, (400,)),
    Odd("a star", b"GET * HTTP/1.1\r\n" + END, (404,)),
    Odd("a fragment", b"GET /info?prompt=x#&seed=7 HTTP/1.1\r\n" + END, (200,)),
    Odd("dots in the path", b"GET /i/../healthz HTTP/1.1\r\n" + END, (404,)),
    Odd("encoded dots and slashes", b"GET /i/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\n" + END, (404,)),
    Odd("dots in a prompt", b"GET /info/prompt/../../etc/passwd HTTP/1.1\r\n" + END, (200,)),
    Odd("an encoded slash in a prompt", b"GET /info/prompt/a%2Fb HTTP/1.1\r\n" + END, (200,)),
    Odd("an encoded NUL", b"GET /healthz%00 HTTP/1.1\r\n" + END, (404,)),
    Odd("encoded line breaks", b"GET /%0d%0aX:%20evil.example HTTP/1.1\r\n" + END, (404,)),
    Odd("backslashes", b"GET \\healthz HTTP/1.1\r\n" + END, (400,)),
    # Methods, versions and other protocols.
    Odd("CONNECT", b"CONNECT other.example:443 HTTP/1.1\r\n" + END, (400,)),
    Odd("CONNECT with a path", b"CONNECT /healthz HTTP/1.1\r\n" + END, (405,)),
    Odd("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + END, (200,)),
    Odd("TRACE", b"TRACE /healthz HTTP/1.1\r\n" + END, (405,)),
    Odd("PURGE", b"PURGE /healthz HTTP/1.1\r\n" + END, (405,)),
    Odd("a method in lower case", b"get /healthz HTTP/1.1\r\n" + END, (400,)),
    Odd("an unknown method", b"FOOBAR /healthz HTTP/1.1\r\n" + END, (400,)),
    Odd("HTTP/0.9", b"GET /healthz\r\n\r\n", (400,)),
    Odd("HTTP/0.9 with a number", b"GET /healthz HTTP/0.9\r\n" + END, (400,)),
    Odd("HTTP/1.2", b"GET /healthz HTTP/1.2\r\n" + END, (400,)),
    Odd("HTTP/2.0", b"GET /healthz HTTP/2.0\r\n" + END, (400,)),
    Odd("HTTP/1.1 in lower case", b"GET /healthz http/1.1\r\n" + END, (400,)),
    Odd("HTTP/1.10", b"GET /healthz HTTP/1.10\r\n" + END, (400,)),
    Odd("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), (400,)),
    Odd("TLS", CLIENT_HELLO, (400,)),
    Odd("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", (400,)),
    Odd("the PROXY protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + GET + END, (400,)),
    Odd("h2c", GET + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings:\r\n\r\n", (200,)),
    Odd("websocket", GET + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + SMUGGLED, (200,)),
    # Connections.
    Odd("one request after another", GET + HOST + b"\r\n" + GET + HOST + b"\r\n" + GET + END, (200, 200, 200)),
    Odd("garbage behind a request", GET + HOST + b"\r\nthis is no request\r\n\r\n", (200, 400)),
    Odd("two Hosts behind a request", GET + HOST + b"\r\n" + GET + HOST + END, (200, 400)),
    Odd("more after the end", GET + END + SMUGGLED, (200,)),
    Odd("closed in the head", GET + b"Host: e", (), then_closed=True),
    Odd("closed before a byte", b"", (), then_closed=True),
    Odd("silence", b"", ()),
    Odd("a head that stops", GET + b"Host: e", (408,)),
    Odd("a slow head", GET + b"X: " + b"a" * 100, (408,), byte_by_byte=True),
    Odd("slow line breaks", b"\r\n" * 100, (408,), byte_by_byte=True),
]


@dataclass(frozen=True)
class Exchanged:
    """What came back, and what others saw meanwhile."""

    answers: dict[str, bytes]
    healthy: list[int]
    log: str


async def exchange(odd: Odd, host: str, port: int) -> bytes:
    """Everything that comes back until the other side closes."""
    reader, writer = await asyncio.open_connection(host, port)
    pieces = [bytes((byte,)) for byte in odd.raw] if odd.byte_by_byte else [odd.raw]
    received = bytearray()

    async def send() -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(1 if odd.byte_by_byte else 0)
        if odd.then_closed:
            writer.write_eof()

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(GUARD_SECONDS):
            while piece := await reader.read(65536):
                received += piece
    except ConnectionResetError:
        pass  # what we were still sending was not wanted
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
    return bytes(received)


async def be_healthy(service: Promptcdn, statuses: list[int]) -> None:
    """Asks for a picture every moment, until it is cancelled."""
    while True:
        answer = await asyncio.to_thread(service.get, "/?prompt=healthy&seed=7")
        statuses.append(answer.status_code)
        await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
async def exchanged(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exchanged]:  # noqa: ARG001
    folder = tmp_path_factory.mktemp("raw")
    healthy: list[int] = []
    with Promptcdn(folder, PROMPTCDN_SIZE="256x256") as service:
        host, port = service.url.removeprefix("http://").split(":")
        other = asyncio.create_task(be_healthy(service, healthy))
        answers = await asyncio.gather(*(exchange(odd, host, int(port)) for odd in ODD))
        other.cancel()
        log = (folder / "log").read_text()
        yield Exchanged(dict(zip((odd.name for odd in ODD), answers, strict=True)), healthy, log)


def responses(raw: bytes) -> list[tuple[int, dict[str, str]]]:
    """Status and headers of each answer in `raw`, which holds nothing else."""
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        found.append((int(line.split(" ")[1]), headers))
        raw = raw[int(headers.get("content-length", 0)) :]
    return found


def test_the_names_are_names() -> None:
    assert len({odd.name for odd in ODD}) == len(ODD)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_an_odd_request_is_refused_or_answered_and_closed(exchanged: Exchanged, odd: Odd) -> None:
    assert tuple(status for status, _ in responses(exchanged.answers[odd.name])) == odd.statuses


def test_every_answer_has_the_shared_headers_and_not_the_host(exchanged: Exchanged) -> None:
    for name, raw in exchanged.answers.items():
        for status, headers in responses(raw):
            assert headers["access-control-allow-origin"] == "*", name
            assert headers["cross-origin-resource-policy"] == "cross-origin", name
            assert headers["x-content-type-options"] == "nosniff", name
            assert headers["server-timing"].startswith("total;dur="), name
            assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"]), name
            assert ("content-length" in headers) == (status != 204), name
            assert {"cache-control", "date"} <= headers.keys(), name
            assert not {"location", "server", "set-cookie"} & headers.keys(), name
            assert "evil.example" not in " ".join(headers.values()), name


def test_a_healthy_client_is_answered_during_all_of_it(exchanged: Exchanged) -> None:
    assert len(exchanged.healthy) > 10
    assert set(exchanged.healthy) == {200}


def test_odd_requests_fill_no_log_and_raise_nothing(exchanged: Exchanged) -> None:
    """At most a line for each, and none of them a warning."""
    assert "Traceback" not in exchanged.log
    assert not re.search(r"ERROR|WARNING", exchanged.log)
    assert exchanged.log.count("\n") <= len(ODD) + len(exchanged.healthy)
