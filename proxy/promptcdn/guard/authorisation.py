"""Who may cause a new picture, and of what. What is stored is everybody's, always."""

import hmac
from dataclasses import dataclass, field
from typing import Literal, Protocol

from promptcdn.guard.denylist import DenyList
from promptcdn.problems import DENIED, MISSES_CLOSED, Problem
from promptcdn.readers import fields
from promptcdn.url import signing
from promptcdn.url.request import Asked, Control
from promptcdn.url.signing import SigningKeys

Misses = Literal["open", "signed", "closed"]


class Denies(Protocol):
    """The operator's list of what is not to be made."""

    def denied(self, *texts: str) -> str | None:
        """The rule that one of the texts breaks."""


@dataclass(frozen=True)
class Authorisation:
    """What the operator decided: who may cause new pictures, by which keys URLs are signed, and what is never made."""

    misses: Misses = "open"
    signing_keys: SigningKeys = SigningKeys()
    deny: Denies = field(default_factory=DenyList)

    def require_allowed(self, asked: Asked, control: Control, prompt: str, now: float) -> str | None:
        """The id of the key that signed the URL, where one did. Raises `Problem` (403) where it may cause no picture.

        `asked` is what the URL says, before a seed was drawn for it: that is what was signed. `prompt` is what would
        be drawn. `now` is in Unix seconds.
        """
        kid = self.require_signed(asked, control, now)
        if self.deny.denied(prompt) is not None:
            # By which rule is not the client's to know.
            raise Problem(DENIED, "the operator of this service does not allow this prompt", parameter="prompt")
        return kid

    def require_signed(self, asked: Asked, control: Control, now: float) -> str | None:
        """The same without a look at the prompt, which takes longer than all the rest."""
        if self.misses == "closed":
            raise Problem(MISSES_CLOSED, "this picture was not made before, and this service makes no new pictures")
        objection = signing.objection(asked, control, self.signing_keys, now)
        if self.misses == "signed" and objection:
            raise objection
        return control.kid if objection is None else None


def is_operator(authorization: str | None, token: str) -> bool:
    """Whether a request shows the operator's token (RFC 6750 section 2.1); takes as long whatever is wrong with it."""
    scheme, _, shown = fields.text(authorization or "").partition(" ")
    same = hmac.compare_digest(shown.strip().encode(), token.encode())
    return scheme.lower() == "bearer" and same
