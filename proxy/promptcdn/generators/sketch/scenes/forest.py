"""The forest: trunks in rows that fade into the mist, light between them, somebody at home or a deer."""

from promptcdn.generators.sketch.animals import deer
from promptcdn.generators.sketch.motifs import house
from promptcdn.generators.sketch.palette import mix
from promptcdn.generators.sketch.raster import FINE, below, ellipse, rounds, taper
from promptcdn.generators.sketch.scenes.mountains import firs
from promptcdn.generators.sketch.sky import haze, mist, sky
from promptcdn.generators.sketch.stage import CREAM, Stage
from promptcdn.generators.sketch.terrain import firs as grow
from promptcdn.generators.sketch.terrain import rolling

_ROWS = 4


def glade(stage: Stage) -> None:
    """Firs on slopes, one behind the other, a lit cabin between them."""
    sky(stage, stage.y(900))
    first = stage.low(stage.stream.between(400, 480), 720)
    x = stage.x(stage.stream.between(330, 620))
    for i in range(_ROWS):
        base = first + (stage.y(930) - first) * i // (_ROWS - 1)
        _slope(stage.part(f"row{i}"), base, i, x)
        if i == _ROWS - 2:
            _home(stage.part("home"), x, base + stage.u(40))
    firs(stage.part("front"), stage.y(1010), min(stage.u(300), stage.y(500)), stage.shadow)


def trunks(stage: Stage) -> None:
    """Between tall trunks, a deer in the light."""
    canvas, palette = stage.canvas, stage.palette
    light, floor = mix(palette.sky[2], CREAM, 90), stage.low(stage.stream.between(770, 830), 300)
    canvas.blend((mix(palette.sky[1], palette.far, 90), light, palette.sky[2]))
    clear = stage.x(stage.stream.between(300, 700))
    _shafts(stage.part("shafts"), clear)
    for i in range(_ROWS):
        _stand(stage.part(f"row{i}"), floor + stage.u(70) * (i - 1), i, clear)
        if i == 1:
            deer(stage, clear, floor + stage.u(60), min(stage.u(300), stage.y(500)))
    _canopy(stage.part("canopy"))


def smoke(stage: Stage, x: int, y: int) -> None:
    """Smoke from a chimney."""
    puffs = []
    for i in range(7):
        size = stage.u(7 + 3 * i)
        puffs.append((x + stage.u(i * i) + stage.u(stage.stream.between(-5, 5)), y - stage.u(18 * i), size, size))
    shape = rounds(puffs)
    stage.canvas.paint(shape.fading("up", 150), stage.cloud)


def _home(stage: Stage, x: int, foot: int) -> None:
    palette, size = stage.palette, stage.u(stage.stream.between(120, 160))
    tint = mix(mix(palette.far, stage.shadow, 90), palette.lamp, 16)
    meadow = ellipse(x, foot + size // 5, size * 2, size * 2 // 5)
    stage.canvas.paint(meadow, tint)
    stage.canvas.grain(meadow.fading("down", 140), mix(tint, palette.lamp, 70))
    house(stage, x, foot, size, mix(palette.second, stage.shadow, 60), mix(palette.accent, stage.shadow, 40))
    smoke(stage, x + size // 4, foot - size)


def _slope(stage: Stage, base: int, depth: int, clear: int) -> None:
    canvas, stream, palette = stage.canvas, stage.stream, stage.palette
    ridge = rolling(stream, canvas.width, base, stage.u(40), stage.u(800))
    tall, x, trees = stage.u(130 + 45 * depth), -stage.u(40), []
    while x < canvas.width:
        near = depth == _ROWS - 1 and abs(x - clear) < stage.u(140)
        trees.append((x, tall * stream.between(45, 100) // (300 if near else 100)))
        x += tall * stream.between(10, 42) // 100
    grow(ridge, trees, 5)
    tint = palette.land(depth, _ROWS + 1) if palette.hour != "snow" else mix(palette.far, stage.shadow, 50 * depth)
    wood = below(ridge, canvas.height)
    canvas.paint(wood, tint)
    haze(stage, ridge, tall, mix(tint, palette.sky[2], 120), 80)
    mist(stage, base, base + stage.u(170), mix(palette.sky[2], tint, 90), 130)


def _stand(stage: Stage, floor: int, depth: int, clear: int) -> None:
    canvas, stream, palette = stage.canvas, stage.stream, stage.palette
    tint = mix(palette.far, stage.shadow, 20 + 68 * depth)
    thick = stage.u(16 + 13 * depth)
    x = stage.u(stream.between(-60, 60))
    while x < canvas.width:
        wide = thick * stream.between(70, 130) // 100
        if depth > 0 and abs(x - clear) < stage.u(150 + 30 * depth):
            x = clear + stage.u(150 + 30 * depth)
        lean = stage.u(stream.between(-18, 18))
        foot = floor + stage.u(30)
        trunk = taper((x + lean, x + lean + wide, -FINE), (x - wide // 4, x + wide * 5 // 4, foot))
        canvas.paint(trunk, tint)
        if depth:
            canvas.grain(trunk.fading("left", 130), mix(tint, stage.shadow, 150))
        x += stage.u(stream.between(90, 210) + 62 * depth)
    ground = rolling(stream, canvas.width, floor, stage.u(14), stage.u(600))
    canvas.paint(below(ground, canvas.height), tint)
    haze(stage, ground, stage.u(80), mix(tint, palette.sky[2], 90), 130)


def _shafts(stage: Stage, x: int) -> None:
    canvas, stream = stage.canvas, stage.stream
    for _ in range(4):
        foot, wide = x + stage.u(stream.between(-420, 420)), stage.u(stream.between(30, 90))
        top = x + (foot - x) // 3
        shaft = taper((top, top + wide // 3, 0), (foot - wide, foot + wide, canvas.height * 9 // 10))
        canvas.paint(shaft.fading("down", 110), mix(stage.palette.orb, CREAM, 120))


def _canopy(stage: Stage) -> None:
    canvas, stream = stage.canvas, stage.stream
    for layer in range(2):
        puffs = []
        x = 0
        while x < canvas.width:
            size = stage.u(stream.between(60, 110))
            puffs.append((x, stage.u(stream.between(-30, 20) - 40 * layer), size, size * 3 // 4))
            x += size
        leaves = rounds(puffs)
        tint = mix(stage.palette.far, stage.shadow, 170 + 50 * layer)
        canvas.paint(leaves, tint)
        canvas.grain(leaves.fading("up", 90), mix(tint, stage.palette.sky[2], 70))
