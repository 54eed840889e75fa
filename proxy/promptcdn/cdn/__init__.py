"""The core: a request in, a picture out.

seeded      the one way of a request
pool        a URL without a seed
calendar    a URL whose seed is the present hour, day, week or month
"""

import random

from promptcdn import problems
from promptcdn.cdn.calendar import Calendar
from promptcdn.cdn.pool import Pool
from promptcdn.cdn.seeded import Rules, Seeded
from promptcdn.clock import Clock
from promptcdn.pictures import sizing
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Asker, Look, Unchanged
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.url.engines import Size
from promptcdn.url.request import Delivery, Request
from promptcdn.url.resolving import resolve

__all__ = ["Cdn", "Rules", "Seeded"]


class Cdn:
    """Answers requests with pictures."""

    def __init__(self, way: Seeded, rules: Rules, clock: Clock, chance: random.Random) -> None:
        self.way = way
        self._rules = rules
        self._pool = Pool(way, rules.variants, clock, chance)
        self._calendar = Calendar(way, clock)

    async def answer(self, request: Request, asker: Asker) -> Answer | Unchanged | None:
        """The picture, or that the asker has it. `None` where it is not there and may not be made for them.

        Raises `Problem`.
        """
        match request.asked.seed:
            case int():
                return await self.way.answer(request, asker)
            case None:
                return await self._pool.answer(request, asker)
            case _:
                return await self._calendar.answer(request, asker)

    async def stored(self, content_key: str, delivery: Delivery, has: Condition = NOTHING) -> Answer | Unchanged:
        """A permalink's picture. Never makes one: `Problem` (404) where there is none."""
        answer = await self.way.stored(content_key, delivery, has)
        if answer is None:
            raise Problem(problems.NOT_FOUND, "no picture of this content key is stored here")
        return answer

    def size(self, request: Request) -> Size:
        """The size that a picture which is still being made will have, as far as is known without the store."""
        try:
            resolved = resolve(request.asked.seeded(0), self._rules.defaults, nearest=request.nearest)
        except Problem:
            return self._rules.defaults.drawer(self._rules.defaults.engine).default_size
        return sizing.variant(request.delivery, resolved.size).size or resolved.size

    async def look(self, request: Request) -> Look:
        """What is known of a request; of a calendar one, for the present period. Never makes, never writes."""
        return await self.way.known(self._calendar.present(request) if isinstance(request.asked.seed, str) else request)

    def pool(self, request: Request) -> tuple[Request, ...]:
        """The seeded requests that a seedless one is drawn from."""
        return self._pool.views(request)
