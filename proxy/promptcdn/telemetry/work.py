"""Metrics of workers, and of the orders that wait for them."""

from promptcdn.generators.worker.workers import Load, Workers
from promptcdn.problems import CounterUnavailable
from promptcdn.replicas.connection import RedisDown
from promptcdn.telemetry import Telemetry, metrics


def watch(telemetry: Telemetry, workers: Workers) -> None:
    """From now on these metrics are read from `workers` at each look."""

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
    telemetry.watch(metrics.WORKER_PICTURES, lambda: {(name,): count for name, count in workers.pictures.items()})
    telemetry.watch(metrics.WORKER_SECONDS, lambda: {(name,): total for name, total in workers.seconds.items()})
    telemetry.watch(metrics.WORKER_FAILURES, lambda: {(name,): count for name, count in workers.failures.items()})
