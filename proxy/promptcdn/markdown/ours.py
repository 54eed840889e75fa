"""Which URLs are ours: those of pictures, under the public URL of a service."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": "80", "https": "443"}
# What stands behind the base of a picture's URL: `/?…`, `/i.png?…`, `/i/KEY`, `/prompt/…`. Slashes may be doubled.
# `/prompt=…` lacks its `?`, and nothing else can be meant: `check` says so.
_PICTURE = re.compile(r"/*\?[^#]|/*/i\.[A-Za-z]+(?:[?#]|\Z)|/*/i/[0-9a-f]{64}|/*/prompt/[^?#]|/+prompt=")


class Wanted(Protocol):
    """Which URLs are looked for in a document."""

    def may_be_in(self, text: str) -> bool:
        """Whether `text` may have one: a quick look, so that most documents are not parsed at all."""

    def target(self, url: str) -> str | None:
        """What a URL names; `None` for one that is not looked for."""


@dataclass(frozen=True)
class Ours:
    """The public URLs of a service, like `https://pictures.example.org` or `https://example.org/pictures`.

    Scheme and host are compared without regard to case; `http`, `https` and no scheme (`//host`) are one; the scheme's
    usual port may be written. A host whose letters are percent-encoded or entities is not recognised.
    """

    public_urls: tuple[str, ...]

    @classmethod
    def of(cls, *public_urls: str) -> Self:
        """Raises `ValueError` for a text that is no URL with a host."""
        for url in public_urls:
            if not urlsplit(url).hostname:
                raise ValueError(f'"{url}" is no URL: write it like https://pictures.example.org')
        return cls(public_urls)

    def may_be_in(self, text: str) -> bool:
        """Whether `text` may have a URL of ours: a plain search, so that most documents are not parsed at all.

        What is looked for are the words of a host, between its dots and dashes, which may be spelled with escapes.
        """
        lower = text.lower()
        return any(all(word in lower for word in words) for words in self._words)

    def target(self, url: str) -> str | None:
        """What is behind the public URL, beginning with a slash: `/?prompt=…`. `None` where `url` is no picture's."""
        for pattern in self._patterns:
            found = pattern.match(url)
            if found and _PICTURE.match(rest := url[found.end() :]):
                return rest if rest.startswith("/") else f"/{rest}"
        return None

    @cached_property
    def _words(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(re.findall(r"[^\W_]+", name)) for url in self.public_urls for name in _names(url))

    @cached_property
    def _patterns(self) -> tuple["re.Pattern[str]", ...]:
        return tuple(re.compile(_pattern(url)) for url in self.public_urls)


def _names(url: str) -> tuple[str, ...]:
    """The host in lower case: as it is written, and as it is looked up."""
    host = urlsplit(url).hostname or ""
    return (host,) if host.isascii() else (host, host.encode("idna").decode())


def _pattern(url: str) -> str:
    parts = urlsplit(url)
    names = "|".join(re.escape(name) for name in _names(url))
    host = rf"\[(?:{names})\]" if ":" in (parts.hostname or "") else f"(?:{names})"
    path = re.escape(parts.path.rstrip("/"))
    port = parts.port and str(parts.port)
    if port and port != _DEFAULT_PORTS.get(parts.scheme.lower()):
        return rf"(?i:(?:https?:)?//{host}:{port}){path}(?=[/?#])"
    usual = "|".join(rf"{scheme}://{host}(?::{usual})?" for scheme, usual in _DEFAULT_PORTS.items())
    return rf"(?i:{usual}|//{host}){path}(?=[/?#])"
