"""The routes of workers."""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from promptcdn import problems
from promptcdn.faces import requests
from promptcdn.faces.work import bodies, orders
from promptcdn.generators.worker.jobs import PICTURE_MAX
from promptcdn.generators.worker.workers import Caller
from promptcdn.making.deliveries import Deliveries
from promptcdn.problems import Problem
from promptcdn.readers import response_headers

PREFIX = "/work/"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Timings:
    """How long the body of a worker's request may take to arrive, in seconds: a document, and a picture over a slow
    line, during which the worker says in other requests that it lives."""

    document: float = 10.0
    picture: float = 300.0


TIMINGS = Timings()


class Work:
    """The four routes."""

    def __init__(self, deliveries: Deliveries, timings: Timings = TIMINGS) -> None:
        self._deliveries = deliveries
        self._timings = timings

    async def next(self, http: HttpRequest) -> Response:
        """An order, as soon as there is one: 200 with it, or 204 after 25 s."""
        name = _worker(http)
        members = await bodies.members(http, self._timings.document)
        caller, can = Caller(name, orders.instance(members)), orders.can(members)
        asked = self._deliveries.next(caller, can, orders.wait(members))
        order = await _while_connected(http, asked)
        if order is None:
            return Response(status_code=204, headers=response_headers.document_headers())
        document = orders.document(order, self._deliveries.lease_seconds)
        return JSONResponse(document, headers=response_headers.document_headers())

    async def alive(self, http: HttpRequest) -> Response:
        """The worker draws on: 204, or the problem of an order that is not its any more."""
        caller = Caller(_worker(http))
        await self._deliveries.alive(_order(http), caller)
        return Response(status_code=204, headers=response_headers.document_headers())

    async def picture(self, http: HttpRequest) -> Response:
        """The picture of an order: 201 once it is safe. `late` says whether another worker has the order by now."""
        caller, order = Caller(_worker(http)), _order(http)
        late = await self._deliveries.expect(order, caller)
        picture = await bodies.read(http, PICTURE_MAX, self._timings.picture)
        await self._deliveries.deliver(order, caller, picture)
        return JSONResponse({"late": late}, 201, response_headers.document_headers())

    async def failed(self, http: HttpRequest) -> Response:
        """There is no picture: `given_back` untried, `filtered` by a filter of the worker, or for a `reason`."""
        caller, order = Caller(_worker(http)), _order(http)
        members = await bodies.members(http, self._timings.document)
        if orders.flag(members, "given_back"):
            await self._deliveries.give_back(order, caller)
        elif orders.flag(members, "filtered"):
            await self._deliveries.deliver(order, caller, b"", filtered=True)
        else:
            await self._deliveries.fail(order, caller, orders.text(members, "reason") or "the worker gave no reason")
        return Response(status_code=204, headers=response_headers.document_headers())


def routes(deliveries: Deliveries) -> list[Route]:
    """The routes of a service that has orders for workers."""
    work = Work(deliveries)
    return [
        Route(f"{PREFIX}next", work.next, methods=["POST"]),
        Route(f"{PREFIX}{{order}}", work.picture, methods=["PUT"]),
        Route(f"{PREFIX}{{order}}/alive", work.alive, methods=["POST"]),
        Route(f"{PREFIX}{{order}}/failed", work.failed, methods=["POST"]),
    ]


def _worker(http: HttpRequest) -> str:
    """The name of the token that the request has. Raises `Problem` (401)."""
    tokens = requests.service_of(http).settings.worker_tokens
    name = tokens.id_of(http.headers.get("authorization"))
    if name is None:
        detail = "there is no such token: send the secret of a worker's token in Authorization: Bearer SECRET"
        raise Problem(problems.INVALID_WORKER_TOKEN, detail)
    return name


def _order(http: HttpRequest) -> str:
    order: str = http.path_params["order"]
    return order[:200]


async def _while_connected(http: HttpRequest, work: Coroutine[Any, Any, _T]) -> _T | None:
    """What `work` gives; nothing, and `work` ends, where the client leaves meanwhile: an order that it was handed would
    wait for the end of its lease."""

    async def left() -> None:
        while (await http.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(left())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for task in (working, leaving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Problem):
                await task
