"""Generators: what makes a master. One file each, behind the small Protocol below."""

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
    """A generator as its operator's tools see it."""

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether it could make pictures with `engines`; looks only, and spends nothing."""
        ...

    @property
    def refuses(self) -> str:
        """Why no new picture is made now; empty where they are."""
        ...


class Upstream(InspectedGenerator, Protocol):
    """A generator that is somebody else's service, and may fail as services do: `guarded` takes care of it."""

    async def generate(self, resolved: Resolved, content_key: str, seconds: float | None = None) -> Made:
        """One picture within `seconds`. Raises `UpstreamFailed`."""
        ...
