"""What commands on documents have in common: which documents, of which service, read with a progress bar."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

import typer

from promptcdn.cli.base import base_url
from promptcdn.cli.ending import FINDINGS, fail

if TYPE_CHECKING:
    from promptcdn.documents.client import Client
    from promptcdn.documents.files import Document
    from promptcdn.documents.parsing import Parsed
    from promptcdn.markdown import Found, Kind, Ours
    from promptcdn.markdown.faults.near_misses import NearMiss
    from promptcdn.markdown.found import Span

_T = TypeVar("_T")

STDIN = "-"
# How much the service is asked at once. It makes no more than PROMPTCDN_CONCURRENCY pictures at once (8 by default).
AT_ONCE = 8

_PATHS = "Files, folders and glob patterns; by default the folder that you are in."
# What commands take that read standard input too, and what others do.
Paths = Annotated[
    list[str] | None, typer.Argument(metavar="PATH", help=f"{_PATHS} - for standard input.", show_default=False)
]
Files = Annotated[list[str] | None, typer.Argument(metavar="PATH", help=_PATHS, show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print what came out as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change as a diff; write nothing.")]
StdinName = Annotated[
    str, typer.Option("--stdin-filename", help="What standard input would be called: its extension says what it is.")
]
LockFile = Annotated[Path, typer.Option("--lock-file", help="The lock file; what it names lies below its folder.")]


def ours_of(base: str | None) -> "tuple[str, Ours]":
    """What URLs of the service begin with, and how they are recognised."""
    from promptcdn.markdown import Ours

    url = base_url(base)
    try:
        return url, Ours.of(url)
    except ValueError as wrong:
        fail(str(wrong))


class Told:
    """Says on standard error what could not be done, once, and remembers that there was something."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, what: object) -> None:
        if str(what) not in self.lines:
            self.lines.append(str(what))
            typer.echo(str(what), err=True)

    def end(self) -> None:
        """Ends the command with exit code 1 where anything was said."""
        if self.lines:
            raise typer.Exit(FINDINGS)


def documents_of(paths: list[str] | None, told: Callable[[object], None]) -> "list[Document]":
    """The documents that a command was given. Ends the command where a path names nothing."""
    from promptcdn.documents.files import Missing, Unusable, documents

    if STDIN in (paths or ()):
        fail("-: standard input is for promptcdn pin and check, which take it alone")
    found: list[Document] = []
    for each in documents(paths or ["."]):
        match each:
            case Missing():
                fail(str(each))
            case Unusable():
                told(each)
            case _:
                found.append(each)
    return found


def client_of(address: str, *, patient: bool = False) -> "Client":
    """Asks the service. Ends the command where the environment says what cannot be used of proxies or certificates."""
    from promptcdn.documents.client import BadEnvironment, Client

    try:
        return Client(address, patient=patient)
    except BadEnvironment as wrong:
        fail(str(wrong))


def note_of_nothing(address: str) -> None:
    """Says that no document has a URL of the service, which often is another one than was meant."""
    typer.echo(f"no URL begins with {address}: --base or PROMPTCDN_PUBLIC_URL says whose URLs are looked for", err=True)


def standard_input(name: str) -> "tuple[str, Kind]":
    """The text of standard input, and what it is written in by the name that it would have."""
    from promptcdn.documents.files import Unusable, decoded
    from promptcdn.markdown import EXTENSIONS, kind_of

    kind = kind_of(name)
    if kind is None:
        fail(f'--stdin-filename="{name}": allowed: a name that ends in .{", .".join(EXTENSIONS)}')
    try:
        return decoded(Path("standard input"), sys.stdin.buffer.read()), kind
    except Unusable as unusable:
        fail(str(unusable))


def all_parsed(
    documents: "Sequence[Document]",
    may_have: "Callable[[Document, str], bool]",
    parse: "Callable[[Document, str], _T]",
    told: Callable[[object], None],
) -> "list[Parsed[_T]]":
    """What `parse` finds in each document that may have pictures; says of which ones that cannot be known, and why."""
    from promptcdn.documents.files import Unusable
    from promptcdn.documents.parsing import parsed

    found: list[Parsed[_T]] = []
    with progress("reading", len(documents)) as advance:
        for each in parsed(documents, may_have, parse, advance):
            if isinstance(each, Unusable):
                told(each)
            else:
                found.append(each)
    return found


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error, where that is a terminal and there is anything to do; gives what moves it on by one."""
    if not total or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def all_found(documents: "Sequence[Document]", ours: "Ours", told: Told) -> "list[Parsed[tuple[Found, ...]]]":
    """The URLs of ours in each document that has any, without those that are cut."""
    from promptcdn.documents.parsing import Parsed

    def may_have(_: "Document", text: str) -> bool:
        return ours.may_be_in(text)

    # Cuts are looked for where the document is parsed, which may be in another process.
    parsed = all_parsed(documents, may_have, partial(_looked_through, ours), told)
    return [Parsed(each.document, each.content, _uncut(each.found, str(each.document), told)) for each in parsed]


def all_found_in_standard_input(name: str, ours: "Ours", file: str, told: Told) -> "tuple[str, tuple[Found, ...]]":
    """Standard input, and the URLs of ours in it, without those that are cut; `name` says of which kind it is, `file`
    what it is called where one is told of. Ends the command where it is no document."""
    text, kind = standard_input(name)
    try:
        looked = _looked_through_text(ours, kind, text)
    except ValueError as wrong:
        fail(f"standard input: {wrong}")
    return text, _uncut(looked, file, told)


class _Looked(NamedTuple):
    """The URLs of a document, and what broke those that are cut, by their places."""

    urls: "tuple[Found, ...]"
    cut: "Mapping[Span, NearMiss]"


def _looked_through(ours: "Ours", document: "Document", text: str) -> _Looked:
    return _looked_through_text(ours, document.kind, text)


def _looked_through_text(ours: "Ours", kind: "Kind", text: str) -> _Looked:
    from promptcdn.markdown import find
    from promptcdn.markdown.faults.near_misses import cut

    found = find(text, kind, ours)
    return _Looked(found, cut(text, kind, ours, found))


def _uncut(looked: _Looked, file: str, told: Told) -> "tuple[Found, ...]":
    """The URLs that end where their author meant them to. Says of each other one where it stands and what to do.

    What a cut URL asks for is not what was written: a seed would be put into the middle of the prompt, and a picture of
    half a prompt be paid for.
    """
    for one in looked.urls:
        if said := looked.cut.get(one.span):
            told(f"{file}:{one.line}:{one.column}: this URL is left out: {said.message}; {said.cure}")
    return tuple(one for one in looked.urls if one.span not in looked.cut)


def asked(
    client: "Client", targets: Sequence[str], ask: "Callable[[str], _T]", what: str, told: Callable[[object], None]
) -> dict[str, _T]:
    """What the service says of each URL, several at a time and with a progress bar; says where it does not.

    Once the service cannot be reached no more is asked: the answer would be the same.
    """
    from concurrent.futures import ThreadPoolExecutor

    from promptcdn.documents.client import NoAnswer

    found: dict[str, _T] = {}
    unreachable: list[str] = []

    def one(target: str) -> None:
        try:
            if not unreachable:
                found[target] = ask(target)
        except NoAnswer as none:
            if none.code != "unreachable":
                told(f"{client.base}{target}: {none.reason}")
            elif not unreachable:
                unreachable.append(none.reason)
                told(none.reason)
        advance()

    with progress(what, len(targets)) as advance, ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            list(pool.map(one, targets))
        except BaseException:  # Ctrl-C, which must not wait for pictures that are made
            client.stop()
            raise
    return {target: found[target] for target in targets if target in found}


def counted(number: int, what: str) -> str:
    """`1 picture`, `2 pictures`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
