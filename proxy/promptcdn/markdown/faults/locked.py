"""What is wrong with documents beside their lock file, their vendored files and what the service answers."""

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from promptcdn.markdown import find
from promptcdn.markdown.faults.findings import Finding
from promptcdn.markdown.found import Found, Kind, Span
from promptcdn.markdown.lock import Entry, Lock
from promptcdn.markdown.mapped import Lines
from promptcdn.markdown.ours import Ours
from promptcdn.markdown.pin import is_lasting
from promptcdn.markdown.vendor import VendoredFiles, led_to, locked_target

# docs/check.md has a row for each.
CODES = (
    *("bad-lock", "unlocked", "unused-entry", "missing-file", "changed-file", "unknown-file"),
    *("drift", "not-stored", "removed", "refused", "unreachable"),
)

# What `vendor` calls a file, and nobody else.
_VENDORED = re.compile(r"[A-Za-z0-9-]+-[0-9a-f]{8}\.[a-z]{3,4}\b")
_CONFLICT = "<<<<<<<"
# A takedown, by the answer of a permalink or of any other URL.
_REMOVED = "removed"
_NOT_FOUND = "not_found"


@dataclass(frozen=True)
class Locked:
    """A lock file beside documents.

    address  what URLs of the service begin with in it
    digests  the SHA-256 of each vendored file that a document names, in hex; `None` where the file is missing
    """

    lock: Lock
    address: str
    digests: Mapping[str, str | None] = field(default_factory=dict)

    def of_document(self, urls: Iterable[Found], files: Iterable[Found], document: str) -> Iterator[Finding]:
        """What is wrong with the URLs and the vendored files that `document` names, as the lock file calls it.

        A URL that shows many pictures is in no lock file. What a path from the root of a site leads to is not known.
        """
        for one in urls:
            if is_lasting(one.target) and self.url_of(one) not in self.lock.pictures:
                yield _at(one, "unlocked", "the lock file has no entry for this URL", "run promptcdn lock")
        for one in files:
            entry = self._by_file.get(one.target)
            if entry is None:
                message = f"the lock file has no entry for the file {one.target}, so its URL is not known"
                yield _at(one, "unknown-file", message, "write the URL of the picture, then run promptcdn vendor")
            elif not one.url.startswith("/") and led_to(one.url, document) != one.target:
                message = f"the path leads to {led_to(one.url, document)}, and the picture is in {one.target}"
                yield _at(one, "missing-file", message, "run promptcdn vendor --undo, then promptcdn vendor")
            elif one.target in self.digests:
                yield from _of_file(one, entry, self.digests[one.target])

    def of_answers(self, urls: Iterable[Found], answers: "Mapping[str, Answer]") -> Iterator[Finding]:
        """What is wrong with the pictures that the service has for URLs; `answers` are by `url_of`."""
        for one in urls:
            entry, answer = self.lock.pictures.get(self.url_of(one)), answers.get(self.url_of(one))
            if entry is not None and answer is not None:
                yield from _of_answer(one, entry, answer)

    def unused(self, text: str, urls: Iterable[Found], files: Iterable[Found], ours: Ours) -> Iterator[Finding]:
        """The entries that none of all the documents names, where they stand in the lock file, whose text is `text`.

        Entries of other services are not looked at, and none that a site was built with.
        """
        named = {self.url_of(one) for one in urls}
        named_files = {one.target for one in files}
        lines, place = Lines.of(text), 0
        for url, entry in self.lock.pictures.items():
            if url in named or entry.file in named_files or entry.site or ours.target(url) is None:
                continue
            # They stand there in this order. Searched for from the beginning, thousands would take minutes.
            start = place = max(place, text.find(json.dumps(url, ensure_ascii=False), place))
            message = f"no document names {url} any more"
            yield Finding(
                "unused-entry", message, "run promptcdn lock", *lines.position(start), Span(start, start), url
            )

    def url_of(self, found: Found) -> str:
        """What the lock file calls a URL."""
        return self.address + locked_target(found)

    @cached_property
    def _by_file(self) -> dict[str, Entry]:
        return {entry.file: entry for entry in self.lock.pictures.values() if entry.file is not None}


@dataclass(frozen=True)
class Vendored:
    """All vendored files, by the paths that the lock file has."""

    files: tuple[str, ...]

    def may_be_in(self, text: str) -> bool:
        """Whether `text` may name one."""
        return bool(self.files) and _VENDORED.search(text) is not None

    def named(self, text: str, kind: Kind, document: str) -> tuple[Found, ...]:
        """Those that a document names, also those that the lock file has lost.

        A path is taken for a lost one where it is named as `vendor` names files, in a folder that has others.
        """
        if not self.may_be_in(text):
            return ()
        files = set[str]()
        for name in set(_VENDORED.findall(text)):
            files |= self._by_name.get(name) or {posixpath.join(folder, name) for folder in self._folders}
        found = find(text, kind, VendoredFiles(document, frozenset(files)))
        return tuple(one for one in found if one.target in self.files or led_to(one.url, document) == one.target)

    @cached_property
    def _by_name(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for file in self.files:
            found.setdefault(posixpath.basename(file), set()).add(file)
        return found

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(map(posixpath.dirname, self.files))


@dataclass(frozen=True)
class Answer:
    """What the service says of a URL that the lock file has.

    now     the entry that the URL would get now; `None` where its picture is not stored
    code    of the problem that it answers with instead (docs/problems.md); empty where there is none
    reason  the service's own words about that
    """

    now: Entry | None = None
    code: str = ""
    reason: str = ""


def bad_lock(text: str, reason: str) -> Finding:
    """A lock file that cannot be read; `reason` says what is wrong and what to do."""
    start = max(0, text.find(_CONFLICT))
    message, _, cure = reason.partition(": ")
    return Finding("bad-lock", message, cure, *Lines.of(text).position(start), Span(start, start), "")


def unreachable(reason: str) -> Finding:
    """A service that was to be asked and could not be; it is the lock file that asks for that."""
    cure = "try again later, or leave the service out with --offline"
    return Finding("unreachable", reason, cure, 1, 1, Span(0, 0), "")


def _of_file(found: Found, entry: Entry, digest: str | None) -> Iterator[Finding]:
    if digest is None:
        message, cure = f"there is no file {entry.file}", "run promptcdn vendor --undo, then promptcdn vendor"
        yield _at(found, "missing-file", message, cure)
    elif digest != entry.sha256:
        message = f"the file {entry.file} has the SHA-256 {digest}, and {entry.sha256} in the lock file"
        cure = "take the file back from version control, or delete it and run promptcdn vendor --undo and vendor"
        yield _at(found, "changed-file", message, cure)


def _of_answer(found: Found, entry: Entry, answer: Answer) -> Iterator[Finding]:
    if answer.code == _REMOVED:
        yield _at(found, "removed", answer.reason, "write another prompt or another seed: the picture stays away")
    elif answer.code and answer.code != _NOT_FOUND:
        yield _at(found, "refused", f"the service shows no picture here: {answer.reason}", "do as the message says")
    elif answer.now is None:
        message, cure = "the picture of this URL is not stored any more", "have it made again with promptcdn warm"
        yield _at(found, "not-stored", message, cure)
    elif answer.now.content_key != entry.content_key:
        message = f"the URL shows another picture, {answer.now.content_key}, than in the lock file, {entry.content_key}"
        yield _at(found, "drift", message, "look at the picture; promptcdn lock writes down that it is the right one")
    elif differing := _differing(entry, answer.now):
        message = f"the picture comes in another file than in the lock file: {differing}"
        yield _at(found, "drift", message, "look at the picture; promptcdn lock writes down that it is the right one")


def _differing(entry: Entry, now: Entry) -> str:
    """What is another at a file, and what it was; empty where nothing is."""
    names = ("media_type", "size", "sha256")
    pairs = ((name, getattr(now, name), getattr(entry, name)) for name in names)
    return ", ".join(f"{name} {new} instead of {old}" for name, new, old in pairs if new != old)


def _at(found: Found, code: str, message: str, cure: str) -> Finding:
    return Finding(code, message, cure, found.line, found.column, found.span, found.url)
