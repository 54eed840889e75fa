"""`promptcdn vendor`."""

import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli.base import Base
from promptcdn.cli.documents import changing, locking, opening, paying, undoing
from promptcdn.cli.documents.changing import Change
from promptcdn.cli.documents.opening import AsJson, DryRun, Files, LockFile, Told
from promptcdn.cli.documents.paying import Yes
from promptcdn.cli.ending import fail

if TYPE_CHECKING:
    from promptcdn.documents.client import Client
    from promptcdn.documents.files import Document
    from promptcdn.documents.parsing import Parsed
    from promptcdn.markdown.lock import Entry

# What every markup takes as it is, and no browser reads otherwise.
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")


def vendor(
    paths: Files = None,
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
    they were. A URL that stands where a path is no link stays. Of a URL without a seed, or
    with one of the calendar (day, week …), the picture is kept that is shown now. What costs is said before it is paid
    for.
    """
    told, lock = Told(), locking.opened(lock_file)
    if undo and lock.content is None:
        fail(f"{lock_file}: there is no such file, and --undo needs what it says: --lock-file names another one")
    address, ours = opening.ours_of(base)
    named = locking.all_named(_inside(opening.documents_of(paths, told), lock, told), ours, lock, told)
    if not any(each.found.urls or each.found.files for each in named):
        opening.note_of_nothing(address)
    if undo:
        count, made = undoing.undone(lock, named, ours, told, dry_run=dry_run)
    else:
        vendoring = _Vendoring(address, lock, _folder(to, lock), told, dry_run=dry_run)
        count, made = vendoring.all_of(named, yes=yes)
    files = len(made.paths - {lock.path})
    made.print({"pictures": count, "files": files}, as_json=as_json)
    if not as_json:
        what = "URLs put back in" if undo else "paths written into"
        came_out = f"{opening.counted(count, 'picture')}; {what} {opening.counted(files, 'file')}"
        typer.echo(came_out, err=dry_run)
    told.end()


def _inside(documents: "list[Document]", lock: locking.Opened, told: Told) -> "list[Document]":
    """The documents below the folder of the lock file: whether others name a picture would not be known later."""
    from promptcdn.documents.files import shown

    inside = []
    for document in documents:
        if document.path.resolve().is_relative_to(lock.folder):
            inside.append(document)
        else:
            told(f"{shown(document)}: it lies outside of {lock.folder}, the folder of the lock file")
    return inside


def _folder(to: Path | None, lock: locking.Opened) -> str:
    """The folder of the pictures, as the lock file calls it: by default the one that it has pictures in."""
    if to is None:
        known = {posixpath.dirname(file) for file in lock.files}
        if len(known) != 1:
            fail("--to: name the folder that the pictures are to be kept in, like --to docs/pictures")
        return known.pop() or "."
    folder = Path(os.path.realpath(to))
    if not folder.is_relative_to(lock.folder):
        fail(f'--to="{to}": allowed: a folder in {lock.folder}, which has the lock file')
    if os.path.exists(folder) and not os.path.isdir(folder):
        fail(f'--to="{to}": this is no folder')
    name = folder.relative_to(lock.folder).as_posix()
    if _PLAIN.fullmatch(name) is None:
        fail(f'--to="{to}": allowed: a path of letters from a to z, digits, dots, dashes, underscores and slashes')
    return name


class _Vendoring:
    """Downloads what is missing, writes the lock file, and then the documents: a kill in between leaves URLs whose
    files are there already, and never a path without its file."""

    def __init__(self, address: str, lock: locking.Opened, folder: str, told: Told, *, dry_run: bool) -> None:
        self._address, self._lock, self._folder, self._told, self._dry_run = address, lock, folder, told, dry_run

    def all_of(self, named: "Sequence[Parsed[locking.Named]]", *, yes: bool) -> tuple[int, changing.Made]:
        """How many pictures the documents name as files now, and what was written."""
        from promptcdn.markdown.vendor import is_vendored, locked_target

        wanted = sorted({locked_target(one) for each in named for one in each.found.urls if is_vendored(one)})
        there = {target: entry for target in wanted if (entry := self._entry_there(target))}
        missing = [target for target in wanted if target not in there]
        with opening.client_of(self._address) as client:
            agreed = paying.agreed(client, missing, self._told, yes=yes or self._dry_run)
            get = partial(self._planned if self._dry_run else self._downloaded, client)
            there |= opening.asked(client, agreed, get, "looking" if self._dry_run else "downloading", self._told)
        self._say_what_stays(named, there)
        files = {target: entry.file for target, entry in there.items() if entry.file is not None}
        lock, *documents = self._changes(named, there, files)
        made = changing.made([lock], self._told, dry_run=self._dry_run)
        if lock.after != lock.before and not made.paths:
            return 0, made  # no path may be written whose URL is nowhere
        return len(set(files.values())), made | changing.made(documents, self._told, dry_run=self._dry_run)

    def _say_what_stays(self, named: "Sequence[Parsed[locking.Named]]", there: "Mapping[str, Entry]") -> None:
        """A picture that a reader would still fetch is a finding; a link in the text is a note."""
        from promptcdn.documents.files import shown
        from promptcdn.markdown.vendor import is_vendored, stays_because

        for each in named:
            for one in each.found.urls:
                place = f"{shown(each.document)}:{one.line}:{one.column}: this URL stays"
                if reason := stays_because(one):
                    self._told(f"{place}: {reason}")
                elif not is_vendored(one):
                    typer.echo(f"note: {place}: no path can stand here, only a whole URL", err=True)
        for folder in sorted(
            {posixpath.dirname(each.file) or "." for each in there.values() if each.file} - {self._folder}
        ):
            typer.echo(f"note: pictures stay in {folder}: --undo, and then --to, moves them", err=True)

    def _changes(
        self, named: "Sequence[Parsed[locking.Named]]", there: "Mapping[str, Entry]", files: Mapping[str, str]
    ) -> list[Change]:
        """That of the lock file, and those of the documents."""
        from promptcdn.markdown import vendor
        from promptcdn.markdown.lock import Lock

        old = self._lock.lock
        pictures = {**old.pictures, **{self._address + target: entry for target, entry in there.items()}}
        urls = {entry.file: url for url, entry in pictures.items() if entry.file is not None}
        spellings = dict(old.spellings)
        documents: list[Change] = []
        for each in named:
            name = self._lock.name_of(each.document)
            known = old.spellings.get(name, ())
            spellings[name] = vendor.spellings(each.text, each.found.urls, each.found.files, files, urls, known)
            after = vendor.vendored(each.text, each.found.urls, name, files)
            documents.append(Change(each.document.path, each.content, after.encode()))
        new = Lock(pictures, {name: each for name, each in spellings.items() if each})
        return [self._lock.change(new), *documents]

    def _known(self, target: str) -> "Entry | None":
        return self._lock.lock.pictures.get(self._address + target)

    def _entry_there(self, target: str) -> "Entry | None":
        """The entry of a URL whose file is there as the lock file has it, in whatever folder."""
        entry = self._known(target)
        if entry is None or entry.file is None:
            return None
        return entry if locking.sha256_of(self._lock.place(entry.file)) == entry.sha256 else None

    def _file(self, target: str, media_type: str) -> str:
        """Where the picture of a URL lies, or is to lie. It does not move: documents may name it."""
        from promptcdn.markdown.vendor import file_name
        from promptcdn.url import formats

        known = self._known(target)
        if known is not None and known.file is not None:
            return known.file
        extension = formats.extension_of(media_type)
        return posixpath.normpath(f"{self._folder}/{file_name(self._address + target, target, extension)}")

    def _planned(self, client: "Client", target: str) -> "Entry":
        """The entry that a picture would have; without its digest where it is not made yet. Raises `NoAnswer`."""
        from promptcdn.markdown.lock import Entry

        look = client.identity(target)
        entry = locking.entry_of(look) or Entry("", "", 0, look.media_type)
        return replace(entry, file=self._file(target, entry.media_type))

    def _downloaded(self, client: "Client", target: str) -> "Entry":
        """The entry of a picture whose file is there now. Raises `NoAnswer`."""
        from promptcdn.documents import writing
        from promptcdn.documents.client import NoAnswer
        from promptcdn.documents.files import Unusable
        from promptcdn.markdown.pin import is_lasting

        file, content = client.shown(target)
        entry = locking.entry_of(file)
        if entry is None:
            raise NoAnswer("unreachable", "the service does not say which picture this is")
        known = self._known(target)
        if known is not None and known.sha256 != entry.sha256 and is_lasting(target):
            raise NoAnswer("drift", "this is another picture than the lock file has: promptcdn lock accepts that")
        entry = replace(entry, file=self._file(target, entry.media_type))
        try:
            place = self._lock.own_place(str(entry.file))
            place.parent.mkdir(parents=True, exist_ok=True)
            writing.replace(place, content, place.read_bytes() if place.exists() else None)
        except (OSError, Unusable) as wrong:
            raise NoAnswer("unusable", str(wrong)) from None
        return entry
