"""`promptcdn check`."""

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli.base import Base, settings_or_end
from promptcdn.cli.documents import beside_lock, locking, opening
from promptcdn.cli.documents.beside_lock import Comparison, Looked
from promptcdn.cli.documents.opening import LockFile, Paths, StdinName
from promptcdn.cli.documents.reports import Format, Report, printed
from promptcdn.cli.ending import FINDINGS, choice, fail

if TYPE_CHECKING:
    from promptcdn.documents.files import Document
    from promptcdn.documents.parsing import Parsed
    from promptcdn.markdown import Ours
    from promptcdn.markdown.faults import Finding, Rules
    from promptcdn.markdown.faults.locked import Vendored


def check(
    paths: Paths = None,
    allow_seedless: Annotated[bool, typer.Option("--allow-seedless", help="Pictures need no seed.")] = False,
    tool: Annotated[
        str | None, typer.Option("--for", help="The tool that shows the documents, like mkdocs, epub or word.")
    ] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="Each picture needs a signature, also where this machine does not say so.")
    ] = False,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Leave out what has this code; several with commas.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline/--online", help="Do not ask the service.")] = False,
    lock_file: LockFile = beside_lock.DEFAULT,
    base: Base = None,
    format_: Annotated[Format, typer.Option("--format", help="How findings are printed.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    stdin_name: StdinName = "stdin.md",
) -> None:
    """Say what is wrong with the pictures of documents: file, line, column, a code, the reason, and what to do.

    Where there is a lock file, the documents and the vendored files are compared with it, and the service is asked
    whether each URL still shows the picture that is written there. Nothing is made and nothing is paid for.
    """
    checking = _Checking(base, lock_file, _ignored(ignore))
    looked = checking.looked(paths, stdin_name, _rules(allow_seedless, signed, tool))
    asked = checking.compare(looked, everything=not paths, offline=offline)
    if not looked and not checking.found:
        _note_of_nothing(base, checking.address)
    report = Report(
        sorted(checking.found, key=lambda each: (each[0], each[1].span)),
        documents=checking.documents,
        pictures=sum(len(each.found.checked.urls) + len(each.found.files) for each in looked),
        asked=asked,
    )
    _end(report, Format.JSON if as_json else format_)


def _note_of_nothing(base: str | None, address: str) -> None:
    """Ends the command where nothing says whose URLs are meant: a hook that checks none of them would never fail."""
    if base is None and not settings_or_end().public_url:
        fail(f"no URL begins with {address}: --base or PROMPTCDN_PUBLIC_URL says whose URLs are checked")
    opening.note_of_nothing(address)


class _Checking:
    """What is found, by file. What has a code to leave out is not kept."""

    def __init__(self, base: str | None, lock_file: Path, ignored: frozenset[str]) -> None:
        self.address, self.ours = opening.ours_of(base)
        self.found: list[tuple[str, Finding]] = []
        self.documents = 0
        self._ignored, self._lock_file = ignored, lock_file
        match beside_lock.opened(lock_file):
            case locking.Opened() as lock:
                self._lock: locking.Opened | None = lock
            case finding:
                self._lock = None
                self._add([(lock_file, finding)] if finding else ())

    def looked(self, paths: list[str] | None, stdin_name: str, rules: "Rules") -> "list[Parsed[Looked]]":
        """Each document with pictures, looked through; standard input too."""
        from promptcdn.markdown.faults.locked import Vendored

        vendored = Vendored(tuple(sorted(self._lock.files)) if self._lock else ())
        folder = self._lock_file.parent.resolve()
        look: Callable[[Document, str], Looked] = partial(_look, self.ours, rules, vendored, folder)
        if paths == [opening.STDIN]:
            looked = [_standard_input(stdin_name, look)]
            self.documents = 1
        else:
            documents = self._documents(paths)
            self.documents = len(documents)
            looked = opening.all_parsed(documents, partial(_may_have, self.ours, vendored), look, self._add_unreadable)
        for each in looked:
            self._add((each.document, finding) for finding in each.found.checked.findings)
        return [each for each in looked if each.found.checked.urls or each.found.files]

    def compare(self, looked: "list[Parsed[Looked]]", *, everything: bool, offline: bool) -> bool:
        """Adds what is wrong beside the lock file; whether the service was asked."""
        if self._lock is None:
            return False
        comparison = Comparison(self._lock, self.address, self.ours, looked)
        self._add(comparison.of_documents())
        if everything:
            self._add(comparison.of_entries())
        if asked := not offline and bool(comparison.targets):
            self._add(comparison.of_answers())
        return asked

    def _documents(self, paths: list[str] | None) -> "list[Document]":
        """What is to be looked at. A hook names each file that was changed: the lock file is looked at anyway."""
        if not paths:
            return opening.documents_of(None, self._add_unreadable)
        others = [path for path in paths if os.path.realpath(path) != os.path.realpath(self._lock_file)]
        return opening.documents_of(others, self._add_unreadable) if others else []

    def _add(self, findings: "Iterable[tuple[object, Finding]]") -> None:
        self.found.extend((str(file), one) for file, one in findings if one.code not in self._ignored)

    def _add_unreadable(self, unusable: object) -> None:
        from promptcdn.documents.files import Unusable
        from promptcdn.markdown.faults import unreadable

        assert isinstance(unusable, Unusable)
        self._add([(unusable.path, unreadable(unusable.reason))])


def _may_have(ours: "Ours", vendored: "Vendored", _: "Document", text: str) -> bool:
    return ours.may_be_in(text) or vendored.may_be_in(text)


def _look(ours: "Ours", rules: "Rules", vendored: "Vendored", folder: Path, document: "Document", text: str) -> Looked:
    """What one document shows; `folder` is that of the lock file."""
    from promptcdn.markdown.faults import checked, undescribed

    name = Path(os.path.relpath(document.path.resolve(), folder)).as_posix()
    found, files = checked(text, document.kind, ours, rules), vendored.named(text, document.kind, name)
    return Looked(found._replace(findings=(*found.findings, *undescribed(text, files))), files)


def _standard_input(name: str, look: "Callable[[Document, str], Looked]") -> "Parsed[Looked]":
    from promptcdn.documents.files import Document
    from promptcdn.documents.parsing import Parsed

    text, kind = opening.standard_input(name)
    document = Document(Path(name), kind, Path())
    try:
        return Parsed(document, text.encode(), look(document, text))
    except ValueError as wrong:
        fail(f"standard input: {wrong}")


def _ignored(codes: list[str] | None) -> frozenset[str]:
    from promptcdn.markdown.faults import CODES

    return frozenset(choice("--ignore", code.strip(), CODES) for each in codes or () for code in each.split(","))


def _rules(allow_seedless: bool, signed: bool, tool: str | None) -> "Rules":
    from promptcdn.markdown.faults import Rules
    from promptcdn.url.snippets.tools import BY_NAME

    needed = signed or settings_or_end().misses == "signed"
    return Rules(not allow_seedless, needed, None if tool is None else choice("--for", tool, BY_NAME))


def _end(report: Report, format_: Format) -> None:
    """Prints the findings, and how many they are on standard error."""
    if text := printed(report, format_):
        typer.echo(text)
    counts = (
        opening.counted(len(report.findings), "finding"),
        opening.counted(report.pictures, "picture"),
        opening.counted(report.documents, "document"),
    )
    how = "compared with the service" if report.asked else "without asking the service"
    typer.echo("{} in {} of {}, {}".format(*counts, how), err=True)
    if report.findings:
        raise typer.Exit(FINDINGS)
