"""Headers by outcome: what browsers, CDNs and image proxies are told about an answer.

One place builds and checks every value. The tables here are those of `docs/caching.md`; the rows of errors are in
`problems`.
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

from promptcdn.problems import NO_STORE, TOO_SLOW, Problem, kept
from promptcdn.readers.audience import VARY

YEAR = 31_536_000

# Sent with everything but a 304. A page with COEP `require-corp` shows no picture without the resource policy, and
# scripts read only what is exposed (Fetch standard); no credentials are ever taken, so `*` is for everybody.
ALWAYS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*",
    "cross-origin-resource-policy": "cross-origin",
    "timing-allow-origin": "*",
}
# RFC 9110 section 15.4.5: what a 304 carries, and all it carries.
ON_NOT_MODIFIED = frozenset({"date", "etag", "cache-control", "vary", "content-location"})

# A picture opened as a document of its own may run and load nothing.
_SANDBOX = "default-src 'none'; sandbox"
# Cacheable, and shown differently to different people: one of them must not get the other's answer.
_BY_ASKER = ", ".join(VARY)

# A `Content-Location` beyond this is the permalink: nginx answers 502 when a head outgrows its 4 kB buffer.
LOCATION_MAX = 2000

_FIELD_VALUE = re.compile(r"[\x20-\x7e]*")


class Outcome(Enum):
    """How a picture came to be the answer, or why there is none yet."""

    SEEDED = "seeded, stored"
    UNSTORED = "seeded, made but not yet stored"
    CALENDAR = "calendar seed"
    STAND_IN = "calendar seed, the last period's picture"
    SEEDLESS = "seedless, answered at once"
    AWAITED = "seedless, awaited"
    UNMADE = "HEAD of what is not made"
    PLACEHOLDER = "too slow, for an image proxy"


@dataclass(frozen=True)
class Row:
    """What one outcome tells caches. `{left}` is the seconds to the end of a calendar period.

    `validators`: it has `ETag` and `Last-Modified`, and may be answered with 304 (RFC 9110 sections 8.8, 13.1).
    `located`: `Content-Location` names the seeded URL of what is shown (RFC 9110 section 8.7).
    """

    cache_control: str
    validators: bool = False
    located: bool = False


# The table of pictures; that of errors is in `problems`. Unless a row says otherwise its rule is RFC 9111 section
# 5.2.2.1, `max-age`; `stale-while-revalidate` and `stale-if-error` are RFC 5861's.
TABLE: Mapping[Outcome, Row] = {
    # RFC 8246, `immutable`: the bytes of a seeded URL never change.
    Outcome.SEEDED: Row(f"public, max-age={YEAR}, immutable", validators=True),
    # Its binding is not safe yet, so no cache may hold the service to it: no validator to renew it by either.
    Outcome.UNSTORED: Row(kept(60), located=True),
    # RFC 5861 sections 3 and 4: a reload goes on in the background, and yesterday's picture is better than none.
    Outcome.CALENDAR: Row(
        "public, max-age={left}, stale-while-revalidate=600, stale-if-error=86400", validators=True, located=True
    ),
    # It is not the picture that the URL names: nothing to hold on to.
    Outcome.STAND_IN: Row(kept(5), located=True),
    # RFC 9111 section 5.2.2.5, `no-store`: the next view is another picture.
    Outcome.SEEDLESS: Row(NO_STORE, located=True),
    # Uncacheable and slow makes collapsing caches queue their clients one by one.
    Outcome.AWAITED: Row(kept(2), located=True),
    # RFC 9110 section 8.6: what is not there has no length, tag or date.
    Outcome.UNMADE: Row(kept(60)),
    # RFC 9111 section 5.2.2.2, `must-revalidate`: never shown once the picture may be there.
    Outcome.PLACEHOLDER: Row(TOO_SLOW.cache_control),
}


@dataclass(frozen=True)
class Rendition:
    """A picture as it is sent. `made_at` is its master's birth in Unix seconds.

    `picture` is the SHA-256 (hex) of the master that it was first made of; empty where that is not known. `remade`:
    another picture was shown before under this key.
    """

    content_key: str
    body: bytes
    media_type: str
    made_at: int
    stored: bool = True
    picture: str = ""
    after: int = 0

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
        return f"{_MISS}; {stored}" + ("; collapsed" if self.collapsed else "")

    @classmethod
    def missed(cls, rendition: Rendition, *, collapsed: bool) -> Self:
        return cls(collapsed=collapsed, stored=rendition.stored)


_MISS = "promptcdn; fwd=uri-miss"


def cache_control(outcome: Outcome, seconds_left: int = 0) -> str:
    """`Cache-Control` by outcome; `seconds_left` of a calendar period, of which at least one is told."""
    return TABLE[outcome].cache_control.format(left=max(1, seconds_left))


@dataclass(frozen=True)
class Where:
    """Where a picture is found again: its seeded URL, if the URL asked has no seed of its own, and its permalink."""

    seeded_url: str | None
    permalink: str

    @property
    def location(self) -> str | None:
        """The shorter one of the two where the seeded URL is long."""
        return self.permalink if self.seeded_url and len(self.seeded_url) > LOCATION_MAX else self.seeded_url


def picture_headers(
    rendition: Rendition,
    outcome: Outcome,
    status: CacheStatus,
    where: Where,
    seconds_left: int = 0,
    *,
    negotiated: bool = False,
    shared: bool = True,
) -> dict[str, str]:
    """Every header of a picture but `ALWAYS` and those of the moment.

    `negotiated`: its format is what `Accept` made of `auto`. Not `shared`: caches would show it to others than it is
    for (`audience.told_by_vary`).
    """
    row = TABLE[outcome]
    headers = {
        "content-type": rendition.media_type,
        "content-length": str(len(rendition.body)),
        "cache-control": cache_control(outcome, seconds_left) if shared else NO_STORE,
        "content-security-policy": _SANDBOX,
        "cache-status": str(status),
        "repr-digest": f"sha-256=:{b64encode(rendition.sha256).decode()}:",  # RFC 9530 section 3
        "link": f'<{where.permalink}>; rel="canonical"',  # RFC 6596
    }
    if row.located and where.location is not None:
        headers["content-location"] = where.location
    if row.validators:
        headers["etag"] = rendition.etag
        headers["last-modified"] = formatdate(rendition.made_at, usegmt=True)
    if negotiated:
        headers["vary"] = "Accept"
    return checked(headers)


def unchanged_headers(tag: str, outcome: Outcome, where: Where, seconds_left: int = 0) -> dict[str, str]:
    """The headers of a 304 for a picture that is not here, to a client whose `tag` says that it has it."""
    headers = {"etag": tag, "cache-control": cache_control(outcome, seconds_left)}
    if TABLE[outcome].located and where.location is not None:
        headers["content-location"] = where.location
    return checked(headers)


def unmade_headers(media_type: str, *, negotiated: bool = False, shared: bool = True) -> dict[str, str]:
    """The answer to HEAD for a picture that nobody made yet: nothing is generated to answer it."""
    headers = {
        "content-type": media_type,
        "cache-control": cache_control(Outcome.UNMADE) if shared else NO_STORE,
        "content-security-policy": _SANDBOX,
        "cache-status": _MISS,
    }
    return {**headers, "vary": "Accept"} if negotiated else headers


def problem_headers(
    problem: Problem, media_type: str = "application/problem+json", *, shared: bool = True
) -> dict[str, str]:
    """The headers of an error, as a document or as a picture that says the same.

    What caches may keep varies by who asks, since what they are shown does. Not `shared`: they may not keep it.
    """
    kept = problem.cache_control if shared else NO_STORE
    headers = {**problem.headers, "content-type": media_type, "cache-control": kept}
    if kept != NO_STORE:
        headers["vary"] = _BY_ASKER
    if problem.retry_after is not None:
        headers["retry-after"] = str(max(1, problem.retry_after))
    if media_type.startswith("image/"):
        headers["content-security-policy"] = _SANDBOX
    return checked(headers)


def shown_headers(problem: Problem, media_type: str, *, shared: bool = True) -> dict[str, str]:
    """The headers of an error that an image proxy gets as a picture with 200, since it shows nothing else."""
    return {**problem_headers(problem, media_type, shared=shared), "promptcdn-status": str(problem.kind.status)}


def on_every_answer(request_id: str, milliseconds: float) -> dict[str, str]:
    """`ALWAYS`, and what names one answer and says how long it took."""
    return {**ALWAYS, "x-request-id": request_id, "server-timing": f"total;dur={milliseconds:.1f}"}


def checked(headers: dict[str, str]) -> dict[str, str]:
    """`headers`, once no value could break a head apart: text of users gets here percent-encoded only."""
    for name, value in headers.items():
        if _FIELD_VALUE.fullmatch(value) is None:
            raise ValueError(f"the header {name} would hold characters that no header may hold")
    return headers
