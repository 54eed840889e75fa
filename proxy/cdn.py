"""The one way of a request: from what a URL asks to the picture that answers it.

    binding → resolve → content key → tombstone → memory → store (rendition, master, verdict) → access
    → flight (`making`) → rendition

Seedless and calendar URLs draw a seed first and *are* the seeded request from then on.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from weakref import WeakValueDictionary

import cachetools

from proxy import grammar, keys, problems, seeds, sizing
from proxy.access import Access
from proxy.answers import Answer, Asker, Look, State, Unchanged
from proxy.bindings import Bindings, Bound, bound
from proxy.caching import CacheStatus, Outcome, Rendition
from proxy.clients import Client
from proxy.conditions import NOTHING, Condition
from proxy.engines import Size, engine
from proxy.flights import Flight, Flights
from proxy.making import Clock, Making, Removals
from proxy.problems import Problem, StoreUnknown
from proxy.rates import Rates
from proxy.renditions import Found, Renditions
from proxy.request import Asked, Defaults, Delivery, Request, as_drawn, departures, resolve

STAND_IN_TIME = timedelta(seconds=60)
_POOLS_REMEMBERED = 10_000
# For the rendition of a picture that was made just before its asker would have left.
_LEAST_PATIENCE = 1.0
# How long one picture of a pool is looked for while others may be in memory, and how long those, once one was late.
_LOOK, _GLANCE = 1.0, 0.05
# After a picture of a pool that was begun behind a view was refused.
_REFUSED = 60.0


@dataclass(frozen=True)
class Rules:
    """What the operator decided: the defaults, the size of a pool, who may cause new pictures."""

    defaults: Defaults
    variants: int = 8
    access: Access = field(default_factory=Access)


@dataclass(frozen=True)
class _Order:
    """A URL's whole resolved request, and the request it is bound as; `new` where no binding said so yet."""

    asked: Asked
    bound: Bound
    new: bool

    @property
    def as_asked_key(self) -> str:
        return keys.as_asked_key(self.asked)


class Cdn:
    """Answers requests with pictures. Decisions are the policy's, deeds those of the rooms given here."""

    def __init__(
        self,
        rules: Rules,
        bindings: Bindings,
        renditions: Renditions,
        flights: Flights[None],
        removals: Removals,
        making: Making,
        rates: Rates,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._rules = rules
        self._bindings = bindings
        self._renditions = renditions
        self._flights = flights
        self._removals = removals
        self._making = making
        self._rates = rates
        self._clock = clock
        self._chance = chance
        # Locks live for as long as somebody holds or awaits them.
        self._beginning: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._behind: cachetools.LRUCache[str, tuple[Flight[None], float]] = cachetools.LRUCache(_POOLS_REMEMBERED)
        self._last_shown: cachetools.LRUCache[str, Request] = cachetools.LRUCache(_POOLS_REMEMBERED)

    async def answer(self, request: Request, asker: Asker) -> Answer | Unchanged | None:
        """The picture, or that the asker has it. `None` where it is not there and may not be made for them.

        Raises `Problem`.
        """
        match request.asked.seed:
            case int():
                return await self._seeded(request, asker)
            case None:
                return await self._seedless(request, asker)
            case _:
                return await self._calendar(request, asker)

    async def stored(self, content_key: str, delivery: Delivery, has: Condition = NOTHING) -> Answer | Unchanged:
        """A permalink's picture. Never makes one: `Problem` (404) where there is none."""
        answer = await self._ready(content_key, delivery, None, has)
        if answer is None and await self._renditions.restore(content_key):
            answer = await self._ready(content_key, delivery, None, has)
        if answer is None:
            raise Problem(problems.NOT_FOUND, "no picture of this content key is stored here")
        return answer

    def size(self, request: Request) -> Size:
        """The size that a picture which is still being made will have, as far as is known without the store."""
        try:
            resolved = resolve(request.asked.seeded(0), self._rules.defaults, nearest=request.nearest)
        except Problem:
            return engine(self._rules.defaults.engine).default_size
        return sizing.variant(request.delivery, resolved.size).size or resolved.size

    async def look(self, request: Request) -> Look:
        """What is known of a request; of a calendar one, for the present period. Never makes, never writes."""
        if isinstance(request.asked.seed, str):
            request = _at(request, seeds.period_name(request.asked.seed, self._clock.utc()))
        order = await self._order(request)
        resolved, key = order.bound.resolved, order.bound.content_key
        state = await self._state(order)
        header = await self._renditions.header(key) if state == "stored" else None
        return Look(resolved.seed, resolved, key, state, header.lineage.stand_in if header else None)

    def pool(self, request: Request) -> tuple[Request, ...]:
        """The seeded requests that a seedless one is drawn from."""
        drawn = seeds.pool(keys.as_asked_form(request.asked), self._rules.variants)
        return tuple(request.view(seed) for seed in drawn)

    async def _state(self, order: _Order) -> State:
        content_key = order.bound.content_key
        if await self._removals.removed(content_key):
            return "removed"
        if self._flights.under_way(content_key):
            return "generating"
        # Only a URL that is bound had a picture that can be lost.
        if await (self._renditions.has if order.new else self._renditions.survives)(content_key):
            return "stored"
        return "blocked" if await self._bindings.filtered(content_key) else "absent"

    async def _seeded(self, request: Request, asker: Asker) -> Answer | Unchanged | None:
        order = await self._order(request)
        answer = await self._find(order, request.delivery, asker.has)
        if answer is None and asker.making:
            answer = await self._make(order, request, asker)
        if isinstance(answer, Answer) and order.new:
            return await self._bind(order, answer, request, asker)
        return answer

    async def _order(self, request: Request) -> _Order:
        """What the URL is bound to; else what it means today.

        A face that takes the nearest of what is offered binds the request as drawn, where that is not as asked: what
        another face refuses today may be offered tomorrow, and is not to be bound to something else by then.
        """
        asked = request.asked
        if (known := await self._known(asked)) is not None:
            return known
        resolved = resolve(asked, self._rules.defaults, nearest=request.nearest)
        if request.nearest and departures(asked, resolved):
            asked = as_drawn(asked, resolved)
            if (known := await self._known(asked)) is not None:
                return known
        return _Order(asked, bound(resolved), new=True)

    async def _known(self, asked: Asked) -> _Order | None:
        known = await self._bindings.of(keys.as_asked_key(asked))
        return None if known is None else _Order(asked, known, new=False)

    async def _find(self, order: _Order, delivery: Delivery, has: Condition = NOTHING) -> Answer | Unchanged | None:
        content_key, resolved = order.bound.content_key, order.bound.resolved
        answer = await self._ready(content_key, delivery, resolved.size, has)
        # A URL that is bound had a picture: what is left of it comes before another one.
        if answer is None and not order.new and await self._renditions.restore(content_key, resolved.parameters()):
            answer = await self._ready(content_key, delivery, resolved.size, has)
        if answer is None and await self._bindings.filtered(content_key):
            raise problems.filtered()
        return answer

    async def _ready(
        self, content_key: str, delivery: Delivery, master: Size | None, has: Condition
    ) -> Answer | Unchanged | None:
        """What can be answered with what is stored. Who says to have the picture gets no rendition made for it."""
        await self._require_not_removed(content_key)
        tag = has.tag_of(content_key)
        if tag is not None and await self._was_remade(content_key):
            tag = None
        found = await self._renditions.find(content_key, delivery, master, encode=tag is None)
        await self._require_not_removed(content_key)  # while it was read or encoded
        if found is not None:
            return _hit(found)
        return None if tag is None else Unchanged(content_key, tag)

    async def _was_remade(self, content_key: str) -> bool:
        """Whether another picture was shown under this key before: then half of a tag does not say which one."""
        header = await self._renditions.header(content_key)
        return header is not None and header.lineage.remade

    async def _require_not_removed(self, content_key: str) -> None:
        if await self._removals.removed(content_key):
            raise problems.removed()

    async def _make(self, order: _Order, request: Request, asker: Asker) -> Answer:
        flight, joined = await self._begin(order, request, asker)
        await flight.outcome(max(0.0, asker.until - self._clock.monotonic()))
        bound = order.bound
        await self._require_not_removed(bound.content_key)  # while it was made
        patience = max(_LEAST_PATIENCE, asker.until - self._clock.monotonic())
        found = await self._renditions.find(bound.content_key, request.delivery, bound.resolved.size, patience=patience)
        await self._require_not_removed(bound.content_key)  # while it was encoded
        if found is None:
            raise StoreUnknown("the picture was made, and the store does not have it")
        return _answer(found.rendition, CacheStatus.missed(found.rendition, collapsed=joined))

    async def _begin(self, order: _Order, request: Request, asker: Asker) -> tuple[Flight[None], bool]:
        """The flight that makes the picture, and whether it was under way. Who begins it is charged, who joins is not.

        One at a time for each key. 1: A sees no flight, and waits to be charged. 2: B sees none either. 3: both are
        charged for the one flight, and of two hundred like B most would be over their rate. Raises `Problem`.
        """
        now, content_key = self._clock.utc(), order.bound.content_key
        prompt = order.bound.resolved.prompt
        kid = self._rules.access.require_allowed(request.signed_for, request.control, prompt, now.timestamp())
        async with self._one_at_a_time(content_key):
            known = self._flights.under_way(content_key) or await self._flights.under_way_elsewhere(content_key)
            if not known:
                await self._rates.charge(asker.client, kid, now, image_proxy=asker.image_proxy)
            make = partial(self._making.make, order.as_asked_key, order.bound, bound=not order.new)
            return self._flights.join(content_key, make)

    async def _location(self, view: Request) -> str:
        """The seeded URL of a view, in words that every face understands."""
        asked = (await self._order(view)).asked if view.nearest else view.asked
        return grammar.canonical_url(asked, view.delivery)

    def _one_at_a_time(self, key: str) -> asyncio.Lock:
        return self._beginning.setdefault(key, asyncio.Lock())

    async def _bind(self, order: _Order, answer: Answer, request: Request, asker: Asker) -> Answer | Unchanged | None:
        """`answer`, once its URL is bound to it; the winner's picture where another process bound the URL first."""
        if not answer.rendition.stored:
            return answer
        try:
            winner = await self._bindings.bind(order.as_asked_key, order.bound, answer.rendition.made_at)
        except StoreUnknown:
            return replace(answer, outcome=Outcome.UNSTORED, status=replace(answer.status, stored=False))
        if winner.content_key == order.bound.content_key:
            return answer
        rightful = _Order(order.asked, winner, new=False)
        found = await self._find(rightful, request.delivery)
        return found or await self._make(rightful, request, asker)

    async def _seedless(self, request: Request, asker: Asker) -> Answer | None:
        """A view of the pool: the drawn picture, or while that is made behind it another one, or the pool's first.

        Pictures that were refused or taken down are skipped; a store that does not answer is an error only where
        memory has no picture.
        """
        pool, pool_key = self.pool(request), keys.as_asked_key(request.asked)
        shown, absent, gone = await self._shown(pool, self._last_shown.get(pool_key))
        if shown is not None:
            view, answer = shown
            self._last_shown[pool_key] = view
            if absent and asker.making:
                await self._make_behind(pool_key, absent[0], asker)
            return replace(answer, outcome=Outcome.SEEDLESS, location=await self._location(view))
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
                    answer = await self._look(view)
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

    async def _look(self, view: Request) -> Answer | None:
        """A seeded request's picture if it is stored, whatever the asker has: nothing may hold on to a view."""
        answer = await self._seeded(view, _LOOKING)
        assert not isinstance(answer, Unchanged)
        return answer

    async def _first(self, view: Request, asker: Asker) -> Answer | None:
        """The pool's first picture, which all viewers wait for together."""
        try:
            answer = await self._seeded(view, replace(asker, has=NOTHING))
        except Problem as problem:
            if _is_filtered(problem):
                # The next view tries the next seed: this verdict is not the whole URL's.
                raise Problem(problem.kind, problem.detail, cache_control=problems.kept(5)) from None
            raise
        assert not isinstance(answer, Unchanged)
        return None if answer is None else replace(answer, outcome=Outcome.AWAITED, location=await self._location(view))

    async def _make_behind(self, pool_key: str, missing: Request, asker: Asker) -> None:
        """Begins one more picture of a pool, if none is under way. The viewer has another, so refusals are silent.

        After a refusal none is begun for a minute: each one begun is charged to its viewer's rate.
        """
        beginning, now = self._one_at_a_time(pool_key), self._clock.monotonic()
        flight, begun = self._behind.get(pool_key) or (None, now)
        if beginning.locked():
            return
        if flight is not None and (not flight.landed or (flight.problem and now < begun + _REFUSED)):
            return
        async with beginning:
            with contextlib.suppress(Problem):
                flight, _ = await self._begin(await self._order(missing), missing, asker)
                self._behind[pool_key] = flight, now

    async def _calendar(self, request: Request, asker: Asker) -> Answer | Unchanged | None:
        """The present period's picture; for its first minute, while it is made, the last one's may stand in."""
        calendar = request.asked.seed
        assert isinstance(calendar, str)
        now = self._clock.utc()
        end = seeds.period_end(calendar, now)
        current = _at(request, seeds.period_name(calendar, now))
        try:
            answer = await self._seeded(current, replace(asker, making=False))
            if answer is None and asker.making:
                since = now - seeds.period_start(calendar, now)
                if since < STAND_IN_TIME and (stand_in := await self._stand_in(request, current, now - since, asker)):
                    return stand_in
                answer = await self._seeded(current, asker)
        except Problem as problem:
            raise _kept_until(problem, end - now) from None
        if answer is None:
            return None
        outcome = Outcome.CALENDAR if answer.outcome is Outcome.SEEDED else answer.outcome
        return replace(answer, outcome=outcome, location=await self._location(current), until=end)

    async def _stand_in(self, request: Request, current: Request, start: datetime, asker: Asker) -> Answer | None:
        """The picture of the period before `start`, if it is stored; the present one's is begun behind it."""
        calendar = request.asked.seed
        assert isinstance(calendar, str)
        last = _at(request, seeds.period_name(calendar, start - timedelta(seconds=1)))
        try:
            shown = await self._look(last)
        except Problem:
            return None
        if shown is None:
            return None
        order = await self._order(current)
        with contextlib.suppress(Problem):
            await self._begin(order, current, asker)
        return replace(shown, outcome=Outcome.STAND_IN, location=await self._location(last))


# For looks at what is stored: nothing is awaited.
_LOOKING = Asker(until=0.0, client=Client(None), making=False)


def _hit(found: Found) -> Answer:
    return _answer(found.rendition, CacheStatus(found.place, stored=found.rendition.stored))


def _answer(rendition: Rendition, status: CacheStatus) -> Answer:
    return Answer(rendition, Outcome.SEEDED if rendition.stored else Outcome.UNSTORED, status)


def _at(request: Request, period: str) -> Request:
    return request.view(seeds.of_period(period))


def _is_filtered(problem: Problem) -> bool:
    return problem.kind is problems.FILTERED


def _kept_until(problem: Problem, left: timedelta) -> Problem:
    """A refusal that is this period's only: the next one has another picture."""
    if not _is_filtered(problem):
        return problem
    seconds = max(1, min(86400, int(left.total_seconds())))
    return Problem(problem.kind, problem.detail, cache_control=problems.kept(seconds))
