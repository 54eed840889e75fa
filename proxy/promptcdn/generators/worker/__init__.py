"""The `worker` generator: pictures by workers, which come for their orders over HTTPS from wherever they run.

    jobs      policy: which order a worker gets, when a lease is over, what a worker is told
    boards    where orders lie: in memory, or in the Redis that replicas share
    ledger    all orders, and the workers that called
    orders    those who wait for pictures
    workers   those who come for work
    work      these, put together
    starts    policy: when a worker is started
    starting  starts one, by a call or a command

A picture that a worker brings is settled by the replica that it is brought to (`making.deliveries`), whether or not
anybody still waits for it. So this generator is not called for a picture: `making` orders it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from promptcdn import problems
from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.generators.declaration import LOADED, Declaration
from promptcdn.problems import UpstreamFailed
from promptcdn.url.engines import ANY, EVERY_PARAMETER, IMAGE_TO_IMAGE, UPSCALING, Family
from promptcdn.url.request import Resolved


@dataclass(frozen=True)
class Worker:
    """Stands in the list of generators for all workers. `start` is how one is started, and is shown nowhere."""

    start: str = field(default="", repr=False)
    refuses: Final = ""  # orders wait, also while no worker calls

    @property
    def name(self) -> str:
        return DECLARATION.name

    @property
    def paid(self) -> bool:
        return DECLARATION.paid

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        """Nobody draws while somebody waits for it. Raises `UpstreamFailed`."""
        del resolved, content_key, sources
        detail = "workers come for orders of the running service, and none can be asked: try one with promptcdn work"
        raise UpstreamFailed(problems.UPSTREAM_UNREACHABLE, detail, charged=False)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        from promptcdn.generators.worker.starting import program_missing  # late: for those who are asked

        del engines
        detail = "worker: orders wait in the running service until a worker comes; promptcdn stats counts both"
        orders = Check("generator", True, detail)
        if not program_missing(self.start):
            return (orders,)
        advice = "write the whole path of the program, or put its folder into the PATH of the service"
        missing = "worker: the program of PROMPTCDN_WORKER_START is not there, so no worker can be started"
        return (orders, Check("generator", False, missing, advice))

    async def close(self) -> None:
        """Nothing is open."""


DECLARATION = Declaration(
    name="worker",
    opened=lambda given: Worker(given.settings["worker_start"]),
    engine=LOADED,
    engines=(
        Family(ANY.pattern, ANY.sizes, ANY.default_size, understands=EVERY_PARAMETER | IMAGE_TO_IMAGE | UPSCALING),
    ),
    paid=False,
    settings=("worker_tokens", "worker_start", "worker_starts"),
    needs=("worker_tokens",),
    auto=True,
    by_orders=True,
    concurrency=256,  # those who wait take up no GPU; an order goes on waiting when nobody does
)
