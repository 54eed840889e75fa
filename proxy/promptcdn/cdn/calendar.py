"""A calendar URL: one picture an hour, day, week or month, each the seeded request of its period's name."""

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

from promptcdn import problems
from promptcdn.cdn.seeded import Seeded
from promptcdn.clock import Clock
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Asker, Unchanged
from promptcdn.readers.headers import Outcome
from promptcdn.url import seeds
from promptcdn.url.periods import period_end, period_name, period_start
from promptcdn.url.request import Request

STAND_IN_TIME = timedelta(seconds=60)


class Calendar:
    """Answers calendar requests by the way of the seeded request that each is in the present period."""

    def __init__(self, way: Seeded, clock: Clock) -> None:
        self._way = way
        self._clock = clock

    def present(self, request: Request) -> Request:
        """The seeded request that a calendar request is now."""
        assert isinstance(request.asked.seed, str)
        return _at(request, period_name(request.asked.seed, self._clock.utc()))

    async def answer(self, request: Request, asker: Asker) -> Answer | Unchanged | None:
        """The present period's picture; for its first minute, while it is made, the last one's may stand in."""
        calendar = request.asked.seed
        assert isinstance(calendar, str)
        now = self._clock.utc()
        end = period_end(calendar, now)
        current = _at(request, period_name(calendar, now))
        try:
            answer = await self._way.answer(current, replace(asker, making=False))
            if answer is None and asker.making:
                since = now - period_start(calendar, now)
                if since < STAND_IN_TIME and (stand_in := await self._stand_in(request, current, now - since, asker)):
                    return stand_in
                answer = await self._way.answer(current, asker)
        except Problem as problem:
            raise _kept_until(problem, end - now) from None
        if answer is None:
            return None
        outcome = Outcome.CALENDAR if answer.outcome is Outcome.SEEDED else answer.outcome
        return replace(answer, outcome=outcome, location=await self._way.location(current), until=end)

    async def _stand_in(self, request: Request, current: Request, start: datetime, asker: Asker) -> Answer | None:
        """The picture of the period before `start`, if it is stored; the present one's is begun behind it."""
        calendar = request.asked.seed
        assert isinstance(calendar, str)
        last = _at(request, period_name(calendar, start - timedelta(seconds=1)))
        try:
            shown = await self._way.look(last)
        except Problem:
            return None
        if shown is None:
            return None
        order = await self._way.order(current)
        with contextlib.suppress(Problem):
            await self._way.begin(order, current, asker)
        return replace(shown, outcome=Outcome.STAND_IN, location=await self._way.location(last))


def _at(request: Request, period: str) -> Request:
    return request.view(seeds.of_period(period))


def _kept_until(problem: Problem, left: timedelta) -> Problem:
    """A refusal that is this period's only: the next one has another picture."""
    if problem.kind is not problems.FILTERED:
        return problem
    seconds = max(1, min(86400, int(left.total_seconds())))
    return Problem(problem.kind, problem.detail, cache_control=problems.kept(seconds))
