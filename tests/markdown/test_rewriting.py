"""A new URL in the place of an old one: it is read there as it was meant, and nothing else changes."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptcdn.markdown import Kind, Ours, find, rewritten
from promptcdn.markdown.pin import pinned, unpinned

OURS = Ours.of("https://pics.example.org")
BASE = "https://pics.example.org"
URL = f"{BASE}/?prompt=a&seed=7"
AMP = URL.replace("&", "&amp;")

PLACES = [
    *((Kind.MARKDOWN, text) for text in (
        f"![a]({URL} 'title')",
        f"![a](<{AMP}>)",
        f"[![a]({URL})](https://elsewhere.example)",
        f"<{URL}>",
        f"see {URL}",
        f"(see {URL}).",
        f"[l]: {URL} 'title'",
        f"| a | b |\n|---|---|\n| ![a]({URL}) | b |",
        f"<p>\n<img src={URL}>\n</p>",
        f"> text <img src='{AMP}'>",
    )),
    *((Kind.HTML, text) for text in (
        f"<img src='{URL}'>",
        f'<img src="{AMP}">',
        f"<img src={URL}>",
        f"<img srcset='{URL} 1x, {AMP},a.png 3x'>",
    )),
    (Kind.RST, f".. image:: {URL}\n   :target: {URL}\n\n.. _a: {URL}\n"),
    (Kind.ASCIIDOC, f"image::{URL}[a,link={URL}]\n\ntext image:{URL}[a] and link:{URL}[b] and {URL}\n"),
    (Kind.NOTEBOOK, f'{{"cells": [{{"cell_type": "markdown", "source": ["![a]({URL})\\n"]}}]}}'),
]  # fmt: skip
LETTERS = st.sampled_from(
    [*" ()[]<>{}\"'`\\|^~*_-.,:;!?#%=+@$/", "&", "&amp;", "&copy", "&lt;", "a", "é", "🦊", "\u00a0", "\n"]
)
VALUES = st.lists(LETTERS, max_size=12).map("".join)


def meant(url: str) -> str:
    """The same for all URLs of one picture."""
    before, mark, after = url.replace("\n", "").partition("#")
    return unquote(before.replace("+", " ")) + mark + unquote(after.replace("+", " "))


@pytest.mark.parametrize(("kind", "text"), PLACES)
@given(value=VALUES)
@settings(max_examples=100, deadline=None)
def test_a_new_url_is_read_as_it_was_meant(kind: Kind, text: str, value: str) -> None:
    """Whatever is in it: brackets, blanks, quotes, bars, and what looks like a reference of HTML."""
    url = f"{BASE}/?prompt=b{value}&seed=8"
    found = find(text, kind, OURS)

    after = rewritten(text, dict.fromkeys(found, url))

    again = find(after, kind, OURS)
    assert [one.syntax for one in again] == [one.syntax for one in found]
    assert {meant(one.url) for one in again} == {meant(url.replace("\n", "%0A"))}
    assert pieces(after, [one.span for one in again]) == pieces(text, [one.span for one in found])
    assert after.isascii() or not text.isascii()
    assert rewritten(after, {one: one.url for one in again}) == after


@pytest.mark.parametrize(("kind", "text"), PLACES)
def test_a_relative_path_may_stand_for_a_url(kind: Kind, text: str) -> None:
    taking = [one for one in find(text, kind, OURS) if one.takes_paths]

    after = rewritten(text, dict.fromkeys(taking, "../img/a b.webp"))

    assert after.count("../img/a%20b.webp") == len(taking)
    assert not any(one.takes_paths for one in find(after, kind, OURS))


@pytest.mark.parametrize("text", [f"<{URL}>", f"see\n{URL}"])
def test_a_path_is_refused_where_it_is_no_link(text: str) -> None:
    (found,) = find(text, Kind.MARKDOWN, OURS)

    with pytest.raises(ValueError, match="a path is no link here"):
        rewritten(text, {found: "a.webp"})


def pieces(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """What stands between the URLs."""
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return [text[end:start] for end, start in zip(ends, starts, strict=True)]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.NOTEBOOK])
@given(
    text=st.lists(
        st.one_of(
            st.sampled_from(["![a](", ")", "<", ">", "`", "\n", "\r\n", "\r", "> ", "- ", "    ", "[l]: ", "![l]"]),
            st.sampled_from([".. image:: ", ".. ", "   :target: ", "::\n", "image::", "[]", "----\n", "<img src='"]),
            st.sampled_from([URL, AMP]),
            st.text(max_size=5),
        ),
        max_size=20,
    ).map("".join)
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_the_same_urls_make_the_same_text(kind: Kind, text: str) -> None:
    """On any text; and each span is where the URL is spelled, at the line and column that are told."""
    found = find(text, kind, OURS)

    assert rewritten(text, {one: one.url for one in found}) == text
    assert all(one.span.end <= following.span.start for one, following in pairwise(found))
    for one in found:
        assert OURS.target(one.url) == one.target
        assert re.match("(?i)https://pics.example.org", text[slice(*one.span)])
        before = re.split("\r\n|\r|\n", text[: one.span.start])
        assert (one.line, one.column) == (len(before), len(before[-1]) + 1)


def test_two_rewrites_are_one() -> None:
    """As of `pin`: what is rewritten is found, and needs no rewrite."""
    for kind, text in PLACES:

        def pinned(text: str, kind: Kind = kind) -> str:
            seedless = [one for one in find(text, kind, OURS) if "seed=" not in one.url]
            return rewritten(text, {one: f"{one.base}{one.target}&seed=9" for one in seedless})

        once = pinned(text.replace("&amp;seed=7", "").replace("&seed=7", ""))

        assert once.count("seed=9") == len(find(text, kind, OURS))
        assert pinned(once) == once


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("![a](§/?prompt=ein+schönes+haus)", "![a](§/?prompt=ein+schönes+haus&seed=8)"),
        ("![a](<§/?prompt=a b'c>)", "![a](<§/?prompt=a b'c&seed=8>)"),
        ("![a](§/?prompt=a&amp;w=64#b'(c))", "![a](§/?prompt=a&amp;w=64&amp;seed=8#b'(c))"),
        ("<img src='§/?prompt=a&eacute;&amp;w=64'>", "<img src='§/?prompt=a%C3%A9&amp;w=64&amp;seed=8'>"),
        ("![a](§/?prompt=b_)", "![a](§/?prompt=b_&seed=8)"),
        ("see §/prompt/é.", "see §/prompt/é?seed=8."),
    ],
)
def test_what_a_url_has_otherwise_stays_as_it_is_spelled(before: str, after: str) -> None:
    """And what was pinned comes back, unless an entity stands before it."""
    text = before.replace("§", BASE)
    (found,) = find(text, Kind.MARKDOWN, OURS)

    new = rewritten(text, {found: f"{found.base}{pinned(found.target, 8)}"})

    assert new == after.replace("§", BASE)
    (again,) = find(new, Kind.MARKDOWN, OURS)
    back = rewritten(new, {again: f"{again.base}{unpinned(again.target)}"})
    assert back == text or "%C3%A9" in after


def test_text_without_our_host_is_not_parsed() -> None:
    """Thousands of files take seconds: a search decides, and the parser is not even imported."""
    program = (
        "import sys; from promptcdn.markdown import Kind, Ours, find;"
        "ours = Ours.of('https://pics.example.org');"
        "assert find('![a](https://elsewhere.example/?prompt=a)' * 1000, Kind.MARKDOWN, ours) == ();"
        "assert 'marko' not in sys.modules;"
        "assert find('![a](https://pics.example.org/?prompt=a)', Kind.MARKDOWN, ours);"
        "assert 'marko' in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_the_example_in_the_docs_works(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "markdown.md").read_text()

    exec(page.partition("```python\n")[2].partition("```")[0], {})  # noqa: S102

    said = capsys.readouterr().out
    assert said.startswith("1 17 /?prompt=a+lighthouse\n![a lighthouse](https://pictures.example.org/?prompt=a+light")
    assert said.rstrip().endswith("&seed=7)")
