"""HTTP towards upstreams: what generators that call over HTTP share.

    address    the base URL of an upstream
    client     one call: bounded in time and size, without redirects, cookies or kept connections
    exchange   how one request is sent and its answer read, and what a failure of that means
    statuses   every HTTP status, and what it means for us
    pauses     for how long the upstream wants no further call
    locations  from where a picture may be fetched, where the upstream answers with a URL
    fetching   fetches such a picture
    timings    how long the upstream is waited for

Importing this module is cheap: httpx2 comes in with the first call.
"""

from promptcdn.generators.http.address import Address, address, require_sendable
from promptcdn.generators.http.client import Http
from promptcdn.generators.http.exchange import Reply
from promptcdn.generators.http.locations import Hosts
from promptcdn.generators.http.timings import TIMINGS, Timings

__all__ = ["TIMINGS", "Address", "Hosts", "Http", "Reply", "Timings", "address", "require_sendable"]
