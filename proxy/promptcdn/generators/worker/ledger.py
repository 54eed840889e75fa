"""The ledger: all jobs, and the workers that called, as they lie on a board. What becomes of them is decided in `jobs`.

Every call raises `RedisDown` where the board is in Redis and Redis does not answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from promptcdn.clock import SYSTEM, Clock
from promptcdn.generators.worker import jobs as policy
from promptcdn.generators.worker.boards import Board
from promptcdn.generators.worker.jobs import Job, Presence


@dataclass(frozen=True)
class Row:
    """A job as it was read. `text` is what a change of it compares; there may be no job, or one that only a newer
    version can read."""

    key: str
    text: str = ""
    job: Job | None = None


@dataclass(frozen=True)
class Seen:
    """The jobs and the workers of one look, and the moment of the look."""

    rows: dict[str, Row] = field(default_factory=dict)
    workers: dict[str, Presence] = field(default_factory=dict)
    now: float = 0.0

    @property
    def jobs(self) -> list[Job]:
        return [row.job for row in self.rows.values() if row.job is not None]

    def job(self, key: str) -> Job | None:
        """The job of that picture."""
        row = self.rows.get(key)
        return row.job if row else None


class Ledger:
    """Reads and changes what lies on the board."""

    def __init__(self, board: Board, *, clock: Clock = SYSTEM, timings: policy.Timings = policy.TIMINGS) -> None:
        self.board = board
        self.clock = clock
        self.timings = timings
        # When a worker was last started, as far as is known here.
        self.last_start: float | None = None

    async def row(self, key: str) -> Row:
        """The job of a picture; without one that time has ended."""
        text = await self.board.row("jobs", key)
        job = policy.read(text)
        return Row(key, text, policy.swept(job, self.clock.unix(), self.timings) if job else None)

    async def look(self) -> Seen:
        """All there is. What time has ended is taken away."""
        now, rows = self.clock.unix(), dict[str, Row]()
        for key, text in (await self.board.rows("jobs")).items():
            job = policy.read(text)
            left = policy.swept(job, now, self.timings) if job else None
            if job is None or left == job:
                rows[key] = Row(key, text, job)
                continue
            after = policy.written(left) if left else ""
            if await self.board.swap("jobs", key, text, after, wake=True) and left:
                rows[key] = Row(key, after, left)
        return Seen(rows, await self._workers(now), now)

    async def put(self, row: Row, job: Job, *, wake: bool = False) -> bool:
        """Writes a job in the place of what was read; whether that was still there."""
        return await self.board.swap("jobs", row.key, row.text, policy.written(job), wake=wake)

    async def change(self, key: str, change: Callable[[Row], Job | None], *, wake: bool = False) -> Job | None:
        """Writes what `change` makes of a job, decided anew where others were faster; nothing where it gives none."""
        while True:
            row = await self.row(key)
            job = change(row)
            if job is None or await self.put(row, job, wake=wake):
                return job

    async def see(self, worker: str, seconds: float = 0.0) -> None:
        """Notes that a worker called, and how long a picture of it took."""
        text = await self.board.row("workers", worker)
        before = _presence(text)
        took = policy.average(seconds, before.seconds) if seconds else before.seconds
        # A worker that is not noted for once calls again within seconds.
        await self.board.swap("workers", worker, text, f"{self.clock.unix():.3f} {took:.3f}")

    async def _workers(self, now: float) -> dict[str, Presence]:
        workers = dict[str, Presence]()
        for name, text in (await self.board.rows("workers")).items():
            each = _presence(text)
            if now < each.at + self.timings.kept:
                workers[name] = each
            else:
                await self.board.swap("workers", name, text, "")
        return workers


def _presence(text: str) -> Presence:
    at, _, seconds = text.partition(" ")
    return Presence(float(at or 0), float(seconds or 0))
