"""Answers and problems as HTTP responses: how they look depends on who asks."""

from collections.abc import Mapping
from email.utils import formatdate
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from promptcdn import problems
from promptcdn.observer import Source
from promptcdn.pictures import sizing
from promptcdn.pictures.placeholders import MEDIA_TYPE, Placeholders
from promptcdn.problems import Problem
from promptcdn.readers import clients, negotiation
from promptcdn.readers import headers as caching
from promptcdn.readers.answers import Answer, Unchanged
from promptcdn.readers.audience import Audience, audience, joined, told_by_vary
from promptcdn.readers.clients import Client, TrustedProxies
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.readers.headers import Outcome, Where
from promptcdn.url import formats
from promptcdn.url.engines import Size
from promptcdn.url.parse import permalink
from promptcdn.url.request import Delivery


class Note(NamedTuple):
    """What the log and the metrics are told of an answer; `outcome` is a code where there is a `problem`."""

    outcome: str = "other"
    source: Source = "none"
    content_key: str | None = None
    problem: Problem | None = None


_NOTHING_NOTED = Note()


def noted(scope: Scope) -> Note:
    """What there is to tell of the answer to a request."""
    note: Note = scope.get("promptcdn.note", _NOTHING_NOTED)
    return note


def audience_of(scope: Scope) -> Audience:
    """Who sent this request. Several want to know, and finding it out takes a while."""
    who: Audience | None = scope.get("promptcdn.audience")
    if who is None:
        who = scope["promptcdn.audience"] = audience(joined(Headers(scope=scope).items()))
    return who


def _is_shared(http: HttpRequest) -> bool:
    """Whether an answer made for who asks is right for all to whom caches would show it."""
    return told_by_vary(http.headers.items())


def client(http: HttpRequest, trusted: TrustedProxies) -> Client:
    """Whom new pictures are charged to."""
    peer = http.client.host if http.client else None
    forwarded, x_forwarded_for = (http.headers.getlist(name) for name in ("forwarded", "x-forwarded-for"))
    return clients.client(peer, forwarded, x_forwarded_for, trusted)


def delivered(http: HttpRequest, delivery: Delivery) -> str:
    """The name of the format as delivered: what `Accept` makes of `auto`."""
    if delivery.format == formats.AUTO:
        return negotiation.picture_format(_accept(http), audience_of(http.scope))
    return delivery.format


def condition(http: HttpRequest) -> Condition:
    """What the client says it has."""
    return Condition.parse(http.headers.getlist("if-none-match"), http.headers.get("if-modified-since"))


def claim(http: HttpRequest, asked: Delivery) -> Condition:
    """The condition, as far as it can be answered without looking at the picture: not in a format that varies."""
    return NOTHING if asked.format == formats.AUTO else condition(http)


def picture(
    http: HttpRequest, answer: Answer | Unchanged, delivery: Delivery, now: int, *, negotiated: bool
) -> Response:
    """A picture as `delivery` says, or 304 where the client has it. `negotiated`: its format is what `Accept` chose.

    `now` in Unix seconds: `max-age` of a calendar picture runs from this very moment.
    """
    source: Source = "store" if isinstance(answer, Unchanged) else answer.status.hit or "made"
    _note(http, Note(_name(answer.outcome), source, answer.content_key))
    where = Where(answer.location, permalink(answer.content_key, sizing.in_effect(delivery)))
    seconds_left = int(answer.until.timestamp()) - now if answer.until else 0
    if isinstance(answer, Unchanged):
        headers = caching.unchanged_headers(answer.tag, answer.outcome, where, seconds_left)
        return _dated(Response(status_code=304, headers=headers), now)
    headers = caching.picture_headers(
        answer.rendition,
        answer.outcome,
        answer.status,
        where,
        seconds_left,
        negotiated=negotiated,
        shared=not negotiated or _is_shared(http),
    )
    was_there = answer.status.hit is not None
    if caching.TABLE[answer.outcome].validators and condition(http).is_met_by(answer.rendition, was_there=was_there):
        return _dated(Response(status_code=304, headers=headers), now)
    return _dated(Response(answer.rendition.body, headers=headers), now)


def unmade(http: HttpRequest, delivery: Delivery) -> Response:
    """The answer to HEAD for what nobody made yet."""
    _note(http, Note(_name(Outcome.UNMADE)))
    media_type, negotiated = formats.BY_NAME[delivered(http, delivery)].media_type, delivery.format == formats.AUTO
    shared = not negotiated or _is_shared(http)
    headers = caching.unmade_headers(media_type, negotiated=negotiated, shared=shared)
    response = Response(headers=headers)
    # The framework's 0 would be a lie: GET has a body.
    del response.headers["content-length"]
    return response


async def placeholder(http: HttpRequest, problem: Problem, size: Size, placeholders: Placeholders) -> Response:
    """What is seen, in the picture's own size, while the picture is being made; a document where none is wanted."""
    who = audience_of(http.scope)
    if not negotiation.wants_picture(_accept(http), who):
        return await error(http, problem, None)
    _note(http, Note(_name(Outcome.PLACEHOLDER)))
    return _notice(await placeholders.placeholder(size), problem, who, shared=_is_shared(http))


async def error(
    http: HttpRequest, problem: Problem, placeholders: Placeholders | None, more: Mapping[str, str] | None = None
) -> Response:
    """A problem, as a picture for whoever shows pictures, else as a document (RFC 9457).

    Without `notices` always as a document. `more` are headers that this problem alone has.
    """
    _note(http, Note(problem.kind.code, problem=problem))
    who, shared = audience_of(http.scope), _is_shared(http)
    if placeholders is not None and negotiation.wants_picture(_accept(http), who):
        try:
            return _notice(await placeholders.error(problem), problem, who, shared=shared)
        except Problem:  # too many are being drawn: what is shown instead is right for this moment alone
            shared = False
            if who is Audience.IMAGE_PROXY:
                return _notice(await placeholders.brief(problem), problem, who, shared=shared)
    document = {**problem.document(), "instance": http.scope["raw_path"].decode("ascii")}
    headers = caching.problem_headers(problem, shared=shared)
    return JSONResponse(document, problem.kind.status, {**headers, **(more or {})})


def _notice(picture: bytes, problem: Problem, who: Audience, *, shared: bool) -> Response:
    """A picture that says `problem`: with its status, but for an image proxy, which shows nothing but 200."""
    if who is Audience.IMAGE_PROXY:
        return Response(picture, 200, caching.shown_headers(problem, MEDIA_TYPE, shared=shared))
    return Response(picture, problem.kind.status, caching.problem_headers(problem, MEDIA_TYPE, shared=shared))


def options(allowed: str) -> Response:
    """The answer to OPTIONS, also as a browser's preflight (Fetch standard): everything here may be read by anybody."""
    return Response(
        headers={
            "allow": allowed,
            "access-control-allow-methods": allowed,
            "access-control-allow-headers": "*",
            "access-control-max-age": "86400",
            "cache-control": problems.NO_STORE,
        }
    )


def _accept(http: HttpRequest) -> str:
    return ",".join(http.headers.getlist("accept"))


def _note(http: HttpRequest, note: Note) -> None:
    http.scope["promptcdn.note"] = note


def _name(outcome: Outcome) -> str:
    return outcome.name.lower()


def _dated(response: Response, now: int) -> Response:
    response.headers["date"] = formatdate(now, usegmt=True)
    return response
