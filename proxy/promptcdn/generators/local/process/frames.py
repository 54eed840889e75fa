"""What is said on the pipes between the service and a model's process: a line of JSON, and the files that it counts.

{"prompt": "a lighthouse", …, "files": {"init": 1024}}\\n and 1024 bytes
"""

import json
from collections.abc import Mapping
from typing import Any

# A prompt has 8 kB at most, and four times as much with escapes.
LINE_MAX = 100_000
FILE_MAX = 64_000_000
_FILES = ("init", "mask", "picture")


class Garbled(Exception):
    """The other side says what is no frame."""


def head(said: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """The line before the files."""
    line = json.dumps({**said, "files": {name: len(file) for name, file in files.items()}})
    return line.encode() + b"\n"


def parsed(line: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    """What a line says, and the sizes of the files behind it. Raises `Garbled`."""
    try:
        said = json.loads(line) if line.endswith(b"\n") and len(line) <= LINE_MAX else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Garbled("a line is no JSON object")
    sizes = said.pop("files", {})
    if not isinstance(sizes, dict) or any(
        name not in _FILES or type(size) is not int or not 0 <= size <= FILE_MAX for name, size in sizes.items()
    ):
        raise Garbled("a line counts files that are not allowed")
    return said, sizes
