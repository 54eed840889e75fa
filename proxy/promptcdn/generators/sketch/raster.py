"""Shapes: from outlines in sixteenths of a pixel to soft-edged masks.

Pillow's polygons and wide lines compute with floats, and compilers for ARM fuse those differently: a pixel would move.
So outlines are turned into masks here, column by column, in integers; of Pillow only its integer parts are used
(ellipses, pasting, `reduce`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from PIL import Image, ImageChops, ImageDraw

FINE = 16  # units of length in a pixel
STEP = 8  # from one height of a ridge to the next
_SUB = 4  # samples per pixel across a polygon, and per side of a round shape

Point = tuple[int, int]
Side = Literal["up", "down", "left", "right"]


@dataclass(frozen=True)
class Shape:
    """A mask (how much of each pixel is covered) and the whole pixel where its corner lies."""

    mask: Image.Image
    x: int
    y: int

    def fading(self, towards: Side, strength: int = 255) -> "Shape":
        """The shape at `strength` on one side, thinning out to nothing `towards` the other."""
        return Shape(ImageChops.multiply(self.mask, _slope(self.mask.size, towards, strength)), self.x, self.y)

    def without(self, other: "Shape") -> "Shape":
        """The part that `other` does not cover."""
        return Shape(ImageChops.subtract(self.mask, _laid(other, self)), self.x, self.y)

    def within(self, other: "Shape") -> "Shape":
        """The part that `other` covers too."""
        return Shape(ImageChops.multiply(self.mask, _laid(other, self)), self.x, self.y)

    def moved(self, x: int, y: int) -> "Shape":
        """The same shape somewhere else, by whole pixels."""
        return Shape(self.mask, self.x + x // FINE, self.y + y // FINE)

    def thinned(self, strength: int) -> "Shape":
        """The whole shape at `strength` out of 255."""
        return Shape(ImageChops.multiply(self.mask, Image.new("L", self.mask.size, strength)), self.x, self.y)


def box(left: int, top: int, right: int, bottom: int) -> Shape:
    """An upright rectangle, on whole pixels so that its edges are crisp."""
    x, y = left // FINE, top // FINE
    return Shape(Image.new("L", (max(right // FINE - x, 1), max(bottom // FINE - y, 1)), 255), x, y)


def ellipse(x: int, y: int, across: int, down: int) -> Shape:
    """An ellipse about a centre; `across` and `down` are its half axes."""
    return rounds([(x, y, across, down)])


def disc(x: int, y: int, radius: int) -> Shape:
    """A circle about a centre."""
    return rounds([(x, y, radius, radius)])


def rounds(ellipses: Sequence[tuple[int, int, int, int]]) -> Shape:
    """Several ellipses (centre and half axes) as one shape: clouds, bushes, strokes, cats."""
    left = min(x - across for x, _, across, _ in ellipses) // FINE - 1
    top = min(y - down for _, y, _, down in ellipses) // FINE - 1
    right = max(x + across for x, _, across, _ in ellipses) // FINE + 2
    bottom = max(y + down for _, y, _, down in ellipses) // FINE + 2
    large = Image.new("L", ((right - left) * _SUB, (bottom - top) * _SUB))
    draw = ImageDraw.Draw(large)
    for x, y, across, down in ellipses:
        corner = ((x - across) * _SUB // FINE - left * _SUB, (y - down) * _SUB // FINE - top * _SUB)
        draw.ellipse((*corner, corner[0] + 2 * across * _SUB // FINE, corner[1] + 2 * down * _SUB // FINE), 255)
    return Shape(large.reduce(_SUB), left, top)


def stroke(path: Sequence[tuple[int, int, int]]) -> Shape:
    """A round brush along a path of (x, y, radius)."""
    dots: list[tuple[int, int, int, int]] = []
    for (x0, y0, r0), (x1, y1, r1) in pairwise(path):
        count = max(abs(x1 - x0), abs(y1 - y0)) // max(min(r0, r1) // 2, FINE // 2) + 1
        for i in range(count + 1):
            radius = r0 + (r1 - r0) * i // count
            dots.append((x0 + (x1 - x0) * i // count, y0 + (y1 - y0) * i // count, radius, radius))
    return rounds(dots)


def polygon(points: Sequence[Point]) -> Shape:
    """A polygon that no upright line cuts more than twice."""
    left = min(x for x, _ in points) // FINE
    wide = max(x for x, _ in points) // FINE + 1 - left
    per_pixel = _SUB if wide < 128 else _SUB // 2  # on a large shape nobody sees the finer edge
    highest, lowest = min(y for _, y in points), max(y for _, y in points)
    tops, bottoms = [lowest] * (wide * per_pixel), [highest] * (wide * per_pixel)
    for first, second in zip(points, (*points[1:], points[0]), strict=True):
        _trace(first, second, (left * FINE, FINE // per_pixel), tops, bottoms)
    bottoms = [max(top, bottom) for top, bottom in zip(tops, bottoms, strict=True)]
    return Shape(*_between(tops, bottoms, per_pixel, left))


def taper(top: tuple[int, int, int], foot: tuple[int, int, int]) -> Shape:
    """What lies between two level edges (left, right, y): a trunk, a ray of light."""
    return polygon([(top[0], top[2]), (top[1], top[2]), (foot[1], foot[2]), (foot[0], foot[2])])


def between(upper: Sequence[int], lower: Sequence[int]) -> Shape:
    """What lies under one ridge and above another, which never rises higher."""
    return Shape(*_between(upper, lower, FINE // STEP, 0))


def below(ridge: Sequence[int], floor: int) -> Shape:
    """Everything from a ridge (a height each half pixel, from the left edge on) down to `floor`."""
    ridge, first = _clipped(ridge)
    height = max(max(ridge) // FINE + 1 - first, 1)
    mask = Image.new("L", (len(ridge) * STEP // FINE, max(floor // FINE - first, 1)), 255)
    mask.paste(_columns(ridge, first, height, b"\xff" * height), (0, 0))
    return Shape(mask, 0, first)


def rim(ridge: Sequence[int], depth: int, strength: int = 255) -> Shape:
    """A veil that hangs from a ridge: `strength` at its edge, nothing `depth` below it."""
    rows = max(depth // FINE, 1)
    ridge, first = _clipped(ridge)
    height = max(max(ridge) // FINE + 1 + rows - first, 1)
    veil = bytes([strength * (rows - i) // rows for i in range(rows)]) + bytes(height)
    return Shape(_columns(ridge, first, height, veil), 0, first)


def _clipped(ridge: Sequence[int]) -> tuple[Sequence[int], int]:
    first = min(ridge) // FINE
    return (ridge, first) if first >= 0 else ([max(y, 0) for y in ridge], 0)


def _columns(ridge: Sequence[int], first: int, height: int, fill: bytes, per_pixel: int = FINE // STEP) -> Image.Image:
    # Each column is one slice of a prepared strip: clear, the pixel that the edge cuts, then `fill`.
    strips = [bytes(height) + bytes([fill[0] * (FINE - cut) // FINE]) + fill for cut in range(FINE)]
    start = height + first
    columns = [strips[y % FINE][start - y // FINE : start - y // FINE + height] for y in ridge]
    lying = Image.frombytes("L", (height, len(ridge)), b"".join(columns))
    return lying.reduce((1, per_pixel)).transpose(Image.Transpose.TRANSPOSE)


def _between(tops: Sequence[int], bottoms: Sequence[int], per_pixel: int, left: int) -> tuple[Image.Image, int, int]:
    first = min(tops) // FINE
    height = max(bottoms) // FINE + 1 - first
    solid = b"\xff" * height
    upper, lower = (_columns(ridge, first, height, solid, per_pixel) for ridge in (tops, bottoms))
    return ImageChops.subtract(upper, lower), left, first


def _trace(first: Point, second: Point, grid: tuple[int, int], tops: list[int], bottoms: list[int]) -> None:
    (x0, y0), (x1, y1) = sorted((first, second))
    left, step = grid
    middle = left + step // 2  # of the first column
    start, end = (max((x - middle + step - 1) // step, 0) for x in (x0, x1))
    for i in range(start, min(end, len(tops))):
        y = y0 + (y1 - y0) * (middle + i * step - x0) // (x1 - x0)
        if y < tops[i]:
            tops[i] = y
        if y > bottoms[i]:
            bottoms[i] = y


def _slope(size: tuple[int, int], towards: Side, strength: int) -> Image.Image:
    across, down = (1, size[1]) if towards in ("up", "down") else (size[0], 1)
    length = across * down
    steps = bytes(strength * i // length for i in range(length))
    line = Image.frombytes("L", (across, down), steps if towards in ("up", "left") else steps[::-1])
    return line.resize(size, Image.Resampling.NEAREST)


def _laid(shape: Shape, onto: Shape) -> Image.Image:
    mask = Image.new("L", onto.mask.size)
    mask.paste(shape.mask, (shape.x - onto.x, shape.y - onto.y))
    return mask
