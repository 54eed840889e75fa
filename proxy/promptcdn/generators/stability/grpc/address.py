"""What STABILITY_HOST means where gRPC is spoken: where to connect, and whether with TLS."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from promptcdn.misconfiguration import shown

TLS_PORT, PLAIN_PORT = 443, 50051

_ALLOWED = "https://HOST (REST), HOST, HOST:PORT, grpc://HOST:PORT (plain) or grpcs://HOST:PORT (TLS)"
# The hosted service speaks REST at this name and nothing else.
_REST_ONLY = "api.stability.ai"
_SCHEMES = {"grpc": False, "grpcs": True}
_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
_PARTS = re.compile(r"(\[(?P<bracketed>[^\]]*)\]|(?P<bare>[^:]*))(:(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Address:
    """`target` is HOST:PORT as gRPC takes it, an IPv6 address in brackets."""

    target: str
    tls: bool
    loopback: bool = False


def address(host: str) -> Address:
    """The address that `host` names.

    Without a scheme a loopback host is plain and all else is TLS: the port says nothing (the SDK takes every host
    that ends in "443" for TLS and sends no key to any other). Raises `ValueError` where the text is no address.
    """
    scheme, separator, rest = host.strip().lower().rpartition("://")
    if separator and scheme not in _SCHEMES:
        raise _bad(host, f'the scheme "{scheme}" is none of https, http, grpcs and grpc')
    name, port = _split(host, rest.removesuffix("/") if separator else rest)
    if name == _REST_ONLY:
        raise _bad(host, f"no gRPC is spoken there, write https://{name}")
    loopback = _is_loopback(name)
    tls = _SCHEMES[scheme] if separator else not loopback
    if port is None:
        port = TLS_PORT if tls else PLAIN_PORT
    return Address(f"[{name}]:{port}" if ":" in name else f"{name}:{port}", tls, loopback)


def _split(host: str, text: str) -> tuple[str, int | None]:
    if _is_ipv6(text):
        return text, None
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise _bad(host, "this is not a host with a port")
    bracketed, bare, port = parts["bracketed"], parts["bare"], parts["port"]
    if bracketed is not None and not _is_ipv6(bracketed):
        raise _bad(host, "the text in brackets is not an IPv6 address")
    if bracketed is None and not _NAME.fullmatch(bare):
        raise _bad(host, "this is not a host name")
    if port is not None and not 1 <= int(port) <= 65535:
        raise _bad(host, f"there is no port {port}")
    return bracketed or bare, int(port) if port else None


def _is_ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name in ("localhost", "localhost.")


def _bad(host: str, what: str) -> ValueError:
    return ValueError(f"STABILITY_HOST{shown(host)}: {what}; allowed: {_ALLOWED}")
