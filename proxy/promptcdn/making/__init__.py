"""One paid picture: what happens inside a flight, once, whoever waits for it.

look again → cooldown → budget → generator → spool → settle (validation → store → binding)
"""

import asyncio
import logging
from collections.abc import Callable

from promptcdn import problems
from promptcdn.catalog.bindings import Bindings, Bound
from promptcdn.catalog.removals import Removals
from promptcdn.catalog.renditions import Renditions
from promptcdn.clock import Clock
from promptcdn.generators import Generator
from promptcdn.generators.care.retries import elsewhere, next_rest
from promptcdn.making.cooldown import Cooldowns
from promptcdn.money.budget import Budget, Reservation
from promptcdn.observer import NO_OBSERVER, Observer, step
from promptcdn.problems import CounterUnavailable, Problem, StoreUnavailable, Unavailable, UpstreamFailed
from promptcdn.spool import Order, Paid, Spool
from promptcdn.stores import Record

log = logging.getLogger(__name__)

# How long a new picture is kept back for the store to take it: it is safe in the spool, and can be shown from there.
PATIENCE = 5.0


class Making:
    """Makes, pays for and keeps pictures. A key whose paid answer was no good rests before it is tried again."""

    def __init__(
        self,
        generator: Generator,
        budget: Budget,
        spool: Spool,
        bindings: Bindings,
        renditions: Renditions,
        removals: Removals,
        clock: Clock,
        observer: Observer = NO_OBSERVER,
        patience: float = PATIENCE,
        cooldowns: Cooldowns | None = None,
        doubt: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`doubt` drops what is remembered as absent under a key, before anything is paid for."""
        self._generator = generator
        self._budget = budget
        self._spool = spool
        self._bindings = bindings
        self._renditions = renditions
        self._clock = clock
        self._observer = observer
        self._patience = patience
        self._cooldowns = cooldowns or Cooldowns()
        self._removals = removals
        self._doubt = doubt

    @property
    def resting(self) -> int:
        """How many keys rest now."""
        return self._cooldowns.count(self._clock.monotonic())

    @step("flight")
    async def bound_by_now(self, as_asked_key: str) -> Bound | None:
        """What a URL is bound to, also where nothing was remembered a moment ago. Raises `StoreUnavailable`."""
        self._doubt(as_asked_key)
        return await self._bindings.of(as_asked_key)

    async def make(self, as_asked_key: str, order: Bound, *, bound: bool = False) -> None:
        """Leaves the picture of `order` in the store, and the URL bound to it; what the store does not take is in the
        spool. Makes nothing where the URL is bound to another picture by now. Raises `Problem`.

        `bound`: the URL was bound to it before, so that there was a picture.
        """
        # Look again. 1: A finds nothing. 2: the flight before, B, lands, stores and goes. 3: A starts this one.
        # Without the look, the picture of step 2 would be paid for a second time. B may be another process's, so
        # nothing remembered is believed; and it may have bound the URL by other defaults than ours.
        key = order.content_key
        self._doubt(key)
        known = await self.bound_by_now(as_asked_key)
        if known is not None and known.content_key != key:
            return
        if not await self._renditions.restore(key, order.resolved.parameters(), anew=True):
            paid = await self._spool.get(key) or await self._pay(as_asked_key, order, bound=bound)
            await self.settle(paid, self._patience)
        if not self._spool.holds(key):
            await self._bind(as_asked_key, order)

    async def settle(self, paid: Paid, patience: float) -> None:
        """Brings what a generator answered to where it stays, and drops it from the spool. Done twice, also by two
        processes at once, it comes to the same. Raises `Problem` for what is no picture to be shown.

        A store that does not take it within `patience` seconds is no problem: it waits in the spool. What was taken
        down meanwhile is given up.
        """
        key = paid.order.content_key
        if await self._removed(key):
            await self._spool.drop(key)
            await self._cooldowns.forget(key)
            raise problems.removed()
        master = None if paid.made.filtered else await self._validated(paid)
        try:
            async with asyncio.timeout(patience):
                await self._keep(paid, master)
        except Unavailable as unknown:
            await self._wait(paid, unknown.detail)
        except TimeoutError:
            await self._wait(paid, f"the store took longer than {patience:g} s")
        else:
            await self._drop(key)
            if await self._removed(key):  # while it was being stored
                await self._removals.purge(key)
                raise problems.removed()
        if master is None:
            raise problems.filtered()

    async def _pay(self, as_asked_key: str, wanted: Bound, *, bound: bool) -> Paid:
        """What the generator answers, safe in the spool. Whatever breaks before it is there, the key rests."""
        key = wanted.content_key
        if await self._removals.surely_removed(key):  # while it waited for its turn, or a moment ago elsewhere
            raise problems.removed()
        await self._require_unfiltered(key)
        self._require_generator(wanted.resolved.generator)
        await self._require_rested(key)
        await self._spool.secure()
        with self._observer.step("budget"):
            reservation = await self._budget.reserve(wanted.resolved, self._clock.utc())
        try:
            before = await self._removals.prepare(key, lost=bound)
        except StoreUnavailable:
            await self._give_back(reservation)
            raise
        free_at = self._clock.monotonic() + before.wait
        order = Order(as_asked_key, wanted.resolved, key, before.after)
        charged = self._generator.paid
        try:
            made = await self._generator.generate(order.resolved, order.content_key)
            paid = await self._spool.put(Paid(order, made, self._now()))
            # Nobody shows the picture of before any more, when this one is shown.
            await asyncio.sleep(max(0.0, free_at - self._clock.monotonic()))
        except UpstreamFailed as failure:
            charged = failure.charged
            if charged:
                await self._rest(order.content_key, failure)
            else:
                await self._give_back(reservation)
            log.warning("no picture for %s: %s: %s", order.content_key, failure.kind.code, failure.detail)
            raise
        except Exception:
            await self._rest(order.content_key, _broken())
            raise
        else:
            return paid
        finally:
            if charged:
                self._observer.paid(reservation.cost)

    @step("validation")
    async def _validated(self, paid: Paid) -> Record:
        """The master to store. What is no good is given up, and rests before it may cost again."""
        key = paid.order.content_key
        try:
            return await self._renditions.validated(paid)
        except UpstreamFailed as failure:
            await self._rest(key, failure)
            log.warning("a paid picture for %s was refused: %s", key, failure.detail)
            await self._spool.drop(key)
            raise
        except Exception:
            await self._rest(key, _broken())
            await self._spool.set_aside(key)
            raise

    async def _keep(self, paid: Paid, master: Record | None) -> None:
        """In the store for ever: the master and then the binding, or the verdict. Raises `Unavailable`."""
        order = paid.order
        wanted = Bound(order.resolved, order.content_key)
        if master is None:
            await self._bindings.filter(wanted, paid.made_at)
            return
        await self._renditions.keep(order.content_key, master)
        await self._bindings.bind(order.as_asked_key, wanted, paid.made_at)

    async def _wait(self, paid: Paid, why: str) -> None:
        """It stays in the spool, where the other replicas do not see it: they are told not to pay for it as well."""
        self._spool.wait(paid, why)
        now = self._clock.monotonic()
        await self._cooldowns.tell(paid.order.content_key, elsewhere(now), now)

    async def _drop(self, content_key: str) -> None:
        """It is settled: from now on it is read from the store."""
        await self._cooldowns.forget(content_key)
        await self._spool.drop(content_key)
        self._renditions.settled(content_key)

    async def _removed(self, content_key: str) -> bool:
        """Whether it is known here to be taken down."""
        try:
            return await self._removals.removed(content_key)
        except StoreUnavailable:
            return False

    def _require_generator(self, needed: str) -> None:
        if needed != self._generator.name:
            detail = f"this URL shows a picture of the generator {needed}, which is not configured on this service"
            raise Problem(problems.GENERATOR_MISSING, detail)

    async def _require_unfiltered(self, content_key: str) -> None:
        if await self._bindings.filtered(content_key):
            raise problems.filtered()

    @step("cooldown")
    async def _require_rested(self, content_key: str) -> None:
        now = self._clock.monotonic()
        rest = await self._cooldowns.of(content_key, now)
        left = rest.left(now) if rest else 0
        if rest and left:
            if rest.cause is problems.STORE_UNAVAILABLE:
                raise StoreUnavailable(rest.detail)
            raise Problem(
                rest.cause,
                f"{rest.detail}; trying again may cost money, so this picture has to wait",
                retry_after=int(left) + 1,
            )

    async def _give_back(self, reservation: Reservation) -> None:
        try:
            await self._budget.give_back(reservation)
        except CounterUnavailable as unknown:
            log.warning("a picture that was not made stays counted: %s", unknown.detail)

    async def _bind(self, as_asked_key: str, order: Bound) -> None:
        try:
            await self._bindings.bind(as_asked_key, order, self._now())
        except Unavailable as unknown:
            log.error("the binding of %s is not stored: %s", order.content_key, unknown.detail)  # noqa: TRY400

    async def _rest(self, content_key: str, failure: UpstreamFailed) -> None:
        now = self._clock.monotonic()
        last = await self._cooldowns.of(content_key, now)
        await self._cooldowns.put(content_key, next_rest(last, failure.kind, failure.detail, now), now)

    def _now(self) -> int:
        return int(self._clock.unix())


def _broken() -> UpstreamFailed:
    return UpstreamFailed(
        problems.UPSTREAM_GARBLED, "an unexpected error in this service: its log has the details", charged=True
    )
