"""The pages that docs/examples.md lists are followed word by word, as a new user follows them."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, Block, blocks, run_pages
from tests.docs.terminal import Terminal, is_shown

TUTORIAL = DOCS / "tutorial.md"
PAGES = [page for page in run_pages() if page != TUTORIAL]


def sources(folder: Path) -> Path:
    """The files that an installation needs, copied: building leaves files beside them."""
    unwanted = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "proxy", folder / "proxy", ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.mark.timeout(300)
def test_the_pages_work_word_by_word(tmp_path: Path) -> None:
    """The tutorial from a fresh folder on, then each other page in a fresh folder, with the environment that the
    tutorial makes: it takes longest, so this is one test."""
    home = tmp_path / "new user"
    sources(home / "promptcdn")
    followed(home, TUTORIAL)
    project = home / "my-project"
    assert (project / "README.md").read_text().count("&seed=") == 3
    assert (project / "promptcdn.lock").exists()

    for page in PAGES:
        folder = tmp_path / page.stem
        if page.name == "README.md":
            sources(folder)
        folder.mkdir(exist_ok=True)
        followed(folder, page, home / "venv" / "bin")


def followed(folder: Path, page: Path, *programs: Path) -> None:
    """Does in a folder what a page says."""
    with Terminal(folder, *programs) as terminal:
        for block in blocks(page):
            terminal.follow(block)


@pytest.mark.parametrize(
    ("language", "text", "wrong"),
    [
        ("sh", "false", "false"),
        ("sh", "no-such-program", "not found"),
        ("console", "$ echo one\ntwo\n", "instead of"),
        ("fortran", "END", "does not know what to do"),
    ],
)
def test_a_page_that_does_not_work_is_told(tmp_path: Path, language: str, text: str, wrong: str) -> None:
    with Terminal(tmp_path) as terminal, pytest.raises(AssertionError, match=wrong):
        terminal.follow(Block("docs/a.md", 1, language, text))


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\n", "a\nb\n", False),
        ("a\nb\n", "a\n", False),
        ("a … c\n", "a b c\n", True),
        ("a … c\n", "a\nc\n", False),
        ("…\nc\n", "a\nb\nc\n", True),
        ("…\nc\n", "c\n", True),
        ("a.c\n", "abc\n", False),
        ("", "a\n", False),
    ],
)
def test_what_a_page_shows_is_compared_with_what_is_printed(shown: str, printed: str, expected: bool) -> None:
    """`…` stands for what differs."""
    assert is_shown(shown, printed) is expected
