"""Ports of loopback for processes that the tests start."""

import contextlib
import socket
from collections.abc import Iterator


def free_port() -> int:
    """One that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def held_port() -> Iterator[int]:
    """A `PORT` for a service that is ended and started again: no connection of others is given it meanwhile.

    Two sockets may be bound to one address where both allow it and one listens at most. This one allows it only after
    it was bound: else it might be given the port that another one holds.
    """
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield holder.getsockname()[1]
