"""The budget: how much may be paid for in a period. A kill -9 forgets nothing of what was spent.

    limits     what the operator allows in each period, and how a picture beyond it is refused
    sqlite     the count in a SQLite file, which the processes of one machine share
    redis      the count of several machines together in Redis, by the scripts in `lua`
    merge      the numbers that replicas tell each other, should Redis forget them

A reservation is spent until it is given back, so a crash between the two counts too much, never too little.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from promptcdn.money.budget.limits import Usage
from promptcdn.money.costs import Cost
from promptcdn.url.periods import Period
from promptcdn.url.request import Resolved


@dataclass(frozen=True)
class Reservation:
    """What one picture costs, and the moment it is charged to."""

    at: datetime
    cost: Cost


class Budget(Protocol):
    """What may be spent on new pictures, and what was spent."""

    @property
    def forgets(self) -> str:
        """Why a restart forgets the count; empty where it does not."""
        ...

    async def start(self) -> None:
        """Begins what goes on beside requests, until `close`. A budget that was not started can be looked at only."""
        ...

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        """Spends what this picture costs of every limit, or of none. Called once its flight has begun, and before the
        generator is.

        Raises `Problem` (503) that names the limits spent, and `CounterUnavailable` where there are limits and it is
        not known what is left of them.
        """
        ...

    async def give_back(self, reservation: Reservation) -> None:
        """For a call that surely cost nothing; all others stay spent. Raises `CounterUnavailable`: it stays spent."""
        ...

    async def usage(self, now: datetime) -> tuple[Usage, ...]:
        """What was used of each limit, in the period that `now` lies in. Raises `CounterUnavailable`."""
        ...

    async def by_engine(self, unit: Period, at: datetime) -> tuple[Cost, ...]:
        """What was spent on each engine in the `unit` that `at` lies in; engine `""` is what older versions counted.

        Raises `CounterUnavailable`.
        """
        ...

    async def close(self) -> None: ...


class NoBudget:
    """No limit, and nothing counted: for a generator that costs nothing."""

    forgets = ""

    async def start(self) -> None:
        """There is nothing to begin."""

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        return Reservation(now, Cost(f"{resolved.generator}/{resolved.engine}", 1, 0))

    async def give_back(self, reservation: Reservation) -> None:
        """Nothing was counted."""

    async def usage(self, now: datetime) -> tuple[Usage, ...]:  # noqa: ARG002 - the same for all times
        """There is no limit."""
        return ()

    async def by_engine(self, unit: Period, at: datetime) -> tuple[Cost, ...]:  # noqa: ARG002 - the same for all
        """Nothing was counted."""
        return ()

    async def close(self) -> None:
        """Nothing is open."""


_FREE = NoBudget()


def purse(budget: Budget, *, paid: bool, any_paid: bool) -> Budget:
    """What counts the pictures of a generator. Beside generators that are paid, one that costs nothing is not counted;
    where none is paid, a budget that the operator has set counts all."""
    return budget if paid or not any_paid else _FREE
