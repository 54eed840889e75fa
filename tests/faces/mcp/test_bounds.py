"""What calls of strangers may cost the service: time, memory, connections."""

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message

from promptcdn.faces.mcp import tools
from promptcdn.faces.mcp.over_http import Calls, Timings
from promptcdn.faces.mcp.tools import PARAMETERS_MAX, PINNED_MAX, WAITING_MAX
from promptcdn.problems import Problem
from promptcdn.readers.clients import TrustedProxies
from promptcdn.settings import Settings
from promptcdn.wiring import opened
from tests.support.service import Promptcdn

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("mcp")) as running:
        yield running


def message(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def said(service: Promptcdn, tool: str, **arguments: Any) -> str:
    """What a call that is refused is told."""
    answer = service.client.post("/mcp", json=message(tool, **arguments))
    result = answer.json()["result"]
    assert result["isError"]
    return str(result["content"][0]["text"])


@pytest.mark.parametrize("names", [[f"a{n}" for n in range(PARAMETERS_MAX + 1)], ["a" * 500_000]])
def test_wrong_parameters_have_a_short_answer(service: Promptcdn, names: list[str]) -> None:
    """Of tens of thousands the library writes tens of megabytes, and nobody else is served meanwhile."""
    assert len(said(service, "picture_url", prompt="a", parameters={name: [] for name in names})) < 1000


@pytest.mark.parametrize("name", ["prompt", "seed"])
def test_an_argument_is_no_parameter_too(service: Promptcdn, name: str) -> None:
    """Or the Markdown describes another picture than it shows."""
    assert f"{name} is an argument" in said(service, "picture_url", prompt="a", parameters={name: "7"})


def test_a_document_with_too_many_urls_is_refused(service: Promptcdn) -> None:
    line = f"![a]({service.url}/?prompt=a)\n"

    assert "promptcdn pin" in said(service, "pin_markdown", text=line * (PINNED_MAX + 1))
    many = service.client.post("/mcp", json=message("pin_markdown", text=line * PINNED_MAX)).json()["result"]
    assert len(many["structuredContent"]["pinned"]) == 1
    assert len(set(re.findall(r"&seed=\d+\)", many["structuredContent"]["text"]))) == 1


async def test_few_documents_wait_for_one_another() -> None:
    """Each is kept in memory meanwhile."""
    pictures: Any = SimpleNamespace(public_url="http://h")
    held, texts = tools.server(pictures), [f"![a](http://h/?prompt=a&seed=1) {'*a_ ' * 5000}"] * (WAITING_MAX + 4)

    results = await asyncio.gather(
        *(held.call_tool("pin_markdown", {"text": text}) for text in texts), return_exceptions=True
    )
    told = [str(each) for each in results if isinstance(each, Exception)]

    assert len(told) == 3
    assert all("too many documents" in each for each in told)


def test_a_signed_url_without_a_seed_is_told_why_not(service: Promptcdn) -> None:
    assert "signed" in said(service, "make_picture", url=f"/?prompt=a&kid=k1&sig={'A' * 43}")


def test_no_stream_is_left_open(service: Promptcdn) -> None:
    """Whoever likes would have a connection for ever, with nothing on it."""
    version, method = "2026-07-28", "subscriptions/listen"
    of_mcp = "io.modelcontextprotocol/"
    meta = {f"{of_mcp}protocolVersion": version, f"{of_mcp}clientCapabilities": {}}
    params = {"notifications": {"toolsListChanged": True}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {"mcp-protocol-version": version, "mcp-method": method, "accept": "text/event-stream, application/json"}
    with service.client.stream("POST", "/mcp", json=body, headers=headers) as answer:
        assert answer.status_code == 406


async def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    service = SimpleNamespace(trusted=TrustedProxies())
    app = SimpleNamespace(state=SimpleNamespace(service=service))
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "headers": headers, "client": ("192.0.2.1", 1), "app": app}

    async def never() -> Message:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(_message: Message) -> None:
        raise AssertionError("nothing is answered here")

    with pytest.raises(Problem) as refused:
        await Calls(service, "http://h", Timings(body=0.01))(scope, never, send)  # type: ignore[arg-type]
    assert refused.value.kind.status == 408


@pytest.mark.parametrize("path", ["/mcp", "/v1/images/generations"])
def test_a_client_that_leaves_while_it_sends_is_no_error(tmp_path: Path, path: str) -> None:
    secret = "a-secret-of-a-client-0"  # noqa: S105
    with Promptcdn(tmp_path / "service", PROMPTCDN_API_KEYS=f"team:{secret}") as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {secret}\r\n"
            connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        service.client.close()
        service.stop()  # waits for the request

    log = (tmp_path / "service" / "log").read_text()
    assert path in log
    assert "exception" not in log


async def test_a_tool_that_breaks_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("canary")

    given: dict[str, Any] = {"data_dir": tmp_path}
    service = opened(Settings(**given))
    monkeypatch.setattr(service.cdn, "looks", broken)
    calls = Calls(service, "http://h")
    app = Starlette(routes=[Route("/mcp", calls, methods=["POST"])])
    app.state.service = service
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://h") as client:
        answer = await client.post("/mcp", json=message("look_up", url="/?prompt=a"))
    await calls.close()
    await service.close()

    assert answer.json()["result"]["isError"]
    assert "canary" not in answer.text
    assert [record.getMessage() for record in caplog.records] == ["Tool 'look_up' raised an unexpected exception"]
