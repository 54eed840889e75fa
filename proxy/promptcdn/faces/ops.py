"""The routes of whoever runs the service: whether it lives and is ready, and what it counted."""

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from promptcdn import problems
from promptcdn.faces import requests
from promptcdn.readers import cache_policies, response_headers
from promptcdn.telemetry import CONTENT_TYPE


async def healthz(_http: HttpRequest) -> Response:
    """That the process lives. What it depends on is the matter of `readyz`."""
    return PlainTextResponse("ok\n", headers=response_headers.document_headers())


async def readyz(http: HttpRequest) -> Response:
    """Whether each part that pictures need answers, by name."""
    parts = await requests.service_of(http).readiness.parts()
    ready = all(part.good for part in parts)
    document: dict[str, object] = {"ready": ready}
    if _may_see_details(http):
        document["parts"] = {part.part: {"ready": part.good, "detail": part.detail} for part in parts}
    return JSONResponse(document, 200 if ready else 503, response_headers.document_headers())


async def metrics(http: HttpRequest) -> Response:
    """What was counted, for Prometheus. Raises `Problem` (401) without the operator's token, where one is set."""
    if not _may_see_details(http):
        raise problems.unauthorized()
    exposition = await requests.service_of(http).telemetry.exposition()
    return Response(exposition, headers=response_headers.document_headers(), media_type=CONTENT_TYPE)


async def robots(_http: HttpRequest) -> Response:
    """Pictures may be fetched by crawlers: a chat shows no preview of a page that forbids it."""
    return PlainTextResponse(
        "User-agent: *\nDisallow: /info\n", headers=response_headers.document_headers(cache_policies.DAY)
    )


def _may_see_details(http: HttpRequest) -> bool:
    """Everybody may where no token is set."""
    return requests.service_of(http).settings.admin_token is None or requests.is_from_operator(http)
