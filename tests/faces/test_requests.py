"""Bodies of requests, one at a time and all together."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.types import Message

from promptcdn import problems
from promptcdn.faces import requests
from promptcdn.faces.requests import Arriving
from promptcdn.problems import Problem

pytestmark = pytest.mark.anyio


def request(pieces: AsyncIterator[bytes]) -> Request:
    """A request whose body comes in these pieces, and then no more."""

    async def receive() -> Message:
        return {"type": "http.request", "body": await anext(pieces), "more_body": True}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def test_bodies_that_arrive_at_once_share_a_bound() -> None:
    """Each of them is within its own, and thousands of clients may send one."""
    arriving, begun = Arriving(100), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(60)
        begun.set()
        await asyncio.Event().wait()

    async def quick() -> AsyncIterator[bytes]:
        yield bytes(60)
        await asyncio.Event().wait()

    first = asyncio.create_task(requests.body(request(slow()), 80, 30, arriving=arriving))
    await begun.wait()
    with pytest.raises(Problem) as refused:
        await requests.body(request(quick()), 80, 30, arriving=arriving)
    assert refused.value.kind is problems.OVERLOADED

    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    with pytest.raises(Problem) as late:
        await requests.body(request(quick()), 80, 0.01, arriving=arriving)
    assert late.value.kind is problems.REQUEST_TIMEOUT, "there is room again"
