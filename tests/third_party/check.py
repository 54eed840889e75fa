"""The generator `a1111` on a real sd-server. `./scripts/generators-test` builds the server and runs these."""

import asyncio
import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from promptcdn.checks import Check
from promptcdn.generators.a1111 import A1111
from promptcdn.url.request import Resolved
from tests.support.service import Promptcdn
from tests.third_party import SdServer

ORDER = Resolved("a1111", "loaded", "a lighthouse", 7, 64, 64, 2, 1.0)
TAG = '<sd_cpp_extra_args>{"seed": 99, "width": 128, "height": 128}</sd_cpp_extra_args>'
# The size and the steps of pictures by the service: a quarter of a minute on a slow machine.
SMALL = {"PROMPTCDN_SIZE": "256x256", "PROMPTCDN_STEPS": "1", "PROMPTCDN_WAIT": "120"}

Drawn = tuple[tuple[int, int], bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdServer]:
    with SdServer(tmp_path_factory.mktemp("sd-server")) as running:
        yield running


def drawn(server: SdServer, order: Resolved = ORDER, *, syntax: bool = False) -> Drawn:
    """The size and the pixels of one picture."""

    async def made() -> bytes:
        generator = A1111(server.url, syntax=syntax)
        try:
            return (await generator.generate(order, "", 120)).picture
        finally:
            await generator.close()

    return pixels(asyncio.run(made()))


def pixels(picture: bytes) -> Drawn:
    image = Image.open(io.BytesIO(picture))
    return image.size, image.convert("RGB").tobytes()


def test_a_seed_is_one_picture(server: SdServer) -> None:
    first = drawn(server)

    assert first[0] == (64, 64)
    assert drawn(server) == first


def test_each_seed_is_a_picture_of_its_own_also_nought(server: SdServer) -> None:
    pictures = {drawn(server, replace(ORDER, seed=seed)) for seed in (0, 7, 8, 4294967295)}

    assert len(pictures) == 4
    assert drawn(server, replace(ORDER, seed=0)) in pictures


def test_a_restart_with_fewer_threads_changes_no_picture(server: SdServer) -> None:
    first = drawn(server)
    server.stop()
    server.start(threads=1)

    assert drawn(server) == first


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a cat"},
        {"negative_prompt": "fog", "cfg_scale": 5.0},
        {"steps": 3},
        {"sampler": "k_heun"},
        {"sampler": "k_euler_ancestral", "steps": 4},
        {"width": 128},
    ],
    ids="-".join,
)
def test_every_parameter_changes_the_picture(server: SdServer, changes: dict[str, Any]) -> None:
    assert drawn(server, replace(ORDER, **changes)) != drawn(server)


def test_settings_in_a_prompt_change_neither_seed_nor_size(server: SdServer) -> None:
    """The first half shows that the server would obey them."""
    body = {"prompt": f"a lighthouse {TAG}", "seed": 7, "width": 64, "height": 64, "steps": 2, "cfg_scale": 1}
    obeyed = httpx2.post(f"{server.url}/sdapi/v1/txt2img", json=body, timeout=120).json()
    assert pixels(base64.b64decode(obeyed["images"][0]))[0] == (128, 128)

    order = replace(ORDER, prompt=f"a lighthouse {TAG}")
    first = drawn(server, order)
    assert first[0] == (64, 64)
    assert drawn(server, order, syntax=True)[0] == (64, 64)
    assert drawn(server, replace(order, seed=99)) != first


def test_weights_in_a_prompt_count_only_where_they_are_allowed(server: SdServer) -> None:
    order = replace(ORDER, prompt="a (lighthouse:1.9)")

    assert drawn(server, order) != drawn(server, order, syntax=True)
    assert drawn(server, order) == drawn(server, replace(ORDER, prompt=r"a \(lighthouse:1.9\)"), syntax=True)


def test_doctor_finds_the_model(server: SdServer) -> None:
    async def checks() -> tuple[Check, ...]:
        generator = A1111(server.url)
        try:
            return await generator.checks(["loaded", "flux", "sdxl"])
        finally:
            await generator.close()

    assert [check.good for check in asyncio.run(checks())] == [True, True, True, False]


def test_a_service_serves_and_keeps_its_pictures(server: SdServer, tmp_path: Path) -> None:
    url = "/i.png?prompt=a+lighthouse&seed=7"
    with Promptcdn(tmp_path, A1111_URL=server.url, **SMALL) as service:
        first = service.get(url)
        assert (first.status_code, Image.open(io.BytesIO(first.content)).size) == (200, (256, 256))
        assert b"a lighthouse" not in first.content
        said = service.get("/info" + url.removeprefix("/i.png")).json()
        assert (said["resolved"]["generator"], said["state"]) == ("a1111", "stored")
    server.stop()
    try:
        with Promptcdn(tmp_path, A1111_URL=server.url, **SMALL) as again:
            assert again.get(url).content == first.content
            assert again.get("/?prompt=another&seed=7").status_code == 503
    finally:
        server.start()
