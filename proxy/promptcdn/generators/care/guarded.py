"""Care for an upstream that fails as services do: one deadline over all tries, few of them, and a breaker.

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
from promptcdn.generators import Made, Upstream
from promptcdn.generators.care import retries as resting
from promptcdn.generators.care.breaker import Breakers, LocalBreaker
from promptcdn.generators.care.retries import Breaker
from promptcdn.problems import UPSTREAM_UNAUTHORIZED, UPSTREAM_UNPAID, ProblemType, UpstreamFailed
from promptcdn.url.request import Resolved

log = logging.getLogger(__name__)

# What only the operator can mend.
_ADVICE = {
    UPSTREAM_UNPAID: "the upstream says that the account cannot pay: buy credits",
    UPSTREAM_UNAUTHORIZED: "the upstream does not take the key, or not for this engine: check STABILITY_KEY",
}
# A probe ends within its deadline; one that has not by then, and a little, is lost.
_LINGER = 5.0
_jitter = SystemRandom().random


class Guarded:
    """Makes the pictures of `upstream`, each in `seconds` at most, all its tries together.

    What surely was not charged and may pass by itself is tried again. The breaker is all that it remembers.
    """

    def __init__(
        self,
        upstream: Upstream,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = _jitter,
        breakers: Breakers | None = None,
    ) -> None:
        self._upstream = upstream
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._breakers = breakers or LocalBreaker()

    @property
    def name(self) -> str:
        return self._upstream.name

    @property
    def paid(self) -> bool:
        return self._upstream.paid

    @property
    def breaker(self) -> Breaker:
        return self._breakers.known

    @property
    def state(self) -> resting.State:
        """Of the breaker, now."""
        return self.breaker.state(self._clock())

    @property
    def refuses(self) -> str:
        """Why no new picture is made while the breaker is open; empty when one may be tried again."""
        if self.state != "open":
            return ""
        left = self.breaker.left(self._clock())
        return f"answers hits only: {self.breaker.cause}, tried again in {left:.0f} s"

    async def generate(self, resolved: Resolved, content_key: str) -> Made:
        """One picture. Raises `UpstreamFailed`, at once and not charged while the breaker is open."""
        now = self._clock()
        before, _ = await self._breakers.change(lambda breaker: breaker.admit(now, self._seconds + _LINGER), now)
        probe = not before.closed
        try:
            made = await self._tries(resolved, content_key)
        except UpstreamFailed as failure:
            await self._learn(failure.kind, probe=probe)
            raise
        except BaseException:  # cancelled, or broken on our side: it says nothing of the upstream
            if probe:
                await self._breakers.change(Breaker.without_probe, self._clock())
            raise
        await self._learn(None, probe=probe)
        return made

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """The upstream's, and the breaker's while that is open as far as is known here."""
        found = await self._upstream.checks(engines)
        return (*found, Check("breaker", False, self.refuses)) if self.refuses else found

    async def close(self) -> None:
        await self._upstream.close()

    async def _tries(self, resolved: Resolved, content_key: str) -> Made:
        ends = self._clock() + self._seconds

        async def once() -> Made:
            return await self._upstream.generate(resolved, content_key, ends - self._clock())

        # One a call: its state is the object's own, and calls would share it.
        retrying = AsyncRetrying(
            sleep=self._sleep,
            retry=retry_if_exception(self._is_worth_a_try),
            wait=self._pause,
            stop=stop_after_attempt(resting.MOST_TRIES) | stop_before_delay(resting.last_start(self._seconds)),
            before_sleep=_say,
            reraise=True,
        )
        made: Made = await retrying(once)
        return made

    def _is_worth_a_try(self, error: BaseException) -> bool:
        # A probe gets one try, and what others have learnt meanwhile holds for this call too.
        return isinstance(error, UpstreamFailed) and resting.passes_by_itself(error) and self.breaker.closed

    def _pause(self, state: RetryCallState) -> float:
        failure = _failure(state)
        return resting.pause(state.attempt_number, failure.pause, self._chance())

    async def _learn(self, failure: ProblemType | None, *, probe: bool) -> None:
        now = self._clock()
        before, after = await self._breakers.change(lambda breaker: breaker.after(failure, now, probe=probe), now)
        if failure in _ADVICE:
            log.error("%s: %s", failure.code, _ADVICE[failure])
        if after.closed and not before.closed:
            log.info("the upstream works again: new pictures are made")
        elif not after.closed and after.until > before.until:
            log.warning("%s: no new pictures for %.0f s, hits only", after.cause, after.left(now))


def _failure(state: RetryCallState) -> Any:
    assert state.outcome is not None
    return state.outcome.exception()


def _say(state: RetryCallState) -> None:
    failure = _failure(state)
    log.info("%s: %s; trying again in %.1f s", failure.kind.code, failure.detail, state.upcoming_sleep)
