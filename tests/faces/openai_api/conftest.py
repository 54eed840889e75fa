"""A service behind OpenAI's images API, its upstream with a ledger, and OpenAI's own client for Python."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.support.service import Promptcdn
from tests.upstream import Upstream

TEAM, OTHER = "canary-of-the-team-0", "canary-of-others-000"
KEYS = {"PROMPTCDN_API_KEYS": f"team:{TEAM},others:{OTHER}", "PROMPTCDN_BUDGET": "unlimited"}


@dataclass(frozen=True)
class Api:
    """A running service, what it calls, and a client that tries nothing again unless a test says so."""

    service: Promptcdn
    upstream: Upstream
    client: OpenAI

    @property
    def paid(self) -> int:
        """How many pictures were paid for."""
        return len(self.upstream.ledger.calls())

    def post(self, path: str = "/v1/images/generations", key: str = TEAM, **body: Any) -> Any:
        """The answer to a body, with nothing of a client around it."""
        headers = {"authorization": f"Bearer {key}"}
        return self.service.client.post(path, json=body, headers=headers)


@contextlib.contextmanager
def running(folder: Path, **settings: object) -> Iterator[Api]:
    """An `Api` with these settings."""
    with (
        Upstream() as upstream,
        Promptcdn(folder, STABILITY_HOST=upstream.url, **{**KEYS, **settings}) as service,
        OpenAI(api_key=TEAM, base_url=f"{service.url}/v1", max_retries=0) as client,
    ):
        yield Api(service, upstream, client)


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running(tmp_path_factory.mktemp("openai")) as api:
        yield api


@pytest.fixture
def api(shared: Api) -> Api:
    """The service of all tests; each has prompts of its own."""
    shared.upstream.clear()
    return shared
