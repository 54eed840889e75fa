"""Every error this service answers with, in one table: code, status, title and how long caches may keep it.

    Problem             an answer that is no picture
    ├── MethodNotAllowed, RateLimited  with the values that their headers are built of
    ├── SourceMissing   a picture that another one is to be made from is not stored; says which
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
from collections.abc import Sequence
from dataclasses import dataclass
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

    @property
    def advice(self) -> str:
        """What to do, for whoever can: the author of the URL, its reader or the operator."""
        return _ADVICE[self.code]

    @property
    def for_readers(self) -> str:
        """What an error picture says in place of the detail; empty where the detail is of use to whoever sees it."""
        return _FOR_READERS.get(self.code, "")


BAD_REQUEST = ProblemType("bad_request", 400, "Malformed request")
BAD_PARAMETER = ProblemType("bad_parameter", 400, "Invalid parameter")
MISSES_CLOSED = ProblemType("misses_closed", 403, "This service makes no new pictures")
SIGNATURE_REQUIRED = ProblemType("signature_required", 403, "Signature required")
BAD_SIGNATURE = ProblemType("bad_signature", 403, "Invalid signature")
SIGNATURE_EXPIRED = ProblemType("signature_expired", 403, "Signature expired")
DENIED = ProblemType("denied", 403, "Prompt not allowed")
FILTERED = ProblemType("filtered", 403, "Refused by the image generator's content filter", kept(86400))
UNAUTHORIZED = ProblemType("unauthorized", 401, "Operator's token required")
UNSIGNED = ProblemType("unsigned", 401, "Not signed by the chat's servers")
INVALID_API_KEY = ProblemType("invalid_api_key", 401, "API key required")
INVALID_WORKER_TOKEN = ProblemType("invalid_worker_token", 401, "Worker's token required")
ORDER_OF_ANOTHER = ProblemType("order_of_another", 403, "Order of another worker")
NOT_FOUND = ProblemType("not_found", 404, "Not found")
METHOD_NOT_ALLOWED = ProblemType("method_not_allowed", 405, "Method not allowed")
REMOVED = ProblemType("removed", 410, "Picture taken down", "public, max-age=300")
ORDER_LOST = ProblemType("order_lost", 409, "Order handed to another worker, or ended")
PICTURE_REFUSED = ProblemType("picture_refused", 422, "Not the picture that was ordered")
REQUEST_TIMEOUT = ProblemType("request_timeout", 408, "Request timed out")
BODY_TOO_LARGE = ProblemType("body_too_large", 413, "Request body too large")
URI_TOO_LONG = ProblemType("uri_too_long", 414, "URL too long")
RATE_LIMITED = ProblemType("rate_limited", 429, "Too many new pictures from one client")
HEAD_TOO_LARGE = ProblemType("head_too_large", 431, "Request headers too large")
INTERNAL = ProblemType("internal", 500, "Internal error")
UPSTREAM_REFUSED = ProblemType("upstream_refused", 502, "The image generator refused the request", kept(5), 5)
UPSTREAM_GARBLED = ProblemType("upstream_garbled", 502, "The image generator sent no usable picture", kept(5), 5)
UPSTREAM_UNAUTHORIZED = ProblemType("upstream_unauthorized", 502, "The image generator denied access", kept(5), 300)
UPSTREAM_UNREACHABLE = ProblemType("upstream_unreachable", 503, "The image generator cannot be reached", kept(5), 5)
UPSTREAM_BUSY = ProblemType("upstream_busy", 503, "The image generator is busy", kept(5), 5)
UPSTREAM_UNPAID = ProblemType(
    "upstream_unpaid", 503, "The account at the image generator is out of credit", kept(5), 300
)
UPSTREAM_TIMEOUT = ProblemType("upstream_timeout", 504, "The image generator timed out", kept(5), 5)
STORE_UNAVAILABLE = ProblemType("store_unavailable", 503, "The picture store is unavailable", kept(5), 5)
COUNTER_UNAVAILABLE = ProblemType("counter_unavailable", 503, "The budget's counter is unavailable", kept(5), 5)
SPOOL_FULL = ProblemType("spool_full", 503, "No room to save paid pictures", kept(5), 5)
# A new try helps only where another replica runs the newer version: so no Retry-After, and nothing for caches to keep.
UNREADABLE_OBJECT = ProblemType("unreadable_object", 500, "Stored by a newer version")
GENERATOR_MISSING = ProblemType("generator_missing", 503, "The generator of this picture is not configured", kept(5), 5)
BUDGET_SPENT = ProblemType("budget_spent", 503, "The budget for new pictures is spent", kept(30), 30)
OVERLOADED = ProblemType("overloaded", 503, "Service overloaded", kept(30), 30)
HITS_ONLY = ProblemType("hits_only", 503, "No new pictures for crawlers and prefetches", retry_after=3600)
# True of one replica only: a cache that kept this answer would show it to readers whom another replica can serve.
DRAINING = ProblemType("draining", 503, "Instance shutting down", retry_after=5)
TOO_SLOW = ProblemType(
    "too_slow",
    503,
    "The picture is not ready yet",
    "public, max-age=2, must-revalidate, stale-while-revalidate=0",
    2,
)
WAITING_FOR_WORKER = ProblemType(
    "waiting_for_worker", 503, "The picture waits for a worker", TOO_SLOW.cache_control, 60
)

_ADVICE = {
    "bad_request": "correct the URL as the detail says",
    "bad_parameter": "use a value that is allowed, as the detail and the member allowed say",
    "misses_closed": "use the URL of a stored picture; new ones are for whoever runs the service to make",
    "signature_required": "have the URL signed by whoever runs the service: promptcdn sign URL",
    "bad_signature": "sign the URL anew: a signature is for one prompt, seed and set of parameters, and by one key",
    "signature_expired": "sign the URL anew, with a later exp or none",
    "denied": "use another prompt: the operator's deny-list has words of this one",
    "filtered": "use another prompt or another seed: this picture is not asked for again",
    "unauthorized": "send the token PROMPTCDN_ADMIN_TOKEN in the header Authorization: Bearer TOKEN",
    "unsigned": "compare the setting with the app's signing secret (Slack) or public key (Discord), and set the clock",
    "invalid_api_key": "send the secret of one of the operator's PROMPTCDN_API_KEYS in Authorization: Bearer SECRET",
    "invalid_worker_token": "start the worker with the secret of one of the operator's PROMPTCDN_WORKER_TOKENS",
    "order_of_another": "send pictures for orders that were handed to this worker's own token",
    "order_lost": "drop this order and ask for the next one: the worker was silent for too long, or the order is done",
    "picture_refused": "send one image file of the ordered size; the order goes to the next worker",
    "not_found": "check the path; a permalink shows stored pictures only: open the URL that makes the picture first",
    "method_not_allowed": "use a method that the header Allow names",
    "removed": "use another prompt or another seed: the picture stays away",
    "request_timeout": "send the whole request at once, or look for a slow proxy in between",
    "body_too_large": "send less: a picture to start from is named by its content key, and not sent",
    "uri_too_long": "shorten the prompt: a URL has 8 kB at most",
    "rate_limited": "wait for Retry-After; where all readers count as one client, set PROMPTCDN_TRUSTED_PROXIES",
    "head_too_large": "send fewer or shorter header fields and cookies",
    "internal": "find the X-Request-ID of the answer in the log of the service, and report what is there",
    "upstream_refused": "change what the detail names, or use another engine; the log says more",
    "upstream_garbled": "try again later: the picture waits before money is spent on another try; the log says more",
    "upstream_unauthorized": "correct the image generator's key or address: promptcdn doctor says which is wrong",
    "upstream_unreachable": "see with promptcdn doctor whether the image generator runs; the service tries again",
    "upstream_busy": "wait for Retry-After; if that goes on, make fewer pictures at once: PROMPTCDN_CONCURRENCY",
    "upstream_unpaid": "buy credit at the image generator; the service goes on within five minutes of that",
    "upstream_timeout": "try again later; give a slow image generator more time with PROMPTCDN_UPSTREAM_TIMEOUT",
    "store_unavailable": "see /readyz and the log; the service goes on within five seconds of the store's return",
    "counter_unavailable": "see /readyz, the disk of the data folder, and Redis where there is one",
    "spool_full": "mend the store, or make room in the data folder",
    "unreadable_object": "run the newer version of promptcdn on all replicas",
    "generator_missing": "name the image generator in PROMPTCDN_GENERATOR; stored pictures need none",
    "budget_spent": "wait for the next period, or raise PROMPTCDN_BUDGET; stored pictures are shown meanwhile",
    "overloaded": "wait for Retry-After; if that goes on, raise PROMPTCDN_CONCURRENCY or PROMPTCDN_QUEUE",
    "hits_only": "open the page in a browser, or make its pictures ahead with promptcdn warm",
    "draining": "try again: another replica, or the next process, answers",
    "waiting_for_worker": "start a worker with promptcdn work, or wait for Retry-After: the order is kept",
    "too_slow": "look again in a few seconds, or wait longer with the parameter wait",
}

# Error pictures are seen by the readers of a page. The details of these problems name settings, hosts and commands,
# which are the operator's: a picture says this in their place, and problem documents and the log say the rest.
_FOR_READERS = {
    "signature_required": "new pictures need a signed URL: whoever runs this service signs it",
    "unauthorized": "this is for whoever runs this service",
    "internal": "this service had an unexpected error: load the page again later",
    "upstream_refused": "the image generator makes no such picture: another engine or other parameters may do",
    "upstream_garbled": "the image generator sent nothing that can be shown: load the page again later",
    "upstream_unauthorized": "new pictures have to wait until whoever runs this service has mended that",
    "upstream_unreachable": "load the page again in a few minutes",
    "upstream_busy": "load the page again in a minute",
    "upstream_unpaid": "new pictures have to wait until whoever runs this service has mended that",
    "upstream_timeout": "load the page again in a few minutes",
    "store_unavailable": "load the page again in a few minutes",
    "counter_unavailable": "no new pictures can be made for now: load the page again in a few minutes",
    "spool_full": "no new pictures can be made for now: load the page again in a few minutes",
    "unreadable_object": "this picture can be shown once whoever runs this service has updated it",
    "waiting_for_worker": "the picture is ordered, and comes by itself: load the page again later",
    "generator_missing": "this picture is not stored, and this service cannot make it now",
}

KINDS: tuple[ProblemType, ...] = tuple(value for value in list(globals().values()) if isinstance(value, ProblemType))


class Problem(Exception):
    """An answer that is no picture. `detail` is for people and holds no secret; `parameter` names what to change.

    It holds values, never headers: `readers.response_headers` builds those of every answer.
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
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.parameter = parameter
        self.value = value
        self.allowed = allowed
        self.retry_after = kind.retry_after if retry_after is None else retry_after
        self.cache_control = kind.cache_control if cache_control is None else cache_control

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
        return {name: value for name, value in members.items() if value is not None}

    def again(self) -> Self:
        """A fresh copy for one more waiter: one exception raised in many tasks gathers all their frames."""
        fresh = type(self).__new__(type(self))
        fresh.__dict__.update(self.__dict__)
        fresh.args = self.args
        return fresh


class MethodNotAllowed(Problem):
    """The 405; `methods` are those that the path allows."""

    def __init__(self, methods: Sequence[str]) -> None:
        super().__init__(METHOD_NOT_ALLOWED, f"allowed methods: {', '.join(methods)}")
        self.methods = tuple(methods)


class RateLimited(Problem):
    """The 429 for a client or signing key that may start no picture for `retry_after` seconds.

    `policy` names whose limit it is: `quota` starts in any `window` seconds.
    """

    def __init__(self, detail: str, *, policy: str, quota: int, window: int, retry_after: int) -> None:
        super().__init__(RATE_LIMITED, detail, retry_after=retry_after)
        self.policy = policy
        self.quota = quota
        self.window = window


class SourceMissing(Problem):
    """The 404 for a picture that is to be made from another one, where that one (`content_key`) is not stored."""

    def __init__(self, parameter: str, content_key: str) -> None:
        what = "no picture of this content key is stored here: open the URL that makes it, and then this one"
        allowed = "the content key of a stored picture"
        detail = f'{parameter}="{content_key}": {what}'
        super().__init__(NOT_FOUND, detail, parameter=parameter, value=content_key, allowed=allowed)
        self.content_key = content_key


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


# Why an answer is late, for `too_slow`.
READING = "the picture store of this service has not answered yet"


def too_slow(why: str = "the picture is being made") -> Problem:
    """The 503 for a client whose wait is over; `why` says what it waited for."""
    return Problem(TOO_SLOW, f"{why}: load the same URL again in a few seconds")


def draining() -> Problem:
    """The 503 of an instance that shuts down."""
    return Problem(DRAINING, "this instance is shutting down: try again in a few seconds")


def removed() -> Problem:
    """The 410 for a picture that the operator took down."""
    return Problem(REMOVED, "the operator of this service took this picture down")


def source_removed(parameter: str, content_key: str) -> Problem:
    """The 410 for a picture that is to be made from one that the operator took down."""
    detail = f'{parameter}="{content_key}": the operator of this service took this picture down'
    return Problem(REMOVED, detail, parameter=parameter, value=content_key)


def unauthorized() -> Problem:
    """The 401 for a request without the operator's token (RFC 6750 section 3)."""
    detail = "this is for the operator of the service: send the header Authorization: Bearer TOKEN"
    return Problem(UNAUTHORIZED, detail)


def unsigned(chat: str, why: str) -> Problem:
    """The 401 for a request that claims to come from the servers of a chat."""
    return Problem(UNSIGNED, f"this address is for the servers of {chat}: {why}")


def filtered() -> Problem:
    """The 403 for a picture that the image generator's content filter refused, now or before."""
    return Problem(FILTERED, "the image generator's content filter refused this prompt with this seed")
