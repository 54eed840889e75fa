"""Is this picture good? The judgement over what a generator answered; looking into the file is somebody else's deed."""

from dataclasses import dataclass

from promptcdn.url.request import Resolved

# The pictures that an engine draws are far smaller: whatever declares more is a decompression bomb.
PIXELS_MAX = 4096 * 4096


@dataclass(frozen=True)
class Seen:
    """What decoding the file showed: its media type and its size in pixels."""

    media_type: str
    width: int
    height: int


def objection(resolved: Resolved, seen: Seen | None, seed_sent: int, seed_echo: int) -> str | None:
    """Why the picture may not be kept, in words, or `None` where it is good. `seen` is `None` for what is no picture.

    Whether the upstream filtered it is the upstream's word (`FinishReason.FILTER`), never guessed from pixels.
    An echo of 0 says nothing: older servers never fill the field in.
    """
    if seen is None:
        return "the upstream's answer is not a picture"
    if (seen.width, seen.height) != (resolved.width, resolved.height):
        asked = f"{resolved.width}x{resolved.height}"
        return f"the upstream drew {seen.width}x{seen.height} instead of {asked}"
    if seed_echo not in (0, seed_sent):
        return f"the upstream used the seed {seed_echo} instead of {seed_sent}"
    return None
