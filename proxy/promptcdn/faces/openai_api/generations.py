"""The routes that make pictures: from a prompt, and from a picture that is stored here."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import cachetools
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from promptcdn.cdn import Cdn
from promptcdn.faces import requests, responses
from promptcdn.faces.openai_api import access, answers, bodies, errors, translation
from promptcdn.faces.openai_api.answers import Picture, Pictures
from promptcdn.faces.openai_api.draws import Draw, Draws, Names
from promptcdn.faces.openai_api.translation import Members, Wanted
from promptcdn.problems import Problem
from promptcdn.readers import audience, response_headers
from promptcdn.readers.answers import Answer, Asker
from promptcdn.readers.clients import Client
from promptcdn.url.request import Asked, Request
from promptcdn.url.resolving import departures
from promptcdn.url.seeds import SEED_MAX
from promptcdn.wiring import Service


@dataclass(frozen=True)
class Timings:
    """How requests are timed, in seconds.

    body      the whole body of a request has to arrive within this time
    pictures  a request waits so long for its pictures. Its clients wait for ten minutes, and a new try finds what was
              made meanwhile
    failure   a request that failed and may have been charged is answered the same for so long: not all clients know
              `x-should-retry`, and try again within seconds
    """

    body: float = 30.0
    pictures: float = 120.0
    failure: float = 60.0


TIMINGS = Timings()

# Which pictures of a pool are drawn first: each request is shown another one until all are made. No new ones are made
# where the operator closed that.
_NEW_FIRST = ("absent", "generating", "stored", "blocked", "removed")
_FAILURES_MOST = 10_000
_STORED_FIRST = ("stored", "generating", "absent", "blocked", "removed")


class Generations:
    """The two routes, and what they remember."""

    def __init__(self, draws: Draws, timings: Timings = TIMINGS, chance: random.Random | None = None) -> None:
        self._draws = draws
        self._timings = timings
        self._chance = chance or random.SystemRandom()
        self._failures: cachetools.TTLCache[str, Problem] = cachetools.TTLCache(_FAILURES_MOST, timings.failure)

    async def generate(self, http: HttpRequest) -> Response:
        """Pictures of a prompt."""
        members = await bodies.members(http, self._timings.body)
        return await self._answered(http, members, translation.wanted)

    async def edit(self, http: HttpRequest) -> Response:
        """Pictures that start from one that is stored here."""
        members = await bodies.members(http, self._timings.body)
        return await self._answered(http, members, lambda form: translation.wanted(translation.edited(form)))

    async def _answered(self, http: HttpRequest, members: Members, read: Callable[[Members], Wanted]) -> Response:
        client, service = access.require_key(http), requests.service_of(http)
        wanted = read(members)
        wanted = replace(wanted, request=await _with_model(service, wanted.request))
        own = http.headers
        names = Names.of(str(client), members, own.get("idempotency-key"), own.get("x-stainless-retry-count"))
        made = await self._made_once(http, wanted, names, client)
        responses.note_made(http, made[0].rendition.content_key)
        now, notes = int(service.clock.utc().timestamp()), _notes(service.cdn, wanted, made[0])
        return _response(answers.pictures(wanted, made, notes, now, http.app.state.public_url))

    async def _made_once(self, http: HttpRequest, wanted: Wanted, names: Names, client: Client) -> list[Picture]:
        """The pictures. Raises `Problem`; that of an equal request before, where the same again may cost again."""
        if (failure := self._failures.get(names.name)) is not None:
            raise failure.again()
        service, request = requests.service_of(http), wanted.request
        asker = Asker(until=service.clock.monotonic() + self._timings.pictures, client=client)
        draw = await self._draw(service, wanted, names)
        try:
            async with _watched(http, draw.reopen):
                return await self._made(service, [request.view(seed) for seed in draw.seeds], asker)
        except Problem as problem:
            draw.reopen()
            if errors.may_cost_again(problem):
                self._failures[names.name] = problem
            raise

    async def _draw(self, service: Service, wanted: Wanted, names: Names) -> Draw:
        """The seeds of the pictures: in a row, or drawn where the request has none."""
        if wanted.request.asked.seed is None:
            return await self._draws.of(names, partial(self._drawn, service, wanted))
        first = service.cdn.first(wanted.request).drawn
        assert first is not None, "every period has its number"
        return Draw(tuple((first + more) % (SEED_MAX + 1) for more in range(wanted.count)))

    async def _drawn(self, service: Service, wanted: Wanted) -> tuple[int, ...]:
        """Seeds of the request's pool, by the states of their pictures, and else by chance."""
        order = _STORED_FIRST if service.settings.misses == "closed" else _NEW_FIRST
        pool = service.cdn.pool(wanted.request, least=wanted.count)
        found: dict[str, list[int]] = {state: [] for state in order}
        for view in self._chance.sample(pool, len(pool)):
            assert view.drawn is not None, "a view has a seed"
            found[(await service.cdn.look(view)).state].append(view.drawn)
            if len(found[order[0]]) == wanted.count:
                break
        return tuple(seed for state in order for seed in found[state])[: wanted.count]

    async def _made(self, service: Service, views: Sequence[Request], asker: Asker) -> list[Picture]:
        """All pictures, made at the same time. Raises a `Problem` once all have ended: what was made is stored, and the
        same request finds it. Of several problems it is one after which the same again may cost again, if any is."""
        patience = audience.wait_for_stored(self._timings.pictures)
        tasks = (service.detached.run(_picture(service.cdn, view, asker), patience, asker.client) for view in views)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [each for each in ended if isinstance(each, BaseException)]
        if failures:
            raise errors.worst(failures)
        return [each for each in ended if isinstance(each, Picture)]


def _response(answer: Pictures) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in answer.pieces():
            yield piece
            await asyncio.sleep(0)  # others have their turn

    headers = response_headers.document_headers(length=answer.length)
    return StreamingResponse(pieces(), headers=headers, media_type="application/json")


@contextlib.asynccontextmanager
async def _watched(http: HttpRequest, on_leaving: Callable[[], None]) -> AsyncIterator[None]:
    """Calls `on_leaving` if the client leaves within the block, whose body was read before."""

    async def watch() -> None:
        while (await http.receive())["type"] != "http.disconnect":
            pass
        on_leaving()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()


async def _picture(cdn: Cdn, view: Request, asker: Asker) -> Picture:
    reply = await cdn.answer(view, asker)
    assert isinstance(reply, Answer), "nobody has it yet, and it may be made"
    return Picture(view, (await cdn.look(view)).resolved, reply.rendition)


def _notes(cdn: Cdn, wanted: Wanted, picture: Picture) -> Iterator[str]:
    """Sentences about what the picture is not drawn by. The size has a sentence of its own."""
    asked = picture.request.asked
    return cdn.notes(asked if wanted.size == "auto" else _sizeless(asked), picture.resolved, stored=True)


async def _with_model(service: Service, request: Request) -> Request:
    """The request with a model that is offered, or that an earlier picture of it was made by. Raises `Problem` (404).

    One of OpenAI's own is taken for the default.
    """
    name, defaults = request.asked.engine, service.settings.defaults
    if name is None or defaults.find(name) is not None:
        return request
    look = await service.cdn.look(service.cdn.first(request))
    if not departures(replace(_sizeless(request.asked), steps=None, cfg_scale=None), look.resolved):
        return request
    if not translation.is_openais(name):
        raise translation.no_such_model(name, defaults.names)
    return replace(request, asked=replace(request.asked, engine=None))


def _sizeless(asked: Asked) -> Asked:
    return replace(asked, width=None, height=None)
