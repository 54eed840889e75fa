"""How long a model's process is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """All in seconds.

    picture      for one picture, where the caller names no deadline
    load         until the model is loaded; a process that takes longer is killed
    look         for a look at the library and its device, by `doctor`
    end          until a process that was asked to end has ended; then it is killed
    first_pause  before the process is started again after it has ended by itself; doubling each time
    longest_pause  the longest such pause
    """

    picture: float = 120.0
    load: float = 600.0
    look: float = 60.0
    end: float = 5.0
    first_pause: float = 1.0
    longest_pause: float = 60.0


TIMINGS = Timings()
