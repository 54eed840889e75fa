"""URLs as people give them to a command: with their host or without, as they stand in a page."""

import re
from typing import NamedTuple

from promptcdn import problems
from promptcdn.url.parse import parse_url
from promptcdn.url.request import Request

_PERMALINK = re.compile(r".*/i/([0-9a-f]{64})(\.[a-z]+)?")
# RFC 3986 appendix B.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?([^?#]*)(?:\?([^#]*))?(#.*)?", re.DOTALL)


class Given(NamedTuple):
    """The parts of a URL. Nothing in them is changed, so that they make up the same URL again."""

    host: str
    path: str
    query: str
    fragment: str


def parts(url: str) -> Given:
    """`url`, taken apart. Every text is a URL of some kind."""
    found = _URL.fullmatch(url)
    assert found is not None
    return Given(*(part or "" for part in found.groups()))


def content_key(url: Given) -> str | None:
    """The content key that a permalink names, with any extension; `None` where the URL is no permalink."""
    found = _PERMALINK.fullmatch(url.path)
    return found and found[1]


def request(url: Given, *, or_a_key: bool = False) -> Request:
    """What it asks for. `or_a_key`: the command takes content keys, too.

    Raises `Problem`, for a text that is no URL of ours as well. Bytes that are no text go on as they are: the grammar
    says what is wrong.
    """
    try:
        return parse_url(*map(_bytes, (url.path, url.query)))
    except problems.Problem as problem:
        if problem.parameter != "prompt" or problem.value or "prompt" in url.path + url.query:
            raise
        key = "a content key (64 hex digits), a permalink" if or_a_key else "a permalink (/i/ and 64 hex digits)"
        detail = f"this is neither {key} nor a URL with prompt="
        raise problems.Problem(problems.BAD_REQUEST, detail) from None


def told(problem: problems.Problem) -> str:
    """What a problem says on one line. Where it has a guess, the list of all that is allowed is left out."""
    whole = problem.detail
    return whole.removesuffix(f"; allowed: {problem.allowed}") if "did you mean" in whole else whole


def _bytes(text: str) -> bytes:
    """The bytes that a command was given; of half characters, which JSON may have, those that are no UTF-8 either."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
