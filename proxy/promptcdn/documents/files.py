"""Which files are documents, and what is in them."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from promptcdn.markdown import EXTENSIONS, Kind, kind_of

# What tools put there, and nobody writes.
_SKIPPED = frozenset(("node_modules", "__pycache__", "venv", "site-packages"))
_GLOB = frozenset("*?[")
# How a file begins that promptcdn wrote from documents: its pictures are theirs.
WRITTEN = "<!doctype html>\n<!-- Written by promptcdn gallery. -->\n"


@dataclass(frozen=True)
class Document:
    """A file with a kind of its own. `tree` is the folder that nothing is written outside of."""

    path: Path
    kind: Kind
    tree: Path

    def __str__(self) -> str:
        return str(self.path)


class Unusable(Exception):
    """A file that cannot be read or must not be written, with the reason and what to do."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(str(path), reason)
        self.path, self.reason = str(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Missing(Unusable):
    """Nothing is there by a name that was given."""


def documents(names: Iterable[str], *, any_extension: bool = False) -> Iterator[Document | Unusable]:
    """The documents that files, folders and glob patterns name, each once, those of a folder sorted.

    In folders, hidden files and folders are left out, with what tools put there, like `node_modules`. A file that
    cannot be used comes as the reason; `any_extension`: a file of another extension is none.
    """
    seen: set[Path] = set()
    for name in names:
        for found in _named(name, any_extension):
            path = found.path.resolve() if isinstance(found, Document) else None
            if path is None or path not in seen:
                yield found
            if path is not None:
                seen.add(path)


def is_pattern(name: str) -> bool:
    """Whether a name is a glob pattern, and not that of a file that is there."""
    return bool(_GLOB & set(name)) and not Path(name).exists()


def _named(name: str, any_extension: bool) -> Iterator[Document | Unusable]:
    path = Path(name)
    if path.is_dir():
        yield from _below(path)
    elif path.exists() or path.is_symlink():
        yield from _one(path, Path(), any_extension)
    elif _GLOB & set(name):
        matches = sorted(Path(match) for match in glob.glob(name, recursive=True))
        if not matches:
            yield Missing(name, "no file matches this pattern")
        for match in matches:
            if match.is_file() and kind_of(match.name) is not None:
                yield from _one(match, Path(), any_extension)
    else:
        yield Missing(name, "there is no such file or folder")


def _below(folder: Path) -> Iterator[Document | Unusable]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in folders:
            if (linked := Path(root, name)).is_symlink() and not _is_inside(linked, folder):
                yield Unusable(linked, f"this is a symbolic link out of {folder}: name the folder that it leads to")
        for name in sorted(names):
            if not name.startswith(".") and kind_of(name) is not None:
                yield from _one(Path(root, name), folder, any_extension=False)


def _one(path: Path, tree: Path, any_extension: bool) -> Iterator[Document | Unusable]:
    """The document at `path`; where that is a symbolic link, the one that it leads to, if that is in `tree`."""
    kind = kind_of(path.name)
    if kind is None:
        if not any_extension:
            allowed = ", ".join(f".{extension}" for extension in EXTENSIONS)
            yield Unusable(path, f"this is no document; allowed: {allowed}")
    elif not path.exists():
        yield Unusable(path, "this is a symbolic link to nothing")
    elif path.is_symlink() and not _is_inside(path, tree):
        yield Unusable(path, f"this is a symbolic link out of {tree.resolve()}: name the file that it leads to")
    else:
        yield Document(tree / path.resolve().relative_to(tree.resolve()) if path.is_symlink() else path, kind, tree)


def _is_inside(path: Path, tree: Path) -> bool:
    return path.resolve().is_relative_to(tree.resolve())


def text_of(document: Document) -> str:
    """What is in a document: line ends and a byte order mark are kept. Raises `Unusable`."""
    return decoded(document.path, content_of(document.path))


def content_of(path: Path) -> bytes:
    """The bytes of a file. Raises `Unusable`."""
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise Unusable(path, wrong.strerror or "it cannot be read") from None


def decoded(path: Path, content: bytes) -> str:
    """`content` as text, so that encoding it again gives the same bytes. Raises `Unusable` where it is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as wrong:
        line = content[: wrong.start].count(b"\n") + 1
        raise Unusable(path, f"line {line} is not UTF-8, and nothing in the file was looked at") from None
