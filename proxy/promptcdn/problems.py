"""Every error this service answers with, in one table: code, status, title and how long caches may keep it.

    Problem             an answer that is no picture
    ├── UpstreamFailed  the generator gave none; says whether it may have been charged
    └── Unavailable     what is stored or counted can be neither read nor written: it is not known whether it is there
        ├── StoreUnavailable      the store
        ├── CounterUnavailable    the counter of the budget or of the client rate
        ├── SpoolFull             the folder for pictures that are paid for and not stored yet
        └── UnreadableObject      an object that a newer version of promptcdn wrote
    BadSettings         a setting that is wrong, for the operator at the start

`Cache-Control` belongs to the outcome (docs/problems.md): what one client did wrong is `no-store`, what is true for
everybody may be kept for as long as it stays true.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Self

NO_STORE = "no-store"


def kept(seconds: int) -> str:
    """`Cache-Control` for an answer that everybody may share for `seconds`, and not a moment longer.

    Without `stale-while-revalidate=0` Varnish goes on serving it for its default grace of 10 s.
    """
    return f"public, max-age={seconds}, stale-while-revalidate=0"


@dataclass(frozen=True)
class ProblemType:
    """One row of the table. `retry_after` is in seconds; `None` where trying again does not help."""

    code: str
    status: int
    title: str
    cache_control: str = NO_STORE
    retry_after: int | None = None


BAD_REQUEST = ProblemType("bad_request", 400, "This is no request")
BAD_PARAMETER = ProblemType("bad_parameter", 400, "A parameter is not right")
NOT_AVAILABLE = ProblemType("not_available", 400, "This service cannot do that yet")
MISSES_CLOSED = ProblemType("misses_closed", 403, "No new pictures are made here")
SIGNATURE_REQUIRED = ProblemType("signature_required", 403, "New pictures need a signature here")
BAD_SIGNATURE = ProblemType("bad_signature", 403, "The signature does not hold")
SIGNATURE_EXPIRED = ProblemType("signature_expired", 403, "The signature has expired")
DENIED = ProblemType("denied", 403, "The operator does not allow this prompt")
FILTERED = ProblemType("filtered", 403, "The upstream's filter refused this picture", kept(86400))
UNAUTHORIZED = ProblemType("unauthorized", 401, "This is for the operator")
NOT_FOUND = ProblemType("not_found", 404, "Nothing here")
METHOD_NOT_ALLOWED = ProblemType("method_not_allowed", 405, "This method does nothing here")
REMOVED = ProblemType("removed", 410, "This picture was taken down", "public, max-age=300")
REQUEST_TIMEOUT = ProblemType("request_timeout", 408, "The request took too long to arrive")
URI_TOO_LONG = ProblemType("uri_too_long", 414, "The URL is too long")
RATE_LIMITED = ProblemType("rate_limited", 429, "One client starts too many new pictures")
HEAD_TOO_LARGE = ProblemType("head_too_large", 431, "The request's head is too large")
INTERNAL = ProblemType("internal", 500, "Something broke on our side")
UPSTREAM_REFUSED = ProblemType("upstream_refused", 502, "The upstream refused the request", kept(5), 5)
UPSTREAM_GARBLED = ProblemType("upstream_garbled", 502, "The upstream sent no usable picture", kept(5), 5)
UPSTREAM_UNAUTHORIZED = ProblemType(
    "upstream_unauthorized", 502, "The upstream does not let this service in", kept(5), 300
)
UPSTREAM_UNREACHABLE = ProblemType("upstream_unreachable", 503, "The upstream cannot be reached", kept(5), 5)
UPSTREAM_BUSY = ProblemType("upstream_busy", 503, "The upstream takes no more requests now", kept(5), 5)
UPSTREAM_UNPAID = ProblemType("upstream_unpaid", 503, "The upstream account cannot pay", kept(5), 300)
UPSTREAM_TIMEOUT = ProblemType("upstream_timeout", 504, "The upstream took too long", kept(5), 5)
STORE_UNAVAILABLE = ProblemType("store_unavailable", 503, "The picture store is unavailable", kept(5), 5)
COUNTER_UNAVAILABLE = ProblemType("counter_unavailable", 503, "The budget's counter is unavailable", kept(5), 5)
SPOOL_FULL = ProblemType("spool_full", 503, "Paid pictures cannot be saved at the moment", kept(5), 5)
# A new try helps only where another replica runs the newer version: so no Retry-After, and nothing for caches to keep.
UNREADABLE_OBJECT = ProblemType("unreadable_object", 500, "A stored object was written by a newer version")
GENERATOR_MISSING = ProblemType(
    "generator_missing", 503, "The generator of this picture is not set up here", kept(5), 5
)
BUDGET_SPENT = ProblemType("budget_spent", 503, "The budget for new pictures is spent", kept(30), 30)
OVERLOADED = ProblemType("overloaded", 503, "Too much is being done at once", kept(30), 30)
HITS_ONLY = ProblemType("hits_only", 503, "Nothing new is made for crawlers and prefetches", retry_after=3600)
# One replica's: a cache that kept it would tell it to those whom another replica has the picture for.
DRAINING = ProblemType("draining", 503, "The service is stopping", retry_after=5)
TOO_SLOW = ProblemType(
    "too_slow",
    503,
    "The picture is still being made",
    "public, max-age=2, must-revalidate, stale-while-revalidate=0",
    2,
)

KINDS: tuple[ProblemType, ...] = tuple(value for value in list(globals().values()) if isinstance(value, ProblemType))


class Problem(Exception):
    """An answer that is no picture. `detail` is for people and holds no secret; `parameter` names what to change.

    `headers` are those that only this one has, in lower case.
    """

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        parameter: str | None = None,
        value: str | None = None,
        allowed: str | None = None,
        retry_after: int | None = None,
        cache_control: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.parameter = parameter
        self.value = value
        self.allowed = allowed
        self.retry_after = kind.retry_after if retry_after is None else retry_after
        self.cache_control = kind.cache_control if cache_control is None else cache_control
        self.headers = headers

    def document(self) -> dict[str, str | int]:
        """The members of a problem document (RFC 9457 section 3), ours after the standard ones."""
        members: dict[str, str | int | None] = {
            "type": f"urn:promptcdn:problem:{self.kind.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "code": self.kind.code,
            "parameter": self.parameter,
            "value": self.value,
            "allowed": self.allowed,
        }
        return {name: said for name, said in members.items() if said is not None}

    def again(self) -> Self:
        """A fresh copy for one more waiter: one exception raised in many tasks gathers all their frames."""
        fresh = type(self).__new__(type(self))
        fresh.__dict__.update(self.__dict__)
        fresh.args = self.args
        return fresh


class UpstreamFailed(Problem):
    """The generator gave no picture. `charged` is false only where it surely charged nothing.

    `pause` is how many seconds it asks to be left alone: infinite where the same call will never do, `None` where it
    says nothing.
    """

    def __init__(self, kind: ProblemType, detail: str, *, charged: bool, pause: float | None = None) -> None:
        named = None if pause is None or math.isinf(pause) else max(1, math.ceil(pause))
        super().__init__(kind, detail, retry_after=named)
        self.charged = charged
        self.pause = pause


class Unavailable(Problem):
    """What is stored or counted can be neither read nor written: whether it is there is not known, so that nothing may
    be made anew in its place. Raise one of the subclasses, which name the part that the operator should look at.

    `cause` is for the operator alone, where there is more to say than everybody may read.
    """

    problem_type: ClassVar[ProblemType]

    def __init__(self, detail: str, cause: str = "") -> None:
        super().__init__(self.problem_type, detail)
        self.cause = cause or detail
        self.args = (self.cause,)  # for logs and commands, which the operator reads


class StoreUnavailable(Unavailable):
    """The store timed out, refused, or is not the store that is known by its id."""

    problem_type = STORE_UNAVAILABLE


class CounterUnavailable(Unavailable):
    """The budget's counter, in its SQLite file or in Redis, does not answer or does not know yet what was spent."""

    problem_type = COUNTER_UNAVAILABLE


class SpoolFull(Unavailable):
    """The spool's folder takes nothing: its disk is full or fails, or too many paid pictures wait in it."""

    problem_type = SPOOL_FULL


class UnreadableObject(Unavailable):
    """A newer version of promptcdn wrote this object. The store is well, and waiting does not help."""

    problem_type = UNREADABLE_OBJECT


class BadSettings(Exception):
    """The service cannot start. One line for each setting that is wrong: its name, its value and what is allowed."""


def bad_parameter(parameter: str, value: str, allowed: str, what: str) -> Problem:
    """The 400 that names the parameter, the value and what is allowed; `what` says what is wrong."""
    shown = value if len(value) <= 100 else f"{value[:100]}…"
    detail = f'{parameter}="{shown}": {what}; allowed: {allowed}'
    return Problem(BAD_PARAMETER, detail, parameter=parameter, value=shown, allowed=allowed)


def too_slow() -> Problem:
    """The 503 for whoever waited as long as they can."""
    return Problem(TOO_SLOW, "the picture is being made: the same URL has it in a moment")


def removed() -> Problem:
    """The 410 for what the operator took down."""
    return Problem(REMOVED, "the operator of this service took this picture down")


def unauthorized() -> Problem:
    """The 401 for whoever has not shown the operator's token (RFC 6750 section 3)."""
    detail = "say Authorization: Bearer and the token of the operator"
    return Problem(UNAUTHORIZED, detail, headers={"www-authenticate": "Bearer"})


def filtered() -> Problem:
    """The 403 for what the upstream's filter refused, now or before."""
    return Problem(FILTERED, "the upstream's filter refused this prompt with this seed")


def not_available(parameter: str, value: str, allowed: str = "leaving it out") -> Problem:
    """The 400 for what the grammar knows and this service does not make yet."""
    detail = f'{parameter}="{value}": not made here yet; allowed: {allowed}'
    return Problem(NOT_AVAILABLE, detail, parameter=parameter, value=value, allowed=allowed)
