"""`promptcdn lock`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from promptcdn.cli.base import Base
from promptcdn.cli.documents import changing, locking, opening
from promptcdn.cli.documents.opening import AsJson, DryRun, Files, LockFile, Told

if TYPE_CHECKING:
    from promptcdn.documents.client import File
    from promptcdn.markdown import Ours
    from promptcdn.markdown.lock import Entry


def lock(
    paths: Files = None,
    lock_file: LockFile = Path("promptcdn.lock"),
    dry_run: DryRun = False,
    base: Base = None,
    as_json: AsJson = False,
) -> None:
    """Write down which picture each URL shows: its content key, and SHA-256, size and media type of its file.

    Commit the lock file: promptcdn check then says when a URL shows another picture. A URL without a seed, or with one
    that changes with the calendar, shows many pictures and is left out. Nothing is made: of pictures that are not made
    yet the command says so, and ends with exit code 1. Entries that no document names are dropped where all documents
    below the folder of the lock file are looked at: without paths, in that folder.
    """
    from promptcdn.markdown.lock import Lock
    from promptcdn.markdown.pin import is_lasting, is_seedless
    from promptcdn.markdown.vendor import locked_target

    address, ours = opening.ours_of(base)
    told, old = Told(), locking.opened(lock_file, settles=True)
    named = locking.all_named(opening.documents_of(paths, told), ours, old, told)
    if not any(each.found.urls or each.found.files for each in named):
        opening.note_of_nothing(address)
    sees_all = old.is_covered_by(paths) and not told.lines
    targets = sorted({locked_target(one) for each in named for one in each.found.urls})
    lasting = [target for target in targets if is_lasting(target)]
    seedless = sum(map(is_seedless, targets))
    with opening.client_of(address) as client:
        looks = opening.asked(client, lasting, client.identity, "looking", told)
    entries = _entries(looks, old.lock.pictures, address, told)
    urls = {address + target for target in targets}
    kept = _named_ones(old.lock.pictures, urls, ours) if sees_all else old.lock.pictures
    new = Lock({**kept, **entries}, old.lock.spellings)
    made = changing.made([old.change(new)], told, dry_run=dry_run)
    if not made.paths and old.change(new).after != old.content:
        told.end()  # nothing is locked where the file could not be written
    left_out = _LeftOut(seedless, len(targets) - len(lasting) - seedless)
    _print(old.lock.pictures, new.pictures, left_out, made, as_json=as_json, dry_run=dry_run)
    told.end()


class _LeftOut(NamedTuple):
    """How many URLs are not locked, since they may show another picture later."""

    seedless: int
    by_calendar: int

    def tell(self) -> None:
        if self.seedless:
            urls = opening.counted(self.seedless, "URL")
            typer.echo(f"{urls} without a seed left out: promptcdn pin writes seeds, and then lock again", err=True)
        if self.by_calendar:
            urls = opening.counted(self.by_calendar, "URL")
            typer.echo(f"{urls} left out whose seed changes with the calendar (day, week …)", err=True)


def _entries(looks: "Mapping[str, File]", known: "Mapping[str, Entry]", address: str, told: Told) -> "dict[str, Entry]":
    """The entry of each URL that has a picture. What others wrote into it stays: `vendor`, and builds of sites."""
    entries = {}
    for target, look in looks.items():
        entry = locking.entry_of(look)
        if entry is None:
            told(f"{address}{target}: this picture is not made yet: promptcdn warm makes it")
            continue
        entries[address + target] = locking.beside(entry, known.get(address + target))
    return entries


def _named_ones(entries: "Mapping[str, Entry]", urls: set[str], ours: "Ours") -> "Mapping[str, Entry]":
    """The entries whose URL a document names; those of vendored files, which `vendor --undo` drops; those of sites.

    Entries of other services stay: their URLs were not looked for, as where somebody forgot to say whose are meant.
    """
    return {
        url: entry
        for url, entry in entries.items()
        if url in urls or entry.file is not None or entry.site or ours.target(url) is None
    }


def _print(
    old: "Mapping[str, Entry]",
    new: "Mapping[str, Entry]",
    left_out: _LeftOut,
    made: changing.Made,
    *,
    as_json: bool,
    dry_run: bool,
) -> None:
    changed = sorted(url for url in old.keys() & new.keys() if old[url] != new[url])
    counts = {
        "locked": len(new),
        "added": len(new.keys() - old.keys()),
        "changed": changed,
        "dropped": len(old.keys() - new.keys()),
        "left_out": sum(left_out),
    }
    made.print(counts, as_json=as_json)
    if as_json:
        return
    for url in changed:
        typer.echo(f"changed: {url}", err=True)
    said = f"{opening.counted(len(new), 'URL')} locked: {counts['added']} new, {len(changed)} changed"
    typer.echo(f"{said}, {counts['dropped']} dropped", err=dry_run)
    left_out.tell()
