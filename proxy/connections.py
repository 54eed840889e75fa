"""Open connections: how many there may be, and which are closed so that new ones are let in.

As nginx does with `worker_connections`: where there are too many, those go that have waited longest for a request, or
for the rest of one. A connection whose request is being answered is never closed. One peer has half of them at most.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Literal, Self, TypeVar

from proxy.clients import Client

# For what is no connection of a client: the store, the counters' files, Redis, the upstream.
_OTHERS = 256
# An idle one takes 8 kB of memory, one with half a head up to 64 kB more.
_MOST = 8192

# `bound`, `peer_bound`: of all, or of its peer's, it had waited longest. `refused`: the new one, where all others are
# being answered. `silent`: no request came in time.
Reason = Literal["bound", "peer_bound", "refused", "silent"]

_C = TypeVar("_C", bound=Hashable)


@dataclass(frozen=True)
class Bounds:
    """How many connections may be open, in all and of one peer."""

    most: int
    each: int

    @classmethod
    def within(cls, descriptors: int) -> Self:
        """What a process may have that can open so many files; half of a low limit is left for everything else."""
        most = max(2, min(_MOST, descriptors - min(_OTHERS, descriptors // 2)))
        return cls(most, most // 2)


class Connections(Generic[_C]):
    """Which connections are open, and which of them wait for a request, in the order in which they began to."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._peers: dict[_C, Client | None] = {}
        self._open_of: Counter[Client] = Counter()
        # Dicts for their order.
        self._waiting: dict[_C, None] = {}
        self._waiting_of: defaultdict[Client, dict[_C, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._peers)

    def opened(self, connection: _C, peer: Client | None) -> tuple[_C, Reason] | None:
        """Takes in a new connection, and gives the one to close for it: itself where no other can be.

        `peer` is `None` for a trusted proxy, which has as many as there may be.
        """
        closed = self._to_close(peer)
        self._peers[connection] = peer
        if peer is not None:
            self._open_of[peer] += 1
        if closed is None:
            self.waits(connection)
            return None
        victim, reason = closed
        if victim is None:
            return connection, "refused"
        self.waits(connection)
        self.answers(victim)  # it waits no more, and is open until it is gone
        return victim, reason

    def answers(self, connection: _C) -> None:
        """Its request is being answered from now on."""
        self._waiting.pop(connection, None)
        peer = self._peers.get(connection)
        if peer is not None and (waiting := self._waiting_of.get(peer)) is not None:
            waiting.pop(connection, None)
            if not waiting:
                del self._waiting_of[peer]

    def waits(self, connection: _C) -> None:
        """It waits for a request from now on."""
        peer = self._peers[connection]
        self._waiting[connection] = None
        if peer is not None:
            self._waiting_of[peer][connection] = None

    def gone(self, connection: _C) -> None:
        """It is open no more."""
        self.answers(connection)
        peer = self._peers.pop(connection, None)
        if peer is not None:
            self._open_of[peer] -= 1
            if not self._open_of[peer]:
                del self._open_of[peer]

    def _to_close(self, peer: Client | None) -> tuple[_C | None, Reason] | None:
        if peer is not None and self._open_of[peer] >= self._bounds.each:
            return next(iter(self._waiting_of.get(peer, ())), None), "peer_bound"
        if len(self._peers) >= self._bounds.most:
            return next(iter(self._waiting), None), "bound"
        return None
