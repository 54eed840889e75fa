"""File descriptors: as many as the process may have, and connections kept within them.

A process that has none left can accept nobody, and its store and its counters fail too.
"""

import contextlib
import logging
import sys
import time
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from proxy import clients
from proxy.clients import TrustedProxies
from proxy.connections import Bounds, Connections, Reason
from proxy.observer import UNOBSERVED, Observer

log = logging.getLogger("promptcdn")

# Where nothing says how many there may be.
_UNLIMITED = 1_048_576
# macOS calls its hard limit infinite, and takes no more than this (OPEN_MAX).
_OPEN_MAX = 10_240
_LINES_APART = 60.0
_NO_BOUNDS = Bounds(_UNLIMITED, _UNLIMITED)
_NOBODY = TrustedProxies()


class Abortable(Hashable, Protocol):
    """A connection."""

    def abort(self) -> None:
        """Gives its descriptor back at once: what its client has not read is dropped, since it may never be read."""


class BoundedConnections:
    """Closes connections where there are too many, reports each, and says so in the log once a minute."""

    def __init__(
        self,
        bounds: Bounds = _NO_BOUNDS,
        trusted: TrustedProxies = _NOBODY,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._bounds = bounds
        self._trusted = trusted
        self._observer = observer
        self._connections: Connections[Abortable] = Connections(bounds)
        self._untold: Counter[Reason] = Counter()
        self._told_at = -_LINES_APART

    def __len__(self) -> int:
        return len(self._connections)

    def opened(self, connection: Abortable, address: str | None) -> None:
        """Takes in a new connection from `address`; it, or another one for it, may be closed at once."""
        closed = self._connections.opened(connection, clients.peer(address, self._trusted))
        if closed is not None:
            closed[0].abort()
            self._observer.closed(closed[1])
            self._tell(closed[1])

    def answers(self, connection: Abortable) -> None:
        self._connections.answers(connection)

    def waits(self, connection: Abortable) -> None:
        self._connections.waits(connection)

    def unread(self, connection: Abortable) -> None:
        self._connections.unread(connection)

    def read(self, connection: Abortable) -> None:
        self._connections.read(connection)

    def gone(self, connection: Abortable) -> None:
        self._connections.gone(connection)

    def _tell(self, reason: Reason) -> None:
        self._untold[reason] += 1
        now = time.monotonic()
        if now - self._told_at < _LINES_APART:
            return
        counts = ", ".join(f"{reason} {count}" for reason, count in self._untold.items())
        log.warning(
            "too many connections: %d are open, of %d at most and %d from one address; closed since the last such line,"
            " those first that wait longest or do not read: %s",
            *(len(self), self._bounds.most, self._bounds.each, counts),
        )
        self._untold.clear()
        self._told_at = now


@dataclass(frozen=True)
class Limit:
    """How many files the process could have open at its start, and can now."""

    before: int
    now: int

    def __str__(self) -> str:
        raised = f" (the soft limit was {self.before})" if self.before != self.now else ""
        return f"{self.now} at most{raised}"


def raised() -> Limit:
    """The limit of open files, once the soft one is as high as the hard one."""
    if sys.platform == "win32":
        return Limit(_UNLIMITED, _UNLIMITED)
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _OPEN_MAX):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
    now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Limit(*(_UNLIMITED if limit == resource.RLIM_INFINITY else limit for limit in (soft, now)))
