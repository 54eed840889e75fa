"""The circuit breaker towards the upstream: whether the upstream is called at all.

An upstream that fails is left alone for a while: new pictures are refused at once then, and not after a deadline.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, Protocol, Self

from promptcdn import problems
from promptcdn.problems import ProblemType, UpstreamFailed

# In seconds. What only the operator can mend is looked at less often.
FIRST_PAUSE = 5.0
FIRST_PAUSE_UNTIL_MENDED = 60.0
# Failures of the upstream as a whole, and the seconds for which it is left alone at first. Any other answer, a refusal
# too, shows that the upstream works: it is about one picture.
FIRST_PAUSES: Mapping[ProblemType, float] = MappingProxyType(
    {
        problems.UPSTREAM_UNREACHABLE: FIRST_PAUSE,
        problems.UPSTREAM_BUSY: FIRST_PAUSE,
        problems.UPSTREAM_TIMEOUT: FIRST_PAUSE,
        problems.UPSTREAM_UNPAID: FIRST_PAUSE_UNTIL_MENDED,
        problems.UPSTREAM_UNAUTHORIZED: FIRST_PAUSE_UNTIL_MENDED,
    }
)
LONGEST_PAUSE = 300.0
FAILURES_TO_OPEN = 5

Phase = Literal["closed", "open", "half-open"]


@dataclass(frozen=True)
class BreakerState:
    """Whether the upstream is called: closed, it is; open, it is not; half-open, by one probe at a time.

    Five failures in a row open the breaker. When its pause is over, a probe goes through: success closes the breaker,
    failure doubles the pause. Times are seconds on the caller's clock (those who share a breaker share the clock),
    `cause` is the code of the last failure and empty while closed. All fields are plain values, for JSON.
    """

    failures: int = 0
    cause: str = ""
    pause: float = 0.0
    until: float = 0.0
    probing_until: float = 0.0

    @property
    def closed(self) -> bool:
        return not self.cause

    def phase(self, now: float) -> Phase:
        """What the breaker is at `now`."""
        if self.closed:
            return "closed"
        return "open" if now < self.until else "half-open"

    def left(self, now: float) -> float:
        """Seconds until a call may go through; 0 where one may now."""
        return 0.0 if self.closed else max(0.0, self.until - now, self.probing_until - now)

    def admit(self, now: float, patience: float) -> Self:
        """The breaker once a call has gone through: as a probe, where the breaker is not closed.

        A probe that has not ended after `patience` seconds is lost, and another may follow. Raises `UpstreamFailed`,
        not charged, where no call may go through.
        """
        if self.left(now):
            raise self._refusal(now)
        return self if self.closed else replace(self, probing_until=now + patience)

    def after(self, failure: ProblemType | None, now: float, *, probe: bool) -> "BreakerState":
        """The breaker after a call, which failed or (`None`) did not.

        While the breaker is not closed only a probe's outcome counts: other calls began before it opened.
        """
        if not (self.closed or probe):
            return self
        if failure is None or failure not in FIRST_PAUSES:
            return BreakerState()
        failures = self.failures + 1
        if self.closed and failures < FAILURES_TO_OPEN:
            return replace(self, failures=failures)
        length = min(max(self.pause * 2, FIRST_PAUSES[failure]), LONGEST_PAUSE)
        return BreakerState(failures, failure.code, length, now + length)

    def without_probe(self) -> Self:
        """The breaker after a probe that was given up: the next call is one."""
        return replace(self, probing_until=0.0)

    def moved(self, seconds: float) -> Self:
        """The same breaker on a clock that is `seconds` ahead."""
        if self.closed:
            return self
        return replace(self, until=self.until + seconds, probing_until=self.probing_until + seconds)

    def _refusal(self, now: float) -> UpstreamFailed:
        kind = next(kind for kind in FIRST_PAUSES if kind.code == self.cause)
        # While a probe is out, its end is not known: whoever comes back in the first pause hears of it soon.
        left = self.until - now if now < self.until else FIRST_PAUSES[kind]
        detail = f"the upstream failed {self.failures} times in a row and is not called for now"
        return UpstreamFailed(kind, detail, charged=False, pause=math.ceil(left))


# Raises `UpstreamFailed` where no call may go through.
Change = Callable[[BreakerState], BreakerState]


class Breaker(Protocol):
    """One breaker, changed by one caller at a time."""

    @property
    def state(self) -> BreakerState:
        """As it was last seen from here."""

    async def change(self, change: Change, now: float) -> tuple[BreakerState, BreakerState]:
        """Makes the change; gives the state before and after it. Times are on the clock of `now`."""
