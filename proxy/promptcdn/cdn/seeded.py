"""The one way of a request, read from top to bottom: from a seeded URL to the picture that answers it.

binding → resolve → content key → tombstone → memory → store (rendition, master, verdict) → access → rate
→ flight (`making`) → rendition
"""

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from weakref import WeakValueDictionary

import cachetools

from promptcdn import problems
from promptcdn.catalog.bindings import Bindings, Bound, bound
from promptcdn.catalog.removals import Removals
from promptcdn.catalog.renditions import Found, Renditions
from promptcdn.clock import Clock
from promptcdn.flights import Flight, Flights
from promptcdn.guard.authorisation import Authorisation
from promptcdn.making import Making
from promptcdn.money.rates import Rates
from promptcdn.observer import NO_OBSERVER, Observer, step
from promptcdn.problems import StoreUnavailable, Unavailable
from promptcdn.readers.answers import Answer, Asker, Look, State, Unchanged
from promptcdn.readers.clients import Client
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.readers.headers import CacheStatus, Outcome, Rendition
from promptcdn.url import keys
from promptcdn.url.engines import Size
from promptcdn.url.parse import canonical_url
from promptcdn.url.request import Asked, Delivery, Request
from promptcdn.url.resolving import Defaults, as_drawn, departures, resolve

# For the rendition of a picture that was made just before its asker would have left.
_LEAST_PATIENCE = 1.0
_URLS_REMEMBERED = 100_000


@dataclass(frozen=True)
class Rules:
    """What the operator decided: the defaults, the size of a pool, who may cause new pictures."""

    defaults: Defaults
    variants: int = 8
    access: Authorisation = field(default_factory=Authorisation)


@dataclass(frozen=True)
class Order:
    """A URL's whole resolved request, under the key that binds the URL to it; `new` where no binding said so yet.

    `asked` is the request in words that every face understands.
    """

    key: str
    asked: Asked
    bound: Bound
    new: bool


class Seeded:
    """Answers seeded requests. Decisions are the policy's, deeds those of the rooms given here."""

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
        observer: Observer = NO_OBSERVER,
    ) -> None:
        self._rules = rules
        self._bindings = bindings
        self._renditions = renditions
        self._flights = flights
        self._removals = removals
        self._making = making
        self._rates = rates
        self._clock = clock
        self._observer = observer
        # The keys of URLs that a face which draws the nearest need not look for a binding of their own.
        self._plain: cachetools.LRUCache[str, None] = cachetools.LRUCache(_URLS_REMEMBERED)
        # Locks live for as long as somebody holds or awaits them.
        self._beginning: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, request: Request, asker: Asker) -> Answer | Unchanged | None:
        """The picture, or that the asker has it. `None` where it is not there and may not be made for them.

        Raises `Problem`.
        """
        order = await self.order(request)
        answer = await self._find(order, request, asker)
        if answer is None and asker.making:
            answer = await self._make(order, request, asker)
        if isinstance(answer, Answer) and order.new:
            return await self._bind(order, answer, request, asker)
        return answer

    async def look(self, view: Request) -> Answer | None:
        """A seeded request's picture if it is stored, whatever the asker has: nothing may hold on to a view."""
        answer = await self.answer(view, _LOOKING)
        assert not isinstance(answer, Unchanged)
        return answer

    async def stored(self, content_key: str, delivery: Delivery, has: Condition = NOTHING) -> Answer | Unchanged | None:
        """The picture of a content key, or what is left of it; `None` where there is neither. Never makes one."""
        answer = await self.ready(content_key, delivery, None, has)
        if answer is None and await self._renditions.restore(content_key):
            answer = await self.ready(content_key, delivery, None, has)
        return answer

    async def known(self, request: Request) -> Look:
        """What is known of a request. Never makes, never writes."""
        order = await self.order(request)
        resolved, key = order.bound.resolved, order.bound.content_key
        state = await self._state(order)
        header = await self._renditions.header(key) if state == "stored" else None
        return Look(resolved.seed, resolved, key, state, header.lineage.stand_in if header else None)

    async def order(self, request: Request) -> Order:
        """What the URL is bound to; else what it means today. Raises `Problem`."""
        if request.nearest:
            return await self._order_of_the_nearest(request.asked)
        known = await self._known(request.asked)
        return known or self._new(request.asked)

    async def _order_of_the_nearest(self, asked: Asked) -> Order:
        """The order of a face that draws the nearest of what is offered.

        Where that is not as asked the URL has a binding of its own, and is the request as drawn.
        """
        plain, key = keys.as_asked_key(asked), keys.nearest_key(asked)
        bound_before = None if plain in self._plain else await self._bindings.of(key)
        if bound_before is not None:
            return Order(key, as_drawn(asked, bound_before.resolved), bound_before, new=False)
        # Older versions bound such a URL as it was asked.
        known = await self._known(asked)
        resolved = known.bound.resolved if known else resolve(asked, self._rules.defaults, nearest=True)
        if known or not departures(asked, resolved):
            if known:
                # Bound as it was asked, it gets no binding of its own any more: from now on memory alone can tell.
                self._plain[plain] = None
            return known or self._new(asked)
        drawn = as_drawn(asked, resolved)
        order = await self._known(drawn) or self._new(drawn)
        return replace(order, key=key, new=True)

    async def _known(self, asked: Asked) -> Order | None:
        key = keys.as_asked_key(asked)
        known = await self._bindings.of(key)
        return None if known is None else Order(key, asked, known, new=False)

    def _new(self, asked: Asked) -> Order:
        return Order(keys.as_asked_key(asked), asked, bound(resolve(asked, self._rules.defaults)), new=True)

    async def _find(self, order: Order, request: Request, asker: Asker) -> Answer | Unchanged | None:
        content_key, resolved = order.bound.content_key, order.bound.resolved
        delivery, has = request.delivery, asker.has
        answer = await self.ready(content_key, delivery, resolved.size, has, new=order.new)
        # A URL that is bound had a picture: what is left of it comes before another one.
        if answer is None and not order.new and await self._renditions.restore(content_key, resolved.parameters()):
            answer = await self.ready(content_key, delivery, resolved.size, has)
        if answer is None:
            await self._require_not_known_over(content_key, request, asker)
            if await self._bindings.filtered(content_key):
                raise problems.filtered()
        return answer

    async def _require_not_known_over(self, content_key: str, request: Request, asker: Asker) -> None:
        """Raises the `Problem` (429) that `begin` would, from memory and before whatever else costs something: for a
        client known to be over its rate. Who may join a flight is not refused, since they are not charged."""
        now = self._clock.utc()
        refusal = self._rates.refusal(asker.client, now, image_proxy=asker.image_proxy) if asker.making else None
        if refusal is None:
            return
        self._rules.access.require_signed(request.signed_for, request.control, now.timestamp())
        if not await self._under_way(content_key):
            raise refusal

    async def _under_way(self, content_key: str) -> bool:
        """Whether the picture is being made, here or by another replica."""
        if self._flights.under_way(content_key):
            return True
        return await self._flights.under_way_elsewhere(content_key)

    async def ready(
        self, content_key: str, delivery: Delivery, master: Size | None, has: Condition, *, new: bool = False
    ) -> Answer | Unchanged | None:
        """What can be answered with what is stored. Who says to have the picture gets no rendition made for it."""
        await self._require_not_removed(content_key)
        tag = has.tag_of(content_key)
        found = await self._renditions.find(content_key, delivery, master, encode=tag is None, new=new)
        if found is None and tag is not None and await self._was_remade(content_key):
            tag, found = None, await self._renditions.find(content_key, delivery, master)
        if found is None or found.place != "memory":
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

    async def _make(self, order: Order, request: Request, asker: Asker) -> Answer | Unchanged:
        if request.nearest and order.new:
            # A process that offers less may have bound the URL as it drew it, since its absence was remembered here.
            winner = await self._making.bound_by_now(keys.nearest_key(request.asked))
            if winner is not None:
                return await self._of_the_winner(order, winner, request, asker)
        flight, joined = await self.begin(order, request, asker)
        await flight.outcome(max(0.0, asker.until - self._clock.monotonic()))
        bound = order.bound
        await self._require_not_removed(bound.content_key)  # while it was made
        patience = max(_LEAST_PATIENCE, asker.until - self._clock.monotonic())
        found = await self._renditions.find(bound.content_key, request.delivery, bound.resolved.size, patience=patience)
        await self._require_not_removed(bound.content_key)  # while it was encoded
        if found is not None:
            return _answer(found.rendition, CacheStatus.missed(found.rendition, collapsed=joined))
        # While it waited for its turn, another process may have bound the URL by other defaults.
        winner = await self._bindings.of(order.key)
        if winner is not None and winner.content_key != bound.content_key:
            return await self._of_the_winner(order, winner, request, asker)
        raise StoreUnavailable("the picture was made, but the store does not give it back")

    @step("authorisation")
    async def begin(self, order: Order, request: Request, asker: Asker) -> tuple[Flight[None], bool]:
        """The flight that makes the picture, and whether it was under way. Who begins it is charged, who joins is not.

        One at a time for each key. 1: A sees no flight, and waits to be charged. 2: B sees none either. 3: both are
        charged for the one flight, and of two hundred like B most would be over their rate. Raises `Problem`.
        """
        now, content_key = self._clock.utc(), order.bound.content_key
        prompt = order.bound.resolved.prompt
        kid = self._rules.access.require_allowed(request.signed_for, request.control, prompt, now.timestamp())
        async with self.one_at_a_time(content_key):
            if not await self._under_way(content_key):
                await self._rates.charge(asker.client, kid, now, image_proxy=asker.image_proxy)
            make = partial(self._making.make, order.key, order.bound, bound=not order.new)
            return self._flights.join(content_key, make)

    async def location(self, view: Request) -> str:
        """The seeded URL of a view, in words that every face understands."""
        asked = (await self.order(view)).asked if view.nearest else view.asked
        return canonical_url(asked, view.delivery)

    def one_at_a_time(self, key: str) -> asyncio.Lock:
        return self._beginning.setdefault(key, asyncio.Lock())

    async def _bind(self, order: Order, answer: Answer, request: Request, asker: Asker) -> Answer | Unchanged | None:
        """`answer`, once its URL is bound to it; the winner's picture where another process bound the URL first."""
        if not answer.rendition.stored:
            return answer
        try:
            winner = await self._bindings.bind(order.key, order.bound, answer.rendition.made_at)
            # The request as drawn, where the URL has a key of its own: its seeded URL is given out.
            if winner == order.bound and order.key != (as_drawn_key := keys.as_asked_key(order.asked)):
                await self._bindings.bind(as_drawn_key, order.bound, answer.rendition.made_at)
        except Unavailable:
            return replace(answer, outcome=Outcome.UNSTORED, status=replace(answer.status, stored=False))
        if winner.content_key == order.bound.content_key:
            return answer
        return await self._of_the_winner(order, winner, request, asker)

    async def _of_the_winner(self, order: Order, winner: Bound, request: Request, asker: Asker) -> Answer | Unchanged:
        """The picture that another process bound the URL to."""
        rightful = replace(order, bound=winner, new=False)
        found = await self._find(rightful, request, replace(asker, has=NOTHING))
        return found or await self._make(rightful, request, asker)

    async def _state(self, order: Order) -> State:
        content_key = order.bound.content_key
        if await self._removals.removed(content_key):
            return "removed"
        if self._flights.under_way(content_key):
            return "generating"
        # Only a URL that is bound had a picture that can be lost.
        if await (self._renditions.has if order.new else self._renditions.survives)(content_key):
            return "stored"
        return "blocked" if await self._bindings.filtered(content_key) else "absent"


# For looks at what is stored: nothing is awaited.
_LOOKING = Asker(until=0.0, client=Client(None), making=False)


def _hit(found: Found) -> Answer:
    return _answer(found.rendition, CacheStatus(found.place, stored=found.rendition.stored))


def _answer(rendition: Rendition, status: CacheStatus) -> Answer:
    return Answer(rendition, Outcome.SEEDED if rendition.stored else Outcome.UNSTORED, status)
