"""What several replicas have spent, as numbers that only grow: merged by the larger one, none is lost or counts twice.

For each period, replica and engine there is the number of pictures paid for and the number given back, and the same in
thousandths of a credit. Whoever receives them twice, late, or in another order has the same numbers in the end, so that
any replica can fill a Redis that forgot all (a grow-only counter, Shapiro et al. 2011).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Self, get_args

from promptcdn.money.costs import Cost
from promptcdn.url.periods import Period, period_end, period_name

# Pictures and millicredits that were paid for (p, m), and those that were given back (rp, rm).
Tally = Literal["p", "m", "rp", "rm"]

UNITS: tuple[Period, ...] = ("hour", "day", "week", "month")
# So far apart may the clocks of two replicas be where a period begins.
_SKEW = timedelta(minutes=5)


class Field(NamedTuple):
    """Whose number it is. As text (`replica|engine|kind`) it is a field of a hash in Redis; only the engine's name may
    contain a bar itself."""

    replica: str
    engine: str
    kind: Tally

    @classmethod
    def parse(cls, text: str) -> Self:
        replica, _, rest = text.partition("|")
        engine, _, kind = rest.rpartition("|")
        return cls(replica, engine, next(each for each in get_args(Tally) if each == kind))

    def __str__(self) -> str:
        return f"{self.replica}|{self.engine}|{self.kind}"


# (period, field) → the number
Numbers = Mapping[tuple[str, str], int]


class Totals:
    """The numbers that one replica has, its own and all that it received."""

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, str], int] = {}

    def merge(self, others: Numbers) -> None:
        for name, number in others.items():
            self.numbers[name] = max(number, self.numbers.get(name, 0))

    def beyond(self, others: Numbers) -> dict[tuple[str, str], int]:
        """The numbers that are larger here than in `others`."""
        return {name: number for name, number in self.numbers.items() if number > others.get(name, 0)}

    def keep(self, periods: Iterable[str]) -> None:
        """Forgets all other periods."""
        kept = set(periods)
        self.numbers = {(period, field): number for (period, field), number in self.numbers.items() if period in kept}

    def own(self, replica: str, period: str, cost: Cost) -> dict[tuple[str, str], int]:
        """The numbers of a replica that has spent `cost` and not got it back: with all that it got back before."""
        names = {kind: (period, str(Field(replica, cost.engine, kind))) for kind in get_args(Tally)}
        back = {kind: self.numbers.get(names[kind], 0) for kind in get_args(Tally)}
        return {names["p"]: cost.pictures + back["rp"], names["m"]: cost.millicredits + back["rm"]}


def costs(fields: Mapping[str, int]) -> tuple[Cost, ...]:
    """What all replicas together spent on each engine in one period and did not get back."""
    sums: defaultdict[tuple[str, Tally], int] = defaultdict(int)
    for text, number in fields.items():
        field = Field.parse(text)
        sums[field.engine, field.kind] += number
    each = (
        Cost(engine, sums[engine, "p"] - sums[engine, "rp"], sums[engine, "m"] - sums[engine, "rm"])
        for engine in sorted({engine for engine, _ in sums})
    )
    return tuple(cost for cost in each if cost.pictures)


def periods(*moments: datetime) -> dict[str, datetime]:
    """The hours, days, weeks and months that these moments lie in, and when each ends."""
    return {period_name(unit, at): period_end(unit, at) for at in moments for unit in UNITS}


def around(now: datetime) -> dict[str, datetime]:
    """The periods that some replica may count in, by its own clock, and when each ends."""
    return periods(now, now - _SKEW, now + _SKEW)
