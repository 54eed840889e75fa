"""`promptcdn mcp`: the tools, called by a client of the official library over standard input and output."""

import base64
import io
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio

SMALL = {"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "any", "PROMPTCDN_BUDGET": "unlimited"}
KEYS = "k1:canary-0123456789"


@pytest.fixture
def service(tmp_path: Path, upstream: Upstream) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, **SMALL) as running:
        yield running


@asynccontextmanager
async def assistant(url: str, **settings: object) -> AsyncIterator[Client]:
    """A client of `promptcdn mcp` for the service at `url`."""
    variables = environment(PROMPTCDN_PUBLIC_URL=url, **settings)
    async with Client(stdio_client(StdioServerParameters(command=PROMPTCDN, args=["mcp"], env=variables))) as client:
        yield client


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool gives."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert not result.is_error, result.content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """What a tool says is wrong."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


async def test_every_tool_is_listed_with_what_it_is_for() -> None:
    async with assistant("https://pictures.example.org") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    assert sorted(tools) == ["look_up", "make_picture", "picture_url", "pin_markdown"]
    assert all(tool.description for tool in tools.values())
    read_only = {name for name, tool in tools.items() if tool.annotations and tool.annotations.read_only_hint}
    assert read_only == {"look_up", "picture_url", "pin_markdown"}


async def test_a_url_needs_no_network_and_has_a_seed() -> None:
    """So that the Markdown shows the same picture for ever, whoever wrote it."""
    async with assistant("https://pictures.example.org") as client:
        one, other = [await called(client, "picture_url", prompt="a lighthouse") for _ in range(2)]

    seeds = {re.search(r"&seed=(\d+)\)$", each["markdown"])[1] for each in (one, other)}  # type: ignore[index]
    assert len(seeds) == 2
    assert one["markdown"] == f"![a lighthouse]({one['url']})"


async def test_a_url_has_what_was_asked_for() -> None:
    async with assistant("https://pictures.example.org") as client:
        found = await called(
            client,
            "picture_url",
            prompt="a cat",
            seed=7,
            alt="our cat",
            dark_prompt="a cat at night",
            parameters={"width": 512, "height": 512, "w": 256},
        )

    url = "https://pictures.example.org/?prompt=a+cat&seed=7&width=512&height=512&w=256"
    assert (found["url"], found["markdown"]) == (url, f"![our cat]({url})")
    assert "prefers-color-scheme: dark" in found["picture"]
    assert "prompt=a+cat+at+night&amp;seed=7" in found["picture"]


async def test_a_wrong_parameter_is_named() -> None:
    async with assistant("https://pictures.example.org") as client:
        assert 'sede="3": unknown parameter (did you mean seed?)' in await refused(
            client, "picture_url", prompt="a cat", parameters={"sede": 3}
        )
        assert "no URL with a prompt" in await refused(
            client, "make_picture", url="https://elsewhere.example/?prompt=a"
        )


async def test_an_argument_that_a_tool_does_not_have_is_refused() -> None:
    """Dropping it would give another picture than was asked for."""
    async with assistant("https://pictures.example.org") as client:
        said = await refused(client, "picture_url", prompt="a cat", aspect_ratio="3:2")
        tools = (await client.list_tools()).tools

    assert "aspect_ratio\n  Extra inputs are not permitted" in said
    assert [tool.input_schema["additionalProperties"] for tool in tools] == [False] * 4


async def test_a_picture_is_shown_and_paid_for_once(service: Promptcdn, upstream: Upstream) -> None:
    async with assistant(service.url) as client:
        url = (await called(client, "picture_url", prompt="a cat", seed=7))["url"]
        assert (await called(client, "look_up", url=url))["state"] == "absent"
        results = [await client.call_tool("make_picture", {"url": url}) for _ in range(2)]
        assert (await called(client, "look_up", url=url))["state"] == "stored"

    assert len(upstream.ledger.calls()) == 1
    first, again = (result.structured_content for result in results if isinstance(result, CallToolResult))
    assert first
    assert again
    assert (first["credits"] > 0, again["credits"]) == (True, 0)
    assert service.get(first["permalink"].removeprefix(service.url)).status_code == 200
    image = next(each for each in results[0].content if isinstance(each, ImageContent))
    assert Image.open(io.BytesIO(base64.b64decode(image.data))).size == (512, 512)


async def test_what_the_service_refuses_is_said(tmp_path: Path, upstream: Upstream) -> None:
    settings = {**SMALL, "STABILITY_HOST": upstream.url, "PROMPTCDN_MISSES": "closed"}
    with Promptcdn(tmp_path / "service", **settings) as service:
        async with assistant(service.url) as client:
            said = await refused(client, "make_picture", url="/?prompt=a+cat&seed=7")

    assert "no new pictures" in said


async def test_urls_are_signed_where_a_key_is_at_hand(tmp_path: Path, upstream: Upstream) -> None:
    keys = {"PROMPTCDN_SIGNING_KEYS": KEYS}
    settings = {**SMALL, **keys, "STABILITY_HOST": upstream.url, "PROMPTCDN_MISSES": "signed"}
    with Promptcdn(tmp_path / "service", **settings) as service:
        async with assistant(service.url, **keys) as client:
            url = (await called(client, "picture_url", prompt="a cat"))["url"]
        assert service.get(url.removeprefix(service.url)).status_code == 200


async def test_a_signed_url_is_signed_anew_with_its_seed(tmp_path: Path, upstream: Upstream) -> None:
    keys = {"PROMPTCDN_SIGNING_KEYS": KEYS}
    settings = {**SMALL, **keys, "STABILITY_HOST": upstream.url, "PROMPTCDN_MISSES": "signed"}
    with Promptcdn(tmp_path / "service", **settings) as service:
        async with assistant(service.url, **keys) as client:
            url = (await called(client, "picture_url", prompt="a cat", seed="random"))["url"]
            pinned = (await called(client, "pin_markdown", text=f"![a cat]({url})"))["pinned"]
            assert (await called(client, "make_picture", url=url))["credits"] > 0
        async with assistant(service.url) as client:
            assert "PROMPTCDN_SIGNING_KEYS" in await refused(client, "make_picture", url=url)
        assert service.get(pinned[0].removeprefix(service.url)).status_code == 200


async def test_a_document_is_pinned_to_what_its_readers_see(service: Promptcdn) -> None:
    seen = service.get("/?prompt=a+cat").headers["content-location"]
    text = f"A line.\r\n![a cat]({service.url}/?prompt=a+cat)\r\n\r\n`{service.url}/?prompt=a+cat`"

    async with assistant(service.url) as client:
        found = await called(client, "pin_markdown", text=text)
        assert found["text"] == text.replace("(" + service.url + "/?prompt=a+cat)", f"({service.url}{seen})")
        assert (await called(client, "pin_markdown", text=found["text"]))["pinned"] == []
        assert "allowed: markdown" in await refused(client, "pin_markdown", text=text, syntax="word")
