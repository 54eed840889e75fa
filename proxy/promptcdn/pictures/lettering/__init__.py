"""Lettering: what a text says, in the letters that our font has, broken into lines. Blocking, and below all drawing."""

from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

_FONT = Path(__file__).with_name("Comfortaa-Bold.ttf")
_LONGEST = 400  # letters of a prompt that are looked at: no caption holds more
_ELLIPSIS = "…"


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels."""
    return ImageFont.truetype(_FONT, size, layout_engine=ImageFont.Layout.BASIC)


def readable(prompt: str) -> str:
    """The prompt without what the font cannot show; empty if no letter or digit is left."""
    kept = "".join(letter if known(letter) else " " for letter in prompt[:_LONGEST])
    text = " ".join(kept.split())
    return text if any(letter.isalnum() for letter in text) else ""


def lines(text: str, size: int, width: int, most: int) -> list[str]:
    """`text` in at most `most` lines no wider than `width`; what is too long ends in an ellipsis."""
    done: list[str] = []
    rest = text
    while rest and len(done) < most:
        line, rest = _line(rest, size, width)
        done.append(line)
    if rest:
        last = done[-1]
        while last and length(last + _ELLIPSIS, size) > width:
            last = last[:-1]
        done[-1] = last.rstrip(" ,.;:-") + _ELLIPSIS
    return done


def length(text: str, size: int) -> int:
    """How many pixels a line takes."""
    return sum(_advance(letter, size) for letter in text)


@lru_cache(maxsize=4096)
def known(letter: str) -> bool:
    """Whether the font has a letter."""
    # Pillow does not tell which letters a font has: one that it lacks looks like the sign for "none".
    drawn = font(24).getmask(letter)
    return (drawn.size, bytes(drawn)) != _unknown()


@lru_cache(maxsize=4096)
def _advance(letter: str, size: int) -> int:
    # Whole pixels, and no letter moves another: basic layout, and a font without a table of kerning.
    return int(font(size).getlength(letter))


def _line(text: str, size: int, width: int) -> tuple[str, str]:
    fitting = 0
    while fitting < len(text) and length(text[: fitting + 1], size) <= width:
        fitting += 1
    if fitting == len(text):
        return text, ""
    space = text.rfind(" ", 0, fitting + 1)
    cut = space if space > 0 else max(fitting, 1)
    return text[:cut].rstrip(), text[cut:].lstrip()


@cache
def _unknown() -> tuple[tuple[int, int], bytes]:
    drawn = font(24).getmask("\U0010ffff")
    return drawn.size, bytes(drawn)
