"""What builds remember for the next one: the lock file, and a folder of pictures by their SHA-256."""

import hashlib
import re
import threading
from dataclasses import replace
from pathlib import Path

from promptcdn import problems
from promptcdn.documents import writing
from promptcdn.documents.files import Unusable
from promptcdn.markdown import lock as locks
from promptcdn.markdown.lock import Entry, Lock

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Kept:
    """One lock file and one cache. It may be used by several threads."""

    def __init__(self, lock: str, cache: str) -> None:
        """`lock` is the path of the lock file; empty: it lies in the cache. Raises `BadSettings` where it is none."""
        self.cache = Path(cache)
        self.path = Path(lock) if lock else self.cache / locks.NAME
        self._lock, self._content = _read(self.path)
        self._entries = dict(self._lock.pictures)
        self._mutex = threading.Lock()

    def entry(self, url: str) -> Entry | None:
        """What is known of a URL."""
        with self._mutex:
            return self._entries.get(url)

    def remember(self, url: str, entry: Entry) -> None:
        """Has the lock file say this of a URL once it is saved."""
        with self._mutex:
            self._entries[url] = entry

    def save(self) -> None:
        """Writes the lock file where anything in it changed. Raises `BadSettings` where that is impossible."""
        with self._mutex:
            if self._entries == self._lock.pictures:
                return
            lock = replace(self._lock, pictures=dict(self._entries))
            content = locks.printed(lock).encode()
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                writing.replace(self.path, content, self._content)
            except (OSError, Unusable) as wrong:
                raise problems.BadSettings(f"promptcdn: {wrong}") from None
            self._lock, self._content = lock, content

    def place(self, sha256: str) -> Path:
        """Where a picture of the cache lies."""
        return self.cache / sha256

    def has(self, sha256: str) -> bool:
        """Whether a picture is in the cache, and is what it was."""
        if _SHA256.fullmatch(sha256) is None:
            return False
        try:
            return hashlib.sha256(self.place(sha256).read_bytes()).hexdigest() == sha256
        except OSError:
            return False

    def keep(self, content: bytes, sha256: str) -> None:
        """Puts a picture into the cache. Raises `ValueError` where that is impossible."""
        put(content, self.place(sha256))


def put(content: bytes, place: Path) -> None:
    """Has a file be there with that content. Raises `ValueError` where that is impossible."""
    try:
        there = place.read_bytes() if place.exists() else None
        if there != content:
            place.parent.mkdir(parents=True, exist_ok=True)
            writing.replace(place, content, there)
    except (OSError, Unusable) as wrong:
        raise ValueError(f"the picture cannot be written: {wrong}") from None


def _read(path: Path) -> tuple[Lock, bytes | None]:
    """Raises `BadSettings` for a file that is no lock file."""
    try:
        content = path.read_bytes()
        return locks.parsed(content.decode("utf-8")), content
    except FileNotFoundError:
        return Lock(), None
    except (OSError, ValueError) as wrong:
        raise problems.BadSettings(f"promptcdn: {path}: {wrong}") from None
