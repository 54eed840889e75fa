"""What commands that change documents have in common: a diff or new files, one by one, each as a whole."""

import difflib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from promptcdn.cli.documents import opening

if TYPE_CHECKING:
    from promptcdn.cli.documents.opening import Told


@dataclass(frozen=True)
class Change:
    """A file with what was in it when it was read (`None`: no file), and what is to be in it."""

    path: Path
    before: bytes | None
    after: bytes


@dataclass(frozen=True)
class Made:
    """The files that were changed, or would be; and for a dry run what would change in them."""

    paths: frozenset[Path]
    diff: bytes | None = None

    def __or__(self, other: "Made") -> "Made":
        diff = None if self.diff is None or other.diff is None else self.diff + other.diff
        return Made(self.paths | other.paths, diff)

    def print(self, members: dict[str, Any], *, as_json: bool) -> None:
        """The diff of a dry run to standard output; with `as_json`, `members` with the diff among them."""
        if as_json:
            diff = {} if self.diff is None else {"diff": self.diff.decode("utf-8", "surrogateescape")}
            text = json.dumps(members | diff, ensure_ascii=False, indent=2)
            # Of a file's name that is not UTF-8.
            typer.echo(re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text).encode())
        elif self.diff:
            typer.echo(self.diff, nl=False)


def made(changes: Iterable[Change], told: "Told", *, dry_run: bool) -> Made:
    """Says which files could not be changed, and goes on with the others."""
    from promptcdn.documents import writing
    from promptcdn.documents.files import Unusable

    changes = [change for change in changes if change.after != change.before]
    if dry_run:
        return Made(frozenset(change.path for change in changes), b"".join(map(diff, changes)))
    paths = set[Path]()
    with opening.progress("writing", len(changes)) as advance:
        for change in changes:
            try:
                writing.replace(change.path, change.after, change.before)
                paths.add(change.path)
            except Unusable as unusable:
                told(unusable)
            advance()
    return Made(frozenset(paths))


def diff(change: Change) -> bytes:
    """A unified diff that `patch -p1` and `git apply` take in the folder that you are in, for any line ends."""
    before, after = (_lines(content or b"") for content in (change.before, change.after))
    name = Path(os.path.relpath(change.path)).as_posix()
    old = "/dev/null" if change.before is None else _named(f"a/{name}")
    lines = difflib.unified_diff(before, after, old, _named(f"b/{name}"))
    text = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return text.encode("utf-8", "surrogateescape")


def _named(name: str) -> str:
    """A file's name as `patch` reads it: a tab ends one that has blanks, and one with line ends is quoted."""
    if name.isprintable() and not re.search(r'["\\]', name):
        return f"{name}\t" if " " in name else name
    return '"' + "".join(_octal(byte) for byte in os.fsencode(name)) + '"'


def _octal(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\{byte:03o}"


def _lines(content: bytes) -> list[str]:
    """Lines that end in a line feed: `splitlines` would split at other characters too."""
    return re.findall(r"[^\n]*\n|[^\n]+", content.decode("utf-8"))
