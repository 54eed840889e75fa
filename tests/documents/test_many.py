"""Thousands of documents: what is looked at, how the time grows, and a bar that tells the truth."""

import os
import pty
import re
import subprocess
import time
from pathlib import Path

import pytest

from promptcdn.documents.files import Document
from promptcdn.documents.parsing import Parsed, parsed
from promptcdn.markdown import Kind
from promptcdn.markdown.vendor import VendoredFiles
from tests.documents.tree import Tree
from tests.support.service import PROMPTCDN, environment

PICTURE = "![a]({b}/?prompt=a)\n"


def write(tree: Tree, count: int, every: int) -> None:
    """So many documents, of which every so manieth has a picture."""
    for number in range(count):
        tree.write(f"{number % 20}/{number}.md", PICTURE if number % every == 0 else "no picture\n" * 50)


def on_a_terminal(tree: Tree, *words: str) -> tuple[str, str]:
    """What a command prints, and what the terminal shows."""
    ours, theirs = pty.openpty()
    settings = environment(PROMPTCDN_PUBLIC_URL=tree.base, TERM="xterm", COLUMNS="80")
    with subprocess.Popen(
        [PROMPTCDN, *words], cwd=tree.folder, env=settings, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux: nobody has the other end any more
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
        said = process.communicate()[0]
    assert process.returncode == 0, shown
    return said, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


@pytest.mark.parametrize(("count", "every"), [(40, 2), (600, 2)], ids=["few", "on all processors"])
def test_the_bars_tell_the_truth(tree: Tree, count: int, every: int) -> None:
    """The first is over all documents, the second over those that are written; both end where they should."""
    write(tree, count, every)

    said, shown = on_a_terminal(tree, "pin", "--seed", "7")

    assert said == f"seeds were written into {count // every} URLs in {count // every} files\n"
    for what, total in (("reading", count), ("writing", count // every)):
        told = [(int(done), int(of)) for done, of in re.findall(rf"{what} \D*?(\d+)/(\d+)", shown)]
        assert {of for _, of in told} == {total}
        assert [done for done, _ in told] == sorted(done for done, _ in told)
        assert told[-1] == (total, total)


def test_nothing_is_shown_where_there_is_nothing_to_do(tree: Tree) -> None:
    tree.write("a.md", "no picture")

    assert "0/0" not in on_a_terminal(tree, "pin")[1]


def test_only_documents_that_may_have_pictures_are_parsed(tree: Tree) -> None:
    write(tree, 5000, 50)
    documents = [Document(path, Kind.MARKDOWN, tree.folder) for path in sorted(tree.folder.rglob("*.md"))]
    done: list[int] = []
    looked_at: list[Path] = []

    def parse(document: Document, text: str) -> str:
        looked_at.append(document.path)
        return text

    found = list(parsed(documents, lambda _, text: tree.base in text, parse, lambda: done.append(1)))

    assert len(looked_at) == len(found) == 100
    assert all(isinstance(each, Parsed) for each in found)
    assert len(done) == 5000


def test_time_grows_with_the_documents_and_no_faster() -> None:
    """A lock file of as many pictures as documents is looked through once for each document, and not for each pair."""
    times = {}
    for count in (400, 1600):
        files = frozenset(f"pictures/a-lighthouse-{number}-{number:08x}.webp" for number in range(count))
        text = "some words of a document, with-dashes_and.dots / slashes\n" * 40
        begin = time.process_time()
        found = sum(VendoredFiles(f"{number}.md", files).may_be_in(text) for number in range(count))
        times[count] = time.process_time() - begin
        assert found == 0
        assert VendoredFiles("a.md", files).may_be_in(text + "![a](pictures/a-lighthouse-7-00000007.webp#b)")
    assert times[1600] < 10 * times[400]
