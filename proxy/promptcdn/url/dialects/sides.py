"""Sides of pictures as other services have them, brought to the nearest that a URL may ask for."""

from collections.abc import Iterable

from promptcdn.url.engines import SIDE_MAX, SIDE_MIN, SIDE_STEP


def scale(sides: Iterable[int]) -> float:
    """The factor for both sides, so that a picture which is too large or too small keeps its shape."""
    longest = max(sides, default=SIDE_MAX)
    shrunk = min(1.0, SIDE_MAX / longest)
    return max(shrunk, SIDE_MIN / longest) if longest < SIDE_MIN else shrunk


def stepped(side: float) -> int:
    """The nearest side that a URL may ask for."""
    return min(SIDE_MAX, max(SIDE_MIN, int(side / SIDE_STEP + 0.5) * SIDE_STEP))
