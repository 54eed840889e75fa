"""Header fields, as far as they are read: a long one costs no more than a short one.

Of each field at most `FIELD_MAX` characters and `ENTRIES_MAX` entries of its list count. What is beyond them is ignored
where that changes nothing but what the client would have liked: `Accept` may be disregarded (RFC 9110 section 12.5.1),
a tag that is not looked at in `If-None-Match` costs a 200 instead of a 304, and of `Forwarded` (RFC 7239 section 4)
and `X-Forwarded-For` the entries at the right end are those of the nearest proxies. Fields that say where a message
ends are never cut: ignoring parts of those would let requests be smuggled (RFC 9110 section 5.4).
"""

from collections.abc import Sequence

FIELD_MAX = 4096
ENTRIES_MAX = 64


def text(value: str) -> str:
    """A value that is no list, cut."""
    return value[:FIELD_MAX]


def is_read_whole(value: str) -> bool:
    """Whether nothing of it is ignored, be it a list or not."""
    return len(value) <= FIELD_MAX and value.count(",") < ENTRIES_MAX


def first(lines: Sequence[str]) -> list[str]:
    """The lines of a list, from the left; an entry that would be cut is left out."""
    kept, room = list[str](), FIELD_MAX
    for line in lines[:ENTRIES_MAX]:
        if len(line) > room:
            return [*kept, line[:room].rpartition(",")[0]]
        kept.append(line)
        room -= len(line)
    return kept


def last(lines: Sequence[str]) -> list[str]:
    """The lines of a list, from the right; an entry that would be cut is left out."""
    kept, room = list[str](), FIELD_MAX
    for line in reversed(lines[-ENTRIES_MAX:]):
        if len(line) > room:
            return [line[len(line) - room :].partition(",")[2], *kept]
        kept.insert(0, line)
        room -= len(line)
    return kept


def first_entries(lines: Sequence[str]) -> list[str]:
    """The entries of a list without quoted commas, from the left."""
    return ",".join(first(lines)).split(",", ENTRIES_MAX)[:ENTRIES_MAX]


def last_entries(lines: Sequence[str]) -> list[str]:
    """The entries of a list without quoted commas, from the right."""
    return ",".join(last(lines)).rsplit(",", ENTRIES_MAX)[-ENTRIES_MAX:]
