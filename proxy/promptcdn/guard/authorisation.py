"""Who may have a new picture made, and of which prompts. Pictures that are stored are shown to everybody."""

import hmac
from dataclasses import dataclass, field
from typing import Literal, Protocol

from promptcdn.problems import DENIED, MISSES_CLOSED, Problem
from promptcdn.readers import fields
from promptcdn.url import signing
from promptcdn.url.request import Asked, Control
from promptcdn.url.signing import SigningKeys

Misses = Literal["open", "signed", "closed"]


class Denies(Protocol):
    """The operator's list of prompts that no picture is made of."""

    def denied(self, *texts: str) -> str | None:
        """The rule that one of the texts breaks; `None` where all are allowed."""


class NoDenyList:
    """Every prompt is allowed."""

    def denied(self, *_texts: str) -> str | None:
        return None


@dataclass(frozen=True)
class Authorisation:
    """What the operator set: who may have new pictures made, which keys sign URLs, and which prompts are refused."""

    misses: Misses = "open"
    signing_keys: SigningKeys = SigningKeys()
    deny: Denies = field(default_factory=NoDenyList)

    def require_allowed(
        self, asked: Asked, control: Control, prompt: str, now: float, *, keyed: bool = False
    ) -> str | None:
        """The id of the key that signed the URL, `None` where none did. Raises `Problem` (403) where no picture may be
        made for this request.

        `asked` is what the URL asks for, before a seed was drawn for it: that is what was signed. `prompt` is what the
        picture would show. `now` is in Unix seconds. `keyed`: the client showed an API key, which lets it make whatever
        a signature would.
        """
        kid = self.require_signed(asked, control, now, keyed=keyed)
        if self.deny.denied(prompt) is not None:
            # The client is not told which rule refused the prompt.
            raise Problem(DENIED, "the operator of this service does not allow this prompt", parameter="prompt")
        return kid

    def require_signed(self, asked: Asked, control: Control, now: float, *, keyed: bool = False) -> str | None:
        """As `require_allowed`, without the deny-list, which takes longer than all the rest."""
        if self.misses == "closed":
            raise Problem(MISSES_CLOSED, "this picture was not made before, and this service makes no new pictures")
        objection = signing.objection(asked, control, self.signing_keys, now)
        if self.misses == "signed" and objection and not keyed:
            raise objection
        return control.kid if objection is None else None


def is_operator(authorization: str | None, token: str) -> bool:
    """Whether the header `Authorization` has the operator's token (RFC 6750 section 2.1); compared in constant time."""
    scheme, _, sent = fields.text(authorization or "").partition(" ")
    same = hmac.compare_digest(sent.strip().encode(), token.encode())
    return scheme.lower() == "bearer" and same
