"""What an operator offers, as tests say it."""

from typing import Any

from promptcdn.url.engines import ANY, Family
from promptcdn.url.resolving import Defaults, Offered


def offers(generator: str, *engines: str, families: tuple[Family, ...] = (ANY,), **defaults: Any) -> Defaults:
    """The defaults of an operator who offers these engines of one generator; the first is the default one."""
    offered = tuple(Offered(generator, engine) for engine in engines)
    return Defaults(offered, {generator: families}, **defaults)
