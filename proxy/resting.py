"""Back-off for keys whose paid answer was no good: they rest before they may cost money again."""

from dataclasses import dataclass

from proxy.problems import Kind

FIRST_REST = 5.0
LONGEST_REST = 3600.0


@dataclass(frozen=True)
class Rest:
    """A key at rest: until when (on the caller's clock, in seconds), how long this rest is, and what caused it."""

    cause: Kind
    detail: str
    until: float
    length: float

    def left(self, now: float) -> float:
        """Seconds to go; 0 when the key may be tried again."""
        return max(0.0, self.until - now)


def next_rest(last: Rest | None, cause: Kind, detail: str, now: float) -> Rest:
    """The rest that follows a failure: 5 s at first, twice the last one after that, an hour at most."""
    length = FIRST_REST if last is None else min(last.length * 2, LONGEST_REST)
    return Rest(cause, detail, now + length, length)
