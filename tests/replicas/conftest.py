"""Three real services that share a bucket, a Redis and an upstream, and nothing else."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.buckets import BUCKET, Service, moto
from tests.faults.stage import small
from tests.redises import Server
from tests.running import Promptcdn, held_port
from tests.upstream import Upstream

COUNT = 3


@dataclass(frozen=True)
class Replicas:
    """The services, and what they share."""

    each: tuple[Promptcdn, ...]
    redis: Server
    upstream: Upstream


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with moto(tmp_path_factory.mktemp("moto")) as service:
        yield service


@pytest.fixture
def replicas(tmp_path: Path, bucket: Service) -> Iterator[Replicas]:
    with contextlib.ExitStack() as stack:
        redis, upstream = stack.enter_context(Server(tmp_path)), stack.enter_context(Upstream())
        shared = {
            "PROMPTCDN_REDIS_URL": redis.url,
            "PROMPTCDN_STORE": f"s3://{BUCKET}/{tmp_path.name}",
            **bucket.environment,
        }
        each = (
            small(tmp_path / f"replica-{number}", upstream, PORT=stack.enter_context(held_port()), **shared)
            for number in range(COUNT)
        )
        yield Replicas(tuple(stack.enter_context(service) for service in each), redis, upstream)
