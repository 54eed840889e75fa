"""What builds remember for the next one: the lock file, and a folder of pictures by their SHA-256."""

import hashlib
import re
import threading
from collections.abc import Mapping
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
        self._is_authored = bool(lock)
        self._lock, _ = self._read()
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
            before = self._lock.pictures
            new = {url: entry for url, entry in self._entries.items() if entry != before.get(url)}
            if not new:
                return
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with writing.turn(self.path.parent):
                    self._write(new)
            except (OSError, Unusable) as wrong:
                raise problems.BadSettings(f"promptcdn: {wrong}") from None

    def _write(self, new: Mapping[str, Entry]) -> None:
        """Adds entries to what the lock file has by now: other builds may have written to it."""
        lock, content = self._read()
        lock = replace(lock, pictures={**lock.pictures, **new})
        writing.replace(self.path, locks.printed(lock).encode(), content)
        self._lock, self._entries = lock, dict(lock.pictures)

    def _read(self) -> tuple[Lock, bytes | None]:
        """What the lock file has now. Of a cache nothing is said that is spoilt: it is begun anew.

        Raises `BadSettings` for a file of an author that is no lock file.
        """
        content = None
        try:
            content = self.path.read_bytes()
            return locks.parsed(content.decode("utf-8")), content
        except FileNotFoundError:
            return Lock(), None
        except (OSError, ValueError) as wrong:
            if content is not None and not self._is_authored:
                return Lock(), content
            raise problems.BadSettings(f"promptcdn: {self.path}: {wrong}") from None

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
        if not place.exists() or place.read_bytes() != content:
            writing.put(place, content)
    except (OSError, Unusable) as wrong:
        raise ValueError(f"the picture cannot be written: {wrong}") from None
