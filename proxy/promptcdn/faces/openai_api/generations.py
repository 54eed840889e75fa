"""The routes that make pictures: from a prompt, and from a picture that is stored here."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from promptcdn.cdn import Cdn
from promptcdn.faces import requests, responses
from promptcdn.faces.openai_api import access, answers, bodies, translation
from promptcdn.faces.openai_api.answers import Picture
from promptcdn.faces.openai_api.draws import Draws, Names
from promptcdn.faces.openai_api.translation import Members, Wanted
from promptcdn.readers import audience, response_headers
from promptcdn.readers.answers import Answer, Asker
from promptcdn.readers.clients import Client
from promptcdn.url.request import Request
from promptcdn.url.resolving import departures
from promptcdn.url.seeds import SEED_MAX
from promptcdn.wiring import Service


@dataclass(frozen=True)
class Timings:
    """How many seconds a request waits for its pictures. Its clients wait for ten minutes, and a new try finds what was
    made meanwhile."""

    pictures: float = 120.0


TIMINGS = Timings()

_CHANCE = random.SystemRandom()
# Which pictures of a pool are drawn first: each request is shown another one until all are made. No new ones are made
# where the operator closed that.
_NEW_FIRST = ("absent", "generating", "stored", "blocked", "removed")
_STORED_FIRST = ("stored", "generating", "absent", "blocked", "removed")


async def generate(http: HttpRequest) -> Response:
    """Pictures of a prompt."""
    return await _answered(http, await bodies.members(http), edits=False)


async def edit(http: HttpRequest) -> Response:
    """Pictures that start from one that is stored here."""
    return await _answered(http, await bodies.members(http), edits=True)


async def _answered(http: HttpRequest, members: Members, *, edits: bool) -> Response:
    client, service = access.require_key(http), requests.service_of(http)
    wanted = translation.wanted(translation.edited(members) if edits else members)
    asker = Asker(until=service.clock.monotonic() + TIMINGS.pictures, client=client)
    wanted = replace(wanted, request=await _with_model(service, wanted.request))
    views = await _views(http, wanted, client, members)
    made = await _made(service, views, asker)
    asked = replace(made[0].asked, width=None, height=None) if wanted.size != "auto" else made[0].request.asked
    notes = service.cdn.notes(asked, made[0].resolved, stored=True)
    created = int(service.clock.utc().timestamp())
    responses.note_made(http, made[0].rendition.content_key)
    document = answers.pictures(wanted, made, notes, created, http.app.state.public_url)
    return JSONResponse(document, headers=response_headers.document_headers())


async def _with_model(service: Service, request: Request) -> Request:
    """The request with a model that is offered, or that an earlier picture of it was made by. Raises `Problem` (404).

    One of OpenAI's own is taken for the default.
    """
    name, defaults = request.asked.engine, service.settings.defaults
    if name is None or defaults.find(name) is not None:
        return request
    look = await service.cdn.look(service.cdn.first(request))
    if not departures(replace(request.asked, width=None, height=None, steps=None, cfg_scale=None), look.resolved):
        return request
    if not translation.is_openais(name):
        raise translation.no_such_model(name, defaults.names)
    return replace(request, asked=replace(request.asked, engine=None))


async def _views(http: HttpRequest, wanted: Wanted, client: Client, members: Members) -> list[Request]:
    """The seeded requests of the pictures: seeds in a row, or drawn where the request has none."""
    cdn, request = requests.service_of(http).cdn, wanted.request
    if request.asked.seed is not None:
        first = cdn.first(request).drawn
        assert first is not None, "every word and period has its number"
        return [request.view((first + more) % (SEED_MAX + 1)) for more in range(wanted.count)]
    draws: Draws = http.app.state.draws
    own = http.headers
    names = Names.of(str(client), members, own.get("idempotency-key"), own.get("x-stainless-retry-count"))
    seeds = await draws.before(names)
    if seeds is None:
        closed = requests.service_of(http).settings.misses == "closed"
        seeds = await draws.keep(names, await _drawn(cdn, wanted, _STORED_FIRST if closed else _NEW_FIRST))
    return [request.view(seed) for seed in seeds]


async def _drawn(cdn: Cdn, wanted: Wanted, order: Sequence[str]) -> tuple[int, ...]:
    """Seeds of the request's pool, by the states of their pictures in that order, and else by chance."""
    pool = cdn.pool(wanted.request, least=wanted.count)
    found: dict[str, list[int]] = {state: [] for state in order}
    for view in _CHANCE.sample(pool, len(pool)):
        seed = view.drawn
        assert seed is not None, "a view has a seed"
        found[(await cdn.look(view)).state].append(seed)
        if len(found[order[0]]) == wanted.count:
            break
    return tuple(seed for state in order for seed in found[state])[: wanted.count]


async def _made(service: Service, views: Sequence[Request], asker: Asker) -> list[Picture]:
    """All pictures, made at the same time. Raises the first `Problem` once all have ended: what was made is stored, and
    the same request finds it."""
    patience = audience.wait_for_stored(TIMINGS.pictures)
    tasks = [service.detached.run(_picture(service.cdn, view, asker), patience, asker.client) for view in views]
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    return [each for each in ended if isinstance(each, Picture)]


async def _picture(cdn: Cdn, view: Request, asker: Asker) -> Picture:
    reply = await cdn.answer(view, asker)
    assert isinstance(reply, Answer), "nobody has it yet, and it may be made"
    return Picture(view, (await cdn.look(view)).resolved, reply.rendition)
