"""A picture as it is sent, and what our cache did to have it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self

# As ASGI has them, names in lower case.
RawHeaders = Sequence[tuple[bytes, bytes]]

MISS = "promptcdn; fwd=uri-miss"


@dataclass(frozen=True)
class Rendition:
    """A picture as it is sent. `made_at` is when its master was made, in Unix seconds.

    `picture` is the SHA-256 (hex) of the master that it was first made of; empty where nobody recorded it. Another
    picture was shown under this key before, whose purge had the moment `after` (nanoseconds); 0 where there was none.
    `digest` is the SHA-256 of the body, where somebody has computed it: a store, or the thread that encoded it.
    """

    content_key: str
    body: bytes
    media_type: str
    made_at: int
    stored: bool = True
    picture: str = ""
    after: int = 0
    digest: bytes | None = field(default=None, compare=False, repr=False)

    @cached_property
    def sha256(self) -> bytes:
        """The digest of the body."""
        return self.digest or hashlib.sha256(self.body).digest()

    @property
    def etag(self) -> str:
        """Strong (RFC 9110 section 8.8.3), and short: old nginx keeps no tag over 42 characters."""
        return f'"{self.content_key[:16]}.{self.sha256.hex()[:16]}"'


@dataclass(frozen=True)
class CacheStatus:
    """What our cache did (RFC 9211): found it in memory or the store, or made it, alone or with others."""

    hit: Literal["memory", "store"] | None = None
    collapsed: bool = False
    stored: bool = True

    def __str__(self) -> str:
        if self.hit and self.stored:
            return f"promptcdn; hit; detail={self.hit}"
        stored = "stored" if self.stored else "stored=?0"
        return f"{MISS}; {stored}" + ("; collapsed" if self.collapsed else "")

    @classmethod
    def missed(cls, rendition: Rendition, *, collapsed: bool) -> Self:
        return cls(collapsed=collapsed, stored=rendition.stored)
