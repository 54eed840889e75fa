"""Files in a folder of bounded size: those that were used least lately make room for new ones.

There is no index. Which file is there the folder says, and when it was used last its own time of change; only sums are
kept in memory. So a restart, a kill -9 and a file that somebody deletes by hand leave nothing that is wrong. What is in
a file is for the reader to check: nothing is synced, and after a power cut a file may be torn.
"""

import contextlib
import errno
import fcntl
import logging
import os
import secrets
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from promptcdn.stores import permissions

log = logging.getLogger("promptcdn")

# A file takes whole blocks of the disk, and about as much again for its name and its place.
_BLOCK, _OVERHEAD = 4096, 1024
# Folders are named by the first two hex digits of keys.
_SHARDS = tuple(f"{number:02x}" for number in range(256))
# Of so many files those that were used least lately are found, and an eighth of them goes at most before others are
# looked at. A file that is larger than an eighth of the whole is not kept.
_SAMPLE, _SHARE = 256, 8


@dataclass(frozen=True)
class Limits:
    """What bounds the folder beside its size, in bytes.

    each        of the size, for each file that there may be: so the number of files is bounded too
    leave_free  of the disk, left to others whatever the size is
    """

    each: int = 16 * 1024
    leave_free: int = 1_000_000_000


@dataclass(frozen=True)
class Timings:
    """In seconds: a file that is read counts as used now if that was not noted for so long, and nothing is written for
    so long after a write failed."""

    note_use: float = 60.0
    after_failure: float = 60.0


class Files:
    """The files of one folder, by names that begin with a key in hex. Blocking; for one process at a time (`lock`).

    Several threads may `read`. All else is for one thread, so that the sums are right.
    """

    def __init__(self, root: Path, size: int, limits: Limits = Limits(), timings: Timings = Timings()) -> None:
        """`size` is what the folder may take, in bytes; files count in whole blocks of the disk."""
        self._root = root
        self._objects = root / "objects"
        self.size = size
        self._limits = limits
        self._timings = timings
        self._stopped = threading.Event()
        self._lock: int | None = None
        self._hand = 0
        self._no_write_before = 0.0
        self._failing = False
        self.bytes = self.count = self.evictions = 0

    def lock(self) -> bool:
        """Whether the folder is this process's own from now on: it is until `close`, or a kill -9. Raises `OSError`."""
        if self._lock is not None:
            return True
        permissions.make_folder(self._objects)
        descriptor = os.open(self._root / "lock", os.O_CREAT | os.O_RDWR, permissions.FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def is_gone(self) -> bool:
        """Whether somebody took the folder away after `lock`: another process may have the one that is there now."""
        try:
            return self._lock is None or not os.path.samestat(os.fstat(self._lock), os.stat(self._root / "lock"))
        except OSError:
            return True

    def stop(self) -> None:
        """Ends a `sum_up` that goes on in another thread."""
        self._stopped.set()

    def close(self) -> None:
        """Lets another process have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self, name: str) -> bytes | None:
        """What is in the file, nothing where that is another file's; `None` where there is none that can be read."""
        try:
            with open(self._place(name), "rb") as file:
                own = file.readline() == _first_line(name)
                data = file.read() if own else b""
                self._note_use(file.fileno())
        except OSError:
            return None
        return data

    def write(self, name: str, data: bytes) -> bool:
        """Whether the file is there from now on. It is not where it has no room, or the disk takes nothing."""
        first = _first_line(name)
        weight = _weight(len(first) + len(data))
        if time.monotonic() < self._no_write_before or weight > self.size // _SHARE:
            return False
        temporary = self._root / f"new.{secrets.token_hex(8)}"
        try:
            self._require_room(weight)
            with open(temporary, "xb", opener=permissions.opener) as file:
                file.writelines((first, data))
            place = self._place(name)
            self.remove(name)
            permissions.make_folder(Path(place).parent)
            os.rename(temporary, place)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            self._failed(error)
            return False
        self._add(weight, 1)
        self._failing = False
        return True

    def remove(self, name: str) -> None:
        """Takes the file away, where there is one."""
        self._unlink(self._place(name))

    def remove_keys(self, keys: Iterable[str]) -> None:
        """Takes away all files whose names begin with one of the keys."""
        shards: defaultdict[str, set[str]] = defaultdict(set)
        for key in keys:
            shards[key[:2]].add(key)
        for shard, wanted in shards.items():
            for entry in self._entries(shard):
                if _key(entry.name) in wanted:
                    self._unlink(entry.path)

    def make_room(self, weight: int = 0) -> None:
        """Takes away what was used least lately until `weight` bytes more may come, as far as anything can be taken
        away: on a disk that became read-only nothing can."""
        while self._is_full(weight):
            sample = sorted(self._sample())
            if not sample:
                # Somebody else deleted it all.
                self.bytes = self.count = 0
                return
            if not self._evicted(sample, weight):
                return

    def clear(self) -> None:
        """Forgets everything at once; `free_room` gives its room back. Raises `OSError`."""
        with contextlib.suppress(FileNotFoundError):
            self._objects.rename(self._root / f"old.{secrets.token_hex(8)}")
        permissions.make_folder(self._objects)
        self.bytes = self.count = 0
        self._no_write_before = 0.0

    def free_room(self) -> None:
        """Takes away what was half-written, and what was cleared; the next start does the rest where `stop` ends it."""
        for left in (*self._root.glob("new.*"), *self._root.glob("old.*/*"), *self._root.glob("old.*")):
            if self._stopped.is_set():
                return
            with contextlib.suppress(OSError):
                shutil.rmtree(left) if left.is_dir() else left.unlink()

    def sum_up(self, unwanted: Callable[[str], bool]) -> None:
        """Adds up what is there, and takes away what was half-written, what was cleared, and files of the keys that are
        `unwanted`. Takes seconds for a million files; `stop` ends it."""
        self.free_room()
        self.bytes = self.count = 0
        for shard in _SHARDS:
            for entry in self._sum_up(shard):
                if unwanted(_key(entry.name)):
                    self._unlink(entry.path)
            # Others want the processor too.
            if self._stopped.wait(0.001):
                return

    def sum_up_only(self) -> None:
        """Adds up what is there, and changes nothing."""
        for shard in _SHARDS:
            for _ in self._sum_up(shard):
                pass

    def room(self) -> int:
        """How many bytes more the disk has for this folder; fewer than none where others need it. Raises `OSError`."""
        # The folder itself may not be there yet.
        there = next(each for each in (self._root, *self._root.parents) if each.exists())
        return shutil.disk_usage(there).free - self._limits.leave_free

    def stamp(self, text: str | None = None) -> str:
        """The line that was written last, or `text` from now on; empty where there is none. Raises `OSError`."""
        file = self._root / "heard"
        if text is None:
            with contextlib.suppress(FileNotFoundError):
                return file.read_text("ascii", "replace")
            return ""
        temporary = self._root / f"new.{secrets.token_hex(8)}"
        with open(temporary, "x", opener=permissions.opener) as written:
            written.write(text)
        temporary.rename(file)
        return text

    def _is_full(self, weight: int) -> bool:
        limits = self._limits
        if self.bytes + weight > self.size or (self.count + 1) * limits.each > max(self.size, limits.each):
            return True
        return self.room() < weight

    def _require_room(self, weight: int) -> None:
        self.make_room(weight)
        if self._is_full(weight):
            raise OSError(errno.ENOSPC, "no room can be made")

    def _evicted(self, sample: list[tuple[float, str]], weight: int) -> int:
        """Takes away the first ones of a sample until there is room, an eighth of them at most. How many it were."""
        gone = 0
        for _, path in sample:
            if gone >= max(1, len(sample) // _SHARE) or not self._is_full(weight):
                break
            gone += self._unlink(path)
        self.evictions += gone
        return gone

    def _sample(self) -> list[tuple[float, str]]:
        """Files with the time of their last use: those of the next folders, in turn."""
        found: list[tuple[float, str]] = []
        for _ in _SHARDS:
            self._hand = (self._hand + 1) % len(_SHARDS)
            for entry in self._entries(_SHARDS[self._hand]):
                with contextlib.suppress(OSError):
                    found.append((entry.stat().st_mtime, entry.path))
            if len(found) >= _SAMPLE:
                break
        return found

    def _sum_up(self, shard: str) -> Iterator["os.DirEntry[str]"]:
        for entry in self._entries(shard):
            with contextlib.suppress(OSError):
                self._add(_weight(entry.stat().st_size), 1)
                yield entry

    def _entries(self, shard: str) -> Iterator["os.DirEntry[str]"]:
        try:
            with os.scandir(self._objects / shard) as entries:
                yield from entries
        except OSError:
            return

    def _note_use(self, descriptor: int) -> None:
        """Whoever makes room sees by its time of change that the file was read; a read-only disk does not note it."""
        if time.time() - os.fstat(descriptor).st_mtime > self._timings.note_use:
            with contextlib.suppress(OSError):
                os.utime(descriptor)

    def _unlink(self, path: str) -> bool:
        """Whether the file was there, and was taken away here."""
        try:
            weight = _weight(os.stat(path).st_size)
            os.unlink(path)
        except OSError:
            return False
        self._add(-weight, -1)
        return True

    def _add(self, weight: int, count: int) -> None:
        self.bytes += weight
        self.count += count

    def _failed(self, error: OSError) -> None:
        self._no_write_before = time.monotonic() + self._timings.after_failure
        if not self._failing:
            log.warning("the disk cache %s takes nothing for now: %s", self._root, error.strerror)
        self._failing = True

    def _place(self, name: str) -> str:
        return f"{self._objects}/{name[:2]}/{name}"


def _first_line(name: str) -> bytes:
    """A file begins with its own name: after a power cut a disk may give what another file had before."""
    return f"{name}\n".encode()


def _key(name: str) -> str:
    """The key that a file's name begins with."""
    return name.partition("~")[0].partition(".")[0]


def _weight(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK + _OVERHEAD
