"""What all tests share."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The loop that the service runs on: tests marked `anyio` run on no other."""
    return "asyncio"
