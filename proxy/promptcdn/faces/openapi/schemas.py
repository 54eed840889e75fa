"""What values may be, as JSON Schema (draft 2020-12, which OpenAPI 3.1 uses)."""

import re
from typing import Any, get_args

from promptcdn.readers.answers import State
from promptcdn.url import formats
from promptcdn.url.parameters import Parameter
from promptcdn.url.parameters.values import Hundredths, Matching, Multiple, OneOf, Prose, Ratio, Seed, Whole
from promptcdn.url.resolving import Defaults

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_KEY: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def value(row: Parameter, defaults: Defaults) -> Schema:
    """The values of a parameter. What no schema can say stands in the parameter's description."""
    if row.name == "engine":
        return {"type": "string", "enum": list(defaults.names)}
    match row.read:
        case OneOf(names):
            return {"type": "string", "enum": list(names)}
        case Multiple(least, most, step):
            return {"type": "integer", "minimum": least, "maximum": most, "multipleOf": step}
        case Whole(least, most):
            return {"type": "integer", "minimum": least, "maximum": most}
        case Hundredths(least, most):
            return {"type": "number", "minimum": least, "maximum": most}
        case Prose(most):
            return {"type": "string", "minLength": 1, "maxLength": most}
        case Seed(most, longest):
            number = {"type": "integer", "minimum": 0, "maximum": most}
            return {"anyOf": [number, {"type": "string", "minLength": 1, "maxLength": longest}]}
        case Ratio():
            return {"type": "string", "pattern": "^[1-9][0-9]?:[1-9][0-9]?$"}
        case Matching(pattern):
            return {"type": "string", "pattern": f"^({pattern})$"}
        case _:
            return _TEXT


STATES: tuple[State, ...] = get_args(State)
_STATE: Schema = {"type": "string", "enum": list(STATES)}
_OR_NULL = {"type": "null"}


def _object(**members: Schema) -> Schema:
    return {"type": "object", "required": list(members), "properties": members}


def _described(description: str, schema: Schema) -> Schema:
    return {**schema, "description": description}


PROBLEM: Schema = {
    "type": "object",
    "description": "A problem (RFC 9457). Programs look at `code`: titles and details are for people.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": _described("`urn:promptcdn:problem:` and the code.", _TEXT),
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _described("What is wrong, and what is allowed.", _TEXT),
        "code": _TEXT,
        "parameter": _described("The parameter that is wrong.", _TEXT),
        "value": _described("The value that it has.", _TEXT),
        "allowed": _described("The values that it may have.", _TEXT),
        "instance": _described("The path that was asked for.", _TEXT),
    },
}
INFO: Schema = _object(
    content_key=_described(
        "The name of the picture; null for a URL without a seed, which has several.", {"anyOf": [_KEY, _OR_NULL]}
    ),
    state=_described("Whether the picture is there; of a URL without a seed, the best state of its pool.", _STATE),
    permalink=_described("The path of the picture by its content key.", {"anyOf": [_TEXT, _OR_NULL]}),
    url=_described("The path and query in their canonical spelling.", _TEXT),
    as_asked=_described("The parameters that the URL has, normalised.", {"type": "object"}),
    resolved=_described("Every parameter by which the picture is made.", {"type": "object"}),
    sources=_described(
        "By parameter, the pictures that this one is made from.",
        {
            "type": "object",
            "additionalProperties": _object(content_key=_KEY, state=_STATE, permalink=_TEXT),
        },
    ),
    pool=_described(
        "Of a URL without a seed, the pictures that a view may show.",
        {
            "anyOf": [
                _OR_NULL,
                {
                    "type": "array",
                    "items": _object(seed={"type": "integer"}, state=_STATE, content_key=_KEY, url=_TEXT),
                },
            ]
        },
    ),
    credits=_described("What the picture costs where it is made anew, in credits.", {"type": "number"}),
    snippets=_described("The picture in Markdown, HTML and others.", {"type": "object", "additionalProperties": _TEXT}),
    notes=_described("What a person should know of this URL, a sentence each.", {"type": "array", "items": _TEXT}),
)
READINESS: Schema = {
    "type": "object",
    "required": ["ready"],
    "properties": {
        "ready": {"type": "boolean"},
        "parts": {
            "type": "object",
            "description": "Each part by name. Where there is an operator's token, it is needed to see them.",
            "additionalProperties": _object(ready={"type": "boolean"}, detail=_TEXT),
        },
    },
}
KEY_IN_PATH: Schema = {
    "type": "string",
    "pattern": f"^[0-9a-f]{{64}}({'|'.join(map(re.escape, formats.BY_EXTENSION))})?$",
}

# A message of MCP, there and back (JSON-RPC 2.0).
JSON_RPC: Schema = {
    "type": "object",
    "required": ["jsonrpc"],
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["string", "integer", "null"]},
        "method": {"type": "string"},
        "params": {"type": "object"},
        "result": {"type": "object"},
        "error": {"type": "object"},
    },
}
