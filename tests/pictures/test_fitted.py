"""A picture of about the size asked is brought to that size."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from promptcdn import pictures
from promptcdn.pictures.validation import Decoded, near
from tests.support.fakes import picture

SIZES = [(1024, 1024), (1536, 640), (896, 1152)]


@pytest.mark.parametrize(
    ("size", "answered", "expected"),
    [
        ((1024, 1024), (1536, 1536), True),
        ((1536, 640), (2336, 992), True),
        ((1152, 896), (1088, 896), True),
        ((1024, 1024), (512, 512), True),
        ((1024, 1024), (511, 511), False),
        ((1024, 1024), (64, 64), False),
        ((1024, 1024), (1152, 896), False),
        ((1344, 768), (768, 1344), False),
        ((1344, 768), (1216, 832), False),
        ((832, 1216), (896, 1152), False),
    ],
)
def test_a_picture_is_near_where_its_shape_is_and_it_is_not_tiny(
    size: tuple[int, int], answered: tuple[int, int], expected: bool
) -> None:
    assert near(size, Decoded("image/png", *answered)) is expected


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", SIZES)
def test_a_fitted_picture_has_the_size_asked_for(size: tuple[int, int], format_: str) -> None:
    answered = (size[0] * 3 // 2 + 7, size[1] * 3 // 2)

    assert pictures.decoded(pictures.fitted(picture(answered, format_), size)) == Decoded("image/png", *size)


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_every_near_size_can_be_fitted(width: int, height: int) -> None:
    if near((64, 64), Decoded("image/png", width, height)) and width * height <= 300 * 300:
        assert pictures.decoded(pictures.fitted(picture((width, height)), (64, 64))) == Decoded("image/png", 64, 64)


def test_what_is_cut_off_is_cut_off_equally_at_both_ends() -> None:
    """Red at both ends, a wide white middle: the ends that stay are equal."""
    wide = Image.new("RGB", (220, 100), "white")
    for left in (0, 210):
        wide.paste("red", (left, 0, left + 10, 100))
    file = io.BytesIO()
    wide.save(file, "PNG")

    fitted = Image.open(io.BytesIO(pictures.fitted(file.getvalue(), (208, 100))))

    row = [fitted.getpixel((x, 50)) for x in range(208)]
    assert row == row[::-1]
    assert row[0] == (255, 0, 0)
    assert row[104] == (255, 255, 255)


def test_the_same_picture_is_fitted_to_the_same_bytes() -> None:
    """What waits in the spool is fitted again at each start, and must not become another master."""
    answered = picture((1536, 1536))

    assert pictures.fitted(answered, (1024, 1024)) == pictures.fitted(answered, (1024, 1024))
