"""Under water: light from above, fish, weeds and corals, and perhaps a whale."""

from promptcdn.generators.sketch.animals import fish, whale
from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import below, box, disc, stroke, taper
from promptcdn.generators.sketch.sky import haze
from promptcdn.generators.sketch.stage import CREAM, Stage
from promptcdn.generators.sketch.terrain import rolling, sine

_AQUA: Colour = (58, 160, 176)
_ABYSS: Colour = (12, 44, 84)


def reef(stage: Stage) -> None:
    """A shoal above a reef."""
    _deep(stage)
    palette, stream = stage.palette, stage.stream
    for i, colour in enumerate((palette.accent, palette.second, CREAM)):
        _shoal(stage.part(f"shoal{i}"), colour, (85, 55, 34)[i])
    _bottom(stage.part("bottom"))
    fish(stage, *stage.spot(300, 700, 380, 560), stage.u(stream.between(190, 240)), palette.accent)


def whale_song(stage: Stage) -> None:
    """A whale and its little ones."""
    _deep(stage)
    stream = stage.stream
    _shoal(stage.part("shoal"), stage.palette.second, 36)
    x, y = stage.spot(420, 580, 360, 480)
    skin = mix(mix(stage.shadow, stage.palette.sky[0], 90), _ABYSS, 110)
    size = min(stage.u(stream.between(340, 420)), stage.x(420))
    whale(stage, x, y, size, skin)
    if stream.chance(65):
        whale(stage, x + size * 7 // 10, y + size * 68 // 100, size * 35 // 100, skin)
    _bottom(stage.part("bottom"))


def _deep(stage: Stage) -> None:
    canvas, palette, stream = stage.canvas, stage.palette, stage.stream
    top, middle = mix(palette.sky[2], _AQUA, 110), mix(mix(palette.sky[0], palette.far, 60), _AQUA, 120)
    canvas.blend((top, middle, mix(mix(palette.sky[0], stage.shadow, 190), _ABYSS, 140)))
    x = stage.x(stream.between(250, 750))
    for _ in range(5):
        foot, wide = x + stage.u(stream.between(-500, 500)), stage.u(stream.between(40, 120))
        source = x + (foot - x) // 4
        ray = taper((source, source + wide // 2, 0), (foot - wide // 2, foot + wide, stage.y(800)))
        canvas.paint(ray.fading("down", 80), CREAM)
    canvas.grain(box(0, stage.y(350), canvas.width, canvas.height).fading("up", 110), mix(stage.shadow, _ABYSS, 150))
    for _ in range(26):
        x, y = stage.spot(0, 1000, 100, 900)
        canvas.paint(disc(x, y, stage.u(stream.between(2, 8)) + 6).thinned(stream.between(50, 120)), CREAM)


def _shoal(stage: Stage, colour: Colour, share: int) -> None:
    stream = stage.stream
    x, y = stage.spot(150, 850, 150, 650)
    for _ in range(stream.between(5, 9)):
        place = x + stage.u(stream.between(-200, 200)), y + stage.u(stream.between(-90, 90))
        fish(stage, *place, stage.u(share * stream.between(60, 110) // 130), mix(colour, stage.palette.sky[1], 40))


def _bottom(stage: Stage) -> None:
    canvas, stream, palette = stage.canvas, stage.stream, stage.palette
    for i in range(2):
        ridge = rolling(stream, canvas.width, stage.low(850 + 85 * i, 190 - 105 * i), stage.u(30), stage.u(600))
        tint = mix(mix(palette.far, _ABYSS, 130), mix(stage.shadow, _ABYSS, 120), 90 + 110 * i)
        for _ in range(4 + 5 * canvas.width // canvas.height):
            x = stream.below(canvas.width)
            foot = ridge[min(x // 8, len(ridge) - 1)] + stage.u(15)
            stream.pick((_weed, _weed, _coral))(stage, x, foot, stage.u(stream.between(90, 230)), tint)
        canvas.paint(below(ridge, canvas.height), tint)
        haze(stage, ridge, stage.u(70), mix(tint, palette.sky[1], 110), 140)


def _weed(stage: Stage, x: int, foot: int, tall: int, tint: Colour) -> None:
    stream, thick, turn = stage.stream, stage.u(9), stage.stream.below(1024)
    path = [
        (x + sine(turn + i * 110) * tall // 11_000, foot - tall * i // 12, thick * (14 - i) // 14 + 6)
        for i in range(13)
    ]
    stage.canvas.paint(stroke(path), mix(tint, stream.pick((stage.palette.far, (70, 150, 120))), 130))


def _coral(stage: Stage, x: int, foot: int, tall: int, tint: Colour) -> None:
    stream = stage.stream
    colour = mix(stream.pick((stage.palette.accent, stage.palette.second)), tint, 60)
    tall, thick = tall * 7 // 10, stage.u(11)
    for side in (-2, -1, 0, 1, 2):
        reach, top = tall * side * 26 // 100, tall * (100 - abs(side) * 20) // 100
        path = [
            (x, foot, thick),
            (x + reach * 5 // 10, foot - top * 4 // 10, thick * 8 // 10),
            (x + reach, foot - top, thick * 6 // 10),
        ]
        stage.canvas.paint(stroke(path), colour)
        twig = [
            (x + reach * 5 // 10, foot - top * 4 // 10, thick * 6 // 10),
            (x + reach * 3 // 10 + tall // 14, foot - top * 8 // 10, thick // 2),
        ]
        stage.canvas.paint(stroke(twig), mix(colour, CREAM, 50))
