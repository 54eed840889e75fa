"""How a client over its rate is refused: from memory for a few seconds, so that a flood asks neither file nor Redis."""

from dataclasses import dataclass, replace
from math import ceil

import cachetools

from promptcdn.money.rates.payers import Payer
from promptcdn.problems import RateLimited
from promptcdn.readers.clients import Client

_CLIENTS_CACHED = 10_000
# No longer, since the counter may forget meanwhile: an operator deletes the file, or Redis is emptied.
_CACHED_MS = 5000
_WHO = {"kid": "the key that signed this URL", "api-key": "one API key"}


@dataclass(frozen=True)
class Refusal:
    """Which payer may not start one more now, and in how many milliseconds it may."""

    payer: Payer
    milliseconds: int

    @property
    def seconds(self) -> int:
        """The whole seconds after which the payer surely may."""
        return max(1, ceil(self.milliseconds / 1000))


class Refusals:
    """Refusals of clients, each cached until it is over, and at most for five seconds.

    A cached refusal is exact: starts are only ever added, and the oldest that counts ends when the refusal does.
    """

    def __init__(self) -> None:
        self._last: cachetools.LRUCache[tuple[Client, bool], tuple[Refusal, int]] = cachetools.LRUCache(_CLIENTS_CACHED)

    def remember(self, client: Client, refusal: Refusal, now: int, *, image_proxy: bool) -> None:
        """Caches a refusal of the client; one of a signing key says nothing of the client. `now` in milliseconds."""
        if refusal.payer.policy in ("client", "api-key"):
            self._last[client, image_proxy] = refusal, now

    def refused(self, client: Client, refusal: Refusal, now: int, *, image_proxy: bool) -> RateLimited:
        """The 429 for a refusal, which is cached from now on. `now` in milliseconds."""
        self.remember(client, refusal, now, image_proxy=image_proxy)
        return problem(refusal)

    def problem(self, client: Client, now: int, *, image_proxy: bool) -> RateLimited | None:
        """The 429 for what is left of the client's last refusal. `now` in milliseconds."""
        cached = self.of(client, now, image_proxy=image_proxy)
        return None if cached is None else problem(cached)

    def of(self, client: Client, now: int, *, image_proxy: bool) -> Refusal | None:
        """What is left of the client's last refusal; `None` where it is over, or no longer cached."""
        cached = self._last.get((client, image_proxy))
        if cached is None:
            return None
        refusal, at = cached
        # Earlier than the refusal: the clock was set back.
        if not at <= now < at + min(refusal.milliseconds, _CACHED_MS):
            return None
        return replace(refusal, milliseconds=refusal.milliseconds - (now - at))


def problem(refusal: Refusal) -> RateLimited:
    """The 429."""
    rate = refusal.payer.rate
    who = _WHO.get(refusal.payer.policy, "one client")
    detail = (
        f"{who} may start at most {rate.starts} new pictures per {rate.unit}: try again in {refusal.seconds} s."
        " Pictures that are already stored are still shown"
    )
    policy, quota, window = refusal.payer.policy, rate.starts, rate.seconds
    return RateLimited(detail, policy=policy, quota=quota, window=window, retry_after=refusal.seconds)
