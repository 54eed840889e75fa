"""Makes pictures with the settings and the store of this machine: neither signatures nor client rates apply."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from promptcdn.cli.documents.paying import Price
from promptcdn.cli.documents.warming import Look, Looked, Make, Permalink, Refused, Wanted

if TYPE_CHECKING:
    from promptcdn.readers.answers import Look as Seen
    from promptcdn.settings import Settings
    from promptcdn.url.request import Delivery, Request, Resolved
    from promptcdn.wiring import Service

_PATIENCE = 3600.0


class Here:
    """The service of these settings, opened for this command. `dry_run`: not a folder is made."""

    def __init__(self, chosen: "Settings", *, dry_run: bool = False) -> None:
        self._chosen = chosen.model_copy(update={"misses": "open", "client_rate": "unlimited"})
        self._dry_run = dry_run

    @property
    def name(self) -> str:
        """The generators and the store, which an operator would miss in a wrong folder."""
        generators = ", ".join(each.name for each in self._chosen.generators)
        return f"with the settings of this machine: {generators}, store {self._chosen.store_url}"

    @property
    def at_once(self) -> int:
        """As many as are made, and no more than one generator would queue."""
        each = [self._chosen.at_once(generator) for generator in self._chosen.generators]
        return min(sum(each), min(each) + self._chosen.queue)

    def stop(self) -> None:
        """Nothing is waited for but what is being made."""

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[Look]:
        """Looks into the store. Raises `BadSettings`."""
        from promptcdn.cli.operators.reading import reading

        if not self._dry_run:
            async with self._opened() as service:
                yield _Looks(service).look
            return
        async with reading(self._chosen) as service:
            await service.verified.see()
            await service.removals.start()
            yield _Looks(service).look

    @asynccontextmanager
    async def making(self) -> AsyncIterator[Make]:
        """Makes what is not stored. Raises `BadSettings`."""
        async with self._opened() as service:
            yield _Makes(service).make

    @asynccontextmanager
    async def _opened(self) -> "AsyncIterator[Service]":
        from promptcdn.wiring import opened

        service = opened(self._chosen)
        try:
            await service.start()
            # What a run that was killed had paid for would be counted as refused by the store until then.
            await service.reconciler.first_round()
            yield service
        finally:
            await service.close()


class _Looks:
    def __init__(self, service: "Service") -> None:
        self._service = service

    async def look(self, wanted: Wanted) -> Looked:
        """What the store has of a picture. Raises `Refused`."""
        from promptcdn.problems import Problem, SourceMissing

        asks = wanted.asks
        try:
            if isinstance(asks, Permalink):
                return await self._permalink(asks)
            seen = await self._seen(asks)
        except SourceMissing:
            assert not isinstance(asks, Permalink)
            return Looked("absent", self._unseen(asks))
        except Problem as problem:
            raise Refused(problem.kind.code, problem.detail) from None
        return Looked(seen.state, self._price(seen.resolved, seen.content_key), seen.seed)

    async def _permalink(self, asks: Permalink) -> Looked:
        from promptcdn import problems

        state = await self._service.cdn.state(asks.content_key)
        if state == "removed":
            raise Refused(problems.REMOVED.code, "this picture was taken down")
        return Looked("stored" if state == "stored" else "missing", Price(asks.content_key, "", 0))

    async def _seen(self, asks: "Request") -> "Seen":
        """The request itself; without a seed, the first of its pool that may be shown."""
        cdn = self._service.cdn
        if asks.asked.seed is not None:
            return await cdn.look(asks)
        seen: list[Seen] = []
        for view in cdn.pool(asks):
            seen.append(await cdn.look(view))
            if seen[-1].state not in ("blocked", "removed"):
                return seen[-1]
        return seen[0]

    def _unseen(self, asks: "Request") -> Price:
        """The price where the pictures that it is made from are not there yet: for the size that most have."""
        from promptcdn.url.resolving import resolve

        seeded = self._service.cdn.first(asks)
        resolved = resolve(seeded.asked, self._service.settings.defaults, nearest=asks.nearest)
        return self._price(resolved, None)

    def _price(self, resolved: "Resolved", content_key: str | None) -> Price:
        cost = self._service.prices.cost(resolved)
        return Price(content_key, cost.engine, cost.millicredits)


class _Makes:
    def __init__(self, service: "Service") -> None:
        self._service = service

    async def make(self, wanted: Wanted, looked: Looked) -> str:
        """A view of a pool would begin the next picture of it each time it is warmed, and at the change of a period a
        calendar URL may show the last one's picture: so the seeded request is made that was looked at."""
        from promptcdn.problems import Problem
        from promptcdn.readers import negotiation

        outcome = "there"
        try:
            for delivery in negotiation.possible(wanted.asks.delivery):
                said = await self._one(wanted.asks, delivery, looked)
                if said == "unstored":
                    return said
                outcome = "made" if said == "made" else outcome
        except Problem as problem:
            raise Refused(problem.kind.code, problem.detail) from None
        return outcome

    async def _one(self, asks: "Request | Permalink", delivery: "Delivery", looked: Looked) -> str:
        from promptcdn.readers.answers import Answer, Asker
        from promptcdn.readers.clients import Client

        service = self._service
        if isinstance(asks, Permalink):
            answer = await service.cdn.permalink(asks.content_key, delivery)
        else:
            seeded = asks if isinstance(asks.asked.seed, int) else self._view(asks, looked)
            asker = Asker(until=service.clock.monotonic() + _PATIENCE, client=Client(None))
            answer = await service.cdn.answer(replace(seeded, delivery=delivery), asker)
        assert isinstance(answer, Answer), "without a condition, and where pictures are made, there is a picture"
        if not answer.status.stored:
            return "unstored"
        return "made" if answer.status.hit is None else "there"

    def _view(self, asks: "Request", looked: Looked) -> "Request":
        return self._service.cdn.first(asks) if looked.seed is None else asks.view(looked.seed)
