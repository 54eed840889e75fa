"""Validation of what a generator returned: whether the picture is good. Decoding the file is `files`' work."""

from dataclasses import dataclass
from math import log

from promptcdn.url.engines import Size
from promptcdn.url.request import Resolved

# The pictures that an engine draws are far smaller: whatever declares more is a decompression bomb.
PIXELS_MAX = 4096 * 4096
# Of an engine that is asked for a shape: how far the answer's shape may be from that, as the logarithm of both ratios
# (half of what lies between two shapes that can be asked for), and how much its sides may be enlarged.
_SHAPE_DISTANCE = 0.08
_ENLARGED = 2.0


@dataclass(frozen=True)
class Decoded:
    """What decoding the file showed: its media type and its size in pixels."""

    media_type: str
    width: int
    height: int

    @property
    def size(self) -> Size:
        """In pixels."""
        return self.width, self.height


def near(size: Size, decoded: Decoded) -> bool:
    """Whether a picture of another size shows what was asked for once it is brought to `size`: its shape is nearly the
    same, and it is not so small that it would be blurred."""
    shape = abs(log(decoded.width / decoded.height) - log(size[0] / size[1]))
    enlarged = max(size[0] / decoded.width, size[1] / decoded.height)
    return shape <= _SHAPE_DISTANCE and enlarged <= _ENLARGED


def defect(resolved: Resolved, decoded: Decoded | None, seed_sent: int, seed_echo: int) -> str | None:
    """Why the picture may not be kept, in words, or `None` where it is good. `decoded` is `None` for no picture at all.

    Whether the upstream filtered it is the upstream's word (`FinishReason.FILTER`), never guessed from pixels.
    An echo of 0 says nothing: older servers never fill the field in.
    """
    if decoded is None:
        return "the upstream's answer is not a picture"
    if decoded.size != resolved.size:
        asked = f"{resolved.width}x{resolved.height}"
        return f"the upstream drew {decoded.width}x{decoded.height} instead of {asked}"
    if seed_echo not in (0, seed_sent):
        return f"the upstream used the seed {seed_echo} instead of {seed_sent}"
    return None
