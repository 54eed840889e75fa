"""What a URL orders, once every blank of it is filled in."""

from dataclasses import dataclass
from typing import Self

from promptcdn.url import keys
from promptcdn.url.request import Resolved


@dataclass(frozen=True)
class Order:
    """The whole request, under the key of the URL that asks for it, and the key that names its picture.

    Once the URL is bound, none of the three ever changes again. `content_key` is that of the day of the binding.
    """

    as_asked_key: str
    resolved: Resolved
    content_key: str

    @classmethod
    def of(cls, as_asked_key: str, resolved: Resolved) -> Self:
        """The order that `resolved` is today."""
        return cls(as_asked_key, resolved, keys.content_key(resolved))
