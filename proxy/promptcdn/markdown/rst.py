"""URLs of ours in reStructuredText, by the directives and targets that have one. Best effort.

docutils knows the line of an image and no more, so lines are recognised here: `image` and `figure`, also where they
define a substitution, their `:target:`, and hyperlink targets. What docutils takes for code or a comment is left alone.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from promptcdn.markdown import html
from promptcdn.markdown.found import Found, Shown, Span, Syntax
from promptcdn.markdown.mapped import Mapped, Run, moved
from promptcdn.markdown.ours import Wanted

# The marks of lists may stand before what is indented as far as it is.
_LINE = re.compile(
    r"(?P<indent>(?P<blank>[ \t]*)(?:(?:[-*+•]|\(?(?:\d+|[A-Za-z]|#)[.)])[ ]+)*)(?P<text>[^\n]*)(?:\n|\Z)"
)
_DIRECTIVE = re.compile(r"\.\.[ ]+(?:\|[^|\n]*\|[ ]+)?(?P<name>[A-Za-z][\w.:+-]*?)[ ]?::(?:[ ]+|\Z)(?P<rest>.*)")
_TARGET = re.compile(r"(?:\.\.[ ]+_(?:`[^`]*`|(?:\\.|[^:\\`])+):|__)[ ]+(?P<url>\S.*)")
_TARGET_OPTION = re.compile(r":target:[ ]+(?P<url>\S.*)")
_ALT_OPTION = re.compile(r":alt:[ ]+(?P<alt>\S.*?)[ \t]*\Z")
_EMBEDDED = re.compile(r"`[^`<]*<(?P<url>[^<>`]+)>`__?")
_PICTURES = frozenset(("image", "figure"))
# What is in these is no reStructuredText.
_OPAQUE = frozenset(
    (
        *("code", "code-block", "sourcecode", "literalinclude", "parsed-literal", "highlight", "math", "raw"),
        *("prompt", "doctest", "testcode", "testoutput", "graphviz", "mermaid", "ipython", "jinja", "csv-table"),
    )
)


class _Line(NamedTuple):
    """A line: how far it and its text are indented, where its text begins, and that without blanks at its end.

    Between the two indents are the marks of lists.
    """

    outer: int
    indent: int
    place: int
    text: str

    @property
    def span(self) -> Span:
        """Where its text stands."""
        return Span(self.place, self.place + len(self.text))


def find(mapped: Mapped, ours: Wanted) -> Iterator[Found]:
    """The URLs of ours in directives and targets, and in the HTML of `.. raw:: html`."""
    mapped = mapped.with_line_feeds()
    yield from moved(_Reader(mapped.text, ours).read(), mapped)


def _lines(text: str) -> Iterator[_Line]:
    for line in _LINE.finditer(text, text.startswith("\ufeff")):
        outer, indent = (len(line[name].expandtabs(8)) for name in ("blank", "indent"))
        yield _Line(outer, indent, line.start("text"), line["text"].rstrip())


class _Reader:
    """Goes through the lines once; what is indented under a line is its block."""

    def __init__(self, text: str, ours: Wanted) -> None:
        self._text, self._lines, self._ours = text, list(_lines(text)), ours

    def read(self) -> Iterator[Found]:
        """All that is found."""
        number = 0
        while number < len(self._lines):
            line = self._lines[number]
            directive = _DIRECTIVE.match(line.text)
            if directive and directive["name"].lower() in _PICTURES:
                yield from self._picture(number, directive)
                number += 1
            elif directive and directive["name"].lower() in _OPAQUE:
                if directive["name"].lower() == "raw" and directive["rest"].strip() == "html":
                    yield from self._raw(number)
                number = self._behind(number)
            elif not directive and (_is_comment(line.text) or line.text.endswith("::")):
                number = self._behind(number)
            else:
                yield from self._targets(line)
                number += 1

    def _behind(self, number: int) -> int:
        """The first line that is not in the block of this one."""
        indent, number = self._lines[number].indent, number + 1
        while number < len(self._lines) and (not self._lines[number].text or self._lines[number].outer > indent):
            number += 1
        return number

    def _block(self, number: int) -> list[_Line]:
        return self._lines[number + 1 : self._behind(number)]

    def _picture(self, number: int, directive: re.Match[str]) -> Iterator[Found]:
        """The URL of the directive, whose lines are joined, and its description."""
        line = self._lines[number]
        parts = [Span(line.place + directive.start("rest"), line.span.end)] if directive["rest"] else []
        options: list[_Line] = []
        for below in self._block(number):
            if not below.text and (parts or options):
                break
            if options or below.text.startswith(":"):
                options.append(below)
            elif below.text:
                parts.append(below.span)
        if parts:
            url = "".join(self._text[slice(*part)] for part in parts)
            image = _image(Span(line.place, parts[-1].end), options)
            yield from self._found(url, Span(parts[0].start, parts[-1].end), Syntax.DIRECTIVE, (image,))

    def _targets(self, line: _Line) -> Iterator[Found]:
        for pattern in (_TARGET, _TARGET_OPTION):
            if found := pattern.match(line.text):
                start, end = (line.place + place for place in found.span("url"))
                yield from self._found(found["url"], Span(start, end), Syntax.TARGET)
                return
        for found in _EMBEDDED.finditer(line.text):
            start, end = (line.place + place for place in found.span("url"))
            yield from self._found(found["url"], Span(start, end), Syntax.TARGET)

    def _raw(self, number: int) -> Iterator[Found]:
        piece = Mapped(Run(f"{line.text}\n", line.place, line.span.end + 1) for line in self._block(number))
        yield from moved(html.urls(html.Tokenizer().tags(piece.text), self._ours), piece)

    def _found(self, text: str, span: Span, syntax: Syntax, images: tuple[Shown, ...] = ()) -> Iterator[Found]:
        # docutils takes white space out of URLs, and backslashes that are not doubled.
        url = re.sub(r"\\(.)", r"\1", re.sub(r"\s", "", text))
        if (target := self._ours.target(url)) is not None:
            yield Found(url, target, span, syntax, escaped="&amp;" in text, images=images)


def _image(span: Span, options: list[_Line]) -> Shown:
    for line in options:
        if found := _ALT_OPTION.match(line.text):
            return Shown(span, found["alt"], Span(*(line.place + place for place in found.span("alt"))))
    return Shown(span)


def _is_comment(text: str) -> bool:
    """Whether a line begins a comment: explicit markup that is no target, footnote, substitution or directive."""
    return text == ".." or (text.startswith(".. ") and text[3:].lstrip()[:1] not in ("_", "[", "|"))
