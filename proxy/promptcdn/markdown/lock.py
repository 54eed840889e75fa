"""The lock file: for each URL in a tree of documents the picture that it shows. Policy of `lock` and `check`.

It is JSON, sorted, with a member a line, so that two branches that changed it merge, or are settled by `lock`.
No time is in it: the same pictures give the same file.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

VERSION = 1
NAME = "promptcdn.lock"
# What git writes where two sides changed the same lines; the part between bars only where it is set up for it.
_CONFLICT = re.compile("^<{7} ", re.MULTILINE)
_SIDES = re.compile(
    r"^<{7} .*\n(?P<ours>(?:.*\n)*?)(?:\|{7}.*\n(?:.*\n)*?)?={7}\r?\n(?P<theirs>(?:.*\n)*?)>{7} .*\n", re.MULTILINE
)
_INSIDE = re.compile(r"[^/\\:][^\\:]*")


@dataclass(frozen=True)
class Entry:
    """The picture that a URL shows.

    content_key  names the picture, in whatever format
    sha256       of the file that the URL answers with, in hex
    size         of that file, in bytes
    media_type   of that file
    file         where `vendor` keeps it, below the folder of the lock file; `None` where it is not vendored
    seed         the seed that a site was built with, of a URL without one
    width, height  of that file, in pixels, where somebody looked
    site         whether the build of a site wrote it: then no document need have the URL as it is here
    """

    content_key: str
    sha256: str
    size: int
    media_type: str
    file: str | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    site: bool | None = None


@dataclass(frozen=True)
class Lock:
    """All entries, by URL: with its host, without a fragment.

    `spellings` is for documents in which `vendor --undo` would write a URL otherwise than its author did: by document
    each vendored file in the order in which they stand, with the spelling that was there.
    """

    pictures: Mapping[str, Entry] = field(default_factory=dict)
    spellings: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def printed(lock: Lock) -> str:
    """The text of a lock file."""
    pictures = {url: _members(entry) for url, entry in lock.pictures.items()}
    whole: dict[str, Any] = {"version": VERSION, "pictures": pictures}
    if lock.spellings:
        whole["spellings"] = lock.spellings
    text = json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    # Bytes of a file's name that are not UTF-8 are half characters, which UTF-8 cannot have.
    return re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text)


class Conflict(ValueError):
    """A lock file has the marks of a merge conflict in it. `both` has what either side has; `None` where one side alone
    is no lock file."""

    def __init__(self, both: Lock | None) -> None:
        what = "promptcdn lock settles it" if both else "take one side with git checkout --ours, and run promptcdn lock"
        super().__init__(f"it has a merge conflict in it: {what}")
        self.both = both


def parsed(text: str) -> Lock:
    """The inverse of `printed`. Raises `ValueError` with what is wrong and what to do, `Conflict` among them."""
    if _CONFLICT.search(text):
        raise Conflict(_both_sides(text))
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON: delete the file and run promptcdn lock, which writes it anew") from None
    if not isinstance(whole, dict) or whole.get("version") != VERSION:
        raise ValueError(f"it is no lock file of version {VERSION}: use the version of promptcdn that wrote it")
    try:
        pictures = {str(url): _entry(entry) for url, entry in whole["pictures"].items()}
        spellings = {
            str(name): tuple((str(file), str(spelling)) for file, spelling in each)
            for name, each in whole.get("spellings", {}).items()
        }
        _require_inside(pictures)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("an entry has other members than it should: run promptcdn lock, after deleting it") from None
    return Lock(pictures, spellings)


def _entry(members: Mapping[str, Any]) -> Entry:
    """Raises `TypeError` and `ValueError` for what `printed` does not write."""
    entry = Entry(**members)
    texts = (entry.content_key, entry.sha256, entry.media_type, entry.file or "")
    if not all(isinstance(text, str) for text in texts) or type(entry.size) is not int:
        raise ValueError(members)
    return entry


def _require_inside(pictures: Mapping[str, Entry]) -> None:
    """Raises `ValueError` for a file that would lie elsewhere: a lock file that somebody sent must lead nowhere."""
    for entry in pictures.values():
        if entry.file is not None and (not _INSIDE.fullmatch(entry.file) or ".." in entry.file.split("/")):
            raise ValueError(entry.file)


def _both_sides(text: str) -> Lock | None:
    sides = [_SIDES.sub(rf"\g<{side}>", text) for side in ("ours", "theirs")]
    if any(map(_CONFLICT.search, sides)):  # marks without their other half
        return None
    try:
        ours, theirs = map(parsed, sides)
    except ValueError:
        return None
    pictures = {**theirs.pictures, **ours.pictures}
    for url, entry in theirs.pictures.items():
        if pictures[url].file is None:  # where a file is must not be lost: its URL is put back by that
            pictures[url] = replace(pictures[url], file=entry.file)
    return Lock(pictures, {**theirs.spellings, **ours.spellings})


def _members(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value is not None}
