"""A sheet to draw placeholders on, in greys from 0 to 15 that a ramp of sixteen colours turns into the look.

So the soft edge between any two greys needs no colours of its own, a pixel takes four bits, and files stay small.
"""

from collections.abc import Sequence
from math import ceil, cos, floor, tau

from PIL import Image, ImageDraw

from promptcdn.pictures import lettering
from promptcdn.pictures.files import saved

Colour = tuple[int, int, int]
Point = tuple[float, float]

_GREYS = 16
_FINE = 4  # samples per pixel and side of a soft edge


class Sheet:
    """A sheet of `width` x `height` pixels in one grey; what is drawn may hang over its edges.

    Letters have edges in `soft` steps: these are most of a file's bytes, and one step takes half of those of fifteen.
    """

    def __init__(self, width: int, height: int, grey: int, soft: int) -> None:
        self.width = width
        self.height = height
        self._grey = grey
        self._edges = [round(share * soft / 255) * 255 // soft for share in range(256)]
        self._image = Image.new("L", (width, height), grey)

    def box(self, left: float, top: float, right: float, bottom: float, grey: int) -> None:
        """An upright rectangle, on whole pixels so that its edges are crisp."""
        self._image.paste(grey, (round(left), round(top), round(right), round(bottom)))

    def disc(self, x: float, y: float, radius: float, grey: int) -> None:
        """A circle about a centre. Its edge is hard, so its grey should be near the one around it."""
        ImageDraw.Draw(self._image).ellipse((x - radius, y - radius, x + radius, y + radius), grey)

    def polygon(self, points: Sequence[Point], grey: int) -> None:
        """A polygon with soft edges."""
        left, top = (floor(min(places)) for places in zip(*points, strict=True))
        right, bottom = (ceil(max(places)) for places in zip(*points, strict=True))
        mask = Image.new("L", (max(right - left, 1) * _FINE, max(bottom - top, 1) * _FINE))
        ImageDraw.Draw(mask).polygon([((x - left) * _FINE, (y - top) * _FINE) for x, y in points], 255)
        self._image.paste(grey, (left, top), mask.reduce(_FINE))

    def sea(self, top: float, length: float, grey: int) -> None:
        """Water from `top` down to the foot of the sheet, in waves of a `length`."""
        swing, step = length / 40, max(length / 16, 1)
        crest = [(i * step, top + swing * cos(tau * i * step / length)) for i in range(ceil(self.width / step) + 1)]
        calm = ceil(top + swing)
        self.polygon([(0, calm), *crest, (crest[-1][0], calm)], grey)
        self.box(0, calm, self.width, max(self.height, calm), grey)

    def text(self, x: float, y: float, text: str, size: int, grey: int) -> None:
        """A line of letters of a size in pixels; its upper left corner is at a place."""
        mask = Image.new("L", (lettering.length(text, size) + size, size * 3 // 2))
        ImageDraw.Draw(mask).text((0, 0), text, 255, lettering.font(size))
        self._image.paste(grey, (round(x), round(y)), mask.point(self._edges))

    def png(self, ramp: Sequence[Colour]) -> bytes:
        """The file, in colours that run evenly through the stops of `ramp` from grey 0 to 15."""
        colours = [_between(ramp, grey) for grey in range(_GREYS)]
        # The ground gets number 0, like the byte before each row: long runs of zeros pack best.
        order = [(self._grey + number) % _GREYS for number in range(_GREYS)]
        image = self._image.point([order.index(grey % _GREYS) for grey in range(256)])
        image.putpalette(bytes(band for grey in order for band in colours[grey]))
        # Level 8 takes a third of the time of 9 for 7 % more bytes.
        return saved(image, "PNG", compress_level=8)


def _between(ramp: Sequence[Colour], grey: int) -> Colour:
    leg, share = divmod(grey * (len(ramp) - 1), _GREYS - 1)
    first, second = ramp[leg], ramp[min(leg + 1, len(ramp) - 1)]
    red, green, blue = (a + (b - a) * share // (_GREYS - 1) for a, b in zip(first, second, strict=True))
    return red, green, blue
