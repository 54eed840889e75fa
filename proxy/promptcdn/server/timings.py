"""How long the server waits for clients."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Durations in seconds.

    head    the head of a request has to arrive within this time, and the next request of a connection to begin
    proxy   the same for the next request of a trusted proxy's connection: a balancer that keeps connections for longer
            than the service sends requests on those that are just being closed, and answers 502
    read    a client may read nothing of an answer for this long; a telephone in a tunnel comes back
    drain   after the signal to stop, clients have this long to read the answers that were sent to them
    logged  between two lines in the log about too many connections
    """

    head: float = 5.0
    proxy: float = 150.0
    read: float = 30.0
    drain: float = 5.0
    logged: float = 60.0


TIMINGS = Timings()
