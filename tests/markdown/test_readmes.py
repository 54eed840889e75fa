"""READMEs of real packages with our URLs planted in every syntax. Independent renderers judge what is found.

The renderers are GitHub's cmark-gfm, markdown-it and docutils; Asciidoctor for the pages that Debian has.
"""

import random
import re
import subprocess
from collections.abc import Callable
from itertools import count
from urllib.parse import unquote

import cmarkgfm
import docutils.core
import pytest
from cmarkgfm.cmark import Options
from markdown_it import MarkdownIt
from marko.source import Source

from promptcdn.markdown import Kind, Ours, Syntax, commonmark, find, rewritten
from tests.markdown.readmes import ASCIIDOC, HOST, MARKDOWN, RST, Events, Readme, planted, readmes, seeds, url

OURS = Ours.of(HOST)
IN_MARKDOWN = readmes("text/markdown", (".md", ".markdown"))
IN_RST = readmes("text/x-rst", (".rst",))
_GITHUB = ("table", "strikethrough", "autolink")
_COMMONMARK = MarkdownIt("commonmark").enable("table").enable("strikethrough")


def on_github(text: str) -> str:
    page: str = cmarkgfm.markdown_to_html_with_extensions(text, Options.CMARK_OPT_UNSAFE, _GITHUB)
    return page


def by_docutils(text: str) -> str:
    quiet = {"report_level": 5, "halt_level": 5, "warning_stream": False, "syntax_highlight": "none"}
    page: bytes = docutils.core.publish_string(text, writer="html", settings_overrides=quiet)
    return page.decode()


def by_asciidoctor(text: str) -> str:
    words = ["asciidoctor", "-e", "-q", "-o", "-", "-"]
    return subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout


def with_all_planted(readme: Readme) -> str:
    return planted(readme, MARKDOWN, count(1))


def test_there_are_enough_readmes() -> None:
    """Of the packages that the tests need, on every machine. More are read where Node's are installed."""
    assert len(IN_MARKDOWN) > 60
    assert len(IN_RST) > 30


def test_lines_are_read_as_marko_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of a line changes nothing."""
    texts = [with_all_planted(readme) for readme in IN_MARKDOWN]
    found = [find(text, Kind.MARKDOWN, OURS) for text in texts]

    monkeypatch.setattr(commonmark, "_Source", Source)

    assert [find(text, Kind.MARKDOWN, OURS) for text in texts] == found


def test_all_and_only_the_urls_that_renderers_see_are_found() -> None:
    disagreed = 0
    for readme in IN_MARKDOWN:
        text = with_all_planted(readme)

        found = find(text, Kind.MARKDOWN, OURS)

        by_syntax = {one.syntax: set[int]() for one in found}
        for one in found:
            by_syntax[one.syntax].update(seeds(one.url))
        # Definitions are found where nothing uses them too.
        defined = by_syntax.pop(Syntax.DEFINITION, set())
        shown = set[int]().union(*by_syntax.values())
        assert shown <= Events(on_github(text)).seeds <= shown | defined, readme.name
        # markdown-it goes on with lists behind tables where GitHub does not; URLs in the text are no links to it.
        bare = by_syntax.get(Syntax.BARE, set())
        disagreed += not shown - bare <= Events(_COMMONMARK.render(text)).seeds <= shown | defined
    assert disagreed <= len(IN_MARKDOWN) // 20


@pytest.mark.parametrize(("line_end", "every"), [("\n", 1), ("\r\n", 3)], ids=["lf", "crlf"])
def test_a_rewrite_changes_those_bytes_and_those_urls(line_end: str, every: int) -> None:
    """The bytes between the URLs stay; and of the page, rendered before and after, nothing but the URLs changes."""
    for readme in IN_MARKDOWN[::every]:
        text = with_all_planted(readme)
        text = "\ufeff" + text.replace("\r\n", "\n").replace("\n", line_end)
        found = find(text, Kind.MARKDOWN, OURS)
        by_seed = {seed: seed + 1000 for one in found for seed in seeds(one.url)[:1]}
        new = {one: seeded(one.url, by_seed) for one in found}

        after = rewritten(text, new)

        again = find(after, Kind.MARKDOWN, OURS)
        assert [unquote(one.url) for one in again] == [unquote(new[one]) for one in found], readme.name
        assert between(after, [one.span for one in again]) == between(text, [one.span for one in found])
        for render in (on_github, _COMMONMARK.render):
            before = [tuple(unquote(seeded(each, by_seed)) for each in event) for event in Events(render(text)).events]
            assert [tuple(map(unquote, each)) for each in Events(render(after)).events] == before, readme.name


def test_what_is_found_once_is_found_again_when_pinned() -> None:
    """As of `pin`: twice is once."""
    for readme in IN_MARKDOWN[::7]:
        text = with_all_planted(readme).replace("seed=", "steps=")

        def pinned(text: str) -> str:
            seedless = [one for one in find(text, Kind.MARKDOWN, OURS) if "seed=" not in one.target]
            return rewritten(text, {one: f"{one.base}{one.target}&seed=9" for one in seedless})

        assert pinned(pinned(text)) == pinned(text) != text


def test_directives_in_real_readmes_are_those_of_docutils() -> None:
    for readme in IN_RST:
        text = planted(readme, RST, count(1), begin=r"\n\n(?!\s)")
        judged(text, Kind.RST, by_docutils, readme.name)


def test_macros_are_those_of_asciidoctor() -> None:
    for number in range(12):
        readme = Readme(str(number), "= A page\n\ntext\n\n" + "\n\n".join(f"text {n}" for n in range(9)) + "\n\n")
        text = planted(readme, ASCIIDOC, count(1), begin="\n\n(?=text)")
        judged(text, Kind.ASCIIDOC, by_asciidoctor, text)


# What documents are made of that no person wrote. A comment that is not closed is left out: a renderer goes on below
# it, and a browser does not.
PIECES = (
    *(
        "> ",
        "- ",
        "1. ",
        "  ",
        "    ",
        "\t",
        "\n",
        "\n\n",
        "\n> ",
        "\n  ",
        "\r\n",
        "text",
        "# ",
        "\n---\n",
        "`",
        "``",
        "```\n",
    ),
    *("![", "![a](", "[", "[a](", "](", "]", ")", "<", ">", "*", "**", "_", "~~", "\\", "&amp;", "!", "a", " ", "  \n"),
    *(
        "[l]: ",
        "[l]:\n",
        "[l]:\n> ",
        ' "t"',
        "\n  't'",
        "\n> 't'",
        "[l\nm]: ",
        "[l\n> m]: ",
        "[^1]: ",
        "![l]",
        "![l m]",
    ),
    *("<img src='", "'>", '<a href="', '">', "<p>\n", "</p>", "<!-- a -->", "\n| a |\n|---|\n| ", " |\n"),
)


def test_urls_are_found_in_what_no_person_wrote() -> None:
    """Broken markup, too, is read as GitHub reads it."""
    found_all = 0
    for number in range(1500):
        draw, numbers = random.Random(number), count(1)
        text = "".join(
            draw.choice(PIECES) if draw.random() < 0.7 else draw.choice(("{0}", "<{0}>")).format(url(next(numbers)))
            for _ in range(draw.randint(2, 12))
        )
        text += "\n\n![l] ![l m]\n"

        found = [one for one in find(text, Kind.MARKDOWN, OURS) if one.syntax != Syntax.BARE]

        shown = {one.url for one in found if one.images or one.syntax != Syntax.DEFINITION}
        page = cmarkgfm.markdown_to_html_with_extensions(text, Options.CMARK_OPT_UNSAFE, _GITHUB[:2])
        seen = {value for value in Events(page).values if value.startswith(HOST)}
        assert {unquote(each) for each in shown} == {unquote(each) for each in seen}, text
        found_all += len(shown)
    assert found_all > 200


# What some markup takes for its own.
NASTY = (
    *" ()[]<>{}\"'`\\|^~*_-.,:;!?%=+@$/&",
    *(
        "++b++",
        "+b+",
        "__b__",
        "_b_",
        "**b**",
        "*b*",
        "--",
        "b--b",
        "...",
        "(C)",
        "->",
        "b'b",
        "~b~",
        "^b^",
        "``b``",
        "{b}",
    ),
    *("&amp;", "&lt;b", "&copy", "&copy=b", "&copy;", "&#104;", "é", "🦊", "&seed=8#only-dark", "a_", "$b$", "[b](c)"),
)
NASTY_PLACES = [
    *((Kind.MARKDOWN, on_github, place) for place in ("![a]({0})", "<{0}>", "|a|\n|-|\n|[a]({0})|", "see {0} now")),
    *((Kind.MARKDOWN, on_github, place) for place in ("a <img src='{0}'>", "![a]({0} 'title')", "![a](<{0}>)")),
    *((Kind.RST, by_docutils, place) for place in (".. image:: {0}", "`a <{0}>`__")),
    *((Kind.ASCIIDOC, by_asciidoctor, place) for place in ("image::{0}[a]", "a image:{0}[a] b", "a link:{0}[a] b")),
    *((Kind.ASCIIDOC, by_asciidoctor, place) for place in ("a {0}[a] b", "image::a.png[a,link={0}]")),
]


@pytest.mark.parametrize(("kind", "render", "place"), NASTY_PLACES, ids=[place for _, _, place in NASTY_PLACES])
def test_renderers_read_a_new_url_as_it_was_meant(kind: Kind, render: Callable[[str], str], place: str) -> None:
    text = "\n\n".join(place.format(url(number)) for number in range(len(NASTY))) + "\n"
    urls = [f"{HOST}/?prompt=a{piece}" if "&seed" in piece else f"{HOST}/?prompt=a{piece}&seed=7" for piece in NASTY]

    after = rewritten(text, dict(zip(find(text, kind, OURS), urls, strict=True)))

    read = [value for value in Events(render(after)).values if value.startswith(HOST)]
    assert [unquote(each.replace("+", " ")) for each in read] == [unquote(each.replace("+", " ")) for each in urls]


def judged(text: str, kind: Kind, render: Callable[[str], str], name: str) -> None:
    """Asserts that what is found in a text is what a renderer makes of it, before and after a rewrite."""
    found = find(text, kind, OURS)
    shown = {seed for one in found for seed in seeds(one.url)}
    assert shown == Events(render(text)).seeds, name
    after = rewritten(text, {one: url(seeds(one.url)[0] + 1000) for one in found})
    assert {seed + 1000 for seed in shown} == Events(render(after)).seeds, name


def between(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """What stands between the URLs."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


def seeded(text: str, by_seed: dict[int, int]) -> str:
    """A text with other seeds in its URLs."""
    return re.sub(r"(?<=seed=)\d+", lambda found: str(by_seed.get(int(found[0]), found[0])), text)
