"""What an answer from memory depends on in a request's headers, found out once for all requests that have the same.

Browsers and proxies send the same few fields again and again: reading `User-Agent` takes longer than the answer.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from promptcdn.readers import audience, negotiation
from promptcdn.readers.audience import Audience

# Header fields as ASGI has them.
Fields = Sequence[tuple[bytes, bytes]]
# A whole head: its fields, or its lines as they were sent.
Head = tuple[tuple[bytes, bytes], ...] | bytes

_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since"})
# What is remembered at the most: so many heads, and so many bytes of each.
_HEADS_MAX, _BYTES_MAX = 1024, 2048
# No field that is read has a longer name.
_NAME_MAX = 64


class Seen(NamedTuple):
    """Who asks; the format that `format=auto` is for them; and whether caches keep their answers apart from others'.

    `tag` is the one value of `If-None-Match`: empty where the request has no condition, and `None` where its conditions
    are more than that.
    """

    audience: Audience
    format: bytes
    shared: bool
    tag: bytes | None = b""


class Readers:
    """Readers by what they send: by the fields that matter, and by whole heads."""

    def __init__(self) -> None:
        self._by_fields: dict[Fields, Seen] = {}
        self.by_head: dict[Head, Seen] = {}

    def seen(self, fields: Fields) -> Seen:
        """What a head says."""
        asked: list[tuple[bytes, bytes]] = []
        conditions: list[tuple[bytes, bytes]] = []
        for line in fields:
            name = line[0]
            if _is_read(name):
                asked.append(line)
            elif name in _CONDITIONS:
                conditions.append(line)
        key = tuple(asked)
        found = self._by_fields.get(key)
        if found is None:
            found = _seen(key)
            if _size(key) <= _BYTES_MAX:
                if len(self._by_fields) >= _HEADS_MAX:
                    self._by_fields.clear()
                self._by_fields[key] = found
        return found._replace(tag=_tag(conditions)) if conditions else found

    def remember(self, head: Head, seen: Seen) -> None:
        """Keeps what a head says. A head of no lines is not known by anything."""
        if head and (len(head) if isinstance(head, bytes) else _size(head)) <= _BYTES_MAX:
            if len(self.by_head) >= _HEADS_MAX:
                self.by_head.clear()
            self.by_head[head] = seen


def _size(fields: Fields) -> int:
    return sum(len(name) + len(value) for name, value in fields)


@lru_cache(256)
def _is_read(name: bytes) -> bool:
    return len(name) < _NAME_MAX and audience.is_read(name.decode("latin-1"))


def _tag(conditions: Fields) -> bytes | None:
    (name, value), *others = conditions
    return value if name == b"if-none-match" and not others else None


def _seen(fields: Fields) -> Seen:
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    who = audience.audience(audience.joined(lines))
    accept = ",".join(value for name, value in lines if name == "accept")
    return Seen(who, negotiation.picture_format(accept, who).encode(), audience.is_decided_by_vary(lines))
