"""The client of a request: the address or network that new pictures are charged to, also behind proxies.

Anybody can send a header with addresses, so one is believed only from proxies that the operator trusts.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from promptcdn.misconfiguration import require_narrow
from promptcdn.readers import fields

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# A client with one IPv6 address has a /64 of them (RFC 6177).
_IPV6_PREFIX = 64
_IPV4_MAPPED = IPv6Network("::ffff:0:0/96")

# `[2001:db8::1]`, `[2001:db8::1]:4711` and `192.0.2.1:4711`. A port may have a made-up name (RFC 7239 section 6.2).
_BRACKETS_OR_PORT = re.compile(r"\[([^]]*)\](?::[\w.-]+)?|([^:]+):[\w.-]+")

# RFC 7239 section 4. Unquoted values may be any text, since `for=[::1]:80` is often sent. The quantifiers with `+` are
# possessive: with others a hostile header takes exponential time.
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_PAIR = rf"([!#$%&'*+.^_`|~0-9A-Za-z-]++)=({_QUOTED}|[^\s\",;]++)"
_PAIRS = re.compile(_PAIR, re.DOTALL)
_ELEMENT = re.compile(rf"(?:{_PAIR})?(?:\s*+;\s*+(?:{_PAIR})?)*+", re.DOTALL)
# The text between commas that are not within quotes; an open quote reaches to the end.
_BETWEEN_COMMAS = re.compile(r'(?:[^",]++|"(?:[^"\\]|\\.?)*+(?:"|\Z))++', re.DOTALL)


@dataclass(frozen=True)
class Client:
    """Who is charged: one IPv4 address, an IPv6 /64, or `None` for all clients without an address; or the id of an API
    key, wherever it is used."""

    network: Network | None
    api_key: str | None = None

    def __post_init__(self) -> None:
        # Connections are looked up by it several times a request, and a network's own hash takes longer than a hit.
        object.__setattr__(self, "_hash", hash((self.network, self.api_key)))

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined, no-any-return]

    def __str__(self) -> str:
        if self.api_key is not None:
            return f"API key {self.api_key}"
        return "no address" if self.network is None else str(self.network)


@dataclass(frozen=True)
class TrustedProxies:
    """The proxies whose headers about addresses are believed."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "TrustedProxies":
        """`127.0.0.1, 10.0.0.0/8, ::1`; an empty text trusts none. Raises `ValueError` for anything else."""
        return cls(tuple(_network(item.strip()) for item in text.split(",") if item.strip()))

    def __contains__(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def client(
    peer: str | None, forwarded: Sequence[str], x_forwarded_for: Sequence[str], trusted: TrustedProxies
) -> Client:
    """The client who is charged for a request from `peer`, the other end of the connection. Never raises.

    `forwarded` and `x_forwarded_for` are the lines of these headers in the order in which they were received. A peer
    without an address (a Unix socket) is not trusted.

    Where both headers are present and name different clients, neither is believed and the proxy itself is charged: most
    proxies write one of the two and pass the other on as the client sent it, and nothing tells which one they wrote.
    """
    nearest = _address(peer or "")
    if nearest is None:
        return Client(None)
    if nearest not in trusted:
        return _charged(nearest)
    lists = [(_for, _elements(forwarded)), (_address, _listed(x_forwarded_for))]
    named = [_client_address(nearest, map(read, reversed(hops)), trusted) for read, hops in lists if hops]
    return _charged(named[0] if named and named[0] == named[-1] else nearest)


def peer(address: str | None, trusted: TrustedProxies) -> Client | None:
    """The client of a connection from `address`; `None` for a trusted proxy, which connects for many clients."""
    parsed = _address(address or "")
    if parsed is None:
        return Client(None)
    return None if parsed in trusted else _charged(parsed)


def _client_address(nearest: Address, hops: Iterable[Address | None], trusted: TrustedProxies) -> Address:
    """The first of `hops`, the nearest first, that is not a trusted proxy: what stands beyond it, that client wrote.

    `None` is a hop without an address. It may be anybody, so nothing beyond it is believed.
    """
    farthest = nearest
    for hop in hops:
        if hop is None:
            return farthest
        farthest = hop
        if hop not in trusted:
            return farthest
    return farthest


def _listed(lines: Sequence[str]) -> list[str]:
    """The entries of `X-Forwarded-For`, which has no standard: what nginx, HAProxy, Envoy and the clouds write."""
    return [entry for item in fields.last_entries(lines) if (entry := item.strip())]


def _elements(lines: Sequence[str]) -> list[str]:
    """The elements of `Forwarded` (RFC 7239 section 4)."""
    elements = (element.strip() for line in fields.last(lines) for element in _BETWEEN_COMMAS.findall(line))
    return [element for element in elements if element][-fields.ENTRIES_MAX :]


def _for(element: str) -> Address | None:
    """The address after `for`; `None` for `unknown`, obfuscated names and malformed elements."""
    # The whole element has to be well-formed: after `for=1.2.3.4;x="` the proxy's own part would be inside the quotes.
    if _ELEMENT.fullmatch(element) is None:
        return None
    values = [value for name, value in _PAIRS.findall(element) if name.lower() == "for"]
    return _address(_unquoted(values[0])) if len(values) == 1 else None


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _address(text: str) -> Address | None:
    match = _BRACKETS_OR_PORT.fullmatch(text)
    try:
        address = ip_address(text if match is None else match[1] or match[2] or "")
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    # Made from its number, an address has no zone.
    return address.ipv4_mapped or IPv6Address(int(address))


def _charged(address: Address) -> Client:
    if isinstance(address, IPv4Address):
        return Client(IPv4Network(address))
    return Client(IPv6Network((address, _IPV6_PREFIX), strict=False))


def _network(text: str) -> Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ValueError(f'"{text}": {_what_is_wrong(text)}; write it like 127.0.0.1, 10.0.0.0/8, ::1') from error
    if isinstance(network, IPv6Network) and network.subnet_of(_IPV4_MAPPED):
        network = IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - _IPV4_MAPPED.prefixlen))
    require_narrow(network)
    return network


def _what_is_wrong(text: str) -> str:
    try:
        return f"the network is {ip_network(text, strict=False)}"
    except ValueError:
        return "neither an address nor a network"
