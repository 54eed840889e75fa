"""Answers and problems as HTTP responses: what they look like depends on who asks."""

from collections.abc import Iterable
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from promptcdn import problems
from promptcdn.faces import requests
from promptcdn.observer import Source
from promptcdn.pictures import sizing
from promptcdn.pictures.placeholders import MEDIA_TYPE, Placeholders
from promptcdn.problems import Problem
from promptcdn.readers import prepared, response_headers
from promptcdn.readers.answers import Answer, Unchanged
from promptcdn.readers.audience import Audience
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.prepared import Alias
from promptcdn.readers.response_headers import Addresses
from promptcdn.url import formats
from promptcdn.url.engines import Size
from promptcdn.url.parse import permalink
from promptcdn.url.request import Delivery


class Note(NamedTuple):
    """What the log, the metrics and the fast path get of an answer.

    `outcome` is a problem's code where there is a `problem`. `alias` is there where every reader of the URL gets the
    same answer, for as long as the picture is in memory.
    """

    outcome: str = "other"
    source: Source = "none"
    content_key: str | None = None
    problem: Problem | None = None
    alias: Alias | None = None


_NO_NOTE = Note()


def noted(scope: Scope) -> Note:
    """What was noted of the answer to a request."""
    note: Note = scope.get("promptcdn.note", _NO_NOTE)
    return note


def picture(
    http: HttpRequest, answer: Answer, delivery: Delivery, now: int, stem: str, *, negotiated: bool
) -> Response:
    """A picture as `delivery` says, called `stem` where it is saved. `negotiated`: `Accept` chose its format.

    `now` in Unix seconds: `max-age` of a calendar picture begins at this very moment.
    """
    shared = not negotiated or requests.is_shared(http)
    fields = response_headers.picture_headers(
        answer.rendition,
        answer.outcome,
        answer.status,
        _addresses(answer, delivery),
        now,
        stem=stem,
        seconds_left=_seconds_left(answer, now),
        negotiated=negotiated,
        shared=shared,
    )
    lasting = shared and answer.outcome in (Outcome.SEEDED, Outcome.SEEDLESS)
    _note_reply(http, answer, prepared.alias(answer, fields, negotiated=negotiated) if lasting else None)
    return Response(answer.rendition.body, headers=fields)


def unchanged(http: HttpRequest, answer: Unchanged, delivery: Delivery, now: int, *, negotiated: bool) -> Response:
    """304 for a picture that the client has. The parameters are those of `picture`."""
    _note_reply(http, answer)
    fields = response_headers.unchanged_headers(
        answer.tag,
        answer.outcome,
        _addresses(answer, delivery),
        now,
        seconds_left=_seconds_left(answer, now),
        negotiated=negotiated,
        shared=not negotiated or requests.is_shared(http),
    )
    return Response(status_code=304, headers=fields)


def unmade(http: HttpRequest, delivery: Delivery, *, negotiated: bool) -> Response:
    """The answer to HEAD for a picture that was not made yet."""
    _note(http, Note(_name(Outcome.UNMADE)))
    shared = not negotiated or requests.is_shared(http)
    media_type = formats.BY_NAME[delivery.format].media_type
    response = Response(headers=response_headers.unmade_headers(media_type, negotiated=negotiated, shared=shared))
    # The framework says 0, and GET would have a body.
    del response.headers["content-length"]
    return response


async def placeholder(http: HttpRequest, problem: Problem, size: Size, placeholders: Placeholders) -> Response:
    """What is shown in the picture's own size while the picture is being made; a document where none is wanted."""
    if not requests.wants_picture(http):
        return await error(http, problem, None)
    _note(http, Note(_name(Outcome.PLACEHOLDER)))
    waits = problem.kind is problems.WAITING_FOR_WORKER
    picture = await placeholders.placeholder(size, waits_for_worker=waits)
    return _as_picture(http, problem, picture, shared=requests.is_shared(http))


async def error(http: HttpRequest, problem: Problem, placeholders: Placeholders | None) -> Response:
    """A problem, as a picture for whoever shows pictures, else as a document (RFC 9457).

    Without `placeholders` it is always a document.
    """
    _note(http, Note(problem.kind.code, problem=problem))
    shared = requests.is_shared(http)
    if placeholders is not None and requests.wants_picture(http):
        try:
            return _as_picture(http, problem, await placeholders.error(problem), shared=shared)
        except Problem:  # too many are being drawn: what is shown instead is right for this moment alone
            shared = False
            if _is_image_proxy(http):
                return _as_picture(http, problem, await placeholders.brief(problem), shared=shared)
    document = {**problem.document(), "instance": http.scope["raw_path"].decode("ascii")}
    return JSONResponse(document, problem.kind.status, response_headers.problem_headers(problem, shared=shared))


def note_problem(http: HttpRequest, problem: Problem) -> None:
    """For the log and the metrics, where a problem is answered in another way than here."""
    _note(http, Note(problem.kind.code, problem=problem))


def note_made(http: HttpRequest, content_key: str) -> None:
    """The same for pictures that are answered in another way than here; `content_key` is the first one's."""
    _note(http, Note("api", content_key=content_key))


def options(methods: Iterable[str]) -> Response:
    """The answer to OPTIONS for what allows `methods`."""
    return Response(headers=response_headers.options_headers(methods))


def _as_picture(http: HttpRequest, problem: Problem, picture: bytes, *, shared: bool) -> Response:
    """A picture that says `problem`, with its status; for an image proxy with 200, the only status it shows."""
    if _is_image_proxy(http):
        return Response(picture, 200, response_headers.image_proxy_headers(problem, MEDIA_TYPE, shared=shared))
    return Response(picture, problem.kind.status, response_headers.problem_headers(problem, MEDIA_TYPE, shared=shared))


def _is_image_proxy(http: HttpRequest) -> bool:
    return requests.audience_of(http.scope) is Audience.IMAGE_PROXY


def _addresses(answer: Answer | Unchanged, delivery: Delivery) -> Addresses:
    return Addresses(answer.location, permalink(answer.content_key, sizing.in_effect(delivery)))


def _seconds_left(answer: Answer | Unchanged, now: int) -> int:
    return int(answer.until.timestamp()) - now if answer.until else 0


def _note_reply(http: HttpRequest, answer: Answer | Unchanged, alias: Alias | None = None) -> None:
    _note(http, Note(_name(answer.outcome), answer.status.hit or "made", answer.content_key, alias=alias))


def _note(http: HttpRequest, note: Note) -> None:
    http.scope["promptcdn.note"] = note


def _name(outcome: Outcome) -> str:
    return outcome.name.lower()
