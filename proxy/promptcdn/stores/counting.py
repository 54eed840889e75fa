"""A SQLite file that the processes of one machine count in together. A kill -9 forgets nothing of it."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from promptcdn.stores import permissions

_T = TypeVar("_T")


class CountingFile:
    """One connection in one thread: SQLite's are not for sharing."""

    def __init__(
        self,
        path: Path,
        prepare: Callable[[sqlite3.Connection], None],
        *,
        whose: str,
        synchronous: Literal["FULL", "NORMAL"],
        patience: float,
    ) -> None:
        """Opens or makes the file; `prepare` makes its tables, or finds them there. Raises `OSError` if it is no use.

        `synchronous` FULL survives a power cut too; NORMAL may lose the last moments to one, and is ten times as fast.
        `patience` is how many seconds the turn of another process is waited for. `whose` file it is stands in messages.
        """
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=whose)
        try:
            self._database = self._thread.submit(self._open, path, prepare, synchronous).result()
        except sqlite3.Error as error:
            self._thread.shutdown()
            raise OSError(0, f"the file of the {whose} cannot be used: {error}") from error

    async def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `work` gives. Raises `sqlite3.Error` where the file does not answer."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._database)

    async def close(self) -> None:
        await self.run(sqlite3.Connection.close)
        self._thread.shutdown()

    def _open(self, path: Path, prepare: Callable[[sqlite3.Connection], None], synchronous: str) -> sqlite3.Connection:
        permissions.make_database(path)
        database = sqlite3.connect(path, timeout=self._patience, isolation_level=None)
        try:
            self._use_wal(database)
            database.execute(f"PRAGMA synchronous = {synchronous}")
            with alone(database):
                prepare(database)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _use_wal(self, database: sqlite3.Connection) -> None:
        """SQLite does not wait for its turn here: where processes start together, some get the error "locked"."""
        give_up = time.monotonic() + self._patience
        while True:
            try:
                database.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
            else:
                return


@contextmanager
def alone(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction with one writer at a time; what raises leaves nothing behind."""
    # The connection's own context commits at the end, and rolls back where the work or the commit fails.
    with database:
        database.execute("BEGIN IMMEDIATE")
        yield
