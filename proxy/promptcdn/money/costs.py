"""What a picture costs, in thousandths of a credit (whole numbers: sums of them are exact).

The image generator's API does not say what a call costs, so each generator declares the prices of its engines. The
operator's own prices are those of `PROMPTCDN_PRICES`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from promptcdn.url.engines import Size
from promptcdn.url.request import Resolved

# Prices are for so many steps. Fewer steps are not cheaper on every price list; more cost in proportion.
STEPS = 30

_AREA = 512 * 512


@dataclass(frozen=True)
class Cost:
    """What was or will be paid for pictures of one engine: `generator/engine`, or what older versions counted, which
    have the engine alone or nothing."""

    engine: str
    pictures: int
    millicredits: int


@dataclass(frozen=True)
class Price:
    """A picture up to 512x512, and each further area of that size, in thousandths of a credit: for engines whose id the
    pattern matches. `any_steps`: more steps cost no more."""

    pattern: str
    picture: int
    area: int = 0
    any_steps: bool = False

    def of(self, pixels: int) -> int:
        return self.picture + _divided_up(self.area * max(0, pixels - _AREA), _AREA)


@dataclass(frozen=True)
class Prices:
    """The operator's own prices by engine, in thousandths of a credit for a picture of any size in 30 steps.

    An engine that two generators have is `generator/engine`. `published` has the prices of all other engines by
    generator; the first pattern that matches the whole id wins.
    """

    by_engine: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, tuple[Price, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, published: Mapping[str, tuple[Price, ...]] | None = None) -> Self:
        """`my-engine=1.5, other=0`, in credits; an empty text has no price. Raises `ValueError`."""
        by_engine: dict[str, int] = {}
        for item in text.split(",") if text.strip() else ():
            engine, _, amount = (part.strip() for part in item.rpartition("="))
            if not engine or engine in by_engine:
                raise ValueError("prices are one for each engine, in credits a picture, like my-engine=1.5, other=0")
            by_engine[engine] = millicredits(amount)
        return cls(by_engine, published or {})

    def cost(self, resolved: Resolved) -> Cost:
        """What this picture costs."""
        price = self.price(resolved.generator, resolved.engine, resolved.size, resolved.steps)
        return Cost(f"{resolved.generator}/{resolved.engine}", 1, price)

    def price(self, generator: str, engine: str, size: Size, steps: int) -> int:
        """In thousandths of a credit. An engine without a price costs as much as its generator's most expensive one."""
        published = self.published.get(generator, ())
        listed = next((price for price in published if re.fullmatch(price.pattern, engine)), None)
        own = self.by_engine.get(f"{generator}/{engine}", self.by_engine.get(engine))
        pixels = size[0] * size[1]
        if own is not None:
            price = own
        elif listed is not None:
            price = listed.of(pixels)
        else:
            price = max((each.of(pixels) for each in published), default=0)
        steps = STEPS if listed is not None and listed.any_steps else max(steps, STEPS)
        return _divided_up(price * steps, STEPS)


def millicredits(text: str) -> int:
    """`12.5` credits in thousandths. Raises `ValueError`."""
    match = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?", text)
    if match is None:
        raise ValueError("credits are a number with at most three decimals, like 1.5")
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))


def in_credits(amount: int) -> str:
    """Thousandths as credits, without zeros at the end: the inverse of `millicredits`."""
    whole, thousandths = divmod(amount, 1000)
    return f"{whole}.{thousandths:03}".rstrip("0").rstrip(".")


def _divided_up(amount: int, by: int) -> int:
    return -(-amount // by)
