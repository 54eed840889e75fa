"""What a picture costs, in thousandths of a credit (whole numbers: sums of them are exact).

The upstream answers no question about prices, so they stand here. Where its own pages differ over the years the
highest is taken, since a budget that counts too little is none; `PROMPTCDN_PRICES` says what the operator knows better.
Sources: Stability's "Credits + Billing" page of 2023 (a table by steps and pixels, for all engines but SDXL), and its
price list as users quote it (2024: SDXL 1.0 0.2 to 0.6 credits, SD 1.6 0.2 to 1.0; 2025: SDXL 1.0 from 0.9).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from promptcdn.url.request import Resolved

# Prices are for so many steps: fewer are not cheaper on every list, more cost in proportion.
STEPS = 30

_AREA = 512 * 512


@dataclass(frozen=True)
class Cost:
    """What was or will be paid to one engine."""

    engine: str
    pictures: int
    millicredits: int


@dataclass(frozen=True)
class _Price:
    """Thousandths of a credit up to 512x512, and for each such area more."""

    pattern: str
    picture: int
    area: int = 0

    def of(self, pixels: int) -> int:
        return self.picture + _divided_up(self.area * max(0, pixels - _AREA), _AREA)


# The first pattern that matches the whole id wins.
_PRICES = (
    _Price(r"sketch", 0),
    _Price(r"stable-diffusion-xl-1024-v(0-9|1-0)", 900),
    _Price(r"stable-diffusion-v1-6", 1000),
    _Price(r"stable-diffusion-(v1(-[0-5])?|512-v2-[01]|768-v2-[01])", 600, 1740),
)


@dataclass(frozen=True)
class Prices:
    """The operator's own prices by engine, in thousandths of a credit for a picture of any size in 30 steps."""

    said: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`my-engine=1.5, other=0`, in credits; an empty text names no price. Raises `ValueError`."""
        said: dict[str, int] = {}
        for item in text.split(",") if text.strip() else ():
            engine, _, amount = (part.strip() for part in item.rpartition("="))
            if not engine or engine in said:
                raise ValueError(
                    "say once for each engine what a picture costs in credits, like my-engine=1.5, other=0"
                )
            said[engine] = millicredits(amount)
        return cls(said)

    def cost(self, resolved: Resolved) -> Cost:
        """What this picture costs; an engine that nobody has a price for is as dear as the dearest."""
        price = self.said.get(resolved.engine)
        if price is None:
            price = _published(resolved.engine, resolved.width * resolved.height)
        return Cost(resolved.engine, 1, _divided_up(price * max(resolved.steps, STEPS), STEPS))


def millicredits(text: str) -> int:
    """`12.5` credits in thousandths. Raises `ValueError`."""
    match = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?", text)
    if match is None:
        raise ValueError("credits are a number with three decimals at most, like 1.5")
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))


def in_credits(amount: int) -> str:
    """Thousandths as credits: the inverse of `millicredits`, without noughts at the end."""
    whole, thousandths = divmod(amount, 1000)
    return f"{whole}.{thousandths:03}".rstrip("0").rstrip(".")


def _published(engine: str, pixels: int) -> int:
    known = next((price for price in _PRICES if re.fullmatch(price.pattern, engine)), None)
    return known.of(pixels) if known else max(price.of(pixels) for price in _PRICES)


def _divided_up(amount: int, by: int) -> int:
    return -(-amount // by)
