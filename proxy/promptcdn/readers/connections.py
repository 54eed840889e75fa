"""How many connections may be open, and which of them are closed so that new ones are let in.

Where there are too many, each new connection closes an old one, as in nginx with `worker_connections`: the one that has
waited longest for a request or for the rest of one, or the one whose client has left an answer unread, if that is
longer. Among unread answers, those of the peer with most of them are closed first, so that one slow reader outlives a
crowd that reads nothing. A connection whose request is being answered, and whose client has read all so far, is never
closed. One peer may have at most half of all connections.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, Literal, Self, TypeVar

from promptcdn.readers.clients import Client

# Descriptors for what is no connection of a client: the store, the counters' files, Redis, the image generator.
_OTHERS = 256
# An idle connection takes 8 kB of memory, one with half a head up to 64 kB more.
_MOST = 8192

# Why a connection was closed. `bound`, `peer_bound`: there were too many in all, or of one peer, and it had waited, or
# left its answer unread, for longest. `refused`: it was the new one, and all others were being answered. `silent`: no
# request arrived in time.
Reason = Literal["bound", "peer_bound", "refused", "silent"]

_C = TypeVar("_C", bound=Hashable)


@dataclass(frozen=True)
class Bounds:
    """How many connections may be open, in all (`most`) and of one peer (`each`)."""

    most: int
    each: int

    @classmethod
    def within(cls, descriptors: int) -> Self:
        """The bounds of a process that can open so many files; half of a low limit is left for everything else."""
        most = max(2, min(_MOST, descriptors - min(_OTHERS, descriptors // 2)))
        return cls(most, most // 2)


class _Queue(Generic[_C]):
    """Connections in the order in which they joined, in all and by peer, each with its number in that order."""

    def __init__(self) -> None:
        self._all: dict[_C, int] = {}
        self._of: dict[Client | None, dict[_C, int]] = {}

    def __contains__(self, connection: _C) -> bool:
        return connection in self._all

    def join(self, connection: _C, peer: Client | None, turn: int) -> None:
        """A connection that is in the queue already keeps its place."""
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
        """Of the peer with most connections in the queue. Trusted proxies carry many clients, and come last."""
        return self.first_of(max(self._of, key=lambda peer: peer is not None and len(self._of[peer]), default=None))


def _first(queue: dict[_C, int]) -> tuple[int, _C] | None:
    return next(((turn, connection) for connection, turn in queue.items()), None)


class Connections(Generic[_C]):
    """Which connections are open, and which of them may be closed for others.

    Those are the connections that wait for a request, and those whose clients have not read what was sent to them.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._peers: dict[_C, Client | None] = {}
        self._open_of: Counter[Client] = Counter()
        self._answered: set[_C] = set()
        self._waiting: _Queue[_C] = _Queue()
        self._unread: _Queue[_C] = _Queue()
        self._turns = count()

    def __len__(self) -> int:
        return len(self._peers)

    def opened(self, connection: _C, peer: Client | None) -> tuple[_C, Reason] | None:
        """Counts a new connection, and returns the connection to close for it: itself where no other may be closed.

        The one to close is no longer counted. `peer` is `None` for a trusted proxy, which is not bounded by itself.
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
        """The connection's request is being answered from now on."""
        if connection in self._peers:
            self._answered.add(connection)
            self._waiting.leave(connection, self._peers[connection])

    def waits(self, connection: _C) -> None:
        """The connection waits for a request from now on, or once its client has read what was sent."""
        self._answered.discard(connection)
        if connection in self._peers and connection not in self._unread:
            self._waiting.join(connection, self._peers[connection], next(self._turns))

    def unread(self, connection: _C) -> None:
        """Something that was sent to the client is unread from now on, whether more of the answer follows or not."""
        if connection in self._peers:
            self._waiting.leave(connection, self._peers[connection])
            self._unread.join(connection, self._peers[connection], next(self._turns))

    def read(self, connection: _C) -> None:
        """The client has read all that was sent so far."""
        if connection in self._peers:
            self._unread.leave(connection, self._peers[connection])
            if connection not in self._answered:
                self.waits(connection)

    def gone(self, connection: _C) -> None:
        """The connection is closed."""
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
        # The older of the two: where many answers are unread, those that wait are new, and about to send a request.
        return min((first for first in firsts if first is not None), key=lambda first: first[0], default=(0, None))[1]
