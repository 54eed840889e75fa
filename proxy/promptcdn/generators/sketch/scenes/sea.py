"""By the sea: a lighthouse on its rock, or a sailing boat."""

from promptcdn.generators.sketch.motifs import birds, boat, house, lighthouse
from promptcdn.generators.sketch.palette import mix
from promptcdn.generators.sketch.raster import STEP, below, ellipse
from promptcdn.generators.sketch.sky import glitter, haze, sky
from promptcdn.generators.sketch.stage import CREAM, Stage
from promptcdn.generators.sketch.terrain import jagged, rolling, samples


def with_lighthouse(stage: Stage) -> None:
    """A lighthouse on a headland, with a boat far out."""
    horizon = stage.y(stage.stream.between(560, 660))
    _open_sea(stage, horizon)
    boat(stage, stage.x(stage.stream.between(440, 560)), horizon + stage.u(45), stage.u(100))
    x, foot = stage.x(stage.stream.between(720, 800)), horizon - stage.u(stage.stream.between(20, 70))
    _headland(stage, x, foot)
    if stage.stream.chance(60) and x + stage.u(210) < stage.canvas.width:
        house(stage, x + stage.u(150), foot + stage.u(16), stage.u(105), mix(CREAM, stage.palette.sky[1], 60),
              mix(stage.palette.accent, stage.shadow, 50))  # fmt: skip
    tall = min(stage.u(stage.stream.between(400, 520)), foot * 86 // 100)
    lighthouse(stage, x, foot + stage.u(14), tall)
    birds(stage.part("birds"), stage.x(420), horizon * 45 // 100, stage.shadow)


def with_boat(stage: Stage) -> None:
    """A boat under sail, islands behind it."""
    horizon = stage.y(stage.stream.between(480, 600))
    _open_sea(stage, horizon)
    x, y = stage.x(stage.stream.between(330, 670)), horizon + stage.u(stage.stream.between(130, 200))
    boat(stage, x, min(y, stage.y(900)), stage.u(stage.stream.between(330, 430)))
    if stage.stream.chance(60):
        boat(stage, stage.x(stage.stream.between(80, 250)), horizon + stage.u(30), stage.u(90))
    birds(stage.part("birds"), stage.x(stage.stream.between(200, 800)), horizon // 2, stage.shadow)


def _open_sea(stage: Stage, horizon: int) -> None:
    canvas, palette = stage.canvas, stage.palette
    x, _ = sky(stage, horizon)
    for i in range(stage.stream.between(1, 2)):
        _island(stage.part(f"island{i}"), horizon)
    canvas.blend(palette.water(), horizon)
    glitter(stage.part("glitter"), x, horizon, canvas.height, mix(palette.orb, palette.sky[2], 70))
    _waves(stage.part("waves"), horizon)
    for i in range(2):
        base = stage.y(880 + 70 * i)
        ridge = rolling(stage.stream, canvas.width, base, stage.u(10), stage.u(330 + 200 * i))
        canvas.paint(below(ridge, canvas.height).thinned(150), mix(palette.near, palette.sky[0], 90 - 50 * i))
        haze(stage, ridge, stage.u(50), mix(palette.sky[1], CREAM, 60), 90)


def _island(stage: Stage, horizon: int) -> None:
    ridge = jagged(stage.stream, stage.canvas.width, horizon + stage.u(50), stage.u(150), stage.u(900))
    stage.canvas.paint(below(ridge, horizon), mix(stage.palette.far, stage.palette.sky[2], 60))
    haze(stage, ridge, stage.u(60), stage.palette.sky[2], 140)


def _waves(stage: Stage, horizon: int) -> None:
    stream, canvas = stage.stream, stage.canvas
    light, dark = mix(stage.palette.sky[2], CREAM, 60), mix(stage.palette.near, stage.palette.sky[0], 50)
    for i in range(18 + 14 * canvas.width // canvas.height):
        deep = stream.between(20, 1000)
        y = horizon + (canvas.height - horizon) * deep * deep // 1_000_000
        half = stage.u(stream.between(12, 40) + deep * 50 // 1000)
        wave = ellipse(stream.below(canvas.width), y, half, stage.u(1 + deep * 3 // 1000) + 5)
        canvas.paint(wave.thinned(stream.between(70, 150)), light if i % 3 else dark)


def _headland(stage: Stage, x: int, top: int) -> None:
    canvas, palette = stage.canvas, stage.palette
    rough = jagged(stage.stream, canvas.width, 0, stage.u(34), stage.u(80))
    meadow = rolling(stage.stream, canvas.width, 0, stage.u(13), stage.u(520))
    reach, drop = stage.u(380), canvas.height - top
    ridge = []
    for i in range(samples(canvas.width)):
        away = min(max(x - stage.u(110) - i * STEP, 0), reach)
        left = reach - away  # a cliff: steep at the top, running out into a beach
        y = top + drop - drop * left * left // (reach * reach) + stage.u(24) * away // reach
        ridge.append(y + rough[i] * min(away * 3, reach) // reach + meadow[i])
    land = below(ridge, canvas.height)
    canvas.paint(land, mix(stage.shadow, palette.far, 50))
    canvas.grain(land.fading("up", 150), stage.shadow)
    haze(stage, ridge, stage.u(70), mix(palette.far, palette.accent, 60), 150)
    rocks = jagged(stage.stream, canvas.width, canvas.height + stage.u(40), stage.u(170), stage.u(300))
    shore = [y + max(x - stage.u(420) - i * STEP, 0) // 2 for i, y in enumerate(rocks)]
    canvas.paint(below(shore, canvas.height), stage.shadow)
    haze(stage, shore, stage.u(60), mix(stage.shadow, palette.far, 110), 120)
