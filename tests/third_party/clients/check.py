"""Each client that others wrote, unchanged, against the service: pictures, its own errors, nothing paid twice."""

import base64
import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.faces.openai_api.conftest import TEAM, Api, running

HERE = Path(__file__).parent
ENGINE = "stable-diffusion-xl-1024-v1-0"
PYTHON = ("openai", "litellm", "langchain")
NODE = ("openai", "ai-sdk", "ai-sdk-compatible")
CLIENTS = [*(("python", name) for name in PYTHON), *(("node", name) for name in NODE)]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running(tmp_path) as each:
        yield each


def says(api: Api, client: tuple[str, str], prompt: str, model: str = ENGINE, key: str = TEAM) -> dict[str, Any]:
    """What a client got: a `file`, a `url`, or an `error`."""
    language, name = client
    folder = Path(os.environ["CLIENTS"])
    program: list[str | Path] = [folder / "python/bin/python", HERE / "by_python.py"]
    if language == "node":  # it looks for packages beside the script
        program = ["node", folder / "node/by_node.mjs"]
    command = [*program, f"{api.service.url}/v1", key, name, prompt, model]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert ended.returncode == 0, ended.stderr
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("client", CLIENTS, ids="-".join)
def test_it_gets_the_picture_of_its_seed_and_pays_once(api: Api, client: tuple[str, str]) -> None:
    got = [says(api, client, "a lighthouse", model) for model in (ENGINE, ENGINE, "gpt-image-1")]

    shown = api.service.get("/i.png?prompt=a+lighthouse&seed=7&width=1024&height=1024").content
    for each in got:
        assert "error" not in each
        if "file" in each:
            file = base64.b64decode(each["file"])
            assert Image.open(io.BytesIO(file)).size == (1024, 1024)
            assert file == shown
        if "url" in each:
            assert api.service.get(each["url"].removeprefix(api.service.url)).content == shown
    assert api.paid == 1


@pytest.mark.parametrize("client", CLIENTS, ids="-".join)
def test_errors_arrive_as_its_own_exceptions(api: Api, client: tuple[str, str]) -> None:
    filtered = says(api, client, "fault:filter")
    nobody = says(api, client, "a", key="guessed")
    unknown = says(api, client, "a", model="no-such-model")

    own = {"ai-sdk": "AI_APICallError", "ai-sdk-compatible": "AI_APICallError"}.get(client[1])
    assert "content filter" in filtered["message"]
    assert filtered["error"] == (
        own or ("ContentPolicyViolationError" if client[1] == "litellm" else "BadRequestError")
    )
    assert nobody["error"] == (own or "AuthenticationError")
    assert unknown["error"] == (own or "NotFoundError")
    assert "no-such-model" in unknown["message"]


@pytest.mark.parametrize("client", CLIENTS, ids="-".join)
def test_a_failure_that_was_charged_is_paid_once(api: Api, client: tuple[str, str]) -> None:
    assert "error" in says(api, client, "fault:internal")
    assert api.paid == 1
