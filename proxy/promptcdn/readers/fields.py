"""How much of a header field is read, so that a long field costs no more than a short one.

Of each field at most `FIELD_MAX` characters and `ENTRIES_MAX` entries of its list are read. The rest is ignored, which
is harmless for these fields: `Accept` may be disregarded (RFC 9110 section 12.5.1), an ignored tag in `If-None-Match`
leads to a 200 instead of a 304, and `Forwarded` (RFC 7239 section 4) and `X-Forwarded-For` are read from the right end,
where the entries of the nearest proxies are. Fields that decide where a message ends are never cut: ignoring a part of
them would let requests be smuggled (RFC 9110 section 5.4).
"""

from collections.abc import Sequence

FIELD_MAX = 4096
ENTRIES_MAX = 64


def text(value: str) -> str:
    """As much as is read of a value that is no list."""
    return value[:FIELD_MAX]


def is_read_whole(value: str) -> bool:
    """Whether a value is read to its end, as a list and as other text."""
    return len(value) <= FIELD_MAX and value.count(",") < ENTRIES_MAX


def first(lines: Sequence[str]) -> list[str]:
    """The lines of a list that are read, from the left. An entry that would be cut is left out."""
    kept, room = list[str](), FIELD_MAX
    for line in lines[:ENTRIES_MAX]:
        if len(line) > room:
            return [*kept, line[:room].rpartition(",")[0]]
        kept.append(line)
        room -= len(line)
    return kept


def last(lines: Sequence[str]) -> list[str]:
    """The lines of a list that are read, from the right. An entry that would be cut is left out."""
    kept, room = list[str](), FIELD_MAX
    for line in reversed(lines[-ENTRIES_MAX:]):
        if len(line) > room:
            return [line[len(line) - room :].partition(",")[2], *kept]
        kept.insert(0, line)
        room -= len(line)
    return kept


def first_entries(lines: Sequence[str]) -> list[str]:
    """The entries that are read of a list without quoted commas, from the left."""
    return ",".join(first(lines)).split(",", ENTRIES_MAX)[:ENTRIES_MAX]


def last_entries(lines: Sequence[str]) -> list[str]:
    """The entries that are read of a list without quoted commas, from the right."""
    return ",".join(last(lines)).rsplit(",", ENTRIES_MAX)[-ENTRIES_MAX:]
