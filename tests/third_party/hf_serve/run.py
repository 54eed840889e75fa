"""Starts hf-serve; its own environment runs this.

It makes a `reprlib.Repr` with arguments, which Python 3.11 does not know.
"""

import reprlib
import sys
from importlib.metadata import entry_points
from typing import Any


class Repr(reprlib.Repr):
    """As it is since Python 3.12."""

    def __init__(self, **limits: Any) -> None:
        super().__init__()
        for name, value in limits.items():
            setattr(self, name, value)


if __name__ == "__main__":
    reprlib.Repr = Repr  # type: ignore[misc]
    (command,) = [each for each in entry_points(group="console_scripts") if each.name == "hf-serve"]
    sys.exit(command.load()())
