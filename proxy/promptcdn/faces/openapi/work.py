"""Workers in the description: what they ask for, are handed and bring."""

from collections.abc import Iterable
from typing import Any

from promptcdn import problems
from promptcdn.faces.work.orders import WAIT_MAX
from promptcdn.faces.work.routes import PREFIX
from promptcdn.problems import ProblemType
from promptcdn.url.engines import SOURCE_PARAMETERS

Document = dict[str, Any]

_ALWAYS = (
    problems.INVALID_WORKER_TOKEN,
    problems.BAD_REQUEST,
    problems.METHOD_NOT_ALLOWED,
    problems.REQUEST_TIMEOUT,
    problems.URI_TOO_LONG,
    problems.HEAD_TOO_LARGE,
    problems.UPSTREAM_UNREACHABLE,
    problems.INTERNAL,
)
_OF_AN_ORDER = (*_ALWAYS, problems.NOT_FOUND, problems.ORDER_OF_ANOTHER, problems.ORDER_LOST)
_TEXT: Document = {"type": "string"}
_TEXTS: Document = {"type": "array", "items": _TEXT}
_FLAG: Document = {"type": "boolean"}
_SCHEMAS: Document = {
    "WorkerAbilities": {
        "type": "object",
        "description": "What a worker can draw. Without `engines` it gets orders for the engine `loaded` alone.",
        "properties": {
            "engines": {**_TEXTS, "description": "The names of its engines, as the service offers them."},
            "sizes": {**_TEXTS, "description": "The sizes that it draws, like `1024x1024`; left out: every size."},
            "understands": {"type": "array", "items": {"enum": list(SOURCE_PARAMETERS)}},
            "instance": {**_TEXT, "description": "A name of its own, where several workers have one token."},
            "wait": {"type": "number", "minimum": 0, "maximum": WAIT_MAX, "description": "Seconds to wait at most."},
        },
    },
    "WorkOrder": {
        "type": "object",
        "required": ["order", "lease", "content_key", "parameters", "sources"],
        "properties": {
            "order": {**_TEXT, "description": "The id of this order in this worker's hands."},
            "lease": {
                "type": "number",
                "description": "After so many seconds of silence another worker gets the order.",
            },
            "content_key": _TEXT,
            "parameters": {
                "type": "object",
                "description": "The parameters of the picture, with every blank filled in.",
            },
            "sources": {
                "type": "object",
                "description": "The files `init` and `mask` as PNG in base64, where the picture is made from others.",
                "additionalProperties": _TEXT,
            },
        },
    },
    "WorkerFailure": {
        "type": "object",
        "properties": {
            "given_back": {**_FLAG, "description": "The worker has not tried: the next one gets the order."},
            "filtered": {**_FLAG, "description": "A content filter refused the picture, which is not ordered again."},
            "reason": {**_TEXT, "description": "Why there is no picture."},
        },
    },
    "WorkDone": {
        "type": "object",
        "required": ["late"],
        "properties": {"late": {**_FLAG, "description": "The order was another worker's by then."}},
    },
}
_TOKEN: Document = {
    "type": "http",
    "scheme": "bearer",
    "description": "The secret of a worker's token, of PROMPTCDN_WORKER_TOKENS.",
}


def add(document: Document) -> None:
    """Adds the routes of workers to the description of a service that has orders for them."""
    document["paths"] |= _paths()
    document["components"]["schemas"] |= _SCHEMAS
    document["components"]["securitySchemes"] |= {"workers": _TOKEN}


def _paths() -> Document:
    order = {"name": "order", "in": "path", "required": True, "description": "The order's id.", "schema": _TEXT}
    done = {"204": {"description": "It is noted."}}
    next_ = {"200": _json("WorkOrder", "An order."), "204": {"description": "There is none now: ask again."}}
    picture = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
    taken = {"201": _json("WorkDone", "The picture is safe.")}
    refusals = (problems.PICTURE_REFUSED, problems.BODY_TOO_LARGE, problems.SPOOL_FULL)
    return {
        f"{PREFIX}next": {
            "post": {
                **_operation("nextOrder", "An order for a worker, as soon as there is one.", [], next_, _ALWAYS),
                "requestBody": {"content": _content("WorkerAbilities")},
            }
        },
        f"{PREFIX}{{order}}": {
            "put": {
                **_operation("bringPicture", "The picture of an order.", [order], taken, (*_OF_AN_ORDER, *refusals)),
                "requestBody": {"required": True, "content": picture},
            }
        },
        f"{PREFIX}{{order}}/alive": {
            "post": _operation("workerLives", "The worker draws on.", [order], done, _OF_AN_ORDER)
        },
        f"{PREFIX}{{order}}/failed": {
            "post": {
                **_operation("orderFailed", "There is no picture of the order.", [order], done, _OF_AN_ORDER),
                "requestBody": {"content": _content("WorkerFailure")},
            }
        },
    }


def _operation(
    name: str, summary: str, parameters: list[Document], good: Document, kinds: Iterable[ProblemType]
) -> Document:
    told = {"operationId": name, "summary": summary, "parameters": parameters}
    return {**told, "responses": {**good, **_problems(kinds)}, "security": [{"workers": []}]}


def _problems(kinds: Iterable[ProblemType]) -> Document:
    by_status: dict[int, list[ProblemType]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {
            "description": "\n".join(f"- `{each.code}`: {each.title}. To do: {each.advice}." for each in of_it),
            "content": content,
        }
        for status, of_it in sorted(by_status.items())
    }


def _json(schema: str, description: str) -> Document:
    return {"description": description, "content": _content(schema)}


def _content(schema: str) -> Document:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
