"""Whether a request comes from Discord (https://discord.com/developers/docs/interactions/overview)."""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# Discord signs the time and says nothing of how old it may be; Slack's five minutes are the usual bound.
AGE_MAX = 300

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{128}", re.ASCII | re.IGNORECASE)


class DiscordSignatures:
    """Checks Ed25519 signatures (RFC 8032) over the time and the body. `now` gives Unix seconds."""

    def __init__(self, public_key: str, now: Callable[[], float]) -> None:
        self._public_key = public_key
        self._now = now

    def signature(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The signature of a request, if it is right and not old."""
        from cryptography.exceptions import InvalidSignature  # late: for those who have the app

        timestamp, signature = headers.get("x-signature-timestamp", ""), headers.get("x-signature-ed25519", "")
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
            return None
        if abs(self._now() - int(timestamp)) > AGE_MAX:
            return None
        try:
            self._key.verify(bytes.fromhex(signature), timestamp.encode() + body)
        except InvalidSignature:
            return None
        return signature.lower()

    @cached_property
    def _key(self) -> "Ed25519PublicKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(self._public_key))
