"""A miss in which one call to an upstream over HTTP fails: each in turn, where a picture takes several.

`miss` says what must hold. Other calls are `test_each_call`'s.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from tests.faults.miss import Failing, Misses
from tests.faults.stage import KINDS_SMALL
from tests.support.nth_call import Hanging, Instead, failing_methods

pytestmark = pytest.mark.parametrize("each", [kind for kind in KINDS_SMALL if kind != "grpc"], indirect=True)

Call = Callable[[], Awaitable[Any]]


async def no_connection(_real: Call) -> Any:
    raise httpx2.ConnectError("no route")


async def a_lost_answer(real: Call) -> Any:
    await (await real()).aclose()
    raise httpx2.ReadError("the connection broke")


async def a_page(real: Call) -> Any:
    await (await real()).aclose()
    return httpx2.Response(200, headers={"content-type": "text/html"}, stream=httpx2.ByteStream(b"<!doctype html>"))


async def nothing(real: Call) -> Any:
    await (await real()).aclose()
    return httpx2.Response(200, stream=httpx2.ByteStream(b""))


def failing(instead: Instead) -> Failing:
    """`instead` happens in place of the n-th call over HTTP."""
    return lambda failure, _: failing_methods(failure, {(httpx2.AsyncHTTPTransport, "handle_async_request"): instead})


@pytest.mark.parametrize("fault", [no_connection, a_lost_answer, a_page, nothing])
def test_a_miss_survives_a_fault_of_each_call_over_http(each: Misses, fault: Instead) -> None:
    each(failing(fault))


def test_a_miss_survives_a_hang_of_each_call_over_http(each: Misses) -> None:
    hanging: list[Hanging] = []

    def next_one() -> Hanging:
        hanging.append(Hanging())
        return hanging[-1]

    async def hang(real: Call) -> Any:
        return await hanging[-1](real)

    each(failing(hang), next_one)
