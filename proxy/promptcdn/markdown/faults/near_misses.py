"""URLs of ours that were meant to be images or links, and are not, or are cut: what broke each.

A renderer shows them as text. So they are found as URLs in the text, behind what an image begins with.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from promptcdn.markdown import find, parts
from promptcdn.markdown.found import Found, Kind, Span, Syntax
from promptcdn.markdown.ours import Ours

# What stands before the URL of an image or link that was not read as one.
_DESTINATION = re.compile(r"\]\([ \t]*<?\Z")
_DEFINITION = re.compile(r"(?:^|[\r\n])[ \t>*+.)\d-]*\[[^\[\]\r\n]+\]:[ \t]*<?\Z")
_ATTRIBUTE = re.compile(r"\b(?:src|href|srcset|poster)\s*=\s*(?P<quote>[\"']?)\Z", re.IGNORECASE)
_BEFORE = 200
# Behind an image whose URL ended at a bracket of its own: the rest of the URL, up to the bracket that was meant.
_REST = re.compile(r"\)[^\s()\[\]<>|]*[&=+%][^\s()\[\]<>|]*\)")
_WORD = re.compile(r"\S*")
_BEHIND = re.compile(r"[^\r\n\[]*")
_DESCRIPTORS = re.compile(r"\s+(?P<descriptors>[^,\"'<>]*)")
_DESCRIPTOR = re.compile(r"\d+(?:\.\d+)?[xwh]")


class NearMiss(NamedTuple):
    """What is wrong at one URL: a code of `findings`, a sentence about it, and what to do."""

    code: str
    message: str
    cure: str


_SPACE = NearMiss(
    "raw-space", "a blank ends the URL here, and what follows is not part of it", "write + or %20 for each blank"
)
_TAKEN_OUT = _SPACE._replace(message="docutils takes the blanks out of a URL, so that another picture is shown")
_PARENTHESIS = NearMiss(
    "unbalanced-parenthesis",
    "a parenthesis in the URL has no partner, so the URL does not end where it was meant to",
    "write %28 for ( and %29 for )",
)
_PIPE = NearMiss("pipe-in-table", "a | in the URL ends the cell of the table", "write %7C for |")
_QUOTES = NearMiss(
    "unquoted-attribute", "Markdown takes no attribute with = in its value for HTML without quotes", 'write src="URL"'
)
_BROKEN = NearMiss(
    "not-an-image",
    "this looks like an image or a link, and is shown as text",
    "look at its brackets, its quotes and the title behind the URL",
)

_CUTS = (_SPACE, _PARENTHESIS, _PIPE, _QUOTES)  # without quotes the tag's end is read as part of the URL


def near_miss(text: str, found: Found) -> NearMiss | None:
    """What broke the image, the link or the `srcset` that a URL was meant for; `None` where nothing did."""
    match found.syntax:
        case Syntax.BARE:
            return _in_text(text, found)
        case Syntax.IMAGE | Syntax.LINK:
            return _PARENTHESIS if _REST.match(text, found.span.end) else None
        case Syntax.SRCSET:
            behind = _DESCRIPTORS.match(text, found.span.end)
            words = behind["descriptors"].split() if behind else []
            return _SPACE if any(_DESCRIPTOR.fullmatch(word) is None for word in words) else None
        case Syntax.DIRECTIVE | Syntax.TARGET:
            spelling = text[slice(*found.span)]
            return _TAKEN_OUT if re.search(r"\S[ \t]+\S", spelling) else None
    return None


def cut(text: str, kind: Kind, ours: Ours, found: Iterable[Found]) -> Mapping[Span, NearMiss]:
    """What broke each URL that ends too early, so that another picture is asked for than was meant, by its place.

    `found` are the URLs of the whole document. A URL of reStructuredText is whole: docutils takes out the blanks in it,
    and so does `find`.
    """
    if kind is Kind.NOTEBOOK:  # in its JSON nothing stands as it was written
        read = ((part, one) for part, its_kind in parts(text, kind) for one in find(part.text, its_kind, ours))
        missed = ((part.span(one.span), one, near_miss(part.text, one)) for part, one in read)
    else:
        missed = ((one.span, one, near_miss(text, one)) for one in found)
    whole = (Syntax.DIRECTIVE, Syntax.TARGET)
    return {span: said for span, one, said in missed if said in _CUTS and one.syntax not in whole}


def _in_text(text: str, found: Found) -> NearMiss | None:
    before = text[max(0, found.span.start - _BEFORE) : found.span.start]
    attribute = _ATTRIBUTE.search(before)
    if not (attribute or _DESTINATION.search(before) or _DEFINITION.search(before)):
        return None
    if text[found.span.end :].lstrip(" \t").startswith("|"):
        return _PIPE
    if attribute and not attribute["quote"]:
        return _QUOTES
    return _BROKEN if attribute else _in_destination(text, found.span)


def _in_destination(text: str, span: Span) -> NearMiss:
    word = _WORD.match(text, span.start)
    assert word is not None
    behind = _BEHIND.match(text, word.end())
    if "(" in word[0] and behind and behind[0].count(")") <= behind[0].count("("):
        return _PARENTHESIS  # the one that was meant to end the URL closes another in it
    following = text[word.end() :].lstrip()[:1]
    return _BROKEN if following in ("", '"', "'", ")") else _SPACE
