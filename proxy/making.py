"""One paid picture: what happens inside a flight, once, whoever waits for it.

look again → resting → budget → generator → admission → store → binding
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import cachetools

from proxy import admission, problems
from proxy.bindings import Bindings, Bound
from proxy.budget import Budget, Reservation
from proxy.generators import Generator, Made
from proxy.observer import UNOBSERVED, Observer
from proxy.problems import Problem, StoreUnknown, UpstreamFailed
from proxy.renditions import Renditions
from proxy.resting import Rest, next_rest
from proxy.stores import Record

log = logging.getLogger(__name__)

_RESTS_REMEMBERED = 100_000


@dataclass(frozen=True)
class Clock:
    """The time, given and not taken: `utc` for calendars and records, `monotonic` seconds for everything that waits."""

    utc: Callable[[], datetime]
    monotonic: Callable[[], float]


class Making:
    """Makes, pays for and keeps pictures. A key whose paid answer was no good rests before it is tried again."""

    def __init__(
        self,
        generator: Generator,
        budget: Budget,
        bindings: Bindings,
        renditions: Renditions,
        clock: Clock,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._generator = generator
        self._budget = budget
        self._bindings = bindings
        self._renditions = renditions
        self._clock = clock
        self._observer = observer
        self._rests: cachetools.LRUCache[str, Rest] = cachetools.LRUCache(_RESTS_REMEMBERED)

    @property
    def resting(self) -> int:
        """How many keys rest now."""
        now = self._clock.monotonic()
        return sum(1 for rest in self._rests.values() if rest.left(now))

    async def make(self, as_asked_key: str, order: Bound) -> None:
        """Leaves the picture of `order` in the store, and the URL bound to it. Raises `Problem`."""
        # Look again. 1: A finds nothing. 2: the flight before lands, stores and goes. 3: A starts this one.
        # Without the look, the picture of step 2 would be paid for a second time.
        if not await self._renditions.has(order.content_key):
            await self._require_unfiltered(order.content_key)
            self._require_generator(order)
            self._require_rested(order.content_key)
            await self._renditions.keep(order.content_key, await self._master(order))
            self._rests.pop(order.content_key, None)
        await self._bind(as_asked_key, order)

    async def _master(self, order: Bound) -> Record:
        """The picture, paid for. Whatever breaks between paying and having it, the key rests: it may cost again."""
        try:
            made = await self._generate(order)
            if made.filtered:
                await self._refuse(order)
            return await self._admitted(order, made)
        except Problem:
            raise
        except Exception:
            broken = UpstreamFailed(problems.UPSTREAM_GARBLED, "the upstream's answer broke this service", charged=True)
            self._rest(order.content_key, broken)
            raise

    def _require_generator(self, order: Bound) -> None:
        needed = order.resolved.generator
        if needed != self._generator.name:
            detail = f"this URL is bound to a picture of the generator {needed}, which is not set up here"
            raise Problem(problems.GENERATOR_MISSING, detail)

    async def _require_unfiltered(self, content_key: str) -> None:
        if await self._bindings.filtered(content_key):
            raise problems.filtered()

    def _require_rested(self, content_key: str) -> None:
        rest = self._rests.get(content_key)
        left = rest.left(self._clock.monotonic()) if rest else 0
        if rest and left:
            raise Problem(
                rest.cause, f"{rest.detail}; the next try may cost again, so it waits", retry_after=int(left) + 1
            )

    async def _generate(self, order: Bound) -> Made:
        reservation = await self._budget.reserve(order.resolved, self._clock.utc())
        charged = self._generator.paid
        try:
            return await self._generator.generate(order.resolved, order.content_key)
        except UpstreamFailed as failure:
            charged = failure.charged
            if charged:
                self._rest(order.content_key, failure)
            else:
                await self._give_back(reservation)
            log.warning("no picture for %s: %s: %s", order.content_key, failure.kind.code, failure.detail)
            raise
        finally:
            if charged:
                self._observer.paid(reservation.cost)

    async def _give_back(self, reservation: Reservation) -> None:
        try:
            await self._budget.give_back(reservation)
        except StoreUnknown as unknown:
            log.warning("a picture that was not made stays counted: %s", unknown.detail)

    async def _refuse(self, order: Bound) -> None:
        try:
            await self._bindings.filter(order, self._now())
        except StoreUnknown as unknown:
            log.error("the verdict on %s is in memory only: %s", order.content_key, unknown.detail)  # noqa: TRY400
        raise problems.filtered()

    async def _admitted(self, order: Bound, made: Made) -> Record:
        seen = await self._renditions.examine(made.picture)
        if objection := admission.objection(order.resolved, seen, made.seed_sent, made.seed_echo):
            failure = UpstreamFailed(problems.UPSTREAM_GARBLED, objection, charged=True)
            self._rest(order.content_key, failure)
            log.warning("a paid picture for %s was refused: %s", order.content_key, objection)
            raise failure
        clean = await self._renditions.clean(made.picture, order.resolved.generator)
        return Record(clean, "image/png", self._now(), order.resolved.parameters())

    async def _bind(self, as_asked_key: str, order: Bound) -> None:
        try:
            await self._bindings.bind(as_asked_key, order, self._now())
        except StoreUnknown as unknown:
            log.error("the binding of %s is not stored: %s", order.content_key, unknown.detail)  # noqa: TRY400

    def _rest(self, content_key: str, failure: UpstreamFailed) -> None:
        last = self._rests.get(content_key)
        self._rests[content_key] = next_rest(last, failure.kind, failure.detail, self._clock.monotonic())

    def _now(self) -> int:
        return int(self._clock.utc().timestamp())
