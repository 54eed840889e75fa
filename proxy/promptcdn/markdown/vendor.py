"""Documents whose pictures lie beside them: what the files are called, and how documents name them. Policy of `vendor`.

A file belongs to one URL, also where two URLs show the same picture: so the URL can be put back.
"""

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote, urlsplit

from promptcdn.markdown import find, rewritten
from promptcdn.markdown.found import Found, Kind, Syntax
from promptcdn.markdown.pin import request_of
from promptcdn.markdown.spelling import spelled

# Of a prompt in a file's name, in characters; and of the URL's hash, in hex digits.
_WORDS_MAX = 40
_HASH_DIGITS = 8


def locked_target(found: Found) -> str:
    """What a lock file has of a URL, behind the service's own: a fragment stays in the document alone."""
    return found.target.partition("#")[0]


def file_name(url: str, target: str, extension: str) -> str:
    """What the file of `url` is called: `a-lighthouse-7-0b1c2d3e.webp`, in ASCII whatever the prompt is.

    `target` is the part of the URL that the service is asked for.
    """
    request = request_of(target)
    prompt = "" if request is None else request.asked.prompt
    words = re.sub("[^a-z0-9]+", "-", re.sub("['’]", "", prompt.lower()))[:_WORDS_MAX].strip("-")
    seed = None if request is None else request.word or request.asked.seed
    label = re.sub("[^A-Za-z0-9]+", "-", "" if seed is None else str(seed))[:_WORDS_MAX].strip("-")
    digest = hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return "-".join(filter(None, (words or "picture", label, digest))) + f".{extension}"


def is_vendored(found: Found) -> bool:
    """Whether a file can stand in the place of a URL: wherever a path is a link."""
    return found.takes_paths


def stays_because(found: Found) -> str | None:
    """Why the URL of a picture that `found` shows stays although a path could be a link; `None` for all else."""
    if is_vendored(found) or found.folder is not None:
        return None
    if found.syntax in (Syntax.MACRO, Syntax.INLINE_MACRO):
        return "what :imagesdir: is here is not known: it is under a condition, a URL, or made of another attribute"
    return "paths count from <base href> here, and not from this document"


def vendored(text: str, found: tuple[Found, ...], document: str, files: Mapping[str, str]) -> str:
    """`text` with the paths of files in the place of URLs.

    `document` and the values of `files` (by `locked_target`) are paths from one folder, with slashes.
    """
    paths = {
        one: _relative(files[target], document, one) + _fragment(one.url)
        for one in found
        if is_vendored(one) and (target := locked_target(one)) in files
    }
    return rewritten(text, paths)


def restored(
    text: str, kind: Kind, document: str, urls: Mapping[str, str], spellings: tuple[tuple[str, str], ...] = ()
) -> str:
    """The inverse of `vendored`: `urls` are by file. `spellings` are what stood there, where they are known.

    Where the document's files are others by now than `spellings` has, each URL is spelled as its place needs it.
    """
    files = VendoredFiles(document, tuple(urls))
    found = find(text, kind, files)
    if [one.target for one in found] == [file for file, _ in spellings]:
        for one, (_, spelling) in reversed(list(zip(found, spellings, strict=True))):
            text = text[: one.span.start] + spelling + text[one.span.end :]
        return text
    return rewritten(text, {one: urls[one.target] + _fragment(one.url) for one in found})


def spellings(
    text: str,
    kind: Kind,
    found: tuple[Found, ...],
    document: str,
    files: Mapping[str, str],
    urls: Mapping[str, str],
    known: tuple[tuple[str, str], ...] = (),
) -> tuple[tuple[str, str], ...]:
    """What `restored` has to be told to give `text` again after `vendored`; nothing where it does so by itself.

    `files` are by `locked_target`, `urls` by file; `known` is what it was told of the files that `text` has already.
    """
    before = restored(text, kind, document, urls, known)
    if restored(vendored(text, found, document, files), kind, document, urls) == before:
        return ()
    there = find(text, kind, VendoredFiles(document, tuple(urls)))
    is_known = [one.target for one in there] == [file for file, _ in known]
    old = known if is_known else [(one.target, spelled(urls[one.target] + _fragment(one.url), one)) for one in there]
    new = [one for one in found if is_vendored(one) and locked_target(one) in files]
    told = [(one.span, each) for one, each in zip(there, old, strict=True)]
    told += [(one.span, (files[locked_target(one)], text[slice(*one.span)])) for one in new]
    return tuple(each for _, each in sorted(told))


@dataclass(frozen=True)
class VendoredFiles:
    """Recognises the paths of vendored files in one document, as `Ours` does the URLs of a service.

    A file's path stands for it where `document`, from the same folder, would have it.
    """

    document: str
    files: tuple[str, ...]

    def may_be_in(self, text: str) -> bool:
        """Whether `text` may name one of the files."""
        return self._names.search(text) is not None

    def target(self, url: str) -> str | None:
        """The file that `url` names, or `None`."""
        parts = urlsplit(url)
        if parts.scheme or parts.netloc or not parts.path:
            return None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.document), unquote(parts.path)))
        return path if path in self._files else None

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(self.files)

    @cached_property
    def _names(self) -> "re.Pattern[str]":
        names = sorted({posixpath.basename(file) for file in self.files})
        return re.compile("|".join(map(re.escape, names)) or r"(?!)")


def _relative(file: str, document: str, found: Found) -> str:
    folder = posixpath.join(posixpath.dirname(document), found.folder or "")
    return quote(posixpath.relpath(file, folder or "."))


def _fragment(url: str) -> str:
    _, mark, fragment = url.partition("#")
    return mark + fragment
