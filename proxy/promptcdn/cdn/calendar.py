"""A calendar URL: one picture an hour, day, week or month, each the seeded request of its period's name."""

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

from promptcdn import problems
from promptcdn.cdn.seeded import Seeded
from promptcdn.clock import Clock
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Asker, Reply, Unmade, Urgency
from promptcdn.readers.cache_policies import DAY, Outcome
from promptcdn.url import seeds
from promptcdn.url.periods import period_end, period_name, period_start
from promptcdn.url.request import Request

# For so long after a change the last period's picture may stand in for the new one.
STAND_IN_TIME = timedelta(seconds=60)


class Calendar:
    """Answers a calendar request as the seeded request that it is in the present period."""

    def __init__(self, seeded: Seeded, clock: Clock) -> None:
        self._seeded = seeded
        self._clock = clock

    def present(self, request: Request) -> Request:
        """The seeded request that a calendar request is now."""
        assert isinstance(request.asked.seed, str)
        return _in_period(request, period_name(request.asked.seed, self._clock.utc()))

    async def answer(self, request: Request, asker: Asker) -> Reply:
        """The present period's picture; for its first minute, while it is made, the last one's may stand in.

        Raises `Problem`.
        """
        calendar = request.asked.seed
        assert isinstance(calendar, str)
        now = self._clock.utc()
        end = period_end(calendar, now)
        current = _in_period(request, period_name(calendar, now))
        try:
            reply = await self._seeded.answer(current, replace(asker, making=False))
            if isinstance(reply, Unmade) and asker.making:
                start = period_start(calendar, now)
                stands_in = now - start < STAND_IN_TIME
                if stands_in and (stand_in := await self._stand_in(request, current, start, asker)):
                    return stand_in
                reply = await self._seeded.answer(current, asker)
        except Problem as problem:
            raise _kept_until(problem, end - now) from None
        if isinstance(reply, Unmade):
            return reply
        outcome = Outcome.CALENDAR if reply.outcome is Outcome.SEEDED else reply.outcome
        located = replace(reply, outcome=outcome, location=await self._seeded.location(current), until=end)
        return replace(located, seed=current.drawn) if isinstance(located, Answer) else located

    async def _stand_in(self, request: Request, current: Request, start: datetime, asker: Asker) -> Answer | None:
        """The picture of the period before `start`, if it is stored; the present one's is begun behind it."""
        calendar = request.asked.seed
        assert isinstance(calendar, str)
        last = _in_period(request, period_name(calendar, start - timedelta(seconds=1)))
        try:
            shown = await self._seeded.find(last)
        except Problem:
            return None
        if shown is None:
            return None
        with contextlib.suppress(Problem):
            await self._seeded.begin(current, replace(asker, urgency=Urgency.AHEAD))
        location = await self._seeded.location(last)
        return replace(shown, outcome=Outcome.STAND_IN, location=location, seed=last.drawn)


def _in_period(request: Request, period: str) -> Request:
    return request.view(seeds.of_period(period))


def _kept_until(problem: Problem, left: timedelta) -> Problem:
    """A refusal that is this period's only: the next one has another picture."""
    if problem.kind is not problems.FILTERED:
        return problem
    seconds = max(1, min(DAY, int(left.total_seconds())))
    return Problem(problem.kind, problem.detail, cache_control=problems.kept(seconds))
