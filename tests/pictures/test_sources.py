"""Stored pictures on their way to a generator: size, colours, transparency."""

import io

import pytest
from PIL import Image

from promptcdn import pictures
from tests.support.fakes import picture


def opened(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        image.load()
        return image


def saved(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def halves(mode: str = "RGB") -> bytes:
    """Left black, right white."""
    image = Image.new(mode, (128, 64), "black")
    image.paste("white", (64, 0, 128, 64))
    return saved(image)


@pytest.mark.parametrize("size", [None, (128, 64)])
def test_a_picture_that_is_right_already_is_sent_byte_for_byte(size: tuple[int, int] | None) -> None:
    assert pictures.as_init(halves(), size) == halves()


def test_a_picture_of_another_shape_is_cut_equally_at_both_ends() -> None:
    image = opened(pictures.as_init(halves(), (64, 64)))

    assert (image.size, image.mode) == ((64, 64), "RGB")
    assert (image.getpixel((8, 32)), image.getpixel((56, 32))) == ((0, 0, 0), (255, 255, 255))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA"])
def test_every_kind_of_picture_comes_in_whole_colours(mode: str) -> None:
    image = opened(pictures.as_init(saved(Image.new("L", (64, 64), 255).convert(mode)), None))

    assert (image.mode, image.getpixel((5, 5))) == ("RGB", (255, 255, 255))


def test_what_is_transparent_is_white() -> None:
    clear = saved(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))

    assert opened(pictures.as_init(clear, None)).getpixel((5, 5)) == (255, 255, 255)
    assert opened(pictures.as_mask(clear, (64, 64))).getpixel((5, 5)) == 255


def test_a_mask_is_how_bright_each_pixel_is() -> None:
    mask = opened(pictures.as_mask(halves(), (128, 64)))
    teal = opened(pictures.as_mask(picture(colour="teal"), (32, 32)))

    assert (mask.mode, mask.getpixel((8, 8)), mask.getpixel((120, 8))) == ("L", 0, 255)
    assert (teal.size, teal.getpixel((8, 8))) == ((32, 32), 90)


def test_a_negative_swaps_black_and_white() -> None:
    mask = opened(pictures.negative(pictures.as_mask(halves(), (128, 64))))

    assert (mask.mode, mask.getpixel((8, 8)), mask.getpixel((120, 8))) == ("L", 255, 0)
