"""Generators: what makes masters.

Each is a file or a folder here, with a class that has what `InspectedGenerator` has, a `DECLARATION` (`declaration`),
and a line in `registry`. docs/architecture.md says how one is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from promptcdn.checks import Check
from promptcdn.url.request import Resolved


@dataclass(frozen=True)
class Made:
    """What a generator answered: the picture's file, and what its validation has to know.

    `seed_echo` is the seed that the upstream says it used; 0 says nothing (older servers never fill it in).
    """

    picture: bytes
    seed_sent: int
    seed_echo: int = 0
    filtered: bool = False


class Generator(Protocol):
    """Makes pictures. `paid` says whether each call costs money; `name` is in every content key."""

    @property
    def name(self) -> str: ...

    @property
    def paid(self) -> bool: ...

    async def generate(self, resolved: Resolved, content_key: str) -> Made:
        """One picture, within the generator's own deadline. Raises `UpstreamFailed`."""
        ...

    async def close(self) -> None: ...


class InspectedGenerator(Generator, Protocol):
    """A generator that also says how it is: for `doctor`, `/readyz` and metrics."""

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether pictures could be made with `engines`; looks only, and spends nothing."""
        ...

    @property
    def refuses(self) -> str:
        """Why no new pictures are made now; empty while they are made."""
        ...


class Upstream(InspectedGenerator, Protocol):
    """A generator that is somebody else's service. `care.guarded` retries its calls, and stops while it fails."""

    async def generate(self, resolved: Resolved, content_key: str, seconds: float | None = None) -> Made:
        """One picture within `seconds`. Raises `UpstreamFailed`."""
        ...
