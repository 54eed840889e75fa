"""The ledger: all jobs, and the workers that called, as they lie on a board. What becomes of them is decided in `jobs`.

Every call raises `RedisDown` where the board is in Redis and Redis does not answer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from promptcdn.clock import SYSTEM, Clock
from promptcdn.generators.worker import jobs as policy
from promptcdn.generators.worker.boards import Board
from promptcdn.generators.worker.jobs import Can, Job, Presence


@dataclass(frozen=True)
class Row:
    """A job as it was read. `text` is what a change of it compares; there may be no job, or one that only a newer
    version can read."""

    key: str
    text: str = ""
    job: Job | None = None


@dataclass(frozen=True)
class Timings:
    """How the board is looked at: `pace` is the least time between two looks at all of it, in seconds. Many changes in
    that time are seen in one look."""

    pace: float = 0.05


TIMINGS = Timings()


@dataclass(frozen=True)
class Seen:
    """The jobs and the workers of one look, and the moment of the look. A change that is made here after the look is
    in it as well. `nothing_for` has the workers for whom no job was found in it."""

    rows: dict[str, Row] = field(default_factory=dict)
    workers: dict[str, Presence] = field(default_factory=dict)
    now: float = 0.0
    nothing_for: set[tuple[str, Can]] = field(default_factory=set)

    @property
    def jobs(self) -> list[Job]:
        return [row.job for row in self.rows.values() if row.job is not None]

    def job(self, key: str) -> Job | None:
        """The job of that picture."""
        row = self.rows.get(key)
        return row.job if row else None


class Ledger:
    """Reads and changes what lies on the board."""

    def __init__(
        self,
        board: Board,
        *,
        clock: Clock = SYSTEM,
        timings: policy.Timings = policy.TIMINGS,
        look_timings: Timings = TIMINGS,
    ) -> None:
        self.board = board
        self.clock = clock
        self.timings = timings
        self._pace = look_timings.pace
        self._turn = asyncio.Lock()
        self._seen = Seen()
        # How many looks have begun, which one found `_seen`, and when it ended by the event loop's clock.
        self._begun = self._ended = 0
        self._ended_at = float("-inf")
        # When a worker was last started, as far as is known here.
        self.last_start: float | None = None

    async def row(self, key: str) -> Row:
        """The job of a picture; without one that time has ended."""
        text = await self.board.row("jobs", key)
        job = policy.read(text)
        return Row(key, text, policy.swept(job, self.clock.unix(), self.timings) if job else None)

    async def look(self) -> Seen:
        """All there is. What time has ended is taken away.

        All who ask at the same time share one look, which began after they asked: each look reads every job, and
        hundreds of workers may wait for one.
        """
        before = self._begun
        async with self._turn:
            if self._ended <= before:
                loop = asyncio.get_running_loop()
                await asyncio.sleep(self._ended_at + self._pace - loop.time())
                self._begun += 1
                self._seen = await self._look()
                self._ended, self._ended_at = self._begun, loop.time()
        return self._seen

    async def _look(self) -> Seen:
        now, rows = self.clock.unix(), dict[str, Row]()
        for key, text in (await self.board.rows("jobs")).items():
            known = self._seen.rows.get(key)
            job = known.job if known and known.text == text else policy.read(text)
            left = policy.swept(job, now, self.timings) if job else None
            if job is None or left is job:
                rows[key] = Row(key, text, job)
                continue
            after = policy.written(left) if left else ""
            if await self.board.swap("jobs", key, text, after, wake=True) and left:
                rows[key] = Row(key, after, left)
        return Seen(rows, await self._workers(now), now)

    async def put(self, row: Row, job: Job, *, wake: bool = False) -> bool:
        """Writes a job in the place of what was read; whether that was still there."""
        text = policy.written(job)
        if not await self.board.swap("jobs", row.key, row.text, text, wake=wake):
            return False
        self._seen.rows[row.key] = Row(row.key, text, job)
        return True

    async def change(self, key: str, change: Callable[[Row], Job | None], *, wake: bool = False) -> Job | None:
        """Writes what `change` makes of a job, decided anew where others were faster; nothing where it gives none."""
        while True:
            row = await self.row(key)
            job = change(row)
            if job is None or await self.put(row, job, wake=wake):
                return job

    async def see(self, worker: str, seconds: float = 0.0, can: Can | None = None) -> None:
        """Notes that a worker called, how long a picture of it took, and what it can draw."""
        text = await self.board.row("workers", worker)
        before = policy.presence_read(text)
        took = policy.average(seconds, before.seconds) if seconds else before.seconds
        now = Presence(self.clock.unix(), took, can or before.can)
        # A worker that is not noted for once calls again within seconds.
        await self.board.swap("workers", worker, text, policy.presence_written(now))

    async def _workers(self, now: float) -> dict[str, Presence]:
        texts = await self.board.rows("workers")
        workers = policy.remembered(
            {name: policy.presence_read(text) for name, text in texts.items()}, now, self.timings
        )
        for name in texts.keys() - workers.keys():
            await self.board.swap("workers", name, texts[name], "")
        return workers
