"""The `stability` generator: pictures from Stability AI, or from any server that speaks its gRPC protocol.

    grpc/      the protocol: one call, and what `doctor` asks without spending
    timings    how long the upstream is waited for

Importing this module is cheap: grpc and the SDK come in when a `Stability` is made.
"""

from collections.abc import Sequence

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, InspectedGenerator, Made, Sources
from promptcdn.generators.declaration import Declaration, Given
from promptcdn.generators.stability.grpc import engines
from promptcdn.generators.stability.grpc.address import DEFAULT_HOST, address
from promptcdn.generators.stability.grpc.prices import PRICES
from promptcdn.generators.stability.timings import TIMINGS, Timings
from promptcdn.url.request import Resolved


class Stability:
    """Makes pictures over gRPC, with the SDK's messages and never with its client (docs/stability.md says why).

    `host` is text as in STABILITY_HOST.
    Raises `ValueError` where host or key cannot be right, `SdkMissing` where stability-sdk is not installed.
    """

    refuses = ""

    def __init__(self, host: str = DEFAULT_HOST, key: str | None = None, timings: Timings = TIMINGS) -> None:
        where = address(host)
        _check(key)
        from promptcdn.generators.stability.grpc.client import Client  # late: 0.2 s and 30 MB, for those who pay

        self._where = where
        self._client = Client(where, key, timings)
        self._timings = timings

    @property
    def name(self) -> str:
        return DECLARATION.name

    @property
    def paid(self) -> bool:
        return DECLARATION.paid

    def __repr__(self) -> str:
        return f"Stability({self._where.target!r}, tls={self._where.tls})"

    async def generate(
        self, resolved: Resolved, content_key: str, seconds: float | None = None, *, sources: Sources = NO_SOURCES
    ) -> Made:
        """One picture, within `seconds`. Raises `UpstreamFailed`; what the upstream's filter refused is a `Made` too.

        The first call binds the generator to the running event loop.
        """
        seconds = self._timings.picture if seconds is None else seconds
        return await self._client.generate(resolved, content_key, seconds, sources)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether the upstream is there, has `engines`, and what is left on the account."""
        return await self._client.checks(engines)

    async def close(self) -> None:
        """Closes the connection; where a call is still under way, as soon as that ends."""
        await self._client.close()


def _check(key: str | None) -> None:
    # grpc refuses such a header itself, with an error that quotes it: the key would be in the log.
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError(
            "STABILITY_KEY holds white space or characters that no header carries (is there a line break?)"
        )


def _opened(given: Given) -> InspectedGenerator:
    from promptcdn.generators.care.guarded import Guarded  # late, like the client

    key, host = (given.settings[name] for name in DECLARATION.settings)
    upstream = Stability(host or DEFAULT_HOST, key or None)
    return Guarded(upstream, given.seconds, breaker=given.breaker, key_setting="STABILITY_KEY")


DECLARATION = Declaration(
    name="stability",
    opened=_opened,
    engine=engines.DEFAULT,
    known=engines.KNOWN,
    engines=engines.FAMILIES,
    prices=PRICES,
    settings=("stability_key", "stability_host"),
    auto=True,
)
