"""The core: a request in, a picture out.

seeded      the one way of a request
pool        a URL without a seed
calendar    a URL whose seed is the present hour, day, week or month
targets     what a URL is for
stored      who is shown a stored picture, and who has it already (304)
origins     what is said of a picture that is made from others
"""

import random
from collections.abc import Iterator, Mapping, MutableMapping

from promptcdn import problems
from promptcdn.cdn import origins
from promptcdn.cdn.calendar import Calendar
from promptcdn.cdn.pool import Pool
from promptcdn.cdn.seeded import Rules, Seeded
from promptcdn.cdn.stored import conditional
from promptcdn.clock import Clock
from promptcdn.pictures import sizing
from promptcdn.problems import Problem
from promptcdn.readers.answers import Asker, Look, Looks, Reply, State
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.url.engines import Size
from promptcdn.url.request import Asked, Delivery, Request, Resolved
from promptcdn.url.resolving import departures, irreplaceable, losses, resolve

__all__ = ["Cdn", "Rules", "Seeded"]


class Cdn:
    """Answers requests with pictures."""

    def __init__(self, seeded: Seeded, rules: Rules, clock: Clock, chance: random.Random) -> None:
        self._seeded = seeded
        self._rules = rules
        self._pool = Pool(seeded, rules.variants, clock, chance)
        self._calendar = Calendar(seeded, clock)

    async def answer(self, request: Request, asker: Asker) -> Reply:
        """The picture, or that the asker has it, or that it is not made. Raises `Problem`."""
        return conditional(await self._answer(request, asker), asker.condition)

    async def _answer(self, request: Request, asker: Asker) -> Reply:
        match request.asked.seed:
            case int():
                return await self._seeded.answer(request, asker)
            case None:
                return await self._pool.answer(request, asker)
            case _:
                return await self._calendar.answer(request, asker)

    async def permalink(self, content_key: str, delivery: Delivery, condition: Condition = NOTHING) -> Reply:
        """A permalink's picture. Never makes one: `Problem` (404) where there is none."""
        reply = await self._seeded.permalink(content_key, delivery, condition)
        if reply is None:
            raise Problem(problems.NOT_FOUND, "no picture of this content key is stored here")
        return conditional(reply, condition)

    def size(self, request: Request) -> Size:
        """The size that a picture which is still being made will have, as far as is known without the store."""
        try:
            resolved = resolve(request.asked.seeded(0), self._rules.defaults, nearest=request.nearest)
        except Problem:
            return self._rules.defaults.limits(self._rules.defaults.default).default_size
        return sizing.variant(request.delivery, resolved.size).size or resolved.size

    async def look(self, request: Request) -> Look:
        """What there is of a request's picture, or of a calendar one's in the present period. Never makes or writes."""
        return await self._seeded.look(self._present(request))

    async def looks(self, request: Request) -> Looks:
        """The same for each picture of its pool, where a request has no seed."""
        if request.asked.seed is None:
            return await self._pool.looks(request)
        return Looks((await self.look(request),))

    async def state(self, content_key: str) -> State:
        """What there is of the picture of a content key. Never makes or writes. Raises `Problem`."""
        return await self._seeded.state(content_key)

    def notes(self, asked: Asked, resolved: Resolved, *, stored: bool) -> Iterator[str]:
        """A sentence for each parameter of `asked` that the picture is not drawn by, and for what its engine lacks."""
        yield from departures(asked, resolved)
        yield from losses(asked, resolved, self._rules.defaults, stored=stored)

    async def origin_notes(self, resolved: Resolved, state: State, sources: Mapping[str, State]) -> list[str]:
        """Sentences about the pictures that it is made from; `state` is its own, `sources` has theirs, by parameter."""
        return list(origins.notes(resolved, state, sources, await self._seeded.origins(resolved)))

    def irreplaceable(self, generator: str, engine: str) -> str:
        """Why a picture of that engine could not be made again, if it were lost; empty where it could."""
        return irreplaceable(generator, engine, self._rules.defaults)

    def first(self, request: Request) -> Request:
        """The seeded request that a URL begins with: a pool's first, or that of a calendar URL's present period."""
        return self._present(request) if request.asked.seed is not None else self.pool(request)[0]

    @property
    def last_shown(self) -> MutableMapping[str, int]:
        """By the as-asked key of a URL without a seed: the seed of the last view, which the next one does not show."""
        return self._pool.last_shown

    def pool(self, request: Request, least: int = 0) -> tuple[Request, ...]:
        """The seeded requests that a seedless one is drawn from; `least` of them where its pool has fewer."""
        return self._pool.views(request, least)

    def _present(self, request: Request) -> Request:
        is_calendar = isinstance(request.asked.seed, str)
        return self._calendar.present(request) if is_calendar else request
