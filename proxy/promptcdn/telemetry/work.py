"""Metrics of workers, and of the orders that wait for them."""

from collections.abc import Sequence
from typing import get_args

from promptcdn.generators.worker.starting import Result
from promptcdn.generators.worker.work import Work
from promptcdn.generators.worker.workers import Load
from promptcdn.problems import CounterUnavailable
from promptcdn.replicas.connection import RedisDown
from promptcdn.telemetry import Telemetry, metrics


def watch(telemetry: Telemetry, work: Work, names: Sequence[str]) -> None:
    """From now on these metrics are read from `work` at each look; `names` are those of all tokens."""
    workers, starter = work.workers, work.starter

    async def load() -> Load:
        try:
            return await workers.load()
        except RedisDown as down:
            raise CounterUnavailable(str(down)) from down

    async def orders() -> float:
        return (await load()).orders

    async def oldest() -> float:
        return (await load()).oldest

    async def present() -> float:
        return (await load()).workers

    telemetry.watch(metrics.ORDERS, orders)
    telemetry.watch(metrics.OLDEST_ORDER, oldest)
    telemetry.watch(metrics.WORKERS, present)
    if starter is not None:
        results = get_args(Result)
        telemetry.watch(metrics.WORKER_STARTS, lambda: {(result,): starter.results[result] for result in results})
    # An alert sees no increase from nothing to the first one.
    telemetry.watch(metrics.WORKER_PICTURES, lambda: {(name,): workers.pictures[name] for name in names})
    telemetry.watch(metrics.WORKER_SECONDS, lambda: {(name,): workers.seconds.get(name, 0.0) for name in names})
    telemetry.watch(metrics.WORKER_FAILURES, lambda: {(name,): workers.failures[name] for name in names})
