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


@dataclass(frozen=True)
class Sources:
    """The files of the pictures that a new one is made from, as PNG without transparency; none for one from text alone.

    init  the picture to start from, in the size of the new one; with `upscale` in its own size
    mask  in the size of the new one and in shades of grey: white where init may change, black where it stays
    marks  of the pictures as they are stored; `None` of one that has none
    """

    init: bytes | None = None
    mask: bytes | None = None
    marks: tuple[str | None, ...] = ()


NO_SOURCES = Sources()


class Generator(Protocol):
    """Makes pictures. `paid` says whether each call costs money; `name` is in every content key."""

    @property
    def name(self) -> str: ...

    @property
    def paid(self) -> bool: ...

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        """One picture, within the generator's own deadline. Raises `UpstreamFailed`.

        `sources` has the files of `resolved.sources`: those that the engine declares to understand, else none.
        """
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

    async def generate(
        self, resolved: Resolved, content_key: str, seconds: float | None = None, *, sources: Sources = NO_SOURCES
    ) -> Made:
        """One picture within `seconds`. Raises `UpstreamFailed`."""
        ...
