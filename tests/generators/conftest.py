"""One event loop for all tests of generators."""

from collections.abc import AsyncIterator

import pytest


@pytest.fixture(scope="package", autouse=True)
async def _one_loop(anyio_backend: str) -> AsyncIterator[None]:
    """Keeps the loop open from the first asynchronous test to the last.

    gRPC has one queue of events for the whole process. With a loop for each test, an event of a call that a test gave
    up comes when that test's loop is closed, and breaks the test that runs then.
    """
    del anyio_backend
    yield  # noqa: PT022 - the runner of an asynchronous generator stays until the fixture ends
