"""Back-off: keys whose paid answer was no good rest before they may cost money again, and an upstream that fails
is left alone.

    Rest       one key's rest
    pause      how long a try waits for the one before
    Breaker    whether the upstream is called at all
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, Self

from promptcdn import problems
from promptcdn.problems import ProblemType, UpstreamFailed

FIRST_REST = 5.0
LONGEST_REST = 3600.0
# Told again each time the store is tried: it is for a replica that goes away with what it has.
ELSEWHERE_SECONDS = 600.0


@dataclass(frozen=True)
class Cooldown:
    """A key at rest: until when (on the caller's clock, in seconds), how long this rest is, and what caused it."""

    cause: ProblemType
    detail: str
    until: float
    length: float

    def left(self, now: float) -> float:
        """Seconds to go; 0 when the key may be tried again."""
        return max(0.0, self.until - now)


def next_rest(last: Cooldown | None, cause: ProblemType, detail: str, now: float) -> Cooldown:
    """The rest that follows a failure: 5 s at first, twice the last one after that, an hour at most."""
    length = FIRST_REST if last is None else min(last.length * 2, LONGEST_REST)
    return Cooldown(cause, detail, now + length, length)


def elsewhere(now: float) -> Cooldown:
    """The rest of a key at all replicas but the one that has paid for it, while the store does not take the picture."""
    detail = "the picture is paid for, and waits at another replica for the store to take it"
    return Cooldown(problems.STORE_UNAVAILABLE, detail, now + ELSEWHERE_SECONDS, FIRST_REST)


# Tries at one picture, all of them within the picture's one deadline.
MOST_TRIES = 3
TRYING_SECONDS = 10.0
FIRST_PAUSE = 0.5


def passes_by_itself(failure: UpstreamFailed) -> bool:
    """Whether the same call may do better in a moment, and trying again surely does not pay twice."""
    return not failure.charged and failure.kind in (problems.UPSTREAM_UNREACHABLE, problems.UPSTREAM_BUSY)


def last_start(deadline: float) -> float:
    """The seconds after which no further try begins, where the picture has `deadline` seconds.

    A try with less than half of them left would be paid for and then hung up on.
    """
    return min(TRYING_SECONDS, deadline / 2)


def pause(tries: int, asked_for: float | None, chance: float) -> float:
    """Seconds before the next try, after so many: anything between nothing and a bound that doubles (full jitter),

    so that those who failed together do not come back together; on top of what the upstream asked for. `chance` is
    from 0 to 1.
    """
    bound: float = FIRST_PAUSE * 2 ** (tries - 1)
    return (asked_for or 0.0) + chance * bound


# Failures of the upstream as a whole, and how long it is left alone at first. What the operator has to mend is looked
# at less often. Anything else that it answers, also a refusal, shows that it works: that one is about one picture.
FIRST_PAUSES: Mapping[ProblemType, float] = MappingProxyType(
    {
        problems.UPSTREAM_UNREACHABLE: 5.0,
        problems.UPSTREAM_BUSY: 5.0,
        problems.UPSTREAM_TIMEOUT: 5.0,
        problems.UPSTREAM_UNPAID: 60.0,
        problems.UPSTREAM_UNAUTHORIZED: 60.0,
    }
)
LONGEST_PAUSE = 300.0
MOST_FAILURES = 5

State = Literal["closed", "open", "half-open"]


@dataclass(frozen=True)
class Breaker:
    """Whether the upstream is called: closed, it is; open, it is not; half-open, by one probe at a time.

    Five failures in a row open it. When its pause is over, a probe goes through: success closes it, failure doubles the
    pause. Times are seconds on the caller's clock (those who share a breaker share the clock), `cause` is the code of
    the last failure and empty while closed. All fields are plain values, for JSON.
    """

    failures: int = 0
    cause: str = ""
    pause: float = 0.0
    until: float = 0.0
    probing_until: float = 0.0

    @property
    def closed(self) -> bool:
        return not self.cause

    def state(self, now: float) -> State:
        """What it is at `now`."""
        if self.closed:
            return "closed"
        return "open" if now < self.until else "half-open"

    def left(self, now: float) -> float:
        """Seconds until a call may go through; 0 where one may now."""
        return 0.0 if self.closed else max(0.0, self.until - now, self.probing_until - now)

    def admit(self, now: float, patience: float) -> Self:
        """The breaker once a call has gone through: as a probe, where it is not closed.

        A probe that says nothing for `patience` seconds is lost, and another may follow. Raises `UpstreamFailed`, not
        charged, where no call may go through.
        """
        if self.left(now):
            raise self._refusal(now)
        return self if self.closed else replace(self, probing_until=now + patience)

    def after(self, failure: ProblemType | None, now: float, *, probe: bool) -> "Breaker":
        """The breaker after a call, which failed or (`None`) did not.

        While it is not closed only a probe's outcome counts: other calls began before it opened.
        """
        if not (self.closed or probe):
            return self
        if failure is None or failure not in FIRST_PAUSES:
            return Breaker()
        failures = self.failures + 1
        if self.closed and failures < MOST_FAILURES:
            return replace(self, failures=failures)
        length = min(max(self.pause * 2, FIRST_PAUSES[failure]), LONGEST_PAUSE)
        return Breaker(failures, failure.code, length, now + length)

    def without_probe(self) -> Self:
        """The breaker after a probe that was given up: the next call is one."""
        return replace(self, probing_until=0.0)

    def _refusal(self, now: float) -> UpstreamFailed:
        kind = next(kind for kind in FIRST_PAUSES if kind.code == self.cause)
        # While a probe is out, its end is not known: whoever comes back in the first pause hears of it soon.
        left = self.until - now if now < self.until else FIRST_PAUSES[kind]
        detail = f"the upstream failed {self.failures} times in a row and is left alone for now"
        return UpstreamFailed(kind, detail, charged=False, pause=math.ceil(left))
