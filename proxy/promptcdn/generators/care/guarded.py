"""A generator whose upstream may fail: one deadline over all tries at a picture, few tries, and a circuit breaker.

deadline → breaker → try → pause → try …
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from random import SystemRandom
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, Made, Sources, Upstream
from promptcdn.generators.care import retries
from promptcdn.generators.care.breaker import Breaker, BreakerState, Phase
from promptcdn.generators.care.breakers import LocalBreaker
from promptcdn.generators.care.retries import TIMINGS, Timings
from promptcdn.problems import (
    GENERATOR_MISSING,
    UPSTREAM_UNAUTHORIZED,
    UPSTREAM_UNPAID,
    ProblemType,
    UpstreamFailed,
)
from promptcdn.url.request import Resolved

log = logging.getLogger(__name__)

# What only the operator can mend.
_ADVICE = {
    UPSTREAM_UNPAID: "the upstream says that the account has no credits left: buy credits",
    UPSTREAM_UNAUTHORIZED: "the upstream denies access, or access to this engine: check",
}
_jitter = SystemRandom().random


class Guarded:
    """Makes the pictures of `upstream`, each in `seconds` at most, all its tries together.

    A call is tried again where it surely was not charged and may do better in a moment. Nothing is remembered between
    calls but the breaker.
    """

    def __init__(
        self,
        upstream: Upstream,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = _jitter,
        breaker: Breaker | None = None,
        timings: Timings = TIMINGS,
        access: str = "the settings of this generator",
    ) -> None:
        """`access` is what the operator checks where the upstream denies access, with the names of settings."""
        self._upstream = upstream
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._breaker = breaker or LocalBreaker()
        self._timings = timings
        self._access = access

    @property
    def name(self) -> str:
        return self._upstream.name

    @property
    def paid(self) -> bool:
        return self._upstream.paid

    @property
    def phase(self) -> Phase:
        """Of the breaker, now."""
        return self._breaker.state.phase(self._clock())

    @property
    def refuses(self) -> str:
        """Why no new picture is made while the breaker is open; empty when one may be tried again."""
        if self.phase != "open":
            return ""
        state = self._breaker.state
        return f"no new pictures for {state.left(self._clock()):.0f} s: {state.cause}"

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        """One picture. Raises `UpstreamFailed`, at once and not charged while the breaker is open."""
        now = self._clock()
        before, _ = await self._breaker.change(
            lambda state: state.admit(now, self._seconds + self._timings.probe_margin), now
        )
        probe = not before.closed
        try:
            made = await self._tries(resolved, content_key, sources)
        except BaseException as error:
            if isinstance(error, UpstreamFailed) and error.kind is not GENERATOR_MISSING:
                await self._learn(error.kind, probe=probe)
            # Cancelled, a fault of this service, or an order for another upstream: it says nothing of this one.
            elif probe:
                await self._breaker.change(BreakerState.without_probe, self._clock())
            raise
        await self._learn(None, probe=probe)
        return made

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """The upstream's, and the breaker's while it is open."""
        found = await self._upstream.checks(engines)
        return (*found, Check("breaker", False, self.refuses)) if self.refuses else found

    async def close(self) -> None:
        await self._upstream.close()

    async def _tries(self, resolved: Resolved, content_key: str, sources: Sources) -> Made:
        ends = self._clock() + self._seconds

        async def once() -> Made:
            seconds = ends - self._clock()
            return await self._upstream.generate(resolved, content_key, seconds, sources=sources)

        last_start = retries.last_start(self._seconds, self._timings)
        # One a call: its state is the object's own, and calls would share it.
        retrying = AsyncRetrying(
            sleep=self._sleep,
            retry=retry_if_exception(self._may_retry),
            wait=self._pause,
            stop=stop_after_attempt(retries.MAX_TRIES) | stop_before_delay(last_start),
            before_sleep=_log_retry,
            reraise=True,
        )
        made: Made = await retrying(once)
        return made

    def _may_retry(self, error: BaseException) -> bool:
        # A probe gets one try, and what others have learnt meanwhile holds for this call too.
        return isinstance(error, UpstreamFailed) and retries.may_retry(error) and self._breaker.state.closed

    def _pause(self, state: RetryCallState) -> float:
        failure = _failure(state)
        return retries.pause(state.attempt_number, failure.pause, self._chance(), self._timings)

    async def _learn(self, failure: ProblemType | None, *, probe: bool) -> None:
        now = self._clock()
        before, after = await self._breaker.change(lambda state: state.after(failure, now, probe=probe), now)
        if failure in _ADVICE:
            advice = f"{_ADVICE[failure]} {self._access}" if failure is UPSTREAM_UNAUTHORIZED else _ADVICE[failure]
            log.error("%s: %s: %s", self.name, failure.code, advice)
        if after.closed and not before.closed:
            log.info("%s: the upstream answers again: new pictures are made", self.name)
        elif not after.closed and after.until > before.until:
            why = after.cause
            log.warning("%s: no new pictures for %.0f s, only stored ones: %s", self.name, after.left(now), why)


def _failure(state: RetryCallState) -> Any:
    assert state.outcome is not None
    return state.outcome.exception()


def _log_retry(state: RetryCallState) -> None:
    failure = _failure(state)
    log.info("%s: %s; the call is tried again in %.1f s", failure.kind.code, failure.detail, state.upcoming_sleep)
