"""Things that stand in more than one scene: lighthouse, boat, house, tree, birds."""

from promptcdn.generators.sketch.figure import Figure
from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.raster import stroke
from promptcdn.generators.sketch.stage import CREAM, Stage


def lighthouse(stage: Stage, x: int, foot: int, tall: int) -> None:
    """A striped tower with its lamp `tall` above `foot`; the lamp shines after sunset."""
    canvas, palette, figure = stage.canvas, stage.palette, Figure(x, foot, tall)
    if palette.hour in ("night", "dusk", "neon"):
        left = figure.polygon((0, 870), (-2000, 1170), (-2000, 770))
        right = figure.polygon((0, 870), (2000, 970), (2000, 570))
        canvas.paint(left.fading("left", 150), palette.lamp)
        canvas.paint(right.fading("right", 150), palette.lamp)
    tower = figure.polygon((-130, 0), (-80, 800), (80, 800), (130, 0))
    canvas.paint(tower, mix(CREAM, palette.sky[1], 40))
    bands = 2 * stage.stream.pick((2, 3)) + 1
    for i in range(1, bands, 2):
        band = figure.block(-200, 800 * (i + 1) // bands, 200, 800 * i // bands)
        canvas.paint(tower.within(band), palette.accent)
    canvas.grain(tower.fading("left", 130), stage.shadow)
    canvas.paint(figure.block(-54, 930, 54, 800), palette.lamp)
    canvas.paint(figure.block(-8, 930, 8, 800), stage.shadow)
    canvas.paint(figure.block(-110, 815, 110, 783), stage.shadow)
    canvas.paint(figure.polygon((-85, 930), (0, 1000), (85, 930)), mix(palette.accent, stage.shadow, 60))
    canvas.paint(figure.disc(0, 1000, 14), stage.shadow)
    canvas.paint(figure.block(-26, 140, 26, 0), stage.shadow)


def boat(stage: Stage, x: int, y: int, size: int) -> None:
    """A sailing boat, `size` from the water to the top of its mast."""
    canvas, palette, figure = stage.canvas, stage.palette, Figure(x, y, size)
    canvas.paint(figure.oval(0, -25, 550, 50).thinned(120), stage.shadow)
    canvas.paint(figure.block(-10, 1000, 10, 150), stage.shadow)
    main = figure.polygon((20, 960), (460, 200), (20, 200))
    canvas.paint(main, CREAM)
    canvas.grain(main.fading("up", 90), palette.second)
    canvas.paint(figure.polygon((-20, 840), (-340, 200), (-20, 200)), palette.accent)
    hull = figure.polygon((-440, 150), (-300, 0), (300, 0), (500, 150))
    canvas.paint(hull, mix(stage.shadow, palette.accent, 40))


def house(stage: Stage, x: int, foot: int, size: int, wall: Colour, roof: Colour) -> None:
    """A cottage `size` wide with lit windows, a door and a chimney."""
    canvas, figure = stage.canvas, Figure(x, foot, size)
    canvas.paint(figure.block(165, 970, 335, 550), roof)
    front = figure.block(-500, 550, 500, 0)
    canvas.paint(front, wall)
    canvas.paint(front.fading("left", 90), stage.shadow)
    gable = figure.polygon((-600, 550), (-300, 930), (300, 930), (600, 550))
    canvas.paint(gable, roof)
    canvas.paint(gable.fading("up", 90), stage.shadow)
    for left in (-365, 185):
        canvas.paint(figure.block(left, 385, left + 180, 195), stage.palette.lamp)
    canvas.paint(figure.block(-90, 330, 90, 0), mix(roof, stage.shadow, 120))


def tree(stage: Stage, x: int, foot: int, size: int, leaves: Colour) -> None:
    """A round tree, lit from the left."""
    canvas, stream, figure = stage.canvas, stage.stream, Figure(x, foot, size)
    canvas.paint(figure.block(-45, 500, 45, 0), stage.shadow)
    puffs = [
        (stream.between(-200, 200), stream.between(450, 820), stream.between(140, 220), stream.between(140, 200))
        for _ in range(4)
    ]
    crown = figure.ovals((0, 620, 300, 320), *puffs)
    canvas.paint(crown, leaves)
    canvas.grain(crown.fading("left", 170), mix(leaves, stage.shadow, 190))
    canvas.grain(crown.fading("right", 70), mix(leaves, CREAM, 120))


def birds(stage: Stage, x: int, y: int, colour: Colour) -> None:
    """A few birds far off, about a place."""
    stream, thick = stage.stream, stage.u(2) + 6
    for _ in range(stream.between(3, 6)):
        middle, row = x + stage.u(stream.between(-110, 110)), y + stage.u(stream.between(-50, 50))
        wing = stage.u(stream.between(11, 19))
        for side in (-wing, wing):
            tip = (middle + side, row - wing * 3 // 10, thick * 2 // 3)
            stage.canvas.paint(
                stroke([(middle, row, thick), (middle + side // 2, row - wing // 2, thick), tip]), colour
            )
