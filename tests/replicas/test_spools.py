"""What one replica has paid for and cannot store is not paid for by another."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.stage import paid, small
from tests.support.buckets import BUCKET, Service, environment
from tests.support.redis_servers import Server
from tests.support.service import Promptcdn
from tests.support.tcp_faults import FaultyTcp
from tests.support.waiting import until
from tests.upstream import Upstream

URL = "/?prompt=cut+off&seed=1"
REFUSED = "/?prompt=fault:filter&seed=1"


@pytest.fixture
def way(bucket: Service) -> Iterator[FaultyTcp]:
    """That one of two replicas goes to the bucket by."""
    with FaultyTcp(bucket.port) as way:
        yield way


@pytest.fixture
def pair(tmp_path: Path, bucket: Service, way: FaultyTcp, upstream: Upstream) -> Iterator[tuple[Promptcdn, Promptcdn]]:
    """The one that goes that way, and the other."""
    with Server(tmp_path) as redis:
        shared = {"PROMPTCDN_REDIS_URL": redis.url, "PROMPTCDN_STORE": f"s3://{BUCKET}/{tmp_path.name}"}
        by_the_way = environment(f"http://127.0.0.1:{way.port}")
        one = small(tmp_path / "one", upstream, **shared, **by_the_way)
        other = small(tmp_path / "other", upstream, **shared, **bucket.environment)
        with one, other:
            yield one, other


@pytest.mark.parametrize("url", [URL, REFUSED])
def test_what_waits_at_one_replica_is_paid_for_by_no_other(
    pair: tuple[Promptcdn, Promptcdn], way: FaultyTcp, upstream: Upstream, url: str
) -> None:
    """What waits for the store at one replica is paid for by no other."""
    one, other = pair
    upstream.hold()
    with ThreadPoolExecutor(2) as askers:
        first = askers.submit(one.get, url)
        upstream.wait_for_calls(1)
        way.commit("refuse")
        upstream.release()
        first_answer = first.result()
    refusal = other.get(url)

    assert (refusal.status_code, refusal.json()["code"], refusal.headers["retry-after"]) == (
        503,
        "store_unavailable",
        "5",
    )
    assert "another replica" in refusal.json()["detail"]

    way.heal()
    until(lambda: other.get(url).status_code == first_answer.status_code != 503)
    assert other.get(url).content == one.get(url).content
    assert list(paid(upstream).values()) == [1]
