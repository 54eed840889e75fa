"""What stands behind and in front: an upstream, a service, an eye on what reaches it, and each cache."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.caches import Nginx, Varnish
from tests.support.origin import Origin
from tests.support.service import Promptcdn
from tests.upstream import Upstream


@dataclass(frozen=True)
class Behind:
    """What stands behind a cache."""

    upstream: Upstream
    service: Promptcdn
    origin: Origin


@pytest.fixture(scope="session")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """One for all tests: each asks for prompts of its own."""
    with (
        Upstream() as upstream,
        Promptcdn(
            tmp_path_factory.mktemp("service"), STABILITY_HOST=upstream.url, PROMPTCDN_BUDGET="unlimited"
        ) as service,
        Origin(service.url) as origin,
    ):
        yield Behind(upstream, service, origin)


@pytest.fixture(scope="session")
def nginx(behind: Behind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("front") / "nginx", behind.origin.address) as front:
        yield front


@pytest.fixture(scope="session")
def varnish(behind: Behind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Varnish]:
    with Varnish(tmp_path_factory.mktemp("front") / "varnish", behind.origin.address) as front:
        yield front


@pytest.fixture(params=["nginx", "varnish"])
def front(request: pytest.FixtureRequest) -> Nginx | Varnish:
    """Each cache in turn."""
    running: Nginx | Varnish = request.getfixturevalue(request.param)
    return running
