"""The application: its routes, what becomes of errors, and the lifespan that owns what is open."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from promptcdn import problems
from promptcdn.faces import info, openapi, ops, pictures, playground, requests, responses
from promptcdn.faces.mcp import over_http as mcp
from promptcdn.faces.middleware import EveryAnswer
from promptcdn.faces.openai_api import access
from promptcdn.problems import MethodNotAllowed, Problem
from promptcdn.readers import framing
from promptcdn.url.formats import BY_FILE_EXTENSION
from promptcdn.url.parse import extra_slashes
from promptcdn.wiring import Service

if TYPE_CHECKING:
    from promptcdn.faces.chats import Chats


def create_app(service: Service, public_url: str = "", chats: "Chats | None" = None) -> ASGIApp:
    """The ASGI application of an open service, which it closes at its end. Snippets' URLs begin with `public_url`.

    `chats` are the apps for chats, where they are not those of the settings.
    """
    chats = chats or _chats(service, public_url)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await service.start()
        yield
        if chats is not None:
            await chats.close()
        await assistants.close()
        await service.close()

    assistants = mcp.Calls(service, public_url)
    app = Starlette(
        routes=[
            *_routes(service),
            Route("/mcp", assistants, methods=["POST"]),
            *(chats.routes if chats is not None else ()),
        ],
        exception_handlers={Problem: on_problem, HTTPException: on_http_exception, Exception: on_exception},
        lifespan=lifespan,
    )
    # A redirect would be built from the Host header, and image proxies file the last answer under the first URL.
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.public_url = public_url
    app.state.description = openapi.Description(service.settings)
    app.state.playground = playground.Playground(service.settings, public_url)
    # Around everything: what the framework answers when a route breaks is an answer too.
    every_answer = EveryAnswer(
        _before_routes(app), service.telemetry, service.clock, log_hits=service.settings.log_hits
    )
    return service.telemetry.around(every_answer)


def _chats(service: Service, public_url: str) -> "Chats | None":
    if not (service.settings.slack_signing_secret or service.settings.discord_public_key):
        return None
    from promptcdn.faces.chats import Chats  # late: for those who have such an app

    return Chats(service, public_url)


def _before_routes(app: Starlette) -> ASGIApp:
    """`app`, but for requests that the server refuses; its paths of pictures may begin with several slashes."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if (refusal := scope.get(framing.REFUSAL)) is not None:
                scope["app"] = app
                scope.update(next((found for match, found in _matches(app, scope) if match is not Match.NONE), {}))
                await (await on_problem(HttpRequest(scope), refusal))(scope, receive, send)
                return
            # A redirect would do harm here too.
            if extra := extra_slashes(scope["raw_path"]):
                scope["path"], scope["raw_path"] = scope["path"][extra:], scope["raw_path"][extra:]
                scope["promptcdn.extra_slashes"] = extra
        await app(scope, receive, send)

    return answered


def _matches(app: Starlette, scope: Scope) -> Iterator[tuple[Match, Scope]]:
    return (route.matches(scope) for route in app.routes)


def _routes(service: Service) -> list[Route]:
    takedowns = service.settings.admin_token is not None
    return [
        Route("/", playground.page_or_picture),
        Route("/playground/{version}/{name}", playground.file),
        *(Route(f"/i{extension}", pictures.picture) for extension in BY_FILE_EXTENSION),
        Route("/prompt/{prompt:path}", pictures.picture),
        Route("/i/{name}", pictures.permalink, methods=["GET", "DELETE"] if takedowns else ["GET"]),
        Route("/info", info.info),
        # Behind /info stands a picture's URL as it is, which most often begins with /?.
        Route("/info/", info.info),
        *(Route(f"/info/i{extension}", info.info) for extension in BY_FILE_EXTENSION),
        Route("/info/i/{name}", info.of_permalink),
        Route("/info/prompt/{prompt:path}", info.info),
        Route("/healthz", ops.healthz),
        Route("/readyz", ops.readyz),
        Route("/metrics", ops.metrics),
        Route("/robots.txt", ops.robots),
        Route("/openapi.json", openapi.for_programs),
        Route("/docs", openapi.for_people),
        *_of_openais_api(service),
        *_of_workers(service),
    ]


def _of_openais_api(service: Service) -> list[Route]:
    if not service.settings.api_keys:
        return []
    from promptcdn.faces.openai_api.routing import routes  # late: for those who have keys

    return routes(service.connection)


def _of_workers(service: Service) -> list[Route]:
    if service.deliveries is None:
        return []
    from promptcdn.faces.work.routes import routes  # late: for those who have workers

    return routes(service.deliveries)


# The endpoints whose problems are shown as pictures where pictures are asked for.
_OF_PICTURES = (playground.page_or_picture, pictures.picture, pictures.permalink)


async def on_problem(http: HttpRequest, error: Exception) -> Response:
    """A `Problem` as its client can see it: a picture where pictures are asked for."""
    assert isinstance(error, Problem)
    if access.is_ours(http):
        return access.problem(http, error)
    shows_pictures = http.scope.get("endpoint") in (None, *_OF_PICTURES)
    return await responses.error(http, error, requests.service_of(http).placeholders if shows_pictures else None)


async def on_http_exception(http: HttpRequest, error: Exception) -> Response:
    """The framework's own refusals, as problems like all others; and the answer to OPTIONS, which it refuses too."""
    assert isinstance(error, HTTPException)
    if (http.method, http.scope["path"]) == ("OPTIONS", "*"):
        return responses.options(("GET", "HEAD", "OPTIONS"))  # of the server as a whole (RFC 9110 section 9.3.7)
    if error.status_code != problems.METHOD_NOT_ALLOWED.status:
        return await on_problem(http, _nothing_there(http))
    # The framework's list has no order of its own.
    methods = sorted({*(error.headers or {}).get("Allow", "").split(", "), "OPTIONS"})
    if http.method == "OPTIONS":
        return responses.options(methods)
    problem = MethodNotAllowed(methods)
    return access.problem(http, problem) if access.is_ours(http) else await responses.error(http, problem, None)


def _nothing_there(http: HttpRequest) -> Problem:
    if access.is_ours(http) and not requests.service_of(http).settings.api_keys:
        return access.closed()
    return Problem(problems.NOT_FOUND, f"there is nothing at {http.scope['path']}")


async def on_exception(http: HttpRequest, _error: Exception) -> Response:
    """Any other exception: its details are in the log, and the client gets none of them."""
    detail = "an unexpected error: the log of the service has the details"
    return await on_problem(http, Problem(problems.INTERNAL, detail))
