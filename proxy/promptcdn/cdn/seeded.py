"""The one way of a request, read from top to bottom: from a seeded URL to the picture that answers it.

binding → resolve → content key → tombstone → memory → store (rendition, master, verdict) → access → rate
→ flight (`making`) → rendition → binding
"""

from dataclasses import dataclass, field, replace
from functools import partial

from promptcdn import problems
from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.read_ahead import Ahead
from promptcdn.catalog.removals import Removals
from promptcdn.catalog.renditions import Renditions
from promptcdn.catalog.sources import SourcePictures
from promptcdn.cdn.stored import StoredPictures
from promptcdn.cdn.targets import Target, Targets
from promptcdn.clock import Clock
from promptcdn.flights import Flight, Flights, KeyedLocks
from promptcdn.guard.authorisation import Authorisation
from promptcdn.making import Making
from promptcdn.money.rates import Rates
from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.problems import Problem, SourceMissing, StoreUnavailable, Unavailable
from promptcdn.readers.answers import Answer, Asker, Look, Reply, State, Unchanged, Unmade
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.clients import Client
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.url import keys
from promptcdn.url.order import Order
from promptcdn.url.request import Delivery, Request, Resolved
from promptcdn.url.resolving import Defaults

# In seconds, for the rendition of a picture that was made just before its asker would have left.
_LEAST_PATIENCE = 1.0


@dataclass(frozen=True)
class Rules:
    """What the operator decided: the defaults, the size of a pool, who may cause new pictures."""

    defaults: Defaults
    variants: int = 8
    authorisation: Authorisation = field(default_factory=Authorisation)


class Seeded:
    """Answers seeded requests. Decisions are the policy's, deeds those of the parts given here."""

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
        self._authorisation = rules.authorisation
        self._bindings = bindings
        self._renditions = renditions
        self._flights = flights
        self._making = making
        self._rates = rates
        self._clock = clock
        self._observer = observer
        self._sources = SourcePictures(renditions, removals)
        self._targets = Targets(bindings, making, rules.defaults, self._sources)
        self._stored = StoredPictures(renditions, removals)
        self._beginning = KeyedLocks()

    async def answer(self, request: Request, asker: Asker) -> Reply:
        """The picture, or that the asker has it, or that it is not made. Raises `Problem`."""
        ahead: Ahead | None = None

        def read_ahead(guess: Order) -> None:
            nonlocal ahead
            size = guess.resolved.size
            ahead = self._stored.read_ahead(guess.content_key, request.delivery, size, asker.condition)

        try:
            target = await self._targets.of(request, read_ahead)
        except SourceMissing as missing:
            if not asker.making:
                return Unmade()
            await self._wait_for_source(missing, asker)
            target = await self._targets.of(request)
        return await self._answer(target, request, asker, ahead)

    async def _answer(self, target: Target, request: Request, asker: Asker, ahead: Ahead | None = None) -> Reply:
        reply: Reply | None = await self._find(target, request, asker, ahead)
        if reply is None and not asker.making:
            return Unmade()
        if reply is None and (winner := await self._targets.bound_by_now(target, request)):
            return await self._answer(winner, request, replace(asker, condition=NOTHING))
        if reply is None:
            kid = self._require_allowed(target, request, asker)
            flight, joined = await self._fly(target, asker, kid)
            reply = await self._land(flight, target, request, asker, collapsed=joined)
        if isinstance(reply, Answer) and reply.rendition.stored and not target.bound:
            reply = await self._bind(target, reply, request, asker)
        return reply

    async def find(self, view: Request) -> Answer | None:
        """A seeded request's picture if it is stored, whatever the asker has: nothing may hold on to a view."""
        reply = await self.answer(view, _LOOKING)
        return reply if isinstance(reply, Answer) else None

    async def permalink(self, content_key: str, delivery: Delivery, condition: Condition) -> Answer | Unchanged | None:
        """The picture of a content key, or what is left of it; `None` where there is neither. Never makes one."""
        reply = await self._stored.find(content_key, delivery, condition=condition)
        if reply is None and await self._renditions.restore(content_key):
            reply = await self._stored.find(content_key, delivery, condition=condition)
        return reply

    async def look(self, request: Request) -> Look:
        """What there is of a request's picture. Never makes, never writes."""
        target = await self._targets.of(request)
        resolved, key = target.order.resolved, target.content_key
        state = await self._state(key, bound=target.bound)
        header = await self._renditions.header(key) if state == "stored" else None
        return Look(resolved.seed, resolved, key, state, header.lineage.stand_in if header else None)

    async def state(self, content_key: str) -> State:
        """What there is of the picture of a content key, whatever URLs show it. Raises `Problem`."""
        return await self._state(content_key, bound=True)

    async def origins(self, resolved: Resolved) -> frozenset[str]:
        """The generators of all pictures that one is made from. Raises `StoreUnavailable`."""
        return await self._sources.origins(resolved)

    async def location(self, view: Request) -> str:
        """The seeded URL of a view, in words that every face understands."""
        return await self._targets.location(view)

    async def begin(self, request: Request, asker: Asker) -> Flight[None]:
        """The flight that makes the picture, for nobody who waits. Its asker must be allowed to, and is charged.

        Raises `Problem`.
        """
        target = await self._targets.of(request)
        target = await self._targets.bound_by_now(target, request) or target
        kid = self._require_allowed(target, request, asker)
        flight, _ = await self._fly(target, asker, kid)
        return flight

    async def _wait_for_source(self, missing: SourceMissing, asker: Asker) -> None:
        """Waits, as long as the asker does, while the picture that another one is made from is being made: a page that
        shows both may be loaded for the first time. Raises `Problem` where that fails, or happens elsewhere."""
        flight = self._flights.under_way(missing.content_key)
        if flight is None:
            if await self._under_way_elsewhere(missing.content_key):
                raise problems.too_slow(f"the picture that {missing.parameter} names is being made")
            return
        try:
            await flight.outcome(max(0.0, asker.until - self._clock.monotonic()))
        except Problem as problem:
            if problem.kind not in (problems.FILTERED, problems.REMOVED):  # those are about the other picture
                raise

    async def _find(
        self, target: Target, request: Request, asker: Asker, ahead: Ahead | None = None
    ) -> Answer | Unchanged | None:
        """What can be answered with what is stored: tombstone → memory → store → what is left of a picture → verdict.

        Raises `Problem`.
        """
        key, resolved, delivery, new = target.content_key, target.order.resolved, request.delivery, not target.bound
        reply = await self._stored.find(key, delivery, resolved.size, asker.condition, new=new, ahead=ahead)
        # A URL that is bound had a picture: what is left of it comes before another one.
        if reply is None and target.bound and await self._renditions.restore(key, resolved.parameters()):
            reply = await self._stored.find(key, delivery, resolved.size, asker.condition)
        if reply is None:
            await self._require_not_over_rate(key, request, asker)
            if await self._bindings.filtered(key):
                raise problems.filtered()
        return reply

    def _require_allowed(self, target: Target, request: Request, asker: Asker) -> str | None:
        """Access: signature or API key, miss policy, deny-list. Gives the id of the signature's key, if there is one.

        Raises `Problem`.
        """
        prompt, now, keyed = target.order.resolved.prompt, self._clock.unix(), asker.client.api_key is not None
        with self._observer.step("authorisation"):
            return self._authorisation.require_allowed(request.signed_for, request.control, prompt, now, keyed=keyed)

    async def _require_not_over_rate(self, content_key: str, request: Request, asker: Asker) -> None:
        """Raises the `Problem` (429) that `_fly` would, for a client known to be over its rate: from memory, and before
        anything else costs something. Who may join a flight is not refused, since they are not charged."""
        now = self._clock.utc()
        refusal = self._rates.refusal(asker.client, now, image_proxy=asker.image_proxy) if asker.making else None
        if refusal is None:
            return
        keyed = asker.client.api_key is not None
        self._authorisation.require_signed(request.signed_for, request.control, now.timestamp(), keyed=keyed)
        if not await self._under_way(content_key):
            raise refusal

    async def _fly(self, target: Target, asker: Asker, kid: str | None) -> tuple[Flight[None], bool]:
        """The flight that makes the picture, and whether it was under way. Who begins it is charged, who joins is not.

        One at a time for each key. 1: A sees no flight, and waits to be charged. 2: B sees none either. 3: both are
        charged for the one flight, and of two hundred like B most would be over their rate. Raises `Problem`.
        """
        now, key = self._clock.utc(), target.content_key
        async with self._beginning.of(key):
            if not await self._under_way(key):
                await self._rates.charge(asker.client, kid, now, image_proxy=asker.image_proxy)
            fly = partial(self._making.make, target.order, bound=target.bound, urgency=asker.urgency)
            late = partial(self._making.late, target.order)
            flight, joined = self._flights.join(key, fly, target.order.resolved.generator, late)
        if joined:
            self._making.hasten(target.order, asker.urgency)
        return flight, joined

    async def _under_way(self, content_key: str) -> bool:
        """Whether the picture is being made, here or elsewhere."""
        return self._flights.under_way(content_key) is not None or await self._under_way_elsewhere(content_key)

    async def _under_way_elsewhere(self, content_key: str) -> bool:
        """Whether another replica makes the picture, or its order waits for a worker, as far as is known."""
        return await self._flights.under_way_elsewhere(content_key) or await self._making.ordered(content_key)

    async def _land(
        self, flight: Flight[None], target: Target, request: Request, asker: Asker, *, collapsed: bool
    ) -> Reply:
        """The picture that a flight made, for as long as the asker waits. Raises `Problem`."""
        key, size = target.content_key, target.order.resolved.size
        await flight.outcome(max(0.0, asker.until - self._clock.monotonic()))
        patience = max(_LEAST_PATIENCE, asker.until - self._clock.monotonic())
        answer = await self._stored.find_made(key, request.delivery, size, patience, collapsed=collapsed)
        if answer is not None:
            return answer
        # While it waited for its turn, another process may have bound the URL by other defaults.
        winner = await self._bindings.of(target.order.as_asked_key, target.order.resolved.generator)
        if winner is not None and winner.content_key != key:
            return await self._answer_winner(target, winner, request, asker)
        raise StoreUnavailable("the picture was made, but the store does not give it back")

    async def _bind(self, target: Target, answer: Answer, request: Request, asker: Asker) -> Reply:
        """`answer`, once its URL is bound to it; the winner's picture where another process bound the URL first."""
        order, made_at = target.order, answer.rendition.made_at
        try:
            winner = await self._bindings.bind(order, made_at)
            # The request as drawn, where the URL has a key of its own: its seeded URL is given out.
            if winner == order and order.as_asked_key != (key_as_drawn := keys.as_asked_key(target.asked)):
                await self._bindings.bind(replace(order, as_asked_key=key_as_drawn), made_at)
        except Unavailable:
            return replace(answer, outcome=Outcome.UNSTORED, status=replace(answer.status, stored=False))
        if winner.content_key == order.content_key:
            return answer
        return await self._answer_winner(target, winner, request, asker)

    async def _answer_winner(self, target: Target, winner: Order, request: Request, asker: Asker) -> Reply:
        """The picture that another process bound the URL to."""
        rightful = replace(target, order=winner, bound=True)
        return await self._answer(rightful, request, replace(asker, condition=NOTHING))

    async def _state(self, content_key: str, *, bound: bool) -> State:
        if await self._stored.removed(content_key):
            return "removed"
        if self._flights.under_way(content_key):
            return "generating"
        # Only a URL that is bound had a picture that can be lost.
        if await (self._renditions.survives if bound else self._renditions.has)(content_key):
            return "stored"
        if await self._bindings.filtered(content_key):
            return "blocked"
        return "generating" if await self._under_way_elsewhere(content_key) else "absent"


# For looks at what is stored: nothing is awaited.
_LOOKING = Asker(until=0.0, client=Client(None), making=False)
