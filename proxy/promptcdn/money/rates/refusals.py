"""Who was found over their rate a moment ago: a flood of refusals asks neither a file nor Redis."""

from dataclasses import dataclass, replace
from math import ceil

import cachetools

from promptcdn import problems
from promptcdn.money.rates.payers import Payer
from promptcdn.readers.clients import Client

_REMEMBERED = 10_000
# What is counted may be forgotten by somebody else: an operator who deletes the file, a Redis that is emptied.
_BELIEVED_MS = 5000


@dataclass(frozen=True)
class Refusal:
    """Who may not start now, and in how many milliseconds they may."""

    payer: Payer
    milliseconds: int

    @property
    def seconds(self) -> int:
        """The whole seconds after which they surely may."""
        return max(1, ceil(self.milliseconds / 1000))


class Refusals:
    """Refusals of clients, each believed until it is over, and for five seconds at the most.

    It is exact meanwhile: starts are only ever added, and the oldest that counts ends when the refusal does.
    """

    def __init__(self) -> None:
        self._last: cachetools.LRUCache[tuple[Client, bool], tuple[Refusal, int]] = cachetools.LRUCache(_REMEMBERED)

    def remember(self, client: Client, refusal: Refusal, now: int, *, image_proxy: bool) -> None:
        """`now` in milliseconds. What the key of a URL may start is nothing to know of a client."""
        if refusal.payer.policy == "client":
            self._last[client, image_proxy] = refusal, now

    def of(self, client: Client, now: int, *, image_proxy: bool) -> Refusal | None:
        """What is left of the last one."""
        known = self._last.get((client, image_proxy))
        if known is None:
            return None
        refusal, at = known
        # Before it: the clock was set back.
        if not at <= now < at + min(refusal.milliseconds, _BELIEVED_MS):
            return None
        return replace(refusal, milliseconds=refusal.milliseconds - (now - at))


def problem(refusal: Refusal) -> problems.Problem:
    """The 429."""
    rate = refusal.payer.rate
    who = "the key that signed this URL" if refusal.payer.policy == "kid" else "one client"
    detail = (
        f"{who} may start at most {rate.starts} new pictures per {rate.unit}: try again in {refusal.seconds} s."
        " Pictures that are already stored are still shown"
    )
    policy, quota, window = refusal.payer.policy, rate.starts, rate.seconds
    return problems.RateLimited(detail, policy=policy, quota=quota, window=window, retry_after=refusal.seconds)
