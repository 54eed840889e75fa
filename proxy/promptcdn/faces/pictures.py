"""The routes of pictures: by what a URL asks for, and by content key."""

import re
from dataclasses import replace
from typing import assert_never

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from promptcdn import problems
from promptcdn.faces import requests, responses
from promptcdn.problems import Problem
from promptcdn.readers import audience, filenames, response_headers
from promptcdn.readers.answers import Answer, Asker, Reply, Unchanged, Unmade
from promptcdn.readers.audience import Audience
from promptcdn.url import formats
from promptcdn.url.parse import parse_delivery
from promptcdn.url.request import Asked, Delivery

_CONTENT_KEY = re.compile(r"[0-9a-f]{64}")


async def picture(http: HttpRequest) -> Response:
    """The picture that a URL asks for."""
    service = requests.service_of(http)
    as_written = requests.parsed(http)
    request = replace(as_written, delivery=requests.negotiated(http, as_written.delivery))
    wait = requests.wait(http, request.control.wait)
    asker = _asker(http, wait, as_written.delivery)
    try:
        looked_up = service.cdn.answer(request, asker)
        answer = await service.detached.run(looked_up, audience.wait_for_stored(wait), asker.client)
    except Problem as problem:
        if problem.kind in (problems.TOO_SLOW, problems.WAITING_FOR_WORKER):
            return await responses.placeholder(http, problem, service.cdn.size(request), service.placeholders)
        raise
    return _response(http, answer, request.delivery, as_written.delivery, request.asked)


async def permalink(http: HttpRequest) -> Response:
    """A stored picture by its content key; DELETE takes it down."""
    content_key, format_ = formats.split_extension(http.path_params["name"])
    if _CONTENT_KEY.fullmatch(content_key) is None:
        extensions = ", ".join(formats.BY_EXTENSION)
        detail = f"a permalink is /i/, 64 hex digits in lower case and, if you like, one of {extensions}"
        raise Problem(problems.NOT_FOUND, detail)
    if http.method == "DELETE":
        return await _take_down(http, content_key)
    service = requests.service_of(http)
    as_written = parse_delivery(requests.raw_query(http), format_)
    delivery = requests.negotiated(http, as_written)
    look = service.cdn.permalink(content_key, delivery, requests.condition(http, as_written))
    answer = await requests.looked_up(http, look, service.detached)
    return _response(http, answer, delivery, as_written)


def _asker(http: HttpRequest, wait: float, as_written: Delivery) -> Asker:
    who = requests.audience_of(http.scope)
    return Asker(
        until=requests.service_of(http).clock.monotonic() + wait,
        client=requests.client(http),
        image_proxy=who is Audience.IMAGE_PROXY,
        making=http.method != "HEAD" and who is not Audience.CRAWLER,
        condition=requests.condition(http, as_written),
        urgency=requests.urgency(http),
    )


def _response(
    http: HttpRequest, reply: Reply, delivery: Delivery, as_written: Delivery, asked: Asked | None = None
) -> Response:
    """What the core answers as a response. `asked` names the file; without it the content key does.

    Raises `Problem` (503) for a picture that was not made, where its client would be shown it.
    """
    service, negotiated = requests.service_of(http), as_written.format == formats.AUTO
    now = int(service.clock.utc().timestamp())
    with service.telemetry.step("headers"):
        match reply:
            case Answer():
                stem = _stem(asked, reply)
                return responses.picture(http, reply, delivery, now, stem, negotiated=negotiated)
            case Unchanged():
                return responses.unchanged(http, reply, delivery, now, negotiated=negotiated)
            case Unmade() if http.method == "HEAD":
                return responses.unmade(http, delivery, negotiated=negotiated)
            case Unmade():
                detail = "crawlers and prefetches start no new pictures: open the URL in a browser"
                raise Problem(problems.HITS_ONLY, f"this picture was not made before, and {detail}")
            case _:
                assert_never(reply)


def _stem(asked: Asked | None, answer: Answer) -> str:
    if asked is None:
        return answer.content_key[:16]
    return filenames.stem(asked.prompt, asked.seed if isinstance(asked.seed, int) else answer.seed)


async def _take_down(http: HttpRequest, content_key: str) -> Response:
    if not requests.is_from_operator(http):
        raise problems.unauthorized()
    service = requests.service_of(http)
    await service.removals.take_down(content_key, f"asked for over HTTP by {requests.client(http)}")
    return Response(status_code=204, headers=response_headers.document_headers())
