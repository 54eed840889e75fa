"""The description of the interface as an OpenAPI document (version 3.1.1 of the specification)."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from promptcdn import __version__, problems
from promptcdn.faces.openapi import schemas
from promptcdn.faces.openapi.chats import Hook, hooks
from promptcdn.problems import KINDS, ProblemType
from promptcdn.url import formats
from promptcdn.url.parameters import OF_INFO, PARAMETERS, Parameter
from promptcdn.url.resolving import Defaults

if TYPE_CHECKING:  # pydantic is no part of a policy
    from promptcdn.settings import Settings

Document = dict[str, Any]

_SUMMARY = (
    "One URL is one picture: with a seed it shows the same picture for ever, without one it shows another at each view."
    " HEAD is understood wherever GET is, and OPTIONS everywhere. Parameters of analytics and cache busters, like `v`"
    " and `utm_source`, are ignored; any other unknown parameter is an error."
)
# What any request may meet, whatever it asks for.
_ANYWHERE = (
    problems.REQUEST_TIMEOUT,
    problems.METHOD_NOT_ALLOWED,
    problems.URI_TOO_LONG,
    problems.HEAD_TOO_LARGE,
    problems.INTERNAL,
)
# What a look at the store may meet.
_LOOKING = (
    problems.BAD_REQUEST,
    problems.BAD_PARAMETER,
    problems.NOT_FOUND,
    problems.REMOVED,
    problems.STORE_UNAVAILABLE,
    problems.UNREADABLE_OBJECT,
    problems.OVERLOADED,
    problems.TOO_SLOW,
)
# What a chat's servers may meet.
_HOOKED = (problems.UNSIGNED, problems.BODY_TOO_LARGE, problems.BAD_REQUEST)
# Of other routes than those of pictures.
_ELSEWHERE = (
    problems.UNAUTHORIZED,
    problems.UNSIGNED,
    problems.INVALID_API_KEY,
    problems.INVALID_WORKER_TOKEN,
    problems.ORDER_OF_ANOTHER,
    problems.ORDER_LOST,
    problems.PICTURE_REFUSED,
    problems.BODY_TOO_LARGE,
)
_MAKING = tuple(kind for kind in KINDS if kind not in _ELSEWHERE)

_HEADERS = {
    "Cache-Control": "How long caches may keep the answer (RFC 9111).",
    "Cache-Status": "Whether the picture was in memory, in the store, or made for this answer (RFC 9211).",
    "Content-Disposition": "The name under which the picture is saved.",
    "Content-Location": "The seeded URL of the picture that is shown, where the URL may show another one later.",
    "ETag": "The version of the file, for `If-None-Match`.",
    "Last-Modified": "When the picture was made.",
    "Link": 'The permalink, as `rel="canonical"`.',
    "Promptcdn-Status": "The status of an error that an image proxy is shown as a picture, with status 200.",
    "Repr-Digest": "The SHA-256 of the file (RFC 9530).",
    "Server-Timing": "How long the answer took.",
    "Vary": "The headers of the request that the answer depends on.",
    "X-Request-ID": "The id of this request in the log of the service.",
}
# Of every answer but a 304.
_ALWAYS = ("Cache-Control", "Server-Timing", "X-Request-ID")
_OF_UNCHANGED = ("Cache-Control", "Content-Location", "ETag", "Vary")
_OF_PROBLEMS = {
    "Allow": (problems.METHOD_NOT_ALLOWED, "The methods that the path allows."),
    "WWW-Authenticate": (problems.UNAUTHORIZED, "That a bearer token is needed."),
    "RateLimit": (problems.RATE_LIMITED, "What is left of the limit, and when it is renewed."),
    "RateLimit-Policy": (problems.RATE_LIMITED, "The limit."),
}


def described(settings: "Settings") -> Document:
    """The whole document, for a service with these settings."""
    document = {
        "openapi": "3.1.1",
        "info": {
            "title": "promptcdn",
            "version": __version__,
            "summary": "Pictures by their prompts, as a CDN serves them.",
            "description": _SUMMARY,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": settings.public_url or "/"}],
        "paths": {
            **_paths(settings.defaults, takedowns=settings.admin_token is not None),
            **{hook.path: _hook(hook) for hook in hooks(settings)},
        },
        "components": {
            "schemas": {"Problem": schemas.PROBLEM, "Info": schemas.INFO, "Readiness": schemas.READINESS},
            "securitySchemes": {
                "operator": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The operator's token, PROMPTCDN_ADMIN_TOKEN.",
                }
            },
        },
    }
    if settings.api_keys:
        from promptcdn.faces.openapi import openai_api  # late: for those who have keys

        openai_api.add(document, settings.defaults)
    if any(each.by_orders for each in settings.generators):
        from promptcdn.faces.openapi import work  # late: for those who have workers

        work.add(document)
    return document


def _paths(defaults: Defaults, *, takedowns: bool) -> Document:
    asking = _parameters(PARAMETERS, defaults)
    named = [each for each in asking if each["name"] != "format"]
    pictured = [_nearest(each) for each in asking if each["name"] != "prompt"]
    by_path = "The same with the prompt in the path; parameters of Pollinations are understood too."
    return {
        "/": _get("getPicture", "The picture that a prompt asks for.", asking, _pictures(_MAKING)),
        **{
            f"/i.{row.extension}": _get(
                f"getPictureAs{row.name.capitalize()}",
                f"The same as a file in the format {row.name}.",
                named,
                _pictures(_MAKING),
            )
            for row in formats.FORMATS
        },
        "/prompt/{prompt}": _get(
            "getPictureByPath", by_path, [_prompt_in_path(defaults), *pictured], _pictures(_MAKING)
        ),
        "/i/{key}": _permalink(defaults, takedowns=takedowns),
        "/info": _get(
            "getInfo",
            "What a URL means, and whether its picture is stored; nothing is made. `/info` goes before the path of any"
            " picture with a prompt, so `/info/prompt/…` and `/info/i.png` are answered too.",
            [*asking, *_parameters(OF_INFO, defaults)],
            _json("Info", "What is known of the URL.", _LOOKING),
        ),
        **_of_the_service(),
    }


def _permalink(defaults: Defaults, *, takedowns: bool) -> Document:
    key = {
        "name": "key",
        "in": "path",
        "required": True,
        "description": "The content key of a stored picture, and perhaps an extension.",
        "schema": schemas.KEY_IN_PATH,
    }
    delivery = _parameters((row for row in PARAMETERS if row.group == "delivery"), defaults)
    told = "A stored picture by its content key; nothing is made."
    shown = _get("getByKey", told, [key, *delivery], _pictures(_LOOKING))
    return {**shown, "delete": _takedown(key)} if takedowns else shown


def _of_the_service() -> Document:
    """The paths that are about the service itself."""
    ready = _json("Readiness", "All that pictures need is there.", ())
    ready["503"] = {**ready["200"], "description": "A part that pictures need is missing."}
    metrics = _get("getMetrics", "What was counted.", [], _plain("The metrics, for Prometheus."))
    metrics["get"]["security"] = [{}, {"operator": []}]
    metrics["get"]["responses"] |= _problems((problems.UNAUTHORIZED,))
    document, page = (_plain("The description.", kind, cached=True) for kind in ("application/json", "text/html"))
    return {
        "/healthz": _get("getHealth", "Whether the process lives.", [], _plain("The process lives.")),
        "/readyz": _get("getReadiness", "Whether pictures can be made and shown.", [], ready),
        "/metrics": metrics,
        "/robots.txt": _get("getRobots", "What crawlers may fetch.", [], _plain("The rules for crawlers.")),
        "/openapi.json": _get("getDescription", "This description.", [], document),
        "/docs": _get("getDocs", "This description for people.", [], page),
        "/mcp": _for_assistants(),
    }


def _hook(hook: Hook) -> Document:
    told = f"{hook.summary} For the servers of the chat, which sign what they send."
    found: Document = {"description": "What is done or shown at once.", "headers": _headers(_ALWAYS)}
    if hook.answer:
        found["content"] = {hook.answer: {}}
    operation = _operation(hook.name, told, [], {"200": found, **_problems((*_ANYWHERE, *_HOOKED))})
    return {"post": {**operation, "requestBody": {"required": True, "content": {hook.body: {}}}}}


def _for_assistants() -> Document:
    """MCP describes its own messages: this says where they go."""
    message = {"application/json": {"schema": schemas.JSON_RPC}}
    told = "The Model Context Protocol for assistants (streamable HTTP, without sessions): docs/mcp.md has its tools."
    refused = {"description": "What is wrong with the message.", "headers": _headers(_ALWAYS), "content": message}
    answers = {
        "200": {"description": "The answer.", "headers": _headers(_ALWAYS), "content": message},
        "202": {"description": "A notification was taken.", "headers": _headers(_ALWAYS)},
        **_problems((*_ANYWHERE, problems.BAD_REQUEST, problems.INVALID_API_KEY)),
    }
    for status in ("400", "413"):
        content = {**answers.get(status, {}).get("content", {}), **message, "text/plain": {}}
        answers[status] = {**refused, **answers.get(status, {}), "content": content}
    called = _operation("callTool", told, [], answers)
    return {"post": {**called, "requestBody": {"required": True, "content": message}}}


def _takedown(key: Document) -> Document:
    answers = {"204": {"description": "No replica shows the picture from 5 s later on.", "headers": _headers(_ALWAYS)}}
    refusals = (problems.UNAUTHORIZED, problems.NOT_FOUND, problems.STORE_UNAVAILABLE, problems.BAD_PARAMETER)
    told = "Takes a picture down for good; its URLs answer 410 from then on."
    return {
        **_operation("takeDown", told, [key], {**answers, **_problems((*_ANYWHERE, *refusals))}),
        "security": [{"operator": []}],
    }


def _get(name: str, summary: str, parameters: Sequence[Document], responses: Document) -> Document:
    return {"get": _operation(name, summary, parameters, responses)}


def _operation(name: str, summary: str, parameters: Sequence[Document], responses: Document) -> Document:
    return {"operationId": name, "summary": summary, "parameters": list(parameters), "responses": responses}


def _parameters(rows: Iterable[Parameter], defaults: Defaults) -> list[Document]:
    return [
        {
            "name": row.name,
            "in": "query",
            "required": row.name == "prompt",
            "description": _sentence(row),
            "schema": schemas.value(row, defaults),
            **({"example": "a lighthouse"} if row.name == "prompt" else {}),
        }
        for row in rows
    ]


def _prompt_in_path(defaults: Defaults) -> Document:
    (prompt,) = _parameters((row for row in PARAMETERS if row.name == "prompt"), defaults)
    told = f"{prompt['description']} It may end in an extension: {', '.join(formats.PROMPT_EXTENSIONS)}."
    return {**prompt, "in": "path", "description": told}


def _nearest(parameter: Document) -> Document:
    """The parameter where what is not offered is replaced by the nearest that is."""
    if parameter["name"] not in ("width", "height", "steps", "cfg_scale", "engine"):
        return parameter
    told = f"{parameter['description']} On this path the nearest is taken where the value is not offered."
    return {**parameter, "description": told, "schema": {"type": parameter["schema"]["type"]}}


def _sentence(row: Parameter) -> str:
    aliases = f" Also called {', '.join(row.aliases)}." if row.aliases else ""
    return f"{row.meaning[0].upper()}{row.meaning[1:]}. Allowed: {row.allowed}.{aliases}"


def _pictures(kinds: Iterable[ProblemType]) -> Document:
    """The answers where a picture is asked for."""
    content: Document = {row.media_type: {} for row in formats.FORMATS}
    return {
        "200": {"description": "The picture.", "headers": _headers(_HEADERS), "content": content},
        "304": {"description": "The client has the picture already.", "headers": _headers(_OF_UNCHANGED)},
        **_problems((*_ANYWHERE, *kinds), as_pictures=True),
    }


def _json(schema: str, description: str, kinds: Iterable[ProblemType]) -> Document:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    found = {"description": description, "headers": _headers(_ALWAYS), "content": content}
    return {"200": found, **_problems((*_ANYWHERE, *kinds))}


def _plain(description: str, media_type: str = "text/plain", *, cached: bool = False) -> Document:
    own = (*_ALWAYS, "ETag") if cached else _ALWAYS
    found = {"description": description, "headers": _headers(own), "content": {media_type: {}}}
    unchanged = {"description": "The client has it already.", "headers": _headers(("Cache-Control", "ETag"))}
    return {"200": found, **({"304": unchanged} if cached else {}), **_problems(_ANYWHERE)}


def _problems(kinds: Iterable[ProblemType], *, as_pictures: bool = False) -> Document:
    """An answer for each status, with every problem that has it and what to do about that."""
    by_status: dict[int, list[ProblemType]] = {}
    for kind in dict.fromkeys(kinds):
        by_status.setdefault(kind.status, []).append(kind)
    content: Document = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    if as_pictures:
        content["image/png"] = {}
    return {
        str(status): {
            "description": "\n".join(f"- `{kind.code}`: {kind.title}. To do: {kind.advice}." for kind in of_it),
            "headers": _headers_of(of_it),
            "content": content,
        }
        for status, of_it in sorted(by_status.items())
    }


def _headers_of(kinds: Sequence[ProblemType]) -> Document:
    own = {name: told for name, (kind, told) in _OF_PROBLEMS.items() if kind in kinds}
    if problems.UNSIGNED in kinds:
        own["WWW-Authenticate"] = "That a signature of the chat's servers is needed."
    if any(kind.retry_after for kind in kinds):
        own["Retry-After"] = "In how many seconds another try may help."
    return {**_headers((*_ALWAYS, "Vary")), **{name: _header(told) for name, told in own.items()}}


def _headers(names: Iterable[str]) -> Document:
    return {name: _header(_HEADERS[name]) for name in names}


def _header(description: str) -> Document:
    return {"description": description, "schema": {"type": "string"}}
