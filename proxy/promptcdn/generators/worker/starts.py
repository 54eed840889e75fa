"""When a worker is started: policy. Orders wait, no worker has called for a while, and neither was one started lately.

Every time is in Unix seconds, and given by the caller.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_DAY = 86400.0
# More doublings than this are longer than any pause.
_DOUBLINGS = 16


@dataclass(frozen=True)
class Timings:
    """How starts are timed, in seconds.

    silence        no worker may have called for so long
    pause          between two starts; it doubles with each start after which no worker has called
    longest_pause  the most that it doubles to
    """

    silence: float = 60.0
    pause: float = 300.0
    longest_pause: float = 3600.0


TIMINGS = Timings()


def of_the_day(starts: Iterable[float], now: float) -> tuple[float, ...]:
    """The starts within the last 24 hours, the latest last. One in the future was made before the clock was set back,
    and counts as made now."""
    return tuple(sorted(min(at, now) for at in starts if now - _DAY < at))


def due(starts: Iterable[float], last_call: float, now: float, most: int, timings: Timings = TIMINGS) -> bool:
    """Whether a worker is to be started now, for orders that wait. A worker that can draw them called last at
    `last_call`, and `most` starts are allowed within 24 hours."""
    done = of_the_day(starts, now)
    if len(done) >= most or now < last_call + timings.silence:
        return False
    in_vain = [at for at in done if at > last_call]
    if not in_vain:
        return True
    pause = min(timings.pause * 2.0 ** min(len(in_vain) - 1, _DOUBLINGS), timings.longest_pause)
    return bool(now >= in_vain[-1] + pause)
