"""Fetches a picture that is paid for, from the URL that the upstream answered with."""

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from promptcdn import __version__
from promptcdn.event_loop import AnswerTimeout
from promptcdn.generators.http import locations
from promptcdn.generators.http.exchange import Bounds, exchange
from promptcdn.generators.http.locations import Location
from promptcdn.generators.http.reply import Reply
from promptcdn.problems import UPSTREAM_GARBLED, UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE, UpstreamFailed

if TYPE_CHECKING:
    import httpx2

TRIES = 3
USER_AGENT = f"promptcdn/{__version__}"
log = logging.getLogger(__name__)


async def fetch(
    transport: "httpx2.AsyncHTTPTransport", location: Location, peer: str, bounds: Bounds, pause: float
) -> Reply:
    """The picture at `location`; `peer` is the address of the upstream that answered. Looks for the host's addresses
    once, and connects to them: a name that means another host a moment later changes nothing.

    Tries a few times, with `pause` seconds between: the picture is paid for, and looking at it costs nothing.
    Raises `UpstreamFailed`, charged.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + bounds.seconds
    addresses = [peer] if location.own else await _addresses(location, bounds.connect)
    for number in range(TRIES):
        left = Bounds(max(0.1, ends - loop.time()), bounds.connect, bounds.most, paid=True)
        last = number == TRIES - 1 or left.seconds < 2 * pause
        try:
            reply = await exchange(transport, _request(location, addresses[number % len(addresses)]), left)
        except UpstreamFailed as failure:
            if last or failure.kind is not UPSTREAM_UNREACHABLE:
                raise
        else:
            if reply.status == 200:
                return reply
            if last or reply.status < 500:
                raise _refused(f"the upstream's picture cannot be fetched: {reply.status}")
        await asyncio.sleep(pause)
    raise AssertionError("the last try returns or raises")


def unlocated(url: str, setting: str) -> UpstreamFailed:
    """What a URL that may not be fetched raises; its host alone goes to the log, for the operator."""
    host = locations.host_of(url)
    if host:
        log.warning("a picture is at %s, which is not fetched: if it should be, name the host in %s", host, setting)
    return _refused("the upstream answered with a URL that is not fetched")


async def _addresses(location: Location, seconds: float) -> list[str]:
    where = location.where
    late = False
    found: list[str] = []
    try:
        async with AnswerTimeout(seconds):
            loop = asyncio.get_running_loop()
            infos = await loop.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(info[4][0]) for info in infos))
    except TimeoutError:
        late = True
    except (OSError, UnicodeError):  # not there, or no host name: a part of it is longer than 63 letters
        pass
    if late:
        raise UpstreamFailed(UPSTREAM_TIMEOUT, "the host of the upstream's picture was not found in time", charged=True)
    if not found:
        raise _refused("the host of the upstream's picture cannot be found")
    if location.public and not locations.all_public(found):
        log.warning("%s is at an address that is not public, so that no picture is fetched from it", where.origin)
        raise _refused("the upstream answered with a URL that is not fetched")
    return found


def _request(location: Location, address: str) -> "httpx2.Request":
    import httpx2  # late: for those who call

    where = location.where
    host = f"[{address}]" if ":" in address else address
    return httpx2.Request(
        "GET",
        f"{where.scheme}://{host}:{where.port}{location.target}",
        headers={
            "Host": where.netloc,
            "User-Agent": USER_AGENT,  # some give nothing to a client without one
            "Accept": "image/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
        },
        extensions={"sni_hostname": where.host},
    )


def _refused(what: str) -> UpstreamFailed:
    return UpstreamFailed(UPSTREAM_GARBLED, what, charged=True)
