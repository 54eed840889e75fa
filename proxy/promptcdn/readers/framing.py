"""Where a request ends and whom it is for (RFC 9112): what two servers may read in two ways is refused.

A request that a cache in front reads in one way and this service in another is how requests are smuggled past a cache.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from promptcdn.readers import fields

# Names in lower case, as the parser gives them.
Lines = Sequence[tuple[bytes, bytes]]

# The fields that decide it: no other is looked at.
FIELDS = frozenset({b"host", b"transfer-encoding", b"content-length"})
# The key in an ASGI scope of the `Problem` that refuses a request whose head is out of bounds. The fields that were
# read of it say who asks.
REFUSAL = "promptcdn.refusal"

# A name, an IPv4 address or something in brackets, and a port (RFC 9110 section 7.2). No URL is built from it.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*+|\[[0-9A-Fa-f:.]++\])(?::[0-9]*+)?")


_NOT_A_HOST = "the Host header is not a valid host"


def objection(version: str, lines: Lines) -> str | None:
    """Why a head that could be parsed is refused (RFC 9112 sections 2.3, 3.2 and 6.1), or `None`."""
    if version not in ("1.0", "1.1"):
        return "only HTTP/1.0 and HTTP/1.1 are supported"
    if len(lines) == 1 and lines[0][0] == b"host" and version == "1.1":
        return None if _is_host(lines[0][1].strip(b" \t")) else _NOT_A_HOST  # as nearly all are
    hosts = _values(lines, b"host")
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        return "a request must have exactly one Host header"
    if not all(map(_is_host, hosts)):
        return _NOT_A_HOST
    encodings = _values(lines, b"transfer-encoding")
    if encodings and (version == "1.0" or [encoding.lower() for encoding in encodings] != [b"chunked"]):
        return "the only supported Transfer-Encoding of a request is chunked"
    return None


def has_body(lines: Lines) -> bool:
    """Whether a body follows a head that has no objection (RFC 9112 section 6.3)."""
    if len(lines) == 1 and lines[0][0] == b"host":
        return False  # as nearly all are
    return bool(_values(lines, b"transfer-encoding")) or _values(lines, b"content-length") not in ([], [b"0"])


@lru_cache(256)
def _is_host(value: bytes) -> bool:
    return len(value) <= fields.FIELD_MAX and _HOST.fullmatch(value) is not None


def _values(lines: Lines, wanted: bytes) -> list[bytes]:
    return [value.strip(b" \t") for name, value in lines if name == wanted]
