"""`promptcdn vendor --undo`: URLs in the place of paths, and then no files that nobody names."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from promptcdn.cli.documents import changing, locking
from promptcdn.cli.documents.changing import Change
from promptcdn.cli.documents.opening import Told

if TYPE_CHECKING:
    from promptcdn.documents.parsing import Parsed
    from promptcdn.markdown import Ours


def undone(
    lock: locking.Opened, named: "Sequence[Parsed[locking.Named]]", ours: "Ours", told: Told, *, dry_run: bool
) -> tuple[int, changing.Made]:
    """How many pictures were named as files, and what was written.

    The files that no document below the folder of the lock file names any more are deleted, and then the lock file
    forgets them. A kill in between leaves files that the lock file has, so that the next run deletes them.
    """
    from promptcdn.markdown.vendor import restored

    urls = {entry.file: url for url, entry in lock.lock.pictures.items() if entry.file is not None}
    changes = []
    for each in named:
        name = lock.name_of(each.document)
        after = restored(each.text, each.found.files, urls, lock.lock.spellings.get(name, ()))
        changes.append(Change(each.document.path, each.content, after.encode()))
    made = changing.made(changes, told, dry_run=dry_run)
    count = len({one.target for each in named if each.document.path in made.paths for one in each.found.files})
    return count, made if dry_run else _forgotten(lock, ours, told, made)


def _forgotten(lock: locking.Opened, ours: "Ours", told: Told, made: changing.Made) -> changing.Made:
    from promptcdn.markdown.lock import Lock

    still = _still_named(lock, ours, told)
    if still is None:
        return made
    old = lock.lock
    forgotten = {url for url, each in old.pictures.items() if each.file and each.file not in still}
    kept = {url for url in forgotten if not _deleted(lock, url, told)}
    gone = forgotten - kept
    pictures = {
        url: replace(each, file=None) if url in gone else each
        for url, each in old.pictures.items()
        if url not in gone or each.site or _is_lasting(url, ours)
    }
    spellings = {name: each for name, each in old.spellings.items() if still.intersection(file for file, _ in each)}
    return made | changing.made([lock.change(Lock(pictures, spellings))], told, dry_run=False)


def _is_lasting(url: str, ours: "Ours") -> bool:
    """Whether `lock` makes an entry for `url`: it makes none for one that shows other pictures later."""
    from promptcdn.markdown.pin import is_lasting

    target = ours.target(url)
    return target is None or is_lasting(target)


def _still_named(lock: locking.Opened, ours: "Ours", told: Told) -> set[str] | None:
    """The files that documents name, hidden ones too; `None` where one that may name some cannot be read."""
    from promptcdn.documents.files import Document, Foreign, documents

    unread = Told()
    found = list[Document]()
    for each in documents([str(lock.folder)], hidden=True):
        if isinstance(each, Document):
            found.append(each)
        elif not isinstance(each, Foreign):
            unread(each)
    named = locking.all_named(found, ours, lock, unread)
    if unread.lines:
        told("no picture was deleted, since a document that may show it could not be read")
        return None
    return {one.target for each in named for one in each.found.files}


def _deleted(lock: locking.Opened, url: str, told: Told) -> bool:
    """Whether the file of a URL is gone. One that somebody changed stays, and is nobody's any more."""
    from promptcdn.documents.files import Unusable

    entry = lock.lock.pictures[url]
    try:
        place = lock.own_place(str(entry.file))
        digest = locking.sha256_of(place)
        if digest == entry.sha256:
            place.unlink()
        elif digest is not None:
            told(f"{place}: this file was changed, so it stays: delete it where it is not needed")
    except (OSError, Unusable) as wrong:
        told(wrong)
        return False
    _clear(place)
    return True


def _clear(place: Path) -> None:
    """What a kill left of a download, and the folder where nothing else is in it."""
    from promptcdn.documents.writing import temporary_name

    with contextlib.suppress(OSError):
        place.with_name(temporary_name(place.name)).unlink(missing_ok=True)
        place.parent.rmdir()
