"""Pictures from pictures over Stability's REST API: what a real HTTP server is sent that refuses what the API does."""

import hashlib
from collections.abc import Mapping

import pytest

from promptcdn.generators import Sources
from promptcdn.generators.stability import Stability
from promptcdn.generators.stability.rest.engines import ENDPOINTS, FAMILIES
from promptcdn.pictures import decoded
from promptcdn.url.engines import engine
from promptcdn.url.request import Resolved
from tests.support.fakes import KEY, picture
from tests.upstream import Call
from tests.upstream.stability_rest import MODELS, StabilityRest

pytestmark = pytest.mark.anyio

SIZE = (1344, 768)
INIT = picture(SIZE, colour="crimson")


async def call(name: str, strength: float = 0.3) -> tuple[Call, Mapping[str, str], bytes]:
    """How an order for that engine arrived: as a line of the ledger and as a form; and the picture that came back."""
    order = Resolved("stability", name, "at night", 7, *SIZE, 30, 7.0, init=KEY, strength=strength)
    with StabilityRest() as upstream:
        generator = Stability(upstream.url)
        try:
            made = await generator.generate(order, KEY, 20, sources=Sources(INIT))
        finally:
            await generator.close()
        (arrived,) = upstream.ledger.calls()
        return arrived, upstream.forms[0].fields, made.picture


@pytest.mark.parametrize("name", MODELS)
async def test_a_model_with_modes_is_told_the_mode_and_no_shape(name: str) -> None:
    arrived, form, answer = await call(name)

    assert (form["mode"], form["strength"], form["model"]) == ("image-to-image", "0.3", name)
    assert "aspect_ratio" not in form
    assert arrived.init == hashlib.sha256(INIT).hexdigest()
    found = decoded(answer)
    assert found is not None
    assert found.size == SIZE


async def test_ultra_has_no_modes_and_is_told_the_shape() -> None:
    arrived, form, _ = await call("ultra")

    assert (form["strength"], form["aspect_ratio"]) == ("0.3", "16:9")
    assert "mode" not in form
    assert arrived.init == hashlib.sha256(INIT).hexdigest()


@pytest.mark.parametrize("strength", [0.0, 1.0])
async def test_every_strength_is_sent(strength: float) -> None:
    arrived, _, _ = await call("sd3.5-large", strength)

    assert arrived.start == strength


async def test_an_upscaler_is_sent_the_picture_and_no_words() -> None:
    """It answers four times the size, by whatever seed, and says which."""
    order = Resolved("stability", "upscale-fast", "at night", 7, 512, 768, 30, 7.0, init=KEY, upscale=2)
    init = picture((256, 384), colour="crimson")
    with StabilityRest() as upstream:
        generator = Stability(upstream.url)
        try:
            made = await generator.generate(order, KEY, 20, sources=Sources(init))
        finally:
            await generator.close()
        (arrived,) = upstream.ledger.calls()

    assert upstream.requests[0].path == "/v2beta/stable-image/upscale/fast"
    assert upstream.forms[0].fields == {"output_format": "png"}
    assert (arrived.init, arrived.prompts) == (hashlib.sha256(init).hexdigest(), ())
    assert (made.seed_sent, made.seed_echo) == (0, 0)
    found = decoded(made.picture)
    assert found is not None
    assert found.size == (1024, 1536)


def test_what_an_engine_declares_is_what_its_form_has() -> None:
    """Every engine that takes a picture to start from says so, and no other; none takes a mask."""
    declared = {name: engine(name, FAMILIES).understands & {"init", "mask", "upscale"} for name in ENDPOINTS}

    assert declared == {
        name: {"init", "upscale"} if place.upscales else {"init"} if place.init else set()
        for name, place in ENDPOINTS.items()
    }
