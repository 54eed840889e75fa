"""HTTP towards upstreams: what generators that call over HTTP share.

    address    the base URL of an upstream
    client     one call: bounded in time and size, without redirects, cookies or kept connections
    reply      an answer
    exchange   how one request is sent and its answer read, and what a failure of that means
    documents  what an answer in JSON says
    statuses   every HTTP status, and what it means for us
    pauses     for how long the upstream wants no further call
    locations  from where a picture may be fetched, where the upstream answers with a URL
    fetching   fetches such a picture
    timings    how long the upstream is waited for

Importing this module is cheap: `Http` is imported where it is used, and httpx2 comes in with the first call.
"""

from typing import TYPE_CHECKING, Any

from promptcdn.generators.http.address import Address, address, require_sendable
from promptcdn.generators.http.locations import Hosts
from promptcdn.generators.http.reply import Reply
from promptcdn.generators.http.timings import TIMINGS, Timings

if TYPE_CHECKING:
    from promptcdn.generators.http.client import Http

__all__ = ["TIMINGS", "Address", "Hosts", "Http", "Reply", "Timings", "address", "require_sendable"]


def __getattr__(name: str) -> Any:
    """`Http`, at its first use: every command reads the list of generators, and few call one."""
    if name != "Http":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from promptcdn.generators.http.client import Http

    return Http
