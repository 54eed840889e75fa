"""Abstract: a wall of tiles with discs, bows and steps, as in a poster school's first year."""

from collections.abc import Callable

from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import box, disc, polygon
from promptcdn.generators.sketch.stage import CREAM, Stage

_Tile = Callable[[Stage, int, int, int, Colour, Colour], None]


def tiles(stage: Stage) -> None:
    """Tiles, three to seven of them along the short side."""
    canvas, stream, palette = stage.canvas, stage.stream, stage.palette
    short = min(canvas.width, canvas.height) // stream.between(3, 5)
    across, down = ((length + short // 2) // short for length in (canvas.width, canvas.height))
    side = max(-(-canvas.width // across), -(-canvas.height // down))
    inks = (
        palette.accent,
        palette.second,
        palette.far,
        palette.near,
        mix(palette.sky[2], CREAM, 90),
        palette.sky[0],
        CREAM,
    )
    canvas.paint(box(0, 0, canvas.width, canvas.height), palette.sky[2])
    for y in range((canvas.height - down * side) // 2, canvas.height, side):
        for x in range((canvas.width - across * side) // 2, canvas.width, side):
            ground = stream.pick(inks)
            ink = stream.pick([each for each in inks if each != ground])
            canvas.paint(box(x, y, x + side, y + side), ground)
            stream.pick(_TILES)(stage, x, y, side, ground, ink)


def _bow(stage: Stage, x: int, y: int, side: int, ground: Colour, ink: Colour) -> None:
    cell, corner = box(x, y, x + side, y + side), stage.stream.pick(((0, 0), (0, 1), (1, 0), (1, 1)))
    for i, share in enumerate(stage.stream.pick(((100,), (100, 66, 33), (100, 50)))):
        bow = cell.within(disc(x + corner[0] * side, y + corner[1] * side, side * share // 100))
        stage.canvas.paint(bow, ground if i % 2 else ink)
        stage.canvas.grain(bow.fading("down" if corner[1] else "up", 110), mix(ink, stage.shadow, 130))


def _orb(stage: Stage, x: int, y: int, side: int, ground: Colour, ink: Colour) -> None:
    ball = disc(x + side // 2, y + side // 2, side * 36 // 100)
    stage.canvas.paint(ball, ink)
    stage.canvas.grain(ball.fading(stage.stream.pick(("left", "up")), 170), mix(ink, stage.shadow, 150))
    if stage.stream.chance(45):
        stage.canvas.paint(disc(x + side // 2, y + side // 2, side * 14 // 100), ground)


def _halves(stage: Stage, x: int, y: int, side: int, ground: Colour, ink: Colour) -> None:
    cell = box(x, y, x + side, y + side)
    for row in (0, 1):
        half = cell.within(disc(x + side // 2, y + side * row, side // 2))
        stage.canvas.paint(half, ink)
        stage.canvas.grain(half.fading("up", 130), mix(ink, ground, 130))


def _slant(stage: Stage, x: int, y: int, side: int, ground: Colour, ink: Colour) -> None:
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
    skipped = stage.stream.below(4)
    wedge = polygon([corner for i, corner in enumerate(corners) if i != skipped])
    stage.canvas.paint(wedge, ink)
    stage.canvas.grain(wedge.fading("left", 120), mix(ink, ground, 150))


def _bars(stage: Stage, x: int, y: int, side: int, ground: Colour, ink: Colour) -> None:
    count = stage.stream.pick((3, 4, 5))
    for i in range(count):
        top = y + side * (2 * i + 1) // (2 * count + 1)
        bar = box(x, top, x + side, top + side // (2 * count + 1))
        stage.canvas.paint(bar, ink)
        stage.canvas.grain(bar.fading("right", 90), ground)


_TILES: tuple[_Tile, ...] = (_bow, _bow, _bow, _orb, _halves, _slant, _bars)
