"""A URL without a seed: another picture at each view, drawn from a pool of seeds that is made one by one.

A view draws a seed and *is* the seeded request with that seed from then on.
"""

import contextlib
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cachetools

from promptcdn import problems
from promptcdn.cdn.seeded import Seeded
from promptcdn.clock import Clock
from promptcdn.event_loop import AnswerTimeout
from promptcdn.flights import Flight, KeyedLocks
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Asker, Look, Looks, Reply, Unchanged, Unmade, Urgency
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.conditions import NOTHING
from promptcdn.url import keys, seeds
from promptcdn.url.request import Request

_POOLS_CACHED = 10_000
# What a picture that was not made yet cannot be made for: a parameter, or a picture that it is made from.
_NEVER_MADE = (problems.BAD_PARAMETER, problems.NOT_FOUND, problems.REMOVED)


@dataclass(frozen=True)
class Timings:
    """How pools are timed, in seconds.

    look            one picture of a pool is looked for so long while others may be in memory
    look_when_slow  the same, once a look at another one took longer than `look`
    after_refusal   no more is made behind the views of a pool for so long after the last one was refused
    """

    look: float = 1.0
    look_when_slow: float = 0.05
    after_refusal: float = 60.0


TIMINGS = Timings()


@dataclass
class _Draw:
    """What the looks of one view have found so far."""

    absent: list[Request] = field(default_factory=list)
    gone: Problem | None = None
    unknown: Problem | None = None


class Pool:
    """Answers a request without a seed, each view as the seeded request that it draws."""

    def __init__(
        self, seeded: Seeded, variants: int, clock: Clock, chance: random.Random, timings: Timings = TIMINGS
    ) -> None:
        """`variants` is how many pictures one URL draws from."""
        self._seeded = seeded
        self._variants = variants
        self._clock = clock
        self._chance = chance
        self._timings = timings
        self._beginning = KeyedLocks()
        self._behind: cachetools.LRUCache[str, tuple[Flight[None], float]] = cachetools.LRUCache(_POOLS_CACHED)
        # By pool: the seed of the view before. Other ways to answer note theirs here too.
        self.last_shown: cachetools.LRUCache[str, int] = cachetools.LRUCache(_POOLS_CACHED)

    async def answer(self, request: Request, asker: Asker) -> Reply:
        """A view of the pool: the drawn picture, or while that is made behind it another one, or the pool's first.

        Pictures that were refused or taken down are skipped; a store that does not answer is an error only where
        memory has no picture. Raises `Problem`.
        """
        pool, pool_key = self.views(request), keys.as_asked_key(request.asked)
        draw = _Draw()
        shown = await self._shown(pool, self.last_shown.get(pool_key), draw)
        if shown is not None:
            view, answer = shown
            if view.drawn is not None:
                self.last_shown[pool_key] = view.drawn
            if draw.absent and asker.making:
                await self._make_behind(pool_key, draw.absent[0], asker)
            return await self._as_drawn(answer, Outcome.SEEDLESS, view, pool_key)
        if not draw.absent:
            gone = draw.gone
            assert gone is not None, "a pool has a picture"
            raise Problem(gone.kind, f"every picture of this URL is gone; the last one: {gone.detail}")
        if not asker.making:
            return Unmade()
        return await self._first(next(view for view in pool if view in draw.absent), pool_key, asker)

    def views(self, request: Request, least: int = 0) -> tuple[Request, ...]:
        """The seeded requests that a seedless one is drawn from; `least` of them where its pool has fewer."""
        drawn = seeds.pool(keys.as_asked_form(request.asked), max(self._variants, least))
        return tuple(request.view(seed) for seed in drawn)

    async def looks(self, request: Request) -> Looks:
        """What there is of each picture of a pool. Never makes, never writes.

        Raises `Problem` where none of them was made or can be, or where the store does not answer.
        """
        looks, missing = list[Look](), None
        for view in self.views(request):
            try:
                looks.append(await self._seeded.look(view))
            except Problem as problem:
                if problem.kind not in _NEVER_MADE:
                    raise
                missing = problem
        if missing is not None and not looks:
            raise missing
        return Looks(tuple(looks), missing)

    async def _shown(self, pool: Sequence[Request], last: int | None, draw: _Draw) -> tuple[Request, Answer] | None:
        """The first picture that is stored, in the order of a draw.

        Raises `Problem` where that is not known of one of them, and none is found.
        """
        views, late = deque(self._drawn(pool, last)), list[Request]()
        while views:
            view, unknown = views.popleft(), draw.unknown
            patience = None if view in late else self._timings.look_when_slow if late else self._timings.look
            try:
                async with AnswerTimeout(patience):
                    answer = await self._look(view, draw)
            except TimeoutError:
                # The store is slow, or silent: what memory has comes first, and this one again when nothing is left.
                late.append(view)
                views.append(view)
                continue
            if answer is not None:
                return view, answer
            if draw.unknown is not unknown and patience is None:
                break
        if draw.unknown is not None:
            raise draw.unknown
        return None

    async def _look(self, view: Request, draw: _Draw) -> Answer | None:
        """The picture of a view, if it is stored; else why it is not, in `draw`."""
        try:
            answer = await self._seeded.find(view)
        except Problem as problem:
            if problem.kind in (problems.FILTERED, problems.REMOVED):
                draw.gone = problem
            else:
                draw.unknown = problem
            return None
        if answer is None:
            draw.absent.append(view)
        return answer

    def _drawn(self, pool: Sequence[Request], last: int | None) -> list[Request]:
        """The pool in the order of a draw; what the view before this one saw comes last, so that views vary."""
        drawn = self._chance.sample(pool, len(pool))
        return sorted(drawn, key=lambda view: view.drawn == last)

    async def _first(self, view: Request, pool_key: str, asker: Asker) -> Reply:
        """The pool's first picture, which all viewers wait for together."""
        try:
            reply = await self._seeded.answer(view, replace(asker, condition=NOTHING))
        except Problem as problem:
            if problem.kind is problems.FILTERED:
                # The next view tries the next seed: this verdict is not the whole URL's.
                raise Problem(problem.kind, problem.detail, cache_control=problems.kept(5)) from None
            raise
        assert not isinstance(reply, Unchanged)
        if isinstance(reply, Unmade):
            return reply
        return await self._as_drawn(reply, Outcome.AWAITED, view, pool_key)

    async def _as_drawn(self, answer: Answer, outcome: Outcome, view: Request, pool_key: str) -> Answer:
        """`answer` with what a URL without a seed has to say of the view that was drawn."""
        location = await self._seeded.location(view)
        return replace(answer, outcome=outcome, location=location, seed=view.drawn, pool=pool_key)

    async def _make_behind(self, pool_key: str, missing: Request, asker: Asker) -> None:
        """Begins one more picture of a pool, if none is under way. The viewer has another, so refusals are silent.

        After a refusal none is begun for a minute: each one begun is charged to its viewer's rate.
        """
        beginning, now = self._beginning.of(pool_key), self._clock.monotonic()
        flight, begun = self._behind.get(pool_key) or (None, now)
        if beginning.locked():
            return
        if flight is not None and (not flight.landed or (flight.problem and now < begun + self._timings.after_refusal)):
            return
        async with beginning:
            with contextlib.suppress(Problem):
                behind = replace(asker, urgency=Urgency.POOL)
                self._behind[pool_key] = await self._seeded.begin(missing, behind), now
