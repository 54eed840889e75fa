"""The mount: a sheet of paper around the drawing, with the prompt and the word "sketch" in its lower margin.

It says at first sight that this is no paid picture.
"""

from dataclasses import dataclass
from functools import cached_property

from PIL import Image, ImageDraw

from promptcdn.generators.sketch.canvas import dots
from promptcdn.generators.sketch.palette import Colour, Palette, brightness, mix
from promptcdn.generators.sketch.raster import FINE, disc, stroke
from promptcdn.generators.sketch.stage import CREAM
from promptcdn.pictures import lettering

_WORD = "sketch"
_INK: Colour = (24, 22, 34)


@dataclass(frozen=True)
class Mount:
    """A sheet of `width` x `height` pixels for a prompt."""

    width: int
    height: int
    prompt: str

    @cached_property
    def lines(self) -> list[str]:
        """The caption."""
        room = self.width - 2 * self.margin - self._tag - self.size // 2
        most = 1 if self.width > 2 * self.height else 3 if self.height > 2 * self.width else 2
        return lettering.lines(lettering.readable(self.prompt), self.size, room, most)

    @property
    def size(self) -> int:
        """The letters' size: still legible when the picture is shown 300 pixels wide."""
        return max(min(self.width * 9 // 256, self.height // 8), 14)

    @property
    def margin(self) -> int:
        """The paper's width at the sides and the top."""
        return max(min(self.width, self.height) // 28, 8)

    @property
    def opening(self) -> tuple[int, int]:
        """The size of the drawing."""
        return self.width - 2 * self.margin, self.height - self.margin - self._foot

    def around(self, image: Image.Image, palette: Palette) -> Image.Image:
        """The sheet with a drawing of size `opening`."""
        paper, ink = mix(CREAM, palette.sky[2], 36), mix(min(palette.near, palette.sky[0], key=brightness), _INK, 150)
        sheet = Image.new("RGB", (self.width, self.height), paper)
        self._fleck(sheet, mix(paper, ink, 60))
        sheet.paste(image, (self.margin, self.margin))
        self._write(ImageDraw.Draw(sheet), ink)
        self._stamp(sheet, palette, paper, ink)
        if not self.lines:
            self._colour_marks(sheet, palette)
        return sheet

    @property
    def _leading(self) -> int:
        return self.size * 5 // 4

    @property
    def _tag(self) -> int:
        return lettering.length(_WORD, self.size) + self.size

    @property
    def _foot(self) -> int:
        return self._leading * max(len(self.lines), 1) + self.size * 8 // 10

    @property
    def _first_line(self) -> int:
        return self.height - self._foot + self.size * 4 // 10

    def _fleck(self, sheet: Image.Image, colour: Colour) -> None:
        lying = dots(Image.new("L", (self.width, max(self.margin, self._foot)), 7))
        upright = dots(Image.new("L", (self.margin, self.height), 7))
        for mask, x, y in (
            (lying, 0, 0),
            (lying, 0, self.height - self._foot),
            (upright, 0, 0),
            (upright, self.width - self.margin, 0),
        ):
            sheet.paste(Image.new("RGB", mask.size, colour), (x, y), mask)

    def _write(self, draw: ImageDraw.ImageDraw, ink: Colour) -> None:
        face = lettering.font(self.size)
        for i, line in enumerate(self.lines):
            draw.text((self.margin, self._first_line + i * self._leading), line, ink, face)

    def _stamp(self, sheet: Image.Image, palette: Palette, paper: Colour, ink: Colour) -> None:
        middle = (self._first_line + self.size * 56 // 100) * FINE
        radius = self.size * 60 // 100 * FINE
        left, right = (self.width - self.margin - self._tag) * FINE + radius, (self.width - self.margin) * FINE - radius
        pill = stroke([(left, middle, radius), (right, middle, radius)])
        sheet.paste(Image.new("RGB", pill.mask.size, palette.accent), (pill.x, pill.y), pill.mask)
        letters = ink if brightness(palette.accent) > 130 else paper
        at = (self.width - self.margin - self._tag + self.size // 2, self._first_line)
        ImageDraw.Draw(sheet).text(at, _WORD, letters, lettering.font(self.size))

    def _colour_marks(self, sheet: Image.Image, palette: Palette) -> None:
        """A printer's colour marks, where there is no caption."""
        radius, y = self.size * FINE // 3, (self._first_line + self.size // 2) * FINE
        for i, colour in enumerate((palette.accent, palette.second, palette.far, palette.sky[0])):
            dot = disc(self.margin * FINE + radius + i * 3 * radius, y, radius)
            sheet.paste(Image.new("RGB", dot.mask.size, colour), (dot.x, dot.y), dot.mask)
