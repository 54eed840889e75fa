"""What a URL is for: the order that it is bound to, else what it means by today's defaults."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cachetools

from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.sources import SourcePictures
from promptcdn.generators.registry import apart
from promptcdn.making import Making
from promptcdn.problems import Problem
from promptcdn.url import keys
from promptcdn.url.order import Order
from promptcdn.url.parse import canonical_url
from promptcdn.url.request import Asked, Request, Resolved
from promptcdn.url.resolving import Defaults, as_drawn, chosen_engine, departures, resolve

_URLS_CACHED = 100_000
# So many wrong guesses more than right ones end the guessing.
_GUESSES_TOLERATED = 8


@dataclass(frozen=True)
class Target:
    """What a URL is for. `bound` says that a binding has the order, so that the URL had a picture before.

    `asked` is the request in words that every face understands.
    """

    order: Order
    asked: Asked
    bound: bool

    @property
    def content_key(self) -> str:
        return self.order.content_key


class Guesses:
    """Whether URLs that are bound were bound by today's defaults, as a rule: then the defaults tell a URL's picture
    before its binding is read. Where the operator changed the defaults, most older URLs show another picture."""

    def __init__(self) -> None:
        self._score = 2 * _GUESSES_TOLERATED

    @property
    def hold(self) -> bool:
        """Whether the next guess will be right, most likely."""
        return self._score > _GUESSES_TOLERATED

    def seen(self, *, right: bool) -> None:
        """A binding was read, and the guess was right or wrong."""
        self._score = min(2 * _GUESSES_TOLERATED, self._score + 1) if right else max(0, self._score - 1)


class Targets:
    """Finds out what URLs are for. Nothing is written."""

    def __init__(self, bindings: Bindings, making: Making, defaults: Defaults, sources: SourcePictures) -> None:
        self._bindings = bindings
        self._making = making
        self._defaults = defaults
        self._sources = sources
        self._guesses = Guesses()
        # The keys of URLs that a face which draws the nearest need not look for a binding of their own.
        self._plain: cachetools.LRUCache[str, None] = cachetools.LRUCache(_URLS_CACHED)

    async def of(self, request: Request, likely: Callable[[Order], None] | None = None) -> Target:
        """What the request is for. Raises `Problem` where it cannot be made, or that is not known; `SourceMissing`
        where a picture that it is made from is not stored.

        `likely` is called with what the request is for most likely, before the store is asked what it is bound to.
        """
        if request.nearest:
            return await self._of_the_nearest(request.asked)
        asked, key = request.asked, keys.as_asked_key(request.asked)
        guess = None if likely is None or self._bindings.known(key) else self._by_defaults(key, asked)
        if likely is not None and guess is not None and self._guesses.hold:
            likely(guess)
        bound = await self._bindings.of(key, self._drawer(asked))
        if bound is None:
            return Target(guess or Order.of(key, await self._resolved(asked)), asked, bound=False)
        if guess is not None:
            self._guesses.seen(right=bound.content_key == guess.content_key)
        return Target(bound, asked, bound=True)

    async def bound_by_now(self, target: Target, request: Request) -> Target | None:
        """What another process has bound a URL to since its binding was cached as absent here.

        Only for a face that draws the nearest: what a process draws that offers less is bound to another key than
        what is about to be made here, and would not be found by `Making`.
        """
        if target.bound or not request.nearest:
            return None
        order = await self._making.bound_by_now(keys.nearest_key(request.asked), target.order.resolved.generator)
        return None if order is None else _drawn(request.asked, order)

    async def location(self, view: Request) -> str:
        """The seeded URL of a view, in words that every face understands."""
        asked = (await self.of(view)).asked if view.nearest else view.asked
        return canonical_url(asked, view.delivery)

    async def _of_the_nearest(self, asked: Asked) -> Target:
        """The target of a face that draws the nearest of what is offered.

        Where that is not as asked the URL has a binding of its own, and is the request as drawn.
        """
        plain, key = keys.as_asked_key(asked), keys.nearest_key(asked)
        drawn_before = None if plain in self._plain else await self._bindings.of(key, self._drawer(asked))
        if drawn_before is not None:
            return _drawn(asked, drawn_before)
        # Older versions bound such a URL as it was asked.
        if (bound := await self._bound(asked)) is not None:
            # It gets no binding of its own any more: from now on memory alone can tell.
            self._plain[plain] = None
            return bound
        resolved = await self._resolved(asked, nearest=True)
        if not departures(asked, resolved):
            return await self._new(asked)
        drawn = as_drawn(asked, resolved)
        target = await self._bound(drawn) or await self._new(drawn)
        return replace(target, order=replace(target.order, as_asked_key=key), bound=False)

    async def _bound(self, asked: Asked) -> Target | None:
        order = await self._bindings.of(keys.as_asked_key(asked), self._drawer(asked))
        return None if order is None else Target(order, asked, bound=True)

    def _by_defaults(self, key: str, asked: Asked) -> Order | None:
        """What the URL with that key means by today's defaults, where they alone tell."""
        if asked.sources:
            return None
        try:
            return Order.of(key, resolve(asked, self._defaults, init_size=None))
        except Problem:
            return None

    def _drawer(self, asked: Asked) -> str:
        """The generator in whose folder the request may be bound: the one that would draw it today, if only the nearest
        of what it asks for. A sketch that its URL asks for is shown also where no sketches are offered any more."""
        if asked.engine is not None and self._defaults.find(asked.engine) is None and (drew := apart(asked.engine)):
            return drew
        return chosen_engine(asked, self._defaults, nearest=True).generator

    async def _new(self, asked: Asked) -> Target:
        return Target(Order.of(keys.as_asked_key(asked), await self._resolved(asked)), asked, bound=False)

    async def _resolved(self, asked: Asked, *, nearest: bool = False) -> Resolved:
        """`asked` with every blank filled in. Pictures that it is made from are looked for once it is known to be right
        in itself: a URL that can never be made says so first."""
        resolved = resolve(asked, self._defaults, nearest=nearest, init_size=None)
        if not asked.sources:
            return resolved
        size = await self._sources.init_size(asked)
        return resolve(asked, self._defaults, nearest=nearest, init_size=size)


def _drawn(asked: Asked, order: Order) -> Target:
    """The target of a URL that was bound as it was drawn."""
    return Target(order, as_drawn(asked, order.resolved), bound=True)
