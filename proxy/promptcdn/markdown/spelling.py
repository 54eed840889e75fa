"""How a URL is spelled in each syntax: read with all escapes, and written so that none is needed."""

import html
import re
from html.entities import html5
from urllib.parse import quote

from promptcdn.markdown.found import Found, Syntax

# CommonMark 0.31 section 2.4 and 2.5: a backslash before punctuation, and references that end in a semicolon.
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])|&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# WHATWG HTML section 13.2.5.73: in an attribute `&copy=` is no reference without its semicolon.
_REFERENCE = re.compile(r"&(#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*)(;?)")
# What is written as it is. All else is percent-encoded: white space, brackets, quotes, backslashes and bars, which end
# or change a URL in some syntax, and letters that are not ASCII.
_UNSAFE = re.compile(r"[^!#$%&*+,\-./0-9:;=?@A-Z_a-z~]")
_OF_MARKDOWN = (Syntax.IMAGE, Syntax.LINK, Syntax.DEFINITION)
# Asciidoctor copies the target of a block into an attribute as it is.
_OF_HTML = (Syntax.ATTRIBUTE, Syntax.META, Syntax.SRCSET, Syntax.HREF, Syntax.MACRO, Syntax.LINK_MACRO)
_WITHOUT_BACKSLASHES = (Syntax.AUTOLINK, Syntax.INLINE_MACRO, Syntax.URL_MACRO)
# Marks that format nothing stand between letters or digits.
_FORMATTING = r"(?<![A-Za-z0-9])[*_+]|[*_+](?![A-Za-z0-9])|~|(?<=-)-|(?<=\.\.)\."
_OF_THE_SENTENCE = rf"[?!.,:;]+\Z|{_FORMATTING}"
_LETTERS = re.compile("[&?=A-Za-z0-9]*")
# What a syntax takes for its own although it may stand in URLs.
_SPECIAL = {
    Syntax.BARE: _OF_THE_SENTENCE,
    Syntax.URL_MACRO: _OF_THE_SENTENCE,
    Syntax.SRCSET: ",",
    Syntax.DIRECTIVE: r"_\Z",
    Syntax.TARGET: r"_\Z",  # names another target
    # Asciidoctor replaces these before it looks for macros: formatting, dashes, ellipses, and commas in attributes.
    Syntax.INLINE_MACRO: _FORMATTING,
    Syntax.LINK_MACRO: f"{_FORMATTING}|,",
}


def in_markdown(spelling: str) -> str:
    """What a destination of Markdown means, its angle brackets taken off."""
    return _ESCAPED.sub(_unescaped, spelling)


def in_autolink(spelling: str) -> str:
    """What an autolink of Markdown means, or a target of AsciiDoc: backslashes are backslashes there."""
    return _ESCAPED.sub(lambda found: found[0] if found[1] else _unescaped(found), spelling)


def in_attribute(spelling: str) -> str:
    """What an attribute's value means."""

    def unescaped(found: re.Match[str]) -> str:
        reference, semicolon = found[1], found[2]
        if reference.startswith("#") or f"{reference}{semicolon}" in html5:
            is_name = not semicolon and reference[0] != "#" and spelling[found.end() : found.end() + 1] == "="
            return found[0] if is_name else html.unescape(found[0])
        return found[0]

    return _REFERENCE.sub(unescaped, spelling)


def spelled(url: str, found: Found) -> str:
    """`url` (absolute or relative) as it is written in the place of `found`, in ASCII.

    What could not stand there is percent-encoded, which names the same picture.
    """
    written = _percent_encoded(_UNSAFE, url)
    if special := _SPECIAL.get(found.syntax):
        written = _percent_encoded(re.compile(special), _without_marks(written) if "+" in special else written)
    if found.escaped or _means(written, found.syntax) != written:
        return written.replace("&", "&amp;")
    return written


def changed(spelling: str, url: str, found: Found) -> str | None:
    """`spelling`, which `found` has, with nothing written anew but what `url` has otherwise; `None` if that cannot be.

    What stood in the place before may go on standing there. What is new is letters and digits, and it begins behind
    one: no syntax takes those for its own.
    """
    old = found.url
    start = _common(old, url)
    end = min(_common(old[::-1], url[::-1]), len(old) - start, len(url) - start)
    kept, gone, new = old[:start], old[start : len(old) - end], url[start : len(url) - end]
    if not kept or not kept[-1].isalnum() or _LETTERS.fullmatch(new) is None:
        return None
    if found.escaped:
        kept, gone, new = (each.replace("&", "&amp;") for each in (kept, gone, new))
    return kept + new + spelling[len(kept + gone) :] if spelling.startswith(kept + gone) else None


def _common(one: str, other: str) -> int:
    """How many letters two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _means(spelling: str, syntax: Syntax) -> str:
    if syntax in _OF_MARKDOWN:
        return in_markdown(spelling)
    if syntax in _WITHOUT_BACKSLASHES:
        return in_autolink(spelling)
    # Of the two readings of `&copy=` the one that only some parsers have is to be avoided too.
    return html.unescape(spelling) if syntax in _OF_HTML else spelling


def _without_marks(url: str) -> str:
    """Blanks in a query as `%20` where their plus would be taken for a mark."""
    path, mark, query = url.partition("?")
    return path + mark + re.sub(r"(?<![A-Za-z0-9])\+|\+(?![A-Za-z0-9])", "%20", query)


def _percent_encoded(pattern: "re.Pattern[str]", text: str) -> str:
    return pattern.sub(lambda found: "".join(_encoded(letter) for letter in found[0]), text)


def _encoded(letter: str) -> str:
    """`quote` would leave letters alone that need no escape elsewhere."""
    return f"%{ord(letter):02X}" if letter.isascii() else quote(letter, errors="surrogatepass")


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return found[1]
    reference = found[2]
    known = reference.startswith("#") or f"{reference};" in html5
    return html.unescape(f"&{reference};") if known else found[0]
