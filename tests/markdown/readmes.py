"""READMEs of real packages, those that are installed on this machine; and our URLs planted in them.

Where a planted URL lands, in code or in a table, the renderers say, which know nothing of `promptcdn.markdown`.
"""

import random
import re
import sys
from collections.abc import Iterable, Iterator
from email import message_from_string
from html.parser import HTMLParser
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

HOST = "https://pics.example.org"
# Of the Python that these tests' own environment was made with, and of Debian's.
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_OTHER_PACKAGES = [f"{sys.base_prefix}/lib/{_VERSION}/site-packages", "/usr/lib/python3/dist-packages"]
_OURS = re.compile(r"https://pics\.example\.org/\?prompt=a&(?:amp;)?seed=(\d+)")

# Each takes two URLs. `{n}` is a number that no other has.
MARKDOWN = (
    "![a]({one})",
    "text ![a *b*](<{one}> 'title') text",
    "[![a]({one} (title))]({two})",
    "![a][l{n}] and ![l{n}]\n\n[l{n}]: {one}",
    "[a][l{n}]\n\n[l{n}]:\n  <{one}>\n  'title'",
    "<{one}>",
    "see {one}, or ({two}).",
    '<img src="{amp}" alt="a">',
    "text <img alt='a'\n  src='{one}'/> text",
    '<p align="center">\n<img src={one}>\n</p>',
    '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="{one}">\n  <img src="{two}">\n</picture>',
    '<source srcset="{one} 1x, {amp} 2x">',
    '<a href="{one}">\n\n![a]({two})\n\n</a>',
    "| a | b |\n|---|---|\n| ![a]({one}) | [b]({two}) |",
    "> ![a]({one})\n> <img\n> src='{two}'>",
    "1. a\n   - ![a]({one})\n\n     ![b]({two})",
    "`{one}` ![a]({two})",
    "```\n![a]({one})\n```",
    "    ![a]({one})",
    "<!-- ![a]({one}) -->",
    "## ![a]({one})",
    "![a]({one})\n---",
    "![a\nb]({one})",
    "**![a]({one})** ~~[b]({two})~~",
)

RST = (
    ".. image:: {one}",
    ".. image:: {one}\n   :alt: a *b*\n   :target: {two}",
    ".. figure:: {one}\n   :width: 5\n\n   A caption",
    "text |l{n}| text\n\n.. |l{n}| image:: {one}\n   :alt: a\n   :target: {two}",
    "`link l{n}`_ and `b <{two}>`_\n\n.. _link l{n}: {one}",
    "* .. image:: {one}\n\n* a\n\n  .. image:: {two}",
    ".. note::\n\n   .. image:: {one}",
    "text::\n\n   .. image:: {one}",
    ".. code::\n\n   .. image:: {one}",
    ".. a comment\n\n   .. image:: {one}",
    ".. raw:: html\n\n   <p><img src='{one}'></p>\n   <a href='{amp}'>a</a>",
    "``.. image:: {one}``",
)
ASCIIDOC = (
    "image::{one}[a]",
    'image::{one}["a, b", 5, link={two}]',
    "text image:{one}[a] text link:{two}[b].",
    "{one}[a] and {two}",
    "* a\n  image:{one}[b]",
    "|===\n| a | image:{one}[a, 5]\n|===",
    "====\nimage::{one}[]\n====",
    "----\nimage::{one}[]\n----",
    "....\nimage:{one}[]\n....",
    "[source,asciidoc]\nimage:{one}[]",
    "// image:{one}[]",
    "////\nimage::{one}[]\n////",
    "++++\n<img src='{one}'>\n++++",
    " literal image:{one}[]",
    "`+image:{one}[]+` image:{two}[]",
    "== image:{one}[a]",
)


class Readme(NamedTuple):
    """One README: the package's name, and its text."""

    name: str
    text: str


def readmes(content_type: str, endings: tuple[str, ...]) -> list[Readme]:
    """Those of Python packages on this machine in this markup, and of Node's, Ruby's and Debian's, each text once."""
    found: dict[str, Readme] = {}
    for distribution in (*distributions(), *distributions(path=_OTHER_PACKAGES)):
        message = message_from_string(distribution.read_text("METADATA") or "")
        if message.get("Description-Content-Type", "text/x-rst").startswith(content_type):
            text = str(message.get_payload() or message.get("Description") or "")
            found.setdefault(text, Readme(str(message["Name"]), text))
    for folder in (
        Path("/usr/share/nodejs"),
        Path("/usr/lib/node_modules"),
        *(Path("/usr/share/doc"), Path("/usr/lib/ruby/gems"), Path("/var/lib/gems")),
        *Path(".venv").glob("lib/*/site-packages"),
    ):
        for path in sorted(folder.rglob("[Rr][Ee][Aa][Dd][Mm][Ee]*")):
            if path.suffix.lower() in endings and path.is_file():
                text = path.read_bytes().decode(errors="replace")
                found.setdefault(text, Readme(str(path), text))
    return sorted((one for one in found.values() if one.text.strip()), key=lambda one: one.name)


def planted(readme: Readme, ways: Iterable[str], numbers: Iterator[int], *, begin: str = "\n") -> str:
    """The README with a URL in each of the ways, between lines that its name draws. No two URLs are the same.

    `begin` is what a place for one comes behind.
    """
    draw = random.Random(readme.name)
    text = readme.text
    for way in ways:
        one, two, amp = (url(next(numbers)) for _ in range(3))
        snippet = way.format(one=one, two=two, amp=amp.replace("&", "&amp;"), n=next(numbers))
        places = [0, *(found.end() for found in re.finditer(begin, text))]
        place = draw.choice(places)
        blank = draw.choice(("\n", "\n\n")) if begin == "\n" else "\n\n"
        text = text[:place] + blank + snippet + blank + text[place:]
    return text


def url(number: int) -> str:
    """One that no other README has."""
    return f"{HOST}/?prompt=a&seed={number}"


def seeds(text: str) -> list[int]:
    """The seeds of our URLs in a text."""
    return [int(found[1]) for found in _OURS.finditer(text)]


class Events(HTMLParser):
    """A page as a list: tags with their attributes, texts, comments, and declarations."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.events: list[tuple[str, ...]] = []
        self.values: list[str] = []
        self.feed(page)
        self.close()

    @property
    def seeds(self) -> set[int]:
        """The seeds of our URLs in attributes that name pictures or pages."""
        return {seed for value in self.values for seed in seeds(value)}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.events.append((tag, *(f"{name}={value}" for name, value in attrs)))
        self.values += [value for name, value in attrs if name in ("src", "href", "srcset") and value]

    def handle_endtag(self, tag: str) -> None:
        self.events.append(("/", tag))

    def handle_data(self, data: str) -> None:
        self.events.append(("text", data))

    def handle_comment(self, data: str) -> None:
        self.events.append(("comment", data))

    def unknown_decl(self, data: str) -> None:
        self.events.append(("declaration", data))
