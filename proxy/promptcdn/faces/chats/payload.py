"""What a chat sends as JSON, whatever is in it. Policy."""

import json
from collections.abc import Mapping
from typing import Any


def json_object(body: bytes) -> Mapping[str, Any] | None:
    """The members of an object; `None` for all else, and where a text has half of a surrogate pair, which no answer
    can be written with."""
    try:
        found = json.loads(body)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The members of an object within an object; none where there is no object of that name."""
    found = payload.get(name)
    return found if isinstance(found, dict) else {}
