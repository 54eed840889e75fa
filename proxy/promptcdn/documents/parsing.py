"""Many documents at once: those that may have pictures of ours are parsed, on all processors where there are many."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from promptcdn.documents.files import WRITTEN, Document, Unusable, content_of, decoded

_T = TypeVar("_T")

# A process takes as long to start as some hundred documents to parse.
_FEW = 200
_AT_ONCE = 16


@dataclass(frozen=True)
class Parsed(Generic[_T]):
    """A document, the bytes that it had when it was read, and what was found in them."""

    document: Document
    content: bytes
    found: _T

    @property
    def text(self) -> str:
        """What the bytes say."""
        return self.content.decode("utf-8")


def parsed(
    documents: Sequence[Document],
    may_have: Callable[[Document, str], bool],
    parse: Callable[[Document, str], _T],
    advance: Callable[[], None],
) -> Iterator[Parsed[_T] | Unusable]:
    """What `parse` finds in the text of each document for which `may_have` says that there may be something, in their
    order. `advance` is called once for each document, when it is done.

    `parse` and what it gives are sent to other processes. Where it raises `ValueError` the document is unusable.
    """
    likely: list[Document] = []
    for document in documents:
        try:
            # A file that is no text matters only where it may have a picture.
            text = _guessed(content_of(document.path))
            if may_have(document, text) and not text.startswith(WRITTEN):
                likely.append(document)
            else:
                advance()
        except Unusable as unusable:
            advance()
            yield unusable
    for result in _all(partial(_parsed, parse), likely):
        advance()
        yield result


def _guessed(content: bytes) -> str:
    return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")


def _all(
    work: Callable[[Document], Parsed[_T] | Unusable], likely: Sequence[Document]
) -> Iterator[Parsed[_T] | Unusable]:
    processes = min(os.cpu_count() or 1, 8)
    if len(likely) < _FEW or processes == 1:
        yield from map(work, likely)
        return
    # Not forked: a thread draws the progress bar meanwhile. What `work` knows, like a lock file, is sent once.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, initializer=_Worker.take, initargs=(work,)) as pool:
        yield from pool.map(_Worker.do, likely, chunksize=_AT_ONCE)


class _Worker:
    """What a process of the pool does with each document."""

    work: Callable[[Document], Any]

    @classmethod
    def take(cls, work: Callable[[Document], Any]) -> None:
        cls.work = work

    @classmethod
    def do(cls, document: Document) -> Any:
        return cls.work(document)


def _parsed(parse: Callable[[Document, str], _T], document: Document) -> Parsed[_T] | Unusable:
    try:
        content = content_of(document.path)
        return Parsed(document, content, parse(document, decoded(document.path, content)))
    except Unusable as unusable:
        return unusable
    except ValueError as wrong:
        return Unusable(document.path, str(wrong))
