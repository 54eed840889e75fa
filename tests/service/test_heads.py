"""Request heads over raw sockets: late ones, large ones, broken ones, and those in plain UTF-8."""

import contextlib
import io
import json
import re
import socket
import time
from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

import pytest
from PIL import Image

from promptcdn.server.request_limits import HEAD_MAX, LINES_MAX
from promptcdn.server.timings import TIMINGS
from tests.support.service import Promptcdn


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("heads"), PROMPTCDN_SIZE="256x256") as running:
        yield running


def connected(service: Promptcdn) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what comes back until the connection is closed."""
    raw = b""
    try:
        while piece := connection.recv(65536):
            raw += piece
    except ConnectionResetError:
        pass  # what we were still sending was not wanted
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), body


def sent(service: Promptcdn, raw: bytes) -> tuple[int, dict[str, str], bytes]:
    with connected(service) as connection:
        connection.sendall(raw)
        return answer(connection)


def test_letters_that_nobody_encoded_are_understood(service: Promptcdn) -> None:
    raw = "GET /?prompt=灯台 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".replace(" HTTP", "&seed=7 HTTP").encode()

    status, _, body = sent(service, raw)

    assert status == 200
    assert body == service.get(f"/?prompt={quote('灯台')}&seed=7").content


def test_bytes_that_are_no_text_are_named_like_everywhere(service: Promptcdn) -> None:
    status, _, body = sent(service, b"GET /?prompt=\xff HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert (status, json.loads(body)["parameter"]) == (400, "prompt")


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"this is no request\r\n\r\n", 400, "bad_request"),
        (b"GET /?prompt=a\x00b HTTP/1.1\r\nHost: h\r\n\r\n", 400, "bad_request"),
        (b"GET /?prompt=" + b"a" * 100_000, 414, "uri_too_long"),
        (b"GET /?prompt=" + b"a" * 8190 + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 2 * HEAD_MAX, 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, 431, "head_too_large"),
    ],
    ids=["garbage", "a control character", "an endless URL", "a long URL", "a large header", "many headers"],
)
def test_a_head_out_of_bounds_is_a_problem_document_too(service: Promptcdn, raw: bytes, status: int, code: str) -> None:
    got, headers, body = sent(service, raw)

    assert (got, json.loads(body)["code"]) == (status, code)
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "date" in headers


TOO_MUCH = {
    "a long URL": (b"GET /?prompt=" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n", b"", 414),
    "a URL of 50 kB": (b"GET /prompt/" + b"a" * 50_000 + b" HTTP/1.1\r\nHost: h\r\n", b"", 414),
    "a large header": (b"GET /?prompt=a HTTP/1.1\r\nHost: h\r\n", b"Cookie: " + b"a" * 2 * HEAD_MAX + b"\r\n", 431),
    "large headers": (b"GET /?prompt=a HTTP/1.1\r\nHost: h\r\n", (b"X: " + b"a" * 5000 + b"\r\n") * 20, 431),
    "many headers": (b"GET /?prompt=a HTTP/1.1\r\nHost: h\r\n", b"X: y\r\n" * LINES_MAX, 431),
    "no Host": (b"GET /?prompt=" + b"a" * 9000 + b" HTTP/1.1\r\n", b"", 414),
}
CAMO = b"User-Agent: github-camo (1a2b)\r\nAccept: image/*\r\n"
BROWSER = b"User-Agent: Mozilla/5.0 Chrome/143\r\nAccept: image/avif,image/*,*/*;q=0.8\r\nSec-Fetch-Dest: image\r\n"


@pytest.mark.parametrize("name", TOO_MUCH)
@pytest.mark.parametrize("pieces", [1, 7])
def test_a_head_out_of_bounds_is_answered_with_a_picture(service: Promptcdn, name: str, pieces: int) -> None:
    """A request head that is out of bounds is answered with a picture where pictures are shown."""
    start, rest, true_status = TOO_MUCH[name]
    for who, status in ((BROWSER, true_status), (CAMO, 200), (b"User-Agent: curl/8\r\n", true_status)):
        raw = start + who + rest + b"\r\n"
        size = -(-len(raw) // pieces)
        with connected(service) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                for at in range(0, len(raw), size):
                    connection.sendall(raw[at : at + size])
            got, headers, body = answer(connection)

        assert got == status
        assert headers["cache-control"] == "no-store"
        assert headers["connection"] == "close"
        assert headers.get("promptcdn-status") == (str(true_status) if who is CAMO else None)
        if who in (BROWSER, CAMO):
            assert headers["content-type"] == "image/png"
            assert headers["content-security-policy"]
            assert Image.open(io.BytesIO(body)).format == "PNG"
        else:
            assert json.loads(body)["status"] == true_status


def test_a_head_out_of_bounds_is_a_document_at_other_paths(service: Promptcdn) -> None:
    """A request head that is out of bounds is answered with a document where no pictures are shown."""
    raw = b"GET /info?prompt=" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n" + BROWSER + b"\r\n"

    status, headers, body = sent(service, raw)

    assert (status, json.loads(body)["code"]) == (414, "uri_too_long")
    assert headers["content-type"] == "application/problem+json"


def test_what_follows_a_head_out_of_bounds_is_no_request(service: Promptcdn) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    for start, rest, _ in TOO_MUCH.values():
        raw = b""
        with connected(service) as connection, contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.sendall(start + rest + b"\r\n" + hidden)
            raw = b"".join(iter(partial(connection.recv, 65536), b""))
        assert raw.count(b"HTTP/1.1 ") <= 1
        assert b"HTTP/1.1 200" not in raw


def test_a_head_out_of_bounds_is_answered_in_its_turn(service: Promptcdn) -> None:
    """A request head that is out of bounds and comes after another one is answered in its turn."""
    first = b"GET /?prompt=in+turn&seed=1 HTTP/1.1\r\nHost: h\r\n\r\n"
    start, _, _ = TOO_MUCH["a long URL"]
    with connected(service) as connection:
        connection.sendall(first + start + BROWSER + b"\r\n")
        raw = b"".join(iter(partial(connection.recv, 65536), b""))

    assert re.findall(rb"HTTP/1.1 ([0-9]{3})", raw) == [b"200", b"414"]


@pytest.mark.parametrize(
    "malformed", [b"GET /healthz HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]
)
def test_a_malformed_request_is_answered_in_its_turn(service: Promptcdn, malformed: bytes) -> None:
    """A request that is no HTTP and comes behind others is answered after them, whether those took long or not."""
    asked = b"".join(b"GET /?prompt=in+its+turn&seed=%d HTTP/1.1\r\nHost: h\r\n\r\n" % seed for seed in (1, 2))
    for _ in ("made", "from memory"):
        with connected(service) as connection:
            connection.sendall(asked + malformed)
            raw = b"".join(iter(partial(connection.recv, 65536), b""))

        assert re.findall(rb"HTTP/1.1 ([0-9]{3})", raw) == [b"200", b"200", b"400"]
        assert raw.lower().count(b"connection: close") == 1


def test_an_endless_head_is_cut_off_while_it_is_sent(service: Promptcdn) -> None:
    with connected(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        # Reset or broken pipe, as the kernel likes.
        with pytest.raises(OSError):  # noqa: PT011
            connection.sendall(b"a" * 600_000_000)


def test_late_heads_and_silent_connections_are_closed(service: Promptcdn) -> None:
    """And nobody else notices."""
    with connected(service) as late, connected(service) as silent:
        began = time.monotonic()
        late.sendall(b"GET / HTTP/1.1\r\nX: ")
        assert service.get("/healthz").status_code == 200
        status, headers, body = answer(late)
        assert (status, json.loads(body)["code"]) == (408, "request_timeout")
        assert headers["cache-control"] == "no-store"
        assert silent.recv(1) == b""
        assert time.monotonic() - began >= TIMINGS.head - 0.5


def test_one_connection_carries_many_requests_also_in_one_piece(service: Promptcdn) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    with connected(service) as connection:
        connection.sendall(one * 20)
        for piece in (one[:10], one[10:] + one, last):
            connection.sendall(piece)
        raw = b"".join(iter(lambda: connection.recv(65536), b""))

    assert raw.count(b"HTTP/1.1 200 OK") == 23


@pytest.mark.parametrize("between", [0.0, 0.05])
def test_heads_are_read_apart_wherever_the_network_cuts_them(service: Promptcdn, between: float) -> None:
    """Two requests in three pieces, cut at every place of the second one that means something."""
    one = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    cuts = [
        1,
        4,
        last.index(b"\r\n"),
        last.index(b"\n") + 1,
        last.index(b"\r\nConn"),
        *(len(last) - n for n in (4, 3, 2, 1)),
    ]
    for cut in cuts:
        with connected(service) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(one + last[:cut])
            time.sleep(between)
            connection.sendall(last[cut:])
            raw = b"".join(iter(partial(connection.recv, 65536), b""))
        assert raw.count(b"HTTP/1.1 200 OK") == 2, cut


def test_the_second_head_in_a_piece_is_guarded_like_the_first(service: Promptcdn) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    large = b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: " + b"a" * (HEAD_MAX + 10) + b"\r\n\r\n"
    plain = "GET /info?prompt=灯台&seed=7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    with connected(service) as connection:
        connection.sendall(one + plain)
        raw = b"".join(iter(partial(connection.recv, 65536), b""))
    assert raw.count(b"HTTP/1.1 200 OK") == 2
    with connected(service) as connection:
        connection.sendall(one)
        assert b"200 OK" in connection.recv(65536)
        connection.sendall(one + large)
        raw = b""
        with contextlib.suppress(ConnectionResetError):
            raw = b"".join(iter(partial(connection.recv, 65536), b""))
    assert raw.count(b"200 OK") <= 1


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"HEAD /?prompt=" + b"a" * 9000, 414), (b"HEAD / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 2 * HEAD_MAX, 431)],
    ids=["a long URL", "a large header"],
)
def test_head_is_refused_without_a_body(service: Promptcdn, raw: bytes, status: int) -> None:
    got, headers, body = sent(service, raw)

    assert (got, body) == (status, b"")
    assert int(headers["content-length"]) > 0
