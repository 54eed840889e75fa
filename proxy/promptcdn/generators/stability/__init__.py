"""The `stability` generator: pictures from Stability AI, or from any server that speaks one of its protocols.

    rest/      the REST API (v2beta), which the hosted service speaks
    grpc/      the gRPC protocol, which self-hosted servers speak
    timings    how long the upstream is waited for
    access     what to check where the upstream denies access

The scheme of STABILITY_HOST says which protocol is spoken. Importing this module is cheap: the libraries of a protocol
come in when a `Stability` is made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, InspectedGenerator, Made, Sources
from promptcdn.generators.declaration import Declaration, Given
from promptcdn.generators.stability.access import ACCESS
from promptcdn.generators.stability.grpc import engines as grpc_engines
from promptcdn.generators.stability.grpc import prices as grpc_prices
from promptcdn.generators.stability.rest import engines as rest_engines
from promptcdn.generators.stability.rest import prices as rest_prices
from promptcdn.generators.stability.timings import TIMINGS, Timings
from promptcdn.url.request import Resolved

if TYPE_CHECKING:  # late: grpc takes 0.2 s and 30 MB of those who pay
    from promptcdn.generators.stability.grpc.client import Client as GrpcClient
    from promptcdn.generators.stability.rest.client import Client as RestClient

DEFAULT_HOST = "https://api.stability.ai"


class Stability:
    """Makes pictures over REST, or over gRPC with the SDK's messages and never with its client (docs/stability.md).

    `host` is text as in STABILITY_HOST. Raises `ValueError` where host or key cannot be right, `SdkMissing` where gRPC
    is spoken and stability-sdk is not installed.
    """

    refuses = ""

    def __init__(self, host: str = DEFAULT_HOST, key: str | None = None, timings: Timings = TIMINGS) -> None:
        _check(key)
        self._client, self._where = _connected(host, key, timings)
        self._timings = timings

    @property
    def name(self) -> str:
        return DECLARATION.name

    @property
    def paid(self) -> bool:
        return DECLARATION.paid

    def __repr__(self) -> str:
        return f"Stability({self._where})"

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


def speaks_rest(host: str) -> bool:
    """Whether the value of STABILITY_HOST means the REST API: no value does, too, and a host without a scheme not."""
    return not host.strip() or host.strip().lower().startswith(("https://", "http://"))


def _connected(host: str, key: str | None, timings: Timings) -> "tuple[RestClient | GrpcClient, str]":
    """The client for the protocol that `host` names, and where it leads."""
    if speaks_rest(host):
        from promptcdn.generators.http import address as base_url
        from promptcdn.generators.stability.rest.client import Client

        where = base_url(host, "STABILITY_HOST")
        return Client(where, key, timings), str(where)
    from promptcdn.generators.stability.grpc.address import address
    from promptcdn.generators.stability.grpc.client import Client as GrpcClient

    target = address(host)
    return GrpcClient(target, key, timings), f"{target.target!r}, tls={target.tls}"


def _check(key: str | None) -> None:
    # grpc refuses such a header itself, with an error that quotes it: the key would be in the log.
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError(
            "STABILITY_KEY holds white space or characters that no header carries (is there a line break?)"
        )


def _opened(given: Given) -> InspectedGenerator:
    from promptcdn.generators.care.guarded import Guarded  # late, like the clients

    key, host = (given.settings[name] for name in DECLARATION.settings)
    upstream = Stability(host or DEFAULT_HOST, key or None)
    return Guarded(upstream, given.seconds, breaker=given.breaker, access=ACCESS)


def _declared(settings: Mapping[str, str]) -> Declaration:
    """The engines of the protocol that STABILITY_HOST names."""
    rest = speaks_rest(settings["stability_host"])
    return replace(
        DECLARATION,
        engine=rest_engines.DEFAULT if rest else grpc_engines.DEFAULT,
        known=rest_engines.KNOWN if rest else grpc_engines.KNOWN,
        engines=rest_engines.FAMILIES if rest else grpc_engines.FAMILIES,
        prices=rest_prices.PRICES if rest else grpc_prices.PRICES,
    )


# Orders of before STABILITY_HOST was changed are of an engine of the other protocol: here are the engines of both.
DECLARATION = Declaration(
    name="stability",
    opened=_opened,
    engine=rest_engines.DEFAULT,
    known=(*rest_engines.KNOWN, *grpc_engines.KNOWN),
    engines=(*rest_engines.FAMILIES, *grpc_engines.FAMILIES),
    prices=(*rest_prices.PRICES, *grpc_prices.PRICES),
    settings=("stability_key", "stability_host"),
    auto=True,
    by_settings=_declared,
)
