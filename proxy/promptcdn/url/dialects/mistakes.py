"""Seeds and prompts that are allowed, and that nobody may have meant: each makes a picture of its own.

A program that has no value writes `undefined`, a tool appends `.png` to the end of a URL, and a sentence's bracket is
taken into a link. None of these may be refused, since a URL that shows a picture shows it for ever. So `/info` and the
command line say what they look like.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote_plus

from promptcdn.url import formats, seeds, text
from promptcdn.url.periods import PERIODS
from promptcdn.url.request import Request


class Mistake(NamedTuple):
    """One row: a pattern that is searched for in a value, without regard to case, and what a note says of the value.

    `note` goes on after `the seed "7)"`: it says what the value looks like and, behind a colon, what to do. It may name
    the parts of the value that the pattern finds: `{rest}`, what was probably meant, and `{part}`, what follows;
    `{leave}` tells to write the first alone, `{instead}` what to write for the `mark` between them. `{behind}` is a
    parameter that keeps marks off the value.

    Every pattern takes time in step with the length of the value, which strangers choose.
    """

    pattern: str
    note: str


_EXTENSIONS = "|".join(extension.removeprefix(".") for extension in (*formats.BY_FILE_EXTENSION, ".gif", ".svg"))
_OPENING, _CLOSING = r"""(\[{<"'`""", r""")\]}>"'`,.;:/\\|*"""
# A text with a closing bracket behind it that nothing opens.
_UNOPENED = "|".join(rf"[^\{opening}]*(?=\{closing}\Z)" for opening, closing in ("()", "[]", "{}", "<>", '""', "``"))

# Values that no author wrote: each stands where another one should have been filled in.
_UNFILLED = (
    Mistake(
        r"\A(?:undefined|null|none|nil|nan|n/a|\[object object\]|true|false)\Z",
        "is what a program writes where it has no value: look why the program that wrote this URL had no {name}",
    ),
    Mistake(
        r"\{\{|\}\}|\{%|<%|\$\{|\A(?:\{[^{}]*\}|<[^<>]*>|\[[^\[\]]*\]|%[a-z_]*%|%[sd]|\$[a-z_]+|__[a-z_]+__)\Z",
        "looks like a template's blank that nothing was filled into: look at the blank's name in the template",
    ),
)
_APPENDED = (
    Mistake(
        rf"\A(?P<rest>.+)\.(?:{_EXTENSIONS})\Z",
        'is "{rest}" with a file\'s extension, which some tools append to URLs: {leave}, and where a tool appends it'
        " begin the URL with /i.png? or /i.jpg?",
    ),
)
_NEARLY = (
    Mistake(
        r"\A(?:[+-]?[0-9](?:[0-9., _]*[0-9])?(?:e[+-]?[0-9]+|px)?|0x[0-9a-f]+|\d+)\Z",
        "looks like a number, and is a word: write a number in the digits 0 to 9 alone, like seed=7",
    ),
    Mistake(
        rf"\A(?:{'|'.join(PERIODS)}|random|today|now|hourly|daily|weekly|monthly|rand)\Z",
        f"looks like one of the seeds that change, and is a word: write one of {', '.join(PERIODS)} or random, in lower"
        " case",
    ),
)
_STUCK_TO_SEEDS = (
    Mistake(
        rf"\A[{_OPENING}{_CLOSING}?&#]+\Z",
        "is nothing but punctuation: write a number or a word, or leave the seed out",
    ),
    Mistake(
        r"\A(?P<rest>.+?)(?P<mark>[?&#]|;(?=[a-z_][a-z0-9_.-]*=))",
        'is "{rest}" with the beginning of another query stuck to it: {leave}, or {instead}',
    ),
    Mistake(
        rf"\A[{_OPENING}]*(?P<rest>.*[^{_CLOSING}])[{_CLOSING}]+\Z",
        'is "{rest}" with a punctuation mark of the text around it stuck to it: {leave}, or put another parameter'
        " behind it, like {behind}",
    ),
    Mistake(
        rf"\A[{_OPENING}]+(?P<rest>[^{_OPENING}].*)\Z",
        'is "{rest}" with a punctuation mark of the text around it stuck to it: {leave}',
    ),
)
_PUNCTUATION = (
    "ends in a punctuation mark that may belong to the text around the URL: {leave}, or put another parameter behind"
    " the prompt, like {behind}"
)
# Prompts are sentences, which may have brackets and question marks of their own.
_STUCK_TO_PROMPTS = (
    Mistake(
        r"\A(?:[a-z][a-z0-9+.-]{0,20}://)?[^\s?]*\?(?:\S*&)?prompt=|\A[a-z][a-z0-9+.-]{0,20}://\S*\Z",
        "is a URL, taken as a prompt: promptcdn info URL shows its canonical spelling",
    ),
    Mistake(
        r"\A(?P<rest>.+?)(?P<mark>[?&#;])[a-z_][a-z0-9_.-]{0,40}=",
        'ends in "{part}", which looks like parameters: {instead}, or {leave}',
    ),
    # Not the mouth of a face or the head of an arrow: `:)`, `->`.
    Mistake(rf"\A(?P<rest>{_UNOPENED})(?<![:;=8-]).\Z", _PUNCTUATION),
    Mistake(r"\A(?P<rest>.*[^:;=8,/\\|-])[,;/\\|]\Z", _PUNCTUATION),
)
# What to write for the mark at which a value ends and another parameter begins: in a query, and at the end of a path.
_INSTEAD = {
    "?": "put & instead of the second ?",
    "&": "write & as it is, and not %26",
    "#": "write # as it is, and not %23",
    ";": "put & instead of ;",
}
_INSTEAD_IN_PATH = {
    **_INSTEAD,
    "?": "write ? as it is, and not %3F",
    "&": "write ? before the first parameter",
    ";": "put ? instead of ;",
}

# How sentences begin that warn of a mistake.
MAYBE = "this may be a mistake:"


def notes(request: Request) -> Iterator[str]:
    """Sentences about a request's seed and prompts: that the seed is a word, and what may be mistakes."""
    if request.word is not None:
        seed = seeds.of_word(request.word)
        yield f'the seed "{request.word}" is a word: it stands for the number {seed}, and its letters\' case matters'
    yield from warnings(request)


def warnings(request: Request) -> Iterator[str]:
    """The sentences of `notes` about what may be mistakes: what each value looks like, and what to do."""
    return (f"{MAYBE} {looks}: {cure}" for looks, cure in mistakes(request))


def mistakes(request: Request) -> Iterator[tuple[str, str]]:
    """What may be mistakes: what each value looks like, and what to do."""
    asked, of_prompts = request.asked, (*_UNFILLED, *_APPENDED, *_STUCK_TO_PROMPTS)
    for name, value, rows in (
        ("seed", request.word, (*_UNFILLED, *_APPENDED, *_NEARLY, *_STUCK_TO_SEEDS)),
        ("prompt", asked.prompt, of_prompts),
        ("negative_prompt", asked.negative_prompt, of_prompts),
    ):
        in_path = name == "prompt" and request.nearest
        if value is not None and (note := _note(name, value, rows, in_path=in_path)):
            looks, cure = note
            yield f'the {name} "{_end(value)}" {looks}', cure


def is_word(seed: str) -> bool:
    """Whether a seed, normalised, is a word and neither a number nor a keyword."""
    return text.number(seed) is None and seed != "random" and seed not in PERIODS


def _note(name: str, value: str, rows: Iterable[Mistake], *, in_path: bool) -> tuple[str, str] | None:
    searched = ((row.note, re.search(row.pattern, value, re.IGNORECASE)) for row in rows)
    note, found = next(((note, found) for note, found in searched if found), ("", None))
    if found is None:
        return None
    parts = found.groupdict()
    rest = parts.get("rest") or ""
    part = value[len(rest) :]
    looks, _, cure = (
        half.format(
            name=name,
            rest=_end(rest),
            part=_end(part),
            leave=f"write seed={quote_plus(rest)}" if name == "seed" else f'leave "{_end(part)}" off',
            instead=(_INSTEAD_IN_PATH if in_path else _INSTEAD).get(parts.get("mark") or ""),
            behind="?v=1" if in_path else "&v=1",
        )
        for half in note.partition(": ")
    )
    return looks, cure


def _end(value: str) -> str:
    """The last 50 characters of a value, which may have thousands."""
    return value if len(value) <= 50 else f"…{value[-50:]}"
