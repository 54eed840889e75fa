"""The short syntax of Markdown: a fenced block whose text is a prompt becomes an image."""

import pytest

from promptcdn.sites.syntax import translated

URL = "https://pictures.example.org"
TRANSLATED = [
    ("```promptcdn\na cat\n```", "![a cat](§/i.webp?prompt=a+cat)"),
    ("``` promptcdn seed=7\na cat\n```", "![a cat](§/i.webp?prompt=a+cat&seed=7)"),
    ("~~~promptcdn seed=7\na\n  cat\n~~~~", "![a cat](§/i.webp?prompt=a+cat&seed=7)"),
    ('```promptcdn alt="Our cat" format=png\na cat\n```', "![Our cat](§/i.png?prompt=a+cat)"),
    ("```promptcdn alt=''\na cat\n```", "![](§/i.webp?prompt=a+cat)"),
    ("  ```promptcdn\n  a cat\n  ```", "  ![a cat](§/i.webp?prompt=a+cat)"),
    ("```promptcdn\na [cat](x)\n```", "![a \\[cat\\](x)](§/i.webp?prompt=a+%5Bcat%5D%28x%29)"),
]
ALONE = [
    "```\na cat\n```",
    "```promptcdns\na cat\n```",
    "```python\npromptcdn\n```",
    "````md\n```promptcdn\na cat\n```\n````",
    "~~~\n```promptcdn\na cat\n```\n~~~",
    "```promptcdn\na cat",
    "`promptcdn` and\n``` `promptcdn` ```\n",
]
WRONG = [
    ("width=0", "width"),
    ("sed=7", "sed"),
    ("seed", "parameters are written like seed=7"),
    ("alt='a", "a quotation mark has no end in alt='a"),
    ("format=auto", "format"),
]


def lines_of(text: str) -> tuple[list[str], list[str]]:
    """The lines that come out, and what is told."""
    told: list[str] = []
    return list(translated(text.split("\n"), URL, told.append)), told


@pytest.mark.parametrize(("block", "image"), TRANSLATED)
def test_a_block_becomes_an_image(block: str, image: str) -> None:
    assert lines_of(f"before\n{block}\nafter") == (["before", "", image.replace("§", URL), "", "after"], [])


@pytest.mark.parametrize("text", ALONE)
def test_other_code_stays_as_it_is(text: str) -> None:
    assert lines_of(text) == (text.split("\n"), [])


@pytest.mark.parametrize(("words", "what"), WRONG)
def test_a_block_that_is_wrong_stays_and_is_told(words: str, what: str) -> None:
    block = f"```promptcdn {words}\na cat\n```"

    lines, told = lines_of(block)

    assert lines == block.split("\n")
    assert len(told) == 1
    assert told[0].startswith('the block "a cat": ')
    assert what in told[0]


def test_a_block_without_a_prompt_is_told() -> None:
    lines, told = lines_of("```promptcdn seed=7\n\n```")

    assert (lines, len(told)) == (["```promptcdn seed=7", "", "```"], 1)
    assert "prompt" in told[0]
