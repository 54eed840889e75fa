"""A folder as a store: whole files or none, the first writer wins, also between processes and across crashes.

A file is written under a temporary name, checked, synced, and only then linked to its own name: `link(2)` refuses
where `rename(2)` would overwrite. Wherever the machine stops, a reader finds nothing or the whole.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from promptcdn.checks import Check
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import (
    Corrupt,
    Folder,
    Header,
    Name,
    Record,
    StoreMissing,
    corrupt_check,
    decoded,
    identity,
    permissions,
    pieces,
)

log = logging.getLogger(__name__)

THREADS = 8
_LEFT_OVER_SECONDS = 3600
_LITTLE_ROOM = 500_000_000
_TRIES = 3
# Leaves of so many letters lie in a folder that is known.
_SHARDED = 4

# Any of them makes a folder a store: tools that copy files leave empty folders out.
_PARTS = ("tmp", identity.PATH, *get_args(Folder))
_ADVICE = "mount its disk, or correct PROMPTCDN_STORE and PROMPTCDN_DATA_DIR; a new store is made by promptcdn serve"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Timings:
    """In seconds: how long the last write says whether the folder takes anything. Who asks `/readyz` may be anybody, so
    not each look writes."""

    between_tries: float = 5.0


@dataclass
class _LastWrite:
    """When the last write ended, by `time.monotonic`, and how; a failed one of an object is tried again at once."""

    ended: float = -float("inf")
    error: StoreUnavailable | None = None


def missing(root: Path) -> str:
    """Why there is no store in the folder; empty where there is one. Raises `OSError`."""
    if any((root / part).exists() for part in _PARTS):
        return ""
    if not root.is_dir():
        return "the folder is not there"
    return "the folder has something else in it" if any(root.iterdir()) else "the folder is empty"


class DiskStore:
    """Objects below one folder, which the processes of one machine may share."""

    def __init__(
        self, root: Path, *, prepare: bool = True, unbegun: bool = False, timings: Timings | None = None
    ) -> None:
        """Makes the folder, closes it to other users and takes away what a crash left in it; or leaves everything as it
        is, and makes the folder only for an identity. Raises `OSError` where it cannot be written or has no hard
        links.

        `unbegun`: where the folder above is not there either, no service was ever started here, and this is a store
        without pictures.
        """
        self._root = root
        self._temporary = root / "tmp"
        self.corrupt = 0
        self._unbegun = unbegun
        self._expected: str | None = None
        self._timings = timings or Timings()
        self._last_write = _LastWrite()
        self._trying = threading.Lock()
        if prepare:
            self._prepare()
        # Not the loop's default threads: a slow disk must not hold up name look-ups, which run there.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="disk")

    async def get(self, name: Name) -> Record | None:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, name)

    async def look(self, name: Name) -> Header | None:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._look, name)

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._names, folder, leaf)

    async def put(self, name: Name, record: Record) -> Record:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._write, name, record)

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        outer, inner = (leaf[:2], leaf[2:4]) if len(leaf) >= _SHARDED else ("??", "??")
        self._require_store()
        for path in _in_order(self._root, f"{folder or '*'}/{outer}", inner, f"{leaf}*"):
            name = Name.parse(path.relative_to(self._root).as_posix())
            # Gone since it was listed: somebody deleted it, or set it aside.
            with contextlib.suppress(FileNotFoundError):
                if name is not None:
                    yield name, path.stat().st_size

    async def delete(self, name: Name) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._unlink, name)

    def _prepare(self) -> None:
        permissions.make_folder(self._temporary)
        permissions.shut(self._root, *get_args(Folder), "tmp", "corrupt", identity.PATH)
        _require_links(self._temporary)
        _sweep(self._temporary)

    def identity(self) -> str | None:
        found = self._found(identity.PATH, Path.read_bytes)
        if found is None:
            self._require_store()
        try:
            return None if found is None else identity.read(found)
        except Corrupt:
            raise StoreUnavailable(identity.GARBLED) from None

    def identify(self) -> str:
        made = identity.new()
        try:
            if not self._temporary.exists():
                self._prepare()
            if self._linked(self._root / identity.PATH, identity.written(made, int(time.time()))):
                return made
        except OSError as error:
            raise StoreUnavailable(f"the disk store cannot be written: {error.strerror}") from error
        if (winner := self.identity()) is None:
            raise StoreUnavailable("the disk store's identity went away")
        return winner

    def expect(self, store_id: str) -> bool:
        self._expected = store_id
        return True

    async def checks(self) -> tuple[Check, ...]:
        try:
            self._require_store()
        except StoreUnavailable as unavailable:
            return (Check("store", False, unavailable.cause, _ADVICE),)
        if self._is_before_the_first_start():
            return (Check("store", True, f"{self._root} is not there yet: promptcdn serve makes a new store"),)
        free = shutil.disk_usage(self._root).free
        advice = "make room: a picture takes about 2 MB" if free < _LITTLE_ROOM else ""
        found = Check("store", not advice, f"{self._root} on disk, {free // 1_000_000} MB free", advice)
        aside = self._root / "corrupt"
        corrupt = corrupt_check(str(aside), (path.stat().st_size for path in aside.glob("*")))
        return tuple(filter(None, (found, corrupt, permissions.finding(self._root))))

    async def require_writable(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._require_writable)

    async def close(self) -> None:
        self._threads.shutdown(wait=True)

    def _read(self, name: Name) -> Record | None:
        return self._looked_up(name.path, self._checked)

    def _look(self, name: Name) -> Header | None:
        def header(path: Path) -> Header | None:
            with path.open("rb") as file:
                line = file.readline()
            try:
                return Header.parse(line)
            except Corrupt:
                record = self._checked(path)  # sets it aside
                return None if record is None else record.header

        return self._looked_up(name.path, header)

    def _names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        try:
            names = tuple(name for name, _ in self.listed(folder, leaf))
        except OSError as error:
            raise StoreUnavailable(f"the disk store cannot be read: {error.strerror}") from error
        if not names:
            self._require_right_store()
        return names

    def _looked_up(self, path: str, look_up: Callable[[Path], _T | None]) -> _T | None:
        found = self._found(path, look_up)
        if found is None:
            self._require_right_store()
        return found

    def _found(self, path: str, look_up: Callable[[Path], _T | None]) -> _T | None:
        try:
            return look_up(self._root / path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreUnavailable(f"the disk store cannot be read: {error.strerror}") from error

    def _require_right_store(self) -> None:
        """What a call found, or did, counts only if the store was still the one that is expected after it."""
        if self._expected is None:
            self._require_store()
        elif self.identity() != self._expected:
            raise StoreMissing("another store is in the place of the right one")

    def _require_store(self) -> None:
        """A folder that was unmounted or moved away has no pictures either, and says nothing about them."""
        if self._is_before_the_first_start():
            return
        try:
            if (why := missing(self._root)) != "":
                raise StoreMissing(f"there is no store in the folder {self._root}: {why}")
        except OSError as error:
            raise StoreUnavailable(f"the disk store cannot be read: {error.strerror}") from error

    def _is_before_the_first_start(self) -> bool:
        return self._unbegun and not self._root.parent.exists()

    def _unlink(self, name: Name) -> None:
        try:
            (self._root / name.path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the disk store cannot be written: {error.strerror}") from error

    def _write(self, name: Name, record: Record) -> Record:
        path = self._root / name.path
        try:
            for _ in range(_TRIES):
                if self._linked(path, *pieces(record)):
                    self._require_right_store()
                    self._last_write = _LastWrite(time.monotonic())
                    return record
                if (winner := self._read(name)) is not None:
                    self._require_right_store()
                    return winner
                # What was there was corrupt and has been set aside: the name is free again.
        except OSError as error:
            self._last_write = _LastWrite()
            raise StoreUnavailable(f"the disk store cannot be written: {error.strerror}") from error
        raise StoreUnavailable("the disk store cannot be written: something that is no object is in the way")

    def _require_writable(self) -> None:
        """Raises where the last write failed. One is tried where that is too long ago, by one thread at a time."""
        with self._trying:
            if time.monotonic() >= self._last_write.ended + self._timings.between_tries:
                self._last_write = self._tried()
            if (error := self._last_write.error) is not None:
                raise error.again()

    def _tried(self) -> _LastWrite:
        try:
            self._write_and_clear()
        except StoreUnavailable as error:
            return _LastWrite(time.monotonic(), error)
        return _LastWrite(time.monotonic())

    def _write_and_clear(self) -> None:
        """A file of one block: an empty one finds room on a full disk."""
        probe = self._temporary / secrets.token_hex(16)
        try:
            try:
                _write_whole(probe, bytes(4096))
            finally:
                probe.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the disk store cannot be written: {error.strerror}") from error

    def _linked(self, path: Path, *data: bytes) -> bool:
        """Whether `data`, in pieces, is now at `path`; false where something was there first."""
        temporary = self._temporary / secrets.token_hex(16)
        try:
            _write_whole(temporary, *data)
            _make_folder(path.parent)
            try:
                path.hardlink_to(temporary)
            except FileExistsError:
                return False
            # Without this the name may be gone after a power cut, though the bytes are there.
            _sync_folder(path.parent)
            return True
        finally:
            temporary.unlink(missing_ok=True)

    def _checked(self, path: Path) -> Record | None:
        data = path.read_bytes()
        try:
            return decoded(data)
        except Corrupt:
            return self._set_aside(path, data)

    def _set_aside(self, path: Path, seen: bytes) -> Record | None:
        """Frees the name of an object that is corrupt, and the same when it is read again; the object where it is not.

        What is stored there, if it was made anew in the meantime.
        """
        aside = self._root / "corrupt"
        permissions.make_folder(aside)
        # 1: A and B read a corrupt file. 2: B sets it aside, and it is made anew. 3: A must not take the new one away.
        with _locked(aside):
            data = _read_anew(path)
            try:
                return decoded(data)
            except Corrupt:
                if data != seen:
                    raise StoreUnavailable(
                        "the disk gave something that is no object, and then something else"
                    ) from None
                log.error("corrupt object set aside: %s", path.name)  # noqa: TRY400
                path.rename(aside / f"{path.name}.{time.time_ns()}")
                self.corrupt += 1
                return None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Among threads and processes, one at a time; a kill -9 sets it free."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read_anew(path: Path) -> bytes:
    """From the disk, where the system can drop what it has of the file in memory."""
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file.read()


def _write_whole(path: Path, *data: bytes) -> None:
    with open(path, "xb", opener=permissions.opener) as file:
        file.writelines(data)
        file.flush()
        os.fsync(file.fileno())
    # On a full disk a short write can pass without an error: never publish less than everything.
    if path.stat().st_size != sum(map(len, data)):
        raise OSError(0, "the file came out short")


def _make_folder(folder: Path) -> None:
    for made in permissions.make_folder(folder):
        _sync_folder(made.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_links(folder: Path) -> None:
    probe = folder / secrets.token_hex(16)
    probe.touch(permissions.FILE)
    try:
        (linked := probe.with_suffix(".link")).hardlink_to(probe)
        linked.unlink()
    finally:
        probe.unlink()


def _sweep(folder: Path) -> None:
    """Takes away what a crash left half-written; a younger file may be another process's work."""
    for left in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _LEFT_OVER_SECONDS:
                left.unlink()


def _in_order(folder: Path, *patterns: str) -> Iterator[Path]:
    """What matches, level by level and sorted: whoever wants a few paths of a large store gets them at once."""
    first, *rest = patterns
    for path in sorted(folder.glob(first)):
        yield from _in_order(path, *rest) if rest else (path,)
