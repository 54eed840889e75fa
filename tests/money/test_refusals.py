"""Refusals are remembered for as long as they are exact, and for five seconds at the most."""

import pytest

from promptcdn.money.rates.payers import Payer
from promptcdn.money.rates.rate import Rate
from promptcdn.money.rates.refusals import Refusal, Refusals
from promptcdn.readers.clients import Client, TrustedProxies, peer

NOBODY = TrustedProxies()
RATE = Rate(5, "minute")


def whose(address: str) -> Client:
    found = peer(address, NOBODY)
    assert found is not None
    return found


ANN, BOB = whose("192.0.2.1"), whose("192.0.2.2")


def of_client(milliseconds: int, policy: str = "client") -> Refusal:
    return Refusal(Payer(policy, "client 192.0.2.1", RATE), milliseconds)


@pytest.mark.parametrize(
    ("refusal", "asked", "left"),
    [
        (of_client(1500), (ANN, 10_000, False), 1500),
        (of_client(1500), (ANN, 11_499, False), 1),
        (of_client(1500), (ANN, 11_500, False), None),
        (of_client(60_000), (ANN, 14_999, False), 55_001),
        (of_client(60_000), (ANN, 15_000, False), None),
        (of_client(60_000), (ANN, 9_999, False), None),
        (of_client(1500), (BOB, 10_000, False), None),
        (of_client(1500), (ANN, 10_000, True), None),
        (of_client(1500, "kid"), (ANN, 10_000, False), None),
    ],
    ids=["now", "just before", "over", "long", "too long ago", "clock set back", "another", "an image proxy", "a key"],
)
def test_a_refusal_is_believed_while_it_holds(
    refusal: Refusal, asked: tuple[Client, int, bool], left: int | None
) -> None:
    refusals = Refusals()
    refusals.remember(ANN, refusal, 10_000, image_proxy=False)
    client, now, image_proxy = asked

    cached = refusals.of(client, now, image_proxy=image_proxy)

    assert (cached and cached.milliseconds) == left
