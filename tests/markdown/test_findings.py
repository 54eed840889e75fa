"""What is wrong with pictures in documents: each fault with its place, and a cure."""

import json
import re
from pathlib import Path

import pytest

from promptcdn.markdown import Kind, Ours, find, rewritten
from promptcdn.markdown.faults.findings import CODES, GITHUB_URL_BYTES, Finding, Rules, findings

OURS = Ours.of("https://pics.example.org")
BASE = "https://pics.example.org/"
GOOD = f"{BASE}?prompt=a&seed=7"

# The code, Markdown with `§` before the fault, and how the cure begins.
FAULTS = [
    ("seedless", f"![a](§{BASE}?prompt=a)", "append &seed=7"),
    ("seedless", f"![a](§{BASE}?prompt=a&seed=random)", "append"),
    ("seedless", f"![a][l]\n\n[l]: §{BASE}?prompt=a", "append"),
    ("missing-alt", f"text §![]({GOOD})", "write what it shows"),
    ("missing-alt", f"§![][l]\n\n[l]: {GOOD}", "write"),
    ("missing-alt", f"> §<img src='{GOOD}'>", "write what it shows as alt="),
    ("too-long", f"![a](§{GOOD}&negative_prompt={'x+' * (GITHUB_URL_BYTES // 2)})", "shorten"),
    ("raw-space", f"![a](§{BASE}?prompt=a lighthouse&seed=7)", "write + or %20"),
    ("raw-space", f"![a](§{BASE}?prompt=a (b) lighthouse&seed=7)", "write + or %20"),
    ("raw-space", f"![a](§{BASE}?seed=7&prompt=(b) lighthouse)", "write + or %20"),
    ("raw-space", f"![a](§{BASE}?prompt=a&seed={{{{ seed }}}})", "write + or %20"),
    ("raw-space", f"![a](§{BASE}?prompt=a\nlighthouse&seed=7)", "write + or %20"),
    ("raw-space", f"- [l]: §{BASE}?prompt=a lighthouse", "write + or %20"),
    ("raw-space", f"<source srcset='§{BASE}?prompt=a lighthouse&seed=7 2x'>", "write + or %20"),
    ("unbalanced-parenthesis", f"![a](§{BASE}?prompt=a+(b&seed=7)", "write %28"),
    ("unbalanced-parenthesis", f"![a](§{BASE}?prompt=a+(b&seed=7) and ![a]({GOOD})", "write %28"),
    ("unbalanced-parenthesis", f"![a](§{BASE}?prompt=a)+b&seed=7)", "write %28"),
    ("pipe-in-table", f"| a | b |\n|---|---|\n| ![a](§{BASE}?prompt=a|b&seed=7) | x |", "write %7C"),
    ("pipe-in-table", f"| a | b |\n|---|---|\n| <img src='§{BASE}?prompt=a|b&seed=7'> | x |", "write %7C"),
    ("unquoted-attribute", f"text <img src=§{GOOD}>", 'write src="URL"'),
    ("not-an-image", f"![a](§{GOOD} 'title)", "look at its brackets"),
    ("maybe-a-mistake", f"![a](§{GOOD}.png)", "write seed=7, and where a tool appends"),
    ("maybe-a-mistake", f'<img alt="a" src="§{GOOD})">', "write seed=7, or put"),
    ("maybe-a-mistake", f"![a](§{BASE}?prompt=a&seed=undefined)", "look why the program"),
    ("maybe-a-mistake", f"![a](§{BASE}?prompt=a&seed={{{{seed}}}})", "look at the blank's name"),
    ("maybe-a-mistake", f"![a](§{BASE}?prompt=undefined&seed=7)", "look why the program"),
    ("maybe-a-mistake", f"![a](§{BASE}?prompt=the+#1+fan&seed=7)", "write %23 for a #"),
    ("maybe-a-mistake", f"<img alt='a' src='§{BASE}?prompt=the+#1+fan&amp;seed=7'>", "write %23 for a #"),
    ("bad-url", f"![a](§{BASE}prompt=a+cat&seed=7)", "write ? before prompt="),
    ("bad-url", f"![a](§{BASE}i.svg?prompt=a&seed=7)", "write one of the extensions .avif, "),
    ("bad-url", f"![a](§{BASE}?promt=a&seed=7)", "write the URL as the message says"),
    ("bad-url", f"![a](§{BASE}i/{'0' * 64}?format=gif)", "write the URL as the message says"),
]

RIGHT = [
    f"![a]({GOOD})",
    f"![a]({BASE}?prompt=a&seed=day)",
    f"![a]({BASE}i/{'0' * 64}.png)",
    f"![a]({BASE}?prompt=a+(b)&seed=7)",
    f"![a](<{BASE}?prompt=a lighthouse&seed=7>)",
    f'<img src="{GOOD}" alt="">',
    f"[a seedless link]({BASE}?prompt=a)",
    f"see {GOOD} (or {GOOD})",
    f"| a |\n|---|\n| ![a]({BASE}?prompt=a\\|b&seed=7) |",
    f"<img alt='a' srcset='{GOOD}&w=64 64w, {GOOD}&w=128 1.5x'>",
    f"![a]({GOOD}&v=2#gh-dark-mode-only)",
    "![a](https://elsewhere.example/?prompt=a)",
    f"`![]({BASE}?prompt=a b)`",
]


def planted(marked: str) -> tuple[str, int, int]:
    """The text without its mark, and the line and the column where that stood."""
    before, after = marked.split("§")
    return before + after, before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


@pytest.mark.parametrize(
    ("kind", "text", "cure"),
    [
        (Kind.MARKDOWN, f"![]({GOOD})", "write what it shows between the first brackets"),
        (Kind.HTML, f'<img src="{GOOD}">', 'write what it shows as alt="…", or alt="" where it is decoration'),
        (Kind.RST, f".. figure:: {GOOD}\n\n   A caption.\n", "write what it shows as :alt:"),
        (Kind.RST, f".. |a| image:: {GOOD}\n\nAn |a|.\n", "write what it shows as :alt:"),
        (Kind.ASCIIDOC, f"image::{GOOD}[]\n", "write what it shows first in the brackets"),
        (Kind.ASCIIDOC, f"An image:{GOOD}[] in a line.\n", "write what it shows first in the brackets"),
    ],
)
def test_it_is_said_where_a_description_is_written(kind: Kind, text: str, cure: str) -> None:
    (found,) = findings(text, kind, OURS)

    assert (found.code, found.cure) == ("missing-alt", cure)


@pytest.mark.parametrize(("code", "marked", "cure"), FAULTS, ids=[f"{n}-{each[0]}" for n, each in enumerate(FAULTS)])
def test_a_fault_is_found_where_it_stands(code: str, marked: str, cure: str) -> None:
    text, line, column = planted(marked)

    (found,) = findings(text, Kind.MARKDOWN, OURS)

    assert (found.code, found.line, found.column) == (code, line, column)
    assert found.cure.startswith(cure)
    assert found.message


@pytest.mark.parametrize("text", RIGHT)
def test_what_is_right_has_no_findings(text: str) -> None:
    assert findings(text, Kind.MARKDOWN, OURS) == ()


def test_faults_of_one_document_are_all_found_in_order() -> None:
    marked = [each for each in FAULTS if "srcset" not in each[1]]
    texts = [planted(each[1])[0].replace("[l]", f"[l{n}]") for n, each in enumerate(marked)]

    found = findings("\n\n<!-- -->\n\n".join(texts), Kind.MARKDOWN, OURS)

    assert sorted(one.code for one in found) == sorted(code for code, _, _ in marked)
    assert [one.line for one in found] == sorted(one.line for one in found)


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_faults_are_found_with_any_line_ends(line_end: str) -> None:
    for code, marked, _ in FAULTS:
        text, line, column = planted(marked)
        (found,) = findings(text.replace("\n", line_end), Kind.MARKDOWN, OURS)
        assert (found.code, found.line, found.column) == (code, line, column)


@pytest.mark.parametrize("in_lines", [True, False])
def test_faults_are_found_in_notebooks(in_lines: bool) -> None:
    for code, marked, cure in FAULTS:
        text, _, _ = planted(marked)
        source = text.splitlines(keepends=True) if in_lines else text
        document = json.dumps({"cells": [{"cell_type": "markdown", "source": source}]}, indent=1)

        (found,) = findings(document, Kind.NOTEBOOK, OURS)

        assert (found.code, found.cure[: len(cure)]) == (code, cure)
        beginning = marked.partition("§")[2].splitlines()[0][:20].replace('"', '\\"')
        assert document.splitlines()[found.line - 1][found.column - 1 :].startswith(beginning)


def codes(text: str, kind: Kind = Kind.MARKDOWN, **rules: object) -> list[str]:
    return [one.code for one in findings(text, kind, OURS, Rules(**rules))]  # type: ignore[arg-type]


def test_a_signature_is_missed_where_pictures_need_one() -> None:
    permalink = f"{BASE}i/{'0' * 64}"

    assert codes(f"![a]({GOOD}) ![a]({permalink})", signed=True) == ["unsigned"]
    assert codes(f"![a]({GOOD}&kid=k1&sig=x)", signed=True) == []


def test_seeds_are_not_missed_where_none_are_needed() -> None:
    assert codes(f"![a]({BASE}?prompt=a)", seeds=False) == []


@pytest.mark.parametrize(
    ("tool", "target", "code", "cure"),
    [
        ("epub", "?prompt=a&seed=7", "unsuitable-format", "begin the URL with /i.jpg? or write format=jpeg"),
        ("latex", "i.webp?prompt=a&seed=7", "unsuitable-format", "begin the URL with /i.png? or write format=png"),
        ("latex", "?prompt=a&seed=7&format=auto", "unsuitable-format", "begin the URL with /i.png?"),
        ("epub", "?prompt=a&seed=7&format=png", "no-extension", "begin the URL with /i.png? instead of /?"),
        ("mkdocs", "?prompt=a&seed=7", "no-extension", "begin the URL with /i.webp?"),
        ("mkdocs", f"i/{'0' * 64}", "no-extension", "begin the URL"),
        ("mkdocs", "i.webp?prompt=a&seed=7", None, ""),
        ("github", "?prompt=a&seed=7", None, ""),
        ("github", "i.avif?prompt=a&seed=7", "unsuitable-format", "begin the URL with /i.webp?"),
        ("asciidoctor-pdf", "prompt/a.png?seed=7", None, ""),
    ],
)
def test_a_picture_has_to_suit_the_tool(tool: str, target: str, code: str | None, cure: str) -> None:
    found = findings(f"![a]({BASE}{target})", Kind.MARKDOWN, OURS, Rules(tool=tool))

    assert [one.code for one in found] == ([code] if code else [])
    assert all(one.cure.startswith(cure) for one in found)


def test_blanks_are_found_where_docutils_takes_them_out() -> None:
    text = f".. image:: {BASE}?prompt=a lighthouse&seed=7\n   :alt: a\n\n.. image:: {GOOD}\n   &w=8\n   :alt: a\n"

    assert codes(text, Kind.RST) == ["raw-space"]


def test_other_documents_have_the_same_faults() -> None:
    assert sorted(codes(f".. image:: {BASE}?prompt=a\n", Kind.RST)) == ["missing-alt", "seedless"]
    assert sorted(codes(f"image::{BASE}?prompt=a[]\n", Kind.ASCIIDOC)) == ["missing-alt", "seedless"]
    assert sorted(codes(f"<img src='{BASE}?prompt=a'>", Kind.HTML)) == ["missing-alt", "seedless"]


def test_what_a_cure_says_cures() -> None:
    """A seed written, marks percent-encoded: what is rewritten has no findings."""
    text = f"![a]({BASE}?prompt=a) ![b](<{BASE}?prompt=b (c|d) [e] f>)"

    after = rewritten(text, {one: f"{one.url}&seed=7" for one in find(text, Kind.MARKDOWN, OURS)})

    assert findings(after, Kind.MARKDOWN, OURS) == ()


def test_every_code_is_tested_and_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "markdown.md").read_text()
    of_rules = {"unsigned", "unsuitable-format", "no-extension"}

    assert {code for code, _, _ in FAULTS} | of_rules == set(CODES)
    assert set(re.findall(r"(?m)^\| `([a-z-]+)` \|", page)) == set(CODES)
    assert f"{GITHUB_URL_BYTES:,} bytes" in page


def test_a_misspelt_parameter_is_told_without_the_list_of_all() -> None:
    (found,) = findings(f"![a]({BASE}?prompt=a&sedd=7&seed=7)", Kind.MARKDOWN, OURS)

    assert found.message == 'the service refuses this URL: sedd="7": unknown parameter (did you mean seed?)'


def test_a_finding_is_a_value_with_a_span() -> None:
    text = f"![a]({BASE}?prompt=a)"

    (found,) = findings(text, Kind.MARKDOWN, OURS)

    assert isinstance(found, Finding)
    assert text[slice(*found.span)] == found.url == f"{BASE}?prompt=a"
