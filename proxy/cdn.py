"""The one way of a request: from what a URL asks to the picture that answers it.

    binding → resolve → content key → memory → store (rendition, master, verdict) → access → flight (`making`)
    → rendition

Seedless and calendar URLs draw a seed first and *are* the seeded request from then on.
"""

import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import cachetools

from proxy import access, grammar, keys, problems, seeds
from proxy.bindings import Bindings, Bound, bound
from proxy.caching import CacheStatus, Outcome, Rendition
from proxy.denylist import DenyList
from proxy.flights import Flight, Flights
from proxy.making import Clock, Making
from proxy.problems import Problem, StoreUnknown
from proxy.renditions import Found, Renditions
from proxy.request import Defaults, Delivery, Request, Resolved, resolve

STAND_IN_TIME = timedelta(seconds=60)
_POOLS_REMEMBERED = 10_000

State = Literal["stored", "generating", "absent", "blocked"]


@dataclass(frozen=True)
class Rules:
    """What the operator decided: the defaults, the size of a pool, who may cause new pictures, the usual patience,
    and what is not to be made."""

    defaults: Defaults
    variants: int = 8
    misses: access.Misses = "open"
    wait: float = 30.0
    deny: access.Denies = field(default_factory=DenyList)


@dataclass(frozen=True)
class Answer:
    """A picture and how it came to be the answer. `location` is its seeded URL where the URL asked has no seed of its
    own, `until` the end of its calendar period."""

    rendition: Rendition
    outcome: Outcome
    status: CacheStatus
    location: str | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Look:
    """What is known of a seeded request without making anything."""

    seed: int
    resolved: Resolved
    content_key: str
    state: State


@dataclass(frozen=True)
class _Order:
    """A URL's whole resolved request; `new` where no binding said so yet."""

    as_asked_key: str
    bound: Bound
    new: bool


class Cdn:
    """Answers requests with pictures. Decisions are the policy's, deeds those of the rooms given here."""

    def __init__(
        self,
        rules: Rules,
        bindings: Bindings,
        renditions: Renditions,
        flights: Flights[None],
        making: Making,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._rules = rules
        self._bindings = bindings
        self._renditions = renditions
        self._flights = flights
        self._making = making
        self._clock = clock
        self._chance = chance
        self._behind: cachetools.LRUCache[str, Flight[None]] = cachetools.LRUCache(_POOLS_REMEMBERED)
        self._last_shown: cachetools.LRUCache[str, Request] = cachetools.LRUCache(_POOLS_REMEMBERED)

    async def answer(self, request: Request, *, making: bool = True) -> Answer | None:
        """The picture. `None` where it is not there and `making` is false. Raises `Problem`."""
        match request.asked.seed:
            case int():
                return await self._seeded(request, making=making)
            case None:
                return await self._seedless(request, making=making)
            case _:
                return await self._calendar(request, making=making)

    async def stored(self, content_key: str, delivery: Delivery) -> Answer:
        """A permalink's picture. Never makes one: `Problem` (404) where there is none."""
        found = await self._renditions.find(content_key, delivery.format)
        if found is None:
            raise Problem(problems.NOT_FOUND, "no picture of this content key is stored here")
        return _hit(found)

    async def look(self, request: Request) -> Look:
        """What is known of a request; of a calendar one, for the present period. Never makes, never writes."""
        if isinstance(request.asked.seed, str):
            request = _at(request, seeds.period_name(request.asked.seed, self._clock.utc()))
        order = (await self._order(request)).bound
        return Look(order.resolved.seed, order.resolved, order.content_key, await self._state(order.content_key))

    def pool(self, request: Request) -> tuple[Request, ...]:
        """The seeded requests that a seedless one is drawn from."""
        drawn = seeds.pool(keys.as_asked_form(request.asked), self._rules.variants)
        return tuple(replace(request, asked=request.asked.seeded(seed)) for seed in drawn)

    async def _state(self, content_key: str) -> State:
        if self._flights.under_way(content_key):
            return "generating"
        if await self._renditions.has(content_key):
            return "stored"
        return "blocked" if await self._bindings.filtered(content_key) else "absent"

    async def _seeded(self, request: Request, *, making: bool) -> Answer | None:
        order = await self._order(request)
        answer = await self._find(order.bound.content_key, request.delivery)
        if answer is None and making:
            answer = await self._make(order, request)
        if answer is None or not order.new:
            return answer
        return await self._bind(order, answer, request)

    async def _order(self, request: Request) -> _Order:
        as_asked_key = keys.as_asked_key(request.asked)
        known = await self._bindings.of(as_asked_key)
        if known is not None:
            return _Order(as_asked_key, known, new=False)
        resolved = resolve(request.asked, self._rules.defaults, nearest=request.nearest)
        return _Order(as_asked_key, bound(resolved), new=True)

    async def _find(self, content_key: str, delivery: Delivery) -> Answer | None:
        found = await self._renditions.find(content_key, delivery.format)
        if found is not None:
            return _hit(found)
        if await self._bindings.filtered(content_key):
            raise problems.filtered()
        return None

    async def _make(self, order: _Order, request: Request) -> Answer:
        flight, joined = self._begin(order)
        wait = request.control.wait
        await flight.outcome(self._rules.wait if wait is None else wait)
        found = await self._renditions.find(order.bound.content_key, request.delivery.format)
        if found is None:
            raise StoreUnknown("the picture was made, and the store does not have it")
        return _answer(found.rendition, CacheStatus.missed(found.rendition, collapsed=joined))

    def _begin(self, order: _Order) -> tuple[Flight[None], bool]:
        """The flight that makes the picture, and whether it was under way. Awaits nothing; raises `Problem`."""
        access.require_making_allowed(self._rules.misses)
        access.require_prompt_allowed(self._rules.deny, order.bound.resolved.prompt)
        return self._flights.join(order.bound.content_key, lambda: self._making.make(order.as_asked_key, order.bound))

    async def _bind(self, order: _Order, answer: Answer, request: Request) -> Answer:
        """`answer`, once its URL is bound to it; the winner's picture where another process bound the URL first."""
        if not answer.rendition.stored:
            return answer
        try:
            winner = await self._bindings.bind(order.as_asked_key, order.bound, answer.rendition.made_at)
        except StoreUnknown:
            return replace(answer, outcome=Outcome.UNSTORED, status=replace(answer.status, stored=False))
        if winner.content_key == order.bound.content_key:
            return answer
        rightful = _Order(order.as_asked_key, winner, new=False)
        return await self._find(winner.content_key, request.delivery) or await self._make(rightful, request)

    async def _seedless(self, request: Request, *, making: bool) -> Answer | None:
        """A view of the pool: the drawn picture, or while that is made behind it another one, or the pool's first.

        Seeds with a verdict are skipped; a store that does not answer is an error only where memory has no picture.
        """
        pool, pool_key = self.pool(request), keys.as_asked_key(request.asked)
        absent: list[Request] = []
        unknown: Problem | None = None
        for view in self._drawn(pool, self._last_shown.get(pool_key)):
            try:
                answer = await self._seeded(view, making=False)
            except Problem as problem:
                unknown = unknown if _is_filtered(problem) else problem
                continue
            if answer is not None:
                self._last_shown[pool_key] = view
                if absent and making:
                    await self._make_behind(pool_key, absent[0])
                return replace(answer, outcome=Outcome.SEEDLESS, location=_location(view))
            absent.append(view)
        if unknown is not None:
            raise unknown
        if not absent:
            raise Problem(problems.FILTERED, "the upstream's filter refused every picture of this prompt")
        return await self._first(next(view for view in pool if view in absent)) if making else None

    def _drawn(self, pool: Sequence[Request], last: Request | None) -> list[Request]:
        """The pool in the order of a draw; what the view before this one saw comes last, so that views vary."""
        drawn = self._chance.sample(pool, len(pool))
        return sorted(drawn, key=lambda view: view == last)

    async def _first(self, view: Request) -> Answer | None:
        """The pool's first picture, which all viewers wait for together."""
        try:
            answer = await self._seeded(view, making=True)
        except Problem as problem:
            if _is_filtered(problem):
                # The next view tries the next seed: this verdict is not the whole URL's.
                raise Problem(problem.kind, problem.detail, cache_control=problems.kept(5)) from None
            raise
        return answer and replace(answer, outcome=Outcome.AWAITED, location=_location(view))

    async def _make_behind(self, pool_key: str, missing: Request) -> None:
        """Begins one more picture of a pool, if none is under way. The viewer has another, so refusals are silent."""
        try:
            order = await self._order(missing)
            under_way = self._behind.get(pool_key)
            if under_way is None or under_way.landed:
                self._behind[pool_key], _ = self._begin(order)
        except Problem:
            return

    async def _calendar(self, request: Request, *, making: bool) -> Answer | None:
        """The present period's picture; for its first minute, while it is made, the last one's may stand in."""
        calendar = request.asked.seed
        assert isinstance(calendar, str)
        now = self._clock.utc()
        end = seeds.period_end(calendar, now)
        current = _at(request, seeds.period_name(calendar, now))
        try:
            answer = await self._seeded(current, making=False)
            if answer is None and making:
                since = now - seeds.period_start(calendar, now)
                if since < STAND_IN_TIME and (stand_in := await self._stand_in(request, current, now - since)):
                    return stand_in
                answer = await self._seeded(current, making=True)
        except Problem as problem:
            raise _kept_until(problem, end - now) from None
        if answer is None:
            return None
        outcome = Outcome.CALENDAR if answer.outcome is Outcome.SEEDED else answer.outcome
        return replace(answer, outcome=outcome, location=_location(current), until=end)

    async def _stand_in(self, request: Request, current: Request, start: datetime) -> Answer | None:
        """The picture of the period before `start`, if it is stored; the present one's is begun behind it."""
        calendar = request.asked.seed
        assert isinstance(calendar, str)
        last = _at(request, seeds.period_name(calendar, start - timedelta(seconds=1)))
        try:
            shown = await self._seeded(last, making=False)
        except Problem:
            return None
        if shown is None:
            return None
        order = await self._order(current)
        with contextlib.suppress(Problem):
            self._begin(order)
        return replace(shown, outcome=Outcome.STAND_IN, location=_location(last))


def _hit(found: Found) -> Answer:
    return _answer(found.rendition, CacheStatus(found.place, stored=found.rendition.stored))


def _answer(rendition: Rendition, status: CacheStatus) -> Answer:
    return Answer(rendition, Outcome.SEEDED if rendition.stored else Outcome.UNSTORED, status)


def _at(request: Request, period: str) -> Request:
    return replace(request, asked=request.asked.seeded(seeds.of_period(period)))


def _location(view: Request) -> str:
    return grammar.canonical_url(view.asked, view.delivery)


def _is_filtered(problem: Problem) -> bool:
    return problem.kind is problems.FILTERED


def _kept_until(problem: Problem, left: timedelta) -> Problem:
    """A refusal that is this period's only: the next one has another picture."""
    if not _is_filtered(problem):
        return problem
    seconds = max(1, min(86400, int(left.total_seconds())))
    return Problem(problem.kind, problem.detail, cache_control=problems.kept(seconds))
