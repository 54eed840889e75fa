"""Skies and their light: gradients, sun and moon, stars, clouds, haze, and the sun's path on water."""

from functools import cache

from PIL import Image

from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import FINE, Point, Shape, box, disc, ellipse, rim, rounds, stroke
from promptcdn.generators.sketch.stage import Stage


def sky(stage: Stage, horizon: int) -> Point:
    """The sky down to `horizon` with its sun or moon, whose place is the answer."""
    canvas, palette = stage.canvas, stage.palette
    canvas.blend(palette.sky, 0, horizon)
    canvas.grain(box(0, 0, canvas.width, horizon * 2 // 3).fading("down", 90), mix(palette.sky[0], stage.shadow, 60))
    if palette.dark:
        stars(stage.part("stars"), horizon * 3 // 4)
    place = orb(stage.part("orb"), horizon)
    cloudscape(stage.part("clouds"), horizon)
    return place


def orb(stage: Stage, horizon: int) -> Point:
    """A sun or a moon with its glow."""
    canvas, palette, stream = stage.canvas, stage.palette, stage.stream
    radius = stage.u(stream.between(62, 125))
    x = stage.x(stream.between(200, 800))
    sunk = 30 if palette.hour in ("dusk", "dawn", "autumn") else 0
    y = max(horizon * stream.between(28 + sunk, 62 + sunk) // 100, radius * 3 // 2)
    glow(stage, x, y, stage.u(520), palette.orb, 150)
    if stream.chance(45):
        for i in (3, 2, 1):
            canvas.paint(disc(x, y, radius + radius * i * 2 // 5).thinned(34), palette.orb)
    moon = disc(x, y, radius)
    if palette.dark and stream.chance(35):
        canvas.paint(moon.without(disc(x + radius * 6 // 10, y - radius * 3 // 10, radius * 9 // 10)), palette.orb)
    else:
        canvas.paint(moon, palette.orb)
        canvas.grain(moon.fading("up", 120), mix(palette.orb, palette.sky[2], 170))
    return x, y


def glow(stage: Stage, x: int, y: int, radius: int, colour: Colour, strength: int) -> None:
    """Light around a place: half of it smooth, half of it grain."""
    factor = max(radius // FINE // 128, 0)
    mask = _glow(strength)
    mask = mask.resize((256 * factor, 256 * factor), Image.Resampling.NEAREST) if factor else mask.reduce(2)
    shape = Shape(mask, x // FINE - mask.width // 2, y // FINE - mask.height // 2)
    stage.canvas.spray(shape, colour, 110)


def stars(stage: Stage, floor: int) -> None:
    """Stars down to `floor`, a few of them large."""
    stream, canvas = stage.stream, stage.canvas
    sizes = [disc(0, 0, stage.u(size) + 8) for size in (1, 1, 2, 2, 3, 5)]
    tint = mix(stage.palette.orb, (255, 255, 255), 90)
    for _ in range(40 + canvas.width // FINE * (floor // FINE) // 9000):
        y = stream.below(max(floor, 1))
        star = stream.pick(sizes).moved(stream.below(canvas.width), y)
        canvas.paint(star.thinned(255 - 170 * y // max(floor, 1)), tint)


def cloudscape(stage: Stage, horizon: int) -> None:
    """Clouds of one kind: heaps, or long bars."""
    stream = stage.stream
    draw = stream.pick((heap, bar, bar))
    for _ in range(stream.between(2, 4) + stage.canvas.width // stage.canvas.height):
        x = stage.x(stream.between(-50, 1050))
        y = horizon * stream.between(12, 78) // 100
        draw(stage, x, y, stage.u(stream.between(120, 300)))


def heap(stage: Stage, x: int, y: int, width: int) -> None:
    """A cloud with a flat foot and a round top."""
    stream = stage.stream
    puffs = []
    for i in range(5):
        size = width * (stream.between(15, 20) if i in (0, 4) else stream.between(20, 34)) // 100
        puffs.append((x + width * (i - 2) * 22 // 100, y - size // 3, size, size * 4 // 5))
    shape = rounds(puffs)
    shape = shape.without(box(x - 2 * width, y, x + 2 * width, y + width))
    stage.canvas.paint(shape.thinned(225), stage.cloud)
    stage.canvas.grain(shape.fading("up", 130), mix(stage.palette.sky[1], stage.palette.far, 60))


def bar(stage: Stage, x: int, y: int, width: int) -> None:
    """A long thin cloud: two or three round-ended bars."""
    stream = stage.stream
    thick = max(stage.u(stream.between(7, 13)), FINE)
    for i in range(stream.between(2, 3)):
        half = width * stream.between(35, 100) // 160
        middle = x + width * stream.between(-25, 25) // 100
        row = y + i * thick * 7 // 4
        stage.canvas.paint(stroke([(middle - half, row, thick), (middle + half, row, thick)]).thinned(170), stage.cloud)


def haze(stage: Stage, ridge: list[int], depth: int, colour: Colour, strength: int = 170) -> None:
    """Mist or light that lies along a ridge."""
    stage.canvas.grain(rim(ridge, depth, strength), colour)


def mist(stage: Stage, top: int, bottom: int, colour: Colour, strength: int = 150) -> None:
    """Mist that thickens from `top` to `bottom` and stays as thick below."""
    canvas = stage.canvas
    canvas.paint(box(0, top, canvas.width, bottom).fading("up", strength), colour)
    if bottom < canvas.height:
        canvas.paint(box(0, bottom, canvas.width, canvas.height).thinned(strength), colour)


def glitter(stage: Stage, x: int, horizon: int, floor: int, colour: Colour) -> None:
    """The path of light on water beneath a sun at `x`."""
    stream = stage.stream
    y = horizon + stage.u(6)
    while y < floor:
        deep = 1000 * (y - horizon) // max(floor - horizon, 1)
        half = stage.u(stream.between(20, 70) + deep * stream.between(20, 90) // 1000)
        shift = stage.u(stream.between(-30, 30)) * (deep + 200) // 1000
        thick = stage.u(2 + deep * 5 // 1000) + 6
        stage.canvas.paint(ellipse(x + shift, y, half, thick).thinned(230 - deep * 120 // 1000), colour)
        y += thick * 2 + stage.u(stream.between(3, 8) + deep * 14 // 1000)


@cache
def _glow(strength: int) -> Image.Image:
    falls = [strength * max(180 - d, 0) ** 2 // 32400 for d in range(256)]  # 181 is the middle of an edge
    return Image.radial_gradient("L").point(falls)
