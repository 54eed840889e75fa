"""What people ask for is in no line of the log, no span and no metric: not either where they mistype the path to it."""

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx2
import pytest

from promptcdn.faces.app import create_app
from promptcdn.faces.middleware import shown_path
from promptcdn.server.request_limits import HEAD_MAX
from promptcdn.settings import load
from promptcdn.telemetry.logs import Lines
from promptcdn.wiring import opened
from tests.support.fakes import NO_FORMAT
from tests.support.service import Promptcdn

WORDS = "canary-words"
KEY = "0123456789abcdef" * 4

PATHS = [
    f"/prompts/{WORDS}", f"/Prompt/{WORDS}", f"/image/{WORDS}", f"/prompt%2F{WORDS}", f"//prompt/{WORDS}",
    f"/info/prompts/{WORDS}", f"/info/prompt/{WORDS}?seed=x", f"/%70rompt/{WORDS}", f"/prompt/{WORDS}?seed=1&steps=x",
    f"/p/../prompt/{WORDS}", f"/prompt;{WORDS}", f"/prompt{WORDS}", f"/{WORDS}", f"/i/{WORDS}", f"/i/{WORDS}.png",
    f"/i/{KEY}/{WORDS}", f"/i/{KEY}{WORDS}", f"/i.png/{WORDS}", f"/i.{WORDS}", f"/healthz/{WORDS}", f"/metrics?{WORDS}",
    f"/readyz/{WORDS}", f"/?prompt=a&{WORDS}=1", f"/?{WORDS}", f"/?prompt={WORDS}&width=7",
    f"/prompts/{WORDS}%ff%00%0a", f"/prompts/{WORDS}#{WORDS}", f"http://h/prompts/{WORDS}", f"http://{WORDS}/",
    "/prompts/" + WORDS * 900,
    f"/prompts/灯台-{WORDS}",
]  # fmt: skip
HEADERS = ("User-Agent", "Referer", "Accept", "Authorization", "If-None-Match", "Via", "X-Forwarded-For", "traceparent")


def requests() -> Iterator[bytes]:
    """Heads that hold the words where a path, or something else, should be."""
    named = "".join(f"{name}: {WORDS}\r\n" for name in HEADERS)
    for path in PATHS:
        for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT"):
            yield f"{method} {path} HTTP/1.1\r\nHost: h\r\n{named}Connection: close\r\n\r\n".encode()
    for line in (
        f"CONNECT {WORDS}:80 HTTP/1.1",
        f"{WORDS} / HTTP/1.1",
        f"GET /{WORDS} HTTP/3.7",
        f"GET {WORDS}",
        WORDS,
    ):
        yield f"{line}\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    yield f"OPTIONS * HTTP/1.1\r\nHost: {WORDS}\r\nConnection: close\r\n\r\n".encode()
    yield f"GET /prompts/{WORDS} HTTP/1.1\r\nHost: {WORDS} x\r\nConnection: close\r\n\r\n".encode()
    yield f"GET /prompts/{WORDS} HTTP/1.1\r\nHost: h\r\nX: {WORDS * (HEAD_MAX // len(WORDS))}\r\n\r\n".encode()
    yield f"POST /prompts/{WORDS} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(WORDS)}\r\n\r\n{WORDS}".encode()


def answered(service: Promptcdn, raw: bytes) -> bytes:
    host, _, port = service.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(raw)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("kind", ["text", "json"])
def test_no_word_of_a_mistyped_path_is_reported(tmp_path: Path, kind: str) -> None:
    settings = {"PROMPTCDN_LOG": kind, "PROMPTCDN_LOG_HITS": 1, "OTEL_TRACES_EXPORTER": "console"}
    with Promptcdn(tmp_path, **settings) as service:
        answers = [answered(service, raw) for raw in requests()]
        metrics = service.get("/metrics").text
        service.process.terminate()
        assert service.process.stdout is not None
        spans = service.process.stdout.read()

    log = (tmp_path / "log").read_text()
    statuses = {answer[9:12] for answer in answers}
    assert statuses >= {b"200", b"400", b"404", b"405", b"414", b"431"}
    assert b"500" not in statuses
    assert log.count("\n") > len(PATHS)
    assert "span_id" in spans
    for said in (log, metrics, spans):
        assert WORDS not in said
        assert "灯台" not in said


@pytest.mark.parametrize(
    ("path", "route", "shown"),
    [
        ("/", "/", "/"),
        ("/i.png", "/i.png", "/i.png"),
        ("/prompt/a cat", "/prompt/{prompt:path}", "/prompt/..."),
        ("/prompt/", "/prompt/{prompt:path}", "/prompt/..."),
        ("/info/prompt/a cat", "/info/prompt/{prompt:path}", "/info/prompt/..."),
        (f"/i/{KEY}", "/i/{name}", f"/i/{KEY}"),
        (f"/i/{KEY}.webp", "/i/{name}", f"/i/{KEY}.webp"),
        (f"/i/{KEY}.{NO_FORMAT}", "/i/{name}", "/i/..."),
        (f"/i/{KEY}\n", "/i/{name}", "/i/..."),
        ("/i/a cat", "/i/{name}", "/i/..."),
        ("/prompts/a cat", None, "..."),
        (f"/j/{KEY}", None, "..."),
        ("*", None, "..."),
    ],
)
def test_what_of_a_path_is_logged(path: str, route: str | None, shown: str) -> None:
    assert shown_path(path, route) == shown


async def log_of_a_broken_service(
    kind: Literal["text", "json"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """What is logged where a part breaks with words of the request in its error."""
    monkeypatch.setenv("PROMPTCDN_DATA_DIR", str(tmp_path / "data"))
    records: list[logging.LogRecord] = []
    monkeypatch.setattr(logging.getLogger("promptcdn"), "handle", records.append)

    async def broken(request: object, _asker: object) -> None:
        try:
            int(str(request))
        except ValueError as error:
            raise KeyError(str(request)) from error

    service = opened(load())
    monkeypatch.setattr(service.cdn, "answer", broken)
    transport = httpx2.ASGITransport(create_app(service))
    async with httpx2.AsyncClient(transport=transport, base_url="http://h") as client:
        assert (await client.get(f"/prompt/{WORDS}")).status_code == 500
    await service.close()
    return "\n".join(Lines(kind).format(record) for record in records)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["text", "json"])
async def test_an_error_that_quotes_a_prompt_is_logged_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Literal["text", "json"]
) -> None:
    """By the place and the type of the error."""
    said = await log_of_a_broken_service(kind, tmp_path, monkeypatch)

    assert WORDS not in said
    assert "uncaught exception" in said
    assert said.index("int(str(request))") < said.index("ValueError") < said.index("KeyError")


def test_the_systems_own_words_stay() -> None:
    try:
        Path("/nowhere/canary-words").read_bytes()
    except OSError:
        trace = sys.exc_info()
    said = Lines("text").format(logging.LogRecord("n", logging.ERROR, "f", 1, "broke", (), trace))

    assert said.endswith("FileNotFoundError: No such file or directory")


QUOTING_TASK = """
import asyncio, gc
from promptcdn.telemetry import logs

async def quoting():
    raise ValueError("canary" + "-words")

async def main():
    asyncio.create_task(quoting(), name="a task")
    asyncio.get_running_loop().call_soon(int, "canary" + "-words")
    await asyncio.sleep(0.01)
    gc.collect()

logs.set_up("text", ())
asyncio.run(main())
"""


def test_an_error_of_a_task_is_logged_without_its_text() -> None:
    said = subprocess.run([sys.executable, "-c", QUOTING_TASK], capture_output=True, text=True).stderr

    lines = [line for line in said.splitlines() if not line.startswith("      ")]
    assert [line.partition("ERROR ")[2] or line.strip() for line in lines] == [
        "Task exception was never retrieved",
        "ValueError",
        "Exception in callback",
        "ValueError",
    ]
    assert WORDS not in said
