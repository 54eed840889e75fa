"""Who may cause a new picture. What is stored is everybody's, always."""

from typing import Literal

from proxy import signing
from proxy.problems import MISSES_CLOSED, Problem
from proxy.request import Asked, Control
from proxy.signing import SigningKeys

Misses = Literal["open", "signed", "closed"]


def require_making_allowed(misses: Misses, asked: Asked, control: Control, keys: SigningKeys, now: float) -> None:
    """Raises `Problem` (403) where the operator lets nobody, or not this URL, cause a new picture.

    `asked` is what the URL says, before a seed was drawn for it: that is what was signed. `now` is in Unix seconds.
    """
    if misses == "closed":
        raise Problem(MISSES_CLOSED, "this picture is not made yet, and this service makes no new ones")
    if misses == "signed" and (problem := signing.objection(asked, control, keys, now)):
        raise problem
