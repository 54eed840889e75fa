"""The pages of the documentation, and the blocks of code in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
# "Write this into a file `README.md`:" names the file that the block below is.
_FILE = re.compile(r"`([^`]+)`[^`]*:$")
# A list item's marker and a block quote's are in the lines that a block's place counts.
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A block of code.

    page      the page's path in the repository
    line      the line of the page that it begins in, from 1
    language  what stands behind its fence
    text      what is in it
    file      the file that the sentence above names, where that ends in a colon; else empty
    """

    page: str
    line: int
    language: str
    text: str
    file: str = ""

    @property
    def first(self) -> str:
        """Its first line, by which the list of docs/examples.md names it."""
        return self.text.partition("\n")[0].strip()

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(path: Path, text: str | None = None) -> Iterator[Block]:
    """The fenced blocks of a page in their order. `text` is what it says; by default what is in the file."""
    text = path.read_text() if text is None else text
    page, above = str(path.relative_to(ROOT)), ""
    for token in _MARKDOWN.parse(text):
        if token.type == "inline":
            above = token.content
        elif token.type == "fence" and token.map:
            named = _FILE.search(above)
            yield Block(page, token.map[0] + 1, token.info.strip(), token.content, named[1] if named else "")


def all_blocks() -> list[Block]:
    """Those of all pages."""
    return [block for path in PAGES for block in blocks(path)]


def without_code(text: str) -> str:
    """A page without its blocks of code."""
    lines = text.split("\n")
    for token in _MARKDOWN.parse(text):
        if token.type == "fence" and token.map:
            lines[slice(*token.map)] = [""] * (token.map[1] - token.map[0])
    return "\n".join(lines)


def spans(text: str) -> list[str]:
    """The code in the lines of a page, as readers see it."""
    inlines = (token.children or [] for token in _MARKDOWN.parse(text) if token.type == "inline")
    return [child.content for children in inlines for child in children if child.type == "code_inline"]


def listed(heading: str) -> list[tuple[str, str]]:
    """The rows below a heading of docs/examples.md: a page, and what the block or the command begins with."""
    section = (DOCS / "examples.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"(?m)^\| ([\w./-]+\.md) \| `(.*?)` \|", section)


def run_pages() -> list[Path]:
    """The pages that docs/examples.md says are run word by word."""
    section = (DOCS / "examples.md").read_text().partition("## Run word by word\n")[2].partition("\n## ")[0]
    return [(DOCS / link).resolve() for link in re.findall(r"(?m)^- \[.*?\]\((.*?)\)", section)]
