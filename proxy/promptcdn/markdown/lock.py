"""The lock file: for each URL in a tree of documents the picture that it shows. Policy of `lock` and `check`.

It is JSON, sorted, with a member a line, so that two branches that changed it merge, or are settled by writing it anew.
No time is in it: the same pictures give the same file.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1
NAME = "promptcdn.lock"


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
    return json.dumps(whole, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def parsed(text: str) -> Lock:
    """The inverse of `printed`. Raises `ValueError` with what is wrong and what to do."""
    try:
        whole = json.loads(text)
    except ValueError:
        conflict = "<<<<<<<" in text
        what = "it has a merge conflict in it" if conflict else "it is no JSON"
        raise ValueError(f"{what}: delete the file and run promptcdn lock, which writes it anew") from None
    if not isinstance(whole, dict) or whole.get("version") != VERSION:
        raise ValueError(f"it is no lock file of version {VERSION}: use the version of promptcdn that wrote it")
    try:
        pictures = {str(url): Entry(**entry) for url, entry in whole["pictures"].items()}
        spellings = {
            str(name): tuple((str(file), str(spelling)) for file, spelling in each)
            for name, each in whole.get("spellings", {}).items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("an entry has other members than it should: run promptcdn lock, after deleting it") from None
    return Lock(pictures, spellings)


def _members(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value is not None}
