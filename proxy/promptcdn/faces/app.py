"""The HTTP face: routes, and the lifespan that owns what is open."""

import contextlib
import re
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from promptcdn import problems
from promptcdn.cdn import Cdn
from promptcdn.faces import info as info_room
from promptcdn.faces import responses
from promptcdn.faces.middleware import EveryAnswer
from promptcdn.flights import DetachedTasks
from promptcdn.guard.authorisation import is_operator
from promptcdn.problems import Problem
from promptcdn.readers import audience
from promptcdn.readers.answers import Answer, Asker, Unchanged
from promptcdn.readers.audience import Audience
from promptcdn.telemetry import CONTENT_TYPE
from promptcdn.url import formats
from promptcdn.url.parse import URL_MAX, parse_delivery, parse_url, require_built
from promptcdn.url.request import Delivery, Request
from promptcdn.wiring import Service

_T = TypeVar("_T")

_CONTENT_KEY = re.compile(r"[0-9a-f]{64}")


def create_app(service: Service, public_url: str = "") -> ASGIApp:
    """The ASGI application of an open service; closes it when it stops. `public_url` begins the URLs in snippets."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.close()

    app = Starlette(
        routes=[
            Route("/", picture),
            *(Route(f"/i{extension}", picture) for extension in formats.BY_EXTENSION),
            Route("/prompt/{prompt:path}", picture),
            Route("/i/{name}", permalink, methods=["GET", "DELETE"] if service.settings.admin_token else ["GET"]),
            Route("/info", info),
            Route("/info/prompt/{prompt:path}", info),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/robots.txt", robots),
        ],
        exception_handlers={Problem: on_problem, HTTPException: on_http_exception, Exception: on_exception},
        lifespan=lifespan,
    )
    # A redirect would be built from the Host header, and image proxies file the last answer under the first URL.
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.public_url = public_url
    # Around everything: what the framework answers when a route breaks is an answer too.
    return service.telemetry.around(EveryAnswer(app, service.telemetry, log_hits=service.settings.log_hits))


async def picture(http: HttpRequest) -> Response:
    """The picture that a URL asks for."""
    service = _service(http)
    as_written = _request(http)
    require_built(as_written.asked, as_written.control)
    request = replace(as_written, delivery=_delivered(http, as_written.delivery))
    who = responses.audience_of(http.scope)
    patience = _patience(http, who, request.control.wait)
    asker = Asker(
        until=service.clock.monotonic() + patience,
        client=responses.client(http, service.trusted),
        image_proxy=who is Audience.IMAGE_PROXY,
        making=http.method != "HEAD" and who is not Audience.CRAWLER,
        has=responses.claim(http, as_written.delivery),
    )
    try:
        looked_up = service.cdn.answer(request, asker)
        answer = await service.detached.run(looked_up, audience.attention(patience), asker.client)
    except Problem as problem:
        if problem.kind is problems.TOO_SLOW:
            return await responses.placeholder(http, problem, service.cdn.size(request), service.placeholders)
        raise
    if answer is not None:
        return _shown(http, answer, request.delivery, as_written.delivery)
    if http.method == "HEAD":
        return responses.unmade(http, as_written.delivery)
    raise Problem(
        problems.HITS_ONLY,
        "this picture was not made before, and crawlers and prefetches start none: open its URL in a browser",
    )


async def permalink(http: HttpRequest) -> Response:
    """A stored picture by its content key; DELETE takes it down."""
    content_key, format_ = formats.split_extension(http.path_params["name"])
    if _CONTENT_KEY.fullmatch(content_key) is None:
        extensions = ", ".join(formats.BY_EXTENSION)
        detail = f"a permalink is /i/, 64 hex digits in lower case and, if you like, one of {extensions}"
        raise Problem(problems.NOT_FOUND, detail)
    if http.method == "DELETE":
        return await _take_down(http, content_key)
    as_written = parse_delivery(_raw_query(http), format_)
    delivery = _delivered(http, as_written)
    looked_up = _cdn(http).stored(content_key, delivery, responses.claim(http, as_written))
    answer = await _run(http, looked_up, _service(http).detached)
    return _shown(http, answer, delivery, as_written)


async def info(http: HttpRequest) -> Response:
    """What is known of a URL: its keys, its state, what its blanks were filled with. Makes nothing."""
    service = _service(http)
    look = info_room.known(service.cdn, _request(http), http.app.state.public_url)
    known = await _run(http, look, service.infos)
    return JSONResponse(known, headers={"cache-control": problems.NO_STORE})


async def robots(_http: HttpRequest) -> Response:
    """Pictures may be indexed and unfurled: whoever forbids that finds no preview in a chat."""
    text = "User-agent: *\nDisallow: /info\n"
    return PlainTextResponse(text, headers={"cache-control": "public, max-age=86400"})


async def readyz(http: HttpRequest) -> Response:
    """Whether each part that pictures need answers, by name."""
    parts = await _service(http).readiness.parts()
    ready = all(part.good for part in parts)
    document: dict[str, object] = {"ready": ready}
    if _may_see_details(http):
        document["parts"] = {part.part: {"ready": part.good, "detail": part.detail} for part in parts}
    return JSONResponse(document, 200 if ready else 503, {"cache-control": problems.NO_STORE})


async def healthz(_http: HttpRequest) -> Response:
    """That the process lives; it says nothing of what it depends on."""
    return PlainTextResponse("ok\n", headers={"cache-control": problems.NO_STORE})


async def metrics(http: HttpRequest) -> Response:
    """What was counted, for Prometheus."""
    if not _may_see_details(http):
        raise problems.unauthorized()
    exposition = await _service(http).telemetry.exposition()
    return Response(exposition, headers={"content-type": CONTENT_TYPE, "cache-control": problems.NO_STORE})


async def on_problem(http: HttpRequest, error: Exception) -> Response:
    """A `Problem` as its asker can see it: a picture where pictures are asked for."""
    assert isinstance(error, Problem)
    shows_pictures = http.scope.get("endpoint") in (None, picture, permalink)
    return await responses.error(http, error, _service(http).placeholders if shows_pictures else None)


async def on_http_exception(http: HttpRequest, error: Exception) -> Response:
    """The framework's own refusals, as problems like all others; and the answer to OPTIONS, which it refuses too."""
    assert isinstance(error, HTTPException)
    if (http.method, http.scope["path"]) == ("OPTIONS", "*"):
        return responses.options("GET, HEAD, OPTIONS")  # of the server as a whole (RFC 9110 section 9.3.7)
    if error.status_code != problems.METHOD_NOT_ALLOWED.status:
        return await on_problem(http, Problem(problems.NOT_FOUND, f"there is nothing at {http.scope['path']}"))
    # The framework's list has no order of its own.
    allowed = ", ".join(sorted({*(error.headers or {}).get("Allow", "").split(", "), "OPTIONS"}))
    if http.method == "OPTIONS":
        return responses.options(allowed)
    problem = Problem(problems.METHOD_NOT_ALLOWED, f"allowed methods: {allowed}")
    return await responses.error(http, problem, None, {"allow": allowed})


async def on_exception(http: HttpRequest, _error: Exception) -> Response:
    """What nobody foresaw: the log has it, the client learns nothing of our insides."""
    return await on_problem(
        http, Problem(problems.INTERNAL, "an unexpected error: the log of the service has the details")
    )


async def _take_down(http: HttpRequest, content_key: str) -> Response:
    if not _is_operator(http):
        raise problems.unauthorized()
    service = _service(http)
    who = responses.client(http, service.trusted)
    now = int(service.clock.utc().timestamp())
    await service.removals.take_down(content_key, f"asked for over HTTP by {who}", now)
    return Response(status_code=204, headers={"cache-control": problems.NO_STORE})


def _is_operator(http: HttpRequest) -> bool:
    token = _service(http).settings.admin_token
    return token is not None and is_operator(http.headers.get("authorization"), token.get_secret_value())


def _may_see_details(http: HttpRequest) -> bool:
    """Everybody may where no token is set."""
    return _service(http).settings.admin_token is None or _is_operator(http)


def _patience(http: HttpRequest, who: Audience, asked: float | None) -> float:
    settings = _service(http).settings
    return audience.patience(who, asked, settings.wait, settings.proxy_wait)


async def _run(http: HttpRequest, look: Coroutine[Any, Any, _T], detached: DetachedTasks) -> _T:
    """What a look gives or raises, for as long as this asker waits for what is stored."""
    patience = audience.attention(_patience(http, responses.audience_of(http.scope), None))
    return await detached.run(look, patience, responses.client(http, _service(http).trusted))


def _shown(http: HttpRequest, answer: Answer | Unchanged, delivery: Delivery, as_written: Delivery) -> Response:
    service = _service(http)
    now = int(service.clock.utc().timestamp())
    with service.telemetry.step("headers"):
        return responses.picture(http, answer, delivery, now, negotiated=as_written.format == formats.AUTO)


def _delivered(http: HttpRequest, asked: Delivery) -> Delivery:
    return replace(asked, format=responses.delivered(http, asked))


def _request(http: HttpRequest) -> Request:
    """What the URL asks for, by the path as it came: the framework's has `%2F` as a slash and bad bytes replaced."""
    with _service(http).telemetry.step("parse"):
        return parse_url(http.scope["raw_path"], _raw_query(http))


def _raw_query(http: HttpRequest) -> bytes:
    """The query as it came. Raises `Problem` (414) for a URL that is too long."""
    query: bytes = http.scope["query_string"]
    if len(http.scope["raw_path"]) + 1 + len(query) > URL_MAX:
        raise Problem(problems.URI_TOO_LONG, f"a URL may have at most {URL_MAX} bytes")
    return query


def _service(http: HttpRequest) -> Service:
    service: Service = http.app.state.service
    return service


def _cdn(http: HttpRequest) -> Cdn:
    return _service(http).cdn
