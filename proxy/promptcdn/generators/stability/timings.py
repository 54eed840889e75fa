"""How long the upstream is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """All in seconds.

    picture  for one picture, connecting included, where the caller names no deadline
    connect  for a connection; a picture with less than twice that left has half of what is left
    linger   for the end of the upstream's stream, once the picture is there. Servers take milliseconds; one that never
             ends its stream must not cost the picture
    account  for each question about engines and balance, which `doctor` asks
    """

    picture: float = 120.0
    connect: float = 5.0
    linger: float = 1.0
    account: float = 10.0


TIMINGS = Timings()
