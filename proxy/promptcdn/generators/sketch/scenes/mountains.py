"""Mountains: ranges behind ranges, with snow, mist, firs, and sometimes a lake."""

from itertools import pairwise

from PIL import Image

from promptcdn.generators.sketch.motifs import birds, house
from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import FINE, STEP, below, between, box
from promptcdn.generators.sketch.sky import glitter, haze, mist, sky
from promptcdn.generators.sketch.stage import CREAM, Stage
from promptcdn.generators.sketch.terrain import broken, jagged, peaks, rolling
from promptcdn.generators.sketch.terrain import firs as grow

_RANGES = 4


def ranges(stage: Stage) -> None:
    """Ranges one behind the other, firs in front."""
    canvas = stage.canvas
    sky(stage, stage.y(760))
    canvas.blend((stage.palette.sky[2], stage.palette.far), stage.y(760))
    first = stage.low(stage.stream.between(430, 520), 720)
    for i in range(_RANGES):
        base = first + (stage.y(880) - first) * i // (_RANGES - 1)
        _range(stage.part(f"range{i}"), base, i)
    birds(stage.part("birds"), stage.x(stage.stream.between(250, 750)), stage.y(250), stage.shadow)
    firs(stage.part("firs"), stage.y(985), stage.u(190), stage.shadow)


def lake(stage: Stage) -> None:
    """A range above its own mirror image, a cabin on the shore."""
    canvas, palette = stage.canvas, stage.palette
    shore = stage.y(stage.stream.between(590, 650))
    x, _ = sky(stage, shore)
    for i in range(3):
        _range(stage.part(f"range{i}"), shore - stage.u(60 - 30 * i), i)
    wood = rolling(stage.stream, canvas.width, shore - stage.u(8), stage.u(8), stage.u(500))
    _far_wood(stage.part("wood"), wood, stage.u(70))
    canvas.paint(below(wood, shore), mix(palette.land(3, _RANGES), stage.shadow, 120))
    _reflect(stage, shore)
    glitter(stage.part("glitter"), x, shore, canvas.height, mix(palette.orb, palette.sky[2], 60))
    house(stage, stage.x(stage.stream.between(640, 800)), shore + stage.u(6), stage.u(90), mix(CREAM, palette.far, 60),
          palette.accent)  # fmt: skip
    firs(stage.part("firs"), stage.y(1000), stage.u(230), stage.shadow)


def firs(stage: Stage, base: int, tall: int, colour: Colour) -> None:
    """A fringe of firs along the bottom, taller towards both sides."""
    canvas, stream = stage.canvas, stage.stream
    ridge = rolling(stream, canvas.width, base, stage.u(14), stage.u(700))
    x, trees = -tall // 3, []
    while x < canvas.width + tall // 3:
        aside = abs(x - canvas.width // 2) * 100 // canvas.width
        trees.append((x, tall * stream.between(60, 100) * (40 + aside * 12 // 10) // 10_000))
        x += tall * stream.between(9, 30) // 100
    grow(ridge, trees, 7)
    wood = below(ridge, canvas.height)
    canvas.paint(wood, colour)
    haze(stage, ridge, tall // 2, mix(colour, stage.palette.far, 110), 110)


def _range(stage: Stage, base: int, depth: int) -> None:
    canvas, palette = stage.canvas, stage.palette
    swing, wave = stage.u(330 - 45 * depth), stage.u(520 - 70 * depth)
    points = peaks(stage.stream, canvas.width, base, swing, wave)
    ridge = broken(stage.stream, points, canvas.width, swing // 6)
    rock = below(ridge, canvas.height)
    tint = palette.land(depth, _RANGES)
    canvas.paint(rock, tint)
    shade = between(ridge, _shaded(points, ridge, base + swing // 4))
    canvas.grain(shade.fading("down", 190), mix(tint, stage.shadow, 110))
    if depth < 2:
        _snow(stage, ridge, base - swing * 60 // 100)
    mist(stage, base - swing // 4, min(base + stage.u(110), canvas.height), mix(palette.sky[2], tint, 70), 120)


def _shaded(points: list[tuple[int, int]], ridge: list[int], foot: int) -> list[int]:
    """Where the sides end that turn away from the light: they run down from each summit to the next saddle."""
    lower = list(ridge)
    for (x, y), (next_x, next_y) in pairwise(points):
        if next_y <= y:
            continue
        edge = (next_x - x) // 3
        for i in range(max(x // STEP, 0), min(next_x // STEP, len(ridge))):
            slant = y + (foot - y) * (i * STEP - x) // edge
            lower[i] = max(ridge[i], min(slant, foot))
    return lower


def _snow(stage: Stage, ridge: list[int], line: int) -> None:
    ragged = jagged(stage.stream, stage.canvas.width, line, stage.u(60), stage.u(70))
    lower = [max(top, edge) for top, edge in zip(ridge, ragged, strict=True)]
    cap = between(ridge, lower)
    stage.canvas.paint(cap, mix(CREAM, stage.palette.sky[2], 60))


def _far_wood(stage: Stage, ridge: list[int], tall: int) -> None:
    x, trees = 0, []
    while x < stage.canvas.width:
        trees.append((x, tall * stage.stream.between(50, 100) // 100))
        x += tall * stage.stream.between(14, 40) // 100
    grow(ridge, trees, 4)


def _reflect(stage: Stage, shore: int) -> None:
    canvas, palette = stage.canvas, stage.palette
    image, row = canvas.image, shore // FINE
    deep = min(image.height - row, row)
    canvas.blend(palette.water(), shore)
    mirrored = image.crop((0, row - deep, image.width, row)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    veil = box(0, shore, canvas.width, shore + deep * FINE).fading("down", 190)
    image.paste(mirrored, (0, row), veil.mask)
