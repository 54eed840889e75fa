"""Three real services that share a bucket, a Redis and an upstream, and nothing else."""

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.stage import small
from tests.support.buckets import BUCKET, Service, moto
from tests.support.crowd import Crowd, Reply
from tests.support.ports import held_port
from tests.support.redis_servers import Server
from tests.support.service import Promptcdn
from tests.upstream import Upstream

COUNT = 3


@dataclass(frozen=True)
class Replicas:
    """The services, and what they share."""

    each: tuple[Promptcdn, ...]
    redis: Server
    upstream: Upstream


def misses(prompt: str, count: int) -> list[str]:
    """URLs of so many new pictures."""
    return [f"/?prompt={prompt}&seed={seed}" for seed in range(count)]


def asked_together(shares: Sequence[tuple[Promptcdn, Sequence[str]]]) -> list[Reply | None]:
    """What each service answers to its share, all asked at the same time; `None` for a connection that broke."""
    with ThreadPoolExecutor(len(shares)) as crowds:
        asked = [crowds.submit(Crowd(service.url).ask, urls) for service, urls in shares]
        return [reply for crowd in asked for reply in crowd.result()]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with moto(tmp_path_factory.mktemp("moto")) as service:
        yield service


@contextlib.contextmanager
def running(folder: Path, bucket: Service, **settings: object) -> Iterator[Replicas]:
    """Replicas with these settings, and the bucket's part that `folder` names."""
    with contextlib.ExitStack() as stack:
        redis, upstream = stack.enter_context(Server(folder)), stack.enter_context(Upstream())
        shared = {
            "PROMPTCDN_REDIS_URL": redis.url,
            "PROMPTCDN_STORE": f"s3://{BUCKET}/{folder.name}",
            **bucket.environment,
            **settings,
        }
        each = (
            small(folder / f"replica-{number}", upstream, PORT=stack.enter_context(held_port()), **shared)
            for number in range(COUNT)
        )
        yield Replicas(tuple(stack.enter_context(service) for service in each), redis, upstream)


@pytest.fixture
def replicas(tmp_path: Path, bucket: Service) -> Iterator[Replicas]:
    # On a busy machine hundreds of readers of three services and their bucket may wait longer than by default.
    with running(tmp_path, bucket, PROMPTCDN_WAIT=100) as each:
        yield each
