"""How many new pictures one client may start. Only those that start a flight are counted: not hits, not joiners.

    rate        what the operator sets, and the sliding window that it is counted in
    payers      who pays for a start: the client, its signing key, or the image proxies together
    refusals    how a client over its rate is refused, also from memory
    sqlite      the count in a file, which the processes of one machine share
    redis       the count of several machines together in Redis

A rate is the brake against one client; against all of them together there is the budget.
"""

from datetime import datetime
from typing import Protocol

from promptcdn.problems import Problem
from promptcdn.readers.clients import Client


class Rates(Protocol):
    """How many new pictures one client, and one signing key, may start."""

    async def start(self) -> None:
        """Begins what goes on beside requests, until `close`."""
        ...

    async def charge(self, client: Client, kid: str | None, now: datetime, *, image_proxy: bool = False) -> None:
        """Counts one start, of `client` and of the key that signed the URL; of both or of neither. Asked before a
        flight is started, and not where one is joined.

        `kid` is that of a signature found good. `image_proxy` is what the client claims to be. Raises `Problem` (429).
        """
        ...

    def refusal(self, client: Client, now: datetime, *, image_proxy: bool = False) -> Problem | None:
        """The 429 that `charge` would raise now, where memory alone knows of it. Counts nothing."""
        ...

    async def close(self) -> None: ...


class NoRates:
    """No rate: the operator set `unlimited`, or the generator costs nothing."""

    async def start(self) -> None:
        """There is nothing to begin."""

    async def charge(self, client: Client, kid: str | None, now: datetime, *, image_proxy: bool = False) -> None:
        """Everybody may."""

    def refusal(self, client: Client, now: datetime, *, image_proxy: bool = False) -> Problem | None:
        """Nobody is refused."""

    async def close(self) -> None:
        """Nothing is open."""
