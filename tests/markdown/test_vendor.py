"""Paths of vendored files: what they count from in each place, and what stays. Asciidoctor is asked where it looks."""

import posixpath
import re
import subprocess

import pytest

from promptcdn.markdown import Kind, Ours, find
from promptcdn.markdown.vendor import VendoredFiles, is_vendored, restored, stays_because, vendored

URL = "https://pics.example.org/?prompt=a&seed=7"
OURS = Ours.of("https://pics.example.org")
FILES = {"/?prompt=a&seed=7": "docs/pictures/a.webp"}
URLS = {"docs/pictures/a.webp": URL}
IMAGES = f"image::{URL}[a]\n\ntext image:{URL}[a] text\n\nlink:{URL}[a]\n"

KNOWN = {
    "none": "= Title\n\n",
    "in the header": "= Title\n:imagesdir: images\n\n",
    "elsewhere": "= Title\n:imagesdir: ../assets/images\n\n",
    "the pictures' own": "= Title\n:imagesdir: pictures\n\n",
    "the folder itself": "= Title\n:imagesdir: ./\n\n",
    "without a title": ":imagesdir: images\n\n",
    "taken back": "= Title\n:imagesdir: images\n:imagesdir!:\n\n",
    "taken back in the body": "= Title\n:imagesdir: images\n\ntext\n\n:!imagesdir:\n\n",
    "changed in the body": "= Title\n:imagesdir: images\n\ntext\n\n:imagesdir: other\n\n",
    "empty": "= Title\n:imagesdir:\n\n",
    "in a listing": "= Title\n\n----\n:imagesdir: images\n----\n\n",
    "known again": "= Title\nifdef::x[]\n:imagesdir: a\nendif::[]\n:imagesdir: images\n\n",
    "beside another condition": "= Title\n:imagesdir: images\nifdef::x[]\n:y: a\nendif::[]\n\n",
}
UNKNOWN = {
    "a URL": "= Title\n:imagesdir: https://elsewhere.example/images\n\n",
    "of another attribute": "= Title\n:imagesdir: {docdir}/images\n\n",
    "of another attribute within": "= Title\n:imagesdir: a/{b}\n\n",
    "absolute": "= Title\n:imagesdir: /images\n\n",
    "under a condition": "= Title\n:imagesdir: images\nifdef::env-github[]\n:imagesdir: a\nendif::[]\n\n",
    "under two conditions": "= Title\nifdef::a[]\nifndef::b[]\n:imagesdir: a\nendif::[]\nendif::[]\n\n",
    "in one line": "= Title\nifdef::env-github[:imagesdir: a]\n\n",
    "by an expression": '= Title\nifeval::["{a}" == "b"]\n:imagesdir: a\nendif::[]\n\n',
}


def asciidoctor_looks_at(text: str) -> list[str]:
    """The files that Asciidoctor's page shows and links to."""
    words = ["asciidoctor", "-e", "-q", "-o", "-", "-"]
    page = subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout
    return re.findall(r'(?:src|href)="([^"]*)"', page)


def back(text: str, kind: Kind, document: str) -> str:
    """The text with URLs in the place of paths."""
    return restored(text, find(text, kind, VendoredFiles(document, frozenset(URLS))), URLS)


@pytest.mark.parametrize("begin", KNOWN.values(), ids=KNOWN)
def test_asciidoctor_looks_for_a_path_where_the_file_is(begin: str) -> None:
    text = begin + IMAGES
    found = find(text, Kind.ASCIIDOC, OURS)

    after = vendored(text, found, "docs/page.adoc", FILES)

    paths = [posixpath.normpath(posixpath.join("docs", path)) for path in asciidoctor_looks_at(after)]
    assert paths == ["docs/pictures/a.webp"] * 3
    assert back(after, Kind.ASCIIDOC, "docs/page.adoc") == text


@pytest.mark.parametrize("begin", UNKNOWN.values(), ids=UNKNOWN)
def test_a_url_stays_where_the_folder_is_not_known(begin: str) -> None:
    text = begin + IMAGES
    found = find(text, Kind.ASCIIDOC, OURS)

    after = vendored(text, found, "docs/page.adoc", FILES)

    assert [is_vendored(one) for one in found] == [False, False, True]
    assert [stays_because(one) or "" for one in found[:2]] == [stays_because(found[0])] * 2
    assert "what :imagesdir: is here is not known" in str(stays_because(found[0]))
    assert after == text.replace(f"link:{URL}", "link:pictures/a.webp")
    assert back(after, Kind.ASCIIDOC, "docs/page.adoc") == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"<base href='/docs/'><img src='{URL}'>", "paths count from <base href>"),
        (f"<base target=_blank><img src='{URL}'>", None),
        (f"<meta property='og:image' content='{URL}'>", None),
    ],
)
def test_html_says_what_paths_count_from(text: str, reason: str | None) -> None:
    (found,) = find(text, Kind.HTML, OURS)

    after = vendored(text, (found,), "page.html", FILES)

    assert (stays_because(found) or "").startswith(reason or "")
    assert (after == text) == ("<img" not in text or reason is not None)


def test_a_path_in_a_document_is_a_file_by_where_that_is() -> None:
    text = (
        "![a](../pictures/a.webp) ![a](pictures/a.webp) ![a](https://a.example/pictures/a.webp) ![a](%70ictures/a.webp)"
    )

    assert back(text, Kind.MARKDOWN, "docs/page.md") == text.replace(" ![a](pictures/a.webp)", f" ![a]({URL})").replace(
        "(%70ictures/a.webp)", f"({URL})"
    )
