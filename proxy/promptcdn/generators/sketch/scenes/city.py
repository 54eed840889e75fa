"""The city: rows of houses before the sky, windows lit, a river or a roof with a cat in front."""

from promptcdn.generators.sketch.animals import cat
from promptcdn.generators.sketch.figure import Figure
from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import FINE, below, box, rounds
from promptcdn.generators.sketch.sky import glitter, mist, sky
from promptcdn.generators.sketch.stage import Stage
from promptcdn.generators.sketch.terrain import raised, samples

_ROWS = 3


def skyline(stage: Stage) -> None:
    """Towers by a river."""
    canvas, palette = stage.canvas, stage.palette
    shore = stage.y(stage.stream.between(760, 820))
    x, _ = sky(stage, shore)
    for i in range(_ROWS):
        _row(stage.part(f"row{i}"), shore, i, min(stage.u(560 - 130 * i), shore * (75 - 18 * i) // 100))
        if i < _ROWS - 1:
            mist(stage, shore - stage.u(330), shore, mix(palette.sky[2], palette.far, 60), 130)
    canvas.blend((mix(palette.water()[0], stage.shadow, 90), mix(palette.water()[2], stage.shadow, 60)), shore)
    _lights(stage.part("lights"), shore)
    glitter(stage.part("glitter"), x, shore, canvas.height, mix(palette.orb, palette.sky[2], 110))


def roof_cat(stage: Stage) -> None:
    """A cat on a roof, looking at the moon over the town."""
    palette = stage.palette
    ridge = stage.low(stage.stream.between(800, 850), 230)
    sky(stage, ridge)
    for i in range(2):
        _row(stage.part(f"row{i}"), stage.y(1000), i, stage.u(430 - 110 * i))
        mist(stage, stage.low(560, 460), stage.y(1000), mix(palette.sky[2], palette.far, 60), 120)
    _roof(stage, ridge)
    place = stage.x(stage.stream.between(250, 540))
    cat(stage, place, ridge + stage.u(8), min(stage.u(stage.stream.between(330, 420)), ridge * 7 // 10))


def _row(stage: Stage, floor: int, depth: int, tall: int) -> None:
    canvas, stream = stage.canvas, stage.stream
    tint = mix(stage.palette.land(depth, _ROWS), stage.shadow, 40 * depth)
    ridge = [floor] * samples(canvas.width)
    towers = []
    x = -stage.u(40)
    while x < canvas.width:
        wide = stage.u(stream.between(60, 130))
        top = floor - tall * stream.between(30, 100) // 100
        towers.append((x, top, wide))
        raised(ridge, x, x + wide, top)
        _crown(stage, ridge, x, top, wide)
        x += wide + (0 if stream.chance(60) else stage.u(stream.between(4, 30)))
    houses = below(ridge, floor)
    canvas.paint(houses, tint)
    for x, top, wide in towers:
        side = box(x + wide * 60 // 100, top, x + wide, floor)
        canvas.grain(side.fading("down", 150).within(houses), mix(tint, stage.shadow, 130))
        if depth:
            _windows(stage, x, top, wide, floor, tint)


def _crown(stage: Stage, ridge: list[int], x: int, top: int, wide: int) -> None:
    kind = stage.stream.below(5)
    if kind == 0:
        raised(ridge, x + wide * 47 // 100, x + wide * 53 // 100, top - wide)
    elif kind == 1:
        raised(ridge, x + wide // 4, x + wide * 3 // 4, top - wide // 4)
        raised(ridge, x + wide * 3 // 8, x + wide * 5 // 8, top - wide // 2)
    elif kind == 2:
        for step in range(12):
            raised(ridge, x + wide * step // 24, x + wide - wide * step // 24, top - wide * step // 22)


def _windows(stage: Stage, x: int, top: int, wide: int, floor: int, tint: Colour) -> None:
    stream, image = stage.stream, stage.canvas.image
    pane = max(stage.u(9) // FINE, 2)
    columns = max(wide // FINE // (pane * 3), 1)
    left = (x + wide // 2) // FINE - columns * pane * 5 // 4 + pane // 2
    lit, unlit = stage.palette.lamp, mix(tint, stage.palette.sky[2], 46)
    share = 55 if stage.palette.hour in ("night", "dusk", "neon") else 14
    for row in range(top // FINE + pane * 2, floor // FINE - pane * 2, pane * 3):
        for column in range(columns):
            corner = left + column * pane * 5 // 2
            colour = lit if stream.chance(share) else unlit
            image.paste(colour, (corner, row, corner + pane, row + pane * 3 // 2))


def _lights(stage: Stage, shore: int) -> None:
    stream, canvas = stage.stream, stage.canvas
    for _ in range(16 * canvas.width // canvas.height + 10):
        x, long = stream.below(canvas.width), stage.u(stream.between(30, 140))
        streak = box(x, shore + stage.u(3), x + stage.u(stream.between(4, 9)), shore + long)
        canvas.grain(streak.fading("down", 170), stage.palette.lamp)


def _roof(stage: Stage, ridge: int) -> None:
    canvas, tiles = stage.canvas, mix(stage.shadow, stage.palette.second, 70)
    chimney = Figure(stage.x(800), ridge, stage.u(100))
    canvas.paint(chimney.block(-450, 1300, 450, -100), mix(tiles, stage.shadow, 90))
    canvas.paint(chimney.block(-550, 1450, 550, 1220), stage.shadow)
    canvas.paint(box(0, ridge, canvas.width, canvas.height), tiles)
    size = stage.u(46)
    for row, y in enumerate(range(ridge + size // 4, canvas.height + size, size * 3 // 4)):
        row_of_tiles = rounds(
            [(x + row % 2 * size // 2, y, size // 2, size // 2) for x in range(-size, canvas.width + size, size)]
        )
        canvas.paint(row_of_tiles.fading("up", 150), mix(tiles, stage.shadow, 150))
    canvas.paint(box(0, ridge, canvas.width, ridge + stage.u(14)), stage.shadow)
