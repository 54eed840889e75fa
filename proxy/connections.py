"""Open connections: how many there may be, and which are closed so that new ones are let in.

Where there are too many, one goes for each new one, as in nginx with `worker_connections`: the one that has waited
longest for a request, or for the rest of one, or the one whose client has left an answer unread for longer than that.
Of unread answers those of the peer with most of them go first, so that a slow reader outlives a crowd that reads
nothing. A connection whose request is being answered, and that has read all so far, is never closed. One peer has half
of all connections at most.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, Literal, Self, TypeVar

from proxy.clients import Client

# For what is no connection of a client: the store, the counters' files, Redis, the upstream.
_OTHERS = 256
# An idle one takes 8 kB of memory, one with half a head up to 64 kB more.
_MOST = 8192

# `bound`, `peer_bound`: of all, or of its peer's, it had waited longest, or left its answer unread. `refused`: the new
# one, where all others are being answered. `silent`: no request came in time.
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


class _Line(Generic[_C]):
    """Connections in the order in which they joined, in all and by peer; each has the turn at which it did."""

    def __init__(self) -> None:
        self._all: dict[_C, int] = {}
        self._of: dict[Client | None, dict[_C, int]] = {}

    def __contains__(self, connection: _C) -> bool:
        return connection in self._all

    def join(self, connection: _C, peer: Client | None, turn: int) -> None:
        """Where it is in the line already, it keeps its place."""
        self._all.setdefault(connection, turn)
        self._of.setdefault(peer, {}).setdefault(connection, turn)

    def leave(self, connection: _C, peer: Client | None) -> None:
        if self._all.pop(connection, None) is None:
            return
        del self._of[peer][connection]
        if not self._of[peer]:
            del self._of[peer]

    def first(self) -> tuple[int, _C] | None:
        return _first(self._all)

    def first_of(self, peer: Client | None) -> tuple[int, _C] | None:
        return _first(self._of.get(peer, {}))

    def first_of_most(self) -> tuple[int, _C] | None:
        """Of the peer with most connections in the line; trusted proxies carry many clients, and come last."""
        return self.first_of(max(self._of, key=lambda peer: peer is not None and len(self._of[peer]), default=None))


def _first(line: dict[_C, int]) -> tuple[int, _C] | None:
    return next(((turn, connection) for connection, turn in line.items()), None)


class Connections(Generic[_C]):
    """Which connections are open, and which of them may be closed for others: those that wait for a request, and those
    whose clients have not read what they were sent."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._peers: dict[_C, Client | None] = {}
        self._open_of: Counter[Client] = Counter()
        self._answered: set[_C] = set()
        self._waiting: _Line[_C] = _Line()
        self._unread: _Line[_C] = _Line()
        self._turns = count()

    def __len__(self) -> int:
        return len(self._peers)

    def opened(self, connection: _C, peer: Client | None) -> tuple[_C, Reason] | None:
        """Takes in a new connection, and gives the one to close for it at once: itself where no other can be.

        The one to close counts no more. `peer` is `None` for a trusted proxy, which has as many as there may be.
        """
        reason = self._exceeded(peer)
        closed = None
        if reason is not None:
            victim = self._victim(peer, reason)
            if victim is None:
                return connection, "refused"
            self.gone(victim)
            closed = victim, reason
        self._peers[connection] = peer
        if peer is not None:
            self._open_of[peer] += 1
        self.waits(connection)
        return closed

    def answers(self, connection: _C) -> None:
        """Its request is being answered from now on."""
        if connection in self._peers:
            self._answered.add(connection)
            self._waiting.leave(connection, self._peers[connection])

    def waits(self, connection: _C) -> None:
        """It waits for a request from now on, or once it has read what it was sent."""
        self._answered.discard(connection)
        if connection in self._peers and connection not in self._unread:
            self._waiting.join(connection, self._peers[connection], next(self._turns))

    def unread(self, connection: _C) -> None:
        """Something that was sent to it is unread from now on, whether more of the answer follows or not."""
        if connection in self._peers:
            self._waiting.leave(connection, self._peers[connection])
            self._unread.join(connection, self._peers[connection], next(self._turns))

    def read(self, connection: _C) -> None:
        """It has read all that it was sent so far."""
        if connection in self._peers:
            self._unread.leave(connection, self._peers[connection])
            if connection not in self._answered:
                self.waits(connection)

    def gone(self, connection: _C) -> None:
        """It is open no more."""
        if connection not in self._peers:
            return
        peer = self._peers.pop(connection)
        self._answered.discard(connection)
        self._waiting.leave(connection, peer)
        self._unread.leave(connection, peer)
        if peer is not None:
            self._open_of[peer] -= 1
            if not self._open_of[peer]:
                del self._open_of[peer]

    def _exceeded(self, peer: Client | None) -> Literal["bound", "peer_bound"] | None:
        """Which bound one more of `peer` would exceed."""
        if peer is not None and self._open_of[peer] >= self._bounds.each:
            return "peer_bound"
        return "bound" if len(self._peers) >= self._bounds.most else None

    def _victim(self, peer: Client | None, reason: Reason) -> _C | None:
        if reason == "peer_bound":
            firsts = self._waiting.first_of(peer), self._unread.first_of(peer)
        else:
            firsts = self._waiting.first(), self._unread.first_of_most()
        # The longer of the two: among many unread answers, those that wait have just come, and are about to ask.
        return min((first for first in firsts if first is not None), key=lambda first: first[0], default=(0, None))[1]
