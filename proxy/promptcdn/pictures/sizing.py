"""What is made of a master: which of its pixels, how many, at which quality, and whether that is worth keeping.

One paid master has many renditions. The whole picture and a fixed ladder of widths at the usual quality are stored;
any other is encoded for its answer and held in memory only: free sizes would be an attack on storage.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from promptcdn.pictures.stored_widths import LADDER
from promptcdn.url import formats
from promptcdn.url.engines import Size
from promptcdn.url.request import Delivery

_NAMES = "|".join(map(re.escape, formats.BY_NAME))
_LABEL = re.compile(rf"(?:([0-9]{{1,5}})x([0-9]{{1,5}})\.)?(cut\.)?(?:q([0-9]{{1,3}})\.)?({_NAMES})")


class Box(NamedTuple):
    """A rectangle of a master's pixels: its left and upper edge, and what lies beyond its right and lower one."""

    left: float
    upper: float
    right: float
    lower: float


@dataclass(frozen=True)
class Variant:
    """One rendition of a master; deliveries that come to the same picture are the same variant.

    `size` is `None` for the whole picture, `quality` where it is the format's usual one.
    """

    format: str
    size: Size | None = None
    cropped: bool = False
    quality: int | None = None

    @property
    def label(self) -> str:
        """Its name among the renditions of its master; of what is stored, the end of the object's name."""
        size = f"{self.size[0]}x{self.size[1]}." if self.size else ""
        cut = "cut." if self.cropped else ""
        quality = f"q{self.quality}." if self.quality else ""
        return f"{size}{cut}{quality}{self.format}"

    @classmethod
    def parse(cls, label: str) -> "Variant | None":
        """The inverse of `label`; `None` for what is none."""
        match = _LABEL.fullmatch(label)
        if match is None:
            return None
        width, height, cut, quality, format_ = match.groups()
        size = (int(width), int(height)) if width else None
        return cls(format_, size, bool(cut), int(quality) if quality else None)

    @property
    def kept(self) -> bool:
        """Whether it is stored once it was made."""
        return not self.cropped and self.quality is None and (self.size is None or self.size[0] in LADDER)


def needs_size(delivery: Delivery) -> bool:
    """Whether the master's size must be known to tell the variant."""
    return delivery.w is not None or delivery.h is not None


def variant(delivery: Delivery, master: Size) -> Variant:
    """What `delivery` asks for of a master of that size; its format is no longer `auto`. Never larger than the master.

    `inside` fits the whole picture into `w` and `h`, `cover` fills both and cuts what is over; `cover` with one side
    is `inside`. `dpr` multiplies both sides, after they were rounded.
    """
    assert delivery.format != formats.AUTO, "negotiate the format first"
    size, cropped = _size(delivery, master)
    usual = formats.BY_NAME[delivery.format].quality
    quality = delivery.q if usual is not None and delivery.q != usual else None
    return Variant(delivery.format, None if size == master else size, cropped, quality)


def laid_out(delivery: Delivery, master: Size) -> Size:
    """The size in CSS pixels that a page gives to the picture: the file's, without the pixels for dense screens."""
    return _size(replace(delivery, dpr=None), master)[0]


def best_stand_in(variants: Iterable[Variant]) -> Variant | None:
    """Of renditions whose master was lost, the one that is nearest to it. `None` where no one shows all of it.

    The whole picture goes before smaller ones, the larger before the smaller, then the format that keeps most.
    """
    whole = [made for made in variants if not made.cropped]
    return max(whole, key=_likeness, default=None)


def _likeness(made: Variant) -> tuple[bool, int, int, int]:
    width, height = made.size or (0, 0)
    row = formats.BY_NAME[made.format]
    return made.size is None, width * height, -row.loss, made.quality or row.quality or 100


def cut(made: Variant, master: Size) -> Box:
    """The part of the master that `made` shows: all of it, or the middle in the shape of its size."""
    if made.size is None or not made.cropped:
        return Box(0, 0, *master)
    scale = min(master[0] / made.size[0], master[1] / made.size[1])
    # Where nothing is cut the difference may come out below nought by a rounding of floats, and Pillow refuses that.
    across = max(0.0, (master[0] - made.size[0] * scale) / 2)
    down = max(0.0, (master[1] - made.size[1] * scale) / 2)
    return Box(across, down, master[0] - across, master[1] - down)


def _size(delivery: Delivery, master: Size) -> tuple[Size, bool]:
    """The size as delivered, and whether sides are cut off."""
    dpr = delivery.dpr or 1
    wanted = tuple(side and side * dpr for side in (delivery.w, delivery.h))
    ratios = [side / own for side, own in zip(wanted, master, strict=True) if side is not None]
    if not ratios:
        return master, False
    if delivery.fit == "cover" and len(ratios) == 2:
        # What is larger than the master keeps its shape and shrinks to fit: nothing is enlarged.
        width, height = _scaled((wanted[0] or 1, wanted[1] or 1), min(1.0, 1 / max(ratios)))
        return (width, height), width * master[1] != height * master[0]
    return _scaled(master, min(1.0, *ratios)), False


def _scaled(size: Size, scale: float) -> Size:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def in_effect(delivery: Delivery) -> Delivery:
    """`delivery` without what changes nothing of it whatever the master: one file has one permalink."""
    row = None if delivery.format == formats.AUTO else formats.BY_NAME[delivery.format]
    sized = needs_size(delivery)
    return replace(
        delivery,
        dpr=delivery.dpr if sized and delivery.dpr != 1 else None,
        fit=delivery.fit if delivery.w and delivery.h and delivery.fit != "inside" else None,
        q=None if row is not None and row.quality in (None, delivery.q) else delivery.q,
    )
