"""Pictures made ahead of their readers: which ones, and the two ways of making them.

lists      the lines of a list
pages      the URLs in documents
here       makes pictures with the settings and the store of this machine
through    has a running service make pictures, over HTTP
looks      what is stored and what is new, before anything is made
running    makes many at once, until the budget is spent or a signal comes
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import typer

if TYPE_CHECKING:
    from promptcdn.cli.documents.paying import Price
    from promptcdn.url.request import Delivery, Request


@dataclass(frozen=True)
class Permalink:
    """What a permalink asks for: a picture that is stored, or none."""

    content_key: str
    delivery: "Delivery"


@dataclass(frozen=True)
class Wanted:
    """A URL whose picture is wanted.

    place   where the URL stands: what is said of it begins with that
    text    what stands there, where the place alone does not tell
    target  the URL from its first slash on
    asks    what it asks for
    """

    place: str
    text: str
    target: str
    asks: "Request | Permalink"

    def tell(self, what: str) -> None:
        """Says on standard error what became of it."""
        tell(self.place, self.text, what)


@dataclass(frozen=True)
class Looked:
    """What there is of a picture before it is made.

    state  as `/info` has it; `missing` for a permalink that has no picture yet
    price  what making it costs
    seed   that of the picture, which is not the URL's own where that has none, or one that changes with the calendar;
           `None` where it is not known
    """

    state: str
    price: "Price"
    seed: int | None = None

    @property
    def is_new(self) -> bool:
        """Whether the picture would be paid for."""
        return self.state == "absent"


@dataclass(frozen=True)
class Picture:
    """One picture with the URLs that show it, each in its format and size."""

    wanted: tuple[Wanted, ...]
    looked: Looked

    @property
    def has_sources(self) -> bool:
        """Whether it is made from other pictures."""
        asks = self.wanted[0].asks
        return not isinstance(asks, Permalink) and bool(asks.asked.sources)


class Refused(Exception):
    """A picture that there is none of, with the code of its problem and the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


# What there is of a picture. Raises `Refused`.
Look = Callable[[Wanted], Awaitable[Looked]]
# Makes a picture in the format and size of one URL: `made`, `there` (it was stored), or `unstored` (it was made, and
# the store does not take it). Raises `Refused`.
Make = Callable[[Wanted, Looked], Awaitable[str]]


class Way(Protocol):
    """A way of making pictures. Its name is said before it is gone."""

    @property
    def name(self) -> str: ...

    @property
    def at_once(self) -> int:
        """How many pictures are asked for at once."""

    def looking(self) -> AbstractAsyncContextManager[Look]: ...

    def making(self) -> AbstractAsyncContextManager[Make]: ...

    def stop(self) -> None:
        """After a signal to stop: what is under way is finished, and nothing is waited for that has not begun."""


def tell(place: str, text: str, what: str) -> None:
    """Says on standard error what is wrong at a place."""
    typer.echo(": ".join(part for part in (place, text, what) if part), err=True)


def note(place: str, what: str) -> None:
    """Says on standard error what may be a mistake at a place."""
    typer.echo(f"note: {place}: {what}", err=True)
