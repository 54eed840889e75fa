"""Pictures from pictures over AUTOMATIC1111's API: what a real HTTP server is sent."""

import hashlib
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from promptcdn import pictures, problems
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.generators.a1111 import A1111, DECLARATION, answers
from promptcdn.generators.http import Reply, Timings
from promptcdn.problems import UpstreamFailed
from promptcdn.url.request import Resolved
from tests.support.fakes import KEY, picture
from tests.upstream import Call
from tests.upstream.a1111 import A1111Upstream, Kind

pytestmark = pytest.mark.anyio

ORDER = Resolved("a1111", "loaded", "at night", 7, 512, 384, 20, 7.0, init=KEY, strength=0.3, mask=KEY)
INIT = picture((512, 384), colour="crimson")
MASK = pictures.as_mask(picture((512, 384), colour="white"), (512, 384))


async def call(order: Resolved, sources: Sources, kind: Kind = "automatic1111") -> tuple[str, dict[str, Any], Call]:
    """How one order arrived: its path, its body, and the line in the ledger."""
    with A1111Upstream(kind) as upstream:
        generator = A1111(upstream.url, timings=Timings(connect=20))
        try:
            await generator.generate(order, KEY, 20, sources=sources)
        finally:
            await generator.close()
        (request,), (arrived,) = upstream.requests, upstream.ledger.calls()
        return request.path, request.json, arrived


@pytest.mark.parametrize("kind", ["automatic1111", "sd-server", "koboldcpp"])
async def test_the_picture_to_start_from_arrives_byte_for_byte(kind: Kind) -> None:
    path, body, arrived = await call(replace(ORDER, mask=None), Sources(INIT), kind)

    assert path == "/sdapi/v1/img2img"
    assert body["init_images"] == [b64encode(INIT).decode()]
    assert (arrived.init, arrived.start) == (hashlib.sha256(INIT).hexdigest(), 0.3)
    assert not {"mask", "inpainting_fill", "inpaint_full_res", "inpainting_mask_invert"} & body.keys()


async def test_all_else_is_sent_as_it_is_from_text() -> None:
    order = replace(ORDER, mask=None, negative_prompt="fog", sampler="k_euler")
    _, body, _ = await call(order, Sources(INIT))
    _, from_text, _ = await call(replace(order, init=None, strength=None), NO_SOURCES)

    assert {name: body[name] for name in from_text} == from_text
    assert body.keys() - from_text.keys() == {"init_images", "denoising_strength"}


async def test_a_mask_is_white_where_the_picture_may_change() -> None:
    _, body, arrived = await call(ORDER, Sources(INIT, MASK))

    assert arrived.mask == hashlib.sha256(MASK).hexdigest()
    assert (body["inpainting_mask_invert"], body["inpainting_fill"], body["inpaint_full_res"]) == (0, 1, False)


async def test_from_text_nothing_of_it_is_sent() -> None:
    path, body, arrived = await call(replace(ORDER, init=None, strength=None, mask=None), NO_SOURCES)

    assert path == "/sdapi/v1/txt2img"
    assert not {"init_images", "denoising_strength", "mask"} & body.keys()
    assert (arrived.init, arrived.mask, arrived.start) == (None, None, None)


LARGE = replace(ORDER, width=1024, height=768, strength=None, mask=None, upscale=2)


async def enlarged(upstream: A1111Upstream, upscaler: str) -> Made:
    generator = A1111(upstream.url, upscaler=upscaler, timings=Timings(connect=20))
    try:
        return await generator.generate(LARGE, KEY, 20, sources=Sources(INIT))
    finally:
        await generator.close()


async def test_an_upscaler_is_sent_the_picture_and_no_words() -> None:
    with A1111Upstream() as upstream:
        found = pictures.decoded((await enlarged(upstream, "R-ESRGAN 4x+")).picture)
        (request,) = upstream.requests

    assert request.path == "/sdapi/v1/extra-single-image"
    assert request.json == {
        "image": b64encode(INIT).decode(),
        "resize_mode": 0,
        "upscaling_resize": 2,
        "upscaler_1": "R-ESRGAN 4x+",
    }
    assert found is not None
    assert found.size == (1024, 768)


@pytest.mark.parametrize(
    ("kind", "upscaler", "said"),
    [("automatic1111", "ESRGAN", "no upscaler ESRGAN"), ("sd-server", "Lanczos", "no API that enlarges")],
)
async def test_a_server_that_cannot_enlarge_says_why(kind: Kind, upscaler: str, said: str) -> None:
    with A1111Upstream(kind) as upstream, pytest.raises(UpstreamFailed) as failed:
        await enlarged(upstream, upscaler)

    assert (failed.value.kind, failed.value.charged) == (problems.UPSTREAM_REFUSED, False)
    assert said in failed.value.detail


async def test_without_an_upscaler_nothing_is_asked_for() -> None:
    """A picture that was enlarged before, and is lost."""
    with A1111Upstream() as upstream, pytest.raises(UpstreamFailed) as failed:
        await enlarged(upstream, "")

    assert (failed.value.kind, failed.value.charged) == (problems.GENERATOR_MISSING, False)
    assert upstream.requests == []


@pytest.mark.parametrize(("upscaler", "good"), [("Lanczos", True), ("ESRGAN", False)])
async def test_doctor_looks_for_the_upscaler(upscaler: str, good: bool) -> None:
    with A1111Upstream() as upstream:
        generator = A1111(upstream.url, upscaler=upscaler, timings=Timings(connect=20))
        try:
            checks = await generator.checks(["loaded"])
        finally:
            await generator.close()

    assert [(check.part, check.good) for check in checks][2:] == [(f"upscaler {upscaler}", good)]


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"image": null}', '{"image": 7}', '{"image": ""}'])
def test_an_answer_without_an_enlarged_picture_is_none(body: str) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        answers.enlarged(Reply(200, {}, body.encode()), "Lanczos")

    assert (failed.value.kind, failed.value.charged) == (problems.UPSTREAM_GARBLED, True)


def test_pictures_are_enlarged_only_where_an_upscaler_is_named() -> None:
    values = dict.fromkeys(DECLARATION.settings, "") | {"a1111_url": "http://127.0.0.1:7860"}
    named = DECLARATION.under(values | {"a1111_upscaler": "Lanczos"})

    assert "upscale" not in DECLARATION.under(values).engines[0].understands
    assert "upscale" in named.engines[0].understands
