"""The stage: what every scene is given, and the lengths it measures in."""

from dataclasses import dataclass
from math import isqrt

from promptcdn.generators.sketch.canvas import Canvas
from promptcdn.generators.sketch.palette import Colour, Palette, mix
from promptcdn.generators.sketch.raster import Point
from promptcdn.generators.sketch.stream import Stream

CREAM: Colour = (255, 248, 232)


@dataclass(frozen=True)
class Stage:
    """A canvas, the colours for it and the choices to be made. Lengths are in thousandths."""

    canvas: Canvas
    palette: Palette
    stream: Stream

    def x(self, share: int) -> int:
        """A place across the picture."""
        return self.canvas.width * share // 1000

    def y(self, share: int) -> int:
        """A place down the picture."""
        return self.canvas.height * share // 1000

    def low(self, share: int, most: int) -> int:
        """A place down the picture, but no further above its foot than `most` of `u`: towers of sky stay sky."""
        return max(self.y(share), self.canvas.height - self.u(most))

    def u(self, share: int) -> int:
        """A length for things: it grows with the picture, but stays in proportion where that is a strip."""
        width, height = self.canvas.width, self.canvas.height
        return min(isqrt(width * height), min(width, height) * 5 // 4) * share // 1000

    def spot(self, left: int, right: int, top: int, bottom: int) -> Point:
        """A random place within four shares."""
        return self.x(self.stream.between(left, right)), self.y(self.stream.between(top, bottom))

    def part(self, label: str) -> "Stage":
        """The same stage with a stream of its own."""
        return Stage(self.canvas, self.palette, self.stream.child(label))

    @property
    def shadow(self) -> Colour:
        """The darkest colour: silhouettes, shaded sides."""
        near, top = self.palette.near, self.palette.sky[0]
        return near if sum(near) < sum(top) else mix(top, (20, 24, 40), 150)

    @property
    def cloud(self) -> Colour:
        """The colour of clouds."""
        _, middle, low = self.palette.sky
        return mix(middle, low, 120) if self.palette.dark else mix(low, (255, 255, 255), 130)
