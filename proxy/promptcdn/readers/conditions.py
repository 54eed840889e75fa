"""Conditional requests (RFC 9110 section 13): which picture a client has already, and whether it would get the same."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Self

from promptcdn.readers import fields
from promptcdn.readers.rendition import Rendition

_ENTITY_TAG = re.compile(r'(?:W/)?"[^"]*"')
_OURS = re.compile(r'(?:W/)?"([0-9a-f]{16})\.[0-9a-f]{16}"')


@dataclass(frozen=True)
class Condition:
    """`If-None-Match`, or where it is missing `If-Modified-Since` (section 13.2.2: tags take precedence).

    `tags` are as the client sent them, with `W/`, and are compared weakly (section 13.1.2). `since` is in Unix seconds.
    `negotiated`: `Accept` chooses the format, so that only a whole tag shows what the client has.
    """

    tags: tuple[str, ...] = ()
    anything: bool = False
    since: float | None = None
    negotiated: bool = False

    @classmethod
    def parse(
        cls, if_none_match: Sequence[str], if_modified_since: str | None = None, *, negotiated: bool = False
    ) -> Self:
        """The condition in these field lines. An invalid date is no condition (section 13.1.3)."""
        if if_none_match:
            lines = fields.first(if_none_match)
            tags = (match[0] for line in lines for match in _ENTITY_TAG.finditer(line))
            anything = any(line.strip() == "*" for line in lines)
            return cls(tuple(islice(tags, fields.ENTRIES_MAX)), anything, negotiated=negotiated)
        return cls(since=_seconds(if_modified_since), negotiated=negotiated)

    def is_met_by(self, rendition: Rendition, *, was_there: bool) -> bool:
        """Whether the client has this very picture, so that 304 answers it.

        Not `was_there`: the picture was made for this request, so that only its tag can match.
        """
        if was_there and self.since is not None:
            return rendition.made_at <= self.since
        return (was_there and self.anything) or self.names(rendition.etag)

    def names(self, etag: str) -> bool:
        """Whether one of its tags is `etag`, by the weak comparison (section 8.8.3.2)."""
        return etag in (tag.removeprefix("W/") for tag in self.tags)

    def tag_of(self, content_key: str) -> str | None:
        """The client's tag of any rendition of this picture, or `None`.

        In a fixed format, where no rendition is stored, such a tag is enough for a 304: the picture never changes, and
        nothing is paid for to find that out. `*` is not enough, since it means what exists, and whether the picture
        exists is not known.
        """
        if self.negotiated:
            return None
        ours = ((tag, _OURS.fullmatch(tag)) for tag in self.tags)
        return next((tag for tag, match in ours if match and match[1] == content_key[:16]), None)


NOTHING = Condition()


def _seconds(date: str | None) -> float | None:
    try:
        return None if date is None else parsedate_to_datetime(fields.text(date)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
