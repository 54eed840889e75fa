"""An answer of an upstream."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reply:
    """An answer. Names of headers are in lower case; `peer` is the address that answered, a proxy's where there is
    one."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    peer: str = ""
