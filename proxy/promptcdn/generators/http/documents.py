"""What upstreams say in JSON: anything at all may stand in it."""

import binascii
import json
from base64 import b64decode
from math import isfinite
from typing import Any

# More than any answer has, a long queue of ComfyUI's too. In memory each value is some sixty bytes, in its text two.
VALUES_MAX = 500_000
_SEPARATORS = (b",", b"[", b"{")
# Of an error, of which a word or two are looked for.
ERROR_BYTES = 64 << 10


def document(body: bytes) -> Any:
    """What a body of JSON says; `None` where it is none, or has more than `VALUES_MAX` values."""
    if sum(map(body.count, _SEPARATORS)) > VALUES_MAX:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def fields(body: bytes) -> dict[str, Any]:
    """The fields of an object in JSON; none where the body is anything else."""
    found = document(body)
    return found if isinstance(found, dict) else {}


def error(body: bytes) -> dict[str, Any]:
    """The fields of an error; none where it is longer than errors are."""
    return fields(body) if len(body) <= ERROR_BYTES else {}


def number(value: object) -> float | None:
    """A number in a document; `None` where it is another value, or none to reckon with: Python reads `NaN` and
    `Infinity`, and whole numbers of any length."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if isfinite(found) else None


def file(text: str) -> bytes | None:
    """The file that stands in a document as Base64, with or without `data:image/png;base64,` before it; `None` where it
    is neither."""
    try:
        return b64decode(text.partition(",")[2] if text[:5].lower() == "data:" else text)
    except (binascii.Error, ValueError):
        return None
