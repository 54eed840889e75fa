"""One paid picture: what happens inside a flight, once, whoever waits for it.

last cooldown → look again → sources → budget → generator → spool → settle (validation → store → binding)

    cooldown     how long a picture that failed waits before it may cost again
    cooldowns    which pictures wait so, here and at the other replicas
    reconcile    settles what waits in the spool
    deliveries   what workers are handed, and what becomes of what they bring

Where pictures are ordered, an order and its delivery stand in the place of the call of a generator:

… budget → order → (a worker, whose picture is settled wherever it comes in) → binding
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from promptcdn import problems
from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.removals import Preparation, Removals
from promptcdn.catalog.renditions import Renditions
from promptcdn.catalog.sources import SourcePictures
from promptcdn.clock import Clock
from promptcdn.event_loop import AnswerTimeout
from promptcdn.generators import Generator, Sources
from promptcdn.generators.registry import source_type
from promptcdn.making.cooldown import Cooldown
from promptcdn.making.cooldowns import Cooldowns
from promptcdn.money.budget import Budget, Reservation, purse
from promptcdn.observer import NO_OBSERVER, Observer, step
from promptcdn.problems import CounterUnavailable, Problem, StoreUnavailable, Unavailable, UpstreamFailed
from promptcdn.readers.answers import Urgency
from promptcdn.spool import Paid, Spool
from promptcdn.stores import Record
from promptcdn.url.order import Order

if TYPE_CHECKING:  # late: for those who have workers
    from promptcdn.generators.worker.orders import Orders

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timings:
    """How making is timed. `store` is how many seconds the store has for a new picture, while its viewers wait: it is
    safe in the spool, and can be shown from there."""

    store: float = 5.0


TIMINGS = Timings()


class Making:
    """Makes, pays for and keeps pictures. A picture whose paid answer was no good waits before it is tried again."""

    def __init__(
        self,
        generators: Mapping[str, Generator],
        budget: Budget,
        spool: Spool,
        bindings: Bindings,
        renditions: Renditions,
        removals: Removals,
        clock: Clock,
        observer: Observer = NO_OBSERVER,
        cooldowns: Cooldowns | None = None,
        doubt: Callable[[str], None] = lambda _: None,
        timings: Timings = TIMINGS,
        orders: "Mapping[str, Orders]" = MappingProxyType({}),
    ) -> None:
        """`generators` has those that are set up, by name, and `orders` those among them whose pictures are ordered.
        `doubt` drops what is cached as absent under a key, before anything is paid for."""
        self._generators = generators
        self._any_paid = any(generator.paid for generator in generators.values())
        self._budget = budget
        self._spool = spool
        self._bindings = bindings
        self._renditions = renditions
        self._removals = removals
        self._clock = clock
        self._observer = observer
        self._cooldowns = cooldowns or Cooldowns()
        self._doubt = doubt
        self._timings = timings
        self._orders = orders
        self._sources = SourcePictures(renditions, removals)

    @property
    def on_cooldown(self) -> int:
        """How many pictures are on cooldown now."""
        return self._cooldowns.count(self._clock.monotonic())

    async def bound_by_now(self, as_asked_key: str, generator: str) -> Order | None:
        """What a URL is bound to, also where nothing was cached a moment ago; `generator` would draw it today.

        Raises `Unavailable`.
        """
        self._doubt(as_asked_key)
        return await self._bindings.of(as_asked_key, generator)

    @step("flight")
    async def make(self, order: Order, *, bound: bool = False, urgency: Urgency = Urgency.NOW) -> None:
        """Leaves the picture of `order` in the store, and its URL bound to it; what the store does not take is in the
        spool. Makes nothing where the URL is bound to another picture by now. Raises `Problem`.

        `bound`: the URL was bound to it before, so that there was a picture. `urgency` decides whose turn it is where
        pictures are ordered.
        """
        # Look again. 1: A finds nothing. 2: the flight before, B, lands, stores and goes. 3: A starts this one.
        # Without the look, the picture of step 2 would be paid for a second time. B may be another process's, so
        # nothing that is cached is believed; and it may have bound the URL by other defaults than ours.
        key = order.content_key
        # A replica that had to wait for the store stores the picture first and ends the cooldown then. So the cooldown
        # is read before the store: what is found in neither was not paid for.
        last = await self._last_cooldown(key)
        self._doubt(key)
        winner = await self.bound_by_now(order.as_asked_key, order.resolved.generator)
        if winner is not None and winner.content_key != key:
            return
        if not await self._renditions.restore(key, order.resolved.parameters(), anew=True):
            paid = await self._spool.get(key)
            if paid is None and (orders := self._orders.get(order.resolved.generator)) is not None:
                await self._order(orders, order, last, bound=bound, urgency=urgency)
            else:
                await self.settle(paid or await self._pay(order, last, bound=bound), self._timings.store)
        if not self._spool.holds(key):
            await self._bind(order)

    async def settle(self, paid: Paid, patience: float) -> None:
        """Brings what a generator answered to where it stays, and drops it from the spool. Done twice, also by two
        processes at once, the outcome is the same. Raises `Problem` for what is no picture to be shown.

        What a store does not take within `patience` seconds waits in the spool, and that is no problem. What was taken
        down meanwhile is given up.
        """
        await self._require_not_removed(paid.order.content_key)
        await self._settle(paid, None if paid.made.filtered else await self._validated(paid), patience)

    async def deliver(self, paid: Paid) -> None:
        """Settles what a worker brought, whether or not anybody waits for it. Raises `Problem` for what is no picture
        to be shown: `UpstreamFailed` where it is not the one that was ordered, of which nothing is left."""
        await self._require_not_removed(paid.order.content_key)
        master = None if paid.made.filtered else await self._renditions.validated(paid)
        held = await self._spool.put(paid)
        if held.made.picture != paid.made.picture:  # of the same order, and there was one before
            await self.settle(held, self._timings.store)
        else:
            await self._settle(held, master, self._timings.store)

    def late(self, order: Order) -> Problem:
        """What somebody is told who has waited for that picture for long enough."""
        orders = self._orders.get(order.resolved.generator)
        return problems.too_slow() if orders is None else orders.late(order.content_key)

    async def ordered(self, content_key: str) -> bool:
        """Whether an order for that picture waits for a worker or is with one, as far as is known."""
        for orders in self._orders.values():  # all of them look at the same orders
            with contextlib.suppress(UpstreamFailed):
                return await orders.waits(content_key)
        return False

    def hasten(self, order: Order, urgency: Urgency) -> None:
        """One more waits for a picture that is being made, perhaps in more of a hurry."""
        if (orders := self._orders.get(order.resolved.generator)) is not None:
            orders.hasten(order.content_key, urgency)

    async def _settle(self, paid: Paid, master: Record | None, patience: float) -> None:
        """The rest of `settle`: `master` is what the answer comes to, and `None` for the filter's refusal."""
        key = paid.order.content_key
        try:
            async with AnswerTimeout(patience):
                await self._keep(paid, master)
        except Unavailable as unavailable:
            await self._wait(paid, unavailable.detail)
        except TimeoutError:
            await self._wait(paid, f"the store did not answer within {patience:g} s")
        else:
            await self._drop(key)
            if await self._removed(key):  # while it was being stored
                await self._removals.purge(key)
                raise problems.removed()
        if master is None:
            raise problems.filtered()

    async def _order(
        self, orders: "Orders", order: Order, last: Cooldown | None, *, bound: bool, urgency: Urgency
    ) -> None:
        """Orders the picture, and returns once one is settled. The order outlives this call, and is counted once.

        Raises `Problem`; `UpstreamFailed` of the kind `WAITING_FOR_WORKER` where no picture came in time.
        """
        from promptcdn.generators.worker.jobs import Job

        key = order.content_key
        generator, sources = await self._ready(order, last)
        try:
            reservation = await self._reserved(order, generator) if await orders.is_new(key) else None
            before = await self._prepared(order, generator, reservation, bound=bound)
            await asyncio.sleep(before.wait)  # until nobody shows the picture of before any more
            mark = source_type(generator.name, sources.marks) if sources.marks else ""
            with self._observer.step("generator"):
                await orders.made(Job(order, before.after, mark, urgency))
        except UpstreamFailed as failure:
            if failure.charged:
                await self._cool_down(key, failure)
                log.warning("the picture %s was not made: %s: %s", key, failure.kind.code, failure.detail)
            raise
        await self._require_settled(order)

    @step("budget")
    async def _reserved(self, order: Order, generator: Generator) -> Reservation:
        """What the budget counts for the picture. Raises `Problem`."""
        return await self._purse(generator).reserve(order.resolved, self._clock.utc())

    async def _prepared(
        self, order: Order, generator: Generator, reservation: Reservation | None, *, bound: bool
    ) -> Preparation:
        """What the picture has to know of the one before it. Raises `StoreUnavailable`, and then nothing is counted."""
        try:
            return await self._removals.prepare(order.content_key, order.as_asked_key, lost=bound)
        except StoreUnavailable:
            if reservation is not None:
                await _give_back(self._purse(generator), reservation)
            raise

    def _purse(self, generator: Generator) -> Budget:
        return purse(self._budget, paid=generator.paid, any_paid=self._any_paid)

    async def _ready(self, order: Order, last: Cooldown | None) -> tuple[Generator, Sources]:
        """What makes the picture, and from what; there is room for the answer. Raises `Problem` where it may not be
        made now."""
        await self._require_wanted(order.content_key)
        generator = self._require_generator(order.resolved.generator)
        self._require_over(last)
        sources = await self._sources.read(order.resolved)
        await self._spool.secure()
        return generator, sources

    async def _require_settled(self, order: Order) -> None:
        """Raises the `Problem` of a picture that a worker brought, perhaps to another replica, and that cannot be shown
        here."""
        key = order.content_key
        if self._spool.holds(key):
            if self._spool.refuses(key):
                raise problems.filtered()
            return
        self._doubt(key)
        if not await self._renditions.restore(key, order.resolved.parameters(), anew=True):
            await self._require_wanted(key)
            raise StoreUnavailable("a worker brought this picture, and it waits for the store: try again in a moment")

    async def _pay(self, order: Order, last: Cooldown | None, *, bound: bool) -> Paid:
        """What the generator answers, safe in the spool. Whatever breaks before it is there, a cooldown follows."""
        key = order.content_key
        generator, sources = await self._ready(order, last)
        reservation = await self._reserved(order, generator)
        before = await self._prepared(order, generator, reservation, bound=bound)
        free_at = self._clock.monotonic() + before.wait
        charged = generator.paid
        try:
            made = await generator.generate(order.resolved, key, sources=sources)
            mark = source_type(generator.name, sources.marks) if sources.marks else ""
            paid = await self._spool.put(Paid(order, made, self._now(), before.after, mark))
            # Nobody shows the picture of before any more, when this one is shown.
            await asyncio.sleep(max(0.0, free_at - self._clock.monotonic()))
        except UpstreamFailed as failure:
            charged = generator.paid and failure.charged
            if failure.charged:
                await self._cool_down(key, failure)
            else:
                await _give_back(self._purse(generator), reservation)
            log.warning("the picture %s was not made: %s: %s", key, failure.kind.code, failure.detail)
            raise
        except Exception:
            await self._cool_down(key, _broken())
            raise
        else:
            return paid
        finally:
            if charged:
                self._observer.paid(reservation.cost)

    @step("validation")
    async def _validated(self, paid: Paid) -> Record:
        """The master to store. What is no good is given up, and waits before it may cost again."""
        key = paid.order.content_key
        try:
            return await self._renditions.validated(paid)
        except UpstreamFailed as failure:
            await self._cool_down(key, failure)
            log.warning("the generator's answer for the picture %s is no good: %s", key, failure.detail)
            await self._spool.drop(key)
            raise
        except Exception:
            await self._cool_down(key, _broken())
            await self._spool.set_aside(key)
            raise

    async def _keep(self, paid: Paid, master: Record | None) -> None:
        """Stores for ever: the master and then the binding, or the verdict. Raises `Unavailable`."""
        order = paid.order
        if master is None:
            await self._bindings.filter(order, paid.made_at)
            return
        await self._renditions.keep(order.content_key, master)
        await self._bindings.bind(order, paid.made_at)

    async def _wait(self, paid: Paid, why: str) -> None:
        """Leaves it in the spool. The other replicas do not see that, so a cooldown keeps them from paying as well."""
        self._spool.wait(paid, why)
        await self._cooldowns.paid_here(paid.order.content_key, self._clock.monotonic())

    async def _drop(self, content_key: str) -> None:
        """Ends the waiting of what is settled: from now on it is read from the store."""
        await self._cooldowns.forget(content_key)
        await self._spool.drop(content_key)
        self._renditions.settled(content_key)

    async def _require_not_removed(self, content_key: str) -> None:
        """Raises `Problem`, and gives up what waits, for a picture that is taken down."""
        if await self._removed(content_key):
            await self._spool.drop(content_key)
            await self._cooldowns.forget(content_key)
            raise problems.removed()

    async def _removed(self, content_key: str) -> bool:
        """Whether it is known here to be taken down."""
        try:
            return await self._removals.removed(content_key)
        except StoreUnavailable:
            return False

    def _require_generator(self, needed: str) -> Generator:
        if needed not in self._generators:
            detail = (
                f"this URL shows a picture of the generator {needed}, which is not set up on this service: whoever runs"
                f" the service adds {needed} to PROMPTCDN_GENERATOR, with the settings that promptcdn engines names"
            )
            raise Problem(problems.GENERATOR_MISSING, detail)
        return self._generators[needed]

    async def _require_wanted(self, content_key: str) -> None:
        """Raises `Problem` for a picture that was taken down or refused by the filter."""
        if await self._removals.surely_removed(content_key):  # while it waited for its turn, or a moment ago elsewhere
            raise problems.removed()
        if await self._bindings.filtered(content_key):
            raise problems.filtered()

    @step("cooldown")
    async def _last_cooldown(self, content_key: str) -> Cooldown | None:
        """The picture's last cooldown, which may be over."""
        return await self._cooldowns.of(content_key, self._clock.monotonic())

    def _require_over(self, last: Cooldown | None) -> None:
        """Raises `Problem` for a cooldown that still lasts."""
        left = last.left(self._clock.monotonic()) if last else 0
        if last and left:
            if last.cause is problems.STORE_UNAVAILABLE:
                raise StoreUnavailable(last.detail)
            detail = f"{last.detail}; trying again may cost money, so this picture has to wait"
            raise Problem(last.cause, detail, retry_after=int(left) + 1)

    async def _bind(self, order: Order) -> None:
        try:
            await self._bindings.bind(order, self._now())
        except Unavailable as unavailable:
            key = order.content_key
            log.error("the binding of a URL to the picture %s is not stored: %s", key, unavailable.detail)  # noqa: TRY400

    async def _cool_down(self, content_key: str, failure: UpstreamFailed) -> None:
        await self._cooldowns.begin(content_key, failure, self._clock.monotonic())

    def _now(self) -> int:
        return int(self._clock.unix())


async def _give_back(budget: Budget, reservation: Reservation) -> None:
    try:
        await budget.give_back(reservation)
    except CounterUnavailable as unavailable:
        log.warning("the budget counts a picture that was not made: %s", unavailable.detail)


def _broken() -> UpstreamFailed:
    return UpstreamFailed(
        problems.UPSTREAM_GARBLED, "an unexpected error in this service: its log has the details", charged=True
    )
