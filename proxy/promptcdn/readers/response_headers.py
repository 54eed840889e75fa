"""The headers of every answer: no other file builds one. `cache_policies` says how long caches keep one."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate

from promptcdn.problems import (
    INVALID_API_KEY,
    INVALID_WORKER_TOKEN,
    NO_STORE,
    UNAUTHORIZED,
    UNSIGNED,
    MethodNotAllowed,
    Problem,
    RateLimited,
)
from promptcdn.readers.audience import VARY
from promptcdn.readers.cache_policies import DAY, POLICIES, YEAR, Outcome, cache_control
from promptcdn.readers.filenames import content_disposition
from promptcdn.readers.rendition import MISS, CacheStatus, RawHeaders, Rendition
from promptcdn.url import formats

# Of every answer but a 304. A page with COEP `require-corp` shows no picture without the resource policy, and
# scripts read only what is exposed (Fetch standard); no credentials are ever taken, so `*` is for everybody.
ALWAYS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*",
    "cross-origin-resource-policy": "cross-origin",
    "timing-allow-origin": "*",
}
# Of a picture, the headers that differ from one of its URLs to another.
URL_HEADERS = frozenset({"link", "content-disposition", "vary", "content-location"})
# RFC 9110 section 15.4.5: what a 304 carries, and all it carries.
ON_NOT_MODIFIED = frozenset({"date", "etag", "cache-control", "vary", "content-location"})

# Caches keep a description for so many seconds.
_DESCRIPTION = 300
# A picture opened as a document of its own may run and load nothing.
_SANDBOX = "default-src 'none'; sandbox"
# The playground runs and shows its own files alone, and a string can never become markup or a script in it (Content
# Security Policy Level 3; Trusted Types).
_PAGE = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
        *(f"{what} 'none'" for what in ("base-uri", "form-action", "frame-ancestors")),
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
# Only a person's navigation is shown the page; see `audience`.
_BY_NAVIGATION = ", ".join((*VARY, "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Purpose"))
# Of cacheable answers that look different to different clients: none of them must get another one's answer.
_BY_ASKER = ", ".join(VARY)

# A `Content-Location` beyond this is the permalink: nginx answers 502 when a head outgrows its 4 kB buffer.
LOCATION_MAX = 2000

_FIELD_VALUE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True)
class Addresses:
    """The permalink of a picture, and its seeded URL where the requested URL has no seed of its own."""

    seeded_url: str | None
    permalink: str

    @property
    def content_location(self) -> str | None:
        """The seeded URL, or the permalink where the seeded URL is too long for a header."""
        return self.permalink if self.seeded_url and len(self.seeded_url) > LOCATION_MAX else self.seeded_url


def picture_headers(
    rendition: Rendition,
    outcome: Outcome,
    status: CacheStatus,
    addresses: Addresses,
    now: int,
    *,
    stem: str = "",
    seconds_left: int = 0,
    negotiated: bool = False,
    shared: bool = True,
) -> dict[str, str]:
    """Every header of a picture but those of `completed`. `now` in Unix seconds; `seconds_left` as in `cache_control`.

    `stem`: what the file is called without its extension (see `filenames`); by default it is the key's beginning.
    `negotiated`: `Accept` chose the format (`format=auto`). Not `shared`: caches would show the picture to others than
    it is for (see `audience.is_decided_by_vary`).
    """
    extension = formats.BY_MEDIA_TYPE[rendition.media_type].extension
    disposition = content_disposition(stem or rendition.content_key[:16], extension)
    return checked(
        {
            "date": date(now),
            **_url_headers(outcome, addresses, disposition, negotiated=negotiated),
            **outcome_headers(rendition.media_type, outcome, status, seconds_left, shared=shared),
            **rendition_headers(rendition, outcome),
        }
    )


def _url_headers(outcome: Outcome, addresses: Addresses, disposition: str, *, negotiated: bool) -> dict[str, str]:
    """Those of `URL_HEADERS` that a picture has."""
    canonical = f'<{addresses.permalink}>; rel="canonical"'  # RFC 6596
    own = {"link": canonical, "content-disposition": disposition}
    return {**own, **_url_headers_in_a_304_too(outcome, addresses, negotiated=negotiated)}


def outcome_headers(
    media_type: str, outcome: Outcome, status: CacheStatus, seconds_left: int = 0, *, shared: bool = True
) -> dict[str, str]:
    """The headers that many pictures have alike."""
    return {
        "content-type": media_type,
        "content-security-policy": _SANDBOX,
        "cache-status": str(status),
        "cache-control": cache_control(outcome, seconds_left) if shared else NO_STORE,
    }


def rendition_headers(rendition: Rendition, outcome: Outcome) -> dict[str, str]:
    """The headers that one rendition alone has, at all of its URLs."""
    headers = {
        "content-length": str(len(rendition.body)),
        "repr-digest": f"sha-256=:{b64encode(rendition.sha256).decode()}:",  # RFC 9530 section 3
    }
    if POLICIES[outcome].validators:
        headers["etag"] = rendition.etag
        headers["last-modified"] = date(rendition.made_at)
    return headers


def unchanged_headers(
    tag: str,
    outcome: Outcome,
    addresses: Addresses,
    now: int,
    *,
    seconds_left: int = 0,
    negotiated: bool = False,
    shared: bool = True,
) -> dict[str, str]:
    """The headers of a 304 to a client that has the picture under `tag`; the others are those of `picture_headers`."""
    return checked(
        {
            "date": date(now),
            **_url_headers_in_a_304_too(outcome, addresses, negotiated=negotiated),
            "cache-control": cache_control(outcome, seconds_left) if shared else NO_STORE,
            "etag": tag,
        }
    )


def _url_headers_in_a_304_too(outcome: Outcome, addresses: Addresses, *, negotiated: bool) -> dict[str, str]:
    """Of `URL_HEADERS` those that a 304 repeats (RFC 9110 section 15.4.5)."""
    headers = {"vary": "Accept"} if negotiated else {}
    if POLICIES[outcome].located and addresses.content_location is not None:
        headers["content-location"] = addresses.content_location
    return headers


def unmade_headers(media_type: str, *, negotiated: bool = False, shared: bool = True) -> dict[str, str]:
    """The answer to HEAD for a picture that nobody made yet: nothing is generated to answer it."""
    headers = {
        "content-type": media_type,
        "cache-control": cache_control(Outcome.UNMADE) if shared else NO_STORE,
        "content-security-policy": _SANDBOX,
        "cache-status": MISS,
    }
    return {**headers, "vary": "Accept"} if negotiated else headers


def problem_headers(
    problem: Problem, media_type: str = "application/problem+json", *, shared: bool = True
) -> dict[str, str]:
    """The headers of an error, as a document or as a picture that says the same.

    An error that caches may keep varies by who asks, since a browser and a program are shown different bodies. Not
    `shared`: caches may not keep it.
    """
    cache_control = problem.cache_control if shared else NO_STORE
    headers = {**_own_headers(problem), "content-type": media_type, "cache-control": cache_control}
    if cache_control != NO_STORE:
        headers["vary"] = _BY_ASKER
    if problem.retry_after is not None:
        headers["retry-after"] = str(max(1, problem.retry_after))
    if media_type.startswith("image/"):
        headers["content-security-policy"] = _SANDBOX
    return checked(headers)


def _own_headers(problem: Problem) -> dict[str, str]:
    """The headers that only this kind of error has."""
    match problem:
        case MethodNotAllowed():
            return {"allow": ", ".join(problem.methods)}  # RFC 9110 section 15.5.6
        case RateLimited():
            # draft-ietf-httpapi-ratelimit-headers, version 8 and later: one start is free again after `t` seconds.
            return {
                "ratelimit": f'"{problem.policy}";r=0;t={problem.retry_after}',
                "ratelimit-policy": f'"{problem.policy}";q={problem.quota};w={problem.window}',
            }
        case Problem(kind=kind) if kind in (UNAUTHORIZED, INVALID_API_KEY, INVALID_WORKER_TOKEN):
            return {"www-authenticate": "Bearer"}  # RFC 6750 section 3
        case Problem(kind=kind) if kind is UNSIGNED:
            return {"www-authenticate": "Signature"}  # a 401 has some scheme (RFC 9110 section 15.5.2)
        case _:
            return {}


def api_problem_headers(problem: Problem, *, retry: bool) -> dict[str, str]:
    """The headers of an error of OpenAI's API. Its clients do as `x-should-retry` says, and wait for `Retry-After`.

    Other clients, which do not know the first, take the second for an invitation.
    """
    own = {**_own_headers(problem), "cache-control": NO_STORE, "x-should-retry": "true" if retry else "false"}
    if problem.retry_after is not None and (retry or isinstance(problem, RateLimited)):
        own["retry-after"] = str(max(1, problem.retry_after))
    return checked(own)


def image_proxy_headers(problem: Problem, media_type: str, *, shared: bool = True) -> dict[str, str]:
    """The headers of an error that an image proxy gets as a picture with 200, since it shows nothing else."""
    return {**problem_headers(problem, media_type, shared=shared), "promptcdn-status": str(problem.kind.status)}


def closing_headers(problem: Problem, length: int) -> dict[str, str]:
    """The headers of a document of `length` bytes that refuses a request which could not be read.

    They say that the connection is closed: what follows on it is not a request (RFC 9112 section 9.6).
    """
    return {**problem_headers(problem), "content-length": str(length), "connection": "close"}


def document_headers(max_age: int | None = None, length: int | None = None) -> dict[str, str]:
    """The headers of what is neither a picture nor an error: kept by nobody, or for `max_age` seconds.

    `length` is for a body that is sent in pieces: its bytes.
    """
    own = {"cache-control": NO_STORE if max_age is None else f"public, max-age={max_age}"}
    return own if length is None else {**own, "content-length": str(length)}


def page_headers(etag: str) -> dict[str, str]:
    """The headers of the playground: its browser asks each time whether it changed, and no shared cache keeps it."""
    return {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": _PAGE,
        "referrer-policy": "no-referrer",
        "cache-control": "private, no-cache",
        "vary": _BY_NAVIGATION,
        "etag": etag,
    }


def description_headers(etag: str) -> dict[str, str]:
    """The headers of the OpenAPI document, which a new version or another setting of the operator changes."""
    return {"content-type": "application/json", "cache-control": f"public, max-age={_DESCRIPTION}", "etag": etag}


def docs_headers(etag: str, style: str) -> dict[str, str]:
    """The headers of the page about the interface, which has one style, of the digest `style`, and nothing else."""
    return {
        **description_headers(etag),
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": (
            f"default-src 'none'; style-src '{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    }


def file_headers(media_type: str) -> dict[str, str]:
    """The headers of a file that is part of the service and has a hash of its content in its URL."""
    return {"content-type": media_type, "cache-control": f"public, max-age={YEAR}, immutable"}


def options_headers(methods: Iterable[str]) -> dict[str, str]:
    """The answer to OPTIONS, also as a browser's preflight (Fetch standard): any site's scripts may read everything."""
    allowed = ", ".join(methods)
    return {
        **document_headers(),
        "allow": allowed,
        "access-control-allow-methods": allowed,
        "access-control-allow-headers": "*, authorization",  # the wildcard leaves this one out (Fetch standard)
        "access-control-max-age": str(DAY),
    }


def date(now: float) -> str:
    """A moment in Unix seconds as HTTP writes it (RFC 9110 section 5.6.7)."""
    return formatdate(now, usegmt=True)


def completed(own: RawHeaders, status: int, request_id: str, milliseconds: float, now: float) -> RawHeaders:
    """The headers of an answer as they are sent: its `own` and those that every answer has.

    `milliseconds` passed until the answer began, at `now` in Unix seconds. A `Date` of its own stays: `max-age` of a
    calendar picture is counted from it.
    """
    dated = own if any(name == b"date" for name, _ in own) else [*own, (b"date", date(now).encode())]
    if status == 304:
        return [(name, value) for name, value in dated if name.decode() in ON_NOT_MODIFIED]
    shared = {**ALWAYS, "x-request-id": request_id, "server-timing": server_timing(milliseconds)}
    return [*dated, *((name.encode(), value.encode()) for name, value in shared.items())]


def server_timing(milliseconds: float) -> str:
    """`Server-Timing` of an answer that began after so long (W3C Server Timing)."""
    return f'total;dur={milliseconds:.1f};desc="until the answer began"'


def checked(headers: dict[str, str]) -> dict[str, str]:
    """`headers`. Raises `ValueError` where a value has a character that would end its header, or is not ASCII.

    Users' text is percent-encoded long before it gets here.
    """
    for name, value in headers.items():
        if _FIELD_VALUE.fullmatch(value) is None:
            raise ValueError(f"the header {name} would have a character that is not allowed in a header")
    return headers
