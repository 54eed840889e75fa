"""A URL without a seed: another picture at each view, drawn from a pool of seeds that is made one by one.

A view draws a seed and *is* the seeded request with that seed from then on.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import cachetools

from promptcdn import problems
from promptcdn.cdn.seeded import Seeded
from promptcdn.clock import Clock
from promptcdn.flights import Flight
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Asker, Unchanged
from promptcdn.readers.conditions import NOTHING
from promptcdn.readers.headers import Outcome
from promptcdn.url import keys, seeds
from promptcdn.url.request import Request

_POOLS_REMEMBERED = 10_000
# How long one picture of a pool is looked for while others may be in memory, and how long those, once one was late.
_LOOK, _GLANCE = 1.0, 0.05
# After a picture of a pool that was begun behind a view was refused.
_REFUSED = 60.0


class Pool:
    """Answers requests without a seed, each view by the way of the seeded request that it draws."""

    def __init__(self, way: Seeded, variants: int, clock: Clock, chance: random.Random) -> None:
        """`variants` is how many pictures one URL draws from."""
        self._way = way
        self._variants = variants
        self._clock = clock
        self._chance = chance
        self._behind: cachetools.LRUCache[str, tuple[Flight[None], float]] = cachetools.LRUCache(_POOLS_REMEMBERED)
        self._last_shown: cachetools.LRUCache[str, Request] = cachetools.LRUCache(_POOLS_REMEMBERED)

    async def answer(self, request: Request, asker: Asker) -> Answer | None:
        """A view of the pool: the drawn picture, or while that is made behind it another one, or the pool's first.

        Pictures that were refused or taken down are skipped; a store that does not answer is an error only where
        memory has no picture.
        """
        pool, pool_key = self.views(request), keys.as_asked_key(request.asked)
        shown, absent, gone = await self._shown(pool, self._last_shown.get(pool_key))
        if shown is not None:
            view, answer = shown
            self._last_shown[pool_key] = view
            if absent and asker.making:
                await self._make_behind(pool_key, absent[0], asker)
            return replace(answer, outcome=Outcome.SEEDLESS, location=await self._way.location(view))
        if not absent:
            assert gone is not None, "a pool has a picture"
            raise Problem(gone.kind, f"every picture of this URL is gone; the last one: {gone.detail}")
        return await self._first(next(view for view in pool if view in absent), asker) if asker.making else None

    async def _shown(
        self, pool: Sequence[Request], last: Request | None
    ) -> tuple[tuple[Request, Answer] | None, list[Request], Problem | None]:
        """The first picture of a draw that is there; what was found absent before it, and why others are gone.

        Raises `Problem` where one is not known, and none is there.
        """
        absent: list[Request] = []
        gone = unknown = None
        views, late = deque(self._drawn(pool, last)), list[Request]()
        while views:
            view = views.popleft()
            patience = None if view in late else _GLANCE if late else _LOOK
            try:
                async with asyncio.timeout(patience):
                    answer = await self._way.look(view)
            except TimeoutError:
                # The store is slow, or silent: what memory has comes first, and this one again when nothing is left.
                late.append(view)
                views.append(view)
            except Problem as problem:
                if problem.kind in (problems.FILTERED, problems.REMOVED):
                    gone = problem
                    continue
                unknown = problem
                if patience is None:
                    break
            else:
                if answer is not None:
                    return (view, answer), absent, gone
                absent.append(view)
        if unknown is not None:
            raise unknown
        return None, absent, gone

    def _drawn(self, pool: Sequence[Request], last: Request | None) -> list[Request]:
        """The pool in the order of a draw; what the view before this one saw comes last, so that views vary."""
        drawn = self._chance.sample(pool, len(pool))
        return sorted(drawn, key=lambda view: view == last)

    def views(self, request: Request) -> tuple[Request, ...]:
        """The seeded requests that a seedless one is drawn from."""
        drawn = seeds.pool(keys.as_asked_form(request.asked), self._variants)
        return tuple(request.view(seed) for seed in drawn)

    async def _first(self, view: Request, asker: Asker) -> Answer | None:
        """The pool's first picture, which all viewers wait for together."""
        try:
            answer = await self._way.answer(view, replace(asker, has=NOTHING))
        except Problem as problem:
            if problem.kind is problems.FILTERED:
                # The next view tries the next seed: this verdict is not the whole URL's.
                raise Problem(problem.kind, problem.detail, cache_control=problems.kept(5)) from None
            raise
        assert not isinstance(answer, Unchanged)
        if answer is None:
            return None
        return replace(answer, outcome=Outcome.AWAITED, location=await self._way.location(view))

    async def _make_behind(self, pool_key: str, missing: Request, asker: Asker) -> None:
        """Begins one more picture of a pool, if none is under way. The viewer has another, so refusals are silent.

        After a refusal none is begun for a minute: each one begun is charged to its viewer's rate.
        """
        beginning, now = self._way.one_at_a_time(pool_key), self._clock.monotonic()
        flight, begun = self._behind.get(pool_key) or (None, now)
        if beginning.locked():
            return
        if flight is not None and (not flight.landed or (flight.problem and now < begun + _REFUSED)):
            return
        async with beginning:
            with contextlib.suppress(Problem):
                flight, _ = await self._way.begin(await self._way.order(missing), missing, asker)
                self._behind[pool_key] = flight, now
