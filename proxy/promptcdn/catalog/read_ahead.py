"""What a read of a stored picture gives, and a read that begins before it is known to be wanted."""

from dataclasses import dataclass

from promptcdn.flights import Flight
from promptcdn.pictures.sizing import Variant
from promptcdn.stores import Record


@dataclass(frozen=True)
class Source:
    """What a read gave: the rendition itself, or if it is not `ready` the master that it is made of."""

    record: Record
    ready: bool


@dataclass(frozen=True)
class Ahead:
    """A read of a picture that began before it was known to be the one that is wanted.

    `since` is the moment of `Forgotten` at which it began; `joined`: another's read, which began earlier.
    """

    content_key: str
    variant: Variant
    encode: bool
    since: int
    flight: Flight[Source | None]
    joined: bool

    def is_of(self, content_key: str, variant: Variant, *, encode: bool) -> bool:
        """Whether it reads just this."""
        return (self.content_key, self.variant, self.encode) == (content_key, variant, encode)
