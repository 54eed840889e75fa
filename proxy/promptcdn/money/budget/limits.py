"""What the operator allows to be spent: limits in pictures or credits for each period, and the refusal beyond them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self, cast

from promptcdn import problems
from promptcdn.money.costs import Cost, in_credits, millicredits
from promptcdn.url.periods import Period

Currency = Literal["pictures", "credits"]

UNLIMITED = "unlimited"

_LIMIT = r"(?:([a-z][a-z0-9-]*) ?= ?)?([0-9]{1,9})(?:(\.[0-9]{1,3})? (credits?))?/(hour|day|week|month)"
_ALLOWED = (
    "a budget is so many pictures or credits in a period, like 100/day or 100/day, 500 credits/month; or unlimited;"
    " a limit for one generator is like NAME=20/day"
)


@dataclass(frozen=True)
class BudgetLimit:
    """So many pictures, or thousandths of a credit, in each UTC hour, day, week (ISO) or month: of all generators
    together, or of one alone."""

    amount: int
    unit: Period
    currency: Currency = "pictures"
    generator: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """`100/day`, `12.5 credits/month` or `a1111=20/day`. Raises `ValueError` for anything else."""
        match = re.fullmatch(_LIMIT, text)
        if match is None:
            raise ValueError(_ALLOWED)
        generator, whole, decimals, credits_, unit = match.groups(default="")
        if credits_:
            return cls(millicredits(whole + decimals), cast("Period", unit), "credits", generator)
        return cls(int(whole), cast("Period", unit), generator=generator)

    def __str__(self) -> str:
        whose = f"{self.generator}=" if self.generator else ""
        return f"{whose}{self.shown(self.amount)}{' credits' * (self.currency == 'credits')}/{self.unit}"

    def shown(self, amount: int) -> str:
        """An amount in this limit's currency, as text for people."""
        return in_credits(amount) if self.currency == "credits" else str(amount)

    def number(self, amount: int) -> float:
        """An amount in this limit's currency, as a number for programs."""
        return amount / 1000 if self.currency == "credits" else amount

    @property
    def prefix(self) -> str:
        """What the engines begin with that it counts; empty where it counts all."""
        return f"{self.generator}/" if self.generator else ""

    def of(self, *costs: Cost) -> int:
        """How much of this limit `costs` take together."""
        counted = [cost for cost in costs if cost.engine.startswith(self.prefix)]
        return sum(cost.millicredits if self.currency == "credits" else cost.pictures for cost in counted)


@dataclass(frozen=True)
class BudgetLimits:
    """Limits that all hold at once, those of one generator beside those of all; no limit at all is unlimited."""

    each: tuple[BudgetLimit, ...] = ()

    @classmethod
    def parse(cls, text: str, otherwise: str = UNLIMITED) -> Self:
        """`100/day, 500 credits/month`, or `unlimited`, and limits of single generators like `a1111=20/day`.

        `otherwise` holds for all generators where the text has such limits only. Raises `ValueError` for anything else.
        """
        items = re.split(", *", text)
        if all("=" in item for item in items):
            items = [otherwise, *items]
        each = tuple(BudgetLimit.parse(item) for item in items if item != UNLIMITED)
        for_all = [limit for limit in each if not limit.generator]
        if items.count(UNLIMITED) > (not for_all):
            raise ValueError(f"unlimited stands beside a limit for all: say one of them; {_ALLOWED}")
        if len({(limit.unit, limit.currency, limit.generator) for limit in each}) < len(each):
            raise ValueError("there are two limits for one period and currency: keep the smaller one")
        return cls(each)

    @property
    def generators(self) -> tuple[str, ...]:
        """Those that have limits of their own."""
        return tuple(dict.fromkeys(limit.generator for limit in self.each if limit.generator))

    def __str__(self) -> str:
        return ", ".join(map(str, self.each)) or UNLIMITED


@dataclass(frozen=True)
class Usage:
    """What was used of a limit in the period that ends at `until`; amounts as in the limit."""

    limit: BudgetLimit
    used: int
    until: datetime

    @property
    def left(self) -> int:
        return max(0, self.limit.amount - self.used)

    def allows(self, cost: Cost) -> bool:
        """Whether `cost` may still be spent. What costs nothing always may, also where the limit is overdrawn."""
        return self.limit.of(cost) <= self.left

    def values(self) -> dict[str, str | float]:
        """The usage for JSON; credits as credits, not thousandths."""
        number = self.limit.number
        return {
            "limit": str(self.limit),
            "currency": self.limit.currency,
            "period": self.limit.unit,
            "amount": number(self.limit.amount),
            "used": number(self.used),
            "left": number(self.left),
            "until": self.until.isoformat(),
        }

    def __str__(self) -> str:
        return f"{self.limit.shown(self.left)} of {self.limit} left"


def summary(usages: Sequence[Usage]) -> str:
    """What is left of each limit, in one line."""
    return ", ".join(map(str, usages)) or "unlimited"


def refusal(spent: Sequence[Usage], cost: Cost, now: datetime) -> problems.Problem:
    """The 503 for a picture that these limits do not allow. It is possible once the last of them begins anew."""
    last = max(spent, key=lambda usage: usage.until)
    which = ", ".join(
        f"{usage.limit} ({usage.limit.shown(usage.left)} left, {usage.limit.shown(usage.limit.of(cost))} needed)"
        for usage in spent
    )
    detail = f"the budget is spent: {which}; new pictures are possible from {last.until:%Y-%m-%d %H:%M} UTC"
    return problems.Problem(problems.BUDGET_SPENT, detail, retry_after=int((last.until - now).total_seconds()) + 1)
