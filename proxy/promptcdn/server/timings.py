"""How long the server waits for clients."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Durations in seconds.

    head    the head of a request has to arrive within this time, and the next request of a connection to begin
    read    a client may read nothing of an answer for this long; a telephone in a tunnel comes back
    drain   after the signal to stop, clients have this long to read the answers that were sent to them
    logged  between two lines in the log about too many connections
    """

    head: float = 5.0
    read: float = 30.0
    drain: float = 5.0
    logged: float = 60.0


TIMINGS = Timings()
