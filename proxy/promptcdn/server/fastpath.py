"""The fast path: a URL that was answered before is answered from memory, and nothing of it is read again.

Remembered are URLs whose answer is the same for every reader, as long as the picture is in memory: seeded URLs,
permalinks, and URLs without a seed once all their pictures were shown. All else goes the way of `cdn`.

An answer must be what the long way would give now. 1: what memory drops because it was removed (a takedown, a purge, a
URL bound anew) drops all aliases, those of answers that were under way too. 2: a picture that was taken down is not
shown while its objects are still being deleted. 3: what memory drops to make room is looked for the long way.
"""

import random
import secrets
from collections.abc import Callable
from itertools import count
from operator import itemgetter
from typing import NamedTuple

import cachetools
from starlette.types import ASGIApp, Receive, Scope, Send

from promptcdn.catalog.memory_cache import Memory
from promptcdn.clock import SYSTEM, Clock
from promptcdn.faces.responses import noted
from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.readers import prepared, response_headers
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.prepared import Alias
from promptcdn.readers.recognised import Fields, Readers, Seen
from promptcdn.readers.rendition import RawHeaders, Rendition
from promptcdn.wiring import Service

# Of aliases in all; anybody can spell one picture's URL in endless ways.
ALIASES_MAX = 16 * 1024 * 1024
# A longer URL is not remembered.
_TARGET_MAX = 4096
# What an alias takes beyond its texts: tuples, and its place in the LRU.
_OVERHEAD = 500
# How a URL says that `Accept` chooses its format. One that says so in another spelling is not remembered.
_AUTO = b"format=auto"

# As metrics have them.
_NAMES = {outcome: outcome.name.lower() for outcome in Outcome}

_OK, _NOT_MODIFIED = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 304 Not Modified\r\n"


class Hit(NamedTuple):
    """An answer from memory. `fields` are of its URL, `more` and `lines` (as they are sent) those of its picture."""

    status: int
    fields: RawHeaders
    more: RawHeaders
    lines: bytes
    body: bytes


class Views:
    """A URL without a seed: an alias for each of its pictures that was shown, and the one that was shown last."""

    __slots__ = ("aliases", "last")

    def __init__(self, aliases: dict[str, Alias]) -> None:
        self.aliases = aliases
        self.last: Alias | None = None

    def draw(self) -> Alias:
        """One of them, and not the last one again."""
        aliases = list(self.aliases.values())
        others = len(aliases) - (self.last is not None and len(aliases) > 1)
        drawn = aliases[int(random.random() * others)]  # noqa: S311 - which picture is shown is no secret
        self.last = aliases[-1] if drawn is self.last else drawn
        return self.last


class FastPath:
    """Answers remembered URLs; hands all other requests to `app`, and remembers what it answers."""

    def __init__(
        self,
        app: ASGIApp,
        memory: Memory,
        removed: Callable[[str], bool],
        variants: int,
        clock: Clock = SYSTEM,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        """`removed` says whether a picture is known to be taken down; `variants` is how many pictures a URL without a
        seed has."""
        # Whether connections ask it before the application is called at all.
        self.below_asgi = True
        self._app = app
        self._memory = memory
        self._removed = removed
        self._variants = variants
        self._clock = clock
        self._observer = observer
        # By URL, and by its format where `Accept` chose that; each with its weight in bytes.
        self._aliases: cachetools.LRUCache[bytes, tuple[Alias | Views, int]]
        self._aliases = cachetools.LRUCache(ALIASES_MAX, getsizeof=itemgetter(1))
        self._drops = memory.drops
        self._readers = Readers()
        self._second, self._date = 0, b""
        self._process, self._requests = secrets.token_hex(4).encode(), count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        target: bytes = scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        hit = self.hit(scope["method"], target, scope["headers"])
        if hit is None:
            drops = self._memory.drops
            await self._app(scope, receive, send)
            if drops == self._memory.drops:
                self._remember(scope, target)
            return
        headers = [(b"date", self._now()), *hit.fields, *hit.more]
        if hit.status == 200:
            headers += ((b"x-request-id", self._request_id()), (b"server-timing", prepared.AT_ONCE))
        await send({"type": "http.response.start", "status": hit.status, "headers": headers})
        await send({"type": "http.response.body", "body": hit.body})

    def hit(self, method: str, target: bytes, fields: Fields, lines: bytes = b"") -> Hit | None:
        """The answer to a request, if memory has all of it. `lines` are its header `fields` as they were sent: from now
        on `hit_by_lines` knows them."""
        if method not in ("GET", "HEAD"):
            return None
        seen = self._readers.seen(fields)
        hit = self._hit(target, seen)
        if lines and hit is not None:
            self._readers.remember(lines, seen)
        return hit

    def hit_by_lines(self, request_line: bytes, lines: bytes) -> Hit | None:
        """The same for header lines that were sent before."""
        seen = self._readers.by_lines.get(lines)
        if seen is None or request_line[-9:] != b" HTTP/1.1":
            return None
        if request_line.startswith(b"GET /"):
            return self._hit(request_line[4:-9], seen)
        return self._hit(request_line[5:-9], seen) if request_line.startswith(b"HEAD /") else None

    def _hit(self, target: bytes, seen: Seen) -> Hit | None:
        key = _key(target, seen)
        found = None if key is None or seen.tag is None else self._found(key)
        if found is None:
            return None
        alias, rendition = found
        head = rendition.heads.get(alias.outcome) or prepared.head(rendition, alias.outcome)
        tag = seen.tag
        if not tag:
            hit = Hit(200, alias.fields, head.fields, head.lines, rendition.body)
        elif head.tag and tag in (head.tag, b"W/" + head.tag):
            hit = Hit(304, alias.unchanged, head.unchanged, head.unchanged_lines, b"")
        else:
            return None
        self._observer.answered(_NAMES[alias.outcome], seen.audience, hit.status, "memory", 0.0)
        return hit

    def sent(self, hit: Hit) -> bytes:
        """The head of an answer as it is sent."""
        if hit.status == 304:
            return b"%bdate: %b\r\n%b%b\r\n" % (_NOT_MODIFIED, self._now(), prepared.lines(hit.fields), hit.lines)
        return b"%bdate: %b\r\n%b%bx-request-id: %b\r\nserver-timing: %b\r\n\r\n" % (
            *(_OK, self._now(), prepared.lines(hit.fields), hit.lines),
            *(self._request_id(), prepared.AT_ONCE),
        )

    def _found(self, key: bytes) -> tuple[Alias, Rendition] | None:
        if self._drops != self._memory.drops:
            self._aliases.clear()
            self._drops = self._memory.drops
        try:
            alias, _ = self._aliases[key]
        except KeyError:
            return None
        if isinstance(alias, Views):
            if len(alias.aliases) < self._variants:
                return None
            alias = alias.draw()
        rendition = self._memory.get(alias.content_key, alias.variant)
        if rendition is None or not rendition.stored or self._removed(alias.content_key):
            return None
        return alias, rendition

    def _remember(self, scope: Scope, target: bytes) -> None:
        alias = noted(scope).alias
        if alias is None or len(target) > _TARGET_MAX or (alias.negotiated and _AUTO not in target):
            return
        key = _key(target, self._readers.seen(scope["headers"]))
        if key is None:
            return
        if alias.outcome is Outcome.SEEDED:
            self._aliases[key] = alias, len(key) + _weight(alias)
            return
        known, _ = self._aliases.get(key, (None, 0))
        views = Views({**(known.aliases if isinstance(known, Views) else {}), alias.content_key: alias})
        views.last = alias
        self._aliases[key] = views, len(key) + sum(map(_weight, views.aliases.values()))

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
    if settings.fastpath == "off" or settings.log_hits or telemetry.traced:
        return None
    memory, removed = service.renditions.memory, service.removals.known_removed
    fast = FastPath(app, memory, removed, settings.variants, service.clock, telemetry)
    fast.below_asgi = settings.fastpath == "on"
    return fast


def _weight(alias: Alias) -> int:
    return _OVERHEAD + sum(len(value) for _, value in alias.fields)
