"""The fast path: a URL that was answered before is answered from memory, and nothing of it is read again.

Remembered are URLs whose answer is the same for every reader, as long as the picture is in memory: seeded URLs,
permalinks, and URLs without a seed once all their pictures were shown. All else goes the way of `cdn`.

An answer must be what the long way would give now. 1: what memory drops because it was removed (a takedown, a purge, a
URL bound anew) drops all aliases, those of answers that were under way too. 2: a picture that was taken down is not
shown while its objects are still being deleted. 3: what memory drops to make room is looked for the long way.
"""

import logging
import random
import secrets
from collections.abc import Callable, MutableMapping
from itertools import count
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from promptcdn.catalog.memory_cache import Entry, Memory
from promptcdn.clock import SYSTEM, Clock
from promptcdn.faces.responses import noted
from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.readers import framing, prepared, response_headers
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.prepared import Alias
from promptcdn.readers.rendition import RawHeaders
from promptcdn.server.remembered import TARGET_MAX, RememberedUrls
from promptcdn.server.seen_heads import Fields, Head, Readers, Seen
from promptcdn.wiring import Service

log = logging.getLogger("promptcdn")

# How a URL says that `Accept` chooses its format. One that says so in another spelling is not remembered.
_AUTO = b"format=auto"
# As metrics have them.
_NAMES = {outcome: outcome.name.lower() for outcome in Outcome}


class Hit(NamedTuple):
    """An answer from memory. `blocks` are the lines of its head that are the same at each view."""

    status: int
    date: bytes
    blocks: tuple[bytes, ...]
    request_id: bytes
    body: bytes

    @property
    def head(self) -> bytes:
        """The head as it is sent."""
        if self.status == 304:
            return b"HTTP/1.1 304 Not Modified\r\ndate: %b\r\n%b%b%b\r\n" % (self.date, *self.blocks)
        head = b"HTTP/1.1 200 OK\r\ndate: %b\r\n%b%b%b%bx-request-id: %b\r\nserver-timing: %b\r\n\r\n"
        return head % (self.date, *self.blocks, self.request_id, prepared.AT_ONCE)

    @property
    def fields(self) -> RawHeaders:
        """The head as ASGI has it."""
        found = [(b"date", self.date)]
        for block in self.blocks:
            found += prepared.fields(block)
        if self.status == 200:
            found += (b"x-request-id", self.request_id), (b"server-timing", prepared.AT_ONCE)
        return found


class FastPath:
    """Answers remembered URLs; hands all other requests to `app`, and remembers what it answers."""

    def __init__(
        self,
        app: ASGIApp,
        memory: Memory,
        removed: Callable[[str], bool],
        variants: int,
        last_shown: MutableMapping[str, int],
        clock: Clock = SYSTEM,
        observer: Observer = NO_OBSERVER,
        *,
        below_asgi: bool = True,
    ) -> None:
        """`removed` says whether a picture is known to be taken down; `variants` and `last_shown` are as in
        `RememberedUrls`. `below_asgi`: connections ask it before the application is called at all."""
        self.below_asgi = below_asgi
        self._app = app
        self._memory = memory
        self._removed = removed
        self._clock = clock
        self._observer = observer
        # By URL, and by its format where `Accept` chose that. Which picture is shown is no secret.
        self._urls = RememberedUrls(variants, last_shown, random.Random())  # noqa: S311
        self._drops = memory.drops
        self._readers = Readers()
        self._second, self._date = 0, b""
        self._process, self._requests = secrets.token_hex(4).encode(), count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or framing.REFUSAL in scope:
            await self._app(scope, receive, send)
            return
        target: bytes = scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        fields = tuple(scope["headers"])
        hit = self.hit(scope["method"], target, fields, fields)
        if hit is not None:
            await send({"type": "http.response.start", "status": hit.status, "headers": hit.fields})
            await send({"type": "http.response.body", "body": hit.body})
            return
        drops = self._memory.drops
        await self._app(scope, receive, send)
        if drops == self._memory.drops:
            self._remember(scope, target)

    def hit(self, method: str, target: bytes, fields: Fields, head: Head) -> Hit | None:
        """The answer to a request, if memory has all of it. `head` is what its header `fields` are recognised by the
        next time; `hit_by_lines` knows those that are lines, as they were sent."""
        if method not in ("GET", "HEAD"):
            return None
        known = self._readers.by_head.get(head)
        seen = known or self._readers.seen(fields)
        hit = self._hit(target, seen)
        if hit is not None and known is None:
            self._readers.remember(head, seen)
        return hit

    def hit_by_lines(self, request_line: bytes, lines: bytes) -> Hit | None:
        """The same for header lines that were sent before."""
        seen = self._readers.by_head.get(lines)
        if seen is None or request_line[-9:] != b" HTTP/1.1":
            return None
        if request_line.startswith(b"GET /"):
            return self._hit(request_line[4:-9], seen)
        return self._hit(request_line[5:-9], seen) if request_line.startswith(b"HEAD /") else None

    def _hit(self, target: bytes, seen: Seen) -> Hit | None:
        began = self._clock.monotonic()
        key = _key(target, seen)
        found = None if key is None or seen.tag is None else self._found(key)
        if found is None:
            return None
        alias, entry = found
        own, tag = entry.head(alias.outcome)
        alike, alike_unchanged = prepared.shared_lines(entry.rendition.media_type, alias.outcome)
        if not seen.tag:
            blocks = alias.lines, alike, own, prepared.ALWAYS_LINES
            hit = Hit(200, self._now(), blocks, self._request_id(), entry.rendition.body)
        elif tag and seen.tag in (tag, b"W/" + tag):
            hit = Hit(304, self._now(), (alias.unchanged, alike_unchanged, b"etag: %b\r\n" % tag), b"", b"")
        else:
            return None
        self._urls.shown(alias)
        seconds = self._clock.monotonic() - began
        self._observer.answered(_NAMES[alias.outcome], seen.audience, hit.status, "memory", seconds)
        return hit

    def _found(self, key: bytes) -> tuple[Alias, Entry] | None:
        if self._drops != self._memory.drops:
            self._urls.clear()
            self._drops = self._memory.drops
        alias = self._urls.get(key)
        entry = None if alias is None else self._memory.entry(alias.content_key, alias.variant)
        if alias is None or entry is None or not entry.rendition.stored or self._removed(alias.content_key):
            return None
        return alias, entry

    def _remember(self, scope: Scope, target: bytes) -> None:
        alias = noted(scope).alias
        if alias is None or len(target) > TARGET_MAX or (alias.negotiated and _AUTO not in target):
            return
        key = _key(target, self._readers.seen(scope["headers"]))
        if key is not None:
            self._urls.add(key, alias)

    def _now(self) -> bytes:
        second = int(self._clock.unix())
        if second != self._second:
            self._second, self._date = second, response_headers.date(second).encode()
        return self._date

    def _request_id(self) -> bytes:
        return b"%b%08x" % (self._process, next(self._requests) & 0xFFFFFFFF)


def _key(target: bytes, seen: Seen) -> bytes | None:
    """Under what a URL is remembered; `None` where caches could not tell its readers apart."""
    if _AUTO not in target:
        return target
    return b"%b %b" % (target, seen.format) if seen.shared else None


def fast_path(app: ASGIApp, service: Service) -> FastPath | None:
    """The fast path before `app`; none where each request is logged or traced, or the operator turned it off."""
    settings, telemetry = service.settings, service.telemetry
    off = {
        "PROMPTCDN_FASTPATH=off": settings.fastpath == "off",
        "PROMPTCDN_LOG_HITS=true": settings.log_hits,
        "tracing (OTEL_…)": telemetry.traced,
    }
    if why := " and ".join(name for name, is_set in off.items() if is_set):
        log.info("no fast path: every request is read and looked up, because of %s", why)
        return None
    log.info(
        "fast path: URLs that were answered before are answered from memory, PROMPTCDN_FASTPATH=%s", settings.fastpath
    )
    memory, removed = service.renditions.memory, service.removals.known_removed
    below = settings.fastpath == "on"
    views = settings.variants, service.cdn.last_shown
    return FastPath(app, memory, removed, *views, service.clock, telemetry, below_asgi=below)
