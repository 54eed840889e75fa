"""A trial of a generator: one picture, paid for like any other, which is checked and not stored."""

import time
from dataclasses import dataclass

from promptcdn.catalog.renditions import Renditions
from promptcdn.clock import Clock
from promptcdn.generators import Generator
from promptcdn.money.budget import Budget
from promptcdn.money.costs import Cost
from promptcdn.problems import UpstreamFailed, filtered
from promptcdn.spool import Paid
from promptcdn.url.order import Order


@dataclass(frozen=True)
class Trial:
    """What a trial gave: seconds from the call to its answer, and what was paid."""

    seconds: float
    cost: Cost


async def trial(order: Order, generator: Generator, budget: Budget, renditions: Renditions, clock: Clock) -> Trial:
    """Asks the generator for the picture of `order`, and checks it as pictures are checked that are stored. `budget` is
    the one that counts this generator.

    Raises `Problem`: where the budget does not allow it, where there is no picture, or one that is not as ordered.
    """
    reservation = await budget.reserve(order.resolved, clock.utc())
    began = time.perf_counter()
    try:
        made = await generator.generate(order.resolved, order.content_key)
    except UpstreamFailed as failure:
        if not failure.charged:
            await budget.give_back(reservation)
        raise
    seconds = time.perf_counter() - began
    if made.filtered:
        raise filtered()
    await renditions.validated(Paid(order, made, int(clock.unix())))
    return Trial(seconds, reservation.cost)
