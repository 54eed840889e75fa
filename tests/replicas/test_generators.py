"""Two replicas with a Redis and a bucket, and an upstream of each protocol: one paid call, also over a restart."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from promptcdn.replicas.leases import ENDS
from tests.faults.stage import KINDS_SMALL
from tests.support.buckets import BUCKET, Service
from tests.support.crowd import Crowd, Reply
from tests.support.redis_servers import Server
from tests.support.service import Promptcdn, wait_until_ready
from tests.support.waiting import until
from tests.upstream.kinds import StandIn

# On a busy machine services take their time to start.
pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Pair:
    """What two replicas share; they can be started more than once."""

    kind: str
    folder: Path
    bucket: Service
    redis: Server
    upstream: StandIn

    @contextlib.contextmanager
    def running(self) -> Iterator[list[Promptcdn]]:
        kind, small = KINDS_SMALL[self.kind]
        shared = {
            "PROMPTCDN_REDIS_URL": self.redis.url,
            "PROMPTCDN_STORE": f"s3://{BUCKET}/{self.folder.name}",
            "PROMPTCDN_WAIT": "100",
            **self.bucket.environment,
        }
        with contextlib.ExitStack() as stack:
            each = []
            for number in range(2):
                folder = self.folder / f"replica-{number}"
                settings = {**kind.settings(self.upstream, folder), **small, **shared, "PROMPTCDN_BUDGET": "1000/day"}
                each.append(stack.enter_context(Promptcdn(folder, **settings)))
            wait_until_ready(*each)
            yield each

    @property
    def paid(self) -> int:
        return len(self.upstream.ledger.calls())


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path, bucket: Service) -> Iterator[Pair]:
    with Server(tmp_path) as redis, KINDS_SMALL[request.param][0].start() as upstream:
        yield Pair(request.param, tmp_path, bucket, redis, upstream)


def lasting(service: Promptcdn, url: str) -> Reply:
    """The answer as soon as the store has the picture: until then the other replica refuses to pay for it again."""
    replies: list[Reply] = []

    def is_stored() -> bool:
        replies[:] = Crowd(service.url).answers([url])
        assert replies[0].status == 200 or replies[0].code == "store_unavailable", replies[0].code
        return replies[0].for_ever

    until(is_stored)
    return replies[0]


@pytest.mark.parametrize("pair", KINDS_SMALL, indirect=True)
def test_two_replicas_pay_for_one_picture(pair: Pair) -> None:
    """And two new ones find it."""
    url = "/?prompt=shared&seed=7"
    with pair.running() as (one, other), ThreadPoolExecutor(2) as clients:
        pair.upstream.hold()
        started = clients.submit(lasting, one, url)
        pair.upstream.wait_for_calls(1)
        joined = clients.submit(lasting, other, url)
        until(lambda: pair.redis.client.pubsub_numsub(ENDS)[0][1] == 1)
        pair.upstream.release()
        first = started.result()

        assert joined.result().body == first.body
        assert pair.paid == 1
    with pair.running() as again:
        assert [lasting(service, url).body for service in again] == [first.body] * 2
    assert pair.paid == 1


@pytest.mark.parametrize("pair", KINDS_SMALL, indirect=True)
def test_two_replicas_pay_once_for_a_picture_that_is_no_good(pair: Pair) -> None:
    assert told(pair, "wrong_size") == {(502, "upstream_garbled")}
    assert pair.paid == 1


@pytest.mark.parametrize("pair", ["grpc", "rest", "openai"], indirect=True)
def test_two_replicas_pay_once_for_what_is_filtered(pair: Pair) -> None:
    """And two new ones do not pay for it either."""
    assert told(pair, "filter") == {(403, "filtered")}
    assert told(pair, "filter") == {(403, "filtered")}
    assert pair.paid == 1


def told(pair: Pair, fault: str) -> set[tuple[int, str]]:
    """What replicas that start now say of a picture with that fault: each is asked twice, both at once."""
    url = f"/?prompt={quote_plus(f'fault:{fault}')}&seed=7"
    with pair.running() as each, ThreadPoolExecutor(2) as clients:
        answers = [answer for _ in range(2) for answer in clients.map(lambda service: service.get(url), each)]
    return {(answer.status_code, answer.json()["code"]) for answer in answers}
