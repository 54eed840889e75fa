"""Snippets to paste: every renderer shows the picture of the URL, with the prompt as its description.

The renderers are the real ones: cmark-gfm (GitHub's), markdown-it, Python-Markdown (MkDocs'), docutils and Asciidoctor.
"""

import html
import random
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser

import cmarkgfm
import docutils.core
import markdown
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from promptcdn.url.parse import canonical_url
from promptcdn.url.request import Asked
from promptcdn.url.snippets import picture, snippets
from promptcdn.url.text import normalised

# What some markup or template engine takes for its own, and what people write.
PIECES = [
    *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    *("(c)", "(C)", "(R)", "(tm)", "->", "=>", "<-", "<=", "--", "---", "...", "\\(C)", "\\->", "{empty}", "{name}"),
    *(
        "~~x~~",
        "**b**",
        "*i*",
        "_i_",
        "`c`",
        "`` ` ``",
        "![a](b)",
        "[a](b)",
        "[^1]",
        "[[x]]",
        "](",
        "])",
        "\\[",
        "\\\\",
    ),
    *("&amp;", "&#40;", "&copy;", "&", "\\&", "\\<", "\\|", "<b>", "</b>", "<!-- x -->", "<x@y.zz>", "{{x}}", "${x}"),
    *("http://x.y/z", "www.x.com", "a@b.com", ":smile:", "|a|b|", "# h", "- x", "1. y", "> q", "$x$", "==x==", "^x^"),
    *(
        ":alt:",
        "::",
        "|s|",
        "x_",
        "`x`_",
        "..",
        "image::",
        "pass:[x]",
        "+x+",
        "((x))",
        "<<x>>",
        "anchor:x[]",
        "kbd:[x]",
    ),
    *("it's", "“q”", "灯台", "é", "🦊", "a", "cat", " ", " | ", "\\", '","', '\\"', "%%", "wzxhzdk:0"),
]
prompts = (
    st.lists(st.sampled_from(PIECES) | st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=8)
    .map(lambda pieces: normalised("".join(pieces)))
    .filter(bool)
)


class Images(HTMLParser):
    """The address and the description of every image of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str | None, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            named = dict(attrs)
            self.found.append((named.get("src"), named.get("alt")))


def images(page: str) -> list[tuple[str | None, str | None]]:
    return Images(page).found


def made(prompt: str) -> tuple[str, dict[str, str]]:
    url = "https://host.example" + canonical_url(Asked(prompt, negative_prompt=prompt, seed=7))
    return url, snippets(url, prompt)


def gfm(page: str) -> str:
    return str(cmarkgfm.github_flavored_markdown_to_html(page, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE))


def docutils_html(page: str) -> str:
    quiet = {"report_level": 5, "embed_stylesheet": False, "stylesheet_path": None}
    return str(docutils.core.publish_string(page, writer="html5", settings_overrides=quiet).decode())


MARKDOWN: dict[str, Callable[[str], str]] = {
    "cmark-gfm": gfm,
    "markdown-it": MarkdownIt("commonmark").render,
    "markdown-it with its extras": MarkdownIt("js-default", {"typographer": True}).render,
    "Python-Markdown": markdown.markdown,
    "Python-Markdown with its extras": lambda page: markdown.markdown(
        page, extensions=["extra", "smarty", "toc", "sane_lists", "wikilinks"]
    ),
}


@pytest.mark.parametrize("renderer", MARKDOWN)
@settings(max_examples=150, deadline=None)
@given(prompt=prompts)
def test_markdown_shows_the_prompt_as_it_is(renderer: str, prompt: str) -> None:
    url, snippet = made(prompt)

    for page in (snippet["markdown"], f"words {snippet['markdown']} and words", f"- {snippet['markdown']}"):
        assert images(MARKDOWN[renderer](page)) == [(url, prompt)]


@pytest.mark.parametrize("renderer", ["cmark-gfm", "markdown-it with its extras", "Python-Markdown with its extras"])
@settings(max_examples=100, deadline=None)
@given(prompt=prompts)
def test_markdown_in_a_table_does_too(renderer: str, prompt: str) -> None:
    url, snippet = made(prompt)
    page = f"| a | b |\n| --- | --- |\n| {snippet['markdown']} | b |\n"

    assert images(MARKDOWN[renderer](page)) == [(url, prompt)]


@settings(max_examples=60, deadline=None)
@given(prompt=prompts)
def test_restructured_text_shows_the_prompt_as_it_is(prompt: str) -> None:
    url, snippet = made(prompt)

    assert images(docutils_html(f"words\n\n{snippet['rst']}\n")) == [(url, prompt)]


@settings(max_examples=100, deadline=None)
@given(prompt=prompts)
def test_html_shows_the_prompt_as_it_is(prompt: str) -> None:
    url, snippet = made(prompt)

    assert images(snippet["html"]) == [(url, prompt)]
    assert not set("{}") & set(snippet["html"])
    assert images(gfm(f"words {snippet['html']}")) == [(url, prompt)]


def asciidoctor(page: str, backend: str) -> str:
    command = ["asciidoctor", "--no-header-footer", "--backend", backend, "--out-file", "-", "-"]
    return subprocess.run(command, input=page, capture_output=True, text=True, check=True, timeout=60).stdout


def many_prompts(count: int) -> list[str]:
    """All at once, since Asciidoctor takes a second to start."""
    chance = random.Random(20261127)
    drawn = (normalised("".join(chance.choices(PIECES, k=chance.randint(1, 7)))) for _ in range(count))
    return [*(piece for piece in map(normalised, PIECES) if piece), *filter(None, drawn)]


def test_asciidoc_shows_the_prompt_as_it_is() -> None:
    all_of_them = [(prompt, *made(prompt)) for prompt in many_prompts(1500)]
    page = "\n\n".join(snippet["asciidoc"] for _, _, snippet in all_of_them)

    shown = images(asciidoctor(page, "html5"))
    written = re.findall(r"<textobject><phrase>(.*?)</phrase>", asciidoctor(page, "docbook5"))

    assert shown == [(url, prompt) for prompt, url, _ in all_of_them]
    assert [html.unescape(text) for text in written] == [prompt for prompt, _, _ in all_of_them]


def test_people_can_read_a_snippet() -> None:
    made = snippets("https://h/?prompt=a&seed=7", "a [new], *red* cat's hat (tall), 3.5 m", (640, 480))

    assert made == {
        "markdown": r"![a \[new\], \*red\* cat's hat (tall), 3.5 m](https://h/?prompt=a&seed=7)",
        "html": '<img src="https://h/?prompt=a&amp;seed=7" alt="a [new], *red* cat&#x27;s hat (tall), 3.5 m"'
        ' width="640" height="480">',
        "asciidoc": 'image::https://h/?prompt=a&seed=7["a [new], *red* cat&#39;s hat (tall), 3.5 m"]',
        "rst": ".. image:: https://h/?prompt=a&seed=7\n   :alt: a [new], *red* cat's hat (tall), 3.5 m",
    }


@given(prompts)
def test_two_pictures_are_one_element_whatever_the_prompt(prompt: str) -> None:
    url = "https://h" + canonical_url(Asked(prompt, seed=7))
    both = picture(url, url + "&w=64", prompt, (640, 480))

    page = cmarkgfm.github_flavored_markdown_to_html(f"before {both} after", cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
    assert images(both) == [(url, prompt)]
    assert images(page) == [(url, prompt)]
    assert both.count("<") == 4  # picture, source, img, and the end of picture
    source = re.search(r'<source media="\(prefers-color-scheme: dark\)" srcset="([^"]*)">', both)
    assert source
    assert html.unescape(source[1]) == url + "&w=64"
