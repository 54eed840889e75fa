"""Several pictures as one."""

import io

import pytest
from PIL import Image

from promptcdn.pictures.files import master, source_type
from promptcdn.pictures.grid import grid
from tests.support.fakes import MARK, picture

COLOURS = ("red", "lime", "blue", "yellow")


def shown(*files: bytes | None) -> Image.Image:
    return Image.open(io.BytesIO(grid(files))).convert("RGB")


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 30 for one, other in zip(pixel, colour, strict=True))


def test_four_pictures_stand_in_reading_order() -> None:
    whole = shown(*(picture((128, 64), colour=colour) for colour in COLOURS))

    assert whole.size == (128, 64)
    places = [(20, 10), (100, 10), (20, 50), (100, 50)]
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
    assert all(near(whole.getpixel(place), colour) for place, colour in zip(places, colours, strict=True))


def test_the_place_of_a_picture_that_is_missing_is_grey() -> None:
    whole = shown(None, picture((128, 128)), None, picture((128, 128)))

    assert near(whole.getpixel((20, 20)), (128, 128, 128))
    assert near(whole.getpixel((100, 100)), (0, 128, 128))


def test_a_picture_of_another_shape_is_cut_to_fit() -> None:
    assert shown(picture((128, 64)), picture((64, 256))).size[0] == 128


def test_what_is_transparent_stands_on_white() -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    file = io.BytesIO()
    clear.save(file, "PNG")

    assert near(shown(file.getvalue(), file.getvalue()).getpixel((5, 5)), (255, 255, 255))


def test_a_grid_has_the_mark_of_its_pictures() -> None:
    assert source_type(grid([None, master(picture(), MARK)])) == MARK


def test_nothing_makes_no_grid() -> None:
    with pytest.raises(ValueError, match="needs a picture"):
        grid([None, None])
