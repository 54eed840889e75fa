"""HTTP towards upstreams, over real sockets: what is sent, what every failure means, and which pictures are fetched."""

import gzip
import logging
import socket
import ssl
from collections.abc import Awaitable
from typing import Any

import pytest
import trustme

from promptcdn import problems
from promptcdn.generators.http import Hosts, Http, Reply, Timings, address
from promptcdn.problems import ProblemType, UpstreamFailed
from tests.support.raw_http import Answer, RawHttp, answer, silent

pytestmark = pytest.mark.anyio

MOST = 1_000_000
QUICK = Timings(connect=20, between_fetches=0.01)


async def posted(url: str, seconds: float = 20, most: int = MOST, **more: Any) -> Reply:
    client = Http(address(url, "X_URL"), {"Authorization": "Bearer canary"}, QUICK)
    try:
        return await client.post("/generate", json={"prompt": "é"}, seconds=seconds, most=most, **more)
    finally:
        await client.close()


async def failed(asking: Awaitable[Reply]) -> UpstreamFailed:
    with pytest.raises(UpstreamFailed) as raised:
        await asking
    assert "canary" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    return raised.value


async def test_a_call_is_sent_with_its_headers_and_body() -> None:
    with RawHttp(answer(b"picture", x_seed="7")) as server:
        reply = await posted(server.url + "/v1/", headers={"Accept": "image/png"})

    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /v1/generate http/1.1"
    assert {"authorization: bearer canary", "accept: image/png", "accept-encoding: identity"} <= {*lines}
    assert body.decode() == '{"prompt":"é"}'
    assert (reply.status, reply.body, reply.headers["x-seed"], reply.peer) == (200, b"picture", "7", "127.0.0.1")


async def test_a_form_is_sent_as_multipart() -> None:
    with RawHttp(answer()) as server:
        client = Http(address(server.url, "X_URL"))
        await client.post("", data={"prompt": "a"}, files={"none": ("", b"")}, seconds=20, most=MOST)
        await client.close()

    assert b"multipart/form-data; boundary=" in server.requests[0]
    assert b'name="prompt"\r\n\r\na\r\n' in server.requests[0]


async def test_an_answer_is_given_whatever_its_status() -> None:
    with RawHttp(answer(b"{}", "429 Too Many Requests", retry_after="3")) as server:
        reply = await posted(server.url)

    assert (reply.status, reply.headers["retry-after"], reply.body) == (429, "3", b"{}")


async def test_a_redirect_is_not_followed() -> None:
    with RawHttp(answer()) as other, RawHttp(answer(b"", "307 Temporary Redirect", location=other.url)) as server:
        assert (await posted(server.url)).status == 307

    assert other.requests == []


async def test_each_call_has_a_connection_of_its_own() -> None:
    """A server that closes a kept connection in the moment of a call leaves open whether it began the picture."""
    with RawHttp(answer(b"1"), answer(b"2")) as server:
        client = Http(address(server.url, "X_URL"))
        bodies = [(await client.get("", seconds=20, most=MOST)).body for _ in range(2)]
        await client.close()

    assert bodies == [b"1", b"2"]


async def test_cookies_are_not_kept() -> None:
    with RawHttp(answer(b"", set_cookie="a=canary")) as server:
        client = Http(address(server.url, "X_URL"))
        for _ in range(2):
            await client.get("", seconds=20, most=MOST)
        await client.close()

    assert b"canary" not in server.requests[1]


def cut(connection: socket.socket) -> None:
    """Half an answer, and the end of the connection."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")


def endless(connection: socket.socket) -> None:
    """An answer that says no length and never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def nothing(connection: socket.socket) -> None:
    """The end of the connection."""
    connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (cut, problems.UPSTREAM_UNREACHABLE),
        (nothing, problems.UPSTREAM_UNREACHABLE),
        (b"SSH-2.0-OpenSSH\r\n\r\n", problems.UPSTREAM_UNREACHABLE),
        (endless, problems.UPSTREAM_GARBLED),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2000000000\r\n\r\n", problems.UPSTREAM_GARBLED),
        (answer(gzip.compress(b"0" * 10_000_000), content_encoding="gzip"), problems.UPSTREAM_GARBLED),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 500_000 + b"\r\n\r\n", problems.UPSTREAM_UNREACHABLE),
    ],
    ids=["cut", "nothing", "no HTTP", "endless", "2 GB", "gzip", "a huge head"],
)
async def test_what_fails_after_the_call_was_sent_is_charged(told: Answer, kind: ProblemType) -> None:
    with RawHttp(told) as server:
        failure = await failed(posted(server.url))

    assert (failure.kind, failure.charged) == (kind, True)


@pytest.mark.parametrize(
    "told",
    [
        answer(gzip.compress(b"slow down"), "429 Too Many Requests", content_encoding="gzip"),
        answer(b"x" * 2 * MOST, "429 Too Many Requests"),
    ],
    ids=["encoded", "large"],
)
async def test_a_refusal_is_told_by_its_status_whatever_its_words(told: Answer) -> None:
    """It would count as charged, and as the answer of an upstream that works."""
    with RawHttp(told) as server:
        reply = await posted(server.url)

    assert (reply.status, reply.body) == (429, b"")


async def test_an_answer_that_does_not_come_in_time_is_charged() -> None:
    with RawHttp(silent) as server:
        failure = await failed(posted(server.url, seconds=0.5))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_TIMEOUT, True)


async def test_a_refused_connection_is_not_charged() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    failure = await failed(posted(f"http://127.0.0.1:{port}"))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, False)


async def test_a_connection_that_does_not_stand_in_time_is_not_charged() -> None:
    """TCP connects, and the other end never answers the TLS greeting."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        failure = await failed(posted(f"https://127.0.0.1:{mute.getsockname()[1]}", seconds=0.5))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, False)


async def test_a_host_that_does_not_exist_is_not_charged() -> None:
    failure = await failed(posted("http://does-not-exist.invalid"))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, False)


async def test_a_certificate_of_nobody_known_is_told_as_that() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    with RawHttp(answer(), tls=context) as server:
        failure = await failed(posted(server.url))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, False)
    assert "certificate is not valid" in failure.detail


async def test_a_proxy_that_cannot_be_used_keeps_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks9://user:canary@proxy")

    failure = await failed(posted("http://upstream.example"))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, False)


async def test_a_proxy_is_used_but_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawHttp(answer(b"by proxy")) as proxy, RawHttp(answer(b"here")) as here:
        monkeypatch.setenv("http_proxy", proxy.url.removeprefix("http://"))
        elsewhere = await posted("http://upstream.example")
        local = await posted(here.url)

    assert (elsewhere.body, local.body) == (b"by proxy", b"here")


@pytest.mark.parametrize("told", [answer(b"", "403 Forbidden"), answer(b"", "502 Bad Gateway"), nothing, silent])
async def test_a_proxy_that_leads_nowhere_is_not_charged(told: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for a way to the upstream, and nothing of the call was sent."""
    with RawHttp(told) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        failure = await failed(posted("https://upstream.example", seconds=2))

    assert proxy.requests[0].startswith(b"CONNECT upstream.example:443")
    assert b"canary" not in proxy.requests[0]
    assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, False)


async def fetched(url: str, upstream: str, peer: str = "127.0.0.1", hosts: str = "", most: int = MOST) -> Reply:
    client = Http(address(upstream, "X_URL"), {"Authorization": "Bearer canary"}, QUICK, Hosts.parse(hosts))
    try:
        return await client.fetch(url, peer, seconds=20, most=most)
    finally:
        await client.close()


async def test_a_picture_is_fetched_from_the_address_that_answered() -> None:
    """No look at the name again, which may mean another address by now; and no key is sent along."""
    with RawHttp(answer(b"picture")) as server:
        upstream = f"http://upstream.example:{server.port}/v1"
        reply = await fetched(f"http://upstream.example:{server.port}/files/a.png?sig=1", upstream)

    assert reply.body == b"picture"
    head = server.requests[0].decode().lower()
    assert head.startswith("get /files/a.png?sig=1 ")
    assert f"host: upstream.example:{server.port}\r\n" in head
    assert "canary" not in head


async def test_a_picture_is_fetched_from_a_named_host() -> None:
    with RawHttp(answer(b"picture")) as server:
        reply = await fetched(f"{server.url}/a.png", "https://upstream.example", hosts=server.url)

    assert reply.body == b"picture"


async def test_a_picture_on_another_host_is_not_fetched(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), RawHttp(answer(b"picture")) as server:
        failure = await failed(fetched(f"{server.url}/a.png?sig=canary", "https://upstream.example"))

    assert server.requests == []
    assert (failure.kind, failure.charged) == (problems.UPSTREAM_GARBLED, True)
    assert f"http://127.0.0.1:{server.port}" in caplog.text
    assert "PROMPTCDN_FETCH_HOSTS" in caplog.text
    assert "canary" not in caplog.text


async def test_a_named_suffix_that_leads_inside_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is looked up once: what it means a moment later is never asked."""
    asked: list[str] = []

    def look_up(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        public = ("1.1.1.1", "10.0.0.1")[len(asked) - 1 :][:1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in (*public, "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    failure = await failed(fetched("https://a.cdn.example/a.png", "https://up.example", hosts="*.cdn.example"))

    assert asked == ["a.cdn.example"]
    assert (failure.kind, failure.charged) == (problems.UPSTREAM_GARBLED, True)


async def test_a_host_that_changes_after_the_look_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawHttp(answer(b"picture")) as first, RawHttp(answer(b"other")) as second:
        asked: list[str] = []

        def look_up(host: str, port: int, *_: object, **__: object) -> list[Any]:
            asked.append(host)
            ends = ("127.0.0.1", port) if len(asked) == 1 else ("127.0.0.2", second.port)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ends)]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        host = f"http://pictures.example:{first.port}"
        reply = await fetched(f"{host}/a.png", "https://up.example", hosts=host)

    assert reply.body == b"picture"
    assert [name for name in asked if name == "pictures.example"] == ["pictures.example"]
    assert second.requests == []


async def test_a_picture_is_not_fetched_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy would look the name up itself, and reach what this service must not."""
    with RawHttp(answer(b"picture")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        failure = await failed(fetched("http://upstream.example/a.png", "http://upstream.example"))

    assert proxy.requests == []
    assert failure.charged


async def test_a_picture_at_what_is_no_host_is_not_there() -> None:
    """No part of a name has more than 63 letters: the look-up fails in another way than for a host that is away."""
    host = f"{'a' * 64}.cdn.example"

    failure = await failed(fetched(f"https://{host}/a.png", "https://up.example", hosts="*.cdn.example"))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_GARBLED, True)


async def test_a_redirect_of_a_picture_is_not_followed() -> None:
    with RawHttp(answer()) as inside, RawHttp(answer(b"", "302 Found", location=f"{inside.url}/a")) as server:
        failure = await failed(fetched(f"{server.url}/a.png", server.url))

    assert inside.requests == []
    assert (failure.kind, failure.charged) == (problems.UPSTREAM_GARBLED, True)


async def test_a_picture_that_is_too_large_is_given_up() -> None:
    with RawHttp(endless) as server:
        failure = await failed(fetched(f"{server.url}/a.png", server.url))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_GARBLED, True)


async def test_a_picture_that_is_paid_for_is_fetched_again() -> None:
    """The URL of a picture may work a moment later only."""
    with RawHttp(cut, answer(b"", "503 Service Unavailable"), answer(b"picture")) as server:
        reply = await fetched(f"{server.url}/a.png", server.url)

    assert reply.body == b"picture"


async def test_a_picture_that_is_never_there_is_charged() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    failure = await failed(fetched(f"http://127.0.0.1:{port}/a.png", f"http://127.0.0.1:{port}"))

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, True)
