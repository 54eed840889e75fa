"""Stand-ins for the two camo programs through which Markdown pictures are read, and for a CDN in front of them.

    reader → Cdn → GoCamo or AtmosCamo → promptcdn

    with GoCamo() as camo, Cdn(camo.url) as cdn:
        httpx2.get(cdn.url + camo_target("http://127.0.0.1:8080/?prompt=a"))

What they do is what go-camo 2 and atmos/camo 2 were seen or documented to do; the code is our own. Left out: signed
URLs, and go-camo's refusal of private addresses, for all of this is on loopback.
"""

import asyncio
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import parse_qs, quote, urlsplit

import httpx2

YEAR = "public, max-age=31536000"
# Nothing here is encrypted, and each client would read all certificates of the machine.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Asked:
    """A request as it came; names of headers in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]

    @property
    def url(self) -> str:
        """What the reader wants to see, of a request to a camo."""
        return parse_qs(urlsplit(self.target).query)["url"][0]


@dataclass(frozen=True)
class Reply:
    """An answer. `pause` is in seconds before each tenth of the body; without `length` its end is the connection's."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    pause: float = 0
    length: bool = True


def camo_target(url: str) -> str:
    """Where a camo has `url`."""
    return f"/?url={quote(url, safe='')}"


class Loopback:
    """An HTTP server on a free port of 127.0.0.1, in threads of this process, that answers by a function."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if self.raw_requestline and self.parse_request():
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    self._send(answer(Asked(self.command, self.path, headers)))
                self.close_connection = True

            def _send(self, reply: Reply) -> None:
                self.send_response_only(reply.status)
                headers = {"Content-Length": str(len(reply.body))} if reply.length else {}
                for name, value in {**headers, **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                step = max(1, len(reply.body) // 10)
                for start in range(0, 0 if self.command == "HEAD" else len(reply.body), step):
                    time.sleep(reply.pause)
                    self.wfile.write(reply.body[start : start + step])

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """Whoever gave up on a slow answer is gone: no fault of the server's."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _TooManyRedirects(Exception):
    pass


async def _fetched(
    asked: Asked, headers: Mapping[str, str], redirects: Mapping[int, int], silence: float | None, most: int | None
) -> Reply:
    """The answer at the end of all redirects. `redirects` has the statuses that are followed, and how many in a row;
    `silence` is the longest in seconds between two pieces; a body without a length ends after `most` bytes."""
    async with httpx2.AsyncClient(headers=headers, timeout=silence, verify=_NO_CERTIFICATES) as client:
        if "accept-encoding" not in headers:
            del client.headers["accept-encoding"]
        url, hops = httpx2.URL(asked.url), 0
        while True:
            async with client.stream(asked.method, url) as answer:
                if answer.status_code in redirects and "location" in answer.headers:
                    hops += 1
                    if hops > redirects[answer.status_code]:
                        raise _TooManyRedirects
                    url = url.join(answer.headers["location"])
                    continue
                body = b""
                async for piece in answer.aiter_raw():
                    body += piece
                    if most is not None and "content-length" not in answer.headers:
                        body = body[:most]
                return Reply(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, body)


def _passed(reply: Reply, *names: str) -> dict[str, str]:
    return {name: reply.headers[name] for name in names if name in reply.headers}


def _length(reply: Reply) -> int:
    return int(reply.headers.get("content-length", 0))


class GoCamo(Loopback):
    """go-camo: four seconds for everything, three statuses, no `Vary`. `max_size` in bytes; it has none by default."""

    SECONDS = 4.0
    _REDIRECTS: ClassVar = dict.fromkeys((301, 302, 303, 307, 308), 3)
    _FORWARDED = (
        *("accept-charset", "accept-language", "cache-control"),
        *("if-none-match", "if-modified-since", "range"),
    )
    _PASSED = (
        *("accept-ranges", "cache-control", "content-encoding", "content-range", "content-type"),
        *("etag", "expires", "last-modified"),
    )

    def __init__(self, max_size: int | None = None) -> None:
        super().__init__(self._answer)
        self._max_size = max_size

    def _answer(self, asked: Asked) -> Reply:
        if asked.headers.get("via") == "go-camo":
            return Reply(404)
        ours = {"accept": "image/*, image/svg+xml", "user-agent": "go-camo", "via": "go-camo"}
        forwarded = {name: asked.headers[name] for name in self._FORWARDED if name in asked.headers}
        fetch = _fetched(asked, {**forwarded, **ours}, self._REDIRECTS, None, self._max_size)
        try:
            reply = asyncio.run(asyncio.wait_for(fetch, self.SECONDS))
        except TimeoutError:
            return Reply(504)
        except _TooManyRedirects:
            return Reply(404)
        except httpx2.HTTPError:
            return Reply(502)
        return self._judged(reply)

    def _judged(self, reply: Reply) -> Reply:
        if reply.status == 304:
            return Reply(304, _passed(reply, *self._PASSED), length=False)
        if reply.status not in (200, 206):
            return Reply(502 if reply.status >= 500 else 404)
        if self._max_size is not None and _length(reply) > self._max_size:
            return Reply(404)
        if not reply.headers.get("content-type", "").startswith("image/"):
            return Reply(400)
        return Reply(reply.status, _passed(reply, *self._PASSED), reply.body)


class AtmosCamo(Loopback):
    """atmos/camo: ten seconds of silence, any status with a type it knows, and a year for what names no time."""

    SILENCE = 10.0
    MAX_SIZE = 5_242_880
    _NAME = "Camo Asset Proxy 2.3.0"
    # It knows redirects by 308 as little as AVIF.
    _REDIRECTS: ClassVar = dict.fromkeys((301, 302, 303, 307), 4)
    _TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/bmp"})
    # It sends headers of answers with its requests too.
    _ODD: ClassVar = {
        "x-frame-options": "deny",
        "x-xss-protection": "1; mode=block",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    }
    _PASSED = ("content-type", "cache-control", "etag", "expires", "last-modified", "content-encoding")

    def __init__(self) -> None:
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Reply:
        if asked.method != "GET":
            return Reply(200, {}, b"hwhat")
        if self._NAME in asked.headers.get("via", ""):
            return Reply(404)
        forwarded = {name: asked.headers[name] for name in ("accept", "accept-encoding") if name in asked.headers}
        headers = {"accept": "image/*", **forwarded, "user-agent": self._NAME, "via": self._NAME, **self._ODD}
        try:
            reply = asyncio.run(_fetched(asked, headers, self._REDIRECTS, self.SILENCE, None))
        except (httpx2.HTTPError, _TooManyRedirects):
            return Reply(404)
        if _length(reply) > self.MAX_SIZE:
            return Reply(404)
        if reply.headers.get("content-type", "").partition(";")[0].strip() not in self._TYPES:
            return Reply(404)
        passed = {"cache-control": YEAR, **_passed(reply, *self._PASSED)}
        return Reply(reply.status, {**passed, **self._ODD}, reply.body)


@dataclass(frozen=True)
class _Kept:
    reply: Reply
    since: float
    fresh: float
    stale: float


class Cdn(Loopback):
    """A shared cache that knows a picture by its camo URL alone, for it never sees a `Vary`.

    It keeps what `Cache-Control` lets it keep, and like Varnish goes on showing it for `GRACE` seconds while it asks
    again, unless `stale-while-revalidate` says how long. `clock` gives seconds.
    """

    GRACE = 10.0
    _STATUSES = (200, 203, 300, 301, 302, 404, 410)

    def __init__(self, camo: str, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(self._answer)
        self._camo = camo
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def _answer(self, asked: Asked) -> Reply:
        kept = self._kept.get(asked.target)
        age = self._clock() - kept.since if kept else 0
        if kept is None or age >= kept.fresh + kept.stale:
            return self._asked(asked)
        if age >= kept.fresh:
            self._asked(asked)
        return replace(kept.reply, headers={**kept.reply.headers, "age": str(int(age)), "x-cache": "HIT"})

    def _asked(self, asked: Asked) -> Reply:
        headers = {name: value for name, value in asked.headers.items() if name not in ("host", "connection")}
        # HEAD is asked as GET, as caches do.
        answer = httpx2.get(self._camo + asked.target, headers=headers, timeout=60, verify=_NO_CERTIFICATES)
        passed = {k.lower(): v for k, v in answer.headers.items() if k.lower() != "content-length"}
        reply = Reply(answer.status_code, passed, answer.content)
        self._kept.pop(asked.target, None)
        said = passed.get("cache-control", "")
        fresh = _seconds(said, "s-maxage", _seconds(said, "max-age", 0))
        if fresh and reply.status in self._STATUSES and not re.search(r"no-store|no-cache|private", said):
            stale = _seconds(said, "stale-while-revalidate", self.GRACE)
            self._kept[asked.target] = _Kept(reply, self._clock(), fresh, stale)
        return replace(reply, headers={**passed, "x-cache": "MISS"})


def _seconds(cache_control: str, directive: str, otherwise: float) -> float:
    found = re.search(rf"(?<![a-z-]){directive}=([0-9]+)", cache_control)
    return float(found[1]) if found else otherwise
