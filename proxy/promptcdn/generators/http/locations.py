"""From where a picture may be fetched, where an upstream answers with a URL instead of with the picture.

A URL that an upstream sends is somebody else's word: it must not make this service call what is near it (a cloud's
metadata, a database, its own network).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Self
from urllib.parse import urlsplit

from promptcdn.generators.http.address import PORTS, Address, address

URL_MAX = 8192
FORM = "hosts with commas between them, like pictures.example.org, *.example.net, http://127.0.0.1:9000"

# Addresses with an IPv4 address in their last 32 bits, at which a gateway sends on: RFC 6052 section 2.1.
_NAT64 = IPv6Network("64:ff9b::/96")
# Of IPv6 the only other addresses on the internet (RFC 4291 section 2.4). Among the rest are site-local ones and other
# ways to write an IPv4 address, and `ipaddress` takes some of them for global.
_UNICAST = IPv6Network("2000::/3")
# What a target may be sent as: no white space, nothing that is not ASCII.
_TARGET = re.compile(r"[\x21-\x7e]*")


@dataclass(frozen=True)
class Location:
    """Where a picture is: `target` is path and query.

    `own`: at the upstream itself, to be fetched from the address that answered. `public`: an address that is not
    everybody's to reach is refused.
    """

    where: Address
    target: str
    own: bool = False
    public: bool = True


@dataclass(frozen=True)
class Hosts:
    """The hosts that the operator named: `exact` ones, wherever they lead, and suffixes, like `.example.org`, whose
    hosts must have public addresses."""

    exact: frozenset[Address] = frozenset()
    suffixes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """As `FORM` says; without a scheme https is meant. Raises `ValueError`."""
        exact, suffixes = set(), []
        for item in filter(None, (item.strip() for item in text.split(","))):
            if item.startswith("*."):
                suffixes.append(_host(item[1:].lower(), item))
            else:
                found = _address(item)
                exact.add(found)
        return cls(frozenset(exact), tuple(suffixes))

    def locate(self, url: str, upstream: Address) -> Location | None:
        """Where the picture at `url` is, in an answer of `upstream`; `None` where it may not be fetched from there."""
        found = _parsed(url)
        if found is None:
            return None
        where, target = found
        if (where.scheme, where.host, where.port) == (upstream.scheme, upstream.host, upstream.port):
            return Location(where, target, own=True, public=False)
        if where in self.exact:
            return Location(where, target, public=False)
        named = any(where.host.endswith(suffix) for suffix in self.suffixes)
        return Location(where, target) if named and (where.scheme, where.port) == ("https", 443) else None


def host_of(url: str) -> str:
    """The host that `url` names, for the operator's log; empty where it names none that could be shown."""
    found = _parsed(url)
    return found[0].origin if found else ""


def all_public(addresses: Iterable[str]) -> bool:
    """Whether there are addresses, and all of them are addresses on the internet."""
    found = list(addresses)
    return bool(found) and all(map(is_public, found))


def is_public(text: str) -> bool:
    """Whether this is the address of one host on the internet, also where it holds an IPv4 address within."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found not in _UNICAST and found not in _NAT64:
        return False
    return all(each.is_global and not each.is_multicast for each in (found, *_within(found)))


def _within(found: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    if isinstance(found, IPv4Address):
        return ()
    inner = [found.sixtofour, *(found.teredo or ())]
    if found in _NAT64:
        inner.append(IPv4Address(int(found) & 0xFFFFFFFF))
    return tuple(each for each in inner if each is not None)


def _parsed(url: str) -> tuple[Address, str] | None:
    if len(url) > URL_MAX or _TARGET.fullmatch(url) is None or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    try:
        where = address(f"{parts.scheme}://{parts.netloc}", "url")
    except ValueError:
        return None
    assert port in (None, where.port)
    return where, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _address(item: str) -> Address:
    try:
        found = address(item if "://" in item else f"https://{item}", "a host")
    except ValueError:
        raise ValueError(f'"{item}" is no host; allowed: {FORM}') from None
    if found.path:
        raise ValueError(f'"{item}" has a path; allowed: {FORM}')
    return found


def _host(suffix: str, item: str) -> str:
    # A suffix of one label would be a whole top-level domain.
    if re.fullmatch(r"(\.[a-z0-9_-]+){2,}", suffix) is None:
        raise ValueError(f'"{item}" is no host; allowed: {FORM}')
    return suffix
