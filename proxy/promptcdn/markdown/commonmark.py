"""URLs of ours in Markdown: CommonMark and GitHub's extensions, as marko reads them.

marko gives the place of each image and link. What it does not give is added here: the places of definitions and of
blocks of HTML. docs/decisions/0021 says why it is marko.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, cast

from marko import block, inline, parser
from marko.block import _ParsedLines
from marko.element import Element
from marko.ext.gfm import elements as gfm
from marko.helpers import normalize_label
from marko.inline_parser import MatchObj
from marko.source import Source

from promptcdn.markdown.found import Found, Shown, Span, Syntax
from promptcdn.markdown.html import TEXT_ONLY, Tokenizer, urls
from promptcdn.markdown.mapped import Mapped, Run, moved
from promptcdn.markdown.ours import Wanted
from promptcdn.markdown.spelling import in_autolink, in_markdown

# Front matter of Jekyll, Hugo and others: YAML between lines of dashes, TOML between lines of pluses. A line of dashes
# is a rule in Markdown, so what follows has to look like YAML.
_FRONT_MATTER = re.compile(
    r"---[ \t]*\n(?=(?:[ \t]*(?:#.*)?\n)*(?:[\w\"'.-][^:\n]*:(?:[ \t]|\n)|---|\.\.\.))"
    r"(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
    r"|\+\+\+[ \t]*\n(?:.*\n)*?\+\+\+[ \t]*(?:\n|\Z)"
)
# GFM section 6.9, and as GitHub does it: behind any mark, not only behind those that the section names. What at the end
# of a link is not of it.
_BARE = re.compile(r"(?<![A-Za-z])(?!(?<=<)[^\s<>]*>)(?=(?P<url>https?://[^ \t\n\v\f\r<]+))", re.IGNORECASE)
_TRAILING = re.compile(r"(?:[?!.,:;*_~'\"]|&[A-Za-z0-9]+;)\Z")


def find(mapped: Mapped, ours: Wanted) -> Iterator[Found]:
    """The URLs of ours, in the order in which they stand. Front matter, code and comments are left alone.

    Raises `ValueError` where quotes and lists are nested too deeply to be parsed.
    """
    mapped = mapped.with_line_feeds()
    mapped = mapped.after(_begin(mapped.text))
    try:
        document = _Parser(ours).parse(mapped.text)
        found = sorted(_Reader(mapped.text, ours).read(document), key=lambda one: one.span)
    except RecursionError:
        raise ValueError("quotes, lists or brackets are nested too deeply") from None
    yield from moved(found, mapped)


def _begin(text: str) -> int:
    """Where the Markdown begins: behind a byte order mark and front matter."""
    place = 1 if text.startswith("\ufeff") else 0
    front = _FRONT_MATTER.match(text, place)
    return front.end() if front else place


class _Source(Source):
    """What marko reads lines from. It is asked some ten times for each line, once for each kind of block, so it
    remembers how far the marks of quotes and lists reach in that line, and compiles each pattern once."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._line: tuple[int, str, int, re.Match[str] | None] = (-1, "", 0, None)

    @property
    def prefix(self) -> str:
        states = self._states
        return str(states[0]._prefix) if len(states) == 1 else "".join([state._prefix for state in states])

    def expect_re(self, regexp: "re.Pattern[str] | str") -> "re.Match[str] | None":
        prefix, length = self.prefix, 0
        if prefix:
            if self._line[0] != self.pos or self._line[1] != prefix:
                line = self.next_line(require_prefix=False)
                self._line = (self.pos, prefix, self.match_prefix(prefix, line or ""), self.match)
            length = self._line[2]
        self.match = self._line[3] if length < 0 else self._expect_re(regexp, self.pos + length)
        return None if length < 0 else self.match

    @property
    def _current_pos(self) -> int:
        return super()._current_pos if self.prefix else self.pos

    def _expect_re(self, regexp: "re.Pattern[str] | str", pos: int) -> "re.Match[str] | None":
        return (_compiled(regexp) if isinstance(regexp, str) else regexp).match(self._buffer, pos)


_compiled = cache(re.compile)


class _Definition(block.LinkRefDef):
    """A definition with the place of its destination.

    It is looked for in the lines of a paragraph. marko looks in the bare text, where the marks of a quote stand in the
    way, and where a definition seems to go on in the next block.
    """

    override = True
    dest_span: tuple[int, int]

    @classmethod
    def match(cls, source: Source) -> bool:
        # Below a table it is one more row.
        begin = None if isinstance(source.state, gfm.Table) else source.expect_re(r" {,3}\[")
        if begin is None:
            return False
        lines, first = _paragraph(source, begin.start())
        for length in (4, 64, len(lines)):  # most have one line, and hundreds may stand in a row
            few = Mapped(lines[first : first + length])
            info = cls._info(few.text, source)
            if info is not None and (info.end < len(few.text) or first + length >= len(lines)):
                dest = few.span(Span(info.link_dest.start, info.link_dest.end))
                source.context.linkref_info = info._replace(
                    link_dest=info.link_dest._replace(start=dest.start, end=dest.end),
                    end=few.span(Span(0, info.end)).end,
                )
                return True
        return False

    @classmethod
    def _info(cls, text: str, source: Source) -> Any:
        """What marko finds of a definition at the beginning of `text`."""
        within = _Source(text)
        within.parser = source.parser
        with within.under_state(block.Document()):
            return within.context.linkref_info if super().match(within) else None

    @classmethod
    def parse(cls, source: Source) -> Any:
        info = source.context.linkref_info
        made: Any = super().parse(source)
        made.dest_span = (info.link_dest.start, info.link_dest.end)
        source._update_prefix()  # marko forgets that the first line of a list's item is over
        return made


class _Lines(gfm.Paragraph):
    """A paragraph that is not yet known to be no heading."""

    @staticmethod
    def is_setext_heading(line: str) -> bool:
        del line
        return False


class _Rest(gfm.Paragraph):
    """What follows definitions in one paragraph: a list that begins with 2, or code by its indent, is none there."""

    override = False
    priority = 8  # before lists and code

    @classmethod
    def match(cls, source: Source) -> bool:
        paragraph: Any = getattr(source.context, "paragraph", ([], [], {}))
        line = source.expect_re(r"") if paragraph[0] == source._states else None
        return line is not None and paragraph[2].get(line.start(), 0) > 0 and not _Definition.match(source)


def _paragraph(source: Source, start: int) -> tuple[list[Run], int]:
    """The lines of the paragraph at `start`, their marks of quotes and lists taken off, and the one that begins there.

    Consumes nothing. The lines are kept, since the definitions of a document often are one paragraph.
    """
    states = source._states[:]
    known, lines, numbers = getattr(source.context, "paragraph", ([], [], {}))
    if known != states or start not in numbers:
        lines = _read(source)
        numbers = {line.start: number for number, line in enumerate(lines)}
        source.context.paragraph = (states, lines, numbers)
    return lines, numbers.get(start, 0)


def _read(source: Source) -> list[Run]:
    place, match, prefixes = source.pos, source.match, [state._prefix for state in source._states]
    lines = _Lines.parse(source)
    source.pos, source.match = place, match
    for state, prefix in zip(source._states, prefixes, strict=True):
        state._prefix = prefix
    assert isinstance(lines, _ParsedLines)
    return [Run(line, start, start + len(line)) for line, start in zip(lines, lines.line_starts, strict=True)]


class _HTMLBlock(block.HTMLBlock):
    """A block of HTML with the place of each of its lines, whose marks of quotes and lists are taken off."""

    override = True
    lines: Mapped

    def __init__(self, lines: Sequence[Run]) -> None:
        super().__init__("".join(run.text for run in lines))
        self.lines = Mapped(lines)

    @classmethod
    def match(cls, source: Source) -> int | bool:
        kind = super().match(source)
        if kind == 4:  # marko takes every `<!` for a declaration
            if source.expect_re(r" {,3}<!\[CDATA\["):
                source.context.html_end = re.compile(r"\]\]>")
            elif not source.expect_re(r" {,3}<![A-Za-z]"):
                return False
        return kind

    @classmethod
    def parse(cls, source: Source) -> Any:
        # As marko does it.
        lines, end = [], source.context.html_end
        while not source.exhausted:
            line = source.next_line()
            if line is None or (end is None and not line.strip()):
                break
            start = source.match.start() if source.match else source.pos
            lines.append(Run(line, start, start + len(line)))
            source.consume()
            if end is not None and end.search(line):
                break
        return lines


class _InlineHTML(inline.InlineHTML):
    """A tag within text, with the place of each of its characters."""

    override = True
    letters: Mapped | None = None

    def _set_extra_source_spans(self, match: Any, positions: Sequence[int] | None) -> None:
        if positions is not None and match.end() <= len(positions):
            places = [positions[index] for index in range(match.start(), match.end())]
            runs = (Run(letter, place, place + 1) for letter, place in zip(match.group(), places, strict=True))
            self.letters = Mapped(runs)


class _Bare(inline.InlineElement):
    """A URL in plain text. marko's own element wants a dot in the host, and takes one mark off the end only."""

    priority = 5
    parse_group = 0

    @classmethod
    def find(cls, text: str, *, source: Source) -> Iterator[Any]:
        del source
        for found in _BARE.finditer(text):
            yield MatchObj("_Bare", text, found.start(), found.start() + len(_trimmed(found["url"])))


class _Parser(parser.Parser):
    """Parses the text of a block only where one of ours may be in it, or may be used there."""

    def __init__(self, ours: Wanted) -> None:
        super().__init__()
        self._ours, self._defined = ours, False
        for element in (
            *(gfm.Paragraph, gfm.Strikethrough, gfm.Table, gfm.TableRow, gfm.TableCell, gfm.Alert),
            *(_Definition, _Rest, _HTMLBlock, _InlineHTML, _Bare),
        ):
            self.add_element(element)

    def parse(self, text: str) -> block.Document:
        """As marko does it, with a source of our own."""
        source = _Source(text)
        source.parser = self
        document = cast("block.Document", self.block_elements["Document"]())
        document.source_span = (0, len(text))
        with source.under_state(document):
            document.children = self.parse_source(source)
            self.parse_inline(document, source)
        return document

    def parse_inline(self, element: block.BlockElement, source: Source) -> None:
        """As marko does it, which leaves inline elements for when all definitions are known."""
        if isinstance(element, block.Document):
            self._defined = any(self._ours.may_be_in(dest) for dest, _ in element.link_ref_defs.values())
        if element.inline_body and not self._is_wanted(element.inline_body):
            element.children = []
        else:
            super().parse_inline(element, source)

    def _is_wanted(self, body: str) -> bool:
        opens = any(f"<{name}" in body.lower() for name in TEXT_ONLY) if "<" in body else False
        return opens or (self._defined and "[" in body) or self._ours.may_be_in(body)


class _Reader:
    """Walks through what was parsed, in the order of the document."""

    def __init__(self, text: str, ours: Wanted) -> None:
        self._text, self._ours, self._html = text, ours, Tokenizer()
        self._definitions: dict[str, Found] = {}
        self._images: dict[str, list[Shown]] = {}

    def read(self, document: block.Document) -> Iterator[Found]:
        """All that is found. Definitions come last: their images are known then."""
        yield from self._below(document)
        for label, one in self._definitions.items():
            yield replace(one, images=tuple(self._images.get(label, ())))

    def _below(self, element: Element) -> Iterator[Found]:
        children = getattr(element, "children", ())
        for child in children if not isinstance(children, str) else ():
            yield from self._at(child)

    def _at(self, element: Element) -> Iterator[Found]:
        if isinstance(element, _HTMLBlock):
            yield from self._in_html(element.lines)
        elif isinstance(element, _InlineHTML):
            yield from self._in_html(element.letters)
        elif not self._html.is_inside:
            match element:
                case inline.Image():
                    yield from self._image(element)
                case inline.Link():
                    yield from self._destination(element.dest_span, Syntax.LINK)
                case _Definition():
                    yield from self._defined(element)
                case inline.AutoLink() | _Bare():
                    yield from self._autolink(element)
            if not isinstance(element, inline.Image):  # what is in its description is text
                yield from self._below(element)
        else:
            yield from self._below(element)

    def _in_html(self, piece: Mapped | None) -> Iterator[Found]:
        if piece is not None:
            yield from moved(urls(self._html.tags(piece.text), self._ours), piece)

    def _image(self, image: inline.Image) -> Iterator[Found]:
        alt_span = _inside(image)
        shown = Shown(Span(*(image.source_span or (0, 0))), _plain(image) or None, alt_span)
        if image.dest_span is not None:
            yield from self._destination(image.dest_span, Syntax.IMAGE, shown)
        elif alt_span is not None:
            label = self._text[alt_span.end + 1 : shown.span.end].strip("[]") or self._text[slice(*alt_span)]
            self._images.setdefault(normalize_label(label), []).append(shown)

    def _destination(self, span: tuple[int, int] | None, syntax: Syntax, *images: Shown) -> Iterator[Found]:
        """The destination of an image, a link or a definition, angle brackets taken off."""
        if span is None:
            return
        start, end = span
        if self._text[start] == "<" and self._text[end - 1] == ">":
            start, end = start + 1, end - 1
        spelling = self._text[start:end]
        yield from self._found(in_markdown(spelling), Span(start, end), syntax, images)

    def _defined(self, definition: _Definition) -> Iterator[Found]:
        for one in self._destination(definition.dest_span, Syntax.DEFINITION):
            if definition.label in self._definitions:
                yield one  # the first of a label is used, and no other
            else:
                self._definitions[definition.label] = one

    def _autolink(self, link: inline.AutoLink | _Bare) -> Iterator[Found]:
        start, end = link.source_span or (0, 0)
        if isinstance(link, _Bare):
            yield from self._found(self._text[start:end], Span(start, end), Syntax.BARE)
        else:
            url = in_autolink(self._text[start + 1 : end - 1])
            yield from self._found(url, Span(start + 1, end - 1), Syntax.AUTOLINK)

    def _found(self, url: str, span: Span, syntax: Syntax, images: tuple[Shown, ...] = ()) -> Iterator[Found]:
        target = self._ours.target(url)
        if target is not None:
            yield Found(url, target, span, syntax, escaped="&amp;" in self._text[slice(*span)], images=images)


def _trimmed(url: str) -> str:
    """A URL in plain text without what belongs to the sentence (GFM section 6.9)."""
    while (mark := _TRAILING.search(url)) or (url.endswith(")") and url.count(")") > url.count("(")):
        url = url[: mark.start()] if mark else url[:-1]
    return url


def _inside(image: inline.Image) -> Span | None:
    """Where the description of an image is written: between its brackets."""
    marks = image.syntax_spans or []
    return Span(marks[0][1], marks[-1][0]) if len(marks) > 1 else None


def _plain(element: Element) -> str:
    """The text in an element, as it is read."""
    match element:
        case inline.RawText() | inline.CodeSpan() | inline.LineBreak() | inline.Literal():
            text = str(element.children)
            return html.unescape(text) if isinstance(element, inline.RawText) else text
        case inline.InlineHTML():
            return ""
        case _Bare():
            return str(element.children)
    return "".join(_plain(child) for child in getattr(element, "children", ()))
