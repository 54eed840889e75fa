"""What a hit costs in Python alone: uvicorn's protocol is driven through a transport that only counts.

Each figure is a ratio to a constant ASGI answer with the same headers, in one run, in rotated order. Two more copies of
that base (`base again`) say how small a difference can be trusted.

    python -m benchmarks.in_process [--json] [--rounds 25] [--requests 400]
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from promptcdn.faces.app import create_app
from promptcdn.readers.rendition import RawHeaders
from promptcdn.server.fast_requests import FastRequests
from promptcdn.server.fastpath import fast_path
from promptcdn.server.request_limits import LimitedRequests
from promptcdn.settings import Settings
from promptcdn.wiring import Service, opened

# As GitHub's image proxy sends them.
READER = b"".join(
    (
        b"host: pictures.example\r\n",
        b"user-agent: github-camo (1a2b3c4d)\r\n",
        b"accept: image/avif,image/webp,image/*,*/*;q=0.8\r\n",
        b"via: github-camo (1a2b3c4d)\r\n",
        b"accept-encoding: gzip\r\n",
    )
)
SEEDED, SEEDLESS = b"/?prompt=a+lighthouse&seed=7&width=256&height=256", b"/?prompt=a+lighthouse&width=256&height=256"


class CountingTransport(asyncio.Transport):
    """Takes everything at once, as a kernel with room does, and says when an answer is whole."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 40000), "sockname": ("192.0.2.2", 80)})
        self.written = 0

    def write(self, data: Any) -> None:
        self.written += len(data)

    def writelines(self, pieces: Any) -> None:
        for piece in pieces:
            self.write(piece)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Variant:
    """One way to answer, and the request for it."""

    name: str
    protocol: Callable[[], HttpToolsProtocol]
    request: bytes


def constant(headers: RawHeaders, body: bytes, status: int = 200) -> ASGIApp:
    """The least that an ASGI application can do."""
    start = {"type": "http.response.start", "status": status, "headers": list(headers)}
    rest = {"type": "http.response.body", "body": body}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send(start)
        await send(rest)

    return app


def starlette_constant(headers: RawHeaders, body: bytes, status: int = 200) -> ASGIApp:
    """The least that an application on Starlette can do."""
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}

    async def picture(request: Request) -> Response:
        del request
        return Response(body, status, fields)

    return Starlette(routes=[Route("/", picture)])


def protocol(kind: Callable[..., HttpToolsProtocol], app: ASGIApp) -> Callable[[], HttpToolsProtocol]:
    """Makes connections of that kind which are answered by `app`."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_config=None,
        date_header=False,
        server_header=False,
        proxy_headers=False,
    )
    config.load()
    return lambda: kind(config, ServerState(), {})


async def answered(connection: HttpToolsProtocol, transport: CountingTransport, request: bytes) -> None:
    """Sends one request, and waits for the end of its answer."""
    transport.written = 0
    connection.data_received(request)
    while not transport.written or (connection.cycle is not None and not connection.cycle.response_complete):
        await asyncio.sleep(0)


async def timed(variant: Variant, requests: int) -> float:
    """Microseconds of CPU for one request."""
    connection, transport = variant.protocol(), CountingTransport()
    connection.connection_made(transport)
    await answered(connection, transport, variant.request)
    began = time.process_time()
    for _ in range(requests):
        await answered(connection, transport, variant.request)
    took = time.process_time() - began
    connection.connection_lost(ConnectionResetError())
    return 1e6 * took / requests


def request(target: bytes, *lines: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + READER + b"".join(lines) + b"\r\n"


async def asked(app: ASGIApp, target: bytes) -> tuple[RawHeaders, bytes]:
    """The answer of an application."""
    path, _, query = target.partition(b"?")
    scope = {"type": "http", "method": "GET", "path": path.decode(), "raw_path": path, "query_string": query}
    lines = [tuple(line.split(b": ", 1)) for line in READER.split(b"\r\n") if line]
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    await app({**scope, "headers": lines, "client": ("192.0.2.1", 1), "http_version": "1.1"}, receive, send)
    assert messages[0]["status"] == 200, messages
    return messages[0]["headers"], messages[1]["body"]


@contextmanager
def service(**settings: Any) -> Iterator[Service]:
    with TemporaryDirectory() as folder:
        yield opened(Settings(data_dir=Path(folder), **settings))


def with_body(service: Service, size: int) -> None:
    """Makes every picture in memory as long as a real one."""
    from dataclasses import replace

    memory = service.renditions.memory
    for key, variant in list(memory._entries):
        picture = memory._entries[key, variant].rendition
        body = (picture.body * (size // len(picture.body) + 1))[:size]
        memory.put(variant, replace(picture, body=body, digest=None))


async def variants(service: Service, size: int) -> list[Variant]:
    app = create_app(service)
    fast = fast_path(app, service)
    assert fast is not None
    shown: set[bytes] = set()
    while len(shown) < service.settings.variants:  # its pictures are made one by one behind its views
        await asked(fast, SEEDED)
        headers, _ = await asked(fast, SEEDLESS)
        shown |= {value for name, value in headers if name == b"content-location"}
    with_body(service, size)
    headers, body = await asked(fast, SEEDED)
    tag = next(value for name, value in headers if name == b"etag")
    unchanged = b"if-none-match: " + tag + b"\r\n"
    small = [(name, value) for name, value in headers if name in (b"date", b"etag", b"cache-control")]
    base = protocol(HttpToolsProtocol, constant(headers, body))
    base_304 = protocol(HttpToolsProtocol, constant(small, b"", 304))
    seeded, seedless = request(SEEDED), request(SEEDLESS)
    conditional = request(SEEDED, unchanged)
    ours, asgi = protocol(LimitedRequests, app), protocol(LimitedRequests, fast)
    below = protocol(partial(FastRequests, fastpath=fast), fast)
    return [
        Variant("base", base, seeded),
        Variant("base again", base, seeded),
        Variant("base again, twice", base, seeded),
        Variant(
            "Starlette, a constant Response", protocol(HttpToolsProtocol, starlette_constant(headers, body)), seeded
        ),
        Variant("base behind the guard", protocol(LimitedRequests, constant(headers, body)), seeded),
        Variant("hit, no fast path", ours, seeded),
        Variant("hit, ASGI", asgi, seeded),
        Variant("hit, below ASGI", below, seeded),
        Variant("seedless, no fast path", ours, seedless),
        Variant("seedless, ASGI", asgi, seedless),
        Variant("seedless, below ASGI", below, seedless),
        Variant("304 base", base_304, conditional),
        Variant("304, no fast path", ours, conditional),
        Variant("304, ASGI", asgi, conditional),
        Variant("304, below ASGI", below, conditional),
    ]


async def measured(size: int, rounds: int, requests: int) -> dict[str, list[float]]:
    with service() as made:
        await made.start()
        ways = await variants(made, size)
        found: dict[str, list[float]] = {way.name: [] for way in ways}
        for turn in range(rounds):
            shift = turn % len(ways)
            for way in ways[shift:] + ways[:shift]:
                found[way.name].append(await timed(way, requests))
        await made.close()
    return found


def ratios(found: dict[str, list[float]]) -> dict[str, tuple[float, float, float]]:
    """Of each way: median microseconds, median ratio to its base, and half the distance of its quartiles."""
    table = {}
    for name, times in found.items():
        base = found["304 base" if name.startswith("304") else "base"]
        ratio = [time / of for time, of in zip(times, base, strict=True)]
        low, _, high = statistics.quantiles(ratio, n=4)
        table[name] = statistics.median(times), statistics.median(ratio), (high - low) / 2
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--size", type=int, default=150_000)
    chosen = parser.parse_args()
    import uvloop

    table = ratios(uvloop.run(measured(chosen.size, chosen.rounds, chosen.requests)))
    if chosen.json:
        print(json.dumps(table))
        return
    for name, (took, ratio, spread) in table.items():
        print(f"{name:28}{took:8.1f} µs{ratio:8.2f} ± {spread:.2f}")


if __name__ == "__main__":
    main()
