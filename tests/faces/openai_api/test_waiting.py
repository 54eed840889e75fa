"""A request whose pictures take longer than it waits, and its next try."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from promptcdn.faces.app import on_problem
from promptcdn.faces.openai_api.draws import Draws
from promptcdn.faces.openai_api.generations import Generations, Timings
from promptcdn.problems import Problem
from promptcdn.settings import Settings
from promptcdn.wiring import opened
from tests.faces.openai_api.conftest import TEAM
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio


async def test_who_waits_too_long_tries_again_and_finds_it(tmp_path: Path) -> None:
    with Upstream() as upstream:
        chosen: dict[str, Any] = {"stability_host": upstream.url, "api_keys": f"team:{TEAM}"}
        service = opened(Settings(**chosen, data_dir=tmp_path / "data"))
        await service.start()
        routes = [
            Route(path, Generations(Draws(None), Timings(pictures=seconds)).generate, methods=["POST"])
            for path, seconds in (("/v1/hasty", 0.05), ("/v1/patient", 60))
        ]
        app = Starlette(routes=routes, exception_handlers={Problem: on_problem})
        app.state.service, app.state.public_url = service, ""
        headers, body = {"authorization": f"Bearer {TEAM}"}, {"prompt": "a", "seed": 7}
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://h", headers=headers) as client:
            upstream.hold()
            late = await client.post("/v1/hasty", json=body)
            upstream.release()
            found = await client.post("/v1/patient", json=body)
        await service.close()
        paid = len(upstream.ledger.calls())

    assert (late.status_code, late.json()["error"]["code"]) == (503, "too_slow")
    assert (late.headers["x-should-retry"], late.headers["retry-after"]) == ("true", "2")
    assert (found.status_code, paid) == (200, 1)
