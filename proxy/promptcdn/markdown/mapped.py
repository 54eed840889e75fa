"""Texts that were cut out of a document, each with the way back: which character stands where in the document."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple, Self

from promptcdn.markdown.found import Found, Shown, Span

_LINE_END = re.compile("\r\n?|\n")


class Run(NamedTuple):
    """A piece of a text, and the slice of the document that it is.

    The two are of one length, unless the piece is a single character that the document spells with several.
    """

    text: str
    start: int
    end: int


class Mapped:
    """A text made of runs of a document."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._runs = [run for run in runs if run.text]
        self.text = "".join(run.text for run in self._runs)
        self._starts: list[int] = []
        length = 0
        for run in self._runs:
            self._starts.append(length)
            length += len(run.text)

    @classmethod
    def whole(cls, document: str) -> Self:
        """The document itself."""
        return cls([Run(document, 0, len(document))])

    def with_line_feeds(self) -> "Mapped":
        """The text with line feeds for all line ends: parsers of Markdown count characters that way."""
        return self if "\r" not in self.text else Mapped(self._with_line_feeds())

    def _with_line_feeds(self) -> Iterator[Run]:
        place = 0
        for found in re.finditer("\r\n?", self.text):
            yield from self._pieces(Span(place, found.start()))
            yield Run("\n", *self.span(Span(*found.span())))
            place = found.end()
        yield from self._pieces(Span(place, len(self.text)))

    def span(self, span: Span) -> Span:
        """Where a slice of the text stands in the document, from its first character to its last."""
        if span.end <= span.start:
            place = self._start(span.start)
            return Span(place, place)
        return Span(self._start(span.start), self._end(span.end - 1))

    def is_one_slice(self, span: Span) -> bool:
        """Whether nothing of the document that is not in the text stands between its characters."""
        runs = self._runs[bisect_right(self._starts, span.start) - 1 : bisect_right(self._starts, span.end - 1)]
        return all(one.end == following.start for one, following in pairwise(runs))

    def after(self, start: int) -> "Mapped":
        """The text from `start` on."""
        return self.cut(Span(start, len(self.text)))

    def cut(self, span: Span) -> "Mapped":
        """A slice of the text, with its way back to the same document."""
        return Mapped(self._pieces(span))

    def _pieces(self, span: Span) -> Iterator[Run]:
        for start, run in zip(self._starts, self._runs, strict=True):
            first, last = max(span.start - start, 0), min(span.end - start, len(run.text))
            if first >= last:
                continue
            if run.end - run.start == len(run.text):
                yield Run(run.text[first:last], run.start + first, run.start + last)
            else:
                yield run

    def _start(self, offset: int) -> int:
        if not self._runs:
            return 0
        if offset >= len(self.text):
            return self._runs[-1].end
        index = bisect_right(self._starts, offset) - 1
        return self._runs[index].start + offset - self._starts[index]

    def _end(self, offset: int) -> int:
        """Where the character at `offset` ends."""
        index = bisect_right(self._starts, offset) - 1
        run, within = self._runs[index], offset - self._starts[index]
        return run.end if within == len(run.text) - 1 else run.start + within + 1


@dataclass(frozen=True)
class Lines:
    """Where the lines of a document begin. CR, LF and CRLF end a line each."""

    starts: tuple[int, ...]

    @classmethod
    def of(cls, document: str) -> Self:
        """Those of `document`."""
        return cls((0, *(found.end() for found in _LINE_END.finditer(document))))

    def position(self, offset: int) -> tuple[int, int]:
        """The line and the column of a character, both counted from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1


def moved(found: Iterable[Found], mapped: Mapped) -> Iterator[Found]:
    """What was found in a text, as it stands in its document.

    A URL that is broken over pieces is left out: nothing but a whole slice can be rewritten.
    """
    for one in found:
        if mapped.is_one_slice(one.span):
            images = tuple(_moved(image, mapped) for image in one.images)
            yield replace(one, span=mapped.span(one.span), images=images)


def _moved(image: Shown, mapped: Mapped) -> Shown:
    alt_span = None if image.alt_span is None else mapped.span(image.alt_span)
    return Shown(mapped.span(image.span), image.alt, alt_span)
