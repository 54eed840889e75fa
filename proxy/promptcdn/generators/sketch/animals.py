"""Animals: cat, deer, fish, whale."""

from promptcdn.generators.sketch.figure import Figure
from promptcdn.generators.sketch.palette import Colour, mix
from promptcdn.generators.sketch.stage import CREAM, Stage

_PUPIL: Colour = (22, 24, 38)
_FAWN: Colour = (168, 96, 52)


def cat(stage: Stage, x: int, foot: int, tall: int) -> None:
    """A sitting cat, `tall` from its paws to its ears."""
    canvas, palette, fur, figure = stage.canvas, stage.palette, stage.shadow, Figure(x, foot, tall)
    curl = (140, 60, 50), (270, 38, 50), (370, 60, 48), (432, 120, 46), (452, 200, 44), (435, 280, 40), (385, 335, 36)
    canvas.paint(figure.stroke(*curl), fur)
    body = figure.ovals((0, 235, 225, 250), (0, 380, 180, 270), (0, 540, 140, 180), (0, 730, 200, 165))
    canvas.paint(body, fur)
    canvas.grain(body.fading("right", 60), mix(fur, palette.sky[1], 130))
    for side in (-1, 1):
        canvas.paint(figure.polygon((side * 190, 760), (side * 170, 1000), (side * 40, 860)), fur)
        canvas.paint(figure.disc(side * 80, 740, 36), palette.lamp)
        canvas.paint(figure.disc(side * 80, 740, 16), fur)
    canvas.paint(figure.disc(0, 670, 14), palette.accent)
    canvas.paint(figure.block(-135, 582, 135, 545), palette.accent)


def deer(stage: Stage, x: int, foot: int, tall: int) -> None:
    """A deer, `tall` from its hooves to the tips of its antlers."""
    canvas, coat, figure = stage.canvas, mix(stage.shadow, _FAWN, 110), Figure(x, foot, tall)
    for leg in (-150, -100, 90, 140):
        canvas.paint(figure.stroke((leg, 300, 28), (leg, 0, 19)), coat)
    body = figure.stroke((-130, 380, 90), (90, 370, 100), (150, 480, 60), (190, 640, 45), (290, 620, 25))
    canvas.paint(body, coat)
    canvas.grain(body.fading("right", 110), mix(coat, stage.palette.sky[2], 150))
    for root, side in ((170, -1), (200, 1)):
        canvas.paint(figure.stroke((root, 680, 13), (root + side * 70, 820, 13), (root + side * 50, 960, 10)), coat)
        canvas.paint(figure.stroke((root + side * 65, 810, 10), (root + side * 140, 920, 10)), coat)
    canvas.paint(figure.stroke((160, 670, 19), (110, 720, 10)), coat)


def fish(stage: Stage, x: int, y: int, size: int, colour: Colour) -> None:
    """A round fish that swims to the left; `size` is half its length."""
    canvas, dark, figure = stage.canvas, mix(colour, stage.shadow, 120), Figure(x, y, size)
    canvas.paint(figure.polygon((600, 0), (1000, 450), (900, 0), (1000, -450)), dark)
    canvas.paint(figure.polygon((-200, 300), (250, 680), (400, 200)), dark)
    body = figure.oval(0, 0, 750, 460)
    canvas.paint(body, colour)
    if size > stage.u(30):
        for place in (-100, 300):
            canvas.paint(body.within(figure.oval(place, 0, 80, 1000)), mix(CREAM, colour, 40))
        canvas.grain(body.fading("up", 150), dark)
    canvas.paint(figure.disc(-450, 80, 100), CREAM)
    canvas.paint(figure.disc(-460, 80, 55), _PUPIL)


def whale(stage: Stage, x: int, y: int, size: int, skin: Colour) -> None:
    """A whale that swims to the left; `size` is half its length."""
    canvas, figure = stage.canvas, Figure(x, y, size)
    canvas.paint(figure.stroke((400, 50, 200), (750, 180, 80), (920, 360, 50)), skin)
    for side in (-1, 1):
        canvas.paint(figure.stroke((920, 360, 60), (920 + side * 140, 460, 60), (920 + side * 270, 450, 12)), skin)
    body = figure.oval(0, 0, 700, 360)
    canvas.paint(body, skin)
    belly = body.without(figure.oval(150, 260, 950, 460))
    canvas.paint(belly, mix(CREAM, stage.palette.sky[1], 70))
    canvas.grain(body.fading("down", 110), mix(skin, stage.palette.sky[2], 130))
    canvas.paint(figure.oval(-50, -300, 90, 180), mix(skin, stage.shadow, 130))
    canvas.paint(figure.disc(-460, -10, 40), CREAM)
    canvas.paint(figure.disc(-465, -10, 24), _PUPIL)
    for i in range(4):
        canvas.paint(figure.disc(-550 - 30 * i, 460 + 220 * i, 52 - 10 * i).thinned(150), CREAM)
