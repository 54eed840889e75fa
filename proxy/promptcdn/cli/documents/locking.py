"""What `lock`, `check` and `vendor` have in common: the lock file, and documents with what they say of it."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from promptcdn.cli.documents import opening
from promptcdn.cli.documents.changing import Change
from promptcdn.cli.documents.opening import Told
from promptcdn.cli.ending import fail

if TYPE_CHECKING:
    from promptcdn.documents.client import File
    from promptcdn.documents.files import Document
    from promptcdn.documents.parsing import Parsed
    from promptcdn.markdown import Found, Ours
    from promptcdn.markdown.lock import Entry, Lock


@dataclass(frozen=True)
class Opened:
    """A lock file: what is in it, and its bytes (`None` where it is not there)."""

    path: Path
    lock: "Lock"
    content: bytes | None

    @property
    def files(self) -> frozenset[str]:
        """All vendored files, by the paths that the lock file has."""
        return frozenset(entry.file for entry in self.lock.pictures.values() if entry.file is not None)

    def name_of(self, document: "Document") -> str:
        """What a document is called from the folder of the lock file."""
        return Path(os.path.relpath(document.path.resolve(), self.folder)).as_posix()

    @property
    def folder(self) -> Path:
        """What it names lies below it."""
        return self.path.parent.resolve()

    def place(self, file: str) -> Path:
        """Where a vendored file lies."""
        return self.path.parent / file

    def own_place(self, file: str) -> Path:
        """The same. Raises `Unusable` where a symbolic link leads out of the folder of the lock file."""
        from promptcdn.documents.files import Unusable

        place = self.place(file)
        if not Path(os.path.realpath(place)).is_relative_to(self.folder):
            raise Unusable(place, f"a symbolic link leads out of {self.folder}, which has the lock file")
        return place

    def is_covered_by(self, paths: list[str] | None) -> bool:
        """Whether all documents that the lock file is for are among those that a command was given."""
        return any(self.folder.is_relative_to(os.path.realpath(path)) for path in paths or ["."])

    def change(self, lock: "Lock") -> Change:
        """What writing another lock changes."""
        from promptcdn.markdown.lock import printed

        return Change(self.path, self.content, printed(lock).encode())


@dataclass(frozen=True)
class Named:
    """What one document names: URLs of the service, and vendored files (as the lock file calls them: `target`)."""

    urls: "tuple[Found, ...]"
    files: "tuple[Found, ...]"


def opened(path: Path, *, settles: bool = False) -> Opened:
    """The lock file at `path`; an empty one where there is none. Ends the command for a file that is none.

    `settles`: of a merge conflict both sides are taken.
    """
    from promptcdn.documents.files import Unusable
    from promptcdn.markdown.lock import Conflict

    try:
        return read(path)
    except Unusable as unusable:
        fail(str(unusable))
    except Conflict as conflict:
        if not settles or conflict.both is None:
            fail(f"{path}: {conflict}")
        typer.echo(f"{path}: settled a merge conflict: what either side has is looked at again", err=True)
        return Opened(path, conflict.both, path.read_bytes())
    except ValueError as wrong:
        fail(f"{path}: {wrong}")


def read(path: Path) -> Opened:
    """The lock file at `path`; an empty one where there is none. Raises `Unusable`, `ValueError` for what is none."""
    from promptcdn.documents.files import Unusable, content_of, decoded
    from promptcdn.markdown.lock import Lock, parsed

    try:
        if not path.exists():
            return Opened(path, Lock(), None)
    except OSError as wrong:
        raise Unusable(path, wrong.strerror or "it cannot be looked at") from None
    content = content_of(path)
    return Opened(path, parsed(decoded(path, content)), content)


def all_named(documents: "Sequence[Document]", ours: "Ours", lock: Opened, told: Told) -> "list[Parsed[Named]]":
    """What each document names that names anything."""
    from promptcdn.markdown.vendor import VendoredFiles

    files = lock.files
    any_file = VendoredFiles("", files)

    def may_have(_: "Document", text: str) -> bool:
        return ours.may_be_in(text) or any_file.may_be_in(text)

    return opening.all_parsed(documents, may_have, partial(_named, ours, files, lock), told)


def _named(ours: "Ours", files: frozenset[str], lock: Opened, document: "Document", text: str) -> Named:
    from promptcdn.markdown import find
    from promptcdn.markdown.vendor import VendoredFiles

    urls = find(text, document.kind, ours)
    return Named(urls, find(text, document.kind, VendoredFiles(lock.name_of(document), files)))


def sha256_of(place: Path) -> str | None:
    """Of a file, in hex; `None` where there is none that can be read."""
    try:
        return hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError:
        return None


def entry_of(file: "File") -> "Entry | None":
    """The entry of a URL that answered so; `None` where its picture is not made yet."""
    from promptcdn.markdown.lock import Entry

    if file.content_key is None or file.sha256 is None:
        return None
    return Entry(file.content_key, file.sha256, file.size, file.media_type)


def beside(entry: "Entry", known: "Entry | None") -> "Entry":
    """`entry` with what the lock file says beyond the file that its URL answers with."""
    if known is None:
        return entry
    entry = replace(entry, file=known.file, seed=known.seed, site=known.site)
    return replace(entry, width=known.width, height=known.height) if known.sha256 == entry.sha256 else entry
