"""Who may cause a new picture. What is stored is everybody's, always."""

from typing import Literal

from proxy.problems import MISSES_CLOSED, Problem

Misses = Literal["open", "closed"]


def require_making_allowed(misses: Misses) -> None:
    """Raises `Problem` (403) where the operator lets nobody cause new pictures."""
    if misses == "closed":
        raise Problem(MISSES_CLOSED, "this picture is not made yet, and this service makes no new ones")
