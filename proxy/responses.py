"""Answers and problems as HTTP responses: how they look depends on who asks."""

from collections.abc import Mapping
from email.utils import formatdate
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from proxy import caching, clients, grammar, negotiation, problems
from proxy.audience import Audience, audience
from proxy.caching import Outcome
from proxy.cdn import Answer, Unchanged
from proxy.clients import Client, TrustedProxies
from proxy.conditions import NOTHING, Condition
from proxy.engines import Size
from proxy.notices import MEDIA_TYPE, Notices
from proxy.observer import Source
from proxy.pictures import MEDIA_TYPES
from proxy.problems import Problem
from proxy.request import Delivery, Format


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


def asker(scope: Scope) -> Audience:
    """Who sent this request. Several want to know, and finding it out takes a while."""
    who: Audience | None = scope.get("promptcdn.audience")
    if who is None:
        who = scope["promptcdn.audience"] = audience(Headers(scope=scope))
    return who


def client(http: HttpRequest, trusted: TrustedProxies) -> Client:
    """Whom new pictures are charged to."""
    peer = http.client.host if http.client else None
    forwarded, x_forwarded_for = (http.headers.getlist(name) for name in ("forwarded", "x-forwarded-for"))
    return clients.client(peer, forwarded, x_forwarded_for, trusted)


def delivered(http: HttpRequest, delivery: Delivery) -> Format:
    """The format as delivered: what `Accept` makes of `auto`."""
    if delivery.format == "auto":
        return negotiation.picture_format(_accept(http), asker(http.scope))
    return delivery.format


def condition(http: HttpRequest) -> Condition:
    """What the client says it has."""
    return Condition.parse(http.headers.getlist("if-none-match"), http.headers.get("if-modified-since"))


def claim(http: HttpRequest, asked: Delivery) -> Condition:
    """The condition, as far as it can be answered without looking at the picture: not in a format that varies."""
    return NOTHING if asked.format == "auto" else condition(http)


def picture(http: HttpRequest, answer: Answer | Unchanged, delivery: Delivery, asked: Delivery, now: int) -> Response:
    """A picture as `delivery` says, or 304 where the client has it. `asked` may leave its format to `Accept`.

    `now` in Unix seconds: `max-age` of a calendar picture runs from this very moment.
    """
    seconds_left = int(answer.until.timestamp()) - now if answer.until else 0
    if isinstance(answer, Unchanged):
        _note(http, Note(_name(answer.outcome), "store"))
        headers = caching.unchanged_headers(
            answer.tag, answer.outcome, seconds_left=seconds_left, location=answer.location
        )
        return _dated(Response(status_code=304, headers=headers), now)
    rendition = answer.rendition
    _note(http, Note(_name(answer.outcome), answer.status.hit or "made", rendition.content_key))
    headers = caching.picture_headers(
        rendition,
        answer.outcome,
        answer.status,
        seconds_left=seconds_left,
        location=answer.location,
        permalink=grammar.permalink(rendition.content_key, delivery),
        negotiated=asked.format == "auto",
    )
    if caching.TABLE[answer.outcome].validators and condition(http).is_met_by(rendition):
        return _dated(Response(status_code=304, headers=headers), now)
    return _dated(Response(rendition.body, headers=headers), now)


def unmade(http: HttpRequest, delivery: Delivery) -> Response:
    """The answer to HEAD for what nobody made yet."""
    _note(http, Note(_name(Outcome.UNMADE)))
    headers = caching.unmade_headers(MEDIA_TYPES[delivered(http, delivery)], negotiated=delivery.format == "auto")
    response = Response(headers=headers)
    # The framework's 0 would be a lie: GET has a body.
    del response.headers["content-length"]
    return response


async def placeholder(http: HttpRequest, problem: Problem, size: Size, notices: Notices) -> Response:
    """What an image proxy gets, in the picture's own size, while the picture is being made."""
    _note(http, Note(_name(Outcome.PLACEHOLDER)))
    return Response(await notices.placeholder(size), headers=caching.shown_headers(problem, MEDIA_TYPE))


async def error(
    http: HttpRequest, problem: Problem, notices: Notices | None, more: Mapping[str, str] | None = None
) -> Response:
    """A problem, as a picture for whoever shows pictures, else as a document (RFC 9457).

    Without `notices` always as a document. `more` are headers that this problem alone has.
    """
    _note(http, Note(problem.kind.code, problem=problem))
    who = asker(http.scope)
    if notices is not None and negotiation.wants_picture(_accept(http), who):
        try:
            picture = await notices.error(problem)
        except Problem:
            pass  # too many are being drawn: the document says the same
        else:
            if who is Audience.IMAGE_PROXY:
                return Response(picture, 200, {**caching.shown_headers(problem, MEDIA_TYPE), **(more or {})})
            headers = caching.problem_headers(problem, MEDIA_TYPE)
            return Response(picture, problem.kind.status, {**headers, **(more or {})})
    document = {**problem.document(), "instance": http.scope["raw_path"].decode("ascii")}
    return JSONResponse(document, problem.kind.status, {**caching.problem_headers(problem), **(more or {})})


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
