"""`/mcp`: the tools over HTTP, called by a client of the official library and by hand."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from promptcdn.faces.mcp.over_http import BODY_MAX
from tests.faces.mcp.test_stdio import SMALL, called, refused
from tests.support.service import Promptcdn
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio

SECRET = "canary-of-a-client-0123"  # noqa: S105
KEYS = {"PROMPTCDN_API_KEYS": f"writer:{SECRET}"}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@asynccontextmanager
async def assistant(service: Promptcdn, secret: str = "") -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{service.url}/mcp", http_client=http)) as client,
    ):
        yield client


async def test_every_tool_can_be_called(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, **SMALL) as service:
        async with assistant(service) as client:
            assert len((await client.list_tools()).tools) == 4
            url = (await called(client, "picture_url", prompt="a cat", seed=7))["url"]
            assert (await called(client, "look_up", url=url))["state"] == "absent"
            made = await called(client, "make_picture", url=url)
            pinned = await called(client, "pin_markdown", text=f"![x]({service.url}/?prompt=a+dog)")
            cut = await called(client, "pin_markdown", text=f"![x]({service.url}/?prompt=a dog)")

        assert service.get(made["permalink"].removeprefix(service.url)).status_code == 200
        assert pinned["text"].startswith(f"![x]({service.url}/?prompt=a+dog&seed=")
        assert (cut["text"], cut["pinned"]) == (f"![x]({service.url}/?prompt=a dog)", [])
        assert cut["left_out"] == [
            "1:6: a blank ends the URL here, and what follows is not part of it; write + or %20 for each blank"
        ]
        assert len(upstream.ledger.calls()) == 1


async def test_an_api_key_makes_what_readers_may_not(tmp_path: Path, upstream: Upstream) -> None:
    settings = {**SMALL, **KEYS, "STABILITY_HOST": upstream.url}
    settings |= {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": "k1:canary-0123456789"}
    with Promptcdn(tmp_path / "service", **settings) as service:
        async with assistant(service) as client:
            assert "signed" in await refused(client, "make_picture", url="/?prompt=a+cat&seed=7")
        async with assistant(service, SECRET) as client:
            assert (await called(client, "make_picture", url="/?prompt=a+cat&seed=7"))["credits"] > 0


async def test_the_rate_is_that_of_the_key(tmp_path: Path, upstream: Upstream) -> None:
    settings = {**SMALL, **KEYS, "STABILITY_HOST": upstream.url, "PROMPTCDN_CLIENT_RATE": "1/hour"}
    with Promptcdn(tmp_path / "service", **settings) as service:
        async with assistant(service, SECRET) as client:
            await called(client, "make_picture", url="/?prompt=a+cat&seed=7")
            assert "1 new pictures" in await refused(client, "make_picture", url="/?prompt=a+cat&seed=8")
        assert service.get("/?prompt=a+cat&seed=9").status_code == 200


async def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    with Promptcdn(tmp_path / "service", **KEYS) as service:
        answer = service.client.post("/mcp", json=LIST, headers={"authorization": "Bearer wrong"})

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_bad_messages_are_answered_and_cost_little(tmp_path: Path) -> None:
    with Promptcdn(tmp_path / "service") as service:
        kind = {"content-type": "application/json"}
        for content in (b"{", b"[]", b'"\xff"', b"[" * 100_000, json.dumps({**LIST, "method": "x" * 9999}).encode()):
            answer = service.client.post("/mcp", content=content, headers=kind)
            assert 400 <= answer.status_code < 500 or "error" in answer.json()
        too_much = service.client.post(
            "/mcp", content=b" " * (BODY_MAX + 1), headers={"content-type": "application/json"}
        )
        assert too_much.status_code == 413
        assert service.client.post("/mcp", content=b"{}").status_code == 400
        assert service.client.get("/mcp").status_code == 405
        good = service.client.post("/mcp", json=LIST)
        assert (good.status_code, good.headers["cache-control"]) == (200, "no-store")


async def test_no_prompt_and_no_key_is_in_the_log(tmp_path: Path) -> None:
    with Promptcdn(tmp_path / "service", **KEYS, PROMPTCDN_LOG="json") as service:
        async with assistant(service, SECRET) as client:
            await called(client, "make_picture", url="/?prompt=canary+lighthouse&seed=7&width=256&height=256")
            await refused(client, "picture_url", prompt="canary", parameters={"canary": "canary"})
            await client.call_tool("picture_url", {"canary": "canary"})
        service.client.post("/mcp", content=b'{"jsonrpc": "2.0", "canary"')
    log = (tmp_path / "service" / "log").read_text()

    assert "/mcp" in log
    assert "canary" not in log


async def test_the_service_ends_with_calls_behind_it(tmp_path: Path) -> None:
    with Promptcdn(tmp_path / "service") as service:
        async with assistant(service) as client:
            await client.list_tools()
        service.client.close()
        assert service.stop() in (0, -15)
