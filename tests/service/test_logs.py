"""The log: one line an answer, keys that stay, no prompt, and nothing that a request could write into it."""

import json
import logging
import re
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx2
import pytest

from promptcdn.faces.app import create_app
from promptcdn.settings import load
from promptcdn.telemetry.logs import Lines
from promptcdn.wiring import opened
from tests.support.service import Promptcdn

SECRET = "a-secret-prompt"  # noqa: S105
URL = f"/?prompt={SECRET}&seed=1&width=256&height=256"


def lines(folder: Path) -> list[dict[str, Any]]:
    """All but that of the start."""
    written = map(json.loads, read(folder).splitlines())
    return [line for line in written if not line["message"].startswith(("open files", "fast path", "no fast path"))]


def read(folder: Path) -> str:
    return (folder / "log").read_text()


def test_an_answer_has_a_line_and_one_from_memory_has_none(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_LOG="json") as service:
        answer = service.get(URL)
        service.get(URL)
        service.get("/healthz")
        service.get("/metrics")
        (line,) = lines(tmp_path)

    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line.pop("duration_ms") > 0
    assert line == {
        "level": "INFO",
        "message": "answered",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "path": "/",
        "status": 200,
        "outcome": "seeded",
        "audience": "program",
        "content_key": answer.headers["link"][4:68],
    }


def test_answers_from_memory_have_lines_if_the_operator_says_so(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_LOG="json", PROMPTCDN_LOG_HITS="true") as service:
        for _ in range(3):
            service.get(URL)

        assert [line["outcome"] for line in lines(tmp_path)] == ["seeded"] * 3


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("prompt=a&width=77", "width"), (f"prompt=cats & {SECRET}", "unknown"), ("seed=1", "prompt")],
)
def test_a_bad_request_names_the_parameter_and_no_value(tmp_path: Path, query: str, parameter: str) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_LOG="json") as service:
        service.get(f"/?{query}")
        (line,) = lines(tmp_path)

    assert (line["status"], line["outcome"], line["parameter"]) == (400, "bad_parameter", parameter)
    assert "77" not in line.values()
    assert SECRET not in str(line)


@pytest.mark.parametrize("kind", ["text", "json"])
def test_no_line_holds_a_prompt(tmp_path: Path, kind: str) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_LOG=kind, PROMPTCDN_LOG_HITS=1) as service:
        for url in (URL, f"/prompt/{SECRET}?seed=1", f"/%70rompt/{SECRET}", f"/info/prompt/{SECRET}", f"{URL}&x=1"):
            service.get(url)
            service.client.request("POST", url)
        log = read(tmp_path)

    assert log.count("/prompt/...") == 6
    assert SECRET not in log


def test_a_request_cannot_write_a_line_of_its_own(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        service.get("/nothing%0a2026-01-01T00:00:00.000Z ERROR forged%1b[2J%e2%80%ae%c2%85")
        log = read(tmp_path)

    assert len(log.splitlines()) == 3  # whether the fast path is in use, how many files may be open, and the answer
    assert "forged" not in log


def test_whatever_is_logged_is_one_line() -> None:
    said = record("said\n2026-01-01T00:00:00.000Z ERROR forged\x1b[2J\u202e\x85")

    assert said.endswith(r"said\n2026-01-01T00:00:00.000Z ERROR forged\x1b[2J\u202e\x85")


def record(message: str, trace: tuple[type[BaseException], BaseException, TracebackType | None] | None = None) -> str:
    return Lines("text", ["the-canary"]).format(logging.LogRecord("n", logging.ERROR, "f", 1, message, (), trace))


def broken(kind: Literal["text", "json"]) -> str:
    try:
        int("the-canary")
    except ValueError:
        trace = sys.exc_info()
    return Lines(kind, ["the-canary"]).format(logging.LogRecord("n", logging.ERROR, "f", 1, "broke", (), trace))


def test_a_traceback_is_one_line_of_json() -> None:
    said = broken("json")

    assert "\n" not in said
    assert json.loads(said)["exception"].endswith('in broken\n    int("***")\nValueError')


def test_a_traceback_is_indented_text() -> None:
    first, *rest = broken("text").splitlines()

    assert first.endswith("ERROR broke")
    assert all(line.startswith("    ") for line in rest)
    assert "the-canary" not in "".join(rest)


def test_a_secret_is_never_in_a_line() -> None:
    assert record("the key the-canary is wrong").endswith("the key *** is wrong")


@pytest.mark.anyio
async def test_an_unexpected_error_is_one_line_with_its_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROMPTCDN_DATA_DIR", str(tmp_path / "data"))
    service = opened(load())
    monkeypatch.setattr(service.cdn, "answer", None)
    transport = httpx2.ASGITransport(create_app(service))
    async with httpx2.AsyncClient(transport=transport, base_url="http://h") as client:
        answer = await client.get(URL)
    await service.close()

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    fields: dict[str, object] = record.__dict__["fields"]
    assert fields == {"request_id": answer.headers["x-request-id"], "method": "GET", "path": "/"}
    assert record.exc_info
