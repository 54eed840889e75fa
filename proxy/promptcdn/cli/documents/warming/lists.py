"""The lines of a list: each is a prompt, or a URL of any host."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from promptcdn.cli.documents.warming import Wanted, note, tell
from promptcdn.url.dialects import given

if TYPE_CHECKING:
    from promptcdn.markdown import Ours
    from promptcdn.url.request import Request

_URL = re.compile(r"https?://|/", re.IGNORECASE)
# What is in no prompt of a person, but in URLs of ours that something stands around, or that have lost their `http://`.
_ALMOST = re.compile(r"[?&](?:amp;)*prompt=|https?://|\A\W*www\.|/prompt/|/i/[0-9a-f]{64}", re.IGNORECASE)
_PROMPT = "prompt:"
_SHOWN = 80


@dataclass(frozen=True)
class Line:
    """One line of a list: where it stands, what it says, and the URL that it stands for.

    `None` for a line that looks like a URL and is none: whoever wrote it meant no prompt.
    """

    place: str
    text: str
    url: str | None


def lines(text: str, name: str, seed: str | None) -> Iterator[Line]:
    """Every line that is neither empty nor a comment. `name` is said with its number, where there are several lists."""
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield Line(f"{name}:{number}" if name else f"line {number}", entry, _url(entry, seed))


def _url(entry: str, seed: str | None) -> str | None:
    if entry.startswith(_PROMPT):
        return _url_of(entry.removeprefix(_PROMPT), seed)
    if _URL.match(entry):
        return entry
    return None if _ALMOST.search(entry) else _url_of(entry, seed)


def _url_of(prompt: str, seed: str | None) -> str:
    return "/?" + urlencode({"prompt": prompt, **({} if seed is None else {"seed": seed})})


def wanted(listed: Sequence[Line], ours: "Ours") -> tuple[list[tuple[Wanted, ...]], list[str]]:
    """What each line asks for; and for each that is wrong, which is printed at once, the code of its problem.

    Of a URL of the service the base path is taken off: no picture's own URL has it. What may be a mistake is printed
    too, before anything is paid for.
    """
    from promptcdn.problems import Problem
    from promptcdn.url.dialects import mistakes

    found: list[tuple[Wanted, ...]] = []
    wrong: list[str] = []
    for line in listed:
        try:
            url, request = _asked(line, ours)
        except Problem as problem:
            tell(line.place, line.text[:_SHOWN], given.told(problem))
            wrong.append(problem.kind.code)
        else:
            query = f"?{url.query}" if url.query else ""
            found.append((Wanted(line.place, line.text[:_SHOWN], f"{url.path}{query}", request),))
            for warning in mistakes.warnings(request):
                note(line.place, warning)
    return found, wrong


def _asked(line: Line, ours: "Ours") -> "tuple[given.Given, Request]":
    from promptcdn import problems
    from promptcdn.url.resolving import require_consistent

    if line.url is None:
        looks = "this looks like a URL with something around it, or without its http://"
        detail = f'{looks}: write the URL alone, or put "prompt: " in front of a prompt'
        raise problems.Problem(problems.BAD_REQUEST, detail)
    url = given.parts(ours.target(line.url) or line.url)
    if given.content_key(url) is not None:
        detail = "a permalink makes no picture: list the URL that it was made by"
        raise problems.Problem(problems.BAD_REQUEST, detail)
    request = given.request(url)
    require_consistent(request.asked)
    return url, request
