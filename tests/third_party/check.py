"""The generators `a1111` and `openai` on a real sd-server, which `./scripts/generators-test` builds."""

import asyncio
import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image, ImageChops, ImageStat

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, Sources
from promptcdn.generators.a1111 import A1111
from promptcdn.generators.openai import OpenAi, base_url
from promptcdn.generators.openai.servers import BY_NAME
from promptcdn.url.request import Resolved
from tests.support.service import Promptcdn
from tests.third_party import SdServer

ORDERS = {
    "a1111": Resolved("a1111", "loaded", "a lighthouse", 7, 64, 64, 2, 1.0),
    "openai": Resolved("openai", "loaded", "a lighthouse", 7, 64, 64, 2, 1.0),
}
TAG = '<sd_cpp_extra_args>{"seed": 99, "width": 128, "height": 128}</sd_cpp_extra_args>'
# The size and the steps of pictures by the service: a quarter of a minute on a slow machine.
SMALL = {"PROMPTCDN_SIZE": "256x256", "PROMPTCDN_STEPS": "1", "PROMPTCDN_WAIT": "120"}

Drawn = tuple[tuple[int, int], bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdServer]:
    with SdServer(tmp_path_factory.mktemp("sd-server")) as running:
        yield running


def opened(server: SdServer, name: str, *, syntax: bool = False) -> A1111 | OpenAi:
    if name == "a1111":
        return A1111(server.url, syntax=syntax)
    return OpenAi(base_url(server.url), BY_NAME["sd-cpp"], paid=False, syntax_allowed=syntax)


def drawn(server: SdServer, order: Resolved, *, syntax: bool = False, sources: Sources = NO_SOURCES) -> Drawn:
    """The size and the pixels of one picture."""

    async def made() -> bytes:
        generator = opened(server, order.generator, syntax=syntax)
        try:
            return (await generator.generate(order, "", 120, sources=sources)).picture
        finally:
            await generator.close()

    return pixels(asyncio.run(made()))


def pixels(picture: bytes) -> Drawn:
    image = Image.open(io.BytesIO(picture))
    return image.size, image.convert("RGB").tobytes()


@pytest.fixture(params=ORDERS)
def order(request: pytest.FixtureRequest) -> Resolved:
    return ORDERS[request.param]


def test_a_seed_is_one_picture(server: SdServer, order: Resolved) -> None:
    first = drawn(server, order)

    assert first[0] == (64, 64)
    assert drawn(server, order) == first


def test_each_seed_is_a_picture_of_its_own_also_nought(server: SdServer, order: Resolved) -> None:
    pictures = {drawn(server, replace(order, seed=seed)) for seed in (0, 7, 8, 4294967295)}

    assert len(pictures) == 4
    assert drawn(server, replace(order, seed=0)) in pictures


def test_both_protocols_draw_the_same_picture(server: SdServer) -> None:
    assert drawn(server, ORDERS["openai"]) == drawn(server, ORDERS["a1111"])


def test_a_restart_with_fewer_threads_changes_no_picture(server: SdServer, order: Resolved) -> None:
    first = drawn(server, order)
    server.stop()
    server.start(threads=1)

    assert drawn(server, order) == first


CHANGES: list[dict[str, Any]] = [
    {"prompt": "a cat"},
    {"negative_prompt": "fog", "cfg_scale": 5.0},
    {"steps": 3},
    {"width": 128},
]
OF_A1111: list[dict[str, Any]] = [{"sampler": "k_heun"}, {"sampler": "k_euler_ancestral", "steps": 4}]


@pytest.mark.parametrize(
    ("name", "changes"),
    [*((name, changes) for name in ORDERS for changes in CHANGES), *(("a1111", changes) for changes in OF_A1111)],
)
def test_every_parameter_changes_the_picture(server: SdServer, name: str, changes: dict[str, Any]) -> None:
    assert drawn(server, replace(ORDERS[name], **changes)) != drawn(server, ORDERS[name])


def test_settings_in_a_prompt_change_neither_seed_nor_size(server: SdServer, order: Resolved) -> None:
    """The first half shows that the server would obey them."""
    body = {"prompt": f"a lighthouse {TAG}", "seed": 7, "width": 64, "height": 64, "steps": 2, "cfg_scale": 1}
    obeyed = httpx2.post(f"{server.url}/sdapi/v1/txt2img", json=body, timeout=120).json()
    assert pixels(base64.b64decode(obeyed["images"][0]))[0] == (128, 128)

    order = replace(order, prompt=f"a lighthouse {TAG}")
    first = drawn(server, order)
    assert first[0] == (64, 64)
    assert drawn(server, order, syntax=True)[0] == (64, 64)
    assert drawn(server, replace(order, seed=99)) != first


def test_weights_in_a_prompt_count_only_where_they_are_allowed(server: SdServer, order: Resolved) -> None:
    order = replace(order, prompt="a (lighthouse:1.9)")

    assert drawn(server, order) != drawn(server, order, syntax=True)


def test_a_picture_may_start_from_another(server: SdServer) -> None:
    """The less strength, the more of the picture to start from is left; a mask keeps what is black."""
    order = replace(ORDERS["a1111"], steps=8, init="0" * 64)

    def distance(strength: float, init: bytes, mask: bytes | None = None, right: int = 64) -> float:
        """From the picture to start from, in its left `right` pixels; 0 to 255."""
        size, found = drawn(server, replace(order, strength=strength), sources=Sources(init, mask))
        image = Image.frombytes("RGB", size, found).crop((0, 0, right, 64))
        start = Image.open(io.BytesIO(init)).convert("RGB").crop((0, 0, right, 64))
        return sum(ImageStat.Stat(ImageChops.difference(image, start)).mean) / 3

    init = _file(Image.linear_gradient("L").resize((64, 64)).convert("RGB"))
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (32, 0, 64, 64))

    assert distance(0.2, init) < distance(1.0, init)
    assert distance(1.0, init, _file(mask), right=24) < distance(1.0, init, right=24)


def _file(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_doctor_finds_the_model(server: SdServer) -> None:
    async def checks() -> tuple[Check, ...]:
        generator = opened(server, "a1111")
        try:
            return await generator.checks(["loaded", "flux", "sdxl"])
        finally:
            await generator.close()

    assert [check.good for check in asyncio.run(checks())] == [True, True, True, False]


def settings_of(server: SdServer, name: str) -> dict[str, object]:
    if name == "a1111":
        return {"A1111_URL": server.url, **SMALL}
    return {
        "PROMPTCDN_GENERATOR": "openai",
        "OPENAI_BASE_URL": server.url,
        "PROMPTCDN_OPENAI_SERVER": "sd-cpp",
        **SMALL,
    }


@pytest.mark.parametrize("name", ORDERS)
def test_a_service_serves_and_keeps_its_pictures(server: SdServer, tmp_path: Path, name: str) -> None:
    url = "/i.png?prompt=a+lighthouse&seed=7"
    with Promptcdn(tmp_path, **settings_of(server, name)) as service:
        first = service.get(url)
        assert (first.status_code, Image.open(io.BytesIO(first.content)).size) == (200, (256, 256))
        assert b"a lighthouse" not in first.content
        said = service.get("/info" + url.removeprefix("/i.png")).json()
        assert (said["resolved"]["generator"], said["state"]) == (name, "stored")
    server.stop()
    try:
        with Promptcdn(tmp_path, **settings_of(server, name)) as again:
            assert again.get(url).content == first.content
            assert again.get("/?prompt=another&seed=7").status_code == 503
    finally:
        server.start()
