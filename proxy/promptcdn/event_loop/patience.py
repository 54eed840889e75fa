"""How long another party's silence must last until it counts as one.

An event loop that was held up has read nothing meanwhile: the answer may have come long ago. So a time-out is cut into
slices, and where the loop is late at the end of a slice, the time for which it was late does not count. A stall,
however long, takes two slices from the other party's time: that in which it began, and one of lateness, which counts
because a loop that works is always a little late.

A loop that is late again and again does not wait for ever: in wall-clock time a time-out lasts `STRETCH_MAX` times its
seconds at most. A stall that alone is longer than the whole time-out is not part of that: nobody could have been
heard in time. There are no more of those than slices.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

# How many times its seconds a time-out may last while the event loop is late, in wall-clock time.
STRETCH_MAX = 3

_LEAST_SLICES = 8
_LONGEST_SLICE = 0.25
_SHORTEST_SLICE = 0.001


@dataclass(frozen=True)
class Patience:
    """What is left of a time-out of so many `seconds`.

    left     seconds for which the other party may still be silent
    excused  seconds for which the loop may still be late before its lateness counts like silence
    """

    seconds: float
    left: float
    excused: float

    @classmethod
    def of(cls, seconds: float) -> Self:
        """A whole time-out."""
        return cls(seconds, seconds, (STRETCH_MAX - 1) * seconds)

    @property
    def slice(self) -> float:
        """In how many seconds the loop is to look at the clock."""
        return min(self.left, self._whole_slice)

    @property
    def over(self) -> bool:
        return self.left <= 0

    def after(self, lag: float) -> Self:
        """What is left after a slice that ended `lag` seconds later than it should have."""
        counted = self.slice + min(lag, self._whole_slice)
        late = self.slice + lag - counted
        if lag > self.seconds:
            return replace(self, left=self.left - counted)
        not_excused = max(0.0, late - self.excused)
        return replace(self, left=self.left - counted - not_excused, excused=self.excused - late + not_excused)

    @property
    def _whole_slice(self) -> float:
        slices = max(_LEAST_SLICES, math.ceil(self.seconds / _LONGEST_SLICE))
        return max(_SHORTEST_SLICE, self.seconds / slices)
