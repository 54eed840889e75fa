"""What workers say and are told, as JSON: policy."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from promptcdn import problems
from promptcdn.generators.worker.jobs import Can
from promptcdn.making.deliveries import WorkOrder
from promptcdn.url.engines import SOURCE_PARAMETERS, Size

# A worker waits for an order so many seconds at most: proxies close connections that are silent for a minute.
WAIT_MAX = 25
_NAMES_MOST = 500
_LETTERS = 200


def can(members: Mapping[str, Any]) -> Can:
    """What a worker can draw. Raises `Problem` (400)."""
    engines, understands = _texts(members, "engines"), _texts(members, "understands")
    for name in understands:
        if name not in SOURCE_PARAMETERS:
            raise problems.bad_parameter("understands", name, ", ".join(SOURCE_PARAMETERS), "no such ability")
    sizes = None if members.get("sizes") is None else frozenset(map(_size, _texts(members, "sizes")))
    return Can(frozenset(engines), sizes, frozenset(understands))


def wait(members: Mapping[str, Any]) -> float:
    """How many seconds a worker waits for an order. Raises `Problem` (400)."""
    seconds = members.get("wait", WAIT_MAX)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= WAIT_MAX:
        raise problems.bad_parameter("wait", str(seconds), f"0 to {WAIT_MAX}", "not so many seconds")
    return float(seconds)


def instance(members: Mapping[str, Any]) -> str:
    """The worker's own name, by which several with one token are told apart; what cannot be shown is left out."""
    return "".join(letter for letter in text(members, "instance") if letter.isprintable())[:64]


def text(members: Mapping[str, Any], name: str) -> str:
    """A member that is a text; of a long one the beginning, empty where there is none. Raises `Problem` (400)."""
    value = members.get(name, "")
    if not isinstance(value, str):
        raise problems.bad_parameter(name, type(value).__name__, "a text", "not a text")
    return value[:_LETTERS]


def flag(members: Mapping[str, Any], name: str) -> bool:
    """A member that is true or false; false where there is none. Raises `Problem` (400)."""
    value = members.get(name, False)
    if not isinstance(value, bool):
        raise problems.bad_parameter(name, str(value), "true or false", "neither true nor false")
    return value


def document(order: WorkOrder, lease_seconds: float) -> dict[str, Any]:
    """An order as its worker gets it: the parameters of the picture, and the files that it is made from."""
    resolved = order.job.order.resolved
    parameters = {name: value for name, value in resolved.parameters().items() if name != "generator"}
    files = {"init": order.sources.init, "mask": order.sources.mask}
    return {
        "order": order.id,
        "lease": lease_seconds,
        "content_key": order.job.order.content_key,
        "parameters": parameters,
        "sources": {name: b64encode(file).decode() for name, file in files.items() if file is not None},
    }


def _texts(members: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = members.get(name, [])
    if not isinstance(value, list) or len(value) > _NAMES_MOST or not all(isinstance(each, str) for each in value):
        raise problems.bad_parameter(name, "", f"a list of texts, {_NAMES_MOST} at most", "not such a list")
    return tuple(value)


def _size(text: str) -> Size:
    width, _, height = text.partition("x")
    if not all(side.isascii() and side.isdigit() and len(side) < 6 for side in (width, height)):
        raise problems.bad_parameter("sizes", text[:_LETTERS], "WIDTHxHEIGHT like 1024x1024", "no size")
    return int(width), int(height)
