"""What a picture is called when it is saved (RFC 6266)."""

import re
from urllib.parse import unquote

import pytest
import unicodedata2 as unicode
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.readers.filenames import content_disposition, stem


@pytest.mark.parametrize(
    ("prompt", "seed", "name"),
    [
        ("a lighthouse", 7, "a-lighthouse-7"),
        ("A Cat's  hat -- 3.5 m (tall)!", 0, "a-cats-hat-3-5-m-tall-0"),
        ("../../etc/passwd", 7, "etc-passwd-7"),
        (".htaccess", 7, "htaccess-7"),
        ("灯台", 7, "灯台-7"),
        ("🦊", 7, "picture-7"),
        ("a lighthouse", None, "a-lighthouse"),
        ("हिन्दी", 7, "हिन्दी-7"),
    ],
)
def test_a_name_has_the_words_of_the_prompt_and_the_seed(prompt: str, seed: int | None, name: str) -> None:
    assert stem(prompt, seed) == name


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a-lighthouse-7", 'inline; filename="a-lighthouse-7.webp"'),
        ("café-7", "inline; filename=\"cafe-7.webp\"; filename*=UTF-8''caf%C3%A9-7.webp"),
        ("灯台-7", "inline; filename=\"picture-7.webp\"; filename*=UTF-8''%E7%81%AF%E5%8F%B0-7.webp"),
    ],
)
def test_a_name_that_is_not_ascii_has_a_second_spelling(name: str, header: str) -> None:
    assert content_disposition(name, "webp") == header


@given(st.text(max_size=300), st.integers(0, 2**32 - 1))
def test_no_prompt_breaks_the_header_or_a_file_system(prompt: str, seed: int) -> None:
    header = content_disposition(stem(prompt, seed), "png")
    match = re.fullmatch(
        r"inline; filename=\"([A-Za-z0-9-]+\.png)\"(?:; filename\*=UTF-8''([A-Za-z0-9%._~-]+\.png))?", header
    )

    assert match is not None
    assert len(header) < 400
    whole = unquote(match[2] or match[1])
    assert len(whole.encode()) <= 80
    assert whole.endswith(f"-{seed}.png")
    assert {unicode.category(letter)[0] for letter in whole} <= set("LMNP")
    assert not whole.startswith((".", "-"))
