"""The Markdown cells of a Jupyter notebook (nbformat 3 and 4), with the place of each character in the JSON text."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from promptcdn.markdown.mapped import Mapped, Run

# RFC 8259 section 2 and 7.
_TOKEN = re.compile(r'[\s,]*(?:(?P<string>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?|(?P<mark>[\[\]{}])|[^\s,\[\]{}":]+)')
_PIECE = re.compile(r'[^\\"]+|(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[0-9a-fA-F]{4}|\\.')


@dataclass
class _Object:
    """An object or a list of the JSON text: what is known of it so far."""

    is_list: bool
    name: str = ""
    is_markdown: bool = False
    source: list[re.Match[str]] = field(default_factory=list)


def cells(document: str) -> Iterator[Mapped]:
    """The text of each Markdown cell. Outputs, code and metadata are left alone.

    Raises `ValueError` where the document is no JSON.
    """
    try:
        json.loads(document.removeprefix("\ufeff"))
    except ValueError as wrong:
        raise ValueError(f"this is no notebook: {wrong}") from None
    except RecursionError:
        raise ValueError("this is no notebook: its lists are nested too deeply") from None
    open_: list[_Object] = [_Object(is_list=True)]
    for token in _TOKEN.finditer(document, document.startswith("\ufeff")):
        if token["mark"] in ("{", "["):
            open_.append(_Object(is_list=token["mark"] == "["))
        elif token["mark"]:
            if (cell := open_.pop()).is_markdown and _is_cell(open_):
                yield Mapped(run for string in cell.source for run in _runs(document, string))
        elif token["colon"]:
            open_[-1].name = json.loads(token["string"])
        elif token["string"]:
            _take(token, open_)


def _is_cell(open_: list[_Object]) -> bool:
    """Whether what was just closed is a cell: an element of the list `cells`."""
    return len(open_) > 2 and open_[-1].is_list and open_[-2].name == "cells"


def _take(string: re.Match[str], open_: list[_Object]) -> None:
    """A value: the type of a cell, its source, or a line of its source."""
    holder = open_[-1]
    if holder.is_list and len(open_) > 1 and open_[-2].name == "source":
        open_[-2].source.append(string)
    elif not holder.is_list and holder.name == "source":
        holder.source.append(string)
    elif not holder.is_list and holder.name == "cell_type":
        holder.is_markdown = json.loads(string["string"]) == "markdown"


def _runs(document: str, string: re.Match[str]) -> Iterator[Run]:
    start, end = string.span("string")
    for piece in _PIECE.finditer(document, start + 1, end - 1):
        text = json.loads(f'"{piece[0]}"', strict=False) if piece[0].startswith("\\") else piece[0]
        yield Run(text, *piece.span())
