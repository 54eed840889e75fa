"""What commands that change documents have in common: a diff or new files, one by one, each as a whole."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from promptcdn.cli.documents.opening import Told


@dataclass(frozen=True)
class Change:
    """A file with what was in it when it was read (`None`: no file), and what is to be in it."""

    path: Path
    before: bytes | None
    after: bytes


def made(changes: Iterator[Change], told: "Told", *, dry_run: bool) -> int:
    """How many files were changed, or would be. Says which could not be, and goes on with the others."""
    from promptcdn.documents import writing
    from promptcdn.documents.files import Unusable

    count = 0
    for change in changes:
        if change.after == change.before:
            continue
        if dry_run:
            typer.echo(_diff(change), nl=False)
        else:
            try:
                writing.replace(change.path, change.after, change.before)
            except Unusable as unusable:
                told(unusable)
                continue
        count += 1
    return count


def _diff(change: Change) -> str:
    """A unified diff that `patch` takes, for text with any line ends."""
    before, after = (_lines(content or b"") for content in (change.before, change.after))
    name = change.path.as_posix()
    old = "/dev/null" if change.before is None else f"a/{name}"
    lines = difflib.unified_diff(before, after, old, f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(content: bytes) -> list[str]:
    """Lines that end in a line feed: `splitlines` would split at other characters too."""
    return [f"{line}\n" for line in content.decode("utf-8").split("\n")[:-1]] + [
        last for last in content.decode("utf-8").split("\n")[-1:] if last
    ]
