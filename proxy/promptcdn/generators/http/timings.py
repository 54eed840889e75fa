"""How long an upstream is waited for over HTTP."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """All in seconds.

    picture          for one picture, connecting included, where the caller names no deadline
    connect          for a connection; a call with less than twice that left has half of what is left
    account          for each question that `doctor` asks
    between_fetches  between two tries to fetch a picture that is paid for
    """

    picture: float = 120.0
    connect: float = 5.0
    account: float = 10.0
    between_fetches: float = 0.5


TIMINGS = Timings()
