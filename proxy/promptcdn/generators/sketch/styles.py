"""Style presets: the hours they like, whether ink is grainy, and what is done to the finished drawing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image, ImageChops

from promptcdn.generators.sketch.canvas import dots
from promptcdn.generators.sketch.palette import Colour
from promptcdn.generators.sketch.raster import FINE, box, polygon
from promptcdn.generators.sketch.stage import CREAM

Finish = Callable[[Image.Image], Image.Image]

_INK: Colour = (28, 26, 40)
_GLASS: Colour = (110, 240, 255)


def pixels(image: Image.Image) -> Image.Image:
    """Large square pixels in few colours."""
    factor = max(min(image.size) // 110, 2)
    small = image.reduce(factor).point([min(value // 24 * 24 + 12, 255) for value in range(256)] * 3)
    return _enlarged(small, factor, image.size)


def outlines(image: Image.Image) -> Image.Image:
    """Ink along the edges of every shape."""
    return _inked(image, _INK)


def glowing(image: Image.Image) -> Image.Image:
    """Edges like glass tubes."""
    return _inked(image, _GLASS)


def paper_white(image: Image.Image) -> Image.Image:
    """Ink lines on paper, with a thin wash of the colours."""
    washed = Image.blend(image, Image.new("RGB", image.size, CREAM), 0.8125)  # dyadic: exact in any float
    return Image.composite(Image.new("RGB", image.size, _INK), washed, _edges(image))


def halftone(image: Image.Image) -> Image.Image:
    """The dots of a cheap comic."""
    side = 8 if min(image.size) > 500 else 6
    screen = Image.new("L", (side, side))
    for i in range(side * side):
        x, y = (2 * (i % side) + 1 - side), (2 * (i // side) + 1 - side)
        screen.putpixel((i % side, i // side), 40 + 190 * (x * x + y * y) // (2 * side * side))
    grid = _tiled(screen, image.size)
    shade = image.convert("L").point([max(170 - value, 0) * 255 // 170 for value in range(256)])
    mask = ImageChops.subtract(shade, grid).point([0] + [110] * 255)
    return Image.composite(Image.new("RGB", image.size, _INK), image, mask)


def facets(image: Image.Image) -> Image.Image:
    """Triangles, each in the mean colour of what lies under it."""
    side = max(min(image.size) // 26, 8) // 2 * 2
    first = _enlarged(image.reduce(side), side, image.size)
    moved = ImageChops.offset(image, -side // 2, -side // 4)
    second = _enlarged(moved.reduce(side), side, image.size)
    half = Image.new("L", (side, side))
    half.paste(polygon([(0, 0), (side * FINE, 0), (side * FINE, side * FINE)]).mask, (0, 0))
    pair = Image.new("L", (2 * side, side))
    pair.paste(half, (0, 0))
    pair.paste(half.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (side, 0))
    return Image.composite(second, first, _tiled(pair, image.size))


def bricks(image: Image.Image) -> Image.Image:
    """Little cubes, each lit from the upper left."""
    side = max(min(image.size) // 64, 6)
    cubes = _enlarged(image.reduce(side), side, image.size)
    corners = (0, 0), (side * FINE, 0), (0, side * FINE), (side * FINE, side * FINE)
    for ink, (a, b, c) in ((CREAM, (0, 1, 2)), (_INK, (1, 2, 3))):
        edge = Image.new("L", (side, side))
        edge.paste(polygon([corners[a], corners[b], corners[c]]).thinned(80).mask, (0, 0))
        edge.paste(0, (side // 5, side // 5, side - side // 5, side - side // 5))
        cubes = Image.composite(Image.new("RGB", image.size, ink), cubes, _tiled(edge, image.size))
    return cubes


def folds(image: Image.Image) -> Image.Image:
    """Light and shade as on a folded sheet."""
    side = max(min(image.size) // 5, 32)
    crease = Image.new("L", (side, side))
    crease.paste(polygon([(0, 0), (side * FINE, 0), (side * FINE, side * FINE)]).fading("left", 90).mask, (0, 0))
    pair = Image.new("L", (2 * side, 2 * side))
    pair.paste(crease, (0, 0))
    pair.paste(crease.transpose(Image.Transpose.ROTATE_180), (side, side))
    lit = Image.composite(Image.new("RGB", image.size, CREAM), image, _tiled(pair, image.size))
    shade = _tiled(pair.transpose(Image.Transpose.FLIP_LEFT_RIGHT), image.size)
    return Image.composite(Image.new("RGB", image.size, _INK), lit, shade)


def raised(image: Image.Image) -> Image.Image:
    """Rounded edges, lit from above, as of clay."""
    grey = image.convert("L")
    depth = max(min(image.size) // 200, 2)
    slope = ImageChops.subtract(_shifted(grey, depth), _shifted(grey, -depth), 1, 128)
    return ImageChops.overlay(image, Image.merge("RGB", (slope, slope, slope)))


def faded(image: Image.Image) -> Image.Image:
    """Milky shadows and warm lights, as of an old film."""
    curves = [40 + value * 200 // 255 for value in range(256)], [30 + value * 205 // 255 for value in range(256)]
    return image.point([*curves[0], *curves[1], *(44 + value * 165 // 255 for value in range(256))])


def vivid(image: Image.Image) -> Image.Image:
    """Deeper shadows and brighter lights."""
    curve = [min(max(value + (value - 120) * value * (255 - value) // 60_000, 0), 255) for value in range(256)]
    return image.point(curve * 3)


def vignette(image: Image.Image) -> Image.Image:
    """Darker towards the top and the bottom."""
    done = image.copy()
    width, height = image.width * FINE, image.height * FINE
    for shape in (
        box(0, 0, width, height // 3).fading("down", 120),
        box(0, height * 2 // 3, width, height).fading("up", 120),
    ):
        done.paste(Image.new("RGB", shape.mask.size, _INK), (0, shape.y), shape.mask)
    return done


def letterbox(image: Image.Image) -> Image.Image:
    """The black bars of the cinema."""
    done = image.copy()
    bar = image.height * 9 // 100
    for top in (0, image.height - bar):
        done.paste((16, 15, 20), (0, top, image.width, top + bar))
    return done


def sparkling(image: Image.Image) -> Image.Image:
    """Dust of light all over."""
    dust = dots(Image.new("L", image.size, 3))
    return Image.composite(Image.new("RGB", image.size, CREAM), image, dust)


def mirrored(image: Image.Image) -> Image.Image:
    """A tile that joins its own mirror image on every side."""
    small = image.reduce(2)
    done = Image.new("RGB", image.size)
    for x, upper in ((0, small), (image.width - small.width, small.transpose(Image.Transpose.FLIP_LEFT_RIGHT))):
        done.paste(upper, (x, 0))
        done.paste(upper.transpose(Image.Transpose.FLIP_TOP_BOTTOM), (x, image.height - small.height))
    return done


@dataclass(frozen=True)
class Style:
    """How a preset changes a drawing. No `hours` means any."""

    finishes: tuple[Finish, ...] = ()
    hours: tuple[str, ...] = ()
    grainy: bool = True


PLAIN = Style()
STYLES: Mapping[str, Style] = {
    "3d-model": Style((raised, vivid), grainy=False),
    "analog-film": Style((faded, vignette)),
    "anime": Style((vivid,), ("day", "dawn", "rose"), grainy=False),
    "cinematic": Style((vivid, letterbox), ("dusk", "night")),
    "comic-book": Style((outlines, halftone), grainy=False),
    "digital-art": Style((vivid,), ("dusk", "night", "neon"), grainy=False),
    "enhance": Style((vivid,)),
    "fantasy-art": Style((sparkling,), ("night", "rose", "dusk")),
    "isometric": Style((bricks,), ("day", "dawn", "rose"), grainy=False),
    "line-art": Style((paper_white,), grainy=False),
    "low-poly": Style((facets,), grainy=False),
    "modeling-compound": Style((raised,), ("day", "dawn", "rose"), grainy=False),
    "neon-punk": Style((glowing,), ("neon",), grainy=False),
    "origami": Style((folds,), ("day", "dawn", "rose"), grainy=False),
    "photographic": Style((vivid, vignette)),
    "pixel-art": Style((pixels,), grainy=False),
    "tile-texture": Style((mirrored,)),
}


def _inked(image: Image.Image, ink: Colour) -> Image.Image:
    return Image.composite(Image.new("RGB", image.size, ink), image, _edges(image))


def _edges(image: Image.Image) -> Image.Image:
    thick = max(min(image.size) // 400, 1)
    found = Image.new("L", image.size)
    for band in image.split():
        for x, y in ((thick, 0), (0, thick)):
            found = ImageChops.lighter(found, ImageChops.difference(band, ImageChops.offset(band, x, y)))
    found.paste(0, (0, 0, thick, image.height))
    found.paste(0, (0, 0, image.width, thick))
    return found.point([min(max(value - 9, 0) * 14, 235) for value in range(256)])


def _shifted(grey: Image.Image, by: int) -> Image.Image:
    moved = grey.copy()
    moved.paste(grey, (by, by))
    return moved


def _tiled(tile: Image.Image, size: tuple[int, int]) -> Image.Image:
    sheet = Image.new("L", size)
    for y in range(0, size[1], tile.height):
        for x in range(0, size[0], tile.width):
            sheet.paste(tile, (x, y))
    return sheet


def _enlarged(small: Image.Image, factor: int, size: tuple[int, int]) -> Image.Image:
    large = small.resize((small.width * factor, small.height * factor), Image.Resampling.NEAREST)
    return large.crop((0, 0, *size))
