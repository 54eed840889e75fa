"""URLs as people give them to a command: with their host or without, as they stand in a page."""

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
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


def request(url: Given) -> "Request":
    """What it asks for. Raises `Problem`. Bytes that are no text go on as they are: the grammar says what is wrong."""
    from promptcdn.url.parse import parse_url

    return parse_url(*(part.encode(errors="surrogateescape") for part in (url.path, url.query)))
