"""Figures: things measured in thousandths of their own size, from the place where they stand or float."""

from dataclasses import dataclass

from promptcdn.generators.sketch import raster
from promptcdn.generators.sketch.raster import Point, Shape


@dataclass(frozen=True)
class Figure:
    """A frame for one thing: its place, and how long a thousand of its units are. Heights count upwards."""

    x: int
    y: int
    size: int

    def at(self, right: int, up: int) -> Point:
        """A place in the picture."""
        return self.x + self.size * right // 1000, self.y - self.size * up // 1000

    def long(self, share: int) -> int:
        """A length in the picture, never quite nothing."""
        return max(self.size * share // 1000, 8)

    def polygon(self, *corners: Point) -> Shape:
        """A polygon that no upright line cuts more than twice."""
        return raster.polygon([self.at(*corner) for corner in corners])

    def block(self, left: int, top: int, right: int, foot: int) -> Shape:
        """An upright rectangle."""
        return raster.box(*self.at(left, top), *self.at(right, foot))

    def disc(self, right: int, up: int, radius: int) -> Shape:
        """A circle."""
        return raster.disc(*self.at(right, up), self.long(radius))

    def oval(self, right: int, up: int, across: int, down: int) -> Shape:
        """An ellipse, given by its half axes."""
        return raster.ellipse(*self.at(right, up), self.long(across), self.long(down))

    def ovals(self, *ellipses: tuple[int, int, int, int]) -> Shape:
        """Several ellipses as one shape."""
        return raster.rounds(
            [(*self.at(right, up), self.long(across), self.long(down)) for right, up, across, down in ellipses]
        )

    def stroke(self, *path: tuple[int, int, int]) -> Shape:
        """A round brush along places with its radius at each."""
        return raster.stroke([(*self.at(right, up), self.long(radius)) for right, up, radius in path])
