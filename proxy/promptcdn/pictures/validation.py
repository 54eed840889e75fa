"""Validation of what a generator returned: whether the picture is good. Decoding the file is `files`' work."""

from dataclasses import dataclass

from promptcdn.url.request import Resolved

# The pictures that an engine draws are far smaller: whatever declares more is a decompression bomb.
PIXELS_MAX = 4096 * 4096


@dataclass(frozen=True)
class Decoded:
    """What decoding the file showed: its media type and its size in pixels."""

    media_type: str
    width: int
    height: int


def defect(resolved: Resolved, decoded: Decoded | None, seed_sent: int, seed_echo: int) -> str | None:
    """Why the picture may not be kept, in words, or `None` where it is good. `decoded` is `None` for no picture at all.

    Whether the upstream filtered it is the upstream's word (`FinishReason.FILTER`), never guessed from pixels.
    An echo of 0 says nothing: older servers never fill the field in.
    """
    if decoded is None:
        return "the upstream's answer is not a picture"
    if (decoded.width, decoded.height) != (resolved.width, resolved.height):
        asked = f"{resolved.width}x{resolved.height}"
        return f"the upstream drew {decoded.width}x{decoded.height} instead of {asked}"
    if seed_echo not in (0, seed_sent):
        return f"the upstream used the seed {seed_echo} instead of {seed_sent}"
    return None
