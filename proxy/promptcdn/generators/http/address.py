"""The base URL of an upstream, as a setting has it."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from promptcdn.misconfiguration import is_sendable, require_no_credentials, shown

PORTS = {"http": 80, "https": 443}

_LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
_BASE = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(\.{_LABEL})*\.?|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>(/[A-Za-z0-9._~!$&'()*+,;=:%-]*)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Address:
    """`host` is in lower case, an IPv6 address without brackets; `path` is empty or begins with a slash, and ends
    with none."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def netloc(self) -> str:
        """HOST or HOST:PORT, as it stands in a URL and in the header field Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def loopback(self) -> bool:
        """Whether it is this machine's own, as far as the name says."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.rstrip(".") == "localhost" or self.host.rstrip(".").endswith(".localhost")

    def __str__(self) -> str:
        return self.origin + self.path


def address(text: str, setting: str) -> Address:
    """The address that `text` names, the value of `setting`. Raises `ValueError` where it is no base URL."""
    text = text.strip()
    try:
        require_no_credentials(text)
    except ValueError as wrong:
        raise ValueError(f"{setting}: {wrong}") from None
    found = _BASE.fullmatch(text)
    port = int(found["port"] or PORTS[found["scheme"].lower()]) if found else 0
    if found is None or not 1 <= port <= 65535:
        raise ValueError(f"{setting}{shown(text)}: allowed: {_allowed(text)}")
    host = found["host"].lower().strip("[]")
    if found["host"].startswith("[") and not _is_ipv6(host):
        raise ValueError(f"{setting}{shown(text)}: the text in brackets is not an IPv6 address")
    return Address(found["scheme"].lower(), host, port, found["path"].rstrip("/"))


def _allowed(text: str) -> str:
    form = "http:// or https://, a host, and perhaps a port and a path"
    bare = re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9./_-]*)?", text)
    return f"{form}; write http://{text} or https://{text}" if bare else f"{form}, like https://api.example.org/v1"


def _is_ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False


def require_sendable(secret: str, setting: str) -> None:
    """Raises `ValueError`, which quotes no secret, where the value of `setting` cannot stand in a header field."""
    if not is_sendable(secret):
        raise ValueError(f"{setting} holds white space or characters that no header carries (is there a line break?)")
