"""File descriptors: the limit of the process is raised, and connections are kept within it.

A process without a free descriptor can accept no connection, and its store and its counters fail too.
"""

import contextlib
import logging
import sys
import time
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.readers import clients
from promptcdn.readers.clients import TrustedProxies
from promptcdn.readers.connections import Bounds, Connections, Reason
from promptcdn.server.timings import TIMINGS, Timings

log = logging.getLogger("promptcdn")

# Where no limit is known.
_UNLIMITED = 1_048_576
# macOS says that its hard limit is infinite, and accepts no more than this (OPEN_MAX).
_OPEN_MAX = 10_240
_NO_BOUNDS = Bounds(_UNLIMITED, _UNLIMITED)
_NOBODY = TrustedProxies()


class Abortable(Hashable, Protocol):
    """A connection that can be ended at once."""

    def abort(self) -> None:
        """Gives the descriptor back. What the client has not read is dropped."""


class BoundedConnections:
    """Closes connections where there are too many, reports each, and logs them from time to time."""

    def __init__(
        self,
        bounds: Bounds = _NO_BOUNDS,
        trusted: TrustedProxies = _NOBODY,
        observer: Observer = NO_OBSERVER,
        timings: Timings = TIMINGS,
    ) -> None:
        self._bounds = bounds
        self._trusted = trusted
        self._observer = observer
        self._connections: Connections[Abortable] = Connections(bounds)
        self._timings = timings
        self._closed: Counter[Reason] = Counter()  # since the last line in the log
        self._logged_at = -timings.logged

    def __len__(self) -> int:
        return len(self._connections)

    def opened(self, connection: Abortable, address: str | None) -> bool:
        """Counts a new connection from `address`; the connection, or another one for its sake, may be closed.

        Gives whether a trusted proxy opened it.
        """
        peer = clients.peer(address, self._trusted)
        closed = self._connections.opened(connection, peer)
        if closed is not None:
            closed[0].abort()
            self._observer.closed(closed[1])
            self._log(closed[1])
        return peer is None

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

    def _log(self, reason: Reason) -> None:
        self._closed[reason] += 1
        now = time.monotonic()
        if now - self._logged_at < self._timings.logged:
            return
        counts = ", ".join(f"{reason} {count}" for reason, count in self._closed.items())
        log.warning(
            "too many connections: %d are open, of %d at most and %d from one address; closed since the last line like"
            " this, first those that were idle or did not read for longest: %s",
            *(len(self), self._bounds.most, self._bounds.each, counts),
        )
        self._closed.clear()
        self._logged_at = now


@dataclass(frozen=True)
class DescriptorLimit:
    """How many files the process could have open at its start, and can have open now."""

    before: int
    now: int

    def __str__(self) -> str:
        raised = f" (the soft limit was {self.before})" if self.before != self.now else ""
        return f"{self.now} at most{raised}"


def raised_limit() -> DescriptorLimit:
    """Raises the soft limit of open files to the hard one."""
    if sys.platform == "win32":
        return DescriptorLimit(_UNLIMITED, _UNLIMITED)
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _OPEN_MAX):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
    now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return DescriptorLimit(*(_UNLIMITED if limit == resource.RLIM_INFINITY else limit for limit in (soft, now)))
