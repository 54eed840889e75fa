"""What a document shows by itself: URLs that are cut, refused or lack something, and what to do about each."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from promptcdn import problems
from promptcdn.markdown import find, parts
from promptcdn.markdown.faults.near_misses import near_miss
from promptcdn.markdown.found import Found, Kind, Span
from promptcdn.markdown.mapped import Lines
from promptcdn.markdown.ours import Ours
from promptcdn.url import formats
from promptcdn.url.dialects import given, mistakes
from promptcdn.url.parse import is_of_picture, parse_delivery, parse_url
from promptcdn.url.request import Delivery, Request
from promptcdn.url.snippets.tools import BY_NAME, Tool

# GitHub's proxy writes each byte of a URL as two hex digits into a path, and servers take 8 kB of path.
GITHUB_URL_BYTES = 3900

# With these a URL is not the one that was meant. docs/markdown.md has a row for each code.
_BREAKING = ("raw-space", "unbalanced-parenthesis", "pipe-in-table", "unquoted-attribute", "not-an-image", "bad-url")
CODES = (
    *_BREAKING,
    *("seedless", "missing-alt", "too-long", "maybe-a-mistake", "unsigned", "unsuitable-format", "no-extension"),
)

_TARGET = re.compile(r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>.*)", re.DOTALL)
# In a fragment: it was meant for the service.
_PARAMETER = re.compile(r"&(?:amp;)?[a-z_]+=")
_PERMALINK = re.compile(r"/*/i/[0-9a-f]{64}(?P<extension>\.[A-Za-z]+)?")


class Finding(NamedTuple):
    """One fault: a stable code, a sentence about it, what to do, and where it is."""

    code: str
    message: str
    cure: str
    line: int
    column: int
    span: Span
    url: str


@dataclass(frozen=True)
class Rules:
    """What is asked of pictures beyond being right.

    seeds   each has a seed, or a seed that changes with the calendar
    signed  each is signed: the operator has set PROMPTCDN_MISSES=signed
    tool    what the document is made into, a name that `promptcdn url --for` takes; its pictures have to suit that
    """

    seeds: bool = True
    signed: bool = False
    tool: str | None = None


class Checked(NamedTuple):
    """A document that was looked through.

    findings  all faults, in the order in which they stand
    urls      each URL of ours with its place in the document, without the images that show it
    """

    findings: tuple[Finding, ...]
    urls: tuple[Found, ...]

    @property
    def whole(self) -> tuple[Found, ...]:
        """The URLs that nothing breaks and the service takes."""
        broken = {one.span for one in self.findings if one.code in _BREAKING}
        return tuple(one for one in self.urls if one.span not in broken)


class _Said(NamedTuple):
    """A fault before its place is known: code, sentence, what to do; and its place where that is not the URL's."""

    code: str
    message: str
    cure: str
    span: Span | None = None


def findings(text: str, kind: Kind, ours: Ours, rules: Rules = Rules()) -> tuple[Finding, ...]:
    """All faults, in the order in which they stand. Raises `ValueError` as `find` does."""
    return checked(text, kind, ours, rules).findings


def checked(text: str, kind: Kind, ours: Ours, rules: Rules = Rules()) -> Checked:
    """All faults and all URLs, found in one go. Raises `ValueError` as `find` does."""
    lines, found, urls = Lines.of(text), [], []
    for part, its_kind in parts(text, kind):
        for one in find(part.text, its_kind, ours):
            for said in _of(one, part.text, its_kind, rules):
                span = part.span(said.span or one.span)
                found.append(Finding(said.code, said.message, said.cure, *lines.position(span.start), span, one.url))
            line, column = lines.position((span := part.span(one.span)).start)
            urls.append(replace(one, span=span, line=line, column=column, images=()))
    return Checked(tuple(sorted(found, key=lambda one: (one.span, one.code))), tuple(urls))


def _of(found: Found, text: str, kind: Kind, rules: Rules) -> Iterator[_Said]:
    missed = near_miss(text, found)
    if missed is not None:
        yield _Said(*missed)
    yield from _undescribed(found, text)
    if kind is not Kind.HTML and (length := len(found.url.encode(errors="surrogatepass"))) > GITHUB_URL_BYTES:
        message = f"the URL has {length} bytes, and GitHub shows no picture with more than {GITHUB_URL_BYTES}"
        yield _Said("too-long", message, "shorten the prompt, or use the permalink that /info names")
    # Of a URL that is cut nothing more can be said: its rest is missing.
    if missed is None:
        # A link may lead to any picture; what is shown has to be the one that was meant, and to suit the tool.
        yield from _of_target(found.target, rules if found.is_shown else replace(rules, seeds=False, tool=None))


def undescribed(text: str, vendored: Iterable[Found]) -> Iterator[Finding]:
    """The vendored files that a document shows without a description; `text` is the whole document."""
    lines = Lines.of(text)
    for one in vendored:
        for said in _undescribed(one, text):
            span = said.span or one.span
            yield Finding(said.code, said.message, said.cure, *lines.position(span.start), span, one.url)


def _undescribed(found: Found, text: str) -> Iterator[_Said]:
    for image in found.images:
        if image.alt is None:
            yield _Said("missing-alt", "the picture has no description", _described(text, image.span), image.span)


def _described(text: str, image: Span) -> str:
    """How an image gets a description, by what it is written in."""
    if text.startswith("<", image.start):
        return 'write what it shows as alt="…", or alt="" where it is decoration'
    if text.startswith("![", image.start):
        return "write what it shows between the first brackets"
    # AsciiDoc's macro, also within a line; all else is a directive of reStructuredText.
    return f"write what it shows {'first in the brackets' if text.startswith('image:', image.start) else 'as :alt:'}"


def _of_target(target: str, rules: Rules) -> Iterator[_Said]:
    """What is wrong with what a URL asks for."""
    parts = _TARGET.match(target)
    assert parts is not None
    path, query = parts["path"], (parts["query"] or "").encode(errors="surrogatepass")
    permalink = _PERMALINK.fullmatch(path)
    if permalink is None and not is_of_picture(path.encode(errors="surrogatepass")):
        yield _nothing_there(path)
        return
    if _PARAMETER.search(parts["fragment"]):
        message = f"the # ends what the service is asked for, so {parts['fragment'][:40]} has no effect"
        yield _Said("maybe-a-mistake", message, "write %23 for a # that belongs to the prompt")
        rules = replace(rules, seeds=False)
    try:
        if permalink:
            delivery = parse_delivery(query, formats.split_extension(path)[1])
        else:
            request = parse_url(path.encode(errors="surrogatepass"), query)
            delivery = request.delivery
            yield from _of_request(request, rules)
    except problems.Problem as problem:
        message = f"the service refuses this URL: {given.told(problem)}"
        yield _Said("bad-url", message, "write the URL as the message says")
        return
    if rules.tool is not None:
        yield from _for_tool(path, delivery, BY_NAME[rules.tool], rules.tool)


def _nothing_there(path: str) -> _Said:
    """The service has no pictures at such a path."""
    cure = "begin it with /?prompt= or /prompt/"
    if "prompt=" in path:
        cure = "write ? before prompt="
    elif "." in path:
        cure = f"write one of the extensions {', '.join(formats.BY_FILE_EXTENSION)}"
    return _Said("bad-url", f"the service has nothing at {path[:80]}", cure)


def _of_request(request: Request, rules: Rules) -> Iterator[_Said]:
    if rules.seeds and request.asked.seed is None:
        yield _Said(
            "seedless",
            "the URL has no seed, so each view may show another picture",
            "append &seed=7, or let promptcdn pin write the seed of a picture that you see",
        )
    if rules.signed and request.control.sig is None:
        message = "the URL is not signed, and the service makes new pictures for signed URLs only"
        yield _Said("unsigned", message, "have the operator sign it with promptcdn sign")
    for looks, cure in mistakes.mistakes(request):
        yield _Said("maybe-a-mistake", looks, cure)


def _for_tool(path: str, delivery: Delivery, tool: Tool, name: str) -> Iterator[_Said]:
    """Whether a tool shows the format, and finds the extension that it names files by (`url/snippets/tools.py`)."""
    best = formats.BY_NAME[tool.shows[0]].extension
    asked = formats.DEFAULT.name if delivery.format == formats.AUTO else delivery.format
    if asked not in tool.shows:
        message = f"the picture is a file in the format {asked}, which {tool.what} may not show"
        cure = f"begin the URL with /i.{best}? or write format={tool.shows[0]}, as promptcdn url --for {name} does"
        yield _Said("unsuitable-format", message, cure)
    elif tool.face != "query" and "." not in path.rpartition("/")[2]:
        message = f"the path of the URL has no extension: {tool.why}"
        extension = formats.BY_NAME[asked].extension
        yield _Said("no-extension", message, f"begin the URL with /i.{extension}? instead of /?")
