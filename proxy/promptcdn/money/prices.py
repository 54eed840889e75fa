"""What a picture costs, in thousandths of a credit (whole numbers: sums of them are exact).

No upstream answers a question about prices, so each generator declares those of its engines; `PROMPTCDN_PRICES` says
what the operator knows better.
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
class Price:
    """Thousandths of a credit up to 512x512, and for each such area more: for engines whose id the pattern matches."""

    pattern: str
    picture: int
    area: int = 0

    def of(self, pixels: int) -> int:
        return self.picture + _divided_up(self.area * max(0, pixels - _AREA), _AREA)


@dataclass(frozen=True)
class Prices:
    """The operator's own prices by engine, in thousandths of a credit for a picture of any size in 30 steps.

    `published` has the prices of all other engines; the first pattern that matches the whole id wins.
    """

    said: Mapping[str, int] = field(default_factory=dict)
    published: tuple[Price, ...] = ()

    @classmethod
    def parse(cls, text: str, published: tuple[Price, ...] = ()) -> Self:
        """`my-engine=1.5, other=0`, in credits; an empty text names no price. Raises `ValueError`."""
        said: dict[str, int] = {}
        for item in text.split(",") if text.strip() else ():
            engine, _, amount = (part.strip() for part in item.rpartition("="))
            if not engine or engine in said:
                raise ValueError(
                    "say once for each engine what a picture costs in credits, like my-engine=1.5, other=0"
                )
            said[engine] = millicredits(amount)
        return cls(said, published)

    def cost(self, resolved: Resolved) -> Cost:
        """What this picture costs; an engine that nobody has a price for is as dear as the dearest."""
        price = self.said.get(resolved.engine)
        if price is None:
            price = self._published(resolved.engine, resolved.width * resolved.height)
        return Cost(resolved.engine, 1, _divided_up(price * max(resolved.steps, STEPS), STEPS))

    def _published(self, engine: str, pixels: int) -> int:
        known = next((price for price in self.published if re.fullmatch(price.pattern, engine)), None)
        return known.of(pixels) if known else max((price.of(pixels) for price in self.published), default=0)


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


def _divided_up(amount: int, by: int) -> int:
    return -(-amount // by)
