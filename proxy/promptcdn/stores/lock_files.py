"""Lock files: the processes of one machine that share a data folder take turns at a key.

A lock is `flock(2)` on a file of its own, so a process that is killed lets go of what it held. Where the folder cannot
be locked, each process is on its own: a lock saves money and guards nothing (the store takes one picture a key).
"""

import asyncio
import contextlib
import fcntl
import logging
import math
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from promptcdn.stores import permissions

log = logging.getLogger("promptcdn")

_T = TypeVar("_T")


@dataclass(frozen=True)
class Timings:
    """In seconds: how often a waiter tries again, whom nobody tells that a lock is free; how often the holder of a lock
    shows that it goes on; and after how long without such a sign it is not waited for, as with a replica's lease.

    `silent_looks`: so many times in a row a waiter must have seen such a silence. A machine that slept, or had no time
    for either process, leaves an old sign of life behind: then the holder has the time of two to show a new one.
    """

    between_tries: float = 0.1
    between_beats: float = 3.0
    silence: float = 15.0

    @property
    def silent_looks(self) -> int:
        return 1 + math.ceil(2 * self.between_beats / self.between_tries)


class LockFiles:
    """Leases of the processes on one machine, as `leases.Leases`: one file a key in `folder` while a key is held."""

    def __init__(self, folder: Path, timings: Timings = Timings()) -> None:
        self._folder = folder
        self._timings = timings
        self._works = True
        # Not the loop's default threads: a slow disk must not hold up name look-ups, which run there.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="locks")
        self._thread.submit(self._sweep)

    @asynccontextmanager
    async def held(self, key: str) -> AsyncIterator[None]:
        """Waits until no other process of this machine works on `key`, and keeps them waiting until the block ends."""
        descriptor = await self._locked(key)
        beating = asyncio.create_task(self._beat(descriptor))
        try:
            yield
        finally:
            beating.cancel()
            if descriptor is not None:
                # Not awaited: whoever is cancelled here must let go all the same.
                self._thread.submit(_let_go, self._folder / key, descriptor)

    async def _beat(self, descriptor: int | None) -> None:
        """Shows those who wait that this process goes on. Until it is cancelled."""
        while descriptor is not None:
            await asyncio.sleep(self._timings.between_beats)
            await self._run(lambda: os.utime(descriptor), otherwise=None)

    async def taken(self, key: str) -> bool:
        """Whether another process of this machine works on `key` now."""
        return await self._run(lambda: _is_locked(self._folder / key), otherwise=False)

    async def close(self) -> None:
        self._thread.shutdown()

    async def _locked(self, key: str) -> int | None:
        """The descriptor that holds the lock; `None` where this folder cannot be locked, or where its holder shows no
        sign of life: a process that was stopped keeps what it holds."""
        silent_looks = 0
        while True:
            work = asyncio.ensure_future(self._run(lambda: self._try(key), otherwise=None))
            try:
                descriptor = await asyncio.shield(work)
            except asyncio.CancelledError:
                work.add_done_callback(lambda done: self._let_go_of(key, done.result()))
                raise
            if descriptor is None or descriptor >= 0:
                return descriptor
            silent = await self._run(lambda: _is_silent(self._folder / key, self._timings.silence), otherwise=True)
            silent_looks = silent_looks + 1 if silent else 0
            if silent_looks >= self._timings.silent_looks:
                log.warning("a process that makes the picture %s shows no sign of life: it is not waited for", key)
                return None
            await asyncio.sleep(self._timings.between_tries * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, no secret

    def _let_go_of(self, key: str, descriptor: int | None) -> None:
        if descriptor is not None and descriptor >= 0:
            self._thread.submit(_let_go, self._folder / key, descriptor)

    def _try(self, key: str) -> int:
        """The descriptor of the lock; -1 where somebody else has it."""
        permissions.make_folder(self._folder)
        path = self._folder / key
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, permissions.FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.utime(descriptor)
            # 1: A holds the lock, B has opened its file. 2: A takes the file away and lets go. 3: B locks a file
            # that is nobody's any more, while C makes and locks a new one.
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return -1

    def _sweep(self) -> None:
        """Takes away the files of processes that were killed."""
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if (descriptor := self._try(path.name)) >= 0:
                    _let_go(path, descriptor)

    async def _run(self, work: Callable[[], _T], *, otherwise: _T) -> _T:
        """What `work` gives; `otherwise` where the folder cannot be used, which the log says once."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except OSError as error:
            if self._works:
                log.warning(
                    "processes that share the data folder may each make the same picture: %s cannot be locked: %s",
                    self._folder,
                    error.strerror,
                )
            self._works = False
            return otherwise


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _is_silent(path: Path, seconds: float) -> bool:
    try:
        return time.time() - path.stat().st_mtime > seconds
    except FileNotFoundError:
        return False


def _let_go(path: Path, descriptor: int) -> None:
    """The file first: whoever locks it after that sees that it is gone."""
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(descriptor)
