"""API keys: who may use the routes for programs, which send one as a bearer token (RFC 6750 section 2.1)."""

import hmac
from dataclasses import dataclass, field
from typing import Self

from promptcdn.misconfiguration import require_token
from promptcdn.readers import fields
from promptcdn.url.signing import SigningKeys


@dataclass(frozen=True)
class ApiKeys:
    """Secrets by id. A client sends a secret; its id is what is counted, and what may be logged."""

    secrets: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"ApiKeys({', '.join(name for name, _ in self.secrets)})"

    def __bool__(self) -> bool:
        return bool(self.secrets)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The keys of `id:secret,id2:secret2`. Raises `ValueError` that names an entry by its position only."""
        secrets = SigningKeys.parse(text).secrets
        for place, (_, secret) in enumerate(secrets, 1):
            try:
                require_token(secret.decode())
            except ValueError as wrong:
                raise ValueError(f"entry {place}: {wrong}") from None
        return cls(secrets)

    def id_of(self, authorization: str | None) -> str | None:
        """The id of the key in the header `Authorization`; `None` where it has none of ours. Takes the same time
        whichever key is sent, and whether or not one matches."""
        scheme, _, sent = fields.text(authorization or "").partition(" ")
        found = None
        for name, secret in self.secrets:
            if hmac.compare_digest(sent.strip().encode(), secret):
                found = name
        return found if scheme.lower() == "bearer" else None
