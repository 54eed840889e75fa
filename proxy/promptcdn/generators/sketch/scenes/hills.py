"""Hills: balloons above them, or a village among fields."""

from promptcdn.generators.sketch.figure import Figure
from promptcdn.generators.sketch.motifs import birds, house, tree
from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import STEP, Shape, below, between
from promptcdn.generators.sketch.sky import haze, mist, sky
from promptcdn.generators.sketch.stage import CREAM, Stage
from promptcdn.generators.sketch.terrain import rolling

# (height, half width) from the crown to the mouth
_ENVELOPE = ((1000, 0), (970, 260), (870, 500), (710, 710), (500, 870), (260, 970), (0, 1000), (-260, 970), (-500, 880),
             (-750, 700), (-1000, 460), (-1180, 280), (-1280, 220))  # fmt: skip


def balloons(stage: Stage) -> None:
    """Hot-air balloons over misty hills."""
    stream = stage.stream
    horizon = stage.low(stream.between(680, 740), 420)
    sky(stage, horizon + stage.u(110))
    _hills(stage.part("hills"), horizon, 3)
    palette = stage.palette
    pairs = ((palette.accent, CREAM), (palette.second, palette.accent), (mix(palette.far, CREAM, 40), palette.second))
    x = stage.x(stream.between(300, 420))
    others = 2 + min(stage.canvas.width // stage.canvas.height, 3) + min(stage.canvas.height // stage.canvas.width, 3)
    for i in range(others):
        place = stage.spot(80, 920, 120, 620)
        if abs(place[0] - x) > stage.u(190) or abs(place[1] - stage.y(400)) > stage.u(280):
            balloon(stage, *place, stage.u(stream.between(38, 75)), pairs[(i + 1) % 3])
    balloon(stage, x, stage.y(stream.between(360, 420)), min(stage.u(stream.between(160, 200)), stage.y(230)), pairs[0])


def village(stage: Stage) -> None:
    """Cottages and trees among striped fields."""
    stream, palette = stage.stream, stage.palette
    horizon = stage.low(stream.between(500, 580), 640)
    sky(stage, horizon + stage.u(200))
    birds(stage.part("birds"), stage.x(stream.between(200, 800)), horizon // 2, stage.shadow)
    ridges = _hills(stage.part("hills"), horizon, 4)
    roofs = (palette.accent, palette.second, mix(palette.accent, stage.shadow, 90))
    for i, ridge in enumerate(ridges[1:]):
        slots = 4 + 3 * stage.canvas.width // stage.canvas.height - i
        for slot in range(slots):
            x = stage.x((1000 * slot + stream.between(200, 800)) // slots)
            size = stage.u(52 + 42 * i)
            foot = ridge[min(x // STEP, len(ridge) - 1)] + stage.u(26 + 12 * i)
            if stream.chance(40):
                house(stage, x, foot, size, mix(CREAM, palette.sky[2], 80), stream.pick(roofs))
            elif stream.chance(75):
                leaves = stream.pick((palette.accent, palette.second, palette.far))
                tree(stage, x, foot, size * stream.between(120, 180) // 100, mix(palette.land(i + 1, 5), leaves, 110))


def balloon(stage: Stage, x: int, y: int, radius: int, colours: tuple[Colour, Colour]) -> None:
    """A balloon with gores in two colours; `radius` is that of its envelope."""
    canvas, figure = stage.canvas, Figure(x, y, radius)
    for side in (-1, 1):
        canvas.paint(figure.stroke((side * 200, -1250, 20), (side * 125, -1650, 20)), stage.shadow)
    gores = [_envelope(figure, share) for share in (100, 72, 42, 15)]
    for i, gore in enumerate(gores):
        canvas.paint(gore, colours[i % 2])
    canvas.grain(gores[0].fading("left", 150), mix(colours[0], stage.shadow, 200))
    canvas.grain(gores[0].fading("right", 40), CREAM)
    canvas.paint(figure.block(-170, -1650, 170, -1890), mix(stage.shadow, stage.palette.second, 90))
    canvas.paint(figure.block(-190, -1650, 190, -1700), stage.shadow)


def _envelope(figure: Figure, share: int) -> Shape:
    right = [(half * share // 100, up) for up, half in _ENVELOPE]
    return figure.polygon(*right, *((-half, up) for half, up in reversed(right)))


def _hills(stage: Stage, horizon: int, count: int) -> list[list[int]]:
    canvas, palette, ridges = stage.canvas, stage.palette, []
    for i in range(count):
        base = horizon + (stage.y(930) - horizon) * i // count
        ridge = rolling(stage.stream, canvas.width, base, stage.u(52), stage.u(760 + 160 * i))
        hill = below(ridge, canvas.height)
        tint = palette.land(i, count + 1)
        canvas.paint(hill, tint)
        if i and stage.stream.chance(60):
            _furrows(stage, ridge, tint)
        haze(stage, ridge, stage.u(130), mix(tint, palette.sky[2], 150), 110)
        if i < count - 1:
            mist(stage, base + stage.u(20), base + stage.u(230), mix(palette.sky[2], tint, 110), 110)
        ridges.append(ridge)
    return ridges


def _furrows(stage: Stage, ridge: list[int], tint: Colour) -> None:
    dark, down = mix(tint, stage.shadow, 34), stage.u(26)
    for i in range(6):
        thick = stage.u(5 + 3 * i)
        stage.canvas.paint(between([y + down for y in ridge], [y + down + thick for y in ridge]).thinned(170), dark)
        down += thick + stage.u(14 + 8 * i)
