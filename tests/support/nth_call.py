"""The n-th call fails: a loop over n finds every call of a piece of work that nobody thought of.

failure = Failure(n)
with failing_files(failure, folder):     # or `garbled_files`, or `failing_methods`
    with failure:                        # calls count from here to the end of the block
        ...
failure.happened                         # what failed, or None: the work has fewer calls than n
"""

import asyncio
import errno
import functools
import io
import os
import sqlite3
import stat
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

_FUNCTIONS = ("open", "stat", "mkdir", "link", "unlink", "rename", "fsync", "listdir", "scandir")


class Failure:
    """The `number`-th call within its block meets a fault."""

    def __init__(self, number: int) -> None:
        self._left = number
        self._lock = threading.Lock()
        self._counting = False
        self.happened: str | None = None

    def __enter__(self) -> Self:
        self._counting = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._counting = False

    def is_now(self, what: str) -> bool:
        """Whether this call, named `what`, is the one."""
        with self._lock:
            if not self._counting or self.happened:
                return False
            self._left -= 1
            if self._left == 0:
                self.happened = what
            return self._left == 0


@contextmanager
def failing_files(failure: Failure, folder: Path, *more_functions: str) -> Iterator[None]:
    """Calls of the operating system on files below `folder` raise an error, and so do SQLite's statements.

    `more_functions`: names in `os` that are called with a path or a descriptor.
    """

    def failed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(path: Any, *rest: Any, **more: Any) -> Any:
            if _is_below(path, folder) and failure.is_now(f"{name} {path}"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return function(path, *rest, **more)

        return call

    class Database(sqlite3.Connection):
        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            if failure.is_now(f"SQLite: {sql[:20]}"):
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *rest)

    with pytest.MonkeyPatch.context() as patched:
        for name in (*_FUNCTIONS, *more_functions):
            patched.setattr(os, name, failed(name, getattr(os, name)))
        patched.setattr(io, "open", failed("open", io.open))
        patched.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Database))
        yield


@contextmanager
def garbled_files(failure: Failure, folder: Path) -> Iterator[None]:
    """What is read below `folder` is nonsense, and what is synced has lost its end, without an error."""
    open_, fsync = io.open, os.fsync

    def opened(path: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = open_(path, mode, *rest, **more)
        if "r" not in mode or not _is_below(path, folder) or not failure.is_now(f"read {path}"):
            return file
        with file:
            return io.BytesIO(file.read()[::-1])

    def synced(descriptor: int) -> None:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if regular and _is_below(descriptor, folder) and failure.is_now("sync of a file"):
            os.ftruncate(descriptor, 5)
        fsync(descriptor)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(io, "open", opened)
        patched.setattr(os, "fsync", synced)
        yield


def _is_below(path: Any, folder: Path) -> bool:
    if isinstance(path, int):
        path = os.readlink(f"/proc/self/fd/{path}")
    return isinstance(path, str | Path) and Path(path).is_relative_to(folder)


Instead = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


@contextmanager
def failing_methods(failure: Failure, methods: dict[tuple[type, str], Instead]) -> Iterator[None]:
    """Calls of asynchronous methods are answered by what stands beside them, which gets the real call."""

    def failed(method: Callable[..., Awaitable[Any]], name: str, instead: Instead) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def call(*given: Any, **more: Any) -> Any:
            if failure.is_now(f"{name} of {given[1:2]}"):
                return await instead(lambda: method(*given, **more))
            return await method(*given, **more)

        return call

    with pytest.MonkeyPatch.context() as patched:
        for (owner, name), instead in methods.items():
            patched.setattr(owner, name, failed(getattr(owner, name), f"{owner.__name__}.{name}", instead))
        yield


class Hanging:
    """Calls hang until they are let go, and then happen."""

    def __init__(self) -> None:
        self._gone = asyncio.Event()

    async def __call__(self, real: Callable[[], Awaitable[Any]]) -> Any:
        await self._gone.wait()
        return await real()

    def let_go(self) -> None:
        self._gone.set()


def raising(error: Exception) -> Instead:
    """The call fails, and did not happen."""

    async def instead(_real: Callable[[], Awaitable[Any]]) -> Any:
        raise error

    return instead


def raising_late(error: Exception) -> Instead:
    """The call happens, and fails all the same: its answer was lost."""

    async def instead(real: Callable[[], Awaitable[Any]]) -> Any:
        await real()
        raise error

    return instead


def answering_late(answer: Any) -> Instead:
    """The call happens, and `answer` is what comes of it."""

    async def instead(real: Callable[[], Awaitable[Any]]) -> Any:
        await real()
        return answer

    return instead
