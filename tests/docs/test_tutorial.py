"""The tutorial and README.md, followed word by word in a fresh folder."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, blocks
from tests.docs.terminal import Terminal


def copied_sources(folder: Path) -> Path:
    """The repository's files that an installation needs, in `folder`: building leaves files beside them."""
    unwanted = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(ROOT / "proxy", folder / "proxy", ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.mark.timeout(300)
def test_the_tutorial_works_word_by_word(tmp_path: Path) -> None:
    """In a fresh folder and the fresh virtual environment that it makes, with our wheel and what that needs."""
    copied_sources(tmp_path / "promptcdn")

    with Terminal(tmp_path) as terminal:
        for block in blocks(DOCS / "tutorial.md"):
            terminal.follow(block)
        project = terminal.here()

    assert project == tmp_path / "my-project"
    assert len(list((project / "pictures").glob("*.webp"))) in (0, 3)
