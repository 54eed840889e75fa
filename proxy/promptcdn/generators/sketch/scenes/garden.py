"""A garden: large flowers and leaves like paper cut with scissors."""

from promptcdn.generators.sketch.figure import Figure
from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import below, disc, polygon, rounds, stroke
from promptcdn.generators.sketch.sky import haze, orb
from promptcdn.generators.sketch.stage import CREAM, Stage
from promptcdn.generators.sketch.terrain import TURN, rolling, sine


def flowers(stage: Stage) -> None:
    """Tall flowers before a sun, a butterfly or two."""
    canvas, palette, stream = stage.canvas, stage.palette, stage.stream
    canvas.blend((mix(palette.sky[1], palette.sky[0], 90), palette.sky[2], mix(palette.sky[2], CREAM, 90)))
    orb(stage.part("orb"), stage.y(760))
    for i in range(2):
        ridge = rolling(stream, canvas.width, stage.y(790 + 80 * i), stage.u(30), stage.u(700))
        tint = palette.land(1 + 2 * i, 5)
        canvas.paint(below(ridge, canvas.height), tint)
        haze(stage, ridge, stage.u(110), mix(tint, palette.sky[2], 140), 150)
    count = 5 + 4 * canvas.width // canvas.height
    places = [(stage.y(stream.between(330, 780)), x) for x in range(count)]
    for tall, i in sorted(places, reverse=True):
        x = canvas.width * (2 * i + 1) // (2 * count) + stage.u(stream.between(-30, 30))
        _flower(stage.part(f"flower{i}"), x, stage.y(1010), min(tall, stage.u(800)))
    for _ in range(stream.between(1, 3)):
        _butterfly(stage, *stage.spot(100, 900, 100, 500), stage.u(stream.between(26, 44)))


def _flower(stage: Stage, x: int, foot: int, tall: int) -> None:
    canvas, stream, palette = stage.canvas, stage.stream, stage.palette
    green = mix(mix((64, 128, 96), stage.shadow, 90), palette.far, stream.between(0, 90))
    lean = stage.u(stream.between(-60, 60))
    top = x + lean, foot - tall
    thin = stage.u(6) + 4
    canvas.paint(stroke([(x, foot, thin * 3 // 2), (x + lean // 4, foot - tall // 2, thin), (*top, thin)]), green)
    for side in (-1, 1):
        root = foot - tall * stream.between(18, 48) // 100
        _leaf(
            stage, x + lean // 6, root, side * stage.u(stream.between(90, 150)), stage.u(stream.between(50, 110)), green
        )
    colour = stream.pick(
        (palette.accent, palette.second, CREAM, mix(palette.accent, CREAM, 110), mix(palette.far, palette.accent, 90))
    )
    stream.pick((_daisy, _daisy, _tulip, _globe))(stage, *top, stage.u(stream.between(62, 105)), colour)


def _leaf(stage: Stage, x: int, y: int, reach: int, rise: int, green: Colour) -> None:
    upper = ((0, 0), (250, 550), (500, 1000), (750, 1150))
    lower = ((1000, 1000), (750, 500), (500, 200), (250, 0))
    leaf = polygon([(x + reach * right // 1000, y - rise * up // 1000) for right, up in upper + lower])
    stage.canvas.paint(leaf, green)
    stage.canvas.grain(leaf.fading("up", 150), mix(green, stage.shadow, 170))


def _daisy(stage: Stage, x: int, y: int, radius: int, colour: Colour) -> None:
    canvas, stream = stage.canvas, stage.stream
    petals, turn = stream.pick((6, 8, 10, 12)), stream.below(TURN)
    size = radius * (60 - petals * 2) // 100
    ring = [turn + i * TURN // petals for i in range(petals)]
    places = [
        (x + sine(a + TURN // 4) * radius * 72 // 102_400, y + sine(a) * radius * 72 // 102_400, size, size)
        for a in ring
    ]
    corolla = rounds([*places, (x, y, radius * 6 // 10, radius * 6 // 10)])
    canvas.paint(corolla, colour)
    canvas.grain(corolla.fading("up", 150), mix(colour, stage.shadow, 90))
    heart = disc(x, y, radius * 34 // 100)
    canvas.paint(heart, stage.palette.lamp if colour != stage.palette.lamp else stage.palette.accent)
    canvas.grain(heart.fading("up", 200), mix(stage.palette.accent, stage.shadow, 60))


def _tulip(stage: Stage, x: int, y: int, radius: int, colour: Colour) -> None:
    half = (
        (700, 1000),
        (300, 420),
        (0, 1050),
        (-300, 420),
        (-700, 1000),
        (-720, 0),
        (-400, -380),
        (400, -380),
        (720, 0),
    )
    for size, up, tint in ((800, 250, mix(colour, stage.shadow, 60)), (1000, 0, colour)):
        cup = Figure(x, y, radius * size // 1000).polygon(*((right, top + up) for right, top in half))
        stage.canvas.paint(cup, tint)
        stage.canvas.grain(cup.fading("up", 140), mix(tint, stage.shadow, 110))


def _globe(stage: Stage, x: int, y: int, radius: int, colour: Colour) -> None:
    canvas = stage.canvas
    for share in (80, 55, 30):
        ball = disc(x, y, radius * share // 100)
        canvas.paint(ball, mix(colour, CREAM, (80 - share) * 3))
        canvas.grain(ball.fading("left", 120), mix(colour, stage.shadow, 110))


def _butterfly(stage: Stage, x: int, y: int, size: int) -> None:
    canvas, figure = stage.canvas, Figure(x, y, size)
    colour = stage.stream.pick((stage.palette.accent, stage.palette.second))
    for side in (-1, 1):
        canvas.paint(figure.disc(side * 600, 330, 600), colour)
        canvas.paint(figure.disc(side * 500, -330, 400), mix(colour, CREAM, 90))
        canvas.paint(figure.stroke((0, 500, 60), (side * 330, 1000, 60)), stage.shadow)
    canvas.paint(figure.stroke((0, 500, 120), (0, -500, 90)), stage.shadow)
