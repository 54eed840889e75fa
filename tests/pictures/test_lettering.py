"""Lettering: only letters that the font has, in lines that fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.pictures.lettering import font, length, lines, readable


@pytest.mark.parametrize(
    ("prompt", "caption"),
    [
        ("a lighthouse", "a lighthouse"),
        ("Grüße, Ελλάδα, Привет", "Grüße, Ελλάδα, Привет"),
        ("灯台 and a cat 🐈", "and a cat"),
        ("灯台", ""),
        ("🐈 🏔️", ""),
        ("灯台, 猫!", ""),
    ],
)
def test_letters_that_the_font_lacks_are_left_out(prompt: str, caption: str) -> None:
    assert readable(prompt) == caption


@pytest.mark.parametrize("text", ["word " * 80, "x" * 400, "Ωμέγα-" * 60])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_long_caption_is_wrapped_and_cut(text: str, most: int) -> None:
    broken = lines(text.strip(), 20, 300, most)
    assert len(broken) == most
    assert broken[-1].endswith("…")
    assert max(length(line, 20) for line in broken) <= 300


def test_a_caption_that_fits_is_kept_whole() -> None:
    assert lines("a lighthouse at dusk by the sea", 20, 200, 3) == ["a lighthouse at", "dusk by the sea"]


@given(st.text(max_size=60), st.integers(10, 60))
def test_a_line_is_as_long_as_the_font_draws_it(text: str, size: int) -> None:
    assert length(text, size) == font(size).getlength(text)
