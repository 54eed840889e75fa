"""The keys that the lists of removals speak of, whoever reads them and in whatever order."""

import threading
from collections.abc import Sequence

from promptcdn.stores import Folder


class RemovedKeys:
    """The keys of the latest list of each folder, and those that were removed here since that list began. For several
    threads: lists are read in some, and what is removed here comes from the event loop."""

    def __init__(self, folders: Sequence[Folder]) -> None:
        self._lock = threading.Lock()
        self._now = 0
        # Each folder has its place from the beginning: whoever looks for a key goes through them without the lock.
        self._keys: dict[Folder, frozenset[str]] = {folder: frozenset() for folder in folders}
        self._began: dict[Folder, int] = dict.fromkeys(folders, -1)
        self._here: dict[Folder, dict[str, int]] = {folder: {} for folder in folders}

    def __contains__(self, key: object) -> bool:
        return any(key in keys for keys in self._keys.values())

    def begin(self) -> int:
        """The moment at which a list begins to be read."""
        with self._lock:
            self._now += 1
            return self._now

    def add(self, folder: Folder, key: str) -> None:
        """It is removed here: a list that began before may lack it."""
        with self._lock:
            self._now += 1
            self._here[folder][key] = self._now
            self._keys[folder] |= {key}

    def take_over(self, folder: Folder, listed: frozenset[str], began: int) -> frozenset[str] | None:
        """What is new in a whole list that began at that moment; `None` where a later one is known already."""
        with self._lock:
            if began < self._began[folder]:
                return None
            self._began[folder] = began
            self._here[folder] = {key: moment for key, moment in self._here[folder].items() if moment > began}
            before, keys = self._keys[folder], listed.union(self._here[folder])
            self._keys[folder] = keys
            return keys - before
