"""How long another party's silence must last until it counts as one.

An event loop that was held up has read nothing meanwhile: the answer may have come long ago. So a time-out is cut into
slices. What the loop is late at the end of a slice does not count, and of a slice that it ended late only half counts.
A loop that is always late therefore waits for twice as many slices, and not for ever.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

_LEAST_SLICES = 8
_LONGEST_SLICE = 0.25


@dataclass(frozen=True)
class Patience:
    """What is left of a time-out: so many half slices of `slice` seconds."""

    slice: float
    halves_left: int

    @classmethod
    def of(cls, seconds: float) -> Self:
        """A whole time-out of so many seconds."""
        slices = max(_LEAST_SLICES, math.ceil(seconds / _LONGEST_SLICE))
        return cls(seconds / slices, 2 * slices)

    @property
    def over(self) -> bool:
        return self.halves_left <= 0

    def after(self, lag: float) -> Self:
        """What is left after a slice that ended `lag` seconds later than it should have."""
        counted = 1 if lag > self.slice / 2 else 2
        return replace(self, halves_left=self.halves_left - counted)
