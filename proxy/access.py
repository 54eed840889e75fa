"""Who may cause a new picture. What is stored is everybody's, always."""

from dataclasses import dataclass
from typing import Literal

from proxy import signing
from proxy.problems import MISSES_CLOSED, Problem
from proxy.request import Asked, Control
from proxy.signing import SigningKeys

Misses = Literal["open", "signed", "closed"]


@dataclass(frozen=True)
class Access:
    """What the operator decided: who may cause new pictures, and by which keys URLs are signed."""

    misses: Misses = "open"
    signing_keys: SigningKeys = SigningKeys()

    def require_allowed(self, asked: Asked, control: Control, now: float) -> str | None:
        """The id of the key that signed the URL, where one did. Raises `Problem` (403) where it may cause no picture.

        `asked` is what the URL says, before a seed was drawn for it: that is what was signed. `now` is in Unix seconds.
        """
        if self.misses == "closed":
            raise Problem(MISSES_CLOSED, "this picture is not made yet, and this service makes no new ones")
        objection = signing.objection(asked, control, self.signing_keys, now)
        if self.misses == "signed" and objection:
            raise objection
        return control.kid if objection is None else None
