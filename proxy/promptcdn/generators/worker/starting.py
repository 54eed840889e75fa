"""Starts a worker when orders wait and none comes: by a POST to an address, or by a command."""

import asyncio
import contextlib
import logging
import shlex
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from promptcdn.generators.worker import jobs, starts
from promptcdn.generators.worker.ledger import Ledger
from promptcdn.replicas.connection import RedisDown

log = logging.getLogger(__name__)

_ROW = "times"
Result = Literal["started", "failed"]


@dataclass(frozen=True)
class Timings:
    """How starting is timed, in seconds: between two looks whether a worker has to be started, for the address that is
    called to answer, and in which a command that ends with an error has started nothing."""

    look: float = 5.0
    call: float = 30.0
    command: float = 30.0


TIMINGS = Timings()


class Starter:
    """Looks whether a worker has to be started, for as long as the service runs. Replicas start one together.

    `how` is an address or a command, and is shown nowhere: there may be a secret in it. `most` starts are made within
    24 hours. `results` counts them here.
    """

    def __init__(
        self,
        ledger: Ledger,
        how: str,
        most: int,
        timings: Timings = TIMINGS,
        policy_timings: starts.Timings = starts.TIMINGS,
    ) -> None:
        self._ledger = ledger
        self._how = how
        self._most = most
        self._timings = timings
        self._policy = policy_timings
        self._task: asyncio.Task[None] | None = None
        self._command: asyncio.subprocess.Process | None = None
        # A worker that called before this start of the service calls again within a minute.
        self._began = ledger.clock.unix()
        self.results: Counter[Result] = Counter()

    def start(self) -> None:
        """Begins to look, in the running event loop."""
        self._task = asyncio.create_task(self._looks())

    async def close(self) -> None:
        """Stops looking. A command that runs goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _looks(self) -> None:
        while True:
            try:
                with contextlib.suppress(RedisDown):
                    if await self._is_due():
                        await self._start()
            except Exception:  # the edge of a task: the next look may do better
                log.exception("a look whether a worker has to be started broke")
            await self._ledger.board.changed(self._timings.look)

    async def _is_due(self) -> bool:
        """Whether this replica is the one that starts a worker now."""
        if self._command is not None and self._command.returncode is None:
            return False
        seen, text = await self._ledger.look(), await self._ledger.board.row("starts", _ROW)
        done = starts.of_the_day(map(float, text.split()), seen.now)
        self._ledger.last_start = done[-1] if done else None
        last_call = jobs.last_call(seen.jobs, seen.workers.values(), self._began)
        if last_call is None or not starts.due(done, last_call, seen.now, self._most, self._policy):
            return False
        after = " ".join(f"{at:.3f}" for at in (*done, seen.now))
        mine = await self._ledger.board.swap("starts", _ROW, text, after)
        if mine:
            self._ledger.last_start = seen.now  # readers are told that a worker is being started
        return mine

    async def _start(self) -> None:
        failure = await (self._call() if _is_address(self._how) else self._run())
        self.results["failed" if failure else "started"] += 1
        if failure:
            log.error("no worker was started by PROMPTCDN_WORKER_START: %s", failure)
        else:
            log.info("orders wait and no worker has called: PROMPTCDN_WORKER_START was used")

    async def _call(self) -> str:
        """Why the address has started nothing; empty where it took the call. Its body and headers say nothing that is
        needed: what is to be said belongs into the address, or into a command."""
        import httpx2  # late: for those who start workers

        try:
            async with httpx2.AsyncClient(timeout=self._timings.call) as client:
                answer = await client.post(self._how)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return f"the address cannot be called ({type(error).__name__})"
        return "" if answer.is_success else f"the address answered with status {answer.status_code}"

    async def _run(self) -> str:
        """Why the command has started nothing; empty where it runs on, or has ended well. One that runs on, as a worker
        does, ends by itself."""
        try:
            self._command = await asyncio.create_subprocess_exec(
                *shlex.split(self._how),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # a signal to the service is not one to the worker
            )
        except OSError as error:
            return f"the command cannot be run: {error.strerror}"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timings.command):
                if code := await self._command.wait():
                    return f"the command ended with exit code {code}"
        return ""


def program_missing(how: str) -> bool:
    """Whether a worker is started by a command whose program is not there."""
    return bool(how) and not _is_address(how) and shutil.which(shlex.split(how)[0]) is None


def _is_address(how: str) -> bool:
    return how.startswith(("http://", "https://"))
