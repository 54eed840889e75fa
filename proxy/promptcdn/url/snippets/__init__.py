"""Snippets to paste: a picture's URL in the markup of a page, with the prompt as its description.

Whatever the prompt is, every renderer shows that description as it was written: tests ask them all
(tests/url/test_snippets.py). Where renderers know different escapes, a numeric character reference is what they share.
"""

import html
import re

from promptcdn.url.engines import Size

# What a renderer of Markdown, or a template engine that runs before it (`{{`), would take for its own. Python-Markdown
# knows no backslash before most of these. `~` deletes text on GitHub, `[^` is a footnote, and `$` begins mathematics.
_MARKDOWN_SPECIAL = re.compile(r"[\\`<>&|~^${}]")
# Of the others all renderers know the backslash, which people can read.
_MARKDOWN_BACKSLASHED = re.compile(r"[\[\]*_]")

# Asciidoctor replaces `(C)`, `->`, `...`, `--` and apostrophes in descriptions too, and `{name}` by an attribute.
_ASCIIDOC_SPECIAL = re.compile(r"""["'\\<>&{}]|\((?=(?:c|r|tm)\))|(?<=-)-|(?<=\.)\.""", re.IGNORECASE)

# In HTML, what template engines take for their own.
_BRACE = re.compile(r"[{}]")


def snippets(url: str, alt: str, size: Size | None = None) -> dict[str, str]:
    """`url` (absolute, percent-encoded) as an image in each markup; `alt` is any text of one line.

    With its `size` in CSS pixels a page does not jump when the picture arrives.
    """
    sides = f' width="{size[0]}" height="{size[1]}"' if size else ""
    described = _MARKDOWN_BACKSLASHED.sub(_backslashed, _MARKDOWN_SPECIAL.sub(_referenced, alt))
    return {
        "markdown": f"![{described}]({url})",
        "html": f'<img src="{html.escape(url)}" alt="{_BRACE.sub(_referenced, html.escape(alt))}"{sides}>',
        "asciidoc": f'image::{url}["{_ASCIIDOC_SPECIAL.sub(_referenced, alt)}"]',
        "rst": f".. image:: {url}\n   :alt: {alt}",
    }


def picture(light: str, dark: str, alt: str, size: Size | None = None) -> str:
    """Two pictures in HTML: `dark` for readers whose system is set to a dark colour scheme, `light` for all others."""
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{html.escape(dark)}">'
    return f"<picture>{source}{snippets(light, alt, size)['html']}</picture>"


def _backslashed(letter: re.Match[str]) -> str:
    return "\\" + letter[0]


def _referenced(letter: re.Match[str]) -> str:
    """A numeric character reference in decimal, which every markup with references understands."""
    return f"&#{ord(letter[0])};"
