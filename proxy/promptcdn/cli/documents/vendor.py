"""`promptcdn vendor`."""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli.base import Base
from promptcdn.cli.documents import changing, locking, opening, paying
from promptcdn.cli.documents.changing import Change
from promptcdn.cli.documents.opening import AsJson, DryRun, LockFile, Paths, Told
from promptcdn.cli.documents.paying import Yes
from promptcdn.cli.ending import fail

if TYPE_CHECKING:
    from promptcdn.documents.client import Client
    from promptcdn.documents.parsing import Parsed
    from promptcdn.markdown.lock import Entry

# What every markup takes as it is, and no browser reads otherwise.
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def vendor(
    paths: Paths = None,
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder that the pictures are kept in.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Put the URLs back, by the lock file.")] = False,
    lock_file: LockFile = Path("promptcdn.lock"),
    dry_run: DryRun = False,
    yes: Yes = False,
    base: Base = None,
    as_json: AsJson = False,
) -> None:
    """Keep the pictures beside the documents, for a site that has to stand alone: download them, and write paths.

    Each picture is checked against the lock file, which remembers the URL of each file: --undo puts the URLs back as
    they were. A URL that stands where a path is no link stays. Of a URL without a seed the picture is kept that is
    shown now. What costs is said before it is paid for.
    """
    told, lock = Told(), locking.opened(lock_file)
    address, ours = opening.ours_of(base)
    named = locking.all_named(opening.documents_of(paths, told), ours, lock, told)
    if not any(each.found.urls or each.found.files for each in named):
        opening.note_of_nothing(address)
    if undo:
        done = _undone(lock, named, told, everything=not paths, dry_run=dry_run)
    else:
        folder = _folder(to, lock)
        vendoring = _Vendoring(address, lock, folder, told, dry_run=dry_run)
        done = vendoring.all_of(named, yes=yes)
    if as_json:
        typer.echo(json.dumps(done))
    else:
        what = "URLs put back in" if undo else "paths written into"
        count, files = opening.counted(done["pictures"], "picture"), opening.counted(done["files"], "file")
        typer.echo(f"{count}; {what} {files}", err=dry_run)
    told.end()


def _folder(to: Path | None, lock: locking.Opened) -> str:
    """The folder of the pictures, as the lock file calls it."""
    if to is None:
        fail("--to: name the folder that the pictures are to be kept in, like --to docs/pictures")
    root = lock.path.parent.resolve()
    folder = to.resolve()
    if not folder.is_relative_to(root):
        fail(f'--to="{to}": allowed: a folder in {root}, which has the lock file')
    name = folder.relative_to(root).as_posix()
    if _PLAIN.fullmatch(name) is None:
        fail(f'--to="{to}": allowed: a path of letters from a to z, digits, dots, dashes, underscores and slashes')
    return name


class _Vendoring:
    """Downloads what is missing, writes the lock file, and then the documents: a kill in between leaves URLs whose
    files are there already, and never a path without its file."""

    def __init__(self, address: str, lock: locking.Opened, folder: str, told: Told, *, dry_run: bool) -> None:
        self._address, self._lock, self._folder, self._told, self._dry_run = address, lock, folder, told, dry_run

    def all_of(self, named: "Sequence[Parsed[locking.Named]]", *, yes: bool) -> dict[str, int]:
        """How many pictures there are now, and how many documents name them."""
        from promptcdn.documents.client import Client
        from promptcdn.markdown.vendor import is_vendored, locked_target

        wanted = sorted({locked_target(one) for each in named for one in each.found.urls if is_vendored(one)})
        there = {target: entry for target in wanted if (entry := self._entry_there(target))}
        missing = [target for target in wanted if target not in there]
        with Client(self._address) as client:
            made = paying.agreed(client, missing, self._told, yes=yes or self._dry_run)
            if self._dry_run:
                there |= {target: entry for target in made if (entry := self._planned(client, target))}
            else:
                there |= opening.asked(
                    client, made, lambda target: self._downloaded(client, target), "downloading", self._told
                )
        files = {target: entry.file for target, entry in there.items() if entry.file is not None}
        changes = self._changes(named, there, files)
        written = changing.made(changes, self._told, dry_run=self._dry_run)
        return {"pictures": len(files), "files": max(0, written - self._lock_changed)}

    def _changes(
        self, named: "Sequence[Parsed[locking.Named]]", there: "Mapping[str, Entry]", files: Mapping[str, str]
    ) -> Iterator[Change]:
        from promptcdn.markdown import vendor
        from promptcdn.markdown.lock import Lock

        old = self._lock.lock
        pictures = {**old.pictures, **{self._address + target: entry for target, entry in there.items()}}
        urls = {entry.file: url for url, entry in pictures.items() if entry.file is not None}
        spellings = dict(old.spellings)
        documents: list[Change] = []
        for each in named:
            name = self._lock.name_of(each.document)
            arguments = (each.text, each.document.kind, each.found.urls, name, files, urls)
            spellings[name] = vendor.spellings(*arguments, old.spellings.get(name, ()))
            after = vendor.vendored(each.text, each.found.urls, name, files)
            documents.append(Change(each.document.path, each.content, after.encode()))
        new = Lock(pictures, {name: each for name, each in spellings.items() if each})
        change = self._lock.change(new)
        self._lock_changed = change.after != change.before
        yield change
        yield from documents

    def _entry_there(self, target: str) -> "Entry | None":
        """The entry of a URL whose file is there as the lock file has it."""
        entry = self._lock.lock.pictures.get(self._address + target)
        if entry is None or entry.file is None or not entry.file.startswith(f"{self._folder}/"):
            return None
        return entry if _sha256(self._lock.place(entry.file)) == entry.sha256 else None

    def _file(self, target: str, media_type: str) -> str:
        from promptcdn.markdown.vendor import file_name
        from promptcdn.url import formats

        extension = next((row.extension for row in formats.FORMATS if row.media_type == media_type), "img")
        return f"{self._folder}/{file_name(self._address + target, target, extension)}"

    def _planned(self, client: "Client", target: str) -> "Entry | None":
        entry = locking.entry_of(client.look(target))
        return entry and replace(entry, file=self._file(target, entry.media_type))

    def _downloaded(self, client: "Client", target: str) -> "Entry":
        """The entry of a picture whose file is there now. Raises `NoAnswer`."""
        from promptcdn.documents import writing
        from promptcdn.documents.client import NoAnswer
        from promptcdn.documents.files import Unusable
        from promptcdn.markdown.pin import is_lasting

        file, content = client.picture(target)
        entry = locking.entry_of(file)
        if entry is None:
            raise NoAnswer("unreachable", "the service does not say which picture this is")
        known = self._lock.lock.pictures.get(self._address + target)
        if known is not None and known.sha256 != entry.sha256 and is_lasting(target):
            raise NoAnswer("drift", "this is another picture than the lock file has: promptcdn lock accepts that")
        entry = replace(entry, file=self._file(target, entry.media_type))
        place = self._lock.place(str(entry.file))
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            writing.replace(place, content, place.read_bytes() if place.exists() else None)
        except (OSError, Unusable) as wrong:
            raise NoAnswer("unusable", str(wrong)) from None
        return entry


def _undone(
    lock: locking.Opened, named: "Sequence[Parsed[locking.Named]]", told: Told, *, everything: bool, dry_run: bool
) -> dict[str, int]:
    """Puts the URLs back, then deletes the files that no document names any more."""
    from promptcdn.markdown.vendor import restored

    urls = {entry.file: url for url, entry in lock.lock.pictures.items() if entry.file is not None}
    changes = []
    for each in named:
        name = lock.name_of(each.document)
        after = restored(each.text, each.document.kind, name, urls, lock.lock.spellings.get(name, ()))
        changes.append(Change(each.document.path, each.content, after.encode()))
    written = changing.made(iter(changes), told, dry_run=dry_run)
    files = {one.target for each in named for one in each.found.files}
    if everything and not dry_run and not told.lines:
        _dropped(lock, told)
    return {"pictures": len(files), "files": written}


def _dropped(lock: locking.Opened, told: Told) -> None:
    """Takes the files out of the lock file and deletes them, but those that somebody changed."""
    from promptcdn.markdown.lock import Lock

    new = Lock({url: replace(entry, file=None) for url, entry in lock.lock.pictures.items()})
    changing.made(iter([lock.change(new)]), told, dry_run=False)
    for entry in lock.lock.pictures.values():
        if entry.file is not None and _sha256(place := lock.place(entry.file)) == entry.sha256:
            place.unlink()
            with contextlib.suppress(OSError):  # other files are in it
                place.parent.rmdir()


def _sha256(place: Path) -> str | None:
    try:
        return hashlib.sha256(place.read_bytes()).hexdigest()
    except OSError:
        return None
