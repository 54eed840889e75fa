"""Heads of answers from memory, prepared: what is the same at each view is written once, as it is sent.

A head has lines of four kinds: those of its URL (`Alias`), those that many pictures have alike, those of its rendition,
and those of this one answer (a date, the request's id, a time). All are the lines that `response_headers` writes, so
that answers are the same, byte for byte.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from promptcdn.readers.answers import Answer
from promptcdn.readers.cache_policies import POLICIES, Outcome
from promptcdn.readers.rendition import CacheStatus, Rendition
from promptcdn.readers.response_headers import (
    ALWAYS,
    ON_NOT_MODIFIED,
    URL_HEADERS,
    checked,
    outcome_headers,
    rendition_headers,
    server_timing,
)


class Alias(NamedTuple):
    """What one URL is answered with while memory has it: the name of a rendition, whose bytes memory may drop.

    `lines` are this URL's own, `unchanged` those of them that a 304 has. `negotiated`: `Accept` chose the format. Of a
    URL without a seed `pool` is its as-asked key, and `seed` the seed that was drawn.
    """

    content_key: str
    variant: str
    outcome: Outcome
    lines: bytes
    unchanged: bytes
    negotiated: bool
    pool: str = ""
    seed: int | None = None


def alias(answer: Answer, headers: Mapping[str, str], *, negotiated: bool) -> Alias:
    """The alias of a URL that was answered with this picture and these headers."""
    own = {name: value for name, value in headers.items() if name in URL_HEADERS}
    unchanged = {name: value for name, value in own.items() if name in ON_NOT_MODIFIED}
    what = answer.content_key, answer.variant, answer.outcome
    return Alias(*what, lines(own), lines(unchanged), negotiated, answer.pool, answer.seed)


@cache  # a few media types, and two outcomes
def shared_lines(media_type: str, outcome: Outcome) -> tuple[bytes, bytes]:
    """The lines that pictures from memory have alike: of a 200, and of a 304."""
    alike = outcome_headers(media_type, outcome, CacheStatus("memory"))
    return lines(alike), lines({name: value for name, value in alike.items() if name in ON_NOT_MODIFIED})


def own_lines(rendition: Rendition, outcome: Outcome) -> bytes:
    """The lines that this rendition alone has."""
    return lines(rendition_headers(rendition, outcome))


def tag(rendition: Rendition, outcome: Outcome) -> bytes:
    """The tag that a client may have of it; empty where the outcome has none."""
    return rendition.etag.encode() if POLICIES[outcome].validators else b""


def lines(headers: Mapping[str, str]) -> bytes:
    """Header fields as they are sent (RFC 9112 section 5)."""
    return "".join([f"{name}: {value}\r\n" for name, value in checked(dict(headers)).items()]).encode()


@lru_cache(4096)  # the same few blocks of lines are sent again and again
def fields(sent: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The inverse of `lines`."""
    return tuple((name, value) for name, _, value in (line.partition(b": ") for line in sent.split(b"\r\n")) if name)


# Of every answer but a 304.
ALWAYS_LINES = lines(ALWAYS)
# An answer from memory begins long before a tenth of a millisecond has passed.
AT_ONCE = server_timing(0.0).encode()
