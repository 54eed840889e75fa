"""Sketches that start from a picture: what shows through, what a mask keeps, and what is enlarged."""

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from promptcdn import pictures
from promptcdn.generators import Sources
from promptcdn.generators.sketch import Sketch
from promptcdn.generators.sketch.drawing import draw
from promptcdn.url.keys import content_key
from promptcdn.url.request import Resolved
from tests.support.fakes import KEY, picture

SIZE = (320, 256)
ORDER = Resolved("sketch", "sketch", "a lighthouse", 7, *SIZE, 30, 7.0, init=KEY, strength=0.5)
INIT = picture(SIZE, colour="crimson")
TEXT_ALONE = replace(ORDER, init=None, strength=None)


def opened(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image


def drawn(init: bytes = INIT, mask: bytes | None = None, **changes: Any) -> Image.Image:
    order = replace(ORDER, **changes)
    return draw(order, content_key(order), Sources(init, mask))


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean absolute difference of the pixels' bands, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


def middle(image: Image.Image) -> Image.Image:
    return image.crop((40, 40, 280, 180))


def halves() -> bytes:
    """A mask: left black, right white."""
    image = Image.new("L", SIZE, 0)
    image.paste(255, (160, 0, *SIZE))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_the_stronger_the_less_of_init_shows_through() -> None:
    far = [difference(middle(drawn(strength=strength)), middle(opened(INIT))) for strength in (0.0, 0.25, 0.75, 1.0)]

    assert far[0] == 0
    assert far == sorted(far)
    assert far[-1] > 10


def test_a_sketch_from_a_picture_has_its_own_caption() -> None:
    caption = (0, 220, *SIZE)

    assert difference(drawn(strength=0.0).crop(caption), opened(INIT).crop(caption)) > 10


def test_a_mask_keeps_what_is_black_to_the_pixel() -> None:
    image = drawn(mask=halves(), strength=1.0)

    assert difference(image.crop((0, 0, 160, 256)), opened(INIT).crop((0, 0, 160, 256))) == 0
    assert difference(image.crop((170, 40, 280, 180)), opened(INIT).crop((170, 40, 280, 180))) > 10


def test_the_same_order_draws_the_same_pixels() -> None:
    assert difference(drawn(mask=halves()), drawn(mask=halves())) == 0


def test_an_enlarged_picture_shows_what_it_showed() -> None:
    small = draw(TEXT_ALONE, content_key(TEXT_ALONE))
    file = io.BytesIO()
    small.save(file, "PNG")

    large = drawn(file.getvalue(), strength=None, upscale=2, width=640, height=512)

    assert large.size == (640, 512)
    assert difference(large.reduce(2), small) < 3


@pytest.mark.anyio
async def test_the_generator_takes_them() -> None:
    sketch = Sketch()
    try:
        made = await sketch.generate(ORDER, content_key(ORDER), sources=Sources(INIT, halves()))
    finally:
        await sketch.close()

    decoded = pictures.decoded(made.picture)
    assert decoded is not None
    assert decoded.size == SIZE
    assert difference(opened(made.picture), drawn(mask=halves())) == 0
