"""Heads of answers from memory, prepared: what is the same at each view is written once.

A `PreparedHead` belongs to a rendition, an `Alias` to one URL of it; an answer adds a date and a request's id. The
fields are those that `response_headers` writes, so that answers are the same, byte for byte.
"""

from collections.abc import Mapping
from typing import NamedTuple

from promptcdn.readers.answers import Answer
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.rendition import CacheStatus, PreparedHead, RawHeaders, Rendition
from promptcdn.readers.response_headers import (
    ALWAYS,
    ON_NOT_MODIFIED,
    URL_HEADERS,
    checked,
    rendition_headers,
    server_timing,
)

_FROM_MEMORY = CacheStatus("memory")


class Alias(NamedTuple):
    """What one URL is answered with while memory has it: the name of a rendition, whose bytes memory may drop.

    `fields` are the headers that are this URL's own, `unchanged` those of them that a 304 has. `negotiated`: `Accept`
    chose the format.
    """

    content_key: str
    variant: str
    outcome: Outcome
    fields: RawHeaders
    unchanged: RawHeaders
    negotiated: bool


def alias(answer: Answer, headers: Mapping[str, str], *, negotiated: bool) -> Alias:
    """The alias of a URL that was answered with this picture and these headers."""
    own = {name: value for name, value in headers.items() if name in URL_HEADERS}
    unchanged = {name: value for name, value in own.items() if name in ON_NOT_MODIFIED}
    return Alias(answer.content_key, answer.variant, answer.outcome, _raw(own), _raw(unchanged), negotiated)


def head(rendition: Rendition, outcome: Outcome) -> PreparedHead:
    """The prepared head of a rendition, written at the first call."""
    found = rendition.heads.get(outcome)
    if found is None:
        own = rendition_headers(rendition, outcome, _FROM_MEMORY)
        fields, unchanged = _raw({**own, **ALWAYS}), _raw({name: own[name] for name in own if name in ON_NOT_MODIFIED})
        tag = own["etag"].encode() if "etag" in own else b""
        found = PreparedHead(tag, fields, lines(fields), unchanged, lines(unchanged))
        rendition.heads[outcome] = found
    return found


def lines(fields: RawHeaders) -> bytes:
    """Header fields as they are sent (RFC 9112 section 5)."""
    return b"".join([b"%s: %s\r\n" % field for field in fields])


# An answer from memory begins long before a tenth of a millisecond has passed.
AT_ONCE = server_timing(0.0).encode()


def _raw(headers: Mapping[str, str]) -> RawHeaders:
    return tuple((name.encode(), value.encode()) for name, value in checked(dict(headers)).items())
