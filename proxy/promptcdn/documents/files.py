"""Which files are documents, and what is in them."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from promptcdn.markdown import EXTENSIONS, Kind, kind_of

# What tools put there, and nobody writes.
_SKIPPED = frozenset(("node_modules", "__pycache__", "venv", "site-packages"))
_SKIPPED_HIDDEN = frozenset((".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".cache"))
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
        self.path, self.reason = shown(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class Missing(Unusable):
    """Nothing is there by a name that was given."""


class Foreign(Unusable):
    """What is no document of the tree that it was found in: a link that leads out of it or nowhere, or a pipe."""


def shown(path: object) -> str:
    """A path in a message: line ends, terminal commands and bytes that are not UTF-8 as Python spells them."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(path))


def documents(names: Iterable[str], *, hidden: bool = False) -> Iterator[Document | Unusable]:
    """The documents that files, folders and glob patterns name, each once, those of a folder sorted.

    In folders, what tools put there is left out, like `node_modules`, and unless `hidden` hidden files and folders. A
    file that cannot be used comes as the reason.
    """
    seen: set[Path] = set()
    for name in names:
        for found in _named(name, hidden):
            path = found.path.resolve() if isinstance(found, Document) else None
            if path is None or path not in seen:
                yield found
            if path is not None:
                seen.add(path)


def is_pattern(name: str) -> bool:
    """Whether a name is a glob pattern, and not that of a file that is there."""
    return bool(_GLOB & set(name)) and not Path(name).exists()


def _named(name: str, hidden: bool) -> Iterator[Document | Unusable]:
    try:
        yield from _there(name, hidden)
    except OSError as wrong:
        yield Unusable(wrong.filename or name, wrong.strerror or "it cannot be looked at")


def _there(name: str, hidden: bool) -> Iterator[Document | Unusable]:
    path = Path(name)
    if path.is_dir():
        if _leads_out(path, Path()):
            yield _link_out(path, Path(), "folder")
        else:
            yield from _below(path, hidden)
    elif path.exists() or path.is_symlink():
        yield _one(path, Path())
    elif _GLOB & set(name):
        matches = sorted(Path(match) for match in glob.glob(name, recursive=True))
        if not matches:
            yield Missing(name, "no file matches this pattern")
        for match in matches:
            if match.is_file() and kind_of(match.name) is not None:
                yield _one(match, _fixed(name))
    else:
        yield Missing(name, "there is no such file or folder")


def _fixed(pattern: str) -> Path:
    """The folder that a pattern begins with: what is matched below it may be a link."""
    first = next(place for place, letter in enumerate(pattern) if letter in _GLOB)
    folder = Path(pattern[:first].rpartition("/")[0] or ("/" if pattern.startswith("/") else "."))
    return folder if folder.is_absolute() or ".." in folder.parts else Path()


def _below(folder: Path, hidden: bool) -> Iterator[Document | Unusable]:
    unlisted: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=unlisted.append):
        folders[:] = sorted(name for name in folders if _is_entered(name, hidden))
        for name in folders:
            if (linked := Path(root, name)).is_symlink() and not _is_inside(linked, folder):
                yield _link_out(linked, folder, "folder")
        for name in sorted(names):
            if (hidden or not name.startswith(".")) and kind_of(name) is not None:
                yield _one(Path(root, name), folder)
    yield from (Unusable(wrong.filename, wrong.strerror or "it cannot be listed") for wrong in unlisted)


def _is_entered(name: str, hidden: bool) -> bool:
    return name not in _SKIPPED and (hidden and name not in _SKIPPED_HIDDEN if name.startswith(".") else True)


def _one(path: Path, tree: Path) -> Document | Unusable:
    """The document at `path`, where it is one; where that is a symbolic link, the one that it leads to."""
    try:
        found = _looked_at(path, tree)
    except OSError as wrong:
        return Unusable(path, wrong.strerror or "it cannot be looked at")
    except RuntimeError:  # what Python has for a link that leads to itself, up to 3.12
        return Foreign(path, "this is a symbolic link to itself")
    if found is None:
        return Unusable(path, f"this is no document; allowed: .{', .'.join(EXTENSIONS)}")
    return found


def _looked_at(path: Path, tree: Path) -> Document | Unusable | None:
    is_link = path.is_symlink()
    target = path.resolve() if is_link else path
    kind = kind_of(target.name) or kind_of(path.name)
    if kind is None:
        return None
    if not path.exists():
        return Foreign(path, "this is a symbolic link to nothing")
    if _leads_out(path, tree):
        return _link_out(path, tree, "file")
    if not path.is_file():
        return Foreign(path, "this is no regular file")
    return Document(tree / target.relative_to(tree.resolve()) if is_link else path, kind, tree)


def _leads_out(path: Path, tree: Path) -> bool:
    """Whether a symbolic link on the way to `path` leads out of `tree`. Which folder a tree is, and links above it, is
    the user's own choice."""
    is_below = not path.is_absolute() and ".." not in path.parts if tree == Path() else path.is_relative_to(tree)
    return (path.is_symlink() or is_below) and not _is_inside(path, tree)


def _link_out(path: Path, tree: Path, what: str) -> Foreign:
    return Foreign(path, f"this is a symbolic link out of {shown(tree.resolve())}: name the {what} that it leads to")


def _is_inside(path: Path, tree: Path) -> bool:
    return path.resolve().is_relative_to(tree.resolve())


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
