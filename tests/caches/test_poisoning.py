"""Nobody decides by a header what others are shown: each attack, on each answer that caches keep, through each cache.

Attackers ask first, as readers do but with something more in the head; then all readers ask for the same URL.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator

import httpx2
import pytest

from tests.caches import stage as stages
from tests.caches.attacks import ATTACKED, ATTACKS, VICTIMS, Attack
from tests.caches.stage import OUTCOMES, Outcome, Shown, Stage
from tests.support.caches import CloudFront, Nginx, Varnish

FRONTS = {"no cache": None, "nginx": Nginx, "varnish": Varnish, "a model of CloudFront": CloudFront}
# What is kept in another way than by Vary needs fewer: one for each way in which answers differ.
OF_CLOUDFRONT = ("seeded", "seeded, format=auto", "seedless, awaited", "too slow", "removed", "503 reset")
PAIRS = [
    pytest.param(front, outcome, id=f"{name}-{outcome.name}")
    for name, front in FRONTS.items()
    for outcome in OUTCOMES
    if front is not CloudFront or outcome.name in OF_CLOUDFRONT
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stages.opened(tmp_path_factory.mktemp("poisoning") / "service") as opened:
        yield opened


@pytest.fixture(scope="module")
def front(request: pytest.FixtureRequest, stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cache; or of the service itself, which remembers things too."""
    if request.param is None:
        yield stage.service.url
        return
    folder = tmp_path_factory.mktemp("front") / "front"
    with request.param(folder, stage.service.url.removeprefix("http://")) as front:
        yield front.url


class Readers:
    """The readers, of one place."""

    def __init__(self, base: str) -> None:
        self._client = httpx2.Client(base_url=base, timeout=60)
        # What attackers send may close a connection at any moment.
        self._attackers = httpx2.Client(base_url=base, timeout=60, limits=httpx2.Limits(max_keepalive_connections=0))

    def sees(self, who: str, method: str, url: str, *, exactly: bool) -> Shown:
        """What one of them is shown."""
        return Shown.of(self._client.request(method, url, headers=list(VICTIMS[who])), exactly=exactly)

    def are_preceded(self, attackers: Iterable[str], attack: Attack, method: str, url: str) -> None:
        """By somebody who asks as each of these does, and says more."""
        for who in attackers:
            head = list(attack.head(VICTIMS[who]))
            with contextlib.suppress(httpx2.TransportError):
                self._attackers.request(attack.method or method, url, headers=head, content=attack.body)

    def close(self) -> None:
        self._client.close()
        self._attackers.close()


@contextlib.contextmanager
def readers(base: str) -> Iterator[Readers]:
    with contextlib.closing(Readers(base)) as opened:
        yield opened


@pytest.mark.parametrize(("front", "outcome"), PAIRS, indirect=["front"])
def test_nobody_decides_by_a_header_what_others_are_shown(front: str, stage: Stage, outcome: Outcome) -> None:
    harmed, method, exactly = [], outcome.method, outcome.exactly
    with outcome.comes_about(stage) as came, readers(front) as here, readers(stage.service.url) as there:
        urls = outcome.urls(stage, came)
        right = {who: first_views(there, who, method, next(urls), exactly) for who in VICTIMS}
        assert {views[0].headers["cache-control"] for views in right.values()} == {outcome.cache_control}
        attackers = [[who] for who in ATTACKED] if outcome.alone else [ATTACKED]
        for (name, attack), who in itertools.product(ATTACKS.items(), attackers):
            url = next(urls)
            here.are_preceded(who, attack, method, url)
            seen = {victim: here.sees(victim, method, url, exactly=exactly) for victim in VICTIMS}
            harmed += [
                f"{name} by {' or '.join(who)}: {victim} sees {shown} instead of {right[victim]}"
                for victim, shown in seen.items()
                if shown not in right[victim]
            ]

    assert not harmed, "\n".join(harmed)


def first_views(readers: Readers, who: str, method: str, url: str, exactly: bool) -> list[Shown]:
    """Two of them: the first view of a URL without a seed is kept a little, and those after it are not."""
    return [readers.sees(who, method, url, exactly=exactly) for _ in range(2)]
