"""Signed URLs: only who holds a key decides which pictures may be made.

The signature covers what a URL asks for, in any spelling. It is HMAC-SHA256 (RFC 2104) over

    promptcdn-sig-1
    the as-asked canonical JSON (no seed when seedless, the word when calendar)
    the key's id
    the expiry in Unix seconds, or nothing

joined by line feeds. Delivery and control parameters are not signed: `format`, `w` and `h` may be changed freely.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from promptcdn.problems import BAD_SIGNATURE, SIGNATURE_EXPIRED, SIGNATURE_REQUIRED, Problem
from promptcdn.url import keys
from promptcdn.url.request import Asked, Control

KEY_ID = r"[A-Za-z0-9._-]{1,64}"
SECRET_MIN = 16

_VERSION = "promptcdn-sig-1"
# Used where `kid` names no key of ours, so that the answer takes as long as for a wrong signature. It is no key either:
# what is signed with it is refused.
_NOBODYS = b"no key at all"


@dataclass(frozen=True)
class SigningKeys:
    """Secrets by key id. The first key signs and all keys verify, so that keys can be rotated."""

    secrets: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        return f"SigningKeys({', '.join(self.ids)})"

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the keys, the one that signs first."""
        return tuple(kid for kid, _ in self.secrets)

    def secret(self, kid: str) -> bytes | None:
        """The secret of a key, or `None` where there is no such key."""
        return self._by_id.get(kid)

    @cached_property
    def _by_id(self) -> Mapping[str, bytes]:
        return dict(self.secrets)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The keys of `id:secret,id2:secret2`. Raises `ValueError` that names an entry by its position only.

        The id is not repeated either: where id and secret are mixed up, the secret would be in the log.
        """
        secrets: dict[str, bytes] = {}
        seen: set[bytes] = set()
        for place, entry in enumerate(text.split(","), 1):
            kid, colon, secret = (part.strip() for part in entry.partition(":"))
            if not colon or re.fullmatch(KEY_ID, kid, re.ASCII) is None:
                raise ValueError(
                    f"entry {place}: write it like id:secret; an id has letters, digits, dots, dashes, underscores"
                )
            if len(secret) < SECRET_MIN or not secret.isprintable():
                raise ValueError(
                    f"entry {place}: a secret must have at least {SECRET_MIN} visible characters and no others"
                )
            if kid in secrets:
                raise ValueError(f"entry {place}: another entry before it has the same id")
            if secret.encode() in seen:
                raise ValueError(
                    f"entry {place}: an entry before it has the same secret, so removing one of them changes nothing"
                )
            secrets[kid] = secret.encode()
            seen.add(secret.encode())
        return cls(tuple(secrets.items()))


def signed(asked: Asked, signing_keys: SigningKeys, exp: int | None = None, kid: str | None = None) -> Control:
    """The control parameters that let `asked` be made up to `exp` (Unix seconds), by the key `kid` or the first one.

    Raises `ValueError` where there is no such key.
    """
    kid = kid or next(iter(signing_keys.ids), "")
    secret = signing_keys.secret(kid)
    if secret is None:
        raise ValueError(f"there is no key {kid}; the keys are {', '.join(signing_keys.ids) or 'none'}")
    return Control(sig=_signature(asked, kid, exp, secret), kid=kid, exp=exp)


def objection(asked: Asked, control: Control, signing_keys: SigningKeys, now: float) -> Problem | None:
    """Why the signature in `control` does not let `asked` be made at `now` (Unix seconds); `None` where it does."""
    if control.sig is None:
        words = "this picture was not made before, and new pictures need a signed URL"
        return Problem(SIGNATURE_REQUIRED, f"{words}: the operator signs one with promptcdn sign", parameter="sig")
    if control.kid is None:
        return Problem(BAD_SIGNATURE, "sig needs kid beside it, the id of the key that signed the URL", parameter="kid")
    secret = signing_keys.secret(control.kid)
    right = _signature(asked, control.kid, control.exp, _NOBODYS if secret is None else secret)
    # As bytes: of text that is not ASCII it would raise.
    matches = hmac.compare_digest(control.sig.encode(), right.encode())
    if secret is None:
        return Problem(
            BAD_SIGNATURE, "this service has no signing key with this id", parameter="kid", value=control.kid
        )
    if not matches:
        words = "the signature does not match this URL: a parameter of the picture was changed after signing, or the"
        return Problem(BAD_SIGNATURE, f"{words} secret of the key differs: sign the URL again", parameter="sig")
    if control.exp is not None and now > control.exp:
        words = "the signature expired before this picture was made: sign the URL again"
        return Problem(SIGNATURE_EXPIRED, words, parameter="exp", value=str(control.exp))
    return None


def _signature(asked: Asked, kid: str, exp: int | None, secret: bytes) -> str:
    """Unpadded base64url (RFC 4648 section 5)."""
    form = keys.as_asked_form(asked).decode()
    message = f"{_VERSION}\n{form}\n{kid}\n{'' if exp is None else exp}"
    return base64.urlsafe_b64encode(hmac.digest(secret, message.encode(), "sha256")).decode().rstrip("=")
