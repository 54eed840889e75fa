"""Seeds and prompts that are allowed, and that nobody may have meant: each makes a picture of its own.

A program that has no value writes `undefined`, a tool appends `.png` to the end of a URL, and a sentence's bracket is
taken into a link. None of these may be refused, since a URL that shows a picture shows it for ever. So `/info` and the
command line say what they look like.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from promptcdn.url import formats, seeds, text
from promptcdn.url.periods import PERIODS
from promptcdn.url.request import Request


class Mistake(NamedTuple):
    """One row: a pattern that is searched for in a value, without regard to case, and what a value with it looks like.

    Every pattern takes time in step with the length of the value, which strangers choose.
    """

    pattern: str
    what: str


_EXTENSIONS = "|".join(extension.removeprefix(".") for extension in (*formats.BY_FILE_EXTENSION, ".gif", ".svg"))

# Values that no author wrote: each stands where another one should have been filled in.
_UNFILLED = (
    Mistake(
        r"\A(?:undefined|null|none|nil|nan|n/a|\[object object\]|true|false)\Z",
        "what a program writes where it has no value",
    ),
    Mistake(
        r"\{\{|\}\}|\{%|<%|\$\{|\A(?:\{[^{}]*\}|<[^<>]*>|\[[^\[\]]*\]|%[a-z_]*%|%[sd]|\$[a-z_]+|__[a-z_]+__)\Z",
        "a template's blank that nothing was filled into",
    ),
)
_APPENDED = (
    Mistake(
        rf"(?<=.)\.(?:{_EXTENSIONS})\Z",
        "something that a tool appended a file's extension to: such tools leave /i.png?… and /i.jpg?… alone",
    ),
)
_NEARLY = (
    Mistake(
        r"\A(?:[+-]?[0-9](?:[0-9., _]*[0-9])?(?:e[+-]?[0-9]+|px)?|0x[0-9a-f]+|\d+)\Z",
        "a number, which is written in the digits 0 to 9 alone",
    ),
    Mistake(
        rf"\A(?:{'|'.join(PERIODS)}|random|today|now|hourly|daily|weekly|monthly|rand)\Z",
        f"one of the seeds that change, which are {', '.join(PERIODS)} and random, in lower case",
    ),
)
_STUCK = (
    Mistake(r"(?<=.)[?&#]", "something that the beginning of another query is stuck to"),
    Mistake(
        r"""\A[(\[{<"'`]|[)\]}>"'`,.;:/\\|*]\Z""", "something that a punctuation mark of the text around it is stuck to"
    ),
)

# How sentences begin that warn of a mistake.
MAYBE = "this may be a mistake:"


def notes(request: Request) -> Iterator[str]:
    """Sentences about a request's seed and prompts: that the seed is a word, and what may be mistakes."""
    if request.word is not None:
        seed = seeds.of_word(request.word)
        yield f'the seed "{request.word}" is a word: it stands for the number {seed}, and its letters\' case matters'
    yield from warnings(request)


def warnings(request: Request) -> Iterator[str]:
    """The sentences of `notes` about what may be mistakes."""
    if request.word is not None and (what := _looks_like(request.word, (*_UNFILLED, *_APPENDED, *_NEARLY, *_STUCK))):
        yield f'{MAYBE} the seed "{request.word}" looks like {what}'
    asked = request.asked
    for name, value in (("prompt", asked.prompt), ("negative_prompt", asked.negative_prompt)):
        if value is not None and (what := _looks_like(value, (*_UNFILLED, *_APPENDED))):
            shown = value if len(value) <= 50 else f"…{value[-50:]}"
            yield f'{MAYBE} the {name} "{shown}" looks like {what}'


def is_word(seed: str) -> bool:
    """Whether a seed, normalised, is a word and neither a number nor a keyword."""
    return text.number(seed) is None and seed != "random" and seed not in PERIODS


def _looks_like(value: str, mistakes: Iterable[Mistake]) -> str | None:
    rows = (row for row in mistakes if re.search(row.pattern, value, re.IGNORECASE))
    return next((row.what for row in rows), None)
