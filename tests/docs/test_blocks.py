"""Every block of code of the documentation is read by what reads its language, or is listed as not read."""

import pytest

from tests.docs.languages import LANGUAGES, wrong_with
from tests.docs.pages import ROOT, Block, all_blocks, blocks, listed, run_pages

NOT_READ = listed("Not read")
READ = [block for block in all_blocks() if (block.page, block.first) not in NOT_READ]


@pytest.mark.parametrize("block", READ, ids=str)
def test_a_block_is_good(block: Block) -> None:
    assert wrong_with(block) == ""


@pytest.mark.parametrize(
    ("language", "text", "wrong"),
    [
        ("sh", "if true; then", "syntax error"),
        ("sh", "export PROMPTCDN_BUDGET=much", "PROMPTCDN_BUDGET"),
        ("console", "$ PROMPTCDN_MISSES=ajar promptcdn serve\n…\n", "PROMPTCDN_MISSES"),
        ("markdown", "![a cat](http://127.0.0.1:8080/?prompt=a+cat&sede=7)", "sede"),
        ("html", '<img alt="a cat" src="https://host/?prompt=a+cat&amp;seed=-7">', "seed"),
        ("rst", ".. image:: https://host/?prompt=a+cat&sampler=mine", "sampler"),
        ("json", "{'a': 1}", "double quotes"),
        ("yaml", "a: [1", "expected"),
        ("toml", "a = ", "Invalid value"),
        ("hcl", 'planet = "mars"\n', "planet"),
        ("python", "def f(:", "invalid syntax"),
        ("javascript", "const = 1", "SyntaxError"),
        ("ruby", "def f(", "syntax error"),
        ("php", "<?php f(;", "syntax error"),
        ("fortran", "END", "nothing reads this language"),
    ],
)
def test_what_is_wrong_with_a_block_is_said(language: str, text: str, wrong: str) -> None:
    assert wrong in wrong_with(Block("docs/a.md", 1, language, text))


def test_every_row_of_the_list_is_a_block_that_nothing_reads() -> None:
    """A row whose block has changed or gone is told, and so is one that something could read."""
    unread = {(block.page, block.first) for block in all_blocks() if block.language not in LANGUAGES}

    assert [row for row in NOT_READ if row not in unread] == []


def test_every_row_of_what_is_not_run_is_a_command_of_its_page() -> None:
    lines = {
        str(page.relative_to(ROOT)): [line for block in blocks(page) for line in block.text.splitlines()]
        for page in run_pages()
    }

    for page, command in listed("Not run"):
        assert any(line.removeprefix("$ ").startswith(command) for line in lines[page]), command
