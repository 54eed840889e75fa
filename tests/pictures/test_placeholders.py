"""Placeholders and error pictures: small files that can be read, of the right size, whatever they have to say."""

import io
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from promptcdn.pictures.placeholders import drawing

SIZES = [
    (8, 8),
    (8, 2048),
    (2048, 8),
    (64, 64),
    (128, 128),
    (256, 1536),
    (300, 169),
    (512, 512),
    (640, 1536),
    (1024, 1024),
    (1344, 768),
    (1536, 64),
    (1536, 640),
    (1536, 1536),
    (2048, 2048),
]
KILOBYTES_10 = 10_000
TITLE, FOOTER = "A parameter is not understood", "400 unknown_parameter"
LONG = " ".join(string.ascii_lowercase[i % 20 : i % 20 + 3 + i % 5] for i in range(300))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=["PNG"])
    image.load()
    return image


def colours(image: Image.Image) -> list[tuple[int, int, int]]:
    """The colours of a picture, the most common first."""
    counted = image.convert("RGB").getcolors(256)
    assert counted is not None
    return [colour for _, colour in sorted(counted, reverse=True)]  # type: ignore[misc]


def contrast(first: tuple[int, int, int], second: tuple[int, int, int]) -> float:
    """How well letters are told from their ground (WCAG 2.2: "contrast ratio"); 4.5 or more is readable."""

    def luminance(colour: tuple[int, int, int]) -> float:
        bands = (band / 255 for band in colour)
        linear = (band / 12.92 if band <= 0.04045 else ((band + 0.055) / 1.055) ** 2.4 for band in bands)
        return sum(weight * band for weight, band in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


# Placeholders


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_placeholder_is_a_small_file_of_exactly_its_size(size: tuple[int, int]) -> None:
    data = drawing.placeholder(size)

    assert (opened(data).size, opened(data).mode) == (size, "P")
    assert len(colours(opened(data))) <= 16
    assert len(data) < KILOBYTES_10


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(8, 2048), st.integers(8, 2048)))
def test_a_placeholder_has_any_size(size: tuple[int, int]) -> None:
    data = drawing.placeholder(size)

    assert opened(data).size == size
    assert len(data) < KILOBYTES_10


def test_the_same_placeholder_has_the_same_bytes() -> None:
    assert drawing.placeholder((640, 384)) == drawing.placeholder((640, 384))


@pytest.mark.parametrize(
    ("size", "room", "words"),
    [
        ((1024, 1024), (0, 0, 1024, 400), True),
        ((1344, 768), (0, 0, 840, 600), True),
        ((256, 256), (0, 0, 256, 76), True),
        ((128, 512), (0, 0, 128, 320), True),
        ((1536, 64), (0, 0, 1400, 50), True),
        ((64, 64), (0, 0, 64, 19), False),
        ((128, 16), (0, 0, 110, 16), False),
    ],
    ids=str,
)
def test_words_stand_where_they_have_room(size: tuple[int, int], room: tuple[int, int, int, int], words: bool) -> None:
    light = [colour for colour in colours(opened(drawing.placeholder(size)).crop(room)) if min(colour) > 80]

    assert bool(light) is words


def test_a_placeholders_words_have_contrast_to_sky_and_light() -> None:
    beside_the_lighthouse = opened(drawing.placeholder((1344, 768))).crop((0, 0, 840, 600))
    sky, beam, *letters = colours(beside_the_lighthouse)[:4]

    assert min(contrast(letter, ground) for letter in letters for ground in (sky, beam)) >= 4.5


# Errors


@pytest.mark.parametrize(
    "detail",
    ["", "there is none", 'steps="500": a number from 10 to 50', LONG[:300], LONG[:600], LONG, "W" * 10_000],
    ids=lambda detail: f"{len(detail)} letters",
)
def test_an_error_is_a_small_file_as_high_as_its_text(detail: str) -> None:
    data = drawing.error(TITLE, detail, FOOTER)
    image = opened(data)

    assert (image.width, image.mode) == (400, "P")
    assert 225 <= image.height <= 800
    assert len(data) < KILOBYTES_10


@settings(max_examples=60, deadline=None)
@given(*(st.text(st.characters(), max_size=700) for _ in range(3)))
def test_any_text_is_drawn(title: str, detail: str, footer: str) -> None:
    data = drawing.error(title, detail, footer)

    assert opened(data).width == 400
    assert len(data) < KILOBYTES_10


@pytest.mark.parametrize("text", ["W" * 10_000, "word " * 2_000, "灯" * 10_000, "i" * 10_000])
def test_long_texts_stay_within_the_margins(text: str) -> None:
    image = opened(drawing.error(text, text, text))
    shore = image.height - 110

    assert len(colours(image.crop((0, 0, 28, shore)))) == 1
    assert len(colours(image.crop((373, 0, 400, shore)))) == 1
    assert len(colours(image.crop((0, shore, 300, shore + 60)))) == 1


def test_a_detail_is_cut_after_600_letters() -> None:
    whole = drawing.error(TITLE, LONG[:600], FOOTER)

    assert drawing.error(TITLE, LONG[:598], FOOTER) != whole
    assert drawing.error(TITLE, LONG[:601], FOOTER) != whole
    assert drawing.error(TITLE, LONG[:601], FOOTER) == drawing.error(TITLE, LONG, FOOTER)


def test_a_letter_that_the_font_lacks_is_a_sign() -> None:
    assert drawing.error(TITLE, "灯", FOOTER) == drawing.error(TITLE, "🐈", FOOTER) != drawing.error(TITLE, "", FOOTER)
    assert drawing.error(TITLE, "a\x1b\nb\x00c", FOOTER) == drawing.error(TITLE, "a b c", FOOTER)


@pytest.mark.parametrize("rows", [(28, 88), (118, 166), (-30, 0)], ids=["title", "detail", "footer"])
def test_an_errors_words_have_contrast_to_their_ground(rows: tuple[int, int]) -> None:
    image = opened(drawing.error(TITLE, "there is no such parameter here, and never was one", FOOTER))
    top, bottom = (row if row > 0 else image.height + row for row in rows)
    ground, letter = colours(image.crop((28, top, 300, bottom)))[:2]

    assert contrast(letter, ground) >= 4.5
