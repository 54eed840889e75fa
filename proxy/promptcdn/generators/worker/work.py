"""All of a service's orders for workers, put together: one board for all generators whose pictures are ordered."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from promptcdn.clock import Clock
from promptcdn.generators.worker.boards import MemoryBoard, RedisBoard
from promptcdn.generators.worker.ledger import Ledger
from promptcdn.generators.worker.orders import Orders
from promptcdn.generators.worker.starting import Starter
from promptcdn.generators.worker.workers import Workers
from promptcdn.replicas.connection import RedisConnection


@dataclass(frozen=True)
class Work:
    """Those who wait, by generator, and those who come for work."""

    orders: Mapping[str, Orders]
    workers: Workers
    starter: Starter | None = None

    def start(self) -> None:
        """Begins to look whether a worker has to be started, where the operator says how."""
        if self.starter is not None:
            self.starter.start()

    def stop(self) -> None:
        """Ends all waiting: the service stops. Orders stay where they are."""
        for orders in self.orders.values():
            orders.stop()
        self.workers.stop()

    async def close(self) -> None:
        if self.starter is not None:
            await self.starter.close()
        for orders in self.orders.values():
            await orders.close()
        await self.workers.close()


def opened(
    generators: Iterable[str],
    connection: RedisConnection | None,
    seconds: Callable[[str], float],
    clock: Clock,
    start: str = "",
    starts: int = 0,
    folder: Path | None = None,
) -> Work:
    """The orders of these generators, each waited for so many seconds; in Redis where there is one, else in memory.

    `start` says how a worker is started, empty where none is, and `starts` how often within 24 hours; without Redis
    they are written down in `folder`.
    """
    kept = folder and folder / "worker-starts"
    ledger = Ledger(MemoryBoard(kept) if connection is None else RedisBoard(connection), clock=clock)
    starter = Starter(ledger, start, starts) if start else None
    return Work({name: Orders(ledger, seconds(name)) for name in generators}, Workers(ledger), starter)
