"""Documents whose pictures lie beside them: what the files are called, and how documents name them. Policy of `vendor`.

A file belongs to one URL, also where two URLs show the same picture: so the URL can be put back.
"""

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from urllib.parse import quote, unquote, urlsplit

from promptcdn.markdown import rewritten
from promptcdn.markdown.found import Found, Syntax
from promptcdn.markdown.pin import request_of
from promptcdn.markdown.spelling import spelled

# Of a prompt in a file's name, in characters; and of the URL's hash, in hex digits.
_WORDS_MAX = 40
_HASH_DIGITS = 8
_HASHED = re.compile(rf"-[0-9a-f]{{{_HASH_DIGITS}}}\.[a-z0-9]+\Z")
_WORD = re.compile("[A-Za-z0-9]+")


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


def led_to(url: str, document: str) -> str:
    """Which file a relative URL in a document names, by a path from the folder that `document` counts from."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(document), unquote(urlsplit(url).path)))


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
    text: str, found: tuple[Found, ...], urls: Mapping[str, str], spellings: tuple[tuple[str, str], ...] = ()
) -> str:
    """The inverse of `vendored`: `found` are the vendored files that `text` names, `urls` are by file.

    `spellings` are what stood there, where they are known. A URL that somebody wrote or moved since then is spelled as
    its place needs it.
    """
    for one, (_, spelling) in reversed(list(zip(found, _known(found, urls, spellings), strict=True))):
        text = text[: one.span.start] + spelling + text[one.span.end :]
    return text


def spellings(
    text: str,
    found: tuple[Found, ...],
    there: tuple[Found, ...],
    files: Mapping[str, str],
    urls: Mapping[str, str],
    known: tuple[tuple[str, str], ...] = (),
) -> tuple[tuple[str, str], ...]:
    """What `restored` has to be told to give `text` again after `vendored`; nothing where it does so by itself.

    `found` are the URLs in `text`, `there` the vendored files that it names already, and `known` is what it was told of
    those. `files` are by `locked_target`, `urls` by file.
    """
    new = [one for one in found if is_vendored(one) and locked_target(one) in files]
    told = list(zip(there, _known(there, urls, known), strict=True))
    told += [(one, (files[locked_target(one)], text[slice(*one.span)])) for one in new]
    if all(spelling == _usual(one, file, urls) for one, (file, spelling) in told):
        return ()
    return tuple(each for _, each in sorted(told, key=lambda each: each[0].span))


def _known(
    found: tuple[Found, ...], urls: Mapping[str, str], spellings: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    """Each file that a document names, with what is to stand there."""
    known = [(one.target, _usual(one, one.target, urls)) for one in found]
    there, then = [one.target for one in found], [file for file, _ in spellings]
    for here, before, length in SequenceMatcher(None, there, then, autojunk=False).get_matching_blocks():
        known[here : here + length] = spellings[before : before + length]
    return tuple(known)


def _usual(found: Found, file: str, urls: Mapping[str, str]) -> str:
    return spelled(urls[file] + _fragment(found.url), replace(found, escaped=False))


@dataclass(frozen=True)
class VendoredFiles:
    """Recognises the paths of vendored files in one document, as `Ours` does the URLs of a service.

    A path stands for a file by its last part, which belongs to one URL: so a document that was moved, or whose paths
    somebody wrote for the site that is built, keeps its pictures.
    """

    document: str
    files: frozenset[str]

    def may_be_in(self, text: str) -> bool:
        """Whether `text` may name one of the files: it has the last word of its name, which is a hash."""
        return bool(self.files) and not _last_words(self.files).isdisjoint(_WORD.findall(text))

    def target(self, url: str) -> str | None:
        """The file that `url` names, or `None`."""
        parts = urlsplit(url)
        if parts.scheme or parts.netloc or not parts.path:
            return None
        path = led_to(url, self.document)
        return path if path in self.files else self._by_name.get(posixpath.basename(path))

    @cached_property
    def _by_name(self) -> dict[str, str]:
        names = {posixpath.basename(file): file for file in sorted(self.files, reverse=True)}
        return {name: file for name, file in names.items() if _HASHED.search(name)}


@lru_cache(maxsize=4)
def _last_words(files: frozenset[str]) -> frozenset[str]:
    return frozenset(word for file in files for word in _WORD.findall(file.rpartition(".")[0])[-1:])


def _relative(file: str, document: str, found: Found) -> str:
    folder = posixpath.join(posixpath.dirname(document), found.folder or "")
    return quote(posixpath.relpath(file, folder or "."))


def _fragment(url: str) -> str:
    _, mark, fragment = url.partition("#")
    return mark + fragment
