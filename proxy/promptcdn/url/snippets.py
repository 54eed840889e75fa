"""Snippets to paste: a picture's URL in the markup of a page, with the prompt as its description."""

import html
import re

_MARKDOWN_SPECIAL = re.compile(r"[\[\]\\`*_<>!&|]")

_QUOTE = re.compile('"')


def snippets(url: str, alt: str) -> dict[str, str]:
    """`url` (absolute, percent-encoded) as an image in each markup; `alt` is any text of one line."""
    return {
        "markdown": f"![{_MARKDOWN_SPECIAL.sub(_backslashed, alt)}]({url})",
        "html": f'<img src="{html.escape(url)}" alt="{html.escape(alt)}">',
        "asciidoc": f'image::{url}["{_QUOTE.sub(_backslashed, alt)}"]',
        "rst": f".. image:: {url}\n   :alt: {alt}",
    }


def _backslashed(letter: re.Match[str]) -> str:
    return "\\" + letter[0]
