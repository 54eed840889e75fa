"""The commands on the READMEs of the packages on this machine, with our URLs planted in every syntax.

Independent parsers say where the URLs are, and compare the pages before and after: GitHub's cmark-gfm, markdown-it,
docutils, Asciidoctor and html5lib, which know nothing of `promptcdn.markdown`.
"""

import html
import json
import re
from collections.abc import Iterator
from itertools import count
from urllib.parse import unquote

import html5lib
from markdown_it import MarkdownIt

from tests.documents.tree import Tree
from tests.markdown.readmes import ASCIIDOC, HOST, MARKDOWN, RST, Events, Readme, planted
from tests.markdown.test_readmes import IN_MARKDOWN, IN_RST, by_asciidoctor, by_docutils, on_github

# Few pictures in many places: the number of a place is the fragment of its URL.
_PICTURES = 6
_PLANTED = re.compile(rf"{re.escape(HOST)}/\?prompt=a(&(?:amp;)?)seed=(\d+)")
_OURS = re.compile(rf"{re.escape(HOST)}/\?prompt=p\d&(?:amp;)?w=64(?P<seed>&(?:amp;)?seed=\d+)?#(?P<place>\d+)")
_PATH = re.compile(r"(?:\.\./)*(pictures/[\w-]+\.webp)(?=#\d)")
_DEFINITION = re.compile(r"\[[^\]]*\]:\s*<?\Z")
_ATTRIBUTE = re.compile("(?:src|srcset|href|content)=")
_MARKDOWN_IT = MarkdownIt("commonmark").enable("table").enable("strikethrough")

Event = tuple[str, ...]


def documents() -> Iterator[tuple[str, str]]:
    """Names and texts, with line ends and byte order marks of all kinds."""
    for number, readme in enumerate(IN_MARKDOWN):
        text = planted(readme, MARKDOWN, count(1)).replace("\r\n", "\n")
        if number % 9 == 0:
            yield f"html/{number}.html", on_github(text)
            cells = [{"cell_type": "markdown", "source": text.splitlines(keepends=True)}]
            yield f"{number}.ipynb", json.dumps({"cells": cells}, indent=number % 3 or None)
        text = ("\ufeff" if number % 5 == 0 else "") + text.replace("\n", ("\n", "\r\n", "\n", "\r")[number % 4])
        yield f"markdown/{number % 7}/{number}.md", text
    for number, readme in enumerate(IN_RST):
        yield f"rst/{number}.rst", planted(readme, RST, count(1), begin=r"\n\n(?!\s)")
    for number in range(3):
        readme = Readme(str(number), "= A page\n\ntext\n\n" + "\n\n".join(f"text {n}" for n in range(9)) + "\n\n")
        yield f"asciidoc/{number}.adoc", planted(readme, ASCIIDOC, count(1), begin="\n\n(?=text)")


def with_pictures(text: str) -> str:
    """With other URLs in the places of those that were planted."""
    return _PLANTED.sub(lambda found: f"{HOST}/?prompt=p{int(found[2]) % _PICTURES}{found[1]}w=64#{found[2]}", text)


def page(name: str, text: str) -> list[Event]:
    """What a parser of its kind makes of a document."""
    match name.rpartition(".")[2]:
        case "html":
            tree = html5lib.parse(text, namespaceHTMLElements=False)
            attributes = [(str(one.tag), sorted(one.attrib.items()), one.text, one.tail) for one in tree.iter()]
            return [(tag, *(f"{key}={value}" for key, value in each), f"{a} {b}") for tag, each, a, b in attributes]
        case "ipynb":
            return Events(on_github("".join(json.loads(text)["cells"][0]["source"]))).events
        case "rst":
            return Events(by_docutils(text)).events
        case "adoc":
            # An image without a description gets one that Asciidoctor makes of its URL.
            events = Events(by_asciidoctor(text)).events
            return [tuple(each for each in event if not each.startswith("alt=")) for event in events]
    return Events(on_github(text)).events + Events(_MARKDOWN_IT.render(text)).events


def in_attributes(events: list[Event]) -> set[str]:
    """The places whose URL a page shows or links to."""
    values = [value for event in events for value in event[1:] if _ATTRIBUTE.match(value)]
    return {found["place"] for value in values for found in _OURS.finditer(value)}


def test_pin_vendor_and_undo_change_urls_and_nothing_else(tree: Tree) -> None:
    base, tree.base = tree.base, HOST
    before = {name: with_pictures(text) for name, text in documents()}
    write(tree, before, base)

    ended = tree_at(tree, base).run("pin")
    # What was planted between the lines of another link breaks both: such URLs are left out, and told.
    *told, _ = ended.stderr.splitlines()
    assert all("this URL is left out: " in line for line in told)
    broken = {line.partition(":")[0] for line in told}
    assert len(broken) < len(before) / 8
    pinned = read(tree, before, base)
    for name, text in pinned.items():
        assert _OURS.sub(without_seed, text) == before[name], name
    assert tree_at(tree, base).run("pin").stdout == "seeds were written into 0 URLs in 0 files\n"
    assert read(tree, before, base) == pinned

    ended = tree_at(tree, base).run("vendor", "--to", "pictures")
    assert ended.exit_code == 0, ended.stderr
    vendored = read(tree, before, base)
    entries = json.loads((tree.folder / "promptcdn.lock").read_text())["pictures"].items()
    urls = {entry["file"]: url.replace(base, HOST) for url, entry in entries}
    assert len(urls) == _PICTURES
    for name, text in vendored.items():
        with_urls = _PATH.sub(lambda found: urls[found[1]], text)
        assert html.unescape(unquote(with_urls)) == html.unescape(unquote(pinned[name])), name

    for name in [name for name in before if name not in broken][::3]:
        require_same_pages(name, before[name], pinned[name], vendored[name], urls)

    assert tree_at(tree, base).run("vendor", "--undo").exit_code == 0
    assert read(tree, before, base) == pinned
    assert not (tree.folder / "pictures").exists()
    assert tree_at(tree, base).run("pin", "--unpin").stderr.count("this URL is left out: ") == len(told)
    assert read(tree, before, base) == before


def require_same_pages(name: str, before: str, pinned: str, vendored: str, urls: dict[str, str]) -> None:
    """Where a page has one of our URLs it has another one, or its path; and it is the same otherwise."""
    changed = {found["place"]: found[0] for found in _OURS.finditer(pinned) if found["seed"]}

    def as_pinned(found: re.Match[str]) -> str:
        return plain(changed.get(found["place"], found[0]))

    pages = [page(name, text) for text in (before, pinned, vendored)]
    # The text of a link in HTML is text; in Markdown it may be the link itself.
    part = _ATTRIBUTE if name.endswith(".html") else re.compile("")
    assert [
        tuple(_OURS.sub(as_pinned, each) if part.match(each) else plain(each) for each in event) for event in pages[0]
    ] == [tuple(map(plain, event)) for event in pages[1]], name
    shown = in_attributes(pages[0])
    assert shown <= changed.keys(), name
    # Besides, definitions that nothing uses.
    for place in changed.keys() - shown:
        start = next(found.start() for found in _OURS.finditer(pinned) if found["place"] == place)
        assert _DEFINITION.search(pinned[:start]), (name, place)
    assert [
        tuple(plain(_PATH.sub(lambda found: urls[found[1]], unquote(each))) for each in event) for event in pages[2]
    ] == [tuple(plain(unquote(each)) for each in event) for event in pages[1]], name


def plain(text: str) -> str:
    """With `&` in our URLs, however it was spelled."""
    return _OURS.sub(lambda found: found[0].replace("&amp;", "&"), text)


def without_seed(found: re.Match[str]) -> str:
    return found[0].replace(found["seed"] or "", "")


def tree_at(tree: Tree, base: str) -> Tree:
    return Tree(tree.folder, base)


def write(tree: Tree, texts: dict[str, str], base: str) -> None:
    """To files, with the URLs of the service."""
    for name, text in texts.items():
        tree.write(name, text.replace(HOST, base).encode())


def read(tree: Tree, names: dict[str, str], base: str) -> dict[str, str]:
    return {name: (tree.folder / name).read_bytes().decode().replace(base, HOST) for name in names}
