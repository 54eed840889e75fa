"""What an HTTP request says: who asks for what, what they have already, and how long they wait."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.types import Scope

from promptcdn import problems
from promptcdn.event_loop import AnswerTimeout
from promptcdn.flights import DetachedTasks
from promptcdn.guard.authorisation import is_operator
from promptcdn.problems import Problem
from promptcdn.readers import audience, clients, negotiation
from promptcdn.readers.answers import Urgency
from promptcdn.readers.audience import Audience
from promptcdn.readers.clients import Client
from promptcdn.readers.conditions import Condition
from promptcdn.url import formats
from promptcdn.url.parse import URL_MAX, parse_url
from promptcdn.url.request import Delivery, Request
from promptcdn.wiring import Service

_T = TypeVar("_T")

# Bytes of all bodies together that are arriving at once.
ARRIVING_MAX = 64 * 1024 * 1024


class Arriving:
    """The bytes of bodies that are arriving: thousands of clients could send at once, each within its bounds."""

    def __init__(self, most: int = ARRIVING_MAX) -> None:
        self._most, self._bytes = most, 0

    def add(self, count: int) -> None:
        """Raises `Problem` (503) where that is too much."""
        self._bytes += count
        if self._bytes > self._most:
            raise Problem(problems.OVERLOADED, "too many requests with bodies arrive at the same time: try again later")

    def remove(self, count: int) -> None:
        self._bytes -= count


# One for the process, whose memory it is.
_ARRIVING = Arriving()


def service_of(http: HttpRequest) -> Service:
    """The service that the application was made for."""
    service: Service = http.app.state.service
    return service


def parsed(http: HttpRequest) -> Request:
    """What the URL asks for. Raises `Problem`.

    The path is read as it was sent: in the framework's `%2F` is a slash, and bad bytes are replaced.
    """
    with service_of(http).telemetry.step("parse"):
        return parse_url(http.scope["raw_path"], raw_query(http))


def raw_query(http: HttpRequest) -> bytes:
    """The query as it was sent. Raises `Problem` (414) for a URL that is too long."""
    query: bytes = http.scope["query_string"]
    if len(http.scope["raw_path"]) + 1 + len(query) > URL_MAX:
        raise Problem(problems.URI_TOO_LONG, f"a URL may have at most {URL_MAX} bytes")
    return query


def audience_of(scope: Scope) -> Audience:
    """Who sent this request. Several parts ask, and finding it out takes a while, so it is kept in the scope."""
    who: Audience | None = scope.get("promptcdn.audience")
    if who is None:
        who = scope["promptcdn.audience"] = audience.audience(audience.joined(Headers(scope=scope).items()))
    return who


def is_shared(http: HttpRequest) -> bool:
    """Whether an answer made for this client is right for every client to whom caches would show it."""
    return audience.is_decided_by_vary(http.headers.items())


def client(http: HttpRequest) -> Client:
    """The client whom new pictures are charged to."""
    peer = http.client.host if http.client else None
    forwarded, x_forwarded_for = (http.headers.getlist(name) for name in ("forwarded", "x-forwarded-for"))
    return clients.client(peer, forwarded, x_forwarded_for, service_of(http).trusted)


def negotiated(http: HttpRequest, delivery: Delivery) -> Delivery:
    """`delivery` with the format that `Accept` chooses where the URL says `auto`."""
    if delivery.format != formats.AUTO:
        return delivery
    return replace(delivery, format=negotiation.picture_format(_accept(http), audience_of(http.scope)))


def urgency(http: HttpRequest) -> Urgency:
    """How soon a new picture is wanted: our own commands make pictures ahead of their readers."""
    ahead = http.headers.get("user-agent", "").startswith("promptcdn/")
    return Urgency.AHEAD if ahead else Urgency.NOW


def wants_picture(http: HttpRequest) -> bool:
    """Whether an error is to be a picture."""
    return negotiation.wants_picture(_accept(http), audience_of(http.scope))


def condition(http: HttpRequest, as_written: Delivery) -> Condition:
    """The picture that the client says it has."""
    tags, date = http.headers.getlist("if-none-match"), http.headers.get("if-modified-since")
    return Condition.parse(tags, date, negotiated=as_written.format == formats.AUTO)


def is_from_operator(http: HttpRequest) -> bool:
    """Whether the request has the operator's token. Where no token is set, no request is the operator's."""
    token = service_of(http).settings.admin_token
    return token is not None and is_operator(http.headers.get("authorization"), token.get_secret_value())


def wait(http: HttpRequest, asked: float | None = None) -> float:
    """How many seconds the client waits for a new picture; `asked` is what the URL says."""
    settings = service_of(http).settings
    return audience.wait(audience_of(http.scope), asked, settings.wait, settings.proxy_wait)


async def looked_up(http: HttpRequest, look: Coroutine[Any, Any, _T], detached: DetachedTasks) -> _T:
    """What `look` returns or raises, for as long as the client waits for what is stored already."""
    return await detached.run(look, audience.wait_for_stored(wait(http)), client(http))


async def body(
    http: HttpRequest,
    most: int,
    seconds: float,
    *,
    passed_over: int = 0,
    advice: str = "",
    arriving: Arriving = _ARRIVING,
) -> bytes:
    """The body of a request: at most `most` bytes, which have so many seconds to arrive.

    Raises `Problem`: 408 for one that is slower, 413 for one that is larger, 400 where the client leaves before its
    end, 503 where too many arrive at once. Of a larger one `passed_over` more bytes are read and forgotten: a client
    that is cut off while it sends never sees why. `advice` is said to it.
    """
    kept, forgotten = bytearray(), 0
    try:
        async with AnswerTimeout(seconds):
            async for piece in http.stream():
                if len(kept) + len(piece) <= most and not forgotten:
                    kept += piece
                    arriving.add(len(piece))
                else:
                    forgotten += len(piece)
                if forgotten > passed_over:
                    break
    except TimeoutError:
        detail = f"the body of the request took longer than {seconds:g} s to arrive"
        raise Problem(problems.REQUEST_TIMEOUT, detail) from None
    except ClientDisconnect:
        raise Problem(problems.BAD_REQUEST, "the client left before its request had ended") from None
    finally:
        arriving.remove(len(kept))
    if forgotten:
        raise too_large(most, advice)
    return bytes(kept)


def too_large(most: int, advice: str = "") -> Problem:
    """What a client is told whose body is larger than `most` bytes."""
    told = f"the body of a request may have at most {most} bytes here"
    return Problem(problems.BODY_TOO_LARGE, f"{told}; {advice}" if advice else told)


def _accept(http: HttpRequest) -> str:
    return ",".join(http.headers.getlist("accept"))
