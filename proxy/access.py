"""Who may cause a new picture, and of what. What is stored is everybody's, always."""

from typing import Literal, Protocol

from proxy.problems import DENIED, MISSES_CLOSED, Problem

Misses = Literal["open", "closed"]


class Denies(Protocol):
    """The operator's list of what is not to be made."""

    def denied(self, *texts: str) -> str | None:
        """The rule that one of the texts breaks."""


def require_making_allowed(misses: Misses) -> None:
    """Raises `Problem` (403) where the operator lets nobody cause new pictures."""
    if misses == "closed":
        raise Problem(MISSES_CLOSED, "this picture is not made yet, and this service makes no new ones")


def require_prompt_allowed(list_: Denies, prompt: str) -> None:
    """Raises `Problem` (403) where the operator's list denies the prompt; by which rule is not the client's to know."""
    if list_.denied(prompt) is not None:
        raise Problem(DENIED, "the operator of this service does not allow this prompt", parameter="prompt")
