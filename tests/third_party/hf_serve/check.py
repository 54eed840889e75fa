"""The generators `huggingface` and `openai` on a real hf-serve, which `./scripts/generators-test hf-serve` installs."""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from promptcdn.generators.huggingface import HuggingFace, endpoint
from promptcdn.generators.openai import OpenAi, base_url
from promptcdn.generators.openai.servers import BY_NAME
from promptcdn.url.request import Resolved
from tests.support.service import Promptcdn
from tests.third_party.hf_serve import HfServer

ORDERS = {
    "huggingface": Resolved("huggingface", "tiny", "a lighthouse", 7, 64, 128, 4, 7.0),
    "openai": Resolved("openai", "default", "a lighthouse", 7, 64, 128, 4, 7.0),
}
ORDER = ORDERS["huggingface"]
SMALL = {"PROMPTCDN_SIZE": "256x320", "PROMPTCDN_STEPS": "2", "PROMPTCDN_WAIT": "120"}

Drawn = tuple[tuple[int, int], bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HfServer]:
    with HfServer(tmp_path_factory.mktemp("hf-serve")) as running:
        yield running


def opened(server: HfServer, name: str) -> HuggingFace | OpenAi:
    if name == "huggingface":
        return HuggingFace(endpoint(f"{server.url}/predict"))
    return OpenAi(base_url(server.url), BY_NAME["hf-serve"], paid=False)


def drawn(server: HfServer, order: Resolved) -> Drawn:
    """The size and the pixels of one picture."""

    async def made() -> bytes:
        generator = opened(server, order.generator)
        try:
            return (await generator.generate(order, "", 120)).picture
        finally:
            await generator.close()

    image = Image.open(io.BytesIO(asyncio.run(made())))
    return image.size, image.convert("RGB").tobytes()


@pytest.mark.parametrize("name", ORDERS)
def test_a_picture_has_the_size_that_was_asked_for(server: HfServer, name: str) -> None:
    """Width and height differ: the server's own form of OpenAI's API has them the other way round."""
    assert drawn(server, ORDERS[name])[0] == (64, 128)


def test_each_seed_is_a_picture_of_its_own_also_nought(server: HfServer) -> None:
    pictures = {seed: drawn(server, replace(ORDER, seed=seed)) for seed in (0, 7, 8, 4294967295)}

    assert len(set(pictures.values())) == 4
    assert {seed: drawn(server, replace(ORDER, seed=seed)) for seed in pictures} == pictures


@pytest.mark.parametrize("changes", [{"prompt": "a cat"}, {"negative_prompt": "fog"}, {"steps": 3}, {"cfg_scale": 3.0}])
def test_every_parameter_changes_the_picture(server: HfServer, changes: dict[str, Any]) -> None:
    assert drawn(server, replace(ORDER, **changes)) != drawn(server, ORDER)


def test_by_openais_api_it_takes_no_seed(server: HfServer) -> None:
    """So that the engine is declared as one without seeds."""
    assert drawn(server, ORDERS["openai"]) != drawn(server, ORDERS["openai"])


@pytest.mark.parametrize("name", ORDERS)
def test_doctor_finds_the_server(server: HfServer, name: str) -> None:
    async def found() -> bool:
        generator = opened(server, name)
        try:
            return all(check.good for check in await generator.checks(["default"]))
        finally:
            await generator.close()

    assert asyncio.run(found())


@pytest.mark.parametrize("name", ORDERS)
def test_a_service_serves_and_keeps_its_pictures(server: HfServer, tmp_path: Path, name: str) -> None:
    called: dict[str, str] = {"PROMPTCDN_GENERATOR": name, **SMALL}
    if name == "huggingface":
        called |= {"HF_INFERENCE_ENDPOINT": f"{server.url}/predict"}
    else:
        called |= {"OPENAI_BASE_URL": server.url, "PROMPTCDN_OPENAI_SERVER": "hf-serve"}
    url = "/i.png?prompt=a+lighthouse&seed=7"
    with Promptcdn(tmp_path, **called) as service:
        first = service.get(url)
        assert (first.status_code, Image.open(io.BytesIO(first.content)).size) == (200, (256, 320))
    with Promptcdn(tmp_path, **called) as again:
        assert again.get(url).content == first.content


def test_without_the_server_stored_pictures_are_shown(server: HfServer, tmp_path: Path) -> None:
    """The last one: it ends the server."""
    called = {"PROMPTCDN_GENERATOR": "huggingface", "HF_INFERENCE_ENDPOINT": f"{server.url}/predict", **SMALL}
    with Promptcdn(tmp_path, **called) as service:
        first = service.get("/?prompt=a&seed=1")
        assert first.status_code == 200
        server.stop()
        new = service.get("/?prompt=a&seed=2")

        assert (new.status_code, new.json()["code"]) == (503, "upstream_unreachable")
        assert service.get("/?prompt=a&seed=1").content == first.content
