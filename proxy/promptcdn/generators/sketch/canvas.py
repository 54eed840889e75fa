"""The canvas: colours laid on in flat layers or as grain, the way a screen print is made."""

import hashlib
from collections.abc import Sequence
from functools import cache
from itertools import chain

from PIL import Image, ImageChops

from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import FINE, Shape

_TILE = 256
_TILES = 8  # each way: larger than any shape


class Canvas:
    """A picture being printed, `width` x `height` pixels; shapes may hang over its edges."""

    def __init__(self, width: int, height: int, grainy: bool = True) -> None:
        # In a small picture single dots are large: there most of the ink is laid on evenly.
        self._dot = min(max(min(width, height) * 255 // 800, 90), 255) if grainy else 0
        self.image = Image.new("RGB", (width, height))
        self.width = width * FINE
        self.height = height * FINE

    def paint(self, shape: Shape, colour: Colour) -> None:
        """Lays `colour` flat on a shape."""
        self._print(colour, shape, shape.mask)

    def grain(self, shape: Shape, colour: Colour) -> None:
        """Sprays `colour` on a shape: the thinner the mask, the fewer dots. A canvas without grain gets a soft wash."""
        if not self._dot:
            mask = shape.thinned(150).mask
        else:
            mask = dots(shape.mask, self._dot)
            if self._dot < 255:
                mask = ImageChops.add(mask, shape.thinned(255 - self._dot).mask)
        self._print(colour, shape, mask)

    def spray(self, shape: Shape, colour: Colour, strength: int) -> None:
        """Paints a shape and adds grain of `strength` in the same colour."""
        mask = shape.mask
        if self._dot:
            mask = ImageChops.lighter(mask, dots(shape.thinned(strength).mask, self._dot))
        self._print(colour, shape, mask)

    def blend(self, stops: Sequence[Colour], top: int = 0, bottom: int | None = None) -> None:
        """Rows of colour from `top` to `bottom`, running evenly through all `stops`."""
        first, last = top // FINE, (self.height if bottom is None else bottom) // FINE
        column = Image.frombytes("RGB", (1, last - first), _rows(stops, last - first))
        self.image.paste(column.resize((self.image.width, last - first), Image.Resampling.NEAREST), (0, first))

    def _print(self, ink: Colour, shape: Shape, mask: Image.Image) -> None:
        # Pasting a sheet of one colour is twice as fast as pasting a colour.
        self.image.paste(Image.new("RGB", mask.size, ink), (shape.x, shape.y), mask)


def dots(mask: Image.Image, strength: int = 255) -> Image.Image:
    """A mask as print dots of one strength: the stronger the mask, the more of them."""
    return ImageChops.subtract(mask, noise(mask.size)).point([0] + [strength] * 255)


def noise(size: tuple[int, int]) -> Image.Image:
    """Even noise from 0 to 254, the same for all pictures."""
    return _noise().crop((0, 0, *size))


@cache
def _noise() -> Image.Image:
    grains = hashlib.shake_256(b"promptcdn sketch grain").digest(_TILE * _TILE)
    tile = Image.frombytes("L", (_TILE, _TILE), bytes(min(grain, 254) for grain in grains))
    sheet = Image.new("L", (_TILES * _TILE, _TILES * _TILE))
    for i in range(_TILES * _TILES):
        sheet.paste(tile, (i % _TILES * _TILE, i // _TILES * _TILE))
    return sheet


def _rows(stops: Sequence[Colour], count: int) -> bytes:
    # Of Pillow's ways to stretch this column, NEAREST copies, the others compute.
    legs = len(stops) - 1
    places = [divmod(i * legs * 256 // count, 256) for i in range(count)]
    return bytes(chain.from_iterable(mix(stops[leg], stops[leg + 1], share) for leg, share in places))
