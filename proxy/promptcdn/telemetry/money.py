"""What the budget's counter knows, as gauges: it outlives restarts, and counts for all processes of the machine."""

from datetime import datetime

from promptcdn.clock import Clock
from promptcdn.money.budget import Budget
from promptcdn.money.costs import Cost
from promptcdn.telemetry import Reading, Telemetry, metrics


def watch(telemetry: Telemetry, budget: Budget, clock: Clock) -> None:
    """From now on `telemetry` has gauges of what was spent, and of what may still be spent."""

    async def left() -> Reading:
        return {(str(each.limit),): each.limit.number(each.left) for each in await budget.usage(clock.utc())}

    async def limit() -> Reading:
        return {(str(each.limit),): each.limit.number(each.limit.amount) for each in await budget.usage(clock.utc())}

    async def pictures() -> Reading:
        costs = await spent(budget, clock.utc())
        return {(cost.engine, period): cost.pictures for period, each in costs.items() for cost in each}

    async def credits_() -> Reading:
        costs = await spent(budget, clock.utc())
        return {(cost.engine, period): cost.millicredits / 1000 for period, each in costs.items() for cost in each}

    telemetry.watch(metrics.BUDGET_LEFT, left)
    telemetry.watch(metrics.BUDGET_LIMIT, limit)
    telemetry.watch(metrics.SPENT_PICTURES, pictures)
    telemetry.watch(metrics.SPENT_CREDITS, credits_)


async def spent(budget: Budget, now: datetime) -> dict[str, tuple[Cost, ...]]:
    """What was spent on each engine in this UTC `day` and `month`. Raises `CounterUnavailable`."""
    return {
        "day": await budget.by_engine("day", now),
        "month": await budget.by_engine("month", now),
    }
