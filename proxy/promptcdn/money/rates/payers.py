"""Who pays for the start of one new picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptcdn.money.rates.rate import Rate
from promptcdn.readers.clients import Client

# All image proxies together may start this many times the rate beyond it (docs/decisions/0010).
POT = 10


@dataclass(frozen=True)
class Payer:
    """Whose starts are counted, and up to which rate: `policy` is its name in headers, `name` that in the counter."""

    policy: str
    name: str
    rate: Rate


# Lines of payers. In each line one pays: the first who may start one more.
Bill = Sequence[Sequence[Payer]]


def bill(rate: Rate, client: Client, kid: str | None, *, image_proxy: bool) -> Bill:
    """Who pays for one start."""
    one_of = [Payer("client" if client.api_key is None else "api-key", f"client {client}", rate)]
    if image_proxy:
        one_of.append(Payer("image-proxies", "image proxies", replace(rate, starts=POT * rate.starts)))
    return [one_of] if kid is None else [one_of, [Payer("kid", f"kid {kid}", rate)]]
