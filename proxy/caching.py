"""Headers by outcome: what browsers, CDNs and image proxies are told about a picture.

One place builds and checks every value. `docs/caching.md` has the same table for readers.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from enum import Enum
from functools import cached_property
from typing import Literal, Self

from proxy.problems import NO_STORE, Problem, kept

YEAR = 31_536_000

# Sent with everything but a 304. A page with COEP `require-corp` shows no picture without the resource policy.
ALWAYS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
}
# RFC 9110 section 15.4.5: what a 304 carries, and all it carries.
ON_NOT_MODIFIED = frozenset({"date", "etag", "cache-control", "vary", "content-location"})

# A picture opened as a document of its own may run and load nothing.
_SANDBOX = "default-src 'none'; sandbox"

# A `Content-Location` beyond this is the permalink: nginx answers 502 when a head outgrows its 4 kB buffer.
LOCATION_MAX = 2000

_ENTITY_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_FIELD_VALUE = re.compile(r"[\x20-\x7e]*")


class Outcome(Enum):
    """How a picture came to be the answer; decides how long it may be kept."""

    SEEDED = "seeded, stored"
    UNSTORED = "seeded, made but not yet stored"
    CALENDAR = "calendar seed"
    STAND_IN = "calendar seed, the last period's picture"
    SEEDLESS = "seedless, answered at once"
    AWAITED = "seedless, awaited"


@dataclass(frozen=True)
class Rendition:
    """A picture as it is sent. `made_at` is its master's birth in Unix seconds."""

    content_key: str
    body: bytes
    media_type: str
    made_at: int
    stored: bool = True

    @cached_property
    def sha256(self) -> bytes:
        """The digest of the body."""
        return hashlib.sha256(self.body).digest()

    @property
    def etag(self) -> str:
        """Strong (RFC 9110 section 8.8.3), and short: old nginx keeps no tag over 42 characters."""
        return f'"{self.content_key[:16]}.{self.sha256.hex()[:16]}"'


@dataclass(frozen=True)
class CacheStatus:
    """What our cache did (RFC 9211): found it in memory or the store, or made it, alone or with others."""

    hit: Literal["memory", "store"] | None = None
    collapsed: bool = False
    stored: bool = True

    def __str__(self) -> str:
        if self.hit and self.stored:
            return f"promptcdn; hit; detail={self.hit}"
        stored = "stored" if self.stored else "stored=?0"
        return f"promptcdn; fwd=uri-miss; {stored}" + ("; collapsed" if self.collapsed else "")

    @classmethod
    def missed(cls, rendition: Rendition, *, collapsed: bool) -> Self:
        return cls(collapsed=collapsed, stored=rendition.stored)


def cache_control(outcome: Outcome, seconds_left: int = 0) -> str:
    """`Cache-Control` by outcome (RFC 9111 section 5.2, RFC 5861, RFC 8246); `seconds_left` of a calendar period."""
    match outcome:
        case Outcome.SEEDED:
            return f"public, max-age={YEAR}, immutable"
        case Outcome.UNSTORED:
            return kept(60)
        case Outcome.CALENDAR:
            return f"public, max-age={max(1, seconds_left)}, stale-while-revalidate=600, stale-if-error=86400"
        case Outcome.STAND_IN:
            return kept(5)
        case Outcome.SEEDLESS:
            return NO_STORE
        case Outcome.AWAITED:
            # Uncacheable and slow makes collapsing caches queue their clients one by one.
            return kept(2)


def picture_headers(
    rendition: Rendition,
    outcome: Outcome,
    status: CacheStatus,
    *,
    seconds_left: int = 0,
    location: str | None = None,
    permalink: str,
) -> dict[str, str]:
    """Every header of a picture but `ALWAYS` and those of the moment. `location` is its seeded URL."""
    headers = {
        "content-type": rendition.media_type,
        "content-length": str(len(rendition.body)),
        "cache-control": cache_control(outcome, seconds_left),
        "content-security-policy": _SANDBOX,
        "cache-status": str(status),
        "repr-digest": f"sha-256=:{b64encode(rendition.sha256).decode()}:",
        "link": f'<{permalink}>; rel="canonical"',
    }
    if location is not None:
        headers["content-location"] = location if len(location) <= LOCATION_MAX else permalink
    if outcome in (Outcome.SEEDED, Outcome.CALENDAR):
        headers["etag"] = rendition.etag
        headers["last-modified"] = formatdate(rendition.made_at, usegmt=True)
    return checked(headers)


def unmade_headers(media_type: str) -> dict[str, str]:
    """The answer to HEAD for a picture that nobody made yet: nothing is generated to answer it.

    No `Content-Length`, `ETag` or `Last-Modified`: what is not there has none (RFC 9110 section 8.6).
    """
    return {
        "content-type": media_type,
        "cache-control": kept(60),
        "content-security-policy": _SANDBOX,
        "cache-status": "promptcdn; fwd=uri-miss",
    }


def problem_headers(problem: Problem) -> dict[str, str]:
    """The headers of an error. What caches may keep varies by who asks, since what they are shown does."""
    headers = {**problem.headers, "content-type": "application/problem+json", "cache-control": problem.cache_control}
    if problem.cache_control != NO_STORE:
        headers["vary"] = "Accept, User-Agent, Via"
    if problem.retry_after is not None:
        headers["retry-after"] = str(max(1, problem.retry_after))
    return checked(headers)


def not_modified(if_none_match: str | None, etag: str | None) -> bool:
    """Whether a 304 is the answer: weak comparison over a list, or `*` (RFC 9110 section 13.1.2)."""
    if if_none_match is None or etag is None:
        return False
    return if_none_match.strip() == "*" or etag.strip('"') in _ENTITY_TAG.findall(if_none_match)


def checked(headers: dict[str, str]) -> dict[str, str]:
    """`headers`, once no value could break a head apart: text of users gets here percent-encoded only."""
    for name, value in headers.items():
        if _FIELD_VALUE.fullmatch(value) is None:
            raise ValueError(f"the header {name} would hold characters that no header may hold")
    return headers
