"""The desert: dunes with a lit and a shaded side, cacti, pyramids far off."""

from promptcdn.generators.sketch.figure import Figure
from promptcdn.generators.sketch.motifs import birds
from promptcdn.generators.sketch.palette import mix
from promptcdn.generators.sketch.raster import STEP, below
from promptcdn.generators.sketch.sky import haze, sky
from promptcdn.generators.sketch.stage import CREAM, Stage
from promptcdn.generators.sketch.terrain import rolling

_DUNES = 4
_GREEN = (58, 125, 92)


def dunes(stage: Stage) -> None:
    """Dunes under a large sun or moon."""
    stream = stage.stream
    horizon = stage.low(stream.between(520, 600), 620)
    sky(stage, horizon + stage.u(160))
    if stream.chance(55):
        _pyramids(stage.part("pyramids"), horizon + stage.u(40))
    birds(stage.part("birds"), stage.x(stream.between(200, 800)), horizon // 2, stage.shadow)
    for i in range(_DUNES):
        base = horizon + stage.u(20) + (stage.y(930) - horizon) * i // _DUNES
        ridge = _dune(stage.part(f"dune{i}"), base, i)
        for _ in range(stream.between(0, 2) if i in (1, 2) else 0):
            x = stage.x(stream.between(80, 920))
            cactus(stage, x, ridge[min(x // STEP, len(ridge) - 1)] + stage.u(8), stage.u(60 + 55 * i))
    x = stage.x(stream.pick((stream.between(100, 300), stream.between(700, 880))))
    cactus(stage, x, stage.y(985), min(stage.u(stream.between(290, 380)), stage.y(450)))


def cactus(stage: Stage, x: int, foot: int, tall: int) -> None:
    """A cactus with two arms."""
    canvas, stream, figure = stage.canvas, stage.stream, Figure(x, foot, tall)
    parts = [figure.stroke((0, 0, 90), (0, 910, 90))]
    for side in (-1, 1):
        root, reach = stream.between(280, 520), side * stream.between(220, 280)
        tip = root + stream.between(200, 360)
        parts.append(figure.stroke((0, root, 67), (reach, root, 67), (reach, tip, 67)))
    for part in parts:
        canvas.paint(part, mix(_GREEN, stage.shadow, 120))
        canvas.grain(part.fading("left", 150), stage.shadow)
    if stream.chance(60):
        canvas.paint(figure.stroke((0, 1030, 45), (0, 1000, 45)), stage.palette.accent)


def _dune(stage: Stage, base: int, depth: int) -> list[int]:
    canvas, palette = stage.canvas, stage.palette
    ridge = rolling(stage.stream, canvas.width, base, stage.u(50 + 14 * depth), stage.u(700 + 150 * depth))
    sand = palette.land(depth, _DUNES + 1) if palette.hour != "snow" else mix(palette.far, CREAM, 50 * depth)
    dune = below(ridge, canvas.height)
    canvas.paint(dune, mix(sand, palette.accent, 30))
    crest = stage.x(stage.stream.between(200, 800))
    sway, shade = rolling(stage.stream, canvas.height, crest, stage.u(70), stage.u(420)), []
    for i, top in enumerate(ridge):  # the shaded side starts at a crest that winds down to the foot
        away = i * STEP - crest
        lower = away * 2 // 3 + (sway[i % len(sway)] - crest) // 3 if away > 0 else canvas.height
        shade.append(min(top + max(lower, 0), max(top, canvas.height)))
    lee = below(shade, canvas.height).fading("down", 130)
    canvas.grain(lee.within(dune), mix(sand, stage.shadow, 120))
    haze(stage, ridge, stage.u(120), mix(sand, palette.sky[2], 150), 190)
    return ridge


def _pyramids(stage: Stage, floor: int) -> None:
    canvas, palette, stream = stage.canvas, stage.palette, stage.stream
    x = stage.x(stream.between(150, 600))
    tint = mix(palette.far, palette.sky[2], 40)
    for size in (stage.u(220), stage.u(140), stage.u(90)):
        figure = Figure(x, floor, size)
        canvas.paint(figure.polygon((-1000, -333), (0, 667), (1000, -333)), tint)
        canvas.paint(figure.polygon((0, 667), (1000, -333), (250, -333)), mix(tint, stage.shadow, 70))
        x += size + stage.u(stream.between(40, 120))
