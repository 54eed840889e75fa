"""The spool's folder, which the processes of one machine may share: entries are written once and taken away."""

import asyncio
import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from promptcdn.problems import SpoolFull, UnreadableObject
from promptcdn.spool import entries
from promptcdn.spool.entries import Paid
from promptcdn.stores import Name, permissions, volumes
from promptcdn.stores.disk import DiskStore

# The counters lie on the same disk: a spool that fills it up would stop them.
ROOM_LEFT = 64_000_000

# Of a generator's answers: what the gRPC client takes at most.
_LARGEST = 32 << 20
_PROBE = b"." * 4096
_KEY = re.compile(r"[0-9a-f]{64}")

_T = TypeVar("_T")


class SpoolFolder:
    """Entries by content key. Every call raises `Unavailable` where the disk refuses, and opens the folder if need be:
    one that cannot be used now may be usable later."""

    def __init__(self, root: Path) -> None:
        """Nothing is opened yet."""
        self.root = root
        self._disk: DiskStore | None = None
        # Not the loop's default threads: a slow disk must not hold up name look-ups, which run there.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")

    def open(self, size: int = 0) -> DiskStore:
        """The folder as a store that has room for `size` bytes more. Blocking."""
        with _as_unknown():
            if self._disk is None:
                self._disk = DiskStore(self.root)
            if shutil.disk_usage(self.root).free < size + ROOM_LEFT:
                raise SpoolFull("the disk is full")
            return self._disk

    async def write(self, paid: Paid) -> Paid:
        """What is held under its key from now on, synced: `paid`, or what another process was faster to write."""
        disk = await self._run(lambda: self.open(len(paid.made.picture)))
        winner = await disk.put(_name(paid.order.content_key), entries.written(paid))
        try:
            return entries.read(winner)
        except ValueError as strange:
            raise UnreadableObject(str(strange)) from strange

    async def read(self, content_key: str) -> Paid | None:
        """The entry. One that is corrupt, or that this version does not know, is set aside, and there is none."""
        if self._disk is None or (record := await self._disk.get(_name(content_key))) is None:
            return None
        try:
            return entries.read(record)
        except ValueError:
            await self.set_aside(content_key)
            return None

    async def remove(self, content_key: str) -> None:
        """Takes an entry away; one that is gone is no error."""
        await self._run(lambda: self._path(content_key).unlink(missing_ok=True))

    async def set_aside(self, content_key: str) -> None:
        """Frees the name of an entry that nothing can be made of. Its file stays, for the operator to look at."""
        await self._run(lambda: self._move_aside(content_key))

    async def listed(self) -> dict[str, float]:
        """The content keys that are there, and when each was written (Unix seconds)."""
        return await self._run(lambda: {name: at for name, at in self._files("paid") if _KEY.fullmatch(name)})

    async def aside(self) -> int:
        """How many files were set aside."""
        return await self._run(lambda: sum(1 for _ in self._files("corrupt")))

    async def probe(self) -> None:
        """Writes a file and takes it away again."""
        await self._run(self._probe)

    async def require_room(self) -> None:
        """Raises `SpoolFull` where the disk has no room for the largest answer of a generator, or is read-only."""
        await self._run(self._require_room)

    async def close(self) -> None:
        self._thread.shutdown()
        if self._disk is not None:
            await self._disk.close()

    def _require_room(self) -> None:
        disk = os.statvfs(volumes.existing(self.root))
        if disk.f_flag & os.ST_RDONLY:
            raise SpoolFull("the disk is read-only")
        if disk.f_bavail * disk.f_frsize < _LARGEST + ROOM_LEFT:
            raise SpoolFull("the disk is full")

    def _probe(self) -> None:
        self.open(len(_PROBE))
        probe = self.root / "tmp" / f"probe.{os.getpid()}"
        try:
            with open(probe, "wb", opener=permissions.opener) as file:
                file.write(_PROBE)
        finally:
            probe.unlink(missing_ok=True)

    def _move_aside(self, content_key: str) -> None:
        aside = self.root / "corrupt"
        permissions.make_folder(aside)
        with contextlib.suppress(FileNotFoundError):
            self._path(content_key).rename(aside / f"{content_key}.{time.time_ns()}")

    def _files(self, folder: str) -> Iterator[tuple[str, float]]:
        """Names, and when they were written; of a folder that nobody made yet, none."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.root / folder) as found:
            for file in found:
                with contextlib.suppress(FileNotFoundError):  # another process took it away
                    yield file.name, file.stat().st_mtime

    def _path(self, content_key: str) -> Path:
        return self.root / _name(content_key).path

    async def _run(self, work: Callable[[], _T]) -> _T:
        with _as_unknown():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _name(content_key: str) -> Name:
    return Name("paid", content_key)


@contextlib.contextmanager
def _as_unknown() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolFull(error.strerror or str(error)) from error
