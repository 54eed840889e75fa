"""Start tags of HTML with the exact place of each attribute's value, and the URLs of ours in them.

The tokenizer follows the WHATWG's (HTML section 13.2.5) in what it takes for a tag. No library gives the places of
values: `html.parser` has the place of the tag only, and html5lib, lxml and selectolax have none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from promptcdn.markdown.found import Found, Shown, Span, Syntax
from promptcdn.markdown.ours import Wanted
from promptcdn.markdown.spelling import in_attribute

_BLANK = "\t\n\f\r "
_COMMENT = "<!--"
_COMMENT_END = re.compile("--!?>")
# What begins a comment, an end tag or a start tag; `<?`, `</1` and `<!DOCTYPE` are comments up to their `>`.
_OPENING = re.compile(
    r"<(?:(?P<comment>!--)|(?P<other>[!?]|/(?![A-Za-z]))|(?P<end>/?)(?P<name>[A-Za-z][^\t\n\f\r />]*))"
)
_NAME = re.compile(rf"[{_BLANK}/]*(?P<name>[^{_BLANK}/>][^{_BLANK}/>=]*)")
_VALUE = re.compile(
    rf"""[{_BLANK}]*=[{_BLANK}]*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^{_BLANK}"'>][^{_BLANK}>]*)|(?=>))"""
)
_UNCLOSED = re.compile(rf"[{_BLANK}]*=[{_BLANK}]*[\"']")
_TAG_END = re.compile(rf"[{_BLANK}/]*>")
# Elements whose content is text: no tag is in them, whatever they contain.
TEXT_ONLY = frozenset(("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "plaintext"))

_URLS = frozenset(("src", "poster", "data-src", "data-original"))
_LINKS = frozenset(("href", "xlink:href"))
_SETS = frozenset(("srcset", "imagesrcset", "data-srcset"))
# Where a `<meta>` says what its content is: og:image, og:image:secure_url, twitter:image.
_META_NAMES = ("property", "name", "itemprop")
# One candidate of a srcset (HTML section 4.8.4.2): a URL has no blanks, and the commas at its end are not its own.
_CANDIDATE = re.compile(rf"[{_BLANK},]*(?P<url>[^{_BLANK}]+)")
_DESCRIPTORS = re.compile(r"(?:[^,(]|\([^)]*\)?)*")


class Attribute(NamedTuple):
    """One attribute of a start tag; `raw` is its value as it is spelled, and `span` where."""

    name: str
    raw: str
    span: Span


@dataclass(frozen=True)
class Tag:
    """A start tag."""

    name: str
    span: Span
    attributes: tuple[Attribute, ...]

    def get(self, name: str) -> Attribute | None:
        """The first attribute with a name: browsers ignore all others of that name."""
        return next((one for one in self.attributes if one.name == name), None)


class Tokenizer:
    """Reads pieces of one page, in order: a comment or a script may begin in one piece and end in another."""

    def __init__(self) -> None:
        self._inside = ""

    @property
    def is_inside(self) -> bool:
        """Whether a comment or an element of text is open, in which nothing is markup."""
        return bool(self._inside)

    def tags(self, text: str) -> Iterator[Tag]:
        """The start tags of the next piece."""
        place = self._closed(text, 0)
        while place >= 0 and (opening := _OPENING.search(text, place)):
            if opening["comment"]:
                self._inside = _COMMENT
                # `<!-->` and `<!--->` are whole comments.
                place = self._closed(text, opening.end() - 2)
            elif opening["other"]:
                place = text.find(">", opening.end()) + 1 or -1
            else:
                tag = _tag(text, opening)
                if tag is None:
                    return
                if not opening["end"]:
                    yield tag
                place = self._after(text, tag, is_end=bool(opening["end"]))

    def _after(self, text: str, tag: Tag, *, is_end: bool) -> int:
        if not is_end and tag.name in TEXT_ONLY:
            self._inside = tag.name
            return self._closed(text, tag.span.end)
        return tag.span.end

    def _closed(self, text: str, place: int) -> int:
        """Where the markup goes on; -1 where what is open does not end in this piece."""
        if not self._inside:
            return place
        end = (
            _COMMENT_END
            if self._inside == _COMMENT
            else re.compile(rf"</{self._inside}(?=[{_BLANK}/>])", re.IGNORECASE)
        )
        found = end.search(text, place)
        if found is None or self._inside == "plaintext":
            return -1
        is_comment, self._inside = self._inside == _COMMENT, ""
        return found.end() if is_comment else found.start()


def urls(tags: Iterator[Tag], ours: Wanted) -> Iterator[Found]:
    """The URLs of ours in attributes. Those of `<img>` come with the image that needs a description.

    Below a `<base href>` no path counts from the document.
    """
    has_base = False
    for tag in tags:
        has_base = has_base or (tag.name == "base" and tag.get("href") is not None)
        for one in _of_tag(tag, ours):
            yield replace(one, folder=None) if has_base else one


def _of_tag(tag: Tag, ours: Wanted) -> Iterator[Found]:
    seen: set[str] = set()
    for attribute in tag.attributes:
        if attribute.name in seen:
            continue
        seen.add(attribute.name)
        if attribute.name in _SETS:
            yield from _candidates(attribute, ours)
        elif (syntax := _syntax(tag, attribute.name)) is not None:
            images = (_image(tag),) if (tag.name, attribute.name) == ("img", "src") else ()
            yield from _found(attribute.raw, attribute.span.start, syntax, images, ours)


def _syntax(tag: Tag, name: str) -> Syntax | None:
    if name in _URLS:
        return Syntax.ATTRIBUTE
    if name in _LINKS:
        return Syntax.HREF
    if tag.name == "meta" and name == "content":
        named = (tag.get(one) for one in _META_NAMES)
        return Syntax.META if any(one and "image" in one.raw.lower() for one in named) else None
    return None


def _found(raw: str, start: int, syntax: Syntax, images: tuple[Shown, ...], ours: Wanted) -> Iterator[Found]:
    spelling = raw.strip(_BLANK)
    # WHATWG URL section 4.4: tabs and line ends are taken out of URLs.
    url = re.sub("[\t\n\r]", "", in_attribute(spelling))
    target = ours.target(url)
    if target is not None:
        start += len(raw) - len(raw.lstrip(_BLANK))
        span = Span(start, start + len(spelling))
        yield Found(url, target, span, syntax, escaped="&amp;" in spelling, images=images)


def _candidates(attribute: Attribute, ours: Wanted) -> Iterator[Found]:
    raw, place = attribute.raw, 0
    while candidate := _CANDIDATE.match(raw, place):
        url = candidate["url"].rstrip(",")
        yield from _found(url, attribute.span.start + candidate.start("url"), Syntax.SRCSET, (), ours)
        place = candidate.end()
        if url == candidate["url"]:
            descriptors = _DESCRIPTORS.match(raw, place)
            place = descriptors.end() if descriptors else place


def _image(tag: Tag) -> Shown:
    """What shows the picture. An empty description is one too: it says that the picture is decoration."""
    alt = tag.get("alt")
    return Shown(tag.span) if alt is None else Shown(tag.span, in_attribute(alt.raw), alt.span)


def _tag(text: str, opening: re.Match[str]) -> Tag | None:
    """The tag that begins here; `None` where the text ends within it."""
    place, attributes = opening.end(), []
    while not (end := _TAG_END.match(text, place)):
        name = _NAME.match(text, place)
        if name is None:
            return None
        place = name.end()
        value = _VALUE.match(text, place)
        if value is None and _UNCLOSED.match(text, place):
            return None
        attributes.append(_attribute(name, value))
        place = value.end() if value else place
    return Tag(opening["name"].lower(), Span(opening.start(), end.end()), tuple(attributes))


def _attribute(name: re.Match[str], value: re.Match[str] | None) -> Attribute:
    group = value.lastgroup if value else None
    if value is None or group is None:
        return Attribute(name["name"].lower(), "", Span(name.end(), name.end()))
    return Attribute(name["name"].lower(), value[group], Span(*value.span(group)))
