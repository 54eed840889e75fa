"""Space: a large planet with a ring, small ones, a rocket under way."""

from promptcdn.generators.sketch.figure import Figure
from promptcdn.generators.sketch.palette import Colour, colour, mix
from promptcdn.generators.sketch.raster import Shape, below, disc, ellipse, polygon
from promptcdn.generators.sketch.sky import glow, haze, stars
from promptcdn.generators.sketch.stage import CREAM, Stage
from promptcdn.generators.sketch.terrain import TURN, rolling, sine

_DEEPS = tuple(
    tuple(map(colour, line.split()))
    for line in ("0b0f2b 252b66 6f5fa6", "1b0f33 4a2263 b04f80", "04202d 0f4a5e 4a9a96", "17102f 3c2b66 c9776c")
)


def planets(stage: Stage) -> None:
    """A ringed planet, its moons, a rocket over a ground with craters."""
    canvas, stream, palette = stage.canvas, stage.stream, stage.palette
    canvas.blend(stream.pick(_DEEPS))
    stars(stage.part("stars"), canvas.height)
    x, y = stage.spot(300, 700, 300, 480)
    size = stage.u(stream.between(170, 240))
    glow(stage, *stage.spot(100, 900, 100, 700), stage.u(520), mix(palette.accent, palette.sky[1], 100), 110)
    planet(stage.part("large"), x, y, size, palette.accent, ring=True)
    for i, tint in enumerate((palette.second, palette.far, palette.sky[2])):
        place = stage.spot(80, 920, 70, 640)
        if abs(place[0] - x) + abs(place[1] - y) > size * 2:
            planet(stage.part(f"small{i}"), *place, stage.u(stream.between(30, 75)), tint, ring=False)
    _ground(stage.part("ground"))
    side = stage.x(stream.between(120, 260) if x > canvas.width // 2 else stream.between(740, 880))
    rocket(stage, side, stage.y(stream.between(520, 640)), stage.u(stream.between(240, 300)))


def planet(stage: Stage, x: int, y: int, radius: int, base: Colour, ring: bool) -> None:
    """A planet with bands and a shaded side."""
    canvas, stream = stage.canvas, stage.stream
    ball = disc(x, y, radius)
    rings = _rings(x, y, radius, stream.between(-420, 420)) if ring else None
    if rings:
        canvas.paint(rings[0], mix(mix(base, stage.shadow, 120), CREAM, 90))
    canvas.paint(ball, base)
    for _ in range(stream.between(2, 4)):
        band = ellipse(
            x, y + radius * stream.between(-80, 80) // 100, radius * 11 // 10, radius * stream.between(5, 14) // 100
        )
        canvas.paint(ball.within(band).thinned(140), mix(base, stream.pick((CREAM, stage.palette.second)), 110))
    shade = ball.without(disc(x - radius * 4 // 10, y - radius * 4 // 10, radius * 11 // 10))
    canvas.paint(shade.thinned(90), stage.shadow)
    canvas.grain(ball.fading("left", 200), mix(base, (10, 8, 30), 170))
    if rings:
        canvas.paint(rings[1], mix(stage.palette.second, CREAM, 130))


def rocket(stage: Stage, x: int, y: int, tall: int) -> None:
    """A rocket on its way up, centred on a place."""
    canvas, palette, figure = stage.canvas, stage.palette, Figure(x, y, tall)
    trail = [(25 * i * (i % 2 * 2 - 1), -450 - 90 * i, 90 + 15 * i, 90 + 15 * i) for i in range(8)]
    canvas.paint(figure.ovals(*trail).fading("down", 120), CREAM)
    canvas.paint(figure.polygon((-115, -330), (0, -800), (115, -330)), palette.accent)
    canvas.paint(figure.polygon((-70, -330), (0, -610), (70, -330)), palette.lamp)
    for side in (-1, 1):
        canvas.paint(figure.polygon((side * 105, -110), (side * 270, -390), (side * 75, -330)), palette.accent)
    body = figure.oval(0, 80, 150, 460)
    canvas.paint(body, CREAM)
    canvas.grain(body.fading("left", 150), mix(stage.shadow, palette.sky[1], 80))
    canvas.paint(body.without(figure.oval(0, -120, 750, 400)), palette.accent)
    canvas.paint(figure.disc(0, 120, 75), stage.shadow)
    canvas.paint(figure.disc(0, 120, 54), mix(palette.sky[2], CREAM, 60))


def _ground(stage: Stage) -> None:
    canvas, stream = stage.canvas, stage.stream
    for i in range(2):
        base = stage.low(840 + 75 * i, 200 - 95 * i)
        ridge = rolling(stream, canvas.width, base, stage.u(26), stage.u(900))
        tint = mix(mix(stage.palette.near, stage.palette.accent, 60 - 30 * i), (16, 12, 36), 70 + 60 * i)
        canvas.paint(below(ridge, canvas.height), tint)
        haze(stage, ridge, stage.u(110), mix(tint, stage.palette.sky[2], 120), 170)
        for _ in range(3 + 2 * canvas.width // canvas.height):
            x, y = stream.below(canvas.width), base + stage.u(stream.between(50, 110))
            size = stage.u(stream.between(16, 46))
            canvas.paint(ellipse(x, y, size, size // 3), mix(tint, (8, 6, 24), 130))
            canvas.paint(ellipse(x, y + size // 9, size * 9 // 10, size // 4), mix(tint, stage.palette.sky[2], 40))


def _rings(x: int, y: int, radius: int, tilt: int) -> tuple[Shape, Shape]:
    outer, inner = (_orbit(x, y, radius * share // 100, tilt) for share in (185, 140))
    ring = polygon(outer).without(polygon(inner))
    front = polygon([*outer[: len(outer) // 2 + 1]])
    return ring, ring.within(front)


def _orbit(x: int, y: int, radius: int, tilt: int) -> list[tuple[int, int]]:
    points = []
    for i in range(64):
        along, across = sine(i * TURN // 64 + TURN // 4) * radius // 1024, sine(i * TURN // 64) * radius // 5120
        points.append((x + along, y + across + along * tilt // 1000))
    return points
