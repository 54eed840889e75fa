"""Pictures from pictures over Stability's gRPC protocol: what a real gRPC server is sent."""

import hashlib
import io
from dataclasses import replace

import pytest
from PIL import Image

from promptcdn import pictures
from promptcdn.generators import NO_SOURCES, Sources
from promptcdn.generators.stability import Stability
from promptcdn.generators.stability.grpc import wire
from promptcdn.generators.stability.grpc.stubs import messages
from promptcdn.url.request import Resolved
from tests.support.fakes import picture
from tests.upstream import Call, Upstream

pytestmark = pytest.mark.anyio

KEY = "c0ffee" + "0" * 58
ORDER = Resolved(
    "stability", "stable-diffusion-v1-6", "a lighthouse", 7, 512, 512, 30, 7.0, init=KEY, strength=0.3, mask=KEY
)
INIT = picture((512, 512), colour="crimson")
MASK = pictures.as_mask(picture((512, 512), colour="white"), (512, 512))


async def call(order: Resolved, sources: Sources) -> Call:
    """How one order arrived."""
    with Upstream() as upstream:
        generator = Stability(upstream.url)
        try:
            await generator.generate(order, KEY, 20, sources=sources)
        finally:
            await generator.close()
        (arrived,) = upstream.ledger.calls()
        return arrived


async def test_the_picture_to_start_from_arrives_byte_for_byte() -> None:
    arrived = await call(replace(ORDER, mask=None), Sources(INIT))

    assert arrived.init == hashlib.sha256(INIT).hexdigest()
    assert arrived.mask is None
    assert arrived.prompts == (("a lighthouse", 1.0),)
    assert (arrived.width, arrived.height) == (512, 512)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
async def test_the_schedule_begins_at_the_strength(strength: float) -> None:
    arrived = await call(replace(ORDER, strength=strength, mask=None), Sources(INIT))

    assert arrived.start == strength


async def test_without_a_picture_no_schedule_is_sent() -> None:
    arrived = await call(replace(ORDER, init=None, strength=None, mask=None), NO_SOURCES)

    assert (arrived.init, arrived.start, arrived.extras) == (None, None, ())


async def test_the_protocol_takes_black_for_what_may_change() -> None:
    arrived = await call(ORDER, Sources(INIT, MASK))

    assert arrived.mask == hashlib.sha256(pictures.negative(MASK)).hexdigest()
    with Image.open(io.BytesIO(pictures.negative(MASK))) as sent:
        assert sent.getpixel((9, 9)) == 0


async def test_what_may_change_begins_as_it_is() -> None:
    request = wire.generation_request(ORDER, KEY, INIT, MASK)

    assert request.image.masked_area_init == messages.MASKED_AREA_INIT_ORIGINAL
    assert not wire.generation_request(ORDER, KEY, INIT).image.HasField("masked_area_init")


async def test_an_upscaler_is_sent_the_picture_and_one_side() -> None:
    order = replace(ORDER, engine="esrgan-v1-x2plus", width=1024, height=1024, strength=None, mask=None, upscale=2)

    arrived = await call(order, Sources(INIT))

    assert arrived.engine == "esrgan-v1-x2plus"
    assert arrived.init == hashlib.sha256(INIT).hexdigest()
    assert (arrived.prompts, arrived.width, arrived.height) == ((), 1024, 0)
