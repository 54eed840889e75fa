"""OpenAI's images API in the description: its paths, the members of its bodies and answers, its error object."""

from collections.abc import Iterable
from typing import Any

from promptcdn import problems
from promptcdn.faces.openai_api import errors
from promptcdn.faces.openai_api.errors import PREFIX
from promptcdn.faces.openai_api.translation import COUNT_MAX, OUTPUT_FORMATS, QUALITIES, RESPONSE_FORMATS
from promptcdn.faces.openapi import schemas
from promptcdn.problems import KINDS, Problem, ProblemType
from promptcdn.url.parameters import PARAMETERS
from promptcdn.url.resolving import Defaults

Document = dict[str, Any]

_NOT_HERE = (
    problems.UNAUTHORIZED,
    problems.HITS_ONLY,
    problems.INVALID_WORKER_TOKEN,
    problems.ORDER_OF_ANOTHER,
    problems.ORDER_LOST,
    problems.PICTURE_REFUSED,
)
_LISTING = (
    problems.INVALID_API_KEY,
    problems.NOT_FOUND,
    problems.METHOD_NOT_ALLOWED,
    problems.REQUEST_TIMEOUT,
    problems.BAD_REQUEST,
    problems.URI_TOO_LONG,
    problems.HEAD_TOO_LARGE,
    problems.INTERNAL,
)
_TEXT: Document = {"type": "string"}
_OR_NULL: Document = {"type": ["string", "null"]}
_HEADERS = {
    "Allow": "The methods that the path allows, of a 405.",
    "Cache-Control": "That caches keep nothing.",
    "RateLimit": "What is left of the limit, and when it is renewed, of a 429.",
    "RateLimit-Policy": "The limit, of a 429.",
    "Retry-After": "In how many seconds another try may help.",
    "Server-Timing": "How long the answer took.",
    "WWW-Authenticate": "That a bearer token is needed, of a 401.",
    "X-Request-ID": "The id of this request in the log of the service.",
    "x-should-retry": "Whether the client should try again by itself.",
}
_ALWAYS = ("Cache-Control", "Server-Timing", "X-Request-ID")

ERROR: Document = {
    "type": "object",
    "description": "OpenAI's error object. `promptcdn_code` is the code of the problem.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code", "promptcdn_code"],
            "properties": {
                "message": _TEXT,
                "type": _TEXT,
                "param": {**_OR_NULL, "description": "The member of the body that is wrong."},
                "code": _TEXT,
                "promptcdn_code": _TEXT,
            },
        }
    },
}
_MODEL: Document = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {"id": _TEXT, "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": _TEXT},
}
_MODELS: Document = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": _MODEL}},
}
PICTURES: Document = {
    "type": "object",
    "required": ["created", "data", "size", "quality", "output_format", "background", "promptcdn_notes"],
    "properties": {
        "created": {"type": "integer", "description": "Seconds since 1970."},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["seed", "promptcdn_url"],
                "properties": {
                    "url": {**_TEXT, "description": "The permalink."},
                    "b64_json": {**_TEXT, "description": "The file in base64."},
                    "seed": {"type": "integer"},
                    "promptcdn_url": {**_OR_NULL, "description": "The URL for Markdown; null where it is too long."},
                },
            },
        },
        "size": {**_TEXT, "description": "The size that was drawn."},
        "quality": _TEXT,
        "output_format": _TEXT,
        "background": _TEXT,
        "promptcdn_notes": {"type": "array", "items": _TEXT, "description": "What was ignored or changed."},
    },
}
_SCHEMAS = {"OpenAIError": ERROR, "OpenAIModel": _MODEL, "OpenAIModels": _MODELS, "OpenAIPictures": PICTURES}
_CLIENT: Document = {
    "type": "http",
    "scheme": "bearer",
    "description": "The secret of an API key, of PROMPTCDN_API_KEYS.",
}


def add(document: Document, defaults: Defaults) -> None:
    """Adds the API to the description of a service that has keys for it."""
    document["paths"] |= _paths(defaults)
    document["components"]["schemas"] |= _SCHEMAS
    document["components"]["securitySchemes"] |= {"client": _CLIENT}


def _paths(defaults: Defaults) -> Document:
    body = _body(defaults)
    picture = {"type": "string", "description": "The content key or the permalink of a stored picture."}
    edited = {**body, "required": ["prompt", "image"], "properties": {**body["properties"], "image": picture}}
    made = _answers("OpenAIPictures", (kind for kind in KINDS if kind not in _NOT_HERE))
    name = {"name": "model", "in": "path", "required": True, "description": "The model's id.", "schema": _TEXT}
    return {
        f"{PREFIX}images/generations": {
            "post": _posted("generateImages", "Pictures of a prompt, as OpenAI's images API has it.", body, made)
        },
        f"{PREFIX}images/edits": {
            "post": _posted("editImages", "Pictures that start from one that is stored here.", edited, made)
        },
        f"{PREFIX}models": {
            "get": _operation("listModels", "The engines of this service.", [], _answers("OpenAIModels", _LISTING))
        },
        f"{PREFIX}models/{{model}}": {
            "get": _operation("getModel", "One engine.", [name], _answers("OpenAIModel", _LISTING))
        },
    }


def _body(defaults: Defaults) -> Document:
    own = {row.name: row for row in PARAMETERS if row.group == "generation" and row.name != "engine"}
    extensions = {
        name: {**schemas.value(row, defaults), "description": f"{row.meaning[0].upper()}{row.meaning[1:]}."}
        for name, row in own.items()
    }
    told = "The name of an engine, and perhaps parameters behind it, like `NAME#seed=7`."
    return {
        "type": "object",
        "required": ["prompt"],
        "properties": {
            **extensions,
            "model": {**_TEXT, "description": told, "example": defaults.names[0]},
            "n": {"type": "integer", "minimum": 1, "maximum": COUNT_MAX},
            "size": {"type": "string", "pattern": "^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$"},
            "quality": {"type": "string", "enum": list(QUALITIES)},
            "response_format": {"type": "string", "enum": list(RESPONSE_FORMATS)},
            "output_format": {"type": "string", "enum": list(OUTPUT_FORMATS)},
            "output_compression": {"type": "integer", "minimum": 0, "maximum": 100},
            "stream": {"const": False},
        },
    }


def _posted(name: str, summary: str, schema: Document, answers: Document) -> Document:
    content = {media_type: {"schema": schema} for media_type in ("application/json", "multipart/form-data")}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A request without a seed that is sent again with the same key gets the same pictures.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }
    return {**_operation(name, summary, [key], answers), "requestBody": {"required": True, "content": content}}


def _operation(name: str, summary: str, parameters: list[Document], answers: Document) -> Document:
    told = {"operationId": name, "summary": summary, "parameters": parameters, "responses": answers}
    return {**told, "security": [{"client": []}]}


def _answers(schema: str, kinds: Iterable[ProblemType]) -> Document:
    by_status: dict[int, list[ProblemType]] = {}
    for kind in kinds:
        by_status.setdefault(errors.status(Problem(kind, "")), []).append(kind)
    return {
        "200": _answer("The answer.", schema, _ALWAYS),
        **{
            str(status): _answer("\n".join(map(_line, of_it)), "OpenAIError", _HEADERS)
            for status, of_it in sorted(by_status.items())
        },
    }


def _line(kind: ProblemType) -> str:
    return f"- `{kind.code}`: {kind.title}. To do: {kind.advice}."


def _answer(description: str, schema: str, headers: Iterable[str]) -> Document:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    told = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in headers}
    return {"description": description, "headers": told, "content": content}
