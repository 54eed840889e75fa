"""What runs in a model's process: `python -m promptcdn.generators.local.child`.

    __main__   the process: orders come in on its standard input, pictures go out on what was its standard output
    openvino   draws by openvino-genai
    diffusers  draws by diffusers

The libraries are imported here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Refused(Exception):
    """The model cannot draw what was ordered. Says why, without a word of the prompt."""


@dataclass(frozen=True)
class Order:
    """One picture, as `Resolved` has it, with what the model does not understand left out.

    init, mask  files, PNG, in the size of the picture
    """

    prompt: str
    seed: int
    width: int
    height: int
    steps: int
    cfg_scale: float | None = None
    negative_prompt: str | None = None
    sampler: str | None = None
    scheduler: str | None = None
    strength: float | None = None
    init: bytes | None = None
    mask: bytes | None = None

    @property
    def enough_steps(self) -> int:
        """The steps, or as many as the strength needs so that one is left: a library skips the rest of them."""
        return max(self.steps, int(1 / self.strength) + 1) if self.strength and self.strength < 1 else self.steps


class Model(Protocol):
    """A model that is loaded."""

    def draw(self, order: Order) -> Any:
        """The picture, of Pillow. Raises `Refused`."""
        ...


class Backend(Protocol):
    """One of the libraries, as a module."""

    def look(self, device: str) -> Mapping[str, Any]:
        """The library's version, the device that is meant, and its memory in bytes where it has its own."""
        ...

    def load(self, launch: Mapping[str, Any]) -> Model: ...
